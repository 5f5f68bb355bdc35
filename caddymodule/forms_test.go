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
	"sync"
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
	c.SetReadDeadline(time.Now().Add(20 * time.Second)) // Caddy's own patience is a minute
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("%v, %v", resp, err)
	}
}

// TestNotices: what was typed wrongly is said beside the field, keeps the
// identifier, and uses nothing.
func TestNotices(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	passcode := testPIN + s.newCode("edupont")
	for _, tt := range []struct{ identifier, passcode, says string }{
		{"", passcode, "Identifiant manquant"},
		{"   ", passcode, "Identifiant manquant"},
		{"e dupont", passcode, "Identifiant mal formé"},
		{"édupont", passcode, "Identifiant mal formé"},
		{"edu\x00pont", passcode, "Identifiant mal formé"},
		{"edu\xffpont", passcode, "Identifiant mal formé"},
		{strings.Repeat("e", 65), passcode, "Identifiant mal formé"},
		{"7294 123456", passcode, "Des chiffres à la place de l’identifiant"},
		{"edupont", "", "PASSCODE manquant"},
		{"edupont", "  ", "PASSCODE manquant"},
		{"edupont", "123a456", "ne contient que des chiffres"},
		{"edupont", "٧٢٩٤٦٥٤٣٢١", "ne contient que des chiffres"},
		{"edupont", "1234567８", "ne contient que des chiffres"},
		{"edupont", "1 2 3 4 5", "PASSCODE trop court"},
		{"edupont", strings.Repeat("1", 21), "PASSCODE trop long"},
	} {
		b, a := s.fresh()
		a = b.submit(a, "identifier", tt.identifier, "passcode", tt.passcode)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, tt.says) {
			t.Errorf("%q, %d digits: %s, does not say %q", tt.identifier, len(tt.passcode), a.Status, tt.says)
		}
		if strings.Contains(a.body, passcode) || strings.Contains(a.body, "7294 123456") {
			t.Errorf("%q: the page repeats a PASSCODE", tt.identifier)
		}
		if tt.identifier == "edupont" && !strings.Contains(a.body, `value="edupont"`) {
			t.Errorf("%s: the identifier is lost", tt.says)
		}
	}
	b, a := s.fresh()
	if a = b.submit(a, "identifier", " EDupont ", "passcode", passcode[:4]+" "+passcode[4:7]+"\u202f"+passcode[7:]); a.url().Path != "/" {
		t.Errorf("spaces and capitals: %s at %s", a.Status, a.url())
	}
}

// TestPINNotices goes through what the policy has against a PIN.
func TestPINNotices(t *testing.T) {
	s := startGate(t, "pin {\n length 4 6\n}", "")
	s.teacher("edupont")
	b, a := s.fresh()
	code := s.newCode("edupont")
	a = b.submit(a, "identifier", "edupont", "passcode", code)
	if a.url().Path != "/.sesame/pin" || !strings.Contains(a.body, "4001") {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	for _, tt := range []struct{ pin, again, says string }{
		{"", "", "Code PIN manquant"},
		{testPIN, "", "Code PIN manquant"},
		{"72a4", "72a4", "ne contient que des chiffres"},
		{testPIN, "7295", "Les deux codes PIN sont différents"},
		{"729", "729", "Code PIN trop court"},
		{"7294618", "7294618", "Code PIN trop long"},
		{"1111", "1111", "répétition"},
		{"1234", "1234", "suite"},
		{"1984", "1984", "date"},
		{"2580", "2580", "trop courant"},
		{"8264", "8264", "numéro de la clé"},
		{code[:4], code[:4], "PIN"},
	} {
		a = b.submit(a, "pin", tt.pin, "pin_again", tt.again)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, tt.says) {
			t.Errorf("PIN of %d digits: %s, does not say %q", len(tt.pin), a.Status, tt.says)
		}
	}
	if a = b.submit(a, "pin", testPIN, "pin_again", testPIN); a.url().Path != "/.sesame/synchronise" {
		t.Errorf("a good PIN: %s at %s", a.Status, a.url())
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
		"a public path":  b.do(b.page(s.at("notes", "/public/x"))),
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
	if !strings.Contains(s.log(), "it is closed") {
		t.Error("the log does not tell the cause")
	}
}

// TestTheSameFormTwice, one after the other and at once: the person arrives, in
// one session.
func TestTheSameFormTwice(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	target := s.at("notes", "/deep")
	count := func() int {
		all, err := s.gate().Sessions(t.Context(), "edupont")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	b := newBrowser(t)
	a := b.open(target)
	req := func() *http.Request { return b.post(a, "identifier", "edupont", "passcode", "") }
	passcode := testPIN + s.newCode("edupont")
	first, second := req(), req()
	withField("passcode", passcode)(first)
	withField("passcode", passcode)(second)
	for i, r := range []*http.Request{first, second} {
		if got := b.do(r); got.url().String() != target || got.body != "ok" {
			t.Errorf("click %d ended at %s with %s", i+1, got.url(), got.Status)
		}
	}
	if got := count() - before; got != 1 {
		t.Errorf("two clicks made %d sessions", got)
	}

	before = count()
	b, a = s.fresh()
	passcode = testPIN + s.newCode("edupont")
	var wg sync.WaitGroup
	for range 8 {
		r := b.post(a, "identifier", "edupont", "passcode", passcode)
		wg.Go(func() {
			if got := b.do(r); got.url().Path != "/" || got.StatusCode != 200 {
				t.Errorf("a click at once ended at %s with %s", got.url(), got.Status)
			}
		})
	}
	wg.Wait()
	if got := count() - before; got != 1 {
		t.Errorf("eight clicks at once made %d sessions", got)
	}
}

// TestStepsOutOfTurn: each page is for its moment; others lead back to it.
func TestStepsOutOfTurn(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b, a := s.fresh()
	for _, path := range []string{"/.sesame/pin", "/.sesame/synchronise", "/.sesame/next-code"} {
		if got := b.open(s.at("portail", path)); got.url().Path != "/.sesame/login" {
			t.Errorf("%s at the beginning leads to %s", path, got.url())
		}
	}
	pinPage := b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	for _, path := range []string{"/", "/.sesame/login", "/.sesame/synchronise", "/.sesame/next-code"} {
		if got := b.open(s.at("portail", path)); got.url().Path != "/.sesame/pin" {
			t.Errorf("%s while the PIN is asked leads to %s", path, got.url())
		}
	}
	if got := b.once(b.page(s.at("notes", "/"))); got.StatusCode != http.StatusSeeOther {
		t.Errorf("an application while the PIN is asked: %s", got.Status)
	}
	// The page before, sent again after all.
	if got := b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont")); got.url().Path != "/.sesame/pin" {
		t.Errorf("the first form again leads to %s (%s)", got.url(), got.Status)
	}
	b.submit(pinPage, "pin", testPIN, "pin_again", testPIN)

	// Ten minutes later it begins again, and says so.
	advance(11 * time.Minute)
	got := b.submit(pinPage, "pin", testPIN, "pin_again", testPIN)
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "Le délai est dépassé") || !strings.Contains(got.body, `action="/.sesame/login"`) {
		t.Errorf("too late: %s\n%s", got.Status, got.body)
	}
	if got = s.enroll(b, "edupont", got); got.url().Path != "/" || !strings.Contains(got.body, "Votre clé est en service") {
		t.Errorf("the second try: %s at %s", got.Status, got.url())
	}
	// A login page of last week.
	b, a = s.fresh()
	advance(7 * 24 * time.Hour)
	if got := b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "n’a pas été utilisé") {
		t.Errorf("a page of last week: %s\n%s", got.Status, got.body)
	}
}

// TestNextCode: a key that has drifted, or too many failures before.
func TestNextCode(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	for range 3 {
		b, a := s.fresh()
		if a = b.submit(a, "identifier", "edupont", "passcode", testPIN+"000000"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, refusedText) {
			t.Fatalf("a wrong code: %s", a.Status)
		}
	}
	target := s.at("notes", "/deep?a=b")
	b := newBrowser(t)
	a := b.submit(b.open(target), "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	if a.url().Path != "/.sesame/next-code" {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	for _, tt := range []struct{ code, says string }{{"", "Code manquant"}, {"12", "Code trop court"}, {"12345a", "que des chiffres"}, {strings.Repeat("1", 30), "Trop de chiffres"}} {
		if got := b.submit(a, "code", tt.code); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, tt.says) {
			t.Errorf("%q: %s", tt.code, got.Status)
		}
	}
	if got := b.submit(a, "code", s.newCode("edupont")); got.url().String() != target || got.body != "ok" {
		t.Errorf("the next code leads to %s (%s)", got.url(), got.Status)
	}
	// Wrong once, and it begins again.
	for range 3 {
		b, a := s.fresh()
		b.submit(a, "identifier", "edupont", "passcode", testPIN+"000000")
	}
	b, a = s.fresh()
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	a = b.submit(a, "code", "000000")
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Code suivant incorrect") || !strings.Contains(a.body, `action="/.sesame/login"`) {
		t.Errorf("a wrong next code: %s\n%s", a.Status, a.body)
	}
}

// TestNothingSecretIsLogged: the whole first login at the level DEBUG, with the
// access log on.
func TestNothingSecretIsLogged(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	a := b.open(s.at("notes", "/"))
	code := s.newCode("edupont")
	a = b.submit(a, "identifier", "edupont", "passcode", code)
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	passcode := testPIN + s.newCode("edupont")
	b.submit(a, "passcode", passcode)
	log := s.log()
	secrets := map[string]string{
		"the first code": code, "the PASSCODE": passcode, "the code": passcode[4:], "the session": b.own(s.at("notes", "/"), "sesame"),
		"the portal's session": b.own(s.at("portail", "/"), "sesame"), "the seed": "seed of edupont",
	}
	for what, secret := range secrets {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("%s is in the log, or empty", what)
		}
	}
	if !strings.Contains(log, `"user_id":"edupont"`) {
		t.Error("the access log does not say who it was")
	}
	for _, kind := range []string{"pin-asked", "pin-staged", "pin-defined", "session-handed-over"} {
		if !strings.Contains(log, kind) {
			t.Errorf("the log does not tell of %s", kind)
		}
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
