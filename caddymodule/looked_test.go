package caddymodule

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// pageMark stands in every page of the gate, and in no application's.
const pageMark = `<main id="main" class="main main-`

var pageTitle = regexp.MustCompile(`<title>([^<]*)</title>`)

// goldenTitles are the titles of all states of all pages that ui's tests know, and
// show to the browser and its checker of accessibility: each page has one of its
// own, and so has each of its notices.
var goldenTitles = sync.OnceValue(func() map[string]bool {
	titles := make(map[string]bool)
	files, _ := filepath.Glob(filepath.Join("..", "ui", "testdata", "golden", "*.html"))
	for _, name := range files {
		page, err := os.ReadFile(name)
		if m := pageTitle.FindSubmatch(page); err == nil && m != nil {
			titles[string(m[1])] = true
		}
	}
	return titles
})

// wantLookedAt fails when a page of the gate, in an answer that a test has met, is
// none that is looked at in the browser: the list of states lacks it.
func wantLookedAt(t testing.TB, body string) {
	t.Helper()
	if !strings.Contains(body, pageMark) {
		return
	}
	m := pageTitle.FindStringSubmatch(body)
	if m == nil || !goldenTitles()[m[1]] {
		t.Errorf("no state of ui shows the page %q: one is to be added, so that the browser looks at it", html.UnescapeString(strings.Join(m, " ")))
	}
}

// The guard must see what it guards against.
func TestEveryPageIsLookedAt(t *testing.T) {
	if n := len(goldenTitles()); n < 100 {
		t.Fatalf("only %d titles are known", n)
	}
	if goldenTitles()["Sésame"] || !goldenTitles()["Connexion – Sésame"] {
		t.Error("the titles are not those of pages")
	}
	a := newBrowser(t).open(startGate(t, "", "").at("portail", "/"))
	if m := pageTitle.FindStringSubmatch(a.body); m == nil || m[1] != "Connexion – Sésame" || !strings.Contains(a.body, pageMark) {
		t.Errorf("the login is not recognised as a page of the gate: %v", m)
	}
}
