package authcore

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// ticket is the one-time hand-over of a session to an application's host.
type ticket struct {
	Session SessionID `json:"session"` // the portal's
	Host    string    `json:"host"`
	Visit   string    `json:"visit"` // VisitMark of the nonce in that host's cookie
	Target  string    `json:"target"`
	Expires time.Time `json:"expires"`
	Taken   bool      `json:"taken,omitempty"`
}

// NewNonce returns 256 bits of base64url: what an application's host puts into
// the browser's cookie before it sends the browser to the portal.
func NewNonce() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// VisitMark is what is told of a nonce to the portal: its SHA-256. With it a
// ticket is bound to the browser that asked for it, as RFC 7636 binds an
// authorization code.
func VisitMark(nonce string) string { return hashName(nonce) }

// Ticket hands a session of the portal over to an application's host: what it
// returns is taken there, once, within Policy.Ticket, by the browser whose nonce
// has that mark. Like an authorization code (RFC 6749 §4.1.2) it travels in a
// URL: without the nonce it opens nothing. Errors: ErrNoSession, the store's.
func (g *Gate) Ticket(ctx context.Context, s Session, host, visit, target string) (string, error) {
	if s.Parent != "" || host == "" || visit == "" {
		return "", ErrNoSession
	}
	name := NewNonce()
	err := g.shared.store.Update(ctx, func(w store.Writer) error {
		t := ticket{Session: s.ID, Host: host, Visit: visit, Target: target, Expires: g.now().Add(g.policy.Ticket)}
		return write(g.secrets(), w, ticketName(name), t, t.Expires.Add(day))
	})
	return name, err
}

// Redeem takes a ticket on an application's host and gives the token of that
// host's own session, and the target that the ticket was made for. Errors:
// ErrNoTicket, the store's.
func (g *Gate) Redeem(ctx context.Context, name, host, nonce string, from Source) (token Token, target string, err error) {
	err = g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		token = Token(NewNonce())
		s, t, err := g.take(w, name, host, nonce, now)
		if err != nil {
			return nil, err
		}
		target = t.Target
		s.Parent, s.ID, s.Host, s.Began, s.Seen = s.ID, token.id(), host, now, now
		s.Address, s.Agent = from.text()
		e := Event{Kind: SessionHandedOver, Holder: s.Holder, Serial: s.Serial, Address: s.Address, Agent: s.Agent, Detail: host}
		return []Event{e}, write(g.secrets(), w, sessionName(s.ID), sessionRecord(s), s.End.Add(day))
	})
	if err != nil {
		return "", "", err
	}
	return token, target, nil
}

// take marks a ticket as taken and returns it with the portal's session that it
// hands over.
func (g *Gate) take(w store.Writer, name, host, nonce string, now time.Time) (Session, ticket, error) {
	sec := g.secrets()
	t, err := read[ticket](sec, w, ticketName(name))
	if errors.Is(err, store.ErrNotFound) {
		return Session{}, t, ErrNoTicket
	}
	if err != nil {
		return Session{}, t, err
	}
	mine := subtle.ConstantTimeCompare([]byte(t.Visit), []byte(VisitMark(nonce))) == 1
	if t.Taken || !mine || t.Host != host || !now.Before(t.Expires) {
		return Session{}, t, ErrNoTicket
	}
	t.Taken = true
	if err := write(sec, w, ticketName(name), t, t.Expires.Add(day)); err != nil {
		return Session{}, t, err
	}
	s, err := g.portalSession(w, t.Session, now)
	if errors.Is(err, ErrNoSession) || errors.Is(err, ErrNotFound) {
		err = ErrNoTicket
	}
	return s, t, err
}

// portalSession reads a session that is alive. Errors: ErrNoSession,
// ErrNotFound when its person is gone, the store's.
func (g *Gate) portalSession(from getter, id SessionID, now time.Time) (Session, error) {
	s, err := sessionOf(g.secrets(), from, id)
	if err != nil {
		return s, err
	}
	a, err := g.accountIn(from, s.Holder)
	if err == nil && !s.alive(a, now) {
		err = ErrNoSession
	}
	return s, err
}
