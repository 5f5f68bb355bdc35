package browser_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// sheetPolicy is the one that the admin endpoint serves the sheet under.
const sheetPolicy = "default-src 'none'; style-src 'unsafe-inline'"

// servesSheets serves every sheet at /sheet/LANG/NAME.
func (s *site) servesSheets(w http.ResponseWriter, r *http.Request) {
	for _, sheet := range states.Sheets() {
		if sheet.Name != r.PathValue("name") {
			continue
		}
		var html bytes.Buffer
		if err := s.renderer.RenderSheet(&html, sheet.In(ui.Negotiate(r.PathValue("lang"), ""))); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Security-Policy", sheetPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(html.Bytes())
		return
	}
	http.NotFound(w, r)
}

// A4 less the margins of the sheet, in CSS pixels.
const (
	sheetWidth  = 695  // 184 mm
	sheetHeight = 1046 // 277 mm
)

// printed counts the pages of the PDF that the browser prints.
func printed(ctx context.Context, t *testing.T) int {
	t.Helper()
	result, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: new(true), PreferCSSPageSize: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	return len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(result.Data, -1))
}

// The sheet is two sides of A4, whatever stands on it, on which nothing is cut
// off, and is accessible on a screen.
func TestBrowserSheets(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	axe := readAxe(t)
	always(ctx, t, watch)
	for _, sheet := range states.Sheets() {
		for _, l := range ui.Langs() {
			t.Run(sheet.Name+"/"+l.String(), func(t *testing.T) {
				do(ctx, t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/sheet/"+l.String()+"/"+sheet.Name))
				if found := refusedByPolicy(ctx, t); len(found) > 0 {
					t.Errorf("the sheet breaks its policy: %v", found)
				}
				do(ctx, t, chromedp.Evaluate[chromedp.Void](axe))
				checkAxe(ctx, t)
				emulate(ctx, t, "print")
				do(ctx, t, chromedp.EmulateViewport(sheetWidth, sheetHeight))
				checkLayout(ctx, t, "on paper")
				for _, side := range []string{"a", "b"} {
					if high := ask[float64](ctx, t, fmt.Sprintf(`document.querySelector(".side-%s").getBoundingClientRect().height`, side)); high > sheetHeight {
						t.Errorf("side %s is %.0f px high, the paper %d", side, high, sheetHeight)
					}
				}
				shoot(ctx, t, fmt.Sprintf("sheet-%s.%s.print", sheet.Name, l))
				if n := printed(ctx, t); n != 2 {
					t.Errorf("it is printed on %d sides", n)
				}
				emulate(ctx, t, "")
			})
		}
	}
}
