package e2e

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var variable = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}|data-remaining="\d+"|value="[^"]*"|data-csrf="[^"]*"|datetime="[^"]*"|\d+ h \d+|\d\d(:|%3A)\d\d((:|%3A)\d\d)?`)

// TestEveryRefusalIsTheSame compares whole answers, but for the reference, the
// moment, and what the person typed.
func TestEveryRefusalIsTheSame(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	s.person("bloque", "--group", "enseignants")
	s.person("absent", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	locked := s.holder(t, "bloque")
	locked.firstLogin(locked.open(s.portal("/")))
	for range 5 {
		locked.refused("a wrong PIN", "8305"+locked.next())
	}
	s.sesame("user", "disable", "absent")
	absent := s.holder(t, "absent")
	nobody := &holder{browser: newBrowser(t), s: s, id: "personne"}

	answers := map[string]page{
		"a wrong code":          h.refused("a wrong code", pin+"000000"),
		"a wrong PIN":           h.refused("a wrong PIN", "8305"+h.next()),
		"a used code":           h.refused("a used code", pin+h.same()),
		"an unknown identifier": nobody.refused("an unknown identifier", pin+"123456"),
		"a locked key":          locked.refused("a locked key", pin+locked.next()),
		"a disabled person":     absent.refused("a disabled person", absent.next()),
	}
	want := answers["a wrong code"]
	for why, p := range answers {
		if p.status != want.status || bare(p.body) != bare(want.body) {
			t.Errorf("%s differs from a wrong code:\n%s\n%s", why, bare(p.body), bare(want.body))
		}
		if names(p.header) != names(want.header) {
			t.Errorf("%s has the headers %s, a wrong code %s", why, names(p.header), names(want.header))
		}
		if ref := p.header.Get("Sesame-Reference"); ref == "" || !contains(p.text, ref) || !contains(s.log.String(), ref) {
			t.Errorf("%s: the reference %q is not in header, page and log", why, ref)
		}
	}
}

func bare(body string) string { return variable.ReplaceAllString(body, "…") }

func names(h http.Header) string {
	var all []string
	for name := range h {
		if name != "Date" && name != "Content-Length" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// TestBadInput posts what no person means to: each gets a clear page, nothing is
// consumed, and the good PASSCODE still works.
func TestBadInput(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	good := pin + h.next()

	for _, c := range []struct {
		name, identifier, passcode string
		says                       string
	}{
		{"everything empty", "", "", "identifiant"},
		{"no identifier", "", good, "identifiant"},
		{"no passcode", "jdupont", "", "PASSCODE"},
		{"the passcode in the identifier's field", "1984654321", "jdupont", "identifiant"},
		{"NUL", "jdu\x00pont", good, "identifiant"},
		{"invalid UTF-8", "jdu\xff\xfepont", good, "identifiant"},
		{"digits of another script", "jdupont", "٧٢٩٤٦٥٤٣٢١", "chiffres"},
		{"letters", "jdupont", "abcdefghij", "chiffres"},
		{"too short", "jdupont", "12345", "chiffres"},
		{"too long", "jdupont", strings.Repeat("1", 40), "chiffres"},
		{"an identifier of a page's length", strings.Repeat("a", 5000), good, "identifiant"},
		{"markup", `"><script>alert(1)</script>`, good, "identifiant"},
	} {
		b, p := h.fresh()
		p = b.submit(p, "identifier", c.identifier, "passcode", c.passcode)
		if p.status < 400 || p.status >= 500 || !contains(p.text, c.says) {
			t.Errorf("%s: %d\n%s", c.name, p.status, p.text)
		}
		if contains(p.body, "<script>alert") || contains(p.body, good) || contains(p.body, "1984654321") {
			t.Errorf("%s: the page echoes what it must not", c.name)
		}
	}

	b, p := h.fresh()
	huge := b.request(p, "identifier", "jdupont", "passcode", strings.Repeat("7", 1<<20))
	if p = b.do(huge); p.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a megabyte got %d", p.status)
	}

	b, p = h.fresh()
	p = b.submit(p, "identifier", " JDupont ", "passcode", good[:4]+" "+good[4:7]+"\u202f"+good[7:])
	if p.status != http.StatusOK || p.url.Path != "/" {
		t.Fatalf("spaces inside the PASSCODE: %d at %s\n%s", p.status, p.url, p.text)
	}
	if log := s.log.String(); contains(log, good) || contains(log, "1984654321") || contains(log, "panic") {
		t.Error("the log holds what it must not")
	}
}

// TestForgedForms posts the login from elsewhere, or without the page's token:
// refused, and the code is not consumed.
func TestForgedForms(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	good := pin + h.next()

	for name, forge := range map[string]func(*http.Request){
		"another site": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", "https://evil.example")
		},
		"a sibling": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-site")
			r.Header.Set("Origin", s.notes(""))
		},
		"an opaque origin":       func(r *http.Request) { r.Header.Set("Origin", "null") },
		"an origin of old":       func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"no cookie of the login": func(r *http.Request) { r.Header.Set("Cookie", "sesame-login=forged") },
	} {
		b, p := h.fresh()
		req := b.request(p, "identifier", h.id, "passcode", good)
		if name == "no cookie of the login" {
			b.client.Jar = nil
		}
		forge(req)
		if p = b.do(req); p.status != http.StatusForbidden || hasSession(p) || contains(p.text, refusal) {
			t.Errorf("%s: %d %s", name, p.status, p.text)
		}
	}
	b, p := h.fresh()
	p.form.Set("csrf", "x")
	if p = b.submit(p, "identifier", h.id, "passcode", good); p.status != http.StatusForbidden {
		t.Errorf("a forged token: %d %s", p.status, p.text)
	}
	b, p = h.fresh()
	if p = b.submit(p, "identifier", h.id, "passcode", good); p.url.Path != "/" || p.status != http.StatusOK {
		t.Errorf("the code was consumed by a forged form: %d %s", p.status, p.text)
	}
}
