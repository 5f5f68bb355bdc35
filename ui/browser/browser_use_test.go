package browser_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sesame-gateway/sesame/ui"
)

// focused names what has the focus, by its id, its class or its address.
const focused = `(() => {
	const e = document.activeElement;
	return e.id || e.dataset.reveal || e.className || (e.getAttribute("href") || "").split(/[?#]/)[0] || e.tagName;
})()`

// The order of the keys is the order of the page, and the focus can be seen
// wherever it is.
func TestBrowserKeyboardOrder(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	const help = "https://portail.example.org/.sesame/assistance" // with the reference of the refusal
	const change, lost = "https://portail.example.org/.sesame/account/pin", "https://portail.example.org/.sesame/account/lost"
	for _, c := range []struct {
		state string
		start string
		order []string
	}{
		{"login", "identifier", []string{"passcode", "reveal", "button", help}},
		{"login-refused", "notice", []string{help, "identifier", "passcode", "reveal", "button"}},
		{"login-sessionEnded", "passcode", []string{"reveal", "button"}},
		{"pin", "BODY", []string{"skip", "bar-link", "pin", "reveal", "pin_again", "button"}},
		{"pin-pinMismatch", "notice", []string{help, "pin", "reveal", "pin_again", "button"}},
		{"synchronise", "BODY", []string{"skip", "bar-link", "passcode", "reveal", "button"}},
		{"nextCode-refused", "notice", []string{help, "code", "button"}},
		{"portal", "BODY", []string{"skip", "bar-link", "bar-link", "application-link", "application-link", "application-link"}},
		{"account-several", "BODY", []string{"skip", "bar-link", "bar-link", change, lost, change, lost, lost, lost, change, lost}},
		{"kept", "BODY", []string{"skip", "bar-link", "bar-link", "button", "button button-second"}},
		{"logout", "BODY", []string{"skip", "bar-link", "button"}},
	} {
		t.Run(c.state, func(t *testing.T) {
			do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.address(ui.French, c.state)))
			frame(ctx, t)
			if got := ask[string](ctx, t, focused); got != c.start {
				t.Errorf("the focus starts at %s, not at %s", got, c.start)
			}
			var order []string
			for range c.order {
				do(ctx, t, chromedp.KeyEvent(kb.Tab))
				order = append(order, ask[string](ctx, t, `document.activeElement.dataset.reveal ? "reveal" : `+focused))
				checkFocusSeen(ctx, t)
			}
			if !slices.Equal(order, c.order) {
				t.Errorf("the focus goes to %v, not to %v", order, c.order)
			}
		})
	}
}

func checkFocusSeen(ctx context.Context, t *testing.T) {
	t.Helper()
	frame(ctx, t)
	seen := ask[bool](ctx, t, `(() => {
		const e = document.activeElement;
		const style = [getComputedStyle(e), getComputedStyle(e, "::after")];
		const box = e.getBoundingClientRect();
		return style.some((s) => s.outlineStyle === "solid" && parseFloat(s.outlineWidth) >= 3)
			&& box.top >= 5 && box.bottom <= innerHeight - 5 && box.left >= 5;
	})()`)
	if !seen {
		t.Errorf("the focus on %s cannot be seen: %s", ask[string](ctx, t, focused), ask[string](ctx, t, `JSON.stringify(document.activeElement.getBoundingClientRect())`))
	}
}

func TestBrowserSkipLink(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	do(ctx, t, chromedp.Navigate(s.address(ui.French, "portal")), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	if got := ask[string](ctx, t, focused); got != "main" {
		t.Errorf("the skip link leads to %s", got)
	}
	do(ctx, t, chromedp.KeyEvent(kb.Tab))
	if got := ask[string](ctx, t, focused); got != "application-link" {
		t.Errorf("behind the skip link comes %s", got)
	}
}

// fields is the values of a form as the server got them.
func fields(p post, names ...string) []string {
	var values []string
	for _, name := range names {
		values = append(values, fmt.Sprint(p.fields[name]))
	}
	return values
}

func TestBrowserLoginByKeyboardAlone(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	do(ctx, t, chromedp.Navigate(s.address(ui.French, "login-application")))
	frame(ctx, t)
	do(ctx, t,
		chromedp.KeyEvent("cmartin"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("4938627351"),
	)
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	posts := s.taken()
	if len(posts) != 1 || posts[0].path != ui.PathLogin {
		t.Fatalf("%d forms were posted", len(posts))
	}
	got := fields(posts[0], "identifier", "passcode", "csrf", "target")
	want := []string{"[cmartin]", "[4938627351]", "[csrf-token]", "[https://notes.example.org/classe?id=6B]"}
	if !slices.Equal(got, want) {
		t.Errorf("the form has posted %v", got)
	}
}

// What stands behind "#" goes on with the address to return to, as long as the
// gate takes it, and with the link to the other language.
func TestBrowserFragment(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	const target = "https://notes.example.org/classe?id=6B"
	for _, c := range []struct{ state, fragment, target, link string }{
		{"login-application", "#/eleves/12?onglet=notes&tri=nom", target + "#/eleves/12?onglet=notes&tri=nom", "#/eleves/12?onglet=notes&tri=nom"},
		{"login-application", "#Élèves", target + "#%C3%89l%C3%A8ves", "#%C3%89l%C3%A8ves"},
		{"login-application", "", target, ""},
		{"login-application", "#", target, ""},
		{"login-application", `#a\b`, target, ""},
		{"login-application", "#" + strings.Repeat("a", 2048), target, "#" + strings.Repeat("a", 2048)},
		{"login", "#x", "", "#x"},
	} {
		do(ctx, t, chromedp.Navigate("about:blank"), chromedp.Navigate(s.address(ui.French, c.state)+c.fragment))
		if got := ask[string](ctx, t, `document.querySelector("[name=target]").value`); got != c.target {
			t.Errorf("%.40s: the form leads to %.80s", c.fragment, got)
		}
		if got := ask[string](ctx, t, `document.querySelector("a[hreflang]").hash`); got != c.link {
			t.Errorf("%.40s: the language switch leads to %.40s", c.fragment, got)
		}
	}
}

func TestBrowserPasting(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	for state, ids := range map[string][]string{"login": {"identifier", "passcode"}, "pin": {"pin", "pin_again"}, "nextCode": {"code"}} {
		do(ctx, t, chromedp.Navigate(s.address(ui.French, state)))
		for _, id := range ids {
			free := ask[bool](ctx, t, fmt.Sprintf(`(() => {
				const e = document.getElementById(%q);
				e.focus();
				return e.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, cancelable: true}));
			})()`, id))
			if !free {
				t.Errorf("%s: the page prevents pasting", id)
			}
			if _, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: "4938 627 351 "}); err != nil {
				t.Fatal(err)
			}
			if got := ask[string](ctx, t, fmt.Sprintf(`document.getElementById(%q).value`, id)); got != "4938 627 351 " {
				t.Errorf("%s: %q was left of what was pasted", id, got)
			}
		}
	}
}

func TestBrowserShowAndHide(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	for state, ids := range map[string][]string{"login": {"passcode"}, "pin": {"pin", "pin_again"}, "synchronise": {"passcode"}} {
		do(ctx, t, chromedp.Navigate(s.address(ui.French, state)))
		for _, want := range []struct{ kind, label string }{
			{"password", "Afficher"}, {"text", "Masquer"}, {"password", "Afficher"},
		} {
			for _, id := range ids {
				if got := ask[string](ctx, t, fmt.Sprintf(`document.getElementById(%q).type`, id)); got != want.kind {
					t.Errorf("%s: %s is of type %s, not %s", state, id, got, want.kind)
				}
			}
			if got := ask[string](ctx, t, `document.querySelector("[data-verb]").textContent`); got != want.label {
				t.Errorf("%s: the button says %q, not %q", state, got, want.label)
			}
			do(ctx, t, chromedp.Focus(chromedp.CSS(".reveal")), chromedp.KeyEvent(" "))
		}
	}
	if posts := s.taken(); len(posts) > 0 {
		t.Errorf("the button has posted the form: %v", posts)
	}
}

// What was shown is masked again before it is sent, so that the browser does
// not keep it among the words typed into text fields.
func TestBrowserSendsMasked(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	always(ctx, t, `addEventListener("submit", () => { sessionStorage.setItem("type", document.getElementById("passcode").type) })`)
	do(ctx, t,
		chromedp.Navigate(s.address(ui.French, "login")),
		chromedp.Click(chromedp.CSS(".reveal")),
		chromedp.Focus(chromedp.CSS("#passcode")), chromedp.KeyEvent("4938627351"),
	)
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS("form .button"))); err != nil {
		t.Fatal(err)
	}
	if got := ask[string](ctx, t, `sessionStorage.getItem("type")`); got != "password" {
		t.Errorf("the field was of type %s when it was sent", got)
	}
	if posts := s.taken(); len(posts) != 1 || fields(posts[0], "passcode")[0] != "[4938627351]" {
		t.Error("the PASSCODE has not arrived as it was typed")
	}
}

// clock stops the browser's: time passes by window.pass(seconds) alone.
const clock = `(() => {
	let now = 1_772_437_267_000, timers = [];
	Date.now = () => now;
	window.setTimeout = (f, delay) => { timers.push({ at: now + (delay || 0), f }); return timers.length; };
	window.clearTimeout = (id) => { if (timers[id - 1]) timers[id - 1].f = () => {}; };
	window.pass = (seconds) => {
		const end = now + seconds * 1000;
		for (;;) {
			const due = timers.filter((t) => t.f && t.at <= end).sort((a, b) => a.at - b.at)[0];
			if (!due) break;
			now = Math.max(now, due.at);
			const f = due.f;
			due.f = null;
			f();
		}
		now = end;
	};
	window.said = [];
	addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
		window.said.push(document.getElementById("status").textContent);
	}).observe(document.getElementById("status"), { childList: true, characterData: true, subtree: true }));
})()`

func TestBrowserCountdown(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	always(ctx, t, watch+clock)
	do(ctx, t, chromedp.Navigate(s.address(ui.French, "synchronise")))
	for _, step := range []struct {
		pass        float64
		ring, words string
	}{
		{0, "23", "Nouveau code dans environ 23 s"},
		{1, "22", "Nouveau code dans environ 22 s"},
		{0.5, "22", "Nouveau code dans environ 22 s"},
		{20.6, "1", "Nouveau code dans environ 1 s"},
		{1, "", "Votre clé devrait afficher un nouveau code. Vérifiez qu’il a bien changé."},
		{600, "", "Votre clé devrait afficher un nouveau code. Vérifiez qu’il a bien changé."},
	} {
		do(ctx, t, chromedp.Evaluate[chromedp.Void](fmt.Sprintf("pass(%v)", step.pass)))
		if got := ask[string](ctx, t, `document.querySelector(".wait-ring").textContent`); got != step.ring {
			t.Errorf("after %v s more the ring says %q, not %q", step.pass, got, step.ring)
		}
		if got := ask[string](ctx, t, `document.querySelector(".wait-text").textContent`); got != step.words {
			t.Errorf("after %v s more the words are %q, not %q", step.pass, got, step.words)
		}
	}
	said := ask[[]string](ctx, t, `window.said`)
	if len(said) != 1 || said[0] != "Votre clé devrait afficher un nouveau code. Vérifiez qu’il a bien changé." {
		t.Errorf("a screen reader is told %q, instead of the end alone", said)
	}
	checkUntouched(ctx, t, s, "synchronise")
}

// checkUntouched checks that nothing has been sent and no page loaded.
func checkUntouched(ctx context.Context, t *testing.T, s *site, state string) {
	t.Helper()
	if posts := s.taken(); len(posts) > 0 {
		t.Errorf("the page has posted by itself: %v", posts)
	}
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil || at != s.address(ui.French, state) {
		t.Errorf("the page has gone to %s by itself (%v)", at, err)
	}
	if n := ask[int](ctx, t, `performance.getEntriesByType("navigation").length`); n != 1 {
		t.Errorf("the page was loaded %d times", n)
	}
	if found := refusedByPolicy(ctx, t); len(found) > 0 {
		t.Errorf("the page has broken its policy: %v", found)
	}
}

// The countdown is no live region: only its end is said.
func TestBrowserCountdownIsNotReadAloud(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	do(ctx, t, chromedp.Navigate(s.address(ui.French, "synchronise")))
	if live := ask[int](ctx, t, `document.querySelectorAll("[aria-live], .wait [role=status], .wait [role=alert], .wait output").length`); live != 0 {
		t.Errorf("%d elements of the countdown are live", live)
	}
	if got := ask[string](ctx, t, `document.querySelector(".wait-ring").getAttribute("aria-hidden") + document.querySelector(".wait-text").getAttribute("role")`); got != "truetimer" {
		t.Errorf("the countdown is %q", got)
	}
}

// Two clicks and a key post one form.
func TestBrowserDoubleClickPostsOnce(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	arrived, release := s.hold(t)
	do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.address(ui.French, "logout")))
	at := ask[[]float64](ctx, t, `(() => {
		const box = document.querySelector("form .button").getBoundingClientRect();
		return [box.left + box.width / 2, box.top + box.height / 2];
	})()`)
	do(ctx, t, chromedp.MouseClickXY(at[0], at[1]))
	<-arrived
	do(ctx, t, chromedp.MouseClickXY(at[0], at[1]), chromedp.KeyEvent(kb.Enter))
	if _, err := chromedp.RunResponse(ctx, chromedp.Func(func(context.Context, *chromedp.Target) error {
		release()
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	if n := len(s.taken()); n != 1 {
		t.Fatalf("two clicks and Enter have posted %d forms", n)
	}
}

// If nothing comes of a form, because the person has stopped it, it can be
// sent again after a while; and at once when the page comes back from the
// browser's memory.
func TestBrowserStoppedFormCanBeSentAgain(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	always(ctx, t, clock)
	do(ctx, t, chromedp.Navigate(s.address(ui.French, "login")))
	const send = `(() => {
		const form = document.querySelector("form");
		form.addEventListener("submit", (e) => { window.prevented = e.defaultPrevented; e.preventDefault(); }, { once: true });
		form.requestSubmit();
		return !window.prevented;
	})()`
	const busy = `(() => {
		const button = document.querySelector("form .button");
		return button.getAttribute("aria-disabled") === "true" && !button.disabled;
	})()`
	const back = `dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`
	for _, c := range []struct {
		happens string
		sent    bool
	}{
		{"pass(0)", true}, {"pass(1)", false}, {"pass(8)", false}, {"pass(2)", true}, {"pass(1)", false}, {back, true}, {back, true},
	} {
		do(ctx, t, chromedp.Evaluate[chromedp.Void](c.happens))
		if got := ask[bool](ctx, t, busy); got == c.sent {
			t.Errorf("after %s the button is said to be busy: %v", c.happens, got)
		}
		if got := ask[bool](ctx, t, send); got != c.sent {
			t.Errorf("after %s the form is sent: %v", c.happens, got)
		}
	}
}

func TestBrowserWithoutJavaScript(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.address(ui.French, "login-refused")))
	frame(ctx, t)
	if got := ask[string](ctx, t, focused); got != "notice" {
		t.Errorf("an error has not the focus, which is on %s", got)
	}
	if ask[bool](ctx, t, `document.querySelector(".reveal").getBoundingClientRect().width > 0`) {
		t.Error("the show button can be seen, and does nothing")
	}
	if got := ask[string](ctx, t, `document.querySelector(".wait").innerText`); got != "Votre clé affiche un nouveau code toutes les 60 secondes." {
		t.Errorf("instead of the countdown there is %q", got)
	}
	shoot(ctx, t, "login-refused.fr.nojs")
	do(ctx, t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("4938627351")) // behind the link to the assistance
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	posts := s.taken()
	if len(posts) != 1 || !slices.Equal(fields(posts[0], "identifier", "passcode"), []string{"[cmartin]", "[4938627351]"}) {
		t.Errorf("the forms posted are %v", posts)
	}
}

// A passkey is the one thing that takes JavaScript: without it the pages say so, and
// show no button that does nothing.
func TestBrowserPasskeysWithoutJavaScript(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	for state, want := range map[string]string{
		"login-passkey": "JavaScript", "passkeyWanted": "JavaScript", "passkeyAdd-passkeyScript": "JavaScript est nécessaire",
	} {
		for _, width := range []int64{1280, 320} {
			do(ctx, t, chromedp.EmulateViewport(width, 800), chromedp.Navigate(s.address(ui.French, state)))
			frame(ctx, t)
			if got := ask[string](ctx, t, `document.querySelector("main").innerText`); !strings.Contains(got, want) {
				t.Errorf("%s does not say that it needs JavaScript:\n%s", state, got)
			}
			if ask[bool](ctx, t, `[...document.querySelectorAll("[data-passkey] button[type=button]")].some((b) => b.getBoundingClientRect().width > 0)`) {
				t.Errorf("%s shows a button that does nothing", state)
			}
			shoot(ctx, t, fmt.Sprintf("%s.fr.nojs.%d", state, width))
		}
	}
}
