package caddymodule

import (
	"context"
	"net/http"
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

// benchGate is a configuration with an application, and the token of somebody
// who is logged in there.
func benchGate(b *testing.B) (*Handler, string) {
	b.Helper()
	dir := b.TempDir()
	a := &App{Portal: "https://portail.test", Store: &Store{Badger: dir + "/store"}, SecretFile: dir + "/secret", Applications: []*Application{
		{ID: "notes", URL: "https://notes.test", Allow: []authcore.Rule{{Kind: authcore.Everyone}}, Public: []string{"/public/*"}},
	}}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	b.Cleanup(cancel)
	if err := a.Provision(ctx); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Cleanup() })
	g, err := a.gate()
	if err != nil {
		b.Fatal(err)
	}
	by, key := authcore.Actor{Name: "bench"}, otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("a seed of twenty byte")}
	person := authcore.Account{Identifier: "edupont", GivenName: "Ève", Surname: "Dupont", Email: "eve@ac-exemple.fr", Groups: []string{"enseignants", "3eB"}}
	for _, err := range []error{g.AddAccount(ctx, by, person), g.ImportKey(ctx, by, authcore.NewKey{Serial: "738264001", Generator: key}), g.AssignKey(ctx, by, "738264001", "edupont")} {
		if err != nil {
			b.Fatal(err)
		}
	}
	h := &Handler{app: a, site: a.byID["notes"]}
	return h, benchSession(b, g, key)
}

// benchSession goes through a first login and its hand-over.
func benchSession(b *testing.B, g *authcore.Gate, key otp.Generator) string {
	b.Helper()
	ctx, c := context.Background(), g.Begin("")
	step := key.StepAt(now())
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
	var reply authcore.Reply
	for _, a := range []authcore.Answer{
		authcore.PasscodeAnswer{Identifier: "edupont", Passcode: read(key.Code(step))},
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
	nonce := authcore.NewNonce()
	ticket, err := g.Ticket(ctx, s, "notes.test", authcore.VisitMark(nonce), "https://notes.test/")
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := g.Redeem(ctx, ticket, "notes.test", nonce, authcore.Source{})
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

// BenchmarkHandler is what the gate adds to a request, without any network: the
// difference from "nothing".
func BenchmarkHandler(b *testing.B) {
	h, token := benchGate(b)
	passed := 0
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { passed++; return nil })
	for _, bb := range []struct {
		name         string
		handler      caddyhttp.MiddlewareHandler
		path, cookie string
		passes       bool
	}{
		{"nothing", passing{}, "/x", "", true},
		{"public", h, "/public/x", "", true},
		{"in session", h, "/x", "__Host-sesame=" + token, true},
		{"without a session", h, "/x", "", false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			req := browserRequest()
			req.URL.Path, req.RequestURI, req.Host = bb.path, bb.path, "notes.test"
			req.Header["Cookie"] = append(req.Header["Cookie"], bb.cookie)
			w, server, cookies := nowhere{make(http.Header)}, new(caddyhttp.Server), req.Header["Cookie"]
			passed = 0
			b.ReportAllocs()
			for b.Loop() {
				req.Header["Cookie"] = cookies
				r := caddyhttp.PrepareRequest(req, caddy.NewReplacer(), w, server)
				if err := bb.handler.ServeHTTP(w, r, next); err != nil {
					b.Fatal(err)
				}
			}
			if (passed > 0) != bb.passes {
				b.Errorf("%d requests passed", passed)
			}
		})
	}
}
