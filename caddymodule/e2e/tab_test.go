package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// tab is one of Chromium's.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// ask evaluates JavaScript in the page and returns its value.
func ask[T any](b tab, expression string) T {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %s", err, expression)
	}
	return got
}

// picture saves the page in the directory that SESAME_SCREENSHOTS names.
func (b tab) picture(name string, width int64) {
	b.t.Helper()
	dir := os.Getenv("SESAME_SCREENSHOTS")
	if dir == "" {
		return
	}
	steps(b.t, b.ctx, "resizing", chromedp.EmulateViewport(width, 700))
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%d.png", name, width)), picture, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
	steps(b.t, b.ctx, "resizing", chromedp.EmulateViewport(1280, 900))
}

// axeRun asks for the rules of WCAG 2.2 at levels A and AA.
const axeRun = `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] })
	.then((r) => r.passes.length < 10 ? ["only " + r.passes.length + " rules were applied"] : r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ")))`

// checkAxe lets axe-core look at the page.
func (b tab) checkAxe() {
	b.t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "ui", "testdata", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		b.t.Fatal("the browser tests need axe-core, which is not in this repository: run npm ci --ignore-scripts in ui/testdata/axe, or make test, which does so")
	}
	steps(b.t, b.ctx, "loading axe", chromedp.Evaluate[chromedp.Void](strings.TrimSpace(string(source))))
	if found := ask[[]string](b, axeRun); len(found) > 0 {
		title, _ := text(b.t, b.ctx)
		b.t.Errorf("%s: axe finds %v", title, found)
	}
}
