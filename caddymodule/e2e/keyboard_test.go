package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// stops are the elements that the keyboard stops at, in the order of the page, each
// by its place among all elements: what a person can use, and can see unless it
// shows itself when it is reached.
const stops = `[...document.querySelectorAll("*")].map((e, i) => [e, i]).filter(([e]) =>
	e.matches("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']") && !e.disabled && e.checkVisibility()).map(([, i]) => i)`

// stop is the element that has the focus, by its place; -1 is the page itself.
const stop = `document.activeElement === document.body ? -1 : [...document.querySelectorAll("*")].indexOf(document.activeElement)`

// unseen says why the focus cannot be seen where it is, if so: no edge of its own,
// out of the window, or under something else.
const unseen = `(() => {
	const e = document.activeElement, box = e.getBoundingClientRect();
	const edge = [getComputedStyle(e), getComputedStyle(e, "::after")].some((s) => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1);
	const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
	if (!edge) return "it has no edge";
	if (box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth) return "it is out of the window";
	if (top !== e && !e.contains(top) && !top?.contains(e)) return "it is under " + top?.outerHTML.slice(0, 100);
	return "";
})()`

// keyboard is somebody who has no mouse.
type keyboard struct{ tab }

func (k keyboard) press(keys ...string) {
	k.t.Helper()
	for _, key := range keys {
		steps(k.t, k.ctx, "typing", chromedp.KeyEvent(key))
	}
}

// seen fails unless the focus can be seen. A picture is taken first: only what has
// been drawn has been scrolled to.
func (k keyboard) seen() {
	k.t.Helper()
	if _, err := chromedp.Run(k.ctx, chromedp.CaptureScreenshot()); err != nil {
		k.t.Fatal(err)
	}
	if why := ask[string](k.tab, unseen); why != "" {
		k.t.Errorf("%s: the focus on %s cannot be seen: %s", ask[string](k.tab, "document.title"), ask[string](k.tab, "document.activeElement.outerHTML.slice(0, 100)"), why)
	}
}

// round goes once round the page by Tab, and a little back by Shift-Tab: every stop
// is reached in the order of the page, and nothing holds the focus.
func (k keyboard) round() {
	k.t.Helper()
	k.checkAxe()
	if ask[int](k.tab, stop) >= 0 {
		k.seen() // where the page has put it
	}
	all := ask[[]int](k.tab, stops)
	if len(all) < 3 {
		k.t.Fatalf("%s has only %d stops", ask[string](k.tab, "document.title"), len(all))
	}
	met := k.goRound(len(all))
	if !slices.Equal(met, all) {
		k.t.Errorf("%s: the keyboard stops at %v, not at %v", ask[string](k.tab, "document.title"), met, all)
	}
	here := ask[int](k.tab, stop)
	steps(k.t, k.ctx, "going back", chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)), chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
	if back := ask[int](k.tab, stop); back != here {
		k.t.Errorf("%s: Shift-Tab leads to %d, not back to %d", ask[string](k.tab, "document.title"), back, here)
	}
}

// goRound goes on by Tab until it is where it began, and returns the stops in the
// order of the page.
func (k keyboard) goRound(stops int) []int {
	k.t.Helper()
	var met []int
	for range stops + 3 {
		k.press(kb.Tab)
		at := ask[int](k.tab, stop)
		if len(met) > 0 && at == met[0] {
			break
		}
		if at >= 0 {
			met = append(met, at)
			k.seen()
		}
	}
	if len(met) == 0 {
		return nil
	}
	first := slices.Index(met, slices.Min(met))
	return append(slices.Clone(met[first:]), met[:first]...)
}

// find goes on by Tab to what a selector matches.
func (k keyboard) find(selector string) {
	k.t.Helper()
	for range 60 {
		if ask[bool](k.tab, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			k.seen()
			return
		}
		k.press(kb.Tab)
	}
	k.t.Fatalf("%s: the keyboard does not lead to %s", ask[string](k.tab, "document.title"), selector)
}

// leads presses a key that leads to another page, which says something.
func (k keyboard) leads(key string, says ...string) {
	k.t.Helper()
	steps(k.t, k.ctx, "pressing "+fmt.Sprintf("%q", key), loaded(chromedp.KeyEvent(key)))
	expect(k.t, k.ctx, says...)
}

// TestTheJourneyByKeyboard is the first connection, an application, the portal, the
// account and the logout, by Tab, Shift-Tab, Enter, Space and typing alone. On every
// page the focus goes round, can be seen wherever it stops, and is held nowhere.
func TestTheJourneyByKeyboard(t *testing.T) {
	d := startDemo(t)
	k := keyboard{tab{t, chrome(t)}}
	// Without this the window of a browser that nobody sees has the focus only from
	// the first key on.
	if _, err := chromedp.Call(k.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	open := func(address string) { steps(t, k.ctx, "opening "+address, loaded(chromedp.Navigate(address))) }

	open(d.url("notes", "/classe?devoir=12"))
	k.round()
	k.find("[name=identifier]")
	k.press("cnouvel", kb.Tab)
	k.find("[name=passcode]")
	k.press("12")
	k.leads(kb.Enter, "Identifiant") // too short: the refusal takes the focus
	k.round()
	k.find("[name=passcode]")
	k.press(d.next("cnouvel"))
	k.find("[type=submit]")
	k.leads(" ", "code PIN")
	k.round()
	k.find("[name=pin]")
	k.press(pin)
	k.find("[name=pin_again]")
	k.press(pin)
	k.find("form [type=submit]")
	k.leads(" ", "PASSCODE")
	k.round()
	k.find("[name=passcode]")
	k.press(pin + d.next("cnouvel"))
	k.find(".reveal")
	k.press(" ")
	if kind := ask[string](k.tab, `document.querySelector("[name=passcode]").type`); kind != "text" {
		t.Errorf("by the key the PASSCODE is not shown: the field is %q", kind)
	}
	k.find("form [type=submit]")
	k.leads(kb.Enter, "Bonjour Camille Nouvel", "/classe?devoir=12")
	k.round()
	k.find("form button")
	k.leads(" ", "Enregistré")

	open(d.url("portail", "/"))
	k.round()
	k.find("a[href*='absences.localhost']")
	k.leads(kb.Enter, "Bonjour Camille Nouvel")
	open(d.url("portail", "/"))
	k.find("a[href$='/.sesame/account']")
	k.leads(kb.Enter, "Vos sessions")
	k.round()
	k.find("a[href$='/.sesame/assistance']")
	k.leads(kb.Enter, "perd")
	k.round()
	k.find("a[href$='/.sesame/logout']")
	k.leads(kb.Enter, "connecter")
	k.round()
	k.find("form [type=submit]")
	k.leads(" ", "Votre session est fermée")
	k.round()
}

// What looks at the focus must see what it looks for.
func TestTheKeyboardFindsFaults(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><title>t</title><p><a href="/1">one</a> <a href="/2">two</a> <a href="/3">three</a>`)
	}))
	t.Cleanup(page.Close)
	k := keyboard{tab{t, chrome(t)}}
	for fault, want := range map[string]string{
		``: "",
		`document.links[0].style.outline = "none"`:                                                                                   "it has no edge",
		`document.links[0].style.cssText = "position: absolute; left: -500px"`:                                                       "it is out of the window",
		`document.body.append(Object.assign(document.createElement("div"), {style: "position: fixed; inset: 0; background: #fff"}))`: "it is under <div",
	} {
		steps(t, k.ctx, "opening the page", loaded(chromedp.Navigate(page.URL)), chromedp.Evaluate[chromedp.Void](fault), chromedp.KeyEvent(kb.Tab))
		if got := ask[string](k.tab, unseen); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("of %s this is found: %q", fault, got)
		}
	}
	for fault, whole := range map[string]bool{
		``: true,
		`document.links[1].addEventListener("keydown", (e) => e.preventDefault())`: false,
		`document.links[2].tabIndex = -1`:                                          false,
	} {
		steps(t, k.ctx, "opening the page", loaded(chromedp.Navigate(page.URL)), chromedp.Evaluate[chromedp.Void](fault))
		all := ask[[]int](k.tab, stops)
		if met := k.goRound(len(all)); slices.Equal(met, all) != whole {
			t.Errorf("after %s the keyboard stops at %v of %v", fault, met, all)
		}
	}
}

// TestTheApplicationsOfTheDemonstration are looked at as the gate's pages are: each
// file among the pages is shown, at both widths, and once more without anybody.
func TestTheApplicationsOfTheDemonstration(t *testing.T) {
	d := startDemo(t)
	b := tab{t, chrome(t)}
	steps(t, b.ctx, "logging in", chromedp.Navigate(d.url("eleves", "/")), chromedp.WaitVisible(css("[name=passcode]")), chromedp.SendKeys(css("[name=identifier]"), "mdurand"),
		chromedp.SendKeys(css("[name=passcode]"), "5083"+d.next("mdurand")), loaded(chromedp.Submit(css("form[method=post]"))), chromedp.WaitVisible(css(".who")))
	files, err := filepath.Glob(filepath.Join("..", "demo", "pages", "*.html"))
	if err != nil || len(files) < 4 {
		t.Fatalf("the pages of the demonstration are %v, %v", files, err)
	}
	hosts := map[string]string{"keys": "cles"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".html")
		host := name
		if hosts[name] != "" {
			host = hosts[name]
		}
		steps(t, b.ctx, name, loaded(chromedp.Navigate(d.url(host, "/"))))
		b.checkAxe()
		for _, width := range []int64{1280, 640, 320} {
			steps(t, b.ctx, name, chromedp.EmulateViewport(width, 800))
			if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s: at %d px the page is %d px wide", name, width, wide)
			}
			b.picture("demo-"+name, width)
		}
		if form := ask[bool](b, `document.querySelector("form[method=post]") !== null`); form {
			steps(t, b.ctx, name+", sent", loaded(chromedp.Submit(css("form[method=post]"))), chromedp.WaitVisible(css(".saved")))
			b.checkAxe()
		}
	}
}
