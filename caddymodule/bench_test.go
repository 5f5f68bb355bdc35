package caddymodule

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// nowhere keeps nothing of an answer.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// benchApp is a configuration with three applications on the hosts notes.test,
// signed.test, which gets an assertion, and closed.test, which nobody may open.
func benchApp(b testing.TB) *App {
	b.Helper()
	dir, all := b.TempDir(), []authcore.Rule{{Kind: authcore.Everyone}}
	a := &App{Portal: "https://portail.test", Store: &Store{Badger: dir + "/store"}, SecretFile: dir + "/secret", Applications: []*Application{
		{ID: "notes", URL: "https://notes.test", Allow: all, Public: []string{"/public/*"}},
		{ID: "signed", URL: "https://signed.test", Allow: all, Assertion: true},
		{ID: "closed", URL: "https://closed.test", Allow: []authcore.Rule{{Kind: authcore.ToGroup, Values: []string{"nobody"}}}},
	}}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	b.Cleanup(cancel)
	if err := a.Provision(ctx); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Cleanup() })
	return a
}

// benchLogin adds somebody, goes through the first login and returns the session
// on the portal.
func benchLogin(b testing.TB, g *authcore.Gate, id authcore.Identifier, serial authcore.Serial) authcore.Session {
	b.Helper()
	ctx, by := context.Background(), authcore.Actor{Name: "bench"}
	key := otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("a seed of " + string(serial))}
	person := authcore.Account{Identifier: id, GivenName: "Ève", Surname: "Dupont", Email: "eve@ac-exemple.fr", Groups: []string{"enseignants", "3eB"}}
	for _, err := range []error{g.AddAccount(ctx, by, person), g.ImportKey(ctx, by, authcore.NewKey{Serial: serial, Generator: key}), g.AssignKey(ctx, by, serial, id)} {
		if err != nil {
			b.Fatal(err)
		}
	}
	read := func(digits string) authcore.Passcode {
		p, err := authcore.ParsePasscode(digits)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	pin, err := authcore.ParsePIN(testPIN)
	if err != nil {
		b.Fatal(err)
	}
	c, step := g.Begin(""), key.StepAt(now())
	var reply authcore.Reply
	for _, a := range []authcore.Answer{
		authcore.PasscodeAnswer{Identifier: id, Passcode: read(key.Code(step))},
		authcore.NewPINAnswer{PIN: pin, Again: pin},
		authcore.NewPasscodeAnswer{Passcode: read(testPIN + key.Code(step+1))},
	} {
		if reply, err = g.Answer(ctx, c, a, authcore.Source{}); err != nil {
			b.Fatal(err)
		}
		c = reply.Challenge
	}
	s, _, err := g.Session(ctx, reply.Token, "", false)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// benchToken is what a session's hand-over to a host leaves there.
func benchToken(b testing.TB, g *authcore.Gate, s authcore.Session, host string) string {
	b.Helper()
	ctx, nonce := context.Background(), authcore.NewNonce()
	ticket, err := g.Ticket(ctx, s, host, authcore.VisitMark(nonce), "https://"+host+"/")
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := g.Redeem(ctx, ticket, host, nonce, authcore.Source{})
	if err != nil {
		b.Fatal(err)
	}
	return string(token)
}

// passing is a handler that does nothing, to compare with.
type passing struct{}

func (passing) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// floor is the least that a gate with sessions in memory can do: a cookie, its
// hash, a table in shards with 100,000 sessions, four headers.
type floor struct {
	shards [64]struct {
		mu sync.RWMutex
		by map[[sha256.Size]byte]floorSession
	}
}

type floorSession struct {
	end                    time.Time
	user, name, mail, crew string
}

func newFloor(token string) *floor {
	f := new(floor)
	for i := range f.shards {
		f.shards[i].by = make(map[[sha256.Size]byte]floorSession)
	}
	for i := range 100_000 {
		f.put(strconv.Itoa(i))
	}
	f.put(token)
	return f
}

func (f *floor) put(token string) {
	sum := sha256.Sum256([]byte(token))
	f.shards[sum[0]%64].by[sum] = floorSession{now().Add(24 * time.Hour), "edupont", "Ève Dupont", "eve@ac-exemple.fr", "enseignants,3eB"}
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	cookie, err := r.Cookie("__Host-sesame")
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(cookie.Value))
	shard := &f.shards[sum[0]%64]
	shard.mu.RLock()
	s, ok := shard.by[sum]
	shard.mu.RUnlock()
	if !ok || !now().Before(s.end) {
		return errors.New("no session")
	}
	r.Header.Set("Remote-User", s.user)
	r.Header.Set("Remote-Name", s.name)
	r.Header.Set("Remote-Email", s.mail)
	r.Header.Set("Remote-Groups", s.crew)
	return next.ServeHTTP(w, r)
}

// benchRequest is a request that is measured.
type benchRequest struct {
	name              string
	handler           caddyhttp.MiddlewareHandler
	host, path, token string
	passes            bool
}

// benchRequests are those that a gate answers, and two to compare with: no gate,
// and the least that one can be.
func benchRequests(b testing.TB) []benchRequest {
	b.Helper()
	a := benchApp(b)
	g, err := a.gate()
	if err != nil {
		b.Fatal(err)
	}
	s := benchLogin(b, g, "edupont", "738264001")
	site := func(id string) *Handler { return &Handler{app: a, site: a.byID[id]} }
	token := benchToken(b, g, s, "notes.test")
	return []benchRequest{
		{"nothing", passing{}, "notes.test", "/x", token, true},
		{"floor", newFloor(token), "notes.test", "/x", token, true},
		{"in session", site("notes"), "notes.test", "/x", token, true},
		{"with assertion", site("signed"), "signed.test", "/x", benchToken(b, g, s, "signed.test"), true},
		{"public", site("notes"), "notes.test", "/public/x", "", true},
		{"without session", site("notes"), "notes.test", "/x", "", false},
		{"ended session", site("notes"), "notes.test", "/x", benchEnded(b, g), false},
		{"not allowed", site("closed"), "closed.test", "/x", benchToken(b, g, s, "closed.test"), false},
	}
}

// benchEnded is the token of a session that has ended.
func benchEnded(b testing.TB, g *authcore.Gate) string {
	b.Helper()
	s := benchLogin(b, g, "smartin", "738264002")
	token := benchToken(b, g, s, "notes.test")
	if err := g.End(context.Background(), s, authcore.Source{}); err != nil {
		b.Fatal(err)
	}
	return token
}

// asks makes a function that does once what a server does with the request behind
// Caddy's part; the other tells how many came through.
func (r benchRequest) asks() (ask func() error, passed func() int) {
	n := 0
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { n++; return nil })
	req := browserRequest()
	req.URL.Path, req.RequestURI, req.Host = r.path, r.path, r.host
	if r.token != "" {
		req.Header["Cookie"] = append(req.Header["Cookie"], "__Host-sesame="+r.token)
	}
	w, server, header := nowhere{make(http.Header)}, new(caddyhttp.Server), req.Header
	return func() error {
		req.Header = maps.Clone(header)
		return r.handler.ServeHTTP(w, caddyhttp.PrepareRequest(req, caddy.NewReplacer(), w, server), next)
	}, func() int { return n }
}

// run measures it.
func (r benchRequest) run(b *testing.B) {
	ask, passed := r.asks()
	b.ReportAllocs()
	for b.Loop() {
		if err := ask(); err != nil {
			b.Fatal(err)
		}
	}
	if (passed() > 0) != r.passes {
		b.Errorf("%d requests passed", passed())
	}
}

// BenchmarkHandler is what the gate adds to a request, without any network: the
// difference from "nothing".
func BenchmarkHandler(b *testing.B) {
	for _, r := range benchRequests(b) {
		b.Run(r.name, r.run)
	}
}
