package ui_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// attacks is what is put into every text that a page is given. None may make
// an element, an attribute or an address that a harmless text would not.
var attacks = []string{
	`"><svg onload=alert(1)>`,
	`'><img src=x onerror=alert(1)>`,
	`</title><script>alert(1)</script>`,
	`</textarea></style></script><script>alert(1)</script>`,
	`<!--><script>alert(1)</script-->`,
	`javascript:alert(1)`,
	" \tjava\nscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`vbscript:msgbox(1)`,
	`//evil.example/`,
	`https://evil.example/" onmouseover="alert(1)`,
	"`${alert(1)}`",
	`{{.Frame.CSRF}}{digits}{step}`,
	`+ADw-script+AD4-alert(1)+ADw-/script+AD4-`,
	`&lt;script&gt;&#60;script&#62;&quot;&#x22;`,
	`%22%3E%3Cscript%3Ealert(1)%3C/script%3E`,
	"a\u2028b\u2029c\u202ed\ufeffe",
	"NUL\x00 in the middle",
	"not UTF-8: \xff\xfe\xc0\xbc",
	strings.Repeat("very long ", 1_000),
}

// harmless has the same shape as an attack: neither empty nor an address.
const harmless = "Camille Martin 1"

// filled returns a copy of v in which every string, at any depth, is text, and
// every list has one element.
func filled(v reflect.Value, text string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(filled(v.Field(i), text))
			}
		}
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), 1, 1))
		out.Index(0).Set(filled(out.Index(0), text))
	default: // numbers stay what they are
	}
	return out
}

// shape is the elements and attributes of a page, without their values.
func shape(root *html.Node) string {
	var b strings.Builder
	for n := range nodes(root) {
		b.WriteString("<" + n.Data)
		for _, a := range n.Attr {
			b.WriteString(" " + a.Key)
		}
		b.WriteString(">")
	}
	return b.String()
}

func hostilePages() []ui.Page {
	pages := []ui.Page{
		ui.Login{}, ui.Login{Notice: ui.NoticeRefused, Wait: states.Wait}, ui.NewPIN{Min: 4, Max: 8}, ui.Synchronise{},
		ui.NextCode{}, ui.Portal{}, ui.Logout{}, ui.LoggedOut{}, ui.Assistance{}, ui.RequestSent{}, ui.RequestUnsent{},
		ui.Assistance{Notice: ui.NoticeRequestWrong, Wrong: map[string]ui.FieldProblem{ui.FieldEmail: ui.FieldNoAddress, ui.FieldDescription: ui.FieldTooLong}},
		ui.Console{Searched: true}, ui.ConsoleAct{Act: ui.ActLose}, ui.ConsoleCodes{}, ui.ConsoleStory{Asked: true}, ui.ConsolePending{}, ui.ConsoleRequests{}, ui.ConsoleRequest{}, ui.ConsoleRequest{Pictures: 2},
	}
	for _, k := range ui.Kinds() {
		pages = append(pages, ui.Problem{Kind: k})
	}
	return pages
}

func TestNothingThatIsShownBecomesMarkup(t *testing.T) {
	r := renderer(t)
	fill := func(text string, p ui.Page) (ui.Frame, ui.Page) {
		f := filled(reflect.ValueOf(states.Full(states.Refused)), text).Interface().(ui.Frame)
		return f, filled(reflect.ValueOf(p), text).Interface().(ui.Page)
	}
	for _, p := range hostilePages() {
		f, q := fill(harmless, p)
		want := shape(parse(t, render(t, r, f, q)))
		for _, attack := range attacks {
			f, q := fill(attack+" 1", p)
			page := render(t, r, f, q)
			root := parse(t, page)
			if got := shape(root); got != want {
				t.Errorf("%T: %.60q changes the page from\n%s to\n%s", p, attack, want, got)
			}
			checkAddresses(t, root)
			if !utf8.ValidString(page) || strings.Contains(page, "\x00") {
				t.Errorf("%T: %.60q makes a page that is not clean UTF-8", p, attack)
			}
		}
	}
}

// checkAddresses follows what a browser would follow.
func checkAddresses(t *testing.T, root *html.Node) {
	t.Helper()
	for n := range nodes(root) {
		for _, a := range n.Attr {
			if a.Key != "href" && a.Key != "src" && a.Key != "action" {
				continue
			}
			address := strings.ToLower(strings.Map(func(r rune) rune {
				if r <= ' ' {
					return -1
				}
				return r
			}, a.Val))
			scheme, _, ok := strings.Cut(address, ":")
			if ok && !strings.ContainsAny(scheme, "/?#") && scheme != "https" && scheme != "http" && scheme != "mailto" && scheme != "tel" {
				t.Errorf("<%s %s> leads to %.60q", n.Data, a.Key, a.Val)
			}
		}
	}
}

// What is typed stands in the page to the letter, once the browser has read it.
func TestTextsAreShownToTheLetter(t *testing.T) {
	r := renderer(t)
	for _, text := range []string{`O'Brien <b>&amp;</b> "Jo"`, `{digits}{title}{{.}}`, `C:\temp\n`} {
		f := states.Plain
		f.Person = text
		root := parse(t, render(t, r, f, ui.Login{Identifier: text, Target: text, Application: text}))
		ids := byID(t, root)
		if got := get(ids["identifier"], "value"); got != text {
			t.Errorf("the identifier %q became %q", text, got)
		}
		all := words(root)
		if strings.Count(all, text) < 2 {
			t.Errorf("%q is not shown as the person and the application in %q", text, all)
		}
	}
}

func FuzzRender(f *testing.F) {
	for _, attack := range attacks[:len(attacks)-1] {
		f.Add(attack)
	}
	r := renderer(f)
	show := func(t testing.TB, text string) *html.Node {
		frame := filled(reflect.ValueOf(states.Full(states.Refused)), text).Interface().(ui.Frame)
		page := filled(reflect.ValueOf(ui.Login{Notice: ui.NoticeRefused}), text).Interface().(ui.Page)
		return parse(t, render(t, r, frame, page))
	}
	want := shape(show(f, harmless))
	f.Fuzz(func(t *testing.T, text string) {
		root := show(t, text+" 1")
		if got := shape(root); got != want {
			t.Errorf("%q changes the page to\n%s", text, got)
		}
		checkAddresses(t, root)
	})
}
