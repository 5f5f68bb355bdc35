package ui_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// pair is two colours that meet, and the contrast that they need: 4.5 for text
// (WCAG 1.4.3), 3 for what must be seen to use the page (WCAG 1.4.11).
type pair struct {
	front, back string
	least       float64
	where       string
}

var pairs = []pair{
	{"ink", "page", 4.5, "text"},
	{"ink", "card", 4.5, "text in a card, a field"},
	{"ink", "tint", 4.5, "text of an information"},
	{"ink", "error-tint", 4.5, "text of an error"},
	{"ink", "success-tint", 4.5, "text of a success"},
	{"soft", "page", 4.5, "hints"},
	{"soft", "card", 4.5, "hints in a card"},
	{"soft", "tint", 4.5, "an application under the pointer"},
	{"accent", "page", 4.5, "links"},
	{"accent", "card", 4.5, "links in a card, the show button"},
	{"accent", "tint", 4.5, "links in a tinted box"},
	{"accent-strong", "page", 4.5, "links under the pointer"},
	{"accent-strong", "card", 4.5, "links under the pointer"},
	{"accent-strong", "tint", 4.5, "links under the pointer"},
	{"on-accent", "accent", 4.5, "buttons, the mark"},
	{"on-accent", "accent-strong", 4.5, "buttons under the pointer"},
	{"on-tint", "tint", 4.5, "what to do, the heading of an information"},
	{"on-tint", "card", 4.5, "the step"},
	{"on-tint", "page", 4.5, "the code in the example"},
	{"warm", "page", 4.5, "the PIN in the example"},
	{"error", "card", 4.5, "an error at its field, the edge of the field"},
	{"error", "error-tint", 4.5, "the heading of an error"},
	{"success", "success-tint", 4.5, "the heading of a success"},
	{"on-demo", "demo", 4.5, "the banner of a demonstration"},
	{"segment", "screen", 4.5, "the digits of the key"},

	{"edge", "card", 3, "the edge of a field"},
	{"edge", "page", 3, "the edge of an application, the ring"},
	{"accent", "card", 3, "the step, the countdown"},
	{"accent", "tint", 3, "the countdown, the edge of an information"},
	{"success", "card", 3, "the end of the countdown"},
	{"success", "tint", 3, "the end of the countdown"},
	{"success", "success-tint", 3, "the edge of a success"},
	{"error", "error-tint", 3, "the edge of an error"},
	{"card", "error", 3, "the sign in an error"},
	{"card", "success", 3, "the sign in a success"},
	{"card", "accent", 3, "the sign in an information"},
	{"screen", "key-body", 3, "the key's screen"},
	{"key-edge", "page", 3, "the key"},
	{"focus", "page", 3, "the focus"},
	{"focus", "card", 3, "the focus"},
	{"focus", "tint", 3, "the focus"},
	{"focus", "error-tint", 3, "the focus"},
}

// schemes reads the colours of the style sheet: the light ones stand in the
// first :root, the dark ones in the second.
func schemes(t *testing.T) map[string]map[string]string {
	t.Helper()
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(source(t, "sesame.css"), -1)
	if len(blocks) != 2 {
		t.Fatalf("the style sheet has %d :root blocks, not a light and a dark one", len(blocks))
	}
	found := make(map[string]map[string]string)
	for i, name := range []string{"light", "dark"} {
		found[name] = make(map[string]string)
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(blocks[i][1], -1) {
			found[name][m[1]] = m[2]
		}
	}
	return found
}

// luminance is the relative luminance of a colour (WCAG 2.2, definition).
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	var linear [3]float64
	for i, c := range rgb {
		v := float64(c) / 255
		if v <= 0.04045 {
			linear[i] = v / 12.92
		} else {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast(t *testing.T) {
	for scheme, colours := range schemes(t) {
		used := make(map[string]bool)
		for _, p := range pairs {
			used[p.front], used[p.back] = true, true
			front, back := colours[p.front], colours[p.back]
			if front == "" || back == "" {
				t.Errorf("%s: there is no %s or no %s", scheme, p.front, p.back)
				continue
			}
			if got := contrast(t, front, back); got < p.least {
				t.Errorf("%s: %s on %s (%s) is %.2f:1, less than %.1f:1", scheme, p.front, p.back, p.where, got, p.least)
			}
		}
		for name := range colours {
			if !used[name] && name != "line" { // line only decorates
				t.Errorf("%s: the colour %s meets nothing in the list of pairs", scheme, name)
			}
		}
	}
}

func TestContrastOfKnownColours(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#ffffff", "#ffffff", 1},
	} {
		if got := contrast(t, c.a, c.b); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%s on %s is %.2f, not %.2f", c.a, c.b, got, c.want)
		}
	}
}

// A colour that is not in the lists of :root would escape the test above.
func TestColoursAreNamed(t *testing.T) {
	css := source(t, "sesame.css")
	_, rules, _ := strings.Cut(css, "*::after {")
	screen, _, _ := strings.Cut(rules, "@media print")
	if found := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|\b(rgb|hsl|lab|lch|color-mix)a?\(|\bopacity\b`).FindAllString(screen, -1); found != nil {
		t.Errorf("the rules have colours of their own: %v", found)
	}
	for _, m := range regexp.MustCompile(`var\(--([a-z-]+)\)`).FindAllStringSubmatch(screen, -1) {
		for scheme, colours := range schemes(t) {
			if colours[m[1]] == "" {
				t.Errorf("%s has no colour %s", scheme, m[1])
			}
		}
	}
}
