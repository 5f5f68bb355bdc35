package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// strictPages is an application under the strictest policy that lets the script
// of the warning work, in French or English; /injected does not include it.
func strictPages(w http.ResponseWriter, r *http.Request) {
	lang := "fr"
	if r.URL.Query().Has("en") {
		lang = "en-GB"
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'")
	script := `<script src="/.sesame/session.js" defer></script>`
	switch r.URL.Path {
	case "/injected":
		script = ""
	case "/forbidding":
		h.Set("Content-Security-Policy", "default-src 'none'")
	case "/frames":
		script += `<iframe src="/inner" title="inner"></iframe>`
	}
	fmt.Fprintf(w, `<!doctype html><html lang="%s"><head><title>page</title>%s</head><body><main><h1>Page</h1><p><label for="field">Nom</label> <input id="field" autofocus></p></main></body></html>`, lang, script)
}

// The JavaScript of the tests: the dialog of the warning, or null.
const (
	warningDialog = `[...document.querySelectorAll("div")].map((e) => e.shadowRoot && e.shadowRoot.querySelector("dialog")).find(Boolean) || null`
	watchPolicy   = `window.refused = []; addEventListener("securitypolicyviolation", (e) => window.refused.push(e.violatedDirective));`
)

// look has the script ask anew, as when the tab comes to the front, and waits
// until the dialog says something.
func (w *warning) look(says string) {
	w.t.Helper()
	steps(w.t, w.ctx, "waiting for "+says, chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
	until := fmt.Sprintf(`new Promise((done) => { const look = () => {
		const d = %s;
		d && d.open && d.textContent.includes(%q) ? done() : setTimeout(look, 20);
	}; look(); })`, warningDialog, says)
	steps(w.t, w.ctx, "waiting for "+says, chromedp.Evaluate[chromedp.Void](until, chromedp.EvalAwaitPromise))
}

// closed waits until there is no open dialog, after what the script has to ask.
func (w *warning) closed() {
	w.t.Helper()
	until := fmt.Sprintf(`new Promise((done) => { const look = () => {
		const d = %s;
		d && d.open ? setTimeout(look, 20) : done();
	}; look(); })`, warningDialog)
	steps(w.t, w.ctx, "waiting for the dialog to close", chromedp.Evaluate[chromedp.Void](until, chromedp.EvalAwaitPromise))
}

// left is how long the session lasts, in seconds.
func (w *warning) left() float64 {
	w.t.Helper()
	return ask[float64](w.tab, `fetch("/.sesame/session").then((a) => a.json()).then((s) => s.seconds_left)`)
}

const (
	extendButton = `(` + warningDialog + `).querySelectorAll("button")[0]`
	// told is what a screen reader is told while the dialog stands there.
	told = `(` + warningDialog + `).querySelector("[role=status]").textContent`
	// focused is what has the focus, in the dialog or in the page.
	focused = `(() => { const d = ` + warningDialog + `; const e = d && d.getRootNode().activeElement || document.activeElement; return e.id || e.textContent; })()`
)

// warning is Chromium in front of an application whose clock is moved.
type warning struct {
	tab
	s            *server
	move         func(time.Duration)
	ahead, began time.Duration // of the clock, now and at the login
}

// TestTheWarning goes through the ends of a session in front of a page: near its
// idle end, extended, closed, extended elsewhere, at its last end, and over.
func TestTheWarning(t *testing.T) {
	s, _, move := newMovedServerBefore(t, http.HandlerFunc(strictPages), "session_warning inject\n\t\t\t")
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	w := &warning{tab: tab{t, chrome(t)}, s: s, move: move}
	if _, err := chromedp.Call(w.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: watchPolicy}); err != nil {
		t.Fatal(err)
	}
	w.wait(2 * time.Minute)
	h.last = s.keys["jdupont"].StepAt(timeNow().Add(w.ahead)) - 1
	steps(t, w.ctx, "logging in", chromedp.Navigate(s.notes("/page")), chromedp.WaitVisible(css("[name=passcode]")), chromedp.SendKeys(css("[name=identifier]"), "jdupont"),
		chromedp.SendKeys(css("[name=passcode]"), pin+h.next()), loaded(chromedp.Click(css("form[method=post] button[type=submit]"))), chromedp.WaitReady(css("#field")))
	w.began = w.ahead
	w.isClosed()
	w.isExtended()
	w.isOfTheGate()
	w.isInOtherPages()
	w.isTheLast()
}

// wait lets time pass.
func (w *warning) wait(d time.Duration) {
	w.ahead += d
	w.move(w.ahead)
}

// page opens a page of the application.
func (w *warning) page(path string) {
	w.t.Helper()
	steps(w.t, w.ctx, "opening "+path, chromedp.Navigate(w.s.notes(path)), chromedp.WaitReady(css("#field")))
}

// isClosed reads the warning, goes round in it by the key, and closes it for good.
func (w *warning) isClosed() {
	w.wait(56 * time.Minute)
	w.look("Votre session va se terminer dans 4 minutes")
	if got := ask[string](w.tab, focused); got != "Prolonger la session" {
		w.t.Errorf("the focus is on %q", got)
	}
	if got := ask[string](w.tab, `(() => { const d = `+warningDialog+`; return [d.getAttribute("role"), d.lang, d.matches(":modal"), getComputedStyle(d).borderTopWidth].join(" "); })()`); got != "alertdialog fr true 2px" {
		w.t.Errorf("the dialog is %q", got)
	}
	w.picture("warning", 1280)
	w.picture("warning", 320)
	w.checkAxe()
	for _, want := range []string{"Fermer cet avis", "Prolonger la session"} {
		// Between the last button and the first the focus may pass through the
		// browser's own, but never through the page.
		for range 3 {
			if steps(w.t, w.ctx, "going on by the key", chromedp.KeyEvent(kb.Tab)); ask[string](w.tab, focused) == want {
				break
			}
		}
		if got := ask[string](w.tab, focused); got != want {
			w.t.Errorf("the key leads to %q, want %q", got, want)
		}
	}
	w.wait(time.Minute)
	w.look("Votre session va se terminer dans 3 minutes")
	if got := ask[string](w.tab, told); got != "" {
		w.t.Errorf("a screen reader is told each minute: %q", got)
	}
	steps(w.t, w.ctx, "closing it by the key", chromedp.KeyEvent(kb.Escape))
	w.closed()
	if got := ask[string](w.tab, focused); got != "field" {
		w.t.Errorf("behind the dialog the focus is on %q", got)
	}
	steps(w.t, w.ctx, "coming back", chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
	if left := w.left(); left > 250 || ask[bool](w.tab, `(`+warningDialog+`).open`) {
		w.t.Errorf("closed once, it comes again; %v s are left", left)
	}

	// A page that includes the script and has it behind it as well warns once.
	if n := ask[int](w.tab, `document.querySelectorAll("script[src$='/.sesame/session.js']").length`); n != 2 {
		w.t.Errorf("the page has the script %d times", n)
	}
}

// isExtended extends the session: in vain, then here, then in another tab, after
// which the dialog goes by itself.
func (w *warning) isExtended() {
	w.page("/page?x")
	if left := w.left(); left < 3590 {
		w.t.Errorf("behind a page %v s are left", left)
	}
	w.wait(56 * time.Minute)
	w.look("Votre session va se terminer")
	steps(w.t, w.ctx, "losing the network", chromedp.Evaluate[chromedp.Void](`window.through = window.fetch; window.fetch = (a, o) => o.method === "POST" ? Promise.reject(new TypeError("no network")) : window.through(a, o)`))
	steps(w.t, w.ctx, "extending in vain", chromedp.KeyEvent(kb.Enter))
	w.look("n’a pas pu être prolongée")
	if got := ask[string](w.tab, told); !strings.Contains(got, "n’a pas pu être prolongée") {
		w.t.Errorf("a screen reader is told %q when nothing came of it", got)
	}
	w.look("n’a pas pu être prolongée") // still, when the server has been asked again
	steps(w.t, w.ctx, "extending", chromedp.Evaluate[chromedp.Void](`window.fetch = window.through`), chromedp.KeyEvent(kb.Enter))
	w.closed()
	if left := w.left(); left < 3590 {
		w.t.Errorf("extended, %v s are left", left)
	}

	w.wait(57 * time.Minute)
	w.look("dans 3 minutes")
	ask[int](w.tab, `fetch("/.sesame/session", {method: "POST"}).then((a) => a.status)`)
	steps(w.t, w.ctx, "coming back", chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
	w.closed()
}

// isOfTheGate: the gate's own pages warn as well, under its own policy.
func (w *warning) isOfTheGate() {
	steps(w.t, w.ctx, "opening the portal", chromedp.Navigate(w.s.portal("/")), chromedp.WaitReady(css("main")))
	w.wait(56 * time.Minute)
	w.look("Votre session va se terminer")
	if refused := ask[[]string](w.tab, `window.refused`); len(refused) > 0 {
		w.t.Errorf("the portal's policy has refused %v", refused)
	}
	w.picture("warning-portal", 1280)
	steps(w.t, w.ctx, "extending on the portal", chromedp.KeyEvent(kb.Enter))
	w.closed()
	if left := w.left(); left < 3590 {
		w.t.Errorf("extended on the portal, %v s are left", left)
	}
}

// isInOtherPages: in English; in frames, once; behind a page that does not include
// the script; and not where the page's policy forbids it.
func (w *warning) isInOtherPages() {
	for path, says := range map[string]string{"/page?en": "Your session will end in 4 minutes", "/frames": "Votre session va se terminer", "/injected": "Votre session va se terminer"} {
		w.page(path)
		w.wait(56 * time.Minute)
		w.look(says)
		if path == "/frames" && ask[bool](w.tab, `document.querySelector("iframe").contentDocument.querySelectorAll("body > div").length > 0`) {
			w.t.Error("the frame warns as well")
		}
	}
	if refused := ask[[]string](w.tab, `window.refused`); len(refused) > 0 {
		w.t.Errorf("the page's policy has refused %v", refused)
	}
	w.page("/forbidding")
	if n := ask[int](w.tab, `document.querySelectorAll("script").length`); n != 1 {
		w.t.Errorf("%d scripts stand in a page that forbids them, its own apart", n-1)
	}
}

// isTheLast: the last end cannot be put off, and comes.
func (w *warning) isTheLast() {
	for w.ahead < w.began+9*time.Hour+10*time.Minute {
		w.page("/page")
		w.wait(30 * time.Minute)
	}
	w.page("/page")
	w.wait(w.began + 9*time.Hour + 57*time.Minute - w.ahead)
	w.look("ne peut plus être prolongée")
	if got := ask[string](w.tab, `[getComputedStyle(`+extendButton+`).display, `+focused+`].join(" ")`); got != "none J’ai compris" {
		w.t.Errorf("at the last end: %q", got)
	}
	w.picture("warning-absolute", 1280)
	w.wait(4 * time.Minute)
	w.look("Votre session est terminée")
	if got := ask[string](w.tab, told); !strings.Contains(got, "Votre session est terminée") || !strings.Contains(got, "gardé") {
		w.t.Errorf("at the end a screen reader is told %q", got)
	}
	w.picture("warning-over", 320)
	steps(w.t, w.ctx, "understood", chromedp.KeyEvent(kb.Enter))
	w.closed()
	steps(w.t, w.ctx, "coming back", chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`))
	if status := ask[int](w.tab, `fetch("/.sesame/session").then((a) => a.status)`); status != http.StatusUnauthorized || ask[bool](w.tab, `(`+warningDialog+`).open`) {
		w.t.Errorf("understood once, it comes again; the session: %d", status)
	}
}
