package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// pair are two gates on one store in etcd that are one place to browsers: they
// listen at the same port of two loopback addresses, each with a clock of its own.
type pair struct {
	t      *testing.T
	a, b   *server
	clocks [2]func(ahead time.Duration)
	ahead  time.Duration // that of the first
}

// newPair starts two gates, whose lines of the store these are.
func newPair(t *testing.T, storeOfA, storeOfB string) *pair {
	t.Helper()
	p := &pair{t: t}
	p.a = p.start(0, "127.0.0.1", storeOfA, nil)
	p.b = p.start(1, "127.0.0.2", storeOfB, nil)
	return p
}

// etcdAt is a line of the configuration.
func etcdAt(endpoints []string) string { return "etcd " + strings.Join(endpoints, " ") }

// start starts one of the gates, after a last change to its configuration; the second
// has the first one's port and secret.
func (p *pair) start(i int, host, storeLine string, change func(s *server, config string) string) *server {
	p.t.Helper()
	env, move := newClock(p.t)
	p.clocks[i] = move
	return newServerWith(p.t, func(s *server) string {
		s.host, s.env = host, append(s.env, env)
		if i > 0 {
			s.port = p.a.port
			p.a.copySecret(s)
		}
		text := strings.ReplaceAll(s.caddyfile(), "bind 127.0.0.1", "bind "+host)
		text = strings.Replace(text, "badger "+s.dir+"/store", storeLine, 1)
		if change != nil {
			text = change(s, text)
		}
		return text
	})
}

// copySecret gives another server of the same store this one's secret file.
func (s *server) copySecret(to *server) {
	s.t.Helper()
	secret, err := os.ReadFile(filepath.Join(s.dir, "secret"))
	if err != nil {
		s.t.Fatal(err)
	}
	to.write(filepath.Join(to.dir, "secret"), string(secret))
}

func (p *pair) both() [2]*server { return [2]*server{p.a, p.b} }

// later moves both clocks on, the second by so much more than the first.
func (p *pair) later(by, apart time.Duration) {
	p.t.Helper()
	p.ahead += by
	p.clocks[0](p.ahead)
	p.clocks[1](p.ahead + apart)
}

// passcode is what somebody types now, by the first gate's clock.
func (p *pair) passcode(id string) string {
	g := p.a.keys[id]
	return pin + g.Code(g.StepAt(timeNow().Add(p.ahead)))
}

// people adds people with keys, and has each log in for the first time.
func (p *pair) people(n int) []*holder {
	p.t.Helper()
	holders := make([]*holder, n)
	for i, id := range p.a.people(n) {
		holders[i] = p.a.holder(p.t, id)
	}
	atOnce(n, 4, func(i int) {
		h := holders[i]
		h.at(h.firstLogin(h.open(p.a.portal("/"))), "/")
	})
	return holders
}

// people adds people with keys, by the admin endpoint, which is quicker than the
// command line.
func (s *server) people(n int) (ids []string) {
	s.t.Helper()
	var file strings.Builder
	for i := range n {
		id, seed := fmt.Sprintf("p%03d", i), []byte(fmt.Sprintf("the seed of p%03d....", i))
		s.keys[id] = otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: seed}
		fmt.Fprintf(&file, "8%05d,%x,totp,6,60\n", i, seed)
		ids = append(ids, id)
	}
	if answer, err := s.importKeys(strings.NewReader(file.String())); err != nil || !strings.Contains(answer, fmt.Sprintf(`"imported":%d`, n)) {
		s.t.Fatalf("the import of %d keys: %v %s", n, err, answer)
	}
	for i, id := range ids {
		if got := s.asked(http.MethodPost, "/sesame/users", `{"id":"`+id+`","groups":["enseignants"]}`); got != http.StatusCreated {
			s.t.Fatalf("adding %s is answered %d", id, got)
		}
		if got := s.asked(http.MethodPost, fmt.Sprintf("/sesame/keys/8%05d/assign", i), `{"holder":"`+id+`"}`); got >= 300 {
			s.t.Fatalf("assigning the key of %s is answered %d", id, got)
		}
	}
	return ids
}

// to is the same browser, cookies and all, sent to that server.
func (b *browser) to(s *server) *browser {
	client := *b.client
	client.Transport, client.CheckRedirect = transportTo(s.host), nil
	return &browser{b.t, &client}
}

// leave closes the connections that a browser keeps.
func (b *browser) leave() { b.client.CloseIdleConnections() }

// login is a PASSCODE that is posted once.
type login struct {
	b      *browser
	answer page
	err    error // the connection's: nothing is known then
}

// in reports that the answer has opened a session.
func (l login) in() bool { return l.answer.status == http.StatusSeeOther && hasSession(l.answer) }

func (l login) String() string {
	if l.err != nil {
		return l.err.Error()
	}
	return fmt.Sprintf("%d %.200s", l.answer.status, l.answer.text)
}

// posts gives each gate a browser with the login's page open, and returns what posts
// the PASSCODE from both at once. A gate that shows no page has no browser.
func (p *pair) posts(id, passcode string) func() [2]login {
	var logins [2]login
	var requests [2]*http.Request
	for i, s := range p.both() {
		b := newBrowser(p.t).to(s)
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		logins[i].b = b
		var form page
		if form, logins[i].err = b.try(get(s.portal("/.sesame/login"))); logins[i].err == nil && form.form != nil {
			requests[i] = b.request(form, "identifier", id, "passcode", passcode)
		}
	}
	return func() [2]login {
		var posted sync.WaitGroup
		for i, req := range requests {
			if req != nil {
				posted.Go(func() { logins[i].answer, logins[i].err = logins[i].b.try(req) })
			}
		}
		posted.Wait()
		for _, l := range logins {
			l.b.leave()
		}
		return logins
	}
}

// known wants a session to be good at a gate. One that answers 503 is asked again
// until it has had the time to find its store.
func (b *browser) known(s *server) error {
	at := b.to(s)
	defer at.leave()
	for deadline := time.Now().Add(time.Minute); ; {
		p, err := at.try(get(s.portal("/")))
		switch {
		case err == nil && p.status == http.StatusOK && p.url.Path == "/":
			return nil
		case err == nil && p.status != http.StatusServiceUnavailable:
			return fmt.Errorf("it is answered %d at %v", p.status, p.url)
		case time.Now().After(deadline):
			return fmt.Errorf("no answer for a minute: %d %w", p.status, err)
		}
		<-time.After(100 * time.Millisecond) // between two questions
	}
}

// cookies is another browser that has the same cookies now.
func (b *browser) cookies(s *server) *browser {
	b.t.Helper()
	other := newBrowser(b.t)
	address := get(s.portal("/")).URL
	other.client.Jar.SetCookies(address, b.client.Jar.Cookies(address))
	return other
}

// leaves ends the session at one gate, and reports whether that was acknowledged.
func (b *browser) leaves(s *server) bool {
	at := b.to(s)
	defer at.leave()
	p, err := at.try(get(s.portal("/.sesame/logout")))
	if err == nil && p.form != nil {
		p, err = at.try(at.request(p))
		return err == nil && p.status == http.StatusOK
	}
	return false
}

// logout ends the session at one gate, which must acknowledge it, and returns a
// browser that has the cookies of before.
func (b *browser) logout(s *server) (before *browser) {
	b.t.Helper()
	before = b.cookies(s)
	if !b.leaves(s) {
		b.t.Fatal("the logout was not acknowledged")
	}
	return before
}

// passes returns for how long a session goes on to be taken by a gate: patience at
// most.
func (b *browser) passes(s *server) time.Duration {
	b.t.Helper()
	at := b.to(s)
	defer at.leave()
	for began := time.Now(); ; {
		p, err := at.try(get(s.portal("/")))
		took := time.Since(began)
		if err == nil && p.status == http.StatusOK && p.url.Path == "/.sesame/login" || took >= patience {
			return took
		}
	}
}
