package caddymodule

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
)

const refusedText = "Identifiant ou PASSCODE incorrect"

// fresh is a new browser at the login page.
func (s *testServer) fresh() (*browser, answer) {
	s.t.Helper()
	b := newBrowser(s.t)
	return b, b.open(s.at("portail", "/.sesame/login"))
}

// TestForgedForms: each of the two checks refuses by itself, and none of the
// refused forms has used the code.
func TestForgedForms(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	passcode := testPIN + s.newCode("edupont")
	fields := []string{"identifier", "edupont", "passcode", passcode}
	for _, tt := range []struct {
		name  string
		forge func(*http.Request)
		says  string
	}{
		{"cross-site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, "autre site"},
		{"same-site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, "autre site"},
		{"another origin, no Sec-Fetch-Site", func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.example")
		}, "autre site"},
		{"opaque origin", func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "null")
		}, "autre site"},
		{"an application's origin", func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", s.at("notes", ""))
		}, "autre site"},
		{"no token", withField("csrf", ""), "expiré"},
		{"another token", withField("csrf", strings.Repeat("A", 60)), "expiré"},
		{"a megabyte of token", withField("csrf", strings.Repeat("A", 1<<15)), "expiré"},
		{"no cookie", func(r *http.Request) { r.Header.Set("X-Drop-Cookies", "1") }, "cookie"},
	} {
		b, a := s.fresh()
		req := b.post(a, fields...)
		tt.forge(req)
		if req.Header.Get("X-Drop-Cookies") != "" {
			b.client.Jar = nil
		}
		got := b.once(req)
		if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, tt.says) || strings.Contains(got.body, refusedText) || got.Header.Get("Sesame-Reference") == "" {
			t.Errorf("%s: %s\n%s", tt.name, got.Status, got.body)
		}
		for _, c := range got.Cookies() {
			if c.Name == "sesame" {
				t.Errorf("%s: a session was opened", tt.name)
			}
		}
	}
	// A token of another browser's login.
	b, a := s.fresh()
	_, other := s.fresh()
	token := hiddenField.FindStringSubmatch(other.body)[2]
	req := b.post(a, fields...)
	withField("csrf", token)(req)
	if got := b.once(req); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "expiré") {
		t.Errorf("another login's token: %s", got.Status)
	}
	// An old browser says nothing of where a form comes from: the token decides.
	req = b.post(a, fields...)
	req.Header.Del("Sec-Fetch-Site")
	req.Header.Del("Origin")
	req.Header.Set("Referer", s.at("portail", "/.sesame/login"))
	if got := b.do(req); got.url().Path != "/" || got.StatusCode != http.StatusOK {
		t.Errorf("the code was used by a forged form, or an old browser is shut out: %s\n%s", got.Status, got.body)
	}
}

// withField sets one field of a posted form.
func withField(name, value string) func(*http.Request) {
	return func(req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		values, err := url.ParseQuery(string(body))
		if err != nil {
			panic(err)
		}
		values.Set(name, value)
		new(browser).body(req, values.Encode())
	}
}

// TestFormsThatAreNone: what is no plain small form in UTF-8 is refused as a
// whole, and uses nothing.
func TestFormsThatAreNone(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	passcode := testPIN + s.newCode("edupont")
	good := func() (*browser, *http.Request) {
		b, a := s.fresh()
		return b, b.post(a, "identifier", "edupont", "passcode", passcode)
	}
	append1 := func(more string) func(*http.Request) {
		return func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			new(browser).body(r, string(body)+more)
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"multipart", header("Content-Type", "multipart/form-data; boundary=x"), 415},
		{"JSON", header("Content-Type", "application/json"), 415},
		{"text", header("Content-Type", "text/plain"), 415},
		{"no type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"a broken type", header("Content-Type", "application/x-www-form-urlencoded; charset"), 415},
		{"UTF-16", header("Content-Type", "application/x-www-form-urlencoded; charset=utf-16"), 415},
		{"compressed", header("Content-Encoding", "gzip"), 415},
		{"twice the passcode", append1("&passcode=123456"), 400},
		{"twice the token", append1("&csrf=x"), 400},
		{"bad escape", append1("&x=%zz"), 400},
		{"semicolon", append1("&x=1;y=2"), 400},
		{"too large", append1("&x=" + strings.Repeat("y", maxForm)), 413},
		{"too large, of unknown length", func(r *http.Request) {
			append1("&x=" + strings.Repeat("y", maxForm))(r)
			r.ContentLength, r.GetBody = -1, nil
		}, 413},
		{"a hundred thousand fields", append1(strings.Repeat("&a", 100_000)), 413},
		{"GET with a query", func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Method, r.URL.RawQuery, r.Body, r.ContentLength = "GET", string(body), nil, 0
		}, 200},
		{"everything in the query", func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.URL.RawQuery = string(body)
			new(browser).body(r, "")
		}, 403},
		{"passcode in an array", func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			new(browser).body(r, strings.Replace(string(body), "passcode=", "passcode%5B%5D=", 1))
		}, 422},
	} {
		b, req := good()
		tt.change(req)
		if a := b.once(req); a.StatusCode != tt.status || a.body == "" {
			t.Errorf("%s: %s, want %d\n%s", tt.name, a.Status, tt.status, a.body)
		}
	}
	b, req := good()
	header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")(req)
	if a := b.do(req); a.StatusCode != 200 || a.url().Path != "/" {
		t.Errorf("the good form, at last: %s at %s", a.Status, a.url())
	}
}

// TestLargeFormIsRefusedUnread: who announces a gigabyte is not asked for it.
func TestLargeFormIsRefusedUnread(t *testing.T) {
	s := startGate(t, "", "")
	c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /.sesame/login HTTP/1.1\r\nHost: portail.localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", s.port, 1<<30)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%v, %v", resp, err)
	}
}

// TestSlowForm: a form that trickles in is cut off, however small it is.
func TestSlowForm(t *testing.T) {
	formTime = 50 * time.Millisecond
	defer func() { formTime = 15 * time.Second }()
	s := startGate(t, "", "")
	c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /.sesame/login HTTP/1.1\r\nHost: portail.localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nidentifier=", s.port)
	c.SetReadDeadline(time.Now().Add(45 * time.Second)) // Caddy's own patience is a minute
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%v, %v", resp, err)
	}
}

// TestStoreFailure: without its store the gate lets nobody through and says that
// a code may have been used.
func TestStoreFailure(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	s.notes.take()
	out, login := s.fresh()
	v, _, err := acquire(place{dir: s.storeDir(), secret: s.dir + "/secret"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Delete(resolveLinks(s.storeDir()))
	if err := v.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := v.gate.Health(context.Background()); err != store.ErrClosed {
		t.Fatalf("the store is not closed: %v", err)
	}
	for name, a := range map[string]answer{
		"in session":     b.do(b.page(s.at("notes", "/x"))),
		"a script":       b.do(b.request("POST", s.at("notes", "/x"), "Accept", "application/json")),
		"the portal":     b.do(b.page(s.at("portail", "/"))),
		"the login":      b.do(b.page(s.at("portail", "/.sesame/login"))),
		"a login":        out.submit(login, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")),
		"a logout":       b.do(b.page(s.at("notes", "/.sesame/logout"))),
		"a ticket":       b.do(b.page(s.at("notes", "/.sesame/ticket?ticket="+strings.Repeat("A", 43)))),
		"the session":    b.do(b.request("GET", s.at("notes", "/.sesame/session"))),
		"its own health": b.do(b.request("GET", s.at("notes", "/.sesame/health"))),
	} {
		if name == "a ticket" && a.StatusCode == http.StatusServiceUnavailable {
			continue // its visit cookie is gone: the session is asked, and fails
		}
		if a.StatusCode != http.StatusServiceUnavailable || name != "its own health" && a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s\n%s", name, a.Status, a.body)
		}
		if strings.Contains(a.body, "closed") {
			t.Errorf("%s: the page shows the cause", name)
		}
		if name == "a login" && !strings.Contains(a.body, "code") {
			t.Error("the page does not say what to think of the code")
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
	if a := b.do(b.page(s.at("notes", "/public/x"))); a.StatusCode != http.StatusOK {
		t.Errorf("a public path: %s", a.Status)
	}
	if got := s.notes.take(); len(got) != 1 || len(got[0].managed()) != 0 {
		t.Errorf("of a public path the application got %d requests, or a name with it", len(got))
	}
	if !strings.Contains(s.log(), "it is closed") {
		t.Error("the log does not tell the cause")
	}
}

// TestBusy: when too many PINs wait to be judged, the page carries the reference
// under which the audit trail has it, and says that the code may be used.
func TestBusy(t *testing.T) {
	dir, secret := places(t)
	a := newApp(t, dir, secret)
	var err error
	if a.pages, err = newPageMaker(a.settings); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "https://a.test/.sesame/login", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
	x := &exchange{Handler: &Handler{app: a, site: a.portal}, w: w, r: r}
	if err := x.unanswered(steps[0], nil, authcore.Challenge{}, authcore.Reply{Reference: "7F3K-Q2M9"}, authcore.ErrBusy); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Sesame-Reference") != "7F3K-Q2M9" || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "7F3K-Q2M9") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
}
