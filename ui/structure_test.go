package ui_test

import (
	"fmt"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// nodes walks the elements of a page in document order.
func nodes(root *html.Node) iter.Seq[*html.Node] {
	return func(yield func(*html.Node) bool) {
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && !yield(n) {
				return
			}
		}
	}
}

// all returns the elements that have one of the names.
func all(root *html.Node, names ...string) []*html.Node {
	var found []*html.Node
	for n := range nodes(root) {
		if slices.Contains(names, n.Data) {
			found = append(found, n)
		}
	}
	return found
}

// attr returns the value of an attribute and whether it is there.
func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// get returns the value of an attribute, empty when it is not there.
func get(n *html.Node, name string) string {
	value, _ := attr(n, name)
	return value
}

// words returns the text inside an element.
func words(n *html.Node) string {
	var text strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			text.WriteString(c.Data)
		}
	}
	return strings.Join(strings.FieldsFunc(text.String(), breaks), " ")
}

// breaks reports what HTML takes for one space; a non-breaking space is not.
func breaks(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }

func parse(t testing.TB, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// byID returns the elements of a page by their ids, which must be unique.
func byID(t *testing.T, root *html.Node) map[string]*html.Node {
	t.Helper()
	ids := make(map[string]*html.Node)
	for n := range nodes(root) {
		id, ok := attr(n, "id")
		if !ok {
			continue
		}
		if id == "" || strings.ContainsAny(id, " \t\n") || ids[id] != nil {
			t.Errorf("the id %q of <%s> is empty, has a space, or is another's", id, n.Data)
		}
		ids[id] = n
	}
	return ids
}

// controls are the fields that a person fills in.
func controls(root *html.Node) []*html.Node {
	return slices.DeleteFunc(all(root, "input", "select", "textarea"), func(n *html.Node) bool {
		return get(n, "type") == "hidden"
	})
}

// The policy that the pages are served under forbids everything inline.
func TestNothingIsInline(t *testing.T) {
	everyPage(t, func(t *testing.T, _ states.State, _ ui.Lang, page string) {
		for n := range nodes(parse(t, page)) {
			switch n.Data {
			case "style", "base", "iframe", "object", "embed", "template", "noscript":
				t.Errorf("there is a <%s>", n.Data)
			case "script":
				if get(n, "src") == "" || n.FirstChild != nil {
					t.Error("there is an inline script")
				}
			case "meta":
				if _, ok := attr(n, "http-equiv"); ok {
					t.Error("there is a <meta http-equiv>: it could refresh the page")
				}
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "srcdoc" {
					t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
				}
			}
		}
	})
}

// What a page loads comes from its own host and is one of the static files; who is
// logged in is warned before the end of the session as well.
func TestPagesLoadOnlyStaticFiles(t *testing.T) {
	loaded := make(map[string]bool)
	for _, name := range ui.StaticNames() {
		loaded[ui.StaticPath(name)] = false
	}
	everyPage(t, func(t *testing.T, st states.State, _ ui.Lang, page string) {
		root := parse(t, page)
		var addresses []string
		for _, n := range all(root, "script", "img", "use", "image") {
			addresses = append(addresses, get(n, "src")+get(n, "href"))
		}
		for _, n := range all(root, "link") {
			addresses = append(addresses, get(n, "href"))
		}
		warns := slices.Contains(addresses, ui.PathSessionScript)
		if want := st.Frame.Person != ""; warns != want {
			t.Errorf("the page warns before the end of a session: %v, want %v", warns, want)
		}
		for _, address := range addresses {
			if address == ui.PathSessionScript || strings.HasPrefix(address, ui.PathConsolePicture+"?") {
				continue
			}
			if _, ok := loaded[address]; !ok {
				t.Errorf("the page loads %q, which is no static file", address)
			}
			loaded[address] = true
		}
	})
	for address, used := range loaded {
		if !used {
			t.Errorf("no page loads %s", address)
		}
	}
}

func TestDocument(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, l ui.Lang, page string) {
		if !strings.HasPrefix(page, "<!DOCTYPE html>\n") {
			t.Error("the page does not begin with its doctype")
		}
		root := parse(t, page)
		if lang := get(all(root, "html")[0], "lang"); lang != l.String() {
			t.Errorf("lang is %q", lang)
		}
		title := words(all(root, "title")[0])
		want, err := renderer(t).Title(l, s.Page)
		if err != nil || title != want {
			t.Errorf("the title is %q, Title says %q, %v", title, want, err)
		}
		checkLandmarks(t, root)
		checkHeadings(t, root)
		checkNesting(t, page)
	})
}

func checkLandmarks(t *testing.T, root *html.Node) {
	t.Helper()
	for _, name := range []string{"header", "main", "footer", "h1", "title"} {
		if n := len(all(root, name)); n != 1 {
			t.Errorf("there are %d <%s>, not 1", n, name)
		}
	}
	first := all(root, "a", "button", "input")[0]
	if get(first, "href") != "#main" || get(all(root, "main")[0], "id") != "main" {
		t.Error("the first thing to focus is not a link that skips to the content")
	}
}

func checkHeadings(t *testing.T, root *html.Node) {
	t.Helper()
	level := 0
	for _, h := range all(root, "h1", "h2", "h3", "h4", "h5", "h6") {
		next := int(h.Data[1] - '0')
		if next > level+1 {
			t.Errorf("%s %q comes after a heading of level %d", h.Data, words(h), level)
		}
		if words(h) == "" {
			t.Errorf("an %s is empty", h.Data)
		}
		level = next
	}
}

// checkNesting reads the tags as they are written, which the parser would mend.
func checkNesting(t *testing.T, page string) {
	t.Helper()
	void := []string{"meta", "link", "input", "br", "hr", "img"}
	var open []string
	tokens := html.NewTokenizer(strings.NewReader(page))
	for kind := tokens.Next(); kind != html.ErrorToken; kind = tokens.Next() {
		name, _ := tokens.TagName()
		switch {
		case kind == html.StartTagToken && !slices.Contains(void, string(name)):
			open = append(open, string(name))
		case kind == html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%v are never closed", open)
	}
}

// meaning is what makes a page another page to the person before it.
func meaning(p ui.Page) string {
	switch p := p.(type) {
	case ui.Login:
		return "login " + p.Notice.String()
	case ui.NewPIN:
		return "pin " + p.Notice.String()
	case ui.Synchronise:
		return "synchronise " + p.Notice.String()
	case ui.NextCode:
		return "nextCode " + p.Notice.String()
	case ui.Portal:
		return fmt.Sprintf("portal %v %v", len(p.Applications) > 0, p.Notice)
	case ui.Problem:
		return "problem " + p.Kind.String()
	case ui.Assistance:
		return "assistance " + p.Notice.String()
	case ui.Passkeys:
		return "passkeys " + p.Notice.String()
	case ui.PasskeyAdd:
		return "passkeyAdd " + p.Notice.String()
	case ui.PasskeyRename:
		return "passkeyRename " + p.Notice.String()
	case ui.PasskeyRemove:
		return "passkeyRemove " + p.Notice.String()
	}
	return fmt.Sprintf("%T", p)
}

func TestTitlesDiffer(t *testing.T) {
	r := renderer(t)
	for _, l := range ui.Langs() {
		pages := make(map[string]string)
		for _, s := range states.All() {
			title, err := r.Title(l, s.Page)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := pages[title]; ok && other != meaning(s.Page) {
				t.Errorf("%s: %q is the title of %s and of %s", l, title, other, meaning(s.Page))
			}
			pages[title] = meaning(s.Page)
		}
	}
}

func TestTitlesOfErrorsAndSteps(t *testing.T) {
	r := renderer(t)
	for _, c := range []struct {
		lang ui.Lang
		page ui.Page
		want string
	}{
		{ui.French, ui.Login{}, "Connexion – Sésame"},
		{ui.French, ui.Login{Notice: ui.NoticeRefused}, "Erreur\u00a0: Identifiant ou PASSCODE incorrect – Connexion – Sésame"},
		{ui.French, ui.Login{Notice: ui.NoticeSessionEnded}, "Votre session est terminée – Connexion – Sésame"},
		{ui.French, ui.NewPIN{}, "Étape 2 sur 3\u00a0: Choix du code PIN – Sésame"},
		{ui.English, ui.Synchronise{Notice: ui.NoticeCodeUsed}, "Error: This code has already been used – Step 3 of 3: Activate your key – Sésame"},
		{ui.French, ui.Portal{}, "Aucune application – Sésame"},
		{ui.French, ui.Portal{Applications: states.Applications}, "Vos applications – Sésame"},
		{ui.English, ui.Problem{Kind: ui.ProblemNotFound}, "Page not found – Sésame"},
	} {
		if got, err := r.Title(c.lang, c.page); got != c.want || err != nil {
			t.Errorf("title %q, %v; want %q", got, err, c.want)
		}
	}
}

func TestReferencesInsideThePage(t *testing.T) {
	everyPage(t, func(t *testing.T, _ states.State, _ ui.Lang, page string) {
		root := parse(t, page)
		ids := byID(t, root)
		for n := range nodes(root) {
			for _, name := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls"} {
				value, ok := attr(n, name)
				if ok && strings.TrimSpace(value) == "" {
					t.Errorf("<%s> has an empty %s", n.Data, name)
				}
				for id := range strings.FieldsSeq(value) {
					if ids[id] == nil {
						t.Errorf("<%s %s=%q>: there is no %q", n.Data, name, value, id)
					}
				}
			}
			if id, ok := strings.CutPrefix(get(n, "href"), "#"); ok && ids[id] == nil {
				t.Errorf("a link leads to #%s, which is not there", id)
			}
		}
	})
}

func TestLinksLead(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, _ ui.Lang, page string) {
		for _, a := range all(parse(t, page), "a") {
			href, ok := attr(a, "href")
			address, err := url.Parse(href)
			if !ok || href == "" || err != nil {
				t.Errorf("a link %q leads to %q (%v)", words(a), href, err)
				continue
			}
			if !slices.Contains([]string{"", "https", "mailto", "tel"}, address.Scheme) {
				t.Errorf("a link leads to %q", href)
			}
			if words(a) == "" {
				t.Errorf("the link to %q has no words", href)
			}
			// A window of its own is one thing only, and says so (RGAA 13.2).
			told := get(a, "target") == "_blank" && get(a, "rel") == "noopener" && (strings.Contains(words(a), "(nouvel onglet)") || strings.Contains(words(a), "(new tab)"))
			if _, ok := attr(a, "target"); ok && !(told && s.Name == "problem-unkept") {
				t.Errorf("the link to %q opens a window of its own", href)
			}
		}
	})
}

// Links to pages of the portal name its host: the page may stand elsewhere.
func TestLinksStartWithThePortal(t *testing.T) {
	r := renderer(t)
	for _, portal := range []string{"https://portail.example.org", "https://portail.example.org/"} {
		f := states.SignedIn()
		f.PortalURL = portal
		page := render(t, r, f, ui.Problem{Kind: ui.ProblemForbidden})
		for _, want := range []string{
			`href="https://portail.example.org/"`, `href="https://portail.example.org/.sesame/assistance"`,
			`href="https://portail.example.org/.sesame/logout"`,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("portal %s: the page has no %s", portal, want)
			}
		}
	}
	if page := render(t, r, ui.Frame{}, ui.Problem{Kind: ui.ProblemExpired}); !strings.Contains(page, `href="/.sesame/login"`) {
		t.Error("without a portal the way to the login is not on the page's own host")
	}
	p := ui.Problem{Kind: ui.ProblemExpired, Next: "/.sesame/login?again"}
	if page := render(t, r, states.Plain, p); !strings.Contains(page, `href="/.sesame/login?again"`) {
		t.Error("Next is not where the button leads")
	}
}

func TestEveryRefusalHasItsReferenceAndTime(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, l ui.Lang, page string) {
		root := parse(t, page)
		shown := strings.Contains(words(root), states.Reference)
		if shown != (s.Frame.Reference != "") {
			t.Errorf("the reference is shown: %v", shown)
		}
		moments := all(root, "time")
		if len(moments) > 1 || shown != (len(moments) == 1) {
			t.Fatalf("there are %d moments", len(moments))
		}
		if !shown {
			return
		}
		want := map[ui.Lang]string{ui.French: "02/03/2026, 08:41:07", ui.English: "2 March 2026, 08:41:07"}[l]
		if got := words(moments[0]); got != want || get(moments[0], "datetime") != "2026-03-02T08:41:07+01:00" {
			t.Errorf("the moment is %q (%s)", got, get(moments[0], "datetime"))
		}
	})
}

// A reference is read out, and typed again: no line ends at its hyphen. What is an
// example of one, or was typed, is text like any other.
func TestReferencesStayWhole(t *testing.T) {
	reference := regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}\b`)
	seen := 0
	everyPage(t, func(t *testing.T, _ states.State, _ ui.Lang, page string) {
		for n := range parse(t, page).Descendants() {
			if n.Type != html.TextNode || !reference.MatchString(n.Data) {
				continue
			}
			if get(n.Parent, "class") == "reference-code" {
				seen++
			} else if class := get(n.Parent, "class"); class != "hint" && class != "unseen" && n.Parent.Data != "bdi" && !strings.Contains(n.Data, "par exemple") && !strings.Contains(n.Data, "for example") {
				t.Errorf("%q may be broken in two", n.Data)
			}
		}
	})
	if seen < 100 {
		t.Errorf("only %d references were seen", seen)
	}
	css, err := os.ReadFile(filepath.Join("static", "sesame.css"))
	if err != nil || !regexp.MustCompile(`(?m)^\.reference-code \{\n  white-space: nowrap;`).Match(css) {
		t.Errorf("the style does not keep them whole: %v", err)
	}
}
