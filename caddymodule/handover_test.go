package caddymodule

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// ticketFor brings a browser that is logged in on the portal to the point where
// it holds a ticket for notes, not yet used.
func (s *testServer) ticketFor(b *browser) string {
	s.t.Helper()
	a := b.once(b.page(s.at("notes", "/deep?x=y")))
	to, err := a.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	a = b.once(b.page(to.String()))
	if to, err = a.Location(); err != nil || to.Host != "notes.localhost:"+s.port || to.Path != pathTicket {
		s.t.Fatalf("the portal sends to %v, %v", to, err)
	}
	return to.String()
}

func TestTicket(t *testing.T) {
	s := startGate(t, "", "")
	thief, b := s.loggedIn("mallory"), s.loggedIn("edupont")
	ticket := s.ticketFor(b)
	for name, try := range map[string]func() answer{
		"without a cookie":         func() answer { x := newBrowser(t); return x.once(x.page(ticket)) },
		"by another visitor":       func() answer { s.ticketFor(thief); return thief.once(thief.page(ticket)) },
		"on another host":          func() answer { return b.once(b.page(strings.Replace(ticket, "notes", "autre", 1))) },
		"on the portal":            func() answer { return b.once(b.page(strings.Replace(ticket, "notes", "portail", 1))) },
		"by HEAD":                  func() answer { r := b.page(ticket); r.Method = http.MethodHead; return b.once(r) },
		"by POST":                  func() answer { r := b.page(ticket); r.Method = http.MethodPost; return b.once(r) },
		"twice in the query":       func() answer { return b.once(b.page(ticket + "&ticket=x")) },
		"with something behind it": func() answer { return b.once(b.page(ticket + "x")) },
	} {
		a := try()
		for _, c := range a.Cookies() {
			if c.Name == "sesame" {
				t.Errorf("%s: a session was opened (%s)", name, a.Status)
			}
		}
	}
	a := b.once(b.page(ticket))
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != s.at("notes", "/deep?x=y") {
		t.Fatalf("the ticket leads to %s (%s)", a.Header.Get("Location"), a.Status)
	}
	if visit := b.own(s.at("notes", "/"), "sesame-visit"); visit != "" {
		t.Error("the visit's cookie is kept")
	}
	before := b.own(s.at("notes", "/"), "sesame")
	// Back in the history: it opens nothing any more, and the person goes on.
	if a := b.once(b.page(ticket)); a.Header.Get("Location") != s.at("notes", "/") || len(a.Cookies()) > 0 || b.own(s.at("notes", "/"), "sesame") != before {
		t.Errorf("the ticket again: %s %v", a.Status, a.Header)
	}
	// By the very same browser, without the session: spent.
	b.set(s.at("notes", "/"), "sesame", "")
	b.set(s.at("notes", "/"), "sesame-visit", strings.Repeat("A", 43))
	if a := b.once(b.page(ticket)); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "expiré") || !strings.Contains(a.body, `href="`+s.at("notes", "/")+`"`) {
		t.Errorf("a spent ticket: %s\n%s", a.Status, a.body)
	}
	blocked := newBrowser(t)
	if a := blocked.once(blocked.page(ticket)); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "cookie") {
		t.Errorf("a browser without cookies: %s", a.Status)
	}
}

func TestTicketExpires(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	ticket := s.ticketFor(b)
	advance(61 * time.Second)
	if a := b.once(b.page(ticket)); a.StatusCode != http.StatusForbidden {
		t.Errorf("after a minute: %s", a.Status)
	}
}

// Of a hundred uses of one ticket at once, one opens a session.
func TestTicketOpensOneSession(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	ticket := s.ticketFor(b)
	visit := b.own(s.at("notes", "/"), "sesame-visit")
	var opened atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			x := newBrowser(t)
			x.set(s.at("notes", "/"), "sesame-visit", visit)
			for _, c := range x.once(x.page(ticket)).Cookies() {
				if c.Name == "sesame" && c.Value != "" {
					opened.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got := opened.Load(); got != 1 {
		t.Errorf("%d sessions were opened", got)
	}
}

// The configuration may have changed since a ticket was made: its target is
// looked at again.
func TestTargetOfATicket(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	session, _, err := s.gate().Session(t.Context(), authcore.Token(b.own(s.at("portail", "/"), "sesame")), "", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"https://evil.example/", s.at("autre", "/x"), s.at("portail", "/"), "", "/x"} {
		nonce := authcore.NewNonce()
		ticket, err := s.gate().Ticket(t.Context(), session, "notes.localhost:"+s.port, authcore.VisitMark(nonce), target)
		if err != nil {
			t.Fatal(err)
		}
		b.set(s.at("notes", "/"), "sesame-visit", nonce)
		a := b.once(b.page(s.at("notes", "/.sesame/ticket?ticket="+ticket)))
		if a.Header.Get("Location") != s.at("notes", "/") || len(a.Cookies()) != 2 {
			t.Errorf("a ticket for %q leads to %q (%s)", target, a.Header.Get("Location"), a.Status)
		}
	}
}

// A page that is too long to come back to, or oddly written, is not lost on the
// way: the person arrives at the application's first page.
func TestLongAddress(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	if a := b.open(s.at("notes", "/"+strings.Repeat("a", 3000))); a.url().String() != s.at("notes", "/") || a.body != "ok" {
		t.Errorf("ended at %.80s (%s)", a.url(), a.Status)
	}
}

// TestLogout ends the session on every host, whichever it is asked on, and only
// by a form of ours.
func TestLogout(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	for i, from := range []string{"portail", "notes"} {
		b := newBrowser(t)
		a := b.open(s.at("notes", "/"))
		if i == 0 {
			a = s.enroll(b, "edupont", a)
		} else {
			a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
		}
		b.open(s.at("autre", "/"))
		stolen := b.own(s.at("notes", "/"), "sesame")
		ask := b.open(s.at(from, "/.sesame/logout"))
		if ask.StatusCode != 200 || !strings.Contains(ask.body, "Ève Dupont") {
			t.Fatalf("asking on %s: %s", from, ask.Status)
		}
		if a = b.open(s.at("notes", "/")); a.body != "ok" {
			t.Errorf("asking has ended the session: %s at %s", a.Status, a.url())
		}
		for name, forge := range map[string]func(*http.Request){"cross-site": func(r *http.Request) { crossed(r) }, "no token": withField("csrf", "")} {
			r := b.post(ask)
			forge(r)
			if a := b.once(r); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s on %s: %s", name, from, a.Status)
			}
		}
		if a = b.open(s.at("notes", "/")); a.body != "ok" {
			t.Errorf("a forged form has ended the session: %s", a.Status)
		}
		again := b.post(ask)
		a = b.submit(ask)
		if a.StatusCode != 200 || a.Header.Get("Clear-Site-Data") != `"cookies", "storage"` || !strings.Contains(a.body, "session") {
			t.Errorf("logged out on %s: %s %v", from, a.Status, a.Header)
		}
		if got := b.own(s.at(from, "/"), "sesame"); got != "" {
			t.Errorf("the cookie of %s is kept", from)
		}
		for _, host := range []string{"portail", "notes", "autre"} {
			if a := b.open(s.at(host, "/")); a.url().Path != "/.sesame/login" {
				t.Errorf("after the logout on %s, %s shows %s", from, host, a.url())
			}
		}
		thief := newBrowser(t)
		thief.set(s.at("notes", "/"), "sesame", stolen)
		if a := thief.once(thief.page(s.at("notes", "/"))); a.StatusCode != http.StatusSeeOther {
			t.Errorf("the old cookie still opens: %s", a.Status)
		}
		if a := b.do(again); a.StatusCode != 200 || !strings.Contains(a.body, "session") {
			t.Errorf("the same form again: %s", a.Status)
		}
		if a := b.open(s.at(from, "/.sesame/logout")); a.url().Path != "/.sesame/login" {
			t.Errorf("asking without a session leads to %s", a.url())
		}
	}
}

// TestANewLoginEndsTheOldOne: the cookie changes, and the one before it opens
// nothing any more.
func TestANewLoginEndsTheOldOne(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	page, other := newBrowser(t), newBrowser(t)
	login := page.open(s.at("portail", "/.sesame/login"))
	old := b.own(s.at("portail", "/"), "sesame")
	page.set(s.at("portail", "/"), "sesame", old)
	if a := page.submit(login, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); a.url().Path != "/" {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	if page.own(s.at("portail", "/"), "sesame") == old {
		t.Error("the session has kept its cookie")
	}
	other.set(s.at("portail", "/"), "sesame", old)
	if a := other.once(other.page(s.at("portail", "/"))); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the old cookie still opens: %s", a.Status)
	}
}
