package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// chromium is a real browser, for what no other client can play: the ceremonies of
// passkeys, with authenticators that its DevTools make.
type chromium struct {
	t   *testing.T
	ctx context.Context
}

// chromiumTime bounds one test's use of the browser.
const chromiumTime = 4 * time.Minute

func newChromium(t *testing.T) *chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if errors.Is(err, exec.ErrNotFound) {
		path, err = exec.LookPath("google-chrome")
	}
	if err != nil {
		t.Fatal("passkeys are played in Chromium, and there is none in the PATH: install it (apt-get install chromium) and run the test again")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // Chromium refuses its sandbox to root; it shows nothing but our own pages here
		chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "fr-FR"),
		chromedp.Flag("accept-lang", "fr-FR"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), chromiumTime)
	t.Cleanup(cancel)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancelAllocator)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	c := &chromium{t, ctx}
	c.open("about:blank")
	return c
}

func (c *chromium) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *chromium) open(address string) {
	c.t.Helper()
	c.must(chromedp.Do(c.ctx, chromedp.Navigate(address)))
}

// always has a script run in every page before its own.
func (c *chromium) always(script string) {
	c.t.Helper()
	_, err := chromedp.Call(c.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	c.must(err)
}

// eval evaluates an expression in the page, and waits for the promise that it is.
func eval[T any](c *chromium, expression string) T {
	c.t.Helper()
	value, err := chromedp.Run(c.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		c.t.Fatalf("%v\nin %s", err, expression)
	}
	return value
}

// until waits for an expression to hold, over whatever pages come: the browser
// waits, a little at a time.
func (c *chromium) until(expression string) {
	c.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		wait := fmt.Sprintf("new Promise((done) => setTimeout(() => done(Boolean(%s)), 20))", expression)
		held, err := chromedp.Run(c.ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if err == nil && held {
			return
		}
		if c.ctx.Err() != nil {
			c.t.Fatal(c.ctx.Err()) // an error alone is a page that is left
		}
	}
	c.t.Fatalf("%s does not come to hold; the browser is at %s:\n%s", expression, eval[string](c, "location.href"), eval[string](c, "document.body.innerText"))
}

// says waits until the page shows a text.
func (c *chromium) says(text string) {
	c.t.Helper()
	c.until(fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.replaceAll(/\s+/g, " ").includes(%q)`, text))
}

// fill types into the fields of the page's form, once it is there, and sends it.
func (c *chromium) fill(fields ...string) {
	c.t.Helper()
	c.until(fmt.Sprintf(`document.readyState === "complete" && document.querySelector("input[name=%s]")`, fields[0]))
	var script strings.Builder
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&script, "document.querySelector('input[name=%s]').value = %q;", fields[i], fields[i+1])
	}
	eval[any](c, script.String()+"document.querySelector('form').requestSubmit(); null")
}

// press presses a button, by its words.
func (c *chromium) press(words string) {
	c.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("button")].find((b) => !b.hidden && b.innerText === %q)`, words)
	c.until(find)
	eval[any](c, find+".click(); null")
}

// forget is another browser: it has no cookie.
func (c *chromium) forget() {
	c.t.Helper()
	_, err := chromedp.Call(c.ctx, network.ClearBrowserCookies, struct{}{})
	c.must(err)
}
