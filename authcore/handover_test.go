package authcore

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

const appHost = "app.test"

// handover is a portal session and a ticket of it for an application's host.
type handover struct {
	*bench
	token  Token
	portal Session
	nonce  string
	ticket string
}

func newHandover(t tb) *handover {
	t.Helper()
	return handoverOn(newBench(t))
}

func newFaultyHandover(t tb) (*handover, *faulty) {
	t.Helper()
	b, f := newFaultyBench(t)
	return handoverOn(b), f
}

func handoverOn(b *bench) *handover {
	t := b.t
	t.Helper()
	h := &handover{bench: b, token: b.inService("jdupont", pin).Token, nonce: NewNonce()}
	var err error
	h.portal, _, err = b.Session(t.Context(), h.token, "", true)
	b.must(err)
	h.ticket, err = b.Ticket(t.Context(), h.portal, appHost, VisitMark(h.nonce), "/siecle")
	b.must(err)
	return h
}

// redeem takes the ticket as its rightful browser does.
func (h *handover) redeem() Token {
	h.t.Helper()
	token, target, err := h.Redeem(h.t.Context(), h.ticket, appHost, h.nonce, Source{})
	h.must(err)
	if target != "/siecle" || len(token) != 43 || token == h.token {
		h.t.Fatalf("a token of %d characters, the portal's: %v, towards %q", len(token), token == h.token, target)
	}
	return token
}

func TestHandover(t *testing.T) {
	h := newHandover(t)
	token := h.redeem()
	if !h.opens(token, appHost, true) || !h.opens(h.token, "", true) {
		t.Error("not both sessions are alive")
	}
	for _, host := range []string{"", "app2.test", "APP.test", "app.test:444"} {
		if h.opens(token, host, true) {
			t.Errorf("the token of %s opens on %q", appHost, host)
		}
	}
	if h.opens(h.token, appHost, true) {
		t.Errorf("the portal's token opens on %s", appHost)
	}
	e := h.eventsOf(kindIs(SessionHandedOver))
	if len(e) != 1 || e[0].Holder != "jdupont" || e[0].Detail != appHost {
		t.Errorf("written down: %+v", e)
	}
}

// A ticket that is used, late, elsewhere, or in another browser's hands opens
// nothing; and trying does not spoil it for its own browser.
func TestTicketOfAnother(t *testing.T) {
	tests := []struct {
		name string
		take func(h *handover) error
	}{
		{"another host", func(h *handover) error { return h.take("", "app2.test", "") }},
		{"the portal", func(h *handover) error { return h.take("", "", "") }},
		{"another browser", func(h *handover) error { return h.take("", "", NewNonce()) }},
		{"the mark instead of the nonce", func(h *handover) error { return h.take("", "", VisitMark(h.nonce)) }},
		{"another ticket", func(h *handover) error { return h.take(NewNonce(), "", "") }},
		{"half a ticket", func(h *handover) error { return h.take(h.ticket[:20], "", "") }},
		{"the ticket's record name", func(h *handover) error { return h.take(hashName(h.ticket), "", "") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHandover(t)
			sessions := h.sessions()
			if err := tt.take(h); !errors.Is(err, ErrNoTicket) {
				t.Errorf("got %v, want %v", err, ErrNoTicket)
			}
			if h.sessions() != sessions {
				t.Error("a session was opened")
			}
			if !h.opens(h.redeem(), appHost, true) {
				t.Error("the ticket is spoilt for its own browser")
			}
		})
	}
}

// take redeems with something else than what is right; "" is what is right, but
// for the portal's host, which no ticket is for.
func (h *handover) take(ticket, host, nonce string) error {
	if ticket == "" {
		ticket = h.ticket
	}
	if host == "" && nonce != "" {
		host = appHost
	}
	if nonce == "" {
		nonce = h.nonce
	}
	token, target, err := h.Redeem(h.t.Context(), ticket, host, nonce, Source{})
	if err != nil && (token != "" || target != "") {
		h.t.Errorf("an error, and a token: %v, target %q", token != "", target)
	}
	return err
}

func TestTicketIsUsedOnce(t *testing.T) {
	h := newHandover(t)
	h.redeem()
	if err := h.take("", appHost, h.nonce); !errors.Is(err, ErrNoTicket) {
		t.Errorf("the second time: %v", err)
	}
	h.pass(-time.Hour)
	if err := h.take("", appHost, h.nonce); !errors.Is(err, ErrNoTicket) {
		t.Errorf("after the clock went back: %v", err)
	}
}

func TestTicketExpires(t *testing.T) {
	h := newHandover(t)
	h.pass(h.Policy().Ticket - time.Second)
	h.redeem()
	h = newHandover(t)
	h.pass(h.Policy().Ticket)
	if err := h.take("", appHost, h.nonce); !errors.Is(err, ErrNoTicket) {
		t.Errorf("got %v", err)
	}
}

// A thousand browsers with one ticket and one nonce: one gets in.
func TestTicketAThousandTimes(t *testing.T) {
	h := newHandover(t)
	before := h.sessions()
	var taken, refused atomic.Int64
	together(1000, func(int) {
		switch _, _, err := h.Redeem(t.Context(), h.ticket, appHost, h.nonce, Source{}); {
		case err == nil:
			taken.Add(1)
		case errors.Is(err, ErrNoTicket):
			refused.Add(1)
		default:
			t.Errorf("%v", err)
		}
	})
	if taken.Load() != 1 || refused.Load() != 999 || h.sessions()-before != 1 || h.count(SessionHandedOver) != 1 {
		t.Errorf("%d taken, %d refused, %d sessions, %d entries", taken.Load(), refused.Load(), h.sessions()-before, h.count(SessionHandedOver))
	}
}

// What ends the portal's session ends the hand-over: the sessions on every host,
// and the tickets that are still under way.
func TestTheEndReachesEveryHost(t *testing.T) {
	ends := map[string]func(h *handover, child Token){
		"logout at the portal": func(h *handover, _ Token) { h.logout(Reply{Token: h.token}) },
		"logout at the application": func(h *handover, child Token) {
			s, _, err := h.Session(h.t.Context(), child, appHost, false)
			h.must(err)
			h.must(h.End(h.t.Context(), s, Source{}))
		},
		"ended by an administrator": func(h *handover, _ Token) { h.must(h.EndSession(h.t.Context(), by, h.token.id())) },
		"all of a person's ended":   func(h *handover, _ Token) { h.must(h.EndSessions(h.t.Context(), by, "jdupont")) },
		"person shut out":           func(h *handover, _ Token) { h.must(h.DisableAccount(h.t.Context(), by, "jdupont")) },
		"nobody used it":            func(h *handover, _ Token) { h.pass(h.Policy().Idle) },
		"a working day":             func(h *handover, _ Token) { h.pass(h.Policy().Absolute) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			h := newHandover(t)
			child := h.redeem()
			pol := h.Policy()
			pol.Ticket = 5 * time.Minute
			other, err := h.With(pol, h.log).Ticket(t.Context(), h.portal, "app2.test", VisitMark(h.nonce), "/")
			mustBeNil(t, err)
			end(h, child)
			if h.opens(h.token, "", true) || h.opens(child, appHost, true) {
				t.Error("a session is still alive")
			}
			if token, _, err := h.Redeem(t.Context(), other, "app2.test", h.nonce, Source{}); !errors.Is(err, ErrNoTicket) {
				t.Errorf("the ticket under way: %v, and it opens: %v", err, err == nil && h.opens(token, "app2.test", true))
			}
		})
	}
}

// A use at an application keeps the portal's session alive as well.
func TestUseAtTheApplication(t *testing.T) {
	h := newHandover(t)
	child := h.redeem()
	for range 5 {
		h.pass(h.Policy().Idle * 9 / 10)
		if !h.opens(child, appHost, true) {
			t.Fatal("the application's session ended although it is in use")
		}
	}
	if !h.opens(h.token, "", false) {
		t.Error("the portal's session ended under the application's")
	}
	h.setTime(h.portal.End)
	if h.opens(child, appHost, true) {
		t.Error("the application's session outlives the portal's")
	}
}

// An administrator can end the session of one host alone.
func TestEndOneHost(t *testing.T) {
	h := newHandover(t)
	child := h.redeem()
	h.must(h.EndSession(t.Context(), by, child.id()))
	if h.opens(child, appHost, true) || !h.opens(h.token, "", true) {
		t.Error("want the application's session ended, and the portal's alive")
	}
}

// Only the portal's session makes tickets, and each is for somebody.
func TestTicketIsRefused(t *testing.T) {
	h := newHandover(t)
	child, _, err := h.Session(t.Context(), h.redeem(), appHost, true)
	mustBeNil(t, err)
	for name, f := range map[string]func() (string, error){
		"from an application's session": func() (string, error) { return h.Ticket(t.Context(), child, "app2.test", VisitMark("x"), "/") },
		"without a host":                func() (string, error) { return h.Ticket(t.Context(), h.portal, "", VisitMark("x"), "/") },
		"without a mark":                func() (string, error) { return h.Ticket(t.Context(), h.portal, appHost, "", "/") },
	} {
		if ticket, err := f(); !errors.Is(err, ErrNoSession) || ticket != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
