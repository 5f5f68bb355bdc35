package caddymodule

import (
	"bytes"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// isolated are the texts that a page isolates from what stands around them.
func isolated(t *testing.T, a answer) (texts []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "bdi" && n.FirstChild != nil:
			texts = append(texts, n.FirstChild.Data)
		case n.Type == html.ElementNode && n.Data == "script" && n.FirstChild != nil:
			t.Errorf("there is a script: %.80q", n.FirstChild.Data)
		}
	}
	return texts
}

// A referent reads a request as it was typed, whatever that is, and nothing of it
// becomes markup, a header or an address.
func TestConsoleRequestAsTyped(t *testing.T) {
	s := consoleServer(t)
	for name, text := range map[string]string{
		"CRLF":  "a\r\nSet-Cookie: x=1\r\n\r\n<p>",
		"HTML":  `</bdi></dd><script>alert(1)</script>"'&amp;<img src=x onerror=alert(1)>`,
		"RTL":   "\u202egnp.exe \u2066x\u2069 شكرا \u200f",
		"emoji": "👩‍👩‍👧 🔑 é ﷽",
		"tmpl":  "{{.}} {name} {id}",
	} {
		typed := authcore.Request{Email: "eve.dupont@ac-exemple.fr", Description: text + strings.Repeat(" 100 kB é🔑\r\n", 6500)}
		for _, f := range authcore.RequestFields() {
			if f != authcore.RequestEmail && f != authcore.RequestDescription {
				*typed.Text(f) = text
			}
		}
		typed.Establishment = text + " " + lycee
		r, err := s.gate().Ask(t.Context(), name, typed, nil, authcore.Source{})
		s.must(err)
		b := s.again("rlycee")
		list := b.open(s.at("portail", ui.PathConsoleRequests))
		page := b.open(s.at("portail", ui.PathConsoleRequest+"?incident="+string(r.Reference)))
		if list.StatusCode != http.StatusOK || page.StatusCode != http.StatusOK || page.Header.Get("Set-Cookie") != "" {
			t.Fatalf("%s: %s, %s", name, list.Status, page.Status)
		}
		if !slices.Contains(isolated(t, list), lines(text)) {
			t.Errorf("%s: the list has %q", name, isolated(t, list))
		}
		shown := isolated(t, page)
		for _, f := range authcore.RequestFields() {
			if want := lines(*typed.Text(f)); !slices.Contains(shown, want) {
				t.Errorf("%s: the page has no %s like %.60q", name, f, want)
			}
		}
		if !strings.Contains(page.body, "rien ne prouve qui l’a écrite") || strings.Contains(page.body, ui.PathConsolePerson) || strings.Contains(page.body, ui.PathConsoleStory) {
			t.Errorf("%s: a stranger's request leads to a person, or to a story", name)
		}
		advance(time.Minute)
	}
}

// lines is a text as HTML has it (HTML, section 13.2.3.5).
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// A request of somebody who was logged in leads to them, to the story of their
// refusal, and to their screenshots, which are pictures and nothing else.
func TestConsoleRequest(t *testing.T) {
	s := consoleServer(t)
	eve := s.again("eve")
	refused := newBrowser(t)
	reference := refused.submit(refused.open(s.at("portail", ui.PathLogin)), "identifier", "eve", "passcode", "000000").Header.Get("Sesame-Reference")
	form := eve.open(s.at("portail", ui.PathAssistance+"?reference="+reference))
	sent := s.arrived(eve.do(eve.asks(form, matter(), screenshotFile(t, 60, 40), screenshotFile(t, 20, 10))))
	query := url.Values{ui.FieldReference: {string(sent.Reference)}}
	referent := s.again("rlycee")
	for who, b := range map[string]*browser{"rlycee": referent, "oper": s.again("oper"), "audit": s.again("audit")} {
		list := b.open(s.at("portail", ui.PathConsoleRequests))
		if !strings.Contains(list.body, ui.PathConsoleRequest+"?incident="+string(sent.Reference)) {
			t.Errorf("%s is not led to the request", who)
		}
		page := b.open(s.at("portail", ui.PathConsoleRequest+"?"+query.Encode()))
		for _, want := range []string{ui.PathConsolePerson + "?id=eve", ui.PathConsoleStory + "?incident=" + reference, "…" + sent.KeyNumber[len("…"):], "02 40 00 00 00", "number=2"} {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s is not told %q", who, want)
			}
		}
		if strings.Contains(page.body, "number=3") {
			t.Errorf("%s is led to a screenshot that there is not", who)
		}
		s.showsPicture(b, query, 60, 40)
	}
	if story := referent.open(s.at("portail", ui.PathConsoleStory+"?incident="+reference)); !strings.Contains(story.body, "aucun code de ses clés") {
		t.Errorf("the story of the refusal: %s", story.Status)
	}
	for what, a := range map[string]answer{
		"another language": referent.open(s.at("portail", ui.PathConsoleRequest+"?lang=en&"+query.Encode())),
		"small letters":    referent.open(s.at("portail", ui.PathConsoleRequest+"?incident="+strings.ToLower(strings.ReplaceAll(string(sent.Reference), "-", "")))),
	} {
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, string(sent.Reference)) {
			t.Errorf("%s: %s", what, a.Status)
		}
	}
}

// The list goes on, each request on one page of it.
func TestConsoleRequestsGoOn(t *testing.T) {
	s := consoleServer(t)
	for n := range consoleRequests + 2 {
		_, err := s.gate().Ask(t.Context(), fmt.Sprint(n), authcore.Request{
			Surname: "Dupont", GivenName: "Ève", Phone: "1", Subject: fmt.Sprintf("<%d>", n), Description: "d", Establishment: lycee,
		}, nil, authcore.Source{})
		s.must(err)
	}
	b := s.again("rlycee")
	first := b.open(s.at("portail", ui.PathConsoleRequests))
	next := regexp.MustCompile(`requests\?after=([0-9A-Z-]+)"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatal("the list does not go on")
	}
	second := b.open(s.at("portail", ui.PathConsoleRequests+"?after="+next[1]))
	shown := append(isolated(t, first), isolated(t, second)...)
	for n := range consoleRequests + 2 {
		if !slices.Contains(shown, fmt.Sprintf("<%d>", n)) {
			t.Errorf("number %d is on no page", n)
		}
	}
	if strings.Contains(second.body, "requests?after=") {
		t.Error("the list goes on behind its end")
	}
	for _, after := range []string{"x", "0000-0000", "'\r\n", next[1] + "0"} {
		if a := b.open(s.at("portail", ui.PathConsoleRequests+"?"+url.Values{ui.FieldAfter: {after}}.Encode())); a.StatusCode != http.StatusNotFound {
			t.Errorf("behind %q: %s", after, a.Status)
		}
	}
	if a := s.again("rnord").open(s.at("portail", ui.PathConsoleRequests+"?after="+next[1])); a.StatusCode != http.StatusNotFound {
		t.Errorf("a referent elsewhere: %s", a.Status)
	}
}

// showsPicture wants the first screenshot of a request, and that the browser is told
// what it may do with it.
func (s *testServer) showsPicture(b *browser, of url.Values, width, height int) {
	s.t.Helper()
	at := func(number string) *http.Request {
		return b.page(s.at("portail", ui.PathConsolePicture+"?"+of.Encode()+"&number="+number))
	}
	a := b.once(at("1"))
	picture, err := png.DecodeConfig(bytes.NewReader([]byte(a.body)))
	if a.StatusCode != http.StatusOK || err != nil || picture.Width != width || picture.Height != height {
		s.t.Errorf("the screenshot: %s, %v, %v", a.Status, picture, err)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/png", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Disposition": `inline; filename="` + of.Get(ui.FieldReference) + `-1.png"`,
	} {
		if got := a.Header.Get(name); got != want {
			s.t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, number := range []string{"0", "3", "-1", "x", "", "99999999999999999999"} {
		if a := b.once(at(number)); a.StatusCode != http.StatusNotFound {
			s.t.Errorf("screenshot %q: %s", number, a.Status)
		}
	}
}
