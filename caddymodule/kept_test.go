package caddymodule

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// sent makes the request of a form of the application's own, as a browser sends
// it.
func (b *browser) sent(address, contentType, body string) *http.Request {
	b.t.Helper()
	req := b.page(address)
	req.Method = http.MethodPost
	b.body(req, body)
	u := req.URL
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Origin", u.Scheme+"://"+u.Host)
	req.Header.Set("Referer", u.Scheme+"://"+u.Host+"/edit?eleve=12")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req
}

const urlencoded = "application/x-www-form-urlencoded"

// idle is a browser of a teacher whose session on notes has run out.
func (s *testServer) idle(id authcore.Identifier) *browser {
	s.t.Helper()
	b := s.loggedIn(id)
	b.open(s.at("notes", "/edit?eleve=12"))
	advance(s.gate().Policy().Idle)
	s.notes.take()
	return b
}

// relogin types the PASSCODE on a login page.
func (s *testServer) relogin(b *browser, id string, a answer) answer {
	s.t.Helper()
	return b.submit(a, "identifier", id, "passcode", testPIN+s.newCode(id))
}

// keptEvents are what the audit trail says of forms.
func (s *testServer) keptEvents() (told []string) {
	s.t.Helper()
	all, err := s.gate().Events(s.t.Context(), authcore.AuditQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all {
		switch e.Kind {
		case authcore.FormKept, authcore.FormSentAgain, authcore.FormDropped:
			told = append(told, e.Kind.String()+" "+string(e.Holder))
		}
	}
	return told
}

// aMultipart is a form with files, in bytes that no text has.
func aMultipart(t *testing.T, size int) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("appréciation", "Élève \"sérieuse\"\r\net appliquée"); err != nil {
		t.Fatal(err)
	}
	part, err := w.CreateFormFile("fichier", `relevé "1".pdf`)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range size {
		b.WriteByte(byte(random.Uint32()))
	}
	_ = part
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

// TestLateForm: what was sent behind the end of a session comes to the
// application after the login, once it is wished, byte for byte and once.
func TestLateForm(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	multi, file := aMultipart(t, 200_000)
	for i, tt := range []struct{ name, path, contentType, body string }{
		{"a form", "/save", urlencoded, "eleve=12&note=15&commentaire=Bien+%26+appliqu%C3%A9e%0D%0A&vide="},
		{"with a charset", "/save", urlencoded + "; charset=iso-8859-1", "nom=No%EBl&nom=Zo%EB"},
		{"odd bytes", "/save", urlencoded, "a=\x00\xff\r\n&b={}|^`\"<>\\"},
		{"empty", "/save", urlencoded, ""},
		{"with files", "/upload", multi, file},
		{"a MiB", "/save", urlencoded, strings.Repeat("a=b&", authcore.MaxForm/4)},
		{"with a query", "/save?eleve=12&f[0]=a&q={b}|^`c'(d)*!~$,:@", urlencoded, "a=b"},
		{"with an empty query", "/save?", urlencoded, "a=b"},
		{"with names like ours", "/save?target=x&visit=y&.sesame=again2&page=z", urlencoded, "csrf=theirs"},
		{"a path with accents and an encoded slash", "/%C3%A9l%C3%A8ves/a%2Fb;v=1//x", urlencoded, "a=b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			if i > 0 {
				advance(s.gate().Policy().Idle)
			}
			a := b.do(b.sent(s.at("notes", tt.path), tt.contentType, tt.body))
			if a.url().Path != ui.PathLogin || !strings.Contains(a.body, "Votre formulaire est gardé") || !strings.Contains(a.body, "Carnet de notes") {
				t.Fatalf("the form leads to %s (%s)\n%s", a.url(), a.Status, a.body)
			}
			if strings.Contains(a.body, "note=15") || strings.Contains(s.log(), "note=15") || len(s.notes.take()) > 0 {
				t.Error("the form is in the page or the log, or with the application")
			}
			a = s.relogin(b, "edupont", a)
			if a.url().Path != ui.PathKept || a.url().Host != "notes.localhost:"+s.port || a.StatusCode != http.StatusOK ||
				!strings.Contains(a.body, "Le formulaire que vous aviez envoyé a été gardé") || !strings.Contains(a.body, "Carnet de notes") {
				t.Fatalf("the login leads to %s (%s)\n%s", a.url(), a.Status, a.body)
			}
			if got := s.notes.take(); len(got) > 0 {
				t.Errorf("the application got %v before anybody wished it", got)
			}
			form, err := url.Parse(s.at("notes", tt.path))
			if err != nil {
				t.Fatal(err)
			}
			b.client.Jar.SetCookies(form, []*http.Cookie{{Name: "JSESSIONID", Value: "12", Path: form.Path}})
			again := b.post(a)
			got := b.do(again)
			if got.StatusCode != http.StatusOK || got.body != "ok" || got.url().RawQuery == "" || got.url().Path == ui.PathKept {
				t.Fatalf("sending again: %s at %s\n%s", got.Status, got.url(), got.body)
			}
			arrived := s.notes.take()
			if len(arrived) != 1 {
				t.Fatalf("the application got %d requests", len(arrived))
			}
			if r := arrived[0]; r.Line != "POST "+tt.path+" HTTP/1.1" || r.Body != tt.body {
				t.Errorf("it got %q with %d bytes, want %q with %d", r.Line, len(r.Body), tt.path, len(tt.body))
			}
			for name, want := range map[string][]string{
				"Content-Type": {tt.contentType}, "Content-Length": {fmt.Sprint(len(tt.body))}, "Transfer-Encoding": nil,
				"Referer": {s.at("notes", "/edit?eleve=12")}, "Origin": {s.at("notes", "")}, "Remote-User": {"edupont"}, "Cookie": {"JSESSIONID=12"},
			} {
				if diff := cmp.Diff(want, arrived[0].values(name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if b.own(s.at("notes", "/"), "sesame-kept") != "" {
				t.Error("the browser keeps the form's name")
			}
			// The page that it came from, sent once more; and its answer, loaded again.
			for range 2 {
				b.body(again, url.Values{"csrf": {"x"}}.Encode())
				if a := b.once(again.Clone(t.Context())); a.StatusCode != http.StatusGone || !strings.Contains(a.body, "n’est plus gardé") {
					t.Errorf("a second time: %s\n%s", a.Status, a.body)
				}
			}
			if got := s.notes.take(); len(got) > 0 {
				t.Errorf("the application got %v once more", got)
			}
		})
	}
}

// TestLateFormIsNotKept: everything that is no form of the application's own, or
// nobody's, is refused as ever, and leaves nothing behind.
func TestLateFormIsNotKept(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	shut := s.idle("hmartin")
	if err := s.gate().DisableAccount(t.Context(), authcore.Actor{Name: "test"}, "hmartin"); err != nil {
		t.Fatal(err)
	}
	forged := newBrowser(t)
	forged.set(s.at("notes", "/"), "sesame", strings.Repeat("A", 43))
	portal := newBrowser(t)
	portal.set(s.at("notes", "/"), "sesame", b.own(s.at("portail", "/"), "sesame"))
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			if r.Header.Del(name); value != "" {
				r.Header.Set(name, value)
			}
		}
	}
	without := func(names ...string) func(*http.Request) {
		return func(r *http.Request) {
			for _, name := range names {
				r.Header.Del(name)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		by     *browser
		change func(*http.Request)
	}{
		{"no session ever", newBrowser(t), func(*http.Request) {}},
		{"a session that never was", forged, func(*http.Request) {}},
		{"the portal's session", portal, func(*http.Request) {}},
		{"somebody who is shut out", shut, func(*http.Request) {}},
		{"another site", b, header("Sec-Fetch-Site", "cross-site")},
		{"a neighbour", b, header("Sec-Fetch-Site", "same-site")},
		{"typed by nobody", b, header("Sec-Fetch-Site", "none")},
		{"a browser that does not say from where", b, without("Sec-Fetch-Site", "Origin")},
		{"an older browser, from elsewhere", b, func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }},
		{"an older browser, from nowhere", b, func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }},
		{"a script", b, header("Sec-Fetch-Mode", "cors")},
		{"a script of an older browser", b, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Mode")
			r.Header.Set("X-Requested-With", "XMLHttpRequest")
		}},
		{"JSON", b, header("Content-Type", "application/json")},
		{"plain text", b, header("Content-Type", "text/plain")},
		{"no type", b, without("Content-Type")},
		{"a broken type", b, header("Content-Type", "multipart/form-data; boundary")},
		{"compressed", b, header("Content-Encoding", "gzip")},
		{"PUT", b, func(r *http.Request) { r.Method = http.MethodPut }},
		{"DELETE", b, func(r *http.Request) { r.Method = http.MethodDelete }},
	} {
		req := tt.by.sent(s.at("notes", "/save"), urlencoded, "a=b")
		tt.change(req)
		if a := tt.by.once(req); a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) > 0 {
			t.Errorf("%s: %s, cookies %v", tt.name, a.Status, a.Cookies())
		}
	}
	if told, got := s.keptEvents(), s.notes.take(); len(told) > 0 || len(got) > 0 {
		t.Errorf("kept: %v; the application got %v", told, got)
	}
	// An older browser that says where it comes from is believed.
	req := b.sent(s.at("notes", "/save"), urlencoded, "a=b")
	req.Header.Del("Sec-Fetch-Site")
	req.Header.Del("Sec-Fetch-Mode")
	if a := b.once(req); a.StatusCode != http.StatusSeeOther || len(s.keptEvents()) != 1 {
		t.Errorf("an older browser: %s, %v", a.Status, s.keptEvents())
	}
}

// TestLateFormOfSomebodyElse: whoever logs in where another person's form waits is
// told nothing of it, and the form is gone.
func TestLateFormOfSomebodyElse(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("hmartin")
	b := s.idle("edupont")
	a := b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=secret"))
	name := b.own(s.at("notes", "/"), "sesame-kept")
	a = s.relogin(b, "hmartin", a)
	if a.url().String() != s.at("notes", "/") || a.body != "ok" || b.own(s.at("notes", "/"), "sesame-kept") != "" {
		t.Errorf("somebody else arrives at %s (%s)\n%s", a.url(), a.Status, a.body)
	}
	for _, r := range s.notes.take() {
		if !strings.HasPrefix(r.Line, "GET / ") || r.Body != "" {
			t.Errorf("the application got %q", r.Line)
		}
	}
	if diff := cmp.Diff([]string{"form-kept edupont", "form-dropped edupont"}, s.keptEvents()); diff != "" {
		t.Errorf("written down (-want +got):\n%s", diff)
	}
	// Nor is it there for its holder any more, even with its name.
	mine := newBrowser(t)
	s.relogin(mine, "edupont", mine.open(s.at("notes", "/")))
	mine.set(s.at("notes", "/"), "sesame-kept", name)
	if a := mine.open(s.at("notes", ui.PathKept)); a.StatusCode != http.StatusGone {
		t.Errorf("its holder: %s", a.Status)
	}
}
