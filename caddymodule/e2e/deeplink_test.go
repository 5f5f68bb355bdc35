package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestDeepLinkInABrowser: what stands behind "#" is never sent to a server, and
// comes back all the same, also where the person changes the language and errs
// once, and where they are logged in already.
func TestDeepLinkInABrowser(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	ctx := chrome(t)
	deep := s.notes("/app?classe=6B&devoir=12#/eleves/12?onglet=notes&tri=nom")
	at := func(what, want string) {
		t.Helper()
		if got, err := chromedp.Run(ctx, chromedp.Location()); err != nil || got != want {
			t.Fatalf("%s: at %s, not at %s (%v)", what, got, want, err)
		}
	}
	submit := loaded(chromedp.Click(css("form[method=post] button[type=submit]")))
	field := func(want string) {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Value(css("[name=target]")))
		if err != nil || got != want {
			t.Fatalf("the form would lead to %q, not to %q (%v)", got, want, err)
		}
	}
	steps(t, ctx, "opening the address", chromedp.Navigate(deep), chromedp.WaitVisible(css("[name=passcode]")))
	field(deep)
	steps(t, ctx, "changing the language", loaded(chromedp.Click(css("a[hreflang]"))), chromedp.WaitVisible(css("[name=passcode]")))
	field(deep)
	steps(t, ctx, "erring", chromedp.SendKeys(css("[name=passcode]"), "12"), submit, chromedp.WaitVisible(css("[aria-invalid=true]")))
	field(deep)
	steps(t, ctx, "logging in", chromedp.SendKeys(css("[name=identifier]"), "jdupont"), chromedp.SendKeys(css("[name=passcode]"), pin+h.next()), submit, chromedp.WaitReady(css("pre")))
	at("logged in", deep)

	steps(t, ctx, "losing that host's session", chromedp.Navigate(s.autre("/")), chromedp.WaitReady(css("main")),
		chromedp.Navigate(strings.Replace(deep, "notes.localhost", "autre.localhost", 1)), chromedp.WaitReady(css("main")))
	at("closed to this person", strings.Replace(deep, "notes.localhost", "autre.localhost", 1))
	steps(t, ctx, "logging out", chromedp.Navigate(s.portal("/.sesame/logout")), chromedp.WaitReady(css("form[method=post]")), submit)
	for _, fragment := range []string{"#" + strings.Repeat("a", 2048), "#a\\b", "#"} {
		steps(t, ctx, "a fragment that the gate does not take", chromedp.Navigate("about:blank"),
			chromedp.Navigate(s.notes("/x")+fragment), chromedp.WaitVisible(css("[name=passcode]")))
		field(s.notes("/x"))
	}
}
