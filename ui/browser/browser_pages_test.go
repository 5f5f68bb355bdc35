package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// watch notes in every page what its policy has refused.
const watch = `
	window.refused = [];
	addEventListener("securitypolicyviolation", (e) => window.refused.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));
	addEventListener("error", (e) => window.refused.push("error: " + e.message));
`

func refusedByPolicy(ctx context.Context, t *testing.T) []string {
	t.Helper()
	return ask[[]string](ctx, t, `window.refused`)
}

// The watch must see what it watches for, or its silence means nothing.
func TestBrowserPolicyIsInForce(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	always(ctx, t, watch)
	for _, breach := range []string{
		`document.body.setAttribute("style", "color: red")`,
		`document.body.append(document.createElement("style"))`,
		`try { document.body.innerHTML = "<b>" } catch {}`,
		`(() => { const i = new Image(); i.src = "https://evil.example/"; return new Promise((r) => { i.onerror = r }) })()`,
	} {
		do(ctx, t, chromedp.Navigate(s.address(ui.French, "login")))
		if found := refusedByPolicy(ctx, t); len(found) > 0 {
			t.Fatalf("the page itself breaks its policy: %v", found)
		}
		do(ctx, t, chromedp.Evaluate[chromedp.Void](breach, chromedp.EvalAwaitPromise))
		do(ctx, t, chromedp.Evaluate[chromedp.Void](`new Promise((r) => setTimeout(r))`, chromedp.EvalAwaitPromise))
		if len(refusedByPolicy(ctx, t)) == 0 {
			t.Errorf("nothing was refused of %s", breach)
		}
	}
}

// TestBrowserEveryPage looks at every page in every state: on a laptop, on the same
// at 200 % (WCAG 1.4.4: half the width), on the narrowest screen on which nothing may
// be lost (WCAG 1.4.10), there with the spacing that people may ask for (1.4.12), and
// with letters twice as large and no zoom. The checker of accessibility goes over one layout in
// one language and over the other in the other.
//
// A tab for each language halves the time that this takes.
func TestBrowserEveryPage(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	tabs := make(map[ui.Lang]context.Context)
	for _, l := range ui.Langs() {
		tab, cancel := chromedp.NewContext(ctx)
		t.Cleanup(cancel)
		always(tab, t, watch)
		always(tab, t, readAxe(t))
		tabs[l] = tab
	}
	for _, st := range states.All() {
		t.Run(st.Name, func(t *testing.T) {
			for l, tab := range tabs {
				t.Run(l.String(), func(t *testing.T) {
					t.Parallel()
					checkPage(tab, t, s, st, l)
				})
			}
		})
	}
}

func checkPage(ctx context.Context, t *testing.T, s *site, st states.State, l ui.Lang) {
	t.Helper()
	do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.address(l, st.Name)))
	if found := refusedByPolicy(ctx, t); len(found) > 0 {
		t.Errorf("the page breaks its policy: %v", found)
	}
	for _, width := range []int64{1280, 640, 320} {
		do(ctx, t, chromedp.EmulateViewport(width, 800))
		checkLayout(ctx, t, fmt.Sprintf("at %d px", width))
		if width == 640 {
			continue
		}
		checkTargets(ctx, t)
		shoot(ctx, t, fmt.Sprintf("%s.%s.%d", st.Name, l, width))
		if (width == 1280) == (l == ui.French) {
			checkAxe(ctx, t)
		}
	}
	do(ctx, t, chromedp.EmulateViewport(1280, 800))
	letters(ctx, t, 32)
	checkLayout(ctx, t, "in large letters")
	letters(ctx, t, 16)
	do(ctx, t, chromedp.EmulateViewport(320, 800), chromedp.Evaluate[chromedp.Void](spaced))
	checkLayout(ctx, t, "at 320 px, spaced")
}

// letters sets the size of letters that a person has asked the browser for.
func letters(ctx context.Context, t *testing.T, size int64) {
	t.Helper()
	if _, err := chromedp.Call(ctx, page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: size, Fixed: size}}); err != nil {
		t.Fatal(err)
	}
	if got, want := ask[string](ctx, t, `getComputedStyle(document.documentElement).fontSize`), fmt.Sprintf("%dpx", size*17/16); got != want {
		t.Fatalf("the letters of the page are of %s, not %s", got, want)
	}
}

// layout looks for what stands outside of the page's width, for what its box cuts
// off, and for words and controls that stand on one another.
const layout = `(() => {
	const lost = [];
	const name = (e) => e.outerHTML.slice(0, 100);
	const apart = (e) => e.closest(".unseen, .skip, svg");
	for (const e of document.body.querySelectorAll("*")) {
		if (apart(e)) continue;
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (!box.width) continue;
		if (box.right > innerWidth + 0.5 || box.left < -0.5) lost.push("outside: " + name(e));
		if (e.matches("input, textarea, select")) continue; // which scroll what they hold
		if (e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible") lost.push("cut off: " + name(e));
		if (e.scrollHeight > e.clientHeight + 1 && style.overflowY !== "visible") lost.push("cut off: " + name(e));
	}
	const boxes = [];
	const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (words.nextNode()) {
		const e = words.currentNode.parentElement;
		if (!words.currentNode.data.trim() || apart(e) || !e.checkVisibility({ visibilityProperty: true })) continue;
		const range = document.createRange();
		range.selectNodeContents(words.currentNode);
		for (const box of range.getClientRects()) boxes.push({ e, box });
	}
	for (const e of document.querySelectorAll("button, input:not([type=hidden]), select, textarea, img")) {
		const box = e.getBoundingClientRect();
		if (box.width && !apart(e)) boxes.push({ e, box });
	}
	// Letters of one line may reach a little into the next.
	const crosses = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;
	boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => {
		if (!a.e.contains(b.e) && !b.e.contains(a.e) && crosses(a.box, b.box)) lost.push("on one another: " + name(a.e) + " and " + name(b.e));
	}));
	if (document.documentElement.scrollWidth > innerWidth) lost.push("the page is " + document.documentElement.scrollWidth + " px wide");
	return lost;
})()`

func checkLayout(ctx context.Context, t *testing.T, where string) {
	t.Helper()
	if lost := ask[[]string](ctx, t, layout); len(lost) > 0 {
		t.Errorf("%s:\n%s", where, strings.Join(lost, "\n"))
	}
}

// The look at the layout must see what it looks for.
func TestBrowserLayoutFindsFaults(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	do(ctx, t, chromedp.EmulateViewport(320, 800))
	for fault, want := range map[string]string{
		`document.querySelector("h1").style.width = "400px"`:                                                "outside: <h1",
		`document.querySelector("h1").style.cssText = "height: 5px; overflow: hidden"`:                      "cut off: <h1",
		`document.querySelector("h1").style.cssText = "white-space: nowrap; overflow: hidden; width: 40px"`: "cut off: <h1",
		`document.querySelector(".hint").style.cssText = "position: relative; top: 2rem"`:                   "on one another: <p class=\"hint\"",
		`document.body.style.width = "400px"`:                                                               "the page is 400 px wide",
	} {
		do(ctx, t, chromedp.Navigate(s.address(ui.French, "login")), chromedp.Evaluate[chromedp.Void](fault))
		if lost := strings.Join(ask[[]string](ctx, t, layout), "\n"); !strings.Contains(lost, want) {
			t.Errorf("of %s this is found: %q", fault, lost)
		}
	}
}

// checkTargets asks of everything that is pressed to be 44 px high, but for
// links within a sentence (WCAG 2.5.8 asks 24).
func checkTargets(ctx context.Context, t *testing.T) {
	t.Helper()
	small := ask[[]string](ctx, t, `[...document.querySelectorAll("a[href], button, input:not([type=hidden])")].filter((e) => {
		if (e.closest(".skip, p.small, dd")) return false;
		const box = (e.closest(".application") || e).getBoundingClientRect();
		return box.width > 0 && (box.height < 43.5 || box.width < 43.5);
	}).map((e) => e.outerHTML.slice(0, 100) + " " + e.getBoundingClientRect().height)`)
	if len(small) > 0 {
		t.Errorf("these are too small to press: %v", small)
	}
}

// axeRun asks for the rules of WCAG 2.2 at levels A and AA.
const axeRun = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
	resultTypes: ["violations"],
}).then((r) => JSON.stringify({
	passes: r.passes.length,
	violations: r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join(" | ")),
}))`

func checkAxe(ctx context.Context, t *testing.T) {
	t.Helper()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Passes     int
		Violations []string
	}
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		t.Fatal(err)
	}
	if result.Passes < 10 {
		t.Errorf("axe has applied only %d rules", result.Passes)
	}
	for _, v := range result.Violations {
		t.Error(v)
	}
}

// axe must find a fault where there is one.
func TestBrowserAxeFindsFaults(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	do(ctx, t,
		chromedp.Navigate(s.address(ui.French, "login")),
		chromedp.Evaluate[chromedp.Void](readAxe(t)),
		chromedp.Evaluate[chromedp.Void](`document.querySelector("label[for=passcode]").remove()`),
	)
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer, "label: ") {
		t.Errorf("a field without its label is no fault to axe: %s", answer)
	}
}

// spaced gives every text the spacing that people may ask for (WCAG 1.4.12).
const spaced = `for (const e of document.querySelectorAll("body, body *")) {
	const size = parseFloat(getComputedStyle(e).fontSize);
	e.style.setProperty("line-height", 1.5 * size + "px", "important");
	e.style.setProperty("letter-spacing", 0.12 * size + "px", "important");
	e.style.setProperty("word-spacing", 0.16 * size + "px", "important");
	if (e.tagName === "P") e.style.setProperty("margin-bottom", 2 * size + "px", "important");
}`

// emulate has the browser say that the person has asked for something.
func emulate(ctx context.Context, t *testing.T, media string, features ...*emulation.MediaFeature) {
	t.Helper()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: features})
	if err != nil {
		t.Fatal(err)
	}
}

// The dark pages differ from the light ones in their colours alone, so one of
// each kind is looked at.
func TestBrowserDarkPages(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	axe := readAxe(t)
	emulate(ctx, t, "", &emulation.MediaFeature{Name: "prefers-color-scheme", Value: "dark"})
	for _, name := range []string{
		"login", "login-refused", "login-sessionEnded", "pin-pinSequence", "synchronise", "nextCode", "portal-keyInService",
		"portal-empty-contact", "logout", "assistance-contact", "problem-forbidden-application",
	} {
		t.Run(name, func(t *testing.T) {
			do(ctx, t,
				chromedp.EmulateViewport(1280, 800),
				chromedp.Navigate(s.address(ui.French, name)),
				chromedp.Evaluate[chromedp.Void](axe),
			)
			if back := ask[string](ctx, t, `getComputedStyle(document.body).backgroundColor`); back != "rgb(16, 23, 27)" {
				t.Errorf("the page is %s", back)
			}
			checkAxe(ctx, t)
			shoot(ctx, t, name+".fr.dark")
		})
	}
}

// With a person's own colours, what is drawn by colour alone must remain.
func TestBrowserForcedColours(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	emulate(ctx, t, "", &emulation.MediaFeature{Name: "forced-colors", Value: "active"})
	for _, name := range []string{"login-refused", "synchronise", "portal"} {
		do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.address(ui.French, name)))
		flat := ask[[]string](ctx, t, `[...document.querySelectorAll(".button, .input, .reveal, .notice, .application")]
			.filter((e) => e.getBoundingClientRect().width && getComputedStyle(e).borderTopWidth === "0px").map((e) => e.className)`)
		if len(flat) > 0 {
			t.Errorf("%s: %v have no edge", name, flat)
		}
		shoot(ctx, t, name+".fr.forced")
	}
}

func TestBrowserPrintedHelp(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	do(ctx, t, chromedp.Navigate(s.address(ui.French, "assistance-contact")))
	emulate(ctx, t, "print")
	for selector, want := range map[string]bool{"h1": true, ".answer": true, ".contact": true, ".toc": false, ".session": false, ".switch": false, ".skip": false} {
		query := fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().height > 0`, selector)
		if got := ask[bool](ctx, t, query); got != want {
			t.Errorf("%s is printed: %v", selector, got)
		}
	}
	shoot(ctx, t, "assistance-contact.fr.print")
}
