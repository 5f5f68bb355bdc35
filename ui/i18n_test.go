package ui_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

func texts(t *testing.T, l ui.Lang) map[string]string {
	t.Helper()
	m, err := ui.Texts(l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	fr, en := texts(t, ui.French), texts(t, ui.English)
	for key := range maps.Keys(fr) {
		if _, ok := en[key]; !ok {
			t.Errorf("%s is not in en.json", key)
		}
	}
	for key, text := range en {
		french, ok := fr[key]
		switch {
		case !ok:
			t.Errorf("%s is not in fr.json", key)
		case text == "" || french == "":
			t.Errorf("%s is empty", key)
		case !slices.Equal(placeholders(text), placeholders(french)):
			t.Errorf("%s has other placeholders in the two languages: %v, %v", key, placeholders(french), placeholders(text))
		}
	}
}

// Every text is replaced by its key, and every page shown: what does not turn
// up is used by nothing.
func TestEveryTextIsUsed(t *testing.T) {
	r, err := ui.NewWithTexts(func(key, text string) string {
		return "⟦" + key + "⟧" + strings.Join(placeholders(text), " ")
	})
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	var pages []string
	for _, s := range states.All() {
		var html bytes.Buffer
		if err := r.Render(&html, s.In(ui.English), s.Page); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, html.String())
	}
	for _, s := range states.Sheets() {
		pages = append(pages, renderSheet(t, r, s.In(ui.English)))
	}
	for _, m := range states.Mails() {
		subject, body, err := r.RenderMail(m.In(ui.English))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, subject, body)
	}
	for _, m := range states.RequestMails() {
		subject, body, err := r.RenderRequest(m)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, subject, body)
	}
	for _, page := range pages {
		for _, found := range regexp.MustCompile(`⟦([^⟧]+)⟧`).FindAllStringSubmatch(page, -1) {
			used[found[1]] = true
		}
	}
	script, err := os.ReadFile(filepath.Join("client", "session.js"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`\bsay\.(\w+)`).FindAllStringSubmatch(string(script), -1) {
		used["warning."+found[1]] = true
	}
	for key := range texts(t, ui.French) {
		if !used[key] {
			t.Errorf("no page uses the text %s", key)
		}
	}
}

// French sets a non-breaking space before : and inside guillemets, a narrow one
// before ; ! and ?, and a curly apostrophe.
func TestFrenchTypography(t *testing.T) {
	for key, text := range texts(t, ui.French) {
		runes := []rune(text)
		for i, r := range runes {
			before, after := at(runes, i-1), at(runes, i+1)
			switch r {
			case ':', '»':
				if before != '\u00a0' {
					t.Errorf("%s: %q has no U+00A0 before %c", key, text, r)
				}
			case ';', '!', '?':
				if before != '\u202f' {
					t.Errorf("%s: %q has no U+202F before %c", key, text, r)
				}
			case '«':
				if after != '\u00a0' {
					t.Errorf("%s: %q has no U+00A0 after «", key, text)
				}
			case '\'', '"', '…':
				t.Errorf("%s: %q has %c", key, text, r)
			case '\u00a0', '\u202f':
				if !strings.ContainsRune(":»;!?", after) && before != '«' && !unicode.IsDigit(before) {
					t.Errorf("%s: %q has a non-breaking space where none belongs", key, text)
				}
			}
		}
		checkSpaces(t, key, text)
	}
}

func TestEnglishTypography(t *testing.T) {
	for key, text := range texts(t, ui.English) {
		if strings.ContainsAny(text, "'\"«»…\u00a0\u202f") {
			t.Errorf("%s: %q has a straight quote or a French mark", key, text)
		}
		if regexp.MustCompile(`\s[:;!?]`).MatchString(text) {
			t.Errorf("%s: %q has a space before its punctuation", key, text)
		}
		checkSpaces(t, key, text)
	}
}

func checkSpaces(t *testing.T, key, text string) {
	t.Helper()
	if strings.Contains(text, "  ") || strings.TrimSpace(text) != text {
		t.Errorf("%s: %q has a space too many", key, text)
	}
}

func at(runes []rune, i int) rune {
	if i < 0 || i >= len(runes) {
		return 0
	}
	return runes[i]
}

// How many digits a key shows is the page's to say, never a text's.
func TestTextsDoNotCountTheDigits(t *testing.T) {
	counted := regexp.MustCompile(`[4-9] (nouveaux )?(chiffres|(new )?digits)`)
	for _, l := range ui.Langs() {
		for key, text := range texts(t, l) {
			if counted.MatchString(text) {
				t.Errorf("%s, %s: %q", l, key, text)
			}
		}
	}
}

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		chosen, accept string
		want           ui.Lang
	}{
		{"", "", ui.French},
		{"fr", "en", ui.French},
		{"en", "fr", ui.English},
		{"EN", "", ui.French},
		{"de", "en", ui.English},
		{"", "en", ui.English},
		{"", "en-GB,en;q=0.9", ui.English},
		{"", "fr-CA, en;q=0.8", ui.French},
		{"", "en;q=0.3, fr;q=0.8", ui.French},
		{"", "de, en;q=0.5", ui.English},
		{"", "de", ui.French},
		{"", "ja,zh", ui.French},
		{"", "*", ui.French},
		{"", "en;q=0", ui.French},
		{"", "not a header ;;;", ui.French},
		{"", "\x00\xff", ui.French},
		{"", strings.Repeat("en,", 400), ui.French},
		{"", strings.Repeat("a-", 250), ui.French},
	} {
		if got := ui.Negotiate(c.chosen, c.accept); got != c.want {
			t.Errorf("Negotiate(%q, %.40q) = %v, not %v", c.chosen, c.accept, got, c.want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("", "fr-FR,fr;q=0.9,en;q=0.8")
	f.Add("en", "")
	f.Add("xx", "en;q=1.5,*;q=0")
	f.Fuzz(func(t *testing.T, chosen, accept string) {
		l := ui.Negotiate(chosen, accept)
		if !slices.Contains(ui.Langs(), l) {
			t.Errorf("Negotiate(%q, %q) is no language of ours: %v", chosen, accept, l)
		}
	})
}

func TestLangs(t *testing.T) {
	if got := ui.French.String() + ui.English.String() + ui.Lang(9).String(); got != "frenund" {
		t.Errorf("the tags are %q", got)
	}
	for _, l := range ui.Langs() {
		if l.Other() == l || l.Other().Other() != l {
			t.Errorf("the other language of %v is %v", l, l.Other())
		}
	}
}
