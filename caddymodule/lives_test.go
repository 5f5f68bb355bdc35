package caddymodule

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/ui"
)

// town is a running gate, asked through its handlers without a network, over a
// store in memory: two people with their keys, and whoever else comes.
type town struct {
	*rapid.T
	app    *App
	gate   *authcore.Gate
	admin  *http.ServeMux
	people []*dweller
	acts   map[string]int // that came to something, by what they came to
}

// dweller is a person, and what the model knows of them.
type dweller struct {
	expectation
	id     authcore.Identifier
	serial authcore.Serial
	key    otp.Generator
	home   *tab // the browser they use every day, at an address of its own
}

// tab is a browser: its cookies, and where it sits.
type tab struct {
	jar http.CookieJar
	at  string
}

const (
	townPortal = "https://portail.test"
	townNotes  = "https://notes.test"
)

func newTab(at string) *tab {
	jar, _ := cookiejar.New(nil) // no error is possible
	return &tab{jar, at}
}

// builtTown is the configuration of all towns.
func builtTown(t *testing.T) *App {
	t.Helper()
	dir := t.TempDir()
	a := &App{Portal: townPortal, Store: &Store{Badger: dir + "/store"}, SecretFile: dir + "/secret", Applications: []*Application{
		{ID: "notes", URL: townNotes, Allow: []authcore.Rule{{Kind: authcore.Everyone}}},
	}}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := a.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	a.log = slog.New(slog.DiscardHandler)
	return a
}

// newTown gives the configuration a store of its own.
func newTown(t *rapid.T, a *App, acts map[string]int) *town {
	secrets, err := authcore.NewSecrets()
	w := &town{T: t, app: a, admin: http.NewServeMux(), acts: acts}
	w.must(err)
	w.gate, err = authcore.New(context.Background(), authcore.Config{Store: store.NewMemory(now), Secrets: secrets, Now: now})
	w.must(err)
	a.life.current.Store(w.gate.With(a.settings.policy, a.log))
	serveAdmin(w.admin, adminAPI{func() (*authcore.Gate, *App, error) { return w.gate, a, nil }})
	for i, id := range []authcore.Identifier{"anna", "bela"} {
		p := &dweller{id: id, serial: authcore.Serial(fmt.Sprintf("73826400%d", i)), home: newTab(fmt.Sprintf("203.0.113.%d", i+1)), expectation: newExpectation()}
		p.key = otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte(fmt.Sprintf("%-20s", "seed of "+id))}
		w.must(errors.Join(
			w.gate.AddAccount(context.Background(), testActor, authcore.Account{Identifier: id, GivenName: "Ève", Surname: "Dupont"}),
			w.gate.ImportKey(context.Background(), testActor, authcore.NewKey{Serial: p.serial, Generator: p.key}),
			w.gate.AssignKey(context.Background(), testActor, p.serial, id)))
		w.people = append(w.people, p)
	}
	return w
}

func (w *town) must(err error) {
	if err != nil {
		w.Fatal(err)
	}
}

// arrival is where a request has led.
type arrival struct {
	at   *url.URL
	code int
	body string
	user string // whom the application was told, if it was reached
}

// ask sends a request of a browser, and follows where it leads.
func (w *town) ask(b *tab, method, address string, form url.Values) arrival {
	u, _ := url.Parse(address)
	for range 10 {
		r := httptest.NewRequest(method, u.String(), strings.NewReader(form.Encode()))
		r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Accept-Language": {"fr"}}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", u.Scheme+"://"+u.Host)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		for _, c := range b.jar.Cookies(u) {
			r.AddCookie(c)
		}
		client := netip.MustParseAddr(b.at)
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: client.String()}))
		r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, *r))
		a, h := arrival{at: u}, &Handler{app: w.app, site: w.app.byID[map[string]string{"portail.test": portalID, "notes.test": "notes"}[u.Host]]}
		rec := httptest.NewRecorder()
		err := h.ServeHTTP(rec, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error { a.user = r.Header.Get("Remote-User"); return nil }))
		w.must(err)
		b.jar.SetCookies(u, rec.Result().Cookies())
		if rec.Code >= 500 {
			w.Fatalf("%s %s: %d", method, u.Path, rec.Code)
		}
		a.code, a.body = rec.Code, rec.Body.String()
		if rec.Code != http.StatusSeeOther {
			return a
		}
		if u, err = u.Parse(rec.Header().Get("Location")); err != nil {
			w.Fatal(err)
		}
		method, form = http.MethodGet, nil
	}
	w.Fatalf("%s leads nowhere", address)
	return arrival{}
}

// submit fills the form on a page.
func (w *town) submit(b *tab, a arrival, fields ...string) arrival {
	action := formAction.FindStringSubmatch(a.body)
	if action == nil {
		w.Fatalf("no form at %s (%d)", a.at, a.code)
	}
	form := make(url.Values)
	for _, m := range hiddenField.FindAllStringSubmatch(a.body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	to, err := a.at.Parse(action[1])
	w.must(err)
	return w.ask(b, http.MethodPost, to.String(), form)
}

// outcome says what a page of the login is.
func (w *town) outcome(a arrival) outcome {
	switch {
	case a.code == http.StatusOK && a.at.Path == "/":
		return in
	case a.code == http.StatusOK && a.at.Path == ui.PathNextCode:
		return nextCode
	case a.code == http.StatusOK && a.at.Path == ui.PathPIN:
		return newPIN
	case a.code == http.StatusForbidden:
		return turnedAway
	case a.code == http.StatusTooManyRequests:
		return wait
	}
	w.Fatalf("%d at %s", a.code, a.at)
	return ""
}

// fresh lets a minute pass and returns what the person's key shows, which is like
// none of its codes around it, nor has a PIN of these tests in it.
func (p *dweller) fresh() (string, otp.Step) {
	for {
		advance(61 * time.Second)
		step := p.key.StepAt(now())
		code, alone := p.key.Code(step), true
		for s := step - 25; s <= step+25; s++ {
			alone = alone && (s == step || p.key.Code(s) != code)
		}
		if alone && !strings.Contains(code, lifePINs[0]) && !strings.Contains(code, lifePINs[1]) {
			return code, step
		}
	}
}

// guess is a code that the key does not show these minutes.
func (p *dweller) guess(t *rapid.T) string {
	for {
		code, near := fmt.Sprintf("%06d", rapid.IntRange(0, 999_999).Draw(t, "guess")), false
		for s, at := otp.Step(-25), p.key.StepAt(now()); s <= 25; s++ {
			near = near || p.key.Code(at+s) == code
		}
		if !near {
			return code
		}
	}
}

var lifePINs = []string{"7294", "8305"}

// begin opens the login's first page, with no login under way; it has no form where
// the browser is in session.
func (w *town) begin(b *tab) arrival {
	u, _ := url.Parse(townPortal)
	b.jar.SetCookies(u, []*http.Cookie{{Name: w.app.portal.origin.cookieName(loginCookie), Path: "/", MaxAge: -1, Secure: true}})
	return w.ask(b, http.MethodGet, townPortal+ui.PathLogin, nil)
}

// agree fails unless the gate did what the model expects.
func (w *town) agree(what string, p *dweller, got, want outcome) {
	w.acts[string(got)]++
	if got != want {
		w.Fatalf("%s as %s: the gate says %q, the model %q: %+v", what, p.id, got, want, p.expectation)
	}
}

// logIn types a PIN and a code into a browser, and goes on as far as it leads.
func (w *town) logIn(what string, p *dweller, b *tab, pin, code string, step otp.Step, knows bool) {
	a := w.begin(b)
	if b == p.home && a.at.Path != ui.PathLogin {
		if !p.mayLive(b, now()) {
			w.Fatalf("%s is in session, and should not be: %+v", p.id, p.expectation)
		}
		return
	}
	want := p.types(b, step, pin, p.key.StepAt(now()), now())
	a = w.submit(b, a, "identifier", string(p.id), "passcode", pin+code)
	w.agree(what, p, w.outcome(a), want)
	if want == nextCode && knows {
		code, step = p.fresh()
		want = p.follows(step)
		a = w.submit(b, a, "code", code)
		w.agree(what+", the next code", p, w.outcome(a), want)
	}
	if want == newPIN && knows {
		pin = rapid.SampledFrom(lifePINs).Draw(w.T, "new PIN")
		a = w.submit(b, a, "pin", pin, "pin_again", pin)
		code, step = p.fresh()
		want = p.proves(pin, step)
		a = w.submit(b, a, "passcode", pin+code)
		w.agree(what+", the new PIN", p, w.outcome(a), want)
	}
	if want == in {
		p.enters(b, w.cookie(b), now())
	}
}

// cookie is the session's of a browser.
func (w *town) cookie(b *tab) string {
	u, _ := url.Parse(townPortal)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == w.app.portal.origin.cookieName(sessionCookie) {
			return c.Value
		}
	}
	return ""
}

// look holds a session to what the model knows, with its cookie in some browser.
func (w *town) look(p *dweller, s *sessionSeen) {
	b, u := newTab("198.51.100.9"), &url.URL{Scheme: "https", Host: "portail.test"}
	b.jar.SetCookies(u, []*http.Cookie{{Name: w.app.portal.origin.cookieName(sessionCookie), Value: s.cookie, Path: "/", Secure: true}})
	a := w.ask(b, http.MethodGet, townNotes+"/page", nil)
	open := a.user == string(p.id)
	if a.user != "" && !open || s.alive(now()) == lives && !open || s.alive(now()) == over && open {
		w.Fatalf("a session of %s, which %s: the application was told %q: %+v", p.id, s.alive(now()), a.user, p.expectation)
	}
	w.acts["open: "+fmt.Sprint(open)]++
	if s.seen = now(); !open {
		s.ended = true
	}
}

// operate has an operator do something to a key over the administration.
func (w *town) operate(p *dweller, verb string) {
	r := httptest.NewRequest(http.MethodPost, "http://localhost:2019/sesame/keys/"+string(p.serial)+"/"+verb, nil)
	rec := httptest.NewRecorder()
	w.admin.ServeHTTP(rec, r)
	done := rec.Code < 300
	w.acts[fmt.Sprint(verb, ": ", done)]++
	if want := p.operated(verb); done != want {
		w.Fatalf("%s of %s: %d %s, and the model says %v: %+v", verb, p.id, rec.Code, rec.Body, want, p.expectation)
	}
}

// TestRandomLivesOverHTTP lets holders, attackers and operators do what they do in
// any order, against the handlers of a running gate and against a model: they agree
// on every answer, every session and every key's state.
func TestRandomLivesOverHTTP(t *testing.T) {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		defer flag.Set("rapid.checks", checks.DefValue)
		if err := flag.Set("rapid.checks", "10"); err != nil { // a life is made of thousands of requests
			t.Fatal(err)
		}
	}
	app, acts := builtTown(t), map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newTown(t, app, acts)
		one := func(t *rapid.T) *dweller { return rapid.SampledFrom(w.people).Draw(t, "who") }
		away := func(t *rapid.T) *tab {
			return newTab(fmt.Sprintf("192.0.2.%d", rapid.IntRange(1, 3).Draw(t, "network")))
		}
		comes := func(what string, b func(*rapid.T, *dweller) *tab) func(*rapid.T) {
			return func(t *rapid.T) {
				w.T = t
				p := one(t)
				code, step := p.fresh()
				w.logIn(what, p, b(t, p), p.pin, code, step, true)
			}
		}
		home := func(_ *rapid.T, p *dweller) *tab { return p.home }
		t.Repeat(map[string]func(*rapid.T){
			"a holder comes":          comes("a holder", home),
			"a holder comes again":    comes("a holder", home),
			"a holder is on the road": comes("a holder elsewhere", func(t *rapid.T, _ *dweller) *tab { return away(t) }),
			"a holder mistypes": func(t *rapid.T) {
				w.T = t
				p := one(t)
				w.logIn("a wrong code", p, p.home, p.pin, p.guess(t), noStep, false)
			},
			"somebody guesses": func(t *rapid.T) {
				w.T = t
				p := one(t)
				for b, n := away(t), rapid.IntRange(1, 6).Draw(t, "times"); n > 0; n-- {
					w.logIn("a guess", p, b, rapid.SampledFrom(append(lifePINs, "")).Draw(t, "PIN"), p.guess(t), noStep, false)
				}
			},
			"somebody replays": func(t *rapid.T) {
				w.T = t
				if p := one(t); p.used != noStep {
					w.logIn("a code of before", p, away(t), p.pin, p.key.Code(p.used), p.used, false)
				}
			},
			"a thief has the key": func(t *rapid.T) {
				w.T = t
				p := one(t)
				for b, n := away(t), rapid.IntRange(1, 5).Draw(t, "times"); n > 0; n-- {
					code, step := p.fresh()
					w.logIn("a thief", p, b, rapid.SampledFrom([]string{"5083", "6194"}).Draw(t, "PIN"), code, step, false)
				}
			},
			"a holder logs out": func(t *rapid.T) {
				w.T = t
				p := one(t)
				if s := p.at(p.home); s != nil && s.alive(now()) == lives {
					w.submit(p.home, w.ask(p.home, http.MethodGet, townPortal+ui.PathLogout, nil))
					s.ended = true
				}
			},
			"an operator acts": func(t *rapid.T) {
				w.T = t
				p, verbs := one(t), []string{"unlock", "found", "lost", "clear-pin"}
				switch p.state {
				case authcore.Locked:
					verbs = append(verbs, "unlock", "unlock", "unlock")
				case authcore.Lost:
					verbs = append(verbs, "found", "found", "found")
				}
				w.operate(p, rapid.SampledFrom(verbs).Draw(t, "verb"))
			},
			"time passes": func(t *rapid.T) {
				advance(rapid.SampledFrom([]time.Duration{21 * time.Second, 67 * time.Second, 131 * time.Second, 671 * time.Second, 47 * time.Minute, 14 * time.Hour}).Draw(t, "how long"))
			},
			"": func(t *rapid.T) {
				w.T = t
				for _, p := range w.people {
					k, err := w.gate.KeyInfo(context.Background(), p.serial)
					w.must(err)
					if k.State != p.state {
						t.Fatalf("the key of %s is %s, and the model says %s: %+v", p.id, k.State, p.state, p.expectation)
					}
					for _, s := range p.sessions {
						w.look(p, s)
					}
					p.sessions = slices.DeleteFunc(p.sessions, func(s *sessionSeen) bool { return s.ended && s.looked() })
				}
			},
		})
	})
	t.Logf("seen: %v", acts)
	for _, what := range []string{string(in), string(turnedAway), string(wait), string(nextCode), string(newPIN), "open: true", "open: false"} {
		if acts[what] == 0 {
			t.Errorf("in no life there was %q: the test shows little; there were %v", what, acts)
		}
	}
}
