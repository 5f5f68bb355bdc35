package caddymodule

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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

// TestLateFormStepByStep: nothing is sent but by the button, from that page, to
// that address, by that person.
func TestLateFormStepByStep(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	offer := s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save?x=1"), urlencoded, "a=b")))
	kept := s.at("notes", ui.PathKept)
	good := b.post(offer)
	change := func(by *browser, f func(*http.Request)) *http.Request {
		r := by.post(offer)
		f(r)
		return r
	}
	thief := s.loggedIn("mallory")
	thief.open(s.at("notes", "/"))
	s.notes.take()
	for _, tt := range []struct {
		name   string
		by     *browser
		req    *http.Request
		status int
		to     string
	}{
		{"looking at the page", b, b.page(kept), 200, ""},
		{"looking at the address", b, b.page(good.URL.String()), 303, s.at("notes", "/save?x=1")},
		{"HEAD", b, change(b, func(r *http.Request) { r.Method = http.MethodHead }), 303, s.at("notes", "/save?x=1")},
		{"without the token", b, change(b, withField("csrf", "")), 303, kept},
		{"with another token", b, change(b, withField("csrf", "x")), 303, kept},
		{"from another site", b, crossed(change(b, func(*http.Request) {})), 403, ""},
		{"another type", b, change(b, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), 415, ""},
		{"to another address", b, change(b, func(r *http.Request) { r.URL.Path = "/delete" }), 303, kept},
		{"with another query", b, change(b, func(r *http.Request) { r.URL.RawQuery = "x=2&" + againMark }), 303, kept},
		{"another person", thief, change(thief, func(*http.Request) {}), 410, ""},
	} {
		a := tt.by.once(tt.req)
		if a.StatusCode != tt.status || a.Header.Get("Location") != tt.to {
			t.Errorf("%s: %s to %q, want %d to %q", tt.name, a.Status, a.Header.Get("Location"), tt.status, tt.to)
		}
	}
	elsewhere := change(b, func(r *http.Request) { r.URL.Host, r.Host = "autre.localhost:"+s.port, "" })
	if a := b.do(elsewhere); a.StatusCode != http.StatusGone {
		t.Errorf("to another host: %s at %s", a.Status, a.url())
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
	// The session ends once more under the offer; the form is still there.
	if err := s.gate().EndSessions(t.Context(), authcore.Actor{Name: "test"}, "edupont"); err != nil {
		t.Fatal(err)
	}
	a := b.do(good)
	if a.url().Path != ui.PathLogin || !strings.Contains(a.body, "Votre formulaire est gardé") {
		t.Fatalf("without a session: %s at %s", a.Status, a.url())
	}
	a = b.submit(s.relogin(b, "edupont", a))
	if got := s.notes.take(); a.body != "ok" || len(got) != 1 || got[0].Body != "a=b" || got[0].Line != "POST /save?x=1 HTTP/1.1" {
		t.Errorf("after another login: %s at %s, the application got %v", a.Status, a.url(), got)
	}
}

// TestLateFormIsDropped: at the wish of its holder, who comes back to its page.
func TestLateFormIsDropped(t *testing.T) {
	s := startGate(t, "", "")
	for _, referer := range []string{s.at("notes", "/edit?eleve=12"), "", "https://evil.example/", s.at("autre", "/x"), s.at("notes", "/.sesame/logout")} {
		b := s.idle(authcore.Identifier(fmt.Sprintf("person%d", len(s.seeds))))
		id := fmt.Sprintf("person%d", len(s.seeds)-1)
		req := b.sent(s.at("notes", "/save"), urlencoded, "a=b")
		req.Header.Set("Referer", referer)
		offer := s.relogin(b, id, b.do(req))
		s.notes.take()
		first := formAction.FindStringIndex(offer.body)
		if first == nil {
			t.Fatalf("%s at %s", offer.Status, offer.url())
		}
		second := offer
		second.body = offer.body[first[1]:]
		if a := b.once(crossed(b.post(second))); a.StatusCode != http.StatusForbidden {
			t.Errorf("dropped from another site: %s", a.Status)
		}
		forged := b.post(second)
		withField("csrf", "x")(forged)
		if a := b.once(forged); a.Header.Get("Location") != s.at("notes", ui.PathKept) {
			t.Errorf("dropped without the token: %s to %q", a.Status, a.Header.Get("Location"))
		}
		want := s.at("notes", "/")
		if strings.HasPrefix(referer, s.at("notes", "/edit")) {
			want = referer
		}
		a := b.submit(second)
		if a.url().String() != want || b.own(s.at("notes", "/"), "sesame-kept") != "" {
			t.Errorf("from %q: dropped, and at %s (%s)", referer, a.url(), a.Status)
		}
		if got := s.notes.take(); len(got) != 1 || !strings.HasPrefix(got[0].Line, "GET ") {
			t.Errorf("the application got %v", got)
		}
		if a := b.once(b.post(second)); a.StatusCode != http.StatusGone {
			t.Errorf("dropped again: %s", a.Status)
		}
	}
}

// TestLateFormInTime: offered for ten minutes, on every way that leads to the
// application.
func TestLateFormInTime(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	// Logged in meanwhile in another tab: no login, the offer at once.
	s.relogin(b, "edupont", b.open(s.at("portail", "/")))
	a := b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=1"))
	if a.url().Path != ui.PathKept || a.StatusCode != http.StatusOK {
		t.Errorf("logged in elsewhere: %s at %s", a.Status, a.url())
	}
	if a = b.submit(a); a.body != "ok" {
		t.Errorf("sent: %s at %s", a.Status, a.url())
	}
	// By a bookmark of the portal, and on from there.
	advance(s.gate().Policy().Idle)
	b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=2"))
	s.relogin(b, "edupont", b.open(s.at("portail", "/.sesame/login")))
	if a = b.open(s.at("notes", "/")); a.url().Path != ui.PathKept || a.StatusCode != http.StatusOK {
		t.Errorf("by the portal: %s at %s", a.Status, a.url())
	}
	// Left alone, the page is no trap: the application can be used beside it.
	if a := b.open(s.at("notes", "/other")); a.body != "ok" {
		t.Errorf("beside the offer: %s at %s", a.Status, a.url())
	}
	// Too late.
	advance(10 * time.Minute)
	if late := b.once(b.post(a)); late.StatusCode != http.StatusGone || !strings.Contains(late.body, "n’est plus gardé") {
		t.Errorf("ten minutes later: %s\n%s", late.Status, late.body)
	}
	if a := b.once(b.page(s.at("notes", ui.PathKept))); a.StatusCode != http.StatusGone {
		t.Errorf("the offer, ten minutes later: %s", a.Status)
	}
	// A second form takes the place of the first.
	advance(s.gate().Policy().Idle)
	b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=first"))
	a = s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=second")))
	s.notes.take()
	if a = b.submit(a); a.body != "ok" || s.notes.take()[0].Body != "a=second" {
		t.Errorf("of two forms: %s at %s", a.Status, a.url())
	}
}

// TestLateFormForAFreshCode: a form under a code that is too old for it is kept as
// well.
func TestLateFormForAFreshCode(t *testing.T) {
	s := startGate(t, "", "path /signature/* {\n method POST\n max_age 5m\n}")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/signature/12"))
	advance(20 * time.Minute)
	s.notes.take()
	a := b.do(b.sent(s.at("notes", "/signature/12"), urlencoded, "signe=oui"))
	if a.url().Path != ui.PathLogin || !strings.Contains(a.body, "Votre formulaire est gardé") {
		t.Fatalf("%s at %s\n%s", a.Status, a.url(), a.body)
	}
	if a = s.relogin(b, "edupont", a); a.url().Path != ui.PathKept || len(s.notes.take()) > 0 {
		t.Fatalf("%s at %s\n%s", a.Status, a.url(), a.body)
	}
	if a = b.submit(a); a.body != "ok" || s.notes.take()[0].Body != "signe=oui" {
		t.Errorf("%s at %s", a.Status, a.url())
	}
	// So long on the page of the offer that the code is old again.
	advance(20 * time.Minute)
	a = s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/signature/13"), urlencoded, "signe=non")))
	advance(6 * time.Minute)
	s.notes.take()
	a = b.submit(a)
	if a.url().Path != ui.PathLogin || !strings.Contains(a.body, "Votre formulaire est gardé") || len(s.notes.take()) > 0 {
		t.Fatalf("%s at %s\n%s", a.Status, a.url(), a.body)
	}
	if a = b.submit(s.relogin(b, "edupont", a)); a.body != "ok" || s.notes.take()[0].Body != "signe=non" {
		t.Errorf("%s at %s", a.Status, a.url())
	}
}

// TestLargeFormIsNotKept: what is larger than a MiB is told so before it has come
// to its end, with a way out.
func TestLargeFormIsNotKept(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	host := "Host: notes.localhost:" + s.port + "\r\nCookie: sesame=" + b.own(s.at("notes", "/"), "sesame") +
		"\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nContent-Type: multipart/form-data; boundary=x\r\n"
	for name, request := range map[string]string{
		"announced": "POST /upload HTTP/1.1\r\n" + host + "Content-Length: 50000000\r\n\r\n" + strings.Repeat("x", 1000),
		"endless":   "POST /upload HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 17),
		"expecting": "POST /upload HTTP/1.1\r\n" + host + "Content-Length: 50000000\r\nExpect: 100-continue\r\n\r\n",
	} {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, request) // and then nothing more
		began := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		page := make([]byte, 20_000)
		n, _ := io.ReadFull(resp.Body, page)
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(page[:n]), "Connectez-vous dans un nouvel onglet") || time.Since(began) > lingerTime/2 {
			t.Errorf("%s: %s after %v\n%s", name, resp.Status, time.Since(began), page[:n])
		}
		c.Close()
	}
	// A browser that sends all of it first sees the page too.
	a := b.do(b.sent(s.at("notes", "/upload"), urlencoded, strings.Repeat("a", authcore.MaxForm+1)))
	if a.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, "(nouvel onglet)") || !strings.Contains(a.body, url.QueryEscape(s.at("notes", "/"))) {
		t.Errorf("a byte too much: %s\n%s", a.Status, a.body)
	}
	if a := b.do(b.sent(s.at("notes", "/upload"), urlencoded, strings.Repeat("a", 8<<20))); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("8 MiB: %s", a.Status)
	}
	long := b.do(b.sent(s.at("notes", "/"+strings.Repeat("a", maxTarget)), urlencoded, "a=b"))
	if long.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("an address that is too long to come back to: %s", long.Status)
	}
	if told, got := s.keptEvents(), s.notes.take(); len(told) > 0 || len(got) > 0 {
		t.Errorf("kept: %v; the application got %v", told, got)
	}
}

// A form whose last byte does not come is not waited for.
func TestSlowLateForm(t *testing.T) {
	was := keepTime
	keepTime = 200 * time.Millisecond
	t.Cleanup(func() { keepTime = was })
	s := startGate(t, "", "")
	b := s.idle("edupont")
	status := sendRaw(t, "127.0.0.1:"+s.port, "POST /save HTTP/1.1\r\nHost: notes.localhost:"+s.port+"\r\nCookie: sesame="+b.own(s.at("notes", "/"), "sesame")+
		"\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nContent-Type: "+urlencoded+"\r\nContent-Length: 100\r\n\r\na=b")
	if status != "400 Bad Request" || len(s.keptEvents()) > 0 {
		t.Errorf("%s, %v", status, s.keptEvents())
	}
}

// An application that takes its time over a form that was sent again gets it.
func TestLateFormAtASlowApplication(t *testing.T) {
	was := formTime
	formTime = 200 * time.Millisecond
	t.Cleanup(func() { formTime = was })
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case <-r.Context().Done():
		case <-time.After(3 * formTime):
			fmt.Fprintf(w, "got %s", body)
		}
	}))
	t.Cleanup(app.Close)
	s := newTestServer(t)
	s.notes.Address = app.Listener.Addr().String()
	s.run("", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	advance(s.gate().Policy().Idle)
	a := s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b")))
	if a = b.submit(a); a.body != "got a=b" {
		t.Errorf("%s: %s", a.Status, a.body)
	}
}

// Of many clicks on "send again", one sends.
func TestLateFormIsSentOnce(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	offer := s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b")))
	s.notes.take()
	var wg sync.WaitGroup
	for range 20 {
		req := b.post(offer)
		wg.Go(func() {
			if a := b.once(req); a.StatusCode != http.StatusOK && a.StatusCode != http.StatusGone {
				t.Errorf("a click: %s", a.Status)
			}
		})
	}
	wg.Wait()
	if got := s.notes.take(); len(got) != 1 || got[0].Body != "a=b" {
		t.Errorf("the application got %d requests", len(got))
	}
}

// Room is bounded, and who finds none is told.
func TestLateFormWithoutRoom(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	for i := range 64 {
		session := authcore.Session{ID: authcore.SessionID(fmt.Sprint(i)), Host: "notes.localhost", Holder: authcore.Identifier(fmt.Sprint("p", i))}
		if _, err := s.gate().Keep(t.Context(), session, authcore.Form{Address: "https://notes.localhost/"}, authcore.Source{}); err != nil {
			t.Fatal(err)
		}
	}
	a := b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b"))
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "n’a pas pu être gardé") {
		t.Errorf("%s\n%s", a.Status, a.body)
	}
}

// The page of the offer lets its form go wherever the application sends it on to,
// and is as strict as all others in everything else.
func TestPolicyOfTheOffer(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	a := s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b")))
	got := a.Header.Get("Content-Security-Policy")
	want := b.open(s.at("portail", "/.sesame/assistance")).Header.Get("Content-Security-Policy")
	want = regexp.MustCompile(`form-action [^;]*; `).ReplaceAllString(want, "")
	if got != want || strings.Contains(got, "form-action") {
		t.Errorf("the policy of the offer is %s, want %s", got, want)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestMarks(t *testing.T) {
	for uri, want := range map[string]string{
		"/a?.sesame=again": "/a", "/a?b=c&.sesame=again": "/a?b=c", "/a?&.sesame=again": "/a?", "/a?b&.sesame=again&.sesame=again": "/a?b&.sesame=again",
		"/a&.sesame=again": "", "/a.sesame=again": "", "/a?x.sesame=again": "", "/a?.sesame=again&b": "", "/a": "", "": "", "/a?.sesame=AGAIN": "", "/a?%2esesame=again": "",
		"/a?b?.sesame=again": "", "/.sesame=again": "",
	} {
		got, ok := unmarkURI(uri)
		if ok != (want != "") || ok && got != want || !ok && got != uri {
			t.Errorf("unmarkURI(%q) = %q, %v", uri, got, ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		uri := rapid.StringMatching(`/[!-~]*`).Draw(t, "uri")
		if got, ok := unmarkURI(markURI(uri)); !ok || got != uri {
			t.Fatalf("unmarkURI(markURI(%q)) = %q, %v", uri, got, ok)
		}
	})
}

// What handlers and placeholders read of the request is the form's first one.
func TestBecome(t *testing.T) {
	for _, uri := range []string{"/save", "/save?", "/save?a=b", "/save?a={b}&&"} {
		r := httptest.NewRequest(http.MethodPost, "http://notes.localhost"+markURI(uri), strings.NewReader("csrf=x"))
		r.TransferEncoding = []string{"chunked"}
		original := *r
		u := *r.URL
		original.URL = &u
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original))
		r.URL.Path = "/rewritten"
		x := &exchange{r: r}
		x.become(authcore.Form{ContentType: "multipart/form-data; boundary=x", Body: []byte("body")})
		original = r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
		body, err := io.ReadAll(r.Body)
		if x.r != r || err != nil || string(body) != "body" || r.ContentLength != 4 || r.TransferEncoding != nil ||
			r.URL.RequestURI() != strings.Replace(uri, "/save", "/rewritten", 1) ||
			r.RequestURI != "http://notes.localhost"+uri && r.RequestURI != uri || original.URL.RequestURI() != uri || original.RequestURI != r.RequestURI {
			t.Errorf("%s became %s, %s, %s with %q", uri, r.URL.RequestURI(), r.RequestURI, original.URL.RequestURI(), body)
		}
	}
}
