package ui_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

func renderSheet(t testing.TB, r *ui.Renderer, s ui.Sheet) string {
	t.Helper()
	var html bytes.Buffer
	if err := r.RenderSheet(&html, s); err != nil {
		t.Fatal(err)
	}
	return html.String()
}

// everySheet calls check with every sheet in every language.
func everySheet(t *testing.T, check func(t *testing.T, s states.Sheet, l ui.Lang, html string)) {
	t.Helper()
	for _, s := range states.Sheets() {
		for _, l := range ui.Langs() {
			t.Run(s.Name+"/"+l.String(), func(t *testing.T) {
				check(t, s, l, renderSheet(t, renderer(t), s.In(l)))
			})
		}
	}
}

var inlineStyle = regexp.MustCompile(`(?s)<style>.*</style>`)

func TestGoldenSheets(t *testing.T) {
	everySheet(t, func(t *testing.T, s states.Sheet, l ui.Lang, page string) {
		path := filepath.Join("testdata", "sheet", s.Name+"."+l.String()+".html")
		got := inlineStyle.ReplaceAllString(page, "<style>STYLE</style>")
		if *update {
			writeGolden(t, path, got)
			return
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v (go test ./ui -run TestGoldenSheets -update writes it)", err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("the sheet is not the golden one (-want +got):\n%s", diff)
		}
	})
}

// The sheet needs nothing but itself, does nothing, and is a whole document.
func TestASheetStandsAlone(t *testing.T) {
	everySheet(t, func(t *testing.T, _ states.Sheet, l ui.Lang, page string) {
		root := parse(t, page)
		if lang := get(all(root, "html")[0], "lang"); lang != l.String() {
			t.Errorf("lang is %q", lang)
		}
		for _, name := range []string{"script", "link", "img", "iframe", "object", "embed", "base", "form", "input", "button", "select", "textarea", "label"} {
			if n := len(all(root, name)); n > 0 {
				t.Errorf("there are %d <%s>", n, name)
			}
		}
		for n := range nodes(root) {
			for _, a := range n.Attr {
				if a.Key == "style" || a.Key == "src" || a.Key == "autofocus" || a.Key == "name" && n.Data != "meta" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "data-") {
					t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
				}
			}
		}
		style := words(all(root, "style")[0])
		for _, word := range []string{"url(", "@import", "@font-face", "http:", "https:", "prefers-color-scheme", "forced-colors"} {
			if strings.Contains(style, word) {
				t.Errorf("the style has %s", word)
			}
		}
		if strings.Count(style, "{") != strings.Count(style, "}") || !strings.Contains(style, ".card {") || strings.Count(style, "@media print") != 1 {
			t.Error("the style is not the pages' and the sheet's")
		}
		checkHeadings(t, root)
		checkNesting(t, page)
		ids := byID(t, root)
		for _, section := range all(root, "section") {
			if ids[get(section, "aria-labelledby")] == nil {
				t.Error("a side has no name")
			}
		}
	})
}

// The pictures are the pages' own words and buttons, and are hidden from who
// cannot see them behind one description each.
func TestThePicturesAreThePages(t *testing.T) {
	everySheet(t, func(t *testing.T, s states.Sheet, l ui.Lang, page string) {
		root := parse(t, page)
		pictures := slices.DeleteFunc(all(root, "div"), func(n *html.Node) bool { return get(n, "class") != "picture" })
		if len(pictures) != 3 {
			t.Fatalf("there are %d pictures", len(pictures))
		}
		sheet := s.In(l)
		for i, p := range []ui.Page{
			ui.Login{Identifier: sheet.Identifier, Digits: sheet.Digits},
			ui.NewPIN{Min: sheet.Min, Max: sheet.Max, Activation: sheet.Activation},
			ui.Synchronise{Digits: sheet.Digits},
		} {
			if get(pictures[i], "role") != "img" || get(pictures[i], "aria-label") == "" || get(pictures[i].FirstChild, "aria-hidden") != "true" {
				t.Errorf("picture %d is not one to a screen reader", i+1)
			}
			shown := words(pictures[i])
			real := parse(t, render(t, renderer(t), ui.Frame{Lang: l}, p))
			for _, n := range slices.Concat(all(real, "h1"), all(real, "label")) {
				if !strings.Contains(shown, words(n)) {
					t.Errorf("picture %d does not show %q", i+1, words(n))
				}
			}
			if button := all(real, "button"); !strings.Contains(shown, words(button[len(button)-1])) {
				t.Errorf("picture %d does not show its button", i+1)
			}
		}
		if !strings.Contains(words(pictures[0]), sheet.Identifier) {
			t.Error("the first picture does not show what this person types")
		}
	})
}

// Everything that the sheet is given is on it: once on each side what identifies.
func TestWhatASheetSays(t *testing.T) {
	everySheet(t, func(t *testing.T, s states.Sheet, l ui.Lang, page string) {
		root := parse(t, page)
		for _, side := range all(root, "section") {
			for _, want := range []string{s.Sheet.Identifier, s.Sheet.Serial, s.Sheet.Name, s.Sheet.Establishment} {
				if !strings.Contains(words(side), want) {
					t.Errorf("a side does not say %s", want)
				}
			}
		}
		said := words(root)
		for _, want := range []string{s.Sheet.PortalURL, s.Sheet.Contact.Name, s.Sheet.Contact.Phone, map[ui.Lang]string{ui.French: "01/09/2026", ui.English: "1 September 2026"}[l]} {
			if !strings.Contains(said, want) {
				t.Errorf("the sheet does not say %s", want)
			}
		}
	})
}

func TestNothingOnASheetBecomesMarkup(t *testing.T) {
	r := renderer(t)
	fill := func(text string) string {
		s := filled(reflect.ValueOf(states.Sheets()[1].Sheet), text).Interface().(ui.Sheet)
		s.Date = states.Sheets()[1].Sheet.Date
		return inlineStyle.ReplaceAllString(renderSheet(t, r, s), "")
	}
	want := shape(parse(t, fill(harmless)))
	for _, attack := range attacks {
		root := parse(t, fill(attack+" 1"))
		if got := shape(root); got != want {
			t.Errorf("%.60q changes the sheet from\n%s to\n%s", attack, want, got)
		}
		checkAddresses(t, root)
	}
}

func TestRenderSheetErrors(t *testing.T) {
	var html bytes.Buffer
	if err := renderer(t).RenderSheet(&html, ui.Sheet{Lang: 7}); err == nil || html.Len() > 0 {
		t.Errorf("a language that does not exist: %v, %d bytes", err, html.Len())
	}
	broken := errors.New("connection reset")
	if err := renderer(t).RenderSheet(fullDisk{broken}, states.Sheets()[0].In(ui.French)); !errors.Is(err, broken) {
		t.Errorf("RenderSheet returned %v, not the writer's error", err)
	}
}
