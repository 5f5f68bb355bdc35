package ui_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/ui"
)

// TestShoot
func TestShoot(t *testing.T) {
	s, ctx := newSite(t), newBrowser(t)
	for _, st := range states() {
		if o := os.Getenv("ONLY"); o != "" && !strings.Contains(","+o+",", ","+st.name+",") {
			continue
		}
		for _, l := range ui.Langs() {
			for _, width := range []int64{1280, 320} {
				do(t, ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(s.address(l, st.name)))
				shoot(t, ctx, name(st, l, width))
			}
		}
	}
}

func name(st state, l ui.Lang, w int64) string {
	if w == 320 {
		return st.name + "." + l.String() + ".320"
	}
	return st.name + "." + l.String() + ".1280"
}

var _ context.Context
