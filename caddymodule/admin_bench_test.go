package caddymodule

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// castT is what tests and scripts have in common.
type castT interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// cast plays people's stories on a gate whose clock it moves, and reads the
// codes of their keys as they would.
type cast struct {
	t     castT
	gate  *authcore.Gate
	clock time.Time
	agent string // the browser's name
}

var castActor = authcore.Actor{Name: "the test"}

func (c *cast) from() authcore.Source {
	return authcore.Source{Address: netip.AddrFrom4([4]byte{192, 0, 2, 7}), Agent: cmp.Or(c.agent, "Mozilla/5.0")}
}

func (c *cast) now() time.Time { return c.clock }

// open makes the gate over an empty store.
func (c *cast) open(s store.Store, secrets *authcore.Secrets) {
	c.t.Helper()
	var err error
	c.gate, err = authcore.New(c.t.Context(), authcore.Config{Store: s, Secrets: secrets, Now: c.now})
	c.must(err)
	passkeys, err := authcore.NewPasskeys(authcore.PasskeyConfig{Origin: castPortal, Name: "Sésame"})
	c.must(err)
	c.gate = c.gate.WithPasskeys(passkeys)
}

const castPortal = "https://portail.example.org"

// passkey adds one in a session that began just now.
func (c *cast) passkey(token authcore.Token, name string) *passkeytest.Authenticator {
	c.t.Helper()
	s, _, err := c.gate.Session(c.t.Context(), token, "", false)
	c.must(err)
	ceremony, err := c.gate.BeginPasskey(c.t.Context(), s, name)
	c.must(err)
	a := passkeytest.New(castPortal)
	_, err = c.gate.AddPasskey(c.t.Context(), s, ceremony.Sealed, a.Register(ceremony.Options), c.from())
	c.must(err)
	return a
}

func (c *cast) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// castKey is the key of that serial number: its seed is made of it.
func castKey(serial string) otp.Generator {
	return otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte(fmt.Sprintf("seed%16s", serial))}
}

// person adds somebody with a key; no serial is no key.
func (c *cast) person(a authcore.Account, serial string) {
	c.t.Helper()
	c.must(c.gate.AddAccount(c.t.Context(), castActor, a))
	if serial == "" {
		return
	}
	c.must(c.gate.ImportKey(c.t.Context(), castActor, authcore.NewKey{Serial: authcore.Serial(serial), Generator: castKey(serial)}))
	c.must(c.gate.AssignKey(c.t.Context(), castActor, authcore.Serial(serial), a.Identifier))
}

// passcode waits for the key's next code and types it behind the PIN.
func (c *cast) passcode(serial, pin string) authcore.Passcode {
	c.t.Helper()
	c.clock = c.clock.Add(time.Minute)
	g := castKey(serial)
	p, err := authcore.ParsePasscode(pin + g.Code(g.StepAt(c.clock)))
	c.must(err)
	return p
}

// login posts one PASSCODE.
func (c *cast) login(id, serial, pin string) authcore.Reply {
	c.t.Helper()
	r, err := c.gate.Answer(c.t.Context(), c.gate.Begin(""), authcore.PasscodeAnswer{Identifier: authcore.Identifier(id), Passcode: c.passcode(serial, pin)}, c.from())
	c.must(err)
	return r
}

// blind posts a PASSCODE that holds no code of any key.
func (c *cast) blind(id string) error {
	p, err := authcore.ParsePasscode("000000000000")
	if err != nil {
		return err
	}
	_, err = c.gate.Answer(c.t.Context(), c.gate.Begin(""), authcore.PasscodeAnswer{Identifier: authcore.Identifier(id), Passcode: p}, c.from())
	return err
}

// firstLogin defines the PIN and leaves a session open.
func (c *cast) firstLogin(id, serial, pin string) authcore.Token {
	c.t.Helper()
	p, err := authcore.ParsePIN(pin)
	c.must(err)
	r := c.login(id, serial, "")
	for _, answer := range []func() authcore.Answer{
		func() authcore.Answer { return authcore.NewPINAnswer{PIN: p, Again: p} },
		func() authcore.Answer { return authcore.NewPasscodeAnswer{Passcode: c.passcode(serial, pin)} },
	} {
		if r.Outcome != authcore.Asked {
			c.t.Fatalf("at %s the first login of %s was %s (%s)", r.Challenge.Question, id, r.Outcome, r.Problem)
		}
		r, err = c.gate.Answer(c.t.Context(), r.Challenge, answer(), c.from())
		c.must(err)
	}
	if r.Outcome != authcore.Granted {
		c.t.Fatalf("the first login of %s ended with %s", id, r.Outcome)
	}
	return r.Token
}

// adminBench is the admin API over a gate of the test's own, asked without a
// network.
type adminBench struct {
	*cast
	t     *testing.T
	store store.Store
	app   *App
	mux   *http.ServeMux
	seen  requestLog
}

// requestLog is what a server is asked for.
type requestLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *requestLog) Add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *requestLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// adminStart is when the stories begin.
var adminStart = time.Date(2026, 9, 1, 7, 58, 20, 0, time.UTC)

func newAdminBench(t *testing.T) *adminBench {
	t.Helper()
	secrets, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	b := &adminBench{cast: &cast{t: t, clock: adminStart}, t: t, mux: http.NewServeMux()}
	b.store = store.NewMemory(b.now)
	b.open(b.store, secrets)
	b.app = castApp(t)
	api := adminAPI{func() (*authcore.Gate, *App, error) { return b.gate, b.app, nil }}
	serveAdmin(b.mux, api)
	return b
}

// castApp is a configuration with two applications: notes for the group
// enseignants, base for heads of schools.
func castApp(t testing.TB) *App {
	t.Helper()
	app := &App{Assistance: &Assistance{Name: "Assistance du rectorat", Phone: "02 40 00 00 00"}, Portal: "https://portail.example.org", Applications: []*Application{
		{ID: "notes", URL: "https://notes.example.org", Allow: []authcore.Rule{{Kind: authcore.ToGroup, Values: []string{"enseignants"}}, {Kind: authcore.ToFunction, Values: []string{"DIR"}}}},
		{ID: "base", URL: "https://base.example.org", Allow: []authcore.Rule{{Kind: authcore.ToFunction, Values: []string{"DIR"}}}},
	}}
	var err error
	if app.settings, err = app.check(); err != nil {
		t.Fatal(err)
	}
	if app.pages, err = newPageMaker(app.settings); err != nil {
		t.Fatal(err)
	}
	return app
}

// serveAdmin serves the routes as Caddy's admin endpoint does.
func serveAdmin(mux *http.ServeMux, api adminAPI) {
	for _, route := range api.Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			err := route.Handler.ServeHTTP(w, r)
			if err == nil {
				return
			}
			refusal, ok := errors.AsType[caddy.APIError](err)
			if !ok {
				refusal = caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
			}
			refusal.Message = cmp.Or(refusal.Message, refusal.Error())
			w.WriteHeader(refusal.HTTPStatus)
			_ = json.NewEncoder(w).Encode(refusal)
		})
	}
}

// answer is what a request gets. It is the ResponseWriter that got it.
type adminAnswer struct {
	status int
	header http.Header
	body   bytes.Buffer
	wrote  func(*adminAnswer) // called after each write, unless nil
}

func (a *adminAnswer) Header() http.Header { return a.header }

func (a *adminAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *adminAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	n, err := a.body.Write(b)
	if a.wrote != nil {
		a.wrote(a)
	}
	return n, err
}

type wroteKey struct{}

// follow asks for the audit trail from its beginning and leaves once it has so
// many lines, or ctx is over.
func (b *adminBench) follow(ctx context.Context, query string, lines int) *adminAnswer {
	b.t.Helper()
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	ctx = context.WithValue(ctx, wroteKey{}, func(a *adminAnswer) {
		if bytes.Count(a.body.Bytes(), []byte{'\n'}) >= lines {
			leave()
		}
	})
	return b.askIn(ctx, http.MethodGet, "/sesame/audit?follow=true&since=2026-01-01T00:00:00Z"+query, "")
}

// error is the sentence of a refusal.
func (a *adminAnswer) error() string {
	var body struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(a.body.Bytes(), &body)
	return body.Error
}

// ask sends a request from an address of this machine. Headers are "Name: value".
func (b *adminBench) ask(method, target, body string, headers ...string) *adminAnswer {
	b.t.Helper()
	return b.askIn(b.t.Context(), method, target, body, headers...)
}

func (b *adminBench) askIn(ctx context.Context, method, target, body string, headers ...string) *adminAnswer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost:2019"+target, strings.NewReader(body))
	b.must(err)
	r.RemoteAddr = "127.0.0.1:50123"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	a := &adminAnswer{header: make(http.Header)}
	a.wrote, _ = ctx.Value(wroteKey{}).(func(*adminAnswer))
	b.mux.ServeHTTP(a, r)
	b.conforms(r, a)
	return a
}

// post sends JSON.
func (b *adminBench) post(target, body string) *adminAnswer {
	b.t.Helper()
	return b.ask(http.MethodPost, target, body, "Content-Type: application/json")
}

// upload sends a file of keys.
func (b *adminBench) upload(query, file string) *adminAnswer {
	b.t.Helper()
	return b.ask(http.MethodPost, "/sesame/keys/import"+query, file, "Content-Type: text/csv")
}

// want checks an answer's status and reads its body.
func (b *adminBench) want(a *adminAnswer, status int, into any) {
	b.t.Helper()
	if a.status != status {
		b.t.Fatalf("status %d, want %d: %s", a.status, status, &a.body)
	}
	if into != nil {
		b.must(json.Unmarshal(a.body.Bytes(), into))
	}
}

// events are the audit trail's entries of some kinds, or all.
func (b *adminBench) events(kinds ...authcore.EventKind) []authcore.Event {
	b.t.Helper()
	all, err := b.gate.Events(b.t.Context(), authcore.AuditQuery{Kinds: kinds})
	b.must(err)
	return all
}
