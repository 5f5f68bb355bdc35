package browser_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/ui"
)

// waitOver has every countdown begin at its end.
const waitOver = `new MutationObserver(() => {
	for (const e of document.querySelectorAll("[data-wait]")) e.dataset.remaining = 0;
}).observe(document, { childList: true, subtree: true })`

// passkeyRefused has the portal refuse every ceremony, with window.code.
const passkeyRefused = `window.fetch = async () => new Response(JSON.stringify({ code: window.code, reference: "QX4T-2M9K" }), { status: 403 })`

// atEveryWidth looks at a page after what has been done with it.
func atEveryWidth(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	for _, width := range []int64{320, 640, 1280} {
		do(ctx, t, chromedp.EmulateViewport(width, 800))
		checkLayout(ctx, t, fmt.Sprintf("%s at %d px", name, width))
		checkTargets(ctx, t)
		if width != 640 {
			shoot(ctx, t, fmt.Sprintf("%s.%d", name, width))
		}
	}
	checkAxe(ctx, t)
}

// What scripts make of a page is looked at as the pages are: what was typed is
// shown, the countdown has come to its end, a passkey was refused in each of the
// ways that there are, the session ends, and has ended.
func TestBrowserMoments(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	always(ctx, t, watch+waitOver)
	always(ctx, t, readAxe(t))
	open := func(l ui.Lang, state string) string {
		do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.address(l, state)))
		return state + "." + l.String()
	}
	for _, l := range ui.Langs() {
		name := open(l, "synchronise")
		do(ctx, t, chromedp.WaitReady(chromedp.CSS(".wait-over")), chromedp.SendKeys(chromedp.CSS("#passcode"), "4938627351"), chromedp.Click(chromedp.CSS(".reveal")))
		atEveryWidth(ctx, t, name+".shown")
		for _, state := range []string{"login-passkey", "passkeyWanted", "passkeyAdd"} {
			name := open(l, state)
			codes := ask[[]string](ctx, t, `Object.keys(document.querySelector("[data-passkey]").dataset).filter((k) => k !== "passkey" && k !== "csrf")`)
			if len(codes) < 4 {
				t.Fatalf("%s knows only the refusals %v", state, codes)
			}
			do(ctx, t, chromedp.Evaluate[chromedp.Void](passkeyRefused))
			for _, code := range codes {
				says := ask[string](ctx, t, fmt.Sprintf(`window.code = %q, document.querySelector("[data-passkey]").dataset[code]`, code))
				do(ctx, t, chromedp.Click(chromedp.CSS("[data-passkey] button")), chromedp.WaitVisible(chromedp.CSS("#passkey-said")))
				if got := ask[string](ctx, t, `document.querySelector("#passkey-said").innerText`); !strings.Contains(got, says) || !strings.Contains(got, "QX4T-2M9K") {
					t.Errorf("%s, %s: %q", name, code, got)
				}
				do(ctx, t, chromedp.EmulateViewport(320, 800))
				checkLayout(ctx, t, name+", "+code)
				do(ctx, t, chromedp.EmulateViewport(1280, 800))
			}
			atEveryWidth(ctx, t, name+".said")
		}
		for moment, left := range map[string]int32{"ends": 200, "near": 40} {
			s.left.Store(left)
			name := open(l, "account-several")
			do(ctx, t, chromedp.Evaluate[chromedp.Void](warned, chromedp.EvalAwaitPromise))
			atEveryWidth(ctx, t, name+"."+moment)
			checkDialog(ctx, t)
		}
		s.left.Store(-1)
		do(ctx, t, chromedp.Evaluate[chromedp.Void](`document.dispatchEvent(new Event("visibilitychange"))`), chromedp.Evaluate[chromedp.Void](over, chromedp.EvalAwaitPromise))
		atEveryWidth(ctx, t, "account-several."+l.String()+".over")
		checkDialog(ctx, t)
		s.left.Store(3600)
	}
}

// The dialog of the warning, when it has come, and when it says that the session is
// over.
const (
	dialog = `[...document.body.children].map((e) => e.shadowRoot?.querySelector("dialog")).find(Boolean)`
	warned = `new Promise((done) => { const look = () => ` + dialog + `?.open ? done() : setTimeout(look, 20); look(); })`
	over   = `new Promise((done) => { const look = () => ` + dialog + `.querySelector("button").hidden ? done() : setTimeout(look, 20); look(); })`
)

// checkDialog looks at the warning itself, which the look at the page does not see.
func checkDialog(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, width := range []int64{1280, 320} {
		do(ctx, t, chromedp.EmulateViewport(width, 400))
		lost := ask[[]string](ctx, t, `[`+dialog+`, ...`+dialog+`.querySelectorAll("h2, p, button")].filter((e) => {
			if (e.matches(".unseen")) return false;
			const box = e.getBoundingClientRect();
			return box.width > 0 && (box.left < 0 || box.right > innerWidth || e.scrollWidth > e.clientWidth + 1 || e.tagName === "BUTTON" && box.height < 43.5 || e.tagName === "DIALOG" && (box.top < 0 || box.bottom > innerHeight));
		}).map((e) => e.outerHTML.slice(0, 100))`)
		if len(lost) > 0 {
			t.Errorf("at %d px these parts of the dialog are lost: %v", width, lost)
		}
	}
}
