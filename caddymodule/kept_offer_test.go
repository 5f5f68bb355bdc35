package caddymodule

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

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
