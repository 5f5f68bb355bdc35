package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// ahead is how far the tests' clock has been moved. It never goes back, since
// the tests share it.
var ahead atomic.Int64

func init() {
	now = func() time.Time { sprung(); return time.Now().Add(time.Duration(ahead.Load())) }
}

// TestMain gives the tests a data directory of their own.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sesame-data-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Setenv("XDG_DATA_HOME", dir); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// advance moves the clock.
func advance(d time.Duration) { ahead.Add(int64(d)) }

const testPIN = "7294"

// testServer is a gate in this process: the portal, the application "notes" for
// teachers with a public corner, and "autre" for heads.
type testServer struct {
	t         testing.TB
	dir, port string
	notes     *echo
	config    []byte // as it was loaded
	seeds     map[string]otp.Generator
}

// testCaddyfile is the configuration of a testServer; more goes into the
// application notes, option into the global option.
func (s *testServer) caddyfile(option, more string) string {
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	http_port %[1]s
	storage file_system %[2]q
	log {
		output file %[2]s/log
		level DEBUG
	}
	sesame {
		portal      http://portail.localhost:%[1]s
		store       badger %[2]s/store
		secret_file %[2]s/secret
		%[4]s
		application notes {
			name   "Carnet de notes"
			url    http://notes.localhost:%[1]s
			allow  group enseignants
			public /public/* /robots.txt
			%[5]s
		}
		application autre {
			name  "Base élèves"
			url   http://autre.localhost:%[1]s
			allow function DIR
		}
	}
}
http://portail.localhost:%[1]s, http://stray.localhost:%[1]s {
	bind 127.0.0.1
	sesame portal
}
http://notes.localhost:%[1]s {
	bind 127.0.0.1
	log
	header >X-User "{http.auth.user.id} {http.auth.user.email}"
	sesame notes
	reverse_proxy %[3]s
}
http://autre.localhost:%[1]s {
	bind 127.0.0.1
	sesame autre
	reverse_proxy %[3]s
}
`, s.port, s.dir, s.notes.Address, option, more)
}

// startGate starts a server with accounts for nobody yet.
func startGate(t testing.TB, option, more string) *testServer {
	t.Helper()
	s := newTestServer(t)
	s.run(option, more)
	return s
}

// newTestServer is a server that does not run yet.
func newTestServer(t testing.TB) *testServer {
	t.Helper()
	s := &testServer{t: t, dir: t.TempDir(), notes: startEcho(t), seeds: make(map[string]otp.Generator)}
	_, s.port, _ = net.SplitHostPort(porttest.Address(t, "127.0.0.1"))
	return s
}

// run starts it.
func (s *testServer) run(option, more string) {
	s.t.Helper()
	s.config = adapt(s.t, s.caddyfile(option, more))
	runCaddy(s.t, string(s.config))
	s.alone()
}

// adapt turns a Caddyfile into JSON.
func adapt(t testing.TB, text string) []byte {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("adapting the Caddyfile: %v", err)
	}
	return config
}

// gate is the running configuration's.
func (s *testServer) gate() *authcore.Gate {
	s.t.Helper()
	app, err := caddy.ActiveContext().AppIfConfigured("sesame")
	if err != nil {
		s.t.Fatal(err)
	}
	g, err := app.(*App).gate()
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}

// person adds an account with a key that has no PIN yet.
func (s *testServer) person(a authcore.Account) {
	s.t.Helper()
	ctx, by := context.Background(), authcore.Actor{Name: "test"}
	serial := authcore.Serial(fmt.Sprintf("7382640%02d", len(s.seeds)+1))
	g := otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte(fmt.Sprintf("%-20s", "seed of "+a.Identifier))}
	s.seeds[string(a.Identifier)] = g
	for _, err := range []error{
		s.gate().AddAccount(ctx, by, a),
		s.gate().ImportKey(ctx, by, authcore.NewKey{Serial: serial, Generator: g}),
		s.gate().AssignKey(ctx, by, serial, a.Identifier),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// teacher adds a person who may open notes.
func (s *testServer) teacher(id authcore.Identifier) {
	s.t.Helper()
	s.person(authcore.Account{Identifier: id, GivenName: "Ève", Surname: "Dupont", Email: string(id) + "@ac-exemple.fr", Groups: []string{"enseignants", "3eB"}})
}

// newCode lets the key's code change, and returns the new one. Of three thousand
// codes one holds the tests' PIN, which would be refused for that: its minute passes.
func (s *testServer) newCode(id string) string {
	g := s.seeds[id]
	for {
		advance(time.Minute)
		if code := g.Code(g.StepAt(now())); !strings.Contains(code, testPIN) {
			return code
		}
	}
}

func (s *testServer) at(host, path string) string {
	return "http://" + host + ".localhost:" + s.port + path
}

// browser keeps cookies, follows redirects and fills forms, as a person's does.
type browser struct {
	t      testing.TB
	client *http.Client
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return dial(ctx, network, "127.0.0.1:"+port)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t, &http.Client{Jar: jar, Transport: transport, CheckRedirect: carryFragment}}
}

// carryFragment gives a redirect the fragment of the address before, unless it
// has its own, as browsers do (Fetch, section 4.4, HTTP-redirect fetch).
func carryFragment(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("ten redirects")
	}
	if req.URL.Fragment == "" {
		req.URL.Fragment, req.URL.RawFragment = via[len(via)-1].URL.Fragment, via[len(via)-1].URL.RawFragment
	}
	return nil
}

// dial connects. A reload of Caddy closes listeners that share the port with the
// new ones: the kernel resets the connections that waited in the old one's queue,
// before anything was sent on them, and a client connects again.
func dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	for range 5 {
		if conn, err = new(net.Dialer).DialContext(ctx, network, address); !errors.Is(err, syscall.ECONNRESET) {
			return conn, err
		}
	}
	return nil, err
}

// dropped reports that a connection was closed under a request.
func dropped(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) }

// answer is an answer, read to its end.
type answer struct {
	*http.Response
	body string
}

// url is where the browser is by now.
func (a answer) url() *url.URL { return a.Request.URL }

// do sends a request as it is and follows redirects.
func (b *browser) do(req *http.Request) answer {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if dropped(err) && req.Method == http.MethodGet {
		resp, err = b.client.Do(req) // a reload of Caddy may drop a connection; a browser asks again
	}
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	wantLookedAt(b.t, string(body))
	return answer{resp, string(body)}
}

// once sends a request and follows nothing.
func (b *browser) once(req *http.Request) answer {
	b.t.Helper()
	c := *b.client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return (&browser{b.t, &c}).do(req)
}

// page makes the request of a page load.
func (b *browser) page(address string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	return req
}

// open loads a page.
func (b *browser) open(address string) answer { b.t.Helper(); return b.do(b.page(address)) }

var (
	formAction  = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// post makes the request of the form on a page.
func (b *browser) post(a answer, fields ...string) *http.Request {
	b.t.Helper()
	action := formAction.FindStringSubmatch(a.body)
	if action == nil {
		b.t.Fatalf("no form at %s (%d):\n%s", a.url(), a.StatusCode, a.body)
	}
	values := make(url.Values)
	for _, m := range hiddenField.FindAllStringSubmatch(a.body, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	to, err := a.url().Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	req := b.page(to.String())
	req.Method = http.MethodPost
	b.body(req, values.Encode())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", to.Scheme+"://"+to.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req
}

// body gives a request its body.
func (*browser) body(req *http.Request, text string) {
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader([]byte(text))), nil }
}

// submit fills the form on a page and sends it.
func (b *browser) submit(a answer, fields ...string) answer {
	b.t.Helper()
	return b.do(b.post(a, fields...))
}

// enroll is the first connection of a person, from the login page on.
func (s *testServer) enroll(b *browser, id string, a answer) answer {
	s.t.Helper()
	a = b.submit(a, "identifier", id, "passcode", s.newCode(id))
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	return b.submit(a, "passcode", testPIN+s.newCode(id))
}

// loggedIn is a browser of a teacher who has just enrolled through the portal.
func (s *testServer) loggedIn(id authcore.Identifier) *browser {
	s.t.Helper()
	s.teacher(id)
	b := newBrowser(s.t)
	if a := s.enroll(b, string(id), b.open(s.at("portail", "/"))); a.StatusCode != http.StatusOK || a.url().Path != "/" {
		s.t.Fatalf("logging in ended at %s with %s", a.url(), a.Status)
	}
	return b
}

// own is the value of a cookie of ours on a host.
func (b *browser) own(address, name string) string {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// set puts a cookie into the browser.
func (b *browser) set(address, name, value string) {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

func (s *testServer) storeDir() string { return filepath.Join(s.dir, "store") }
