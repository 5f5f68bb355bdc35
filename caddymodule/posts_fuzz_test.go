package caddymodule

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/ui"
)

// visitors are who sends what a fuzz target makes up: people in session, a browser
// that comes for the first time, and somebody on their way through a first login.
var visitors = []string{"eve", "rlycee", "oper", "", "at the new PIN", "at the new PASSCODE"}

// crowd is a server with its visitors. What they send may end their sessions and
// take their keys: they come back.
type crowd struct {
	*testServer
	in map[string]*browser // of all runs, so that their connections last
}

// newCrowd has its store in memory: what a run of a target does waits for no disk.
func newCrowd(f *testing.F) *crowd {
	s := newTestServer(f)
	s.inMemory()
	s.runConsole()
	c := &crowd{s, map[string]*browser{"": newBrowser(f), "eve": newBrowser(f), "rlycee": newBrowser(f), "oper": newBrowser(f)}}
	c.in[""].client.Jar = nil
	c.teacher("neuf")
	return c
}

// inMemory gives a server that does not run yet a store in memory.
func (s *testServer) inMemory() {
	s.t.Helper()
	where := place{dir: s.storeDir(), secret: filepath.Join(s.dir, "secret"), anchor: anchorFile(filepath.Join(s.dir, "anchor"))}
	key := resolveLinks(where.name())
	_, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) {
		content, secrets, err := loadOrMakeSecrets(where, func() (bool, error) { return false, nil })
		if err != nil {
			return nil, err
		}
		return openGate(where, store.NewMemory(now), content, secrets, slog.New(slog.DiscardHandler))
	})
	s.must(err)
	s.t.Cleanup(func() {
		_, err := pool.Delete(key)
		s.must(err)
	})
}

// with is the crowd as a run of the target sees it.
func (c *crowd) with(t *testing.T) *crowd {
	s := *c.testServer
	s.t = t
	s.notes.take()
	return &crowd{&s, c.in}
}

// browser is a visitor's, at a page of the portal where a login is under way.
func (c *crowd) browser(who string) *browser {
	c.t.Helper()
	switch who {
	case "":
		return newBrowser(c.t)
	case "at the new PIN", "at the new PASSCODE":
		return c.beginner(who)
	}
	b := &browser{c.t, c.in[who].client}
	if a := b.open(c.at("portail", "/")); a.url().Path == "/" {
		return b
	}
	login := c.at("portail", "/.sesame/login")
	if a := b.submit(b.open(login), "identifier", who, "passcode", testPIN+c.newCode(who)); a.url().Path == "/" {
		return b
	}
	c.free(who)
	if a := c.enroll(b, who, b.open(login)); a.url().Path != "/" {
		c.t.Fatalf("%s does not get in again: %s at %s", who, a.Status, a.url())
	}
	return b
}

// reader is a visitor's browser for a target that only reads, which ends no session:
// they are logged in once.
func (c *crowd) reader(who string) *browser {
	c.t.Helper()
	b := &browser{c.t, c.in[who].client}
	if who != "" && b.own(c.at("portail", "/"), "sesame") == "" {
		c.browser(who).open(c.at("notes", "/")) // a session of that host
	}
	return b
}

// free gives somebody a key without a PIN, whatever has come of the last one, and
// lets what slows a network down be forgotten.
func (c *crowd) free(who string) {
	c.t.Helper()
	advance(25 * time.Hour)
	id, ctx := authcore.Identifier(who), c.t.Context()
	a, err := c.gate().Account(ctx, id)
	c.must(err)
	if a.Disabled {
		c.must(c.gate().EnableAccount(ctx, testActor, id))
	}
	for _, serial := range a.Keys {
		c.must(c.gate().RetireKey(ctx, testActor, serial))
	}
	g, serial := c.seeds[who], authcore.Serial(fmt.Sprintf("91%07d", now().Unix()%1e7))
	g.Seed = fmt.Appendf(nil, "%020d", now().UnixNano())
	c.seeds[who] = g
	c.must(c.gate().ImportKey(ctx, testActor, authcore.NewKey{Serial: serial, Generator: g}))
	c.must(c.gate().AssignKey(ctx, testActor, serial, id))
}

// beginner is a browser in the middle of a first login.
func (c *crowd) beginner(at string) *browser {
	c.t.Helper()
	b := newBrowser(c.t)
	a := b.open(c.at("portail", "/.sesame/login"))
	if a = b.submit(a, "identifier", "neuf", "passcode", c.newCode("neuf")); a.url().Path != ui.PathPIN {
		c.free("neuf")
		a = b.submit(b.open(c.at("portail", "/.sesame/login")), "identifier", "neuf", "passcode", c.newCode("neuf"))
	}
	if at == "at the new PASSCODE" {
		a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	}
	if a.url().Path != ui.PathPIN && a.url().Path != ui.PathSynchronise {
		c.t.Fatalf("a first login is %s, at %s", a.Status, a.url())
	}
	return b
}

// formPage is where the form of a path is shown, or one with the same token.
func (p posted) formPage() string {
	switch p.path {
	case ui.PathAccountLanguage, ui.PathPasskeyNewOptions, ui.PathPasskeyNew:
		return ui.PathAccount
	case ui.PathPasskeyLoginOptions, ui.PathPasskeyLogin:
		return ui.PathLogin
	}
	return p.path
}

var (
	csrfField  = regexp.MustCompile(`name="csrf" value="([^"]*)"`)
	longNumber = regexp.MustCompile(`[0-9]{10,}`)
)

// wantPlain fails where an answer is a fault, has lost its protection, or repeats a
// number that may be a PIN and a code.
func wantPlain(t *testing.T, what string, a answer, sent string) {
	t.Helper()
	switch {
	case a.StatusCode >= 500 && (a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == ""):
		t.Errorf("%s: %s", what, a.Status)
	case a.Header.Get("X-Content-Type-Options") != "nosniff" && a.Header.Get("X-Upstream") == "":
		t.Errorf("%s: %s, without the headers of the gate's answers", what, a.Status)
	}
	for _, number := range longNumber.FindAllString(sent, -1) {
		if strings.Contains(a.body, number) || strings.Contains(a.Header.Get("Location"), number) {
			t.Errorf("%s: %s, and it repeats what was typed as a secret", what, a.Status)
		}
	}
}

// secretFields are the values of a form that are nobody's to see again.
func secretFields(body string) string {
	values, _ := url.ParseQuery(body)
	var all []string
	for _, name := range []string{ui.FieldPasscode, ui.FieldPIN, ui.FieldPINAgain, ui.FieldCode, ui.FieldActivation} {
		all = append(all, values[name]...)
	}
	return strings.Join(all, " ")
}

// FuzzEveryPost sends a body to each path that takes one, in and out of session and
// amid a first login. CSRF in it becomes the token with which it is read.
func FuzzEveryPost(f *testing.F) {
	c := newCrowd(f)
	posts := everyPost()
	slices.SortFunc(posts, func(a, b posted) int { return strings.Compare(a.host+a.path, b.host+b.path) })
	for i, p := range posts {
		f.Add(uint8(i), uint8(i), p.fields("CSRF"))
	}
	for i, body := range []string{
		"csrf=CSRF&identifier=eve&passcode=72941234567890", "csrf=CSRF&pin=8305&pin_again=8305", "csrf=CSRF&pin=%EF%BC%98305&pin_again=8305", "csrf=CSRF&code=1234567890123",
		"csrf=CSRF&person=marc&serial=738264006&reason=perdue", "csrf=CSRF&person=eve&what=lost&code=12345678", "csrf=CSRF&lang=fr&lang=en", "csrf=CSRF&lang=xx&target=https://evil.example/",
		"csrf=CSRF&identifier=%00&passcode=%ff", "csrf=CSRF&passkey=AAAA&name=%E2%80%AE", "csrf=CSRF&establishment=0441234A&serial=1", "csrf=CSRF;csrf=x", "%zz=CSRF",
		`{"csrf":"CSRF","identifier":"eve"}`, `{"csrf":"CSRF","name":"clé"}`, `{"csrf":"CSRF","ceremony":"AAAA","response":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30"}}}`,
		`{"csrf":"CSRF","csrf":"x"}`, `{"csrf":null}`, `[]`, "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nCSRF\r\n--x\r\nContent-Disposition: form-data; name=\"surname\"\r\n\r\nD\r\n--x--\r\n",
	} {
		f.Add(uint8(i), uint8(i), body)
		f.Add(uint8(2*i), uint8(i+1), body)
	}
	f.Fuzz(func(t *testing.T, path, who uint8, body string) {
		s, p, visitor := c.with(t), posts[int(path)%len(posts)], visitors[int(who)%len(visitors)]
		b := s.browser(visitor)
		if p.host == "notes" {
			b.open(s.at("notes", "/")) // a session of that host
		}
		token := csrfField.FindStringSubmatch(b.open(s.at(p.host, p.formPage())).body)
		if token != nil {
			body = strings.ReplaceAll(body, "CSRF", url.QueryEscape(token[1]))
		}
		req := p.request(s.testServer, b, "")
		b.body(req, body)
		what := fmt.Sprintf("%s%s by %q", p.host, p.path, visitor)
		wantPlain(t, what, b.once(req), secretFields(body))
	})
}

// FuzzEveryPage asks for each page with whatever stands in its query, and with
// cookies beside those of the visitor: tickets, targets, languages, choices.
func FuzzEveryPage(f *testing.F) {
	c := newCrowd(f)
	type page struct{ host, path string }
	var pages []page
	for host, routes := range map[string]map[string]route{"portail": portalRoutes, "notes": siteRoutes} {
		for path, to := range routes {
			if to.get != nil {
				pages = append(pages, page{host, path})
			}
		}
	}
	pages = append(pages, page{"notes", "/"}, page{"notes", "/public/x"}, page{"portail", "/.sesame/nothing"})
	slices.SortFunc(pages, func(a, b page) int { return strings.Compare(a.host+a.path, b.host+b.path) })
	queries := []string{
		"", "lang=en", "lang=fr&lang=en", "target=https%3A%2F%2Fevil.example%2F", "target=http%3A%2F%2Fnotes.localhost%2F&visit=AAAA", "CT_ORIG_URL=%252Fx", "ticket=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"person=eve", "serial=738264001", "reference=AAAA-AAAA", "page=AAAA&after=%00", "q=%25%27%22", "passkey=AAAA", "sent=AAAA&sum=AAAA", "news=x&notice=y", "a=%zz;b", "application=notes&person=eve",
	}
	for i := range max(len(pages), len(queries)) {
		f.Add(uint8(i), uint8(i), queries[i%len(queries)], "", "fr")
	}
	for i := range pages {
		if i%4 == 0 {
			f.Add(uint8(i), uint8(3), "", "sesame=AAAA; sesame-login=AAAA; sesame-browser=AAAA; sesame-visit=AAAA; sesame-lang=en", "en;q=0.3, *")
		}
	}
	f.Fuzz(func(t *testing.T, n, who uint8, query, cookies, language string) {
		s, p, visitor := c.with(t), pages[int(n)%len(pages)], visitors[int(who)%4]
		b := s.reader(visitor)
		req := b.page(s.at(p.host, p.path))
		req.URL.RawQuery = strings.Map(func(r rune) rune {
			if r <= ' ' || r == '#' || r >= 0x7f {
				return '+'
			}
			return r
		}, query)
		line := strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, cookies)
		if visitor == "" {
			req.Header.Set("Cookie", line)
		}
		req.Header.Set("Accept-Language", strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f {
				return ','
			}
			return r
		}, language))
		wantPlain(t, fmt.Sprintf("%s%s by %q", p.host, p.path, visitor), b.once(req), "")
	})
}

// FuzzAdmin sends whatever query and body to each route of the administration, with
// names that are there and such that are not.
func FuzzAdmin(f *testing.F) {
	c := newCrowd(f)
	c.teacher("jean")
	mux := http.NewServeMux()
	serveAdmin(mux, adminAPI{activeGate})
	bodies := []string{
		"", "{}", `{"identifier":"jean","given_name":"Jean"}`, `{"reason":"x"}`, `{"holder":"jean"}`, `{"uai":"0441234A","establishment":"0441234A"}`, `{"role":"operator"}`,
		`{"attributes":{"mail":["a@b"]},"ends":"2027-01-01"}`, `{"codes":["123456","654321"],"code":"123456"}`, `{"application":"notes","until":"2027-01-01"}`, `{"url":"https://notes.localhost/x","user":"eve"}`,
		`[{}]`, `{"a":`, "null", "identifiant;nom\njean;Jean\n", "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n",
	}
	for i := range adminRoutes {
		f.Add(uint8(i), "jean", "", bodies[i%len(bodies)])
		switch i % 3 {
		case 0:
			f.Add(uint8(i), []string{"..", "é "}[i%2], []string{"limit=-1&after=%00&state=x", "lang=xx&keys=perhaps&expiring=-1d"}[i%2], "{}")
		case 1:
			f.Add(uint8(i), "738264001", "limit=2&holder=eve&user=eve&kind=x&since=1h&until=x&follow=false", "{}")
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, name, query, body string) {
		r := adminRoutes[int(n)%len(adminRoutes)]
		if values, _ := url.ParseQuery(query); values.Has("follow") || strings.Contains(query, "ntp") {
			return // one goes on until it is hung up, the other asks servers elsewhere
		}
		path := placeholder.ReplaceAllString(r.path, strings.ReplaceAll(url.PathEscape(name), "$", "%24"))
		req, err := http.NewRequestWithContext(t.Context(), r.method, "http://localhost:2019"+path, strings.NewReader(body))
		if err != nil {
			return
		}
		req.URL.RawQuery, req.RemoteAddr = query, "127.0.0.1:1"
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, req)
		if w.Code >= 500 {
			t.Errorf("%s %s?%s: %d %s", r.method, path, query, w.Code, w.Body)
		}
	})
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)
