package authcore

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// opens reports whether a token opens a session on a host.
func (b *bench) opens(token Token, host string, active bool) bool {
	b.t.Helper()
	s, a, err := b.Session(b.t.Context(), token, host, active)
	if err != nil {
		if !errors.Is(err, ErrNoSession) || s.Holder != "" || a.Identifier != "" {
			b.t.Fatalf("got %v and a session of %q; want %v and nothing", err, s.Holder, ErrNoSession)
		}
		return false
	}
	if s.Holder != a.Identifier || s.Host != host {
		b.t.Fatalf("a session of %q on %q for the account of %q on %q", s.Holder, s.Host, a.Identifier, host)
	}
	return true
}

func TestSessionEndsWhenIdle(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	b.pass(-time.Minute) // back to the login
	began, idle := b.clock(), b.Policy().Idle
	b.setTime(began.Add(idle - time.Second))
	if !b.opens(token, "", false) {
		t.Fatal("ended a second early")
	}
	b.setTime(began.Add(idle))
	if b.opens(token, "", true) {
		t.Fatal("alive when it had to end: a poll kept it")
	}
	b.setTime(began.Add(idle - time.Second))
	if !b.opens(token, "", true) {
		t.Fatal("the use a second before the end did not count")
	}
	b.setTime(began.Add(2*idle - 2*time.Second))
	if !b.opens(token, "", false) {
		t.Error("an active use did not move the idle end")
	}
	b.setTime(began.Add(2*idle - time.Second))
	if b.opens(token, "", true) {
		t.Error("alive a full idle time after its last use")
	}
}

func TestSessionEndsAbsolutely(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	b.pass(-time.Minute)
	end := b.clock().Add(b.Policy().Absolute)
	for b.clock().Before(end.Add(-time.Second)) {
		if !b.opens(token, "", true) {
			t.Fatalf("a session in use ended %v before its end", end.Sub(b.clock()))
		}
		b.setTime(minTime(b.clock().Add(b.Policy().Idle/2), end.Add(-time.Second)))
	}
	if !b.opens(token, "", true) {
		t.Error("ended a second early")
	}
	b.setTime(end)
	if b.opens(token, "", true) {
		t.Error("alive after its end")
	}
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// A use is saved once a minute at most.
func TestSessionIsTouchedOnceAMinute(t *testing.T) {
	writes := 0
	b := newBenchOn(t, func(s store.Store) store.Store {
		return updateHook{s, func() error { writes++; return nil }}
	})
	token := b.inService("jdupont", pin).Token
	b.pass(-time.Minute)
	start := b.clock()
	writes = 0
	for b.clock().Before(start.Add(10 * time.Minute)) {
		if !b.opens(token, "", true) || !b.opens(token, "", false) {
			t.Fatal("the session ended")
		}
		b.pass(time.Second)
	}
	if writes != 9 {
		t.Errorf("%d writes for 600 uses in ten minutes, want 9", writes)
	}
	short := DefaultPolicy()
	short.Idle = 2 * time.Minute
	s := Session{Seen: start}
	for after, want := range map[time.Duration]bool{11 * time.Second: false, 12 * time.Second: true, 13 * time.Second: true} {
		touched, worth := s.touch(start.Add(after), short)
		if worth != want || worth && !touched.Idle.Equal(start.Add(after+short.Idle)) {
			t.Errorf("%v after the last use, idle %v: worth a write: %v, ends at %v", after, short.Idle, worth, touched.Idle)
		}
	}
}

// The use of a session that cannot be saved still counts as a use.
func TestSessionUseIsNotSaved(t *testing.T) {
	b, f := newFaultyBench(t)
	token := b.inService("jdupont", pin).Token
	b.wait(5)
	f.Store = updateHook{f.Store, func() error { return errFault }}
	if !b.opens(token, "", true) {
		t.Error("a session is refused because its use could not be saved")
	}
}

// What ends sessions ends them at the next request, and for good.
func TestSessionIsEnded(t *testing.T) {
	tests := []struct {
		name string
		end  func(b *bench, token Token)
		undo func(b *bench)
	}{
		{"logout", func(b *bench, token Token) { b.logout(Reply{Token: token}) }, nil},
		{"ended by an administrator", func(b *bench, token Token) {
			b.must(b.EndSession(b.t.Context(), by, token.id()))
		}, nil},
		{"all of a person's ended", func(b *bench, _ Token) {
			b.must(b.EndSessions(b.t.Context(), by, "jdupont"))
		}, nil},
		{"person shut out", func(b *bench, _ Token) {
			b.must(b.DisableAccount(b.t.Context(), by, "jdupont"))
		}, func(b *bench) { b.must(b.EnableAccount(b.t.Context(), by, "jdupont")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			token := b.inService("jdupont", pin).Token
			tt.end(b, token)
			if b.opens(token, "", true) {
				t.Error("the session still opens")
			}
			if tt.undo != nil {
				tt.undo(b)
			}
			b.pass(-2 * time.Hour)
			if b.opens(token, "", true) {
				t.Error("the session came back")
			}
			b.pass(2 * time.Hour)
			b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
			if b.opens(token, "", true) {
				t.Error("another login brought the session back")
			}
			if live, err := b.Sessions(t.Context(), "jdupont", "", 0); err != nil || len(live) != 1 {
				t.Errorf("%d sessions are alive, want the new one (%v)", len(live), err)
			}
		})
	}
}

// Each thing that ends a session does so by itself.
func TestSessionAlive(t *testing.T) {
	now := benchStart
	session := Session{Epoch: 2, Idle: now.Add(1), End: now.Add(1)}
	account := Account{Epoch: 2}
	if !session.alive(account, now) {
		t.Fatal("not alive a moment before its end")
	}
	for name, end := range map[string]func(*Session, *Account){
		"idle": func(s *Session, _ *Account) { s.Idle = now }, "its end": func(s *Session, _ *Account) { s.End = now },
		"ended": func(s *Session, _ *Account) { s.Ended = now.Add(time.Hour) }, "shut out": func(_ *Session, a *Account) { a.Disabled = true },
		"account at its end": func(_ *Session, a *Account) { a.End = now },
		"later epoch":        func(_ *Session, a *Account) { a.Epoch = 3 }, "earlier epoch": func(_ *Session, a *Account) { a.Epoch = 1 },
	} {
		s, a := session, account
		if end(&s, &a); s.alive(a, now) {
			t.Errorf("%s: alive", name)
		}
	}
}

func TestSessionOfNobody(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	for _, wrong := range []Token{"", "x", token[:42], token + "A", token[:42] + "!", Token(token.id()), Token(NewNonce())} {
		if b.opens(wrong, "", true) {
			t.Errorf("a token of %d characters opens", len(wrong))
		}
	}
	if b.opens(token, "app.test", true) {
		t.Error("the portal's token opens on an application's host")
	}
	if err := b.EndSession(t.Context(), by, "no-such-session"); !errors.Is(err, ErrNotFound) {
		t.Errorf("ending a session that is not: %v", err)
	}
	if err := b.End(t.Context(), Session{ID: "no-such-session"}, Source{}); !errors.Is(err, ErrNoSession) {
		t.Errorf("logging out of a session that is not: %v", err)
	}
}

// Ending twice is ending once.
func TestSessionEndsOnce(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	s, _, err := b.Session(t.Context(), token, "", false)
	mustBeNil(t, err)
	for range 3 {
		mustBeNil(t, b.End(t.Context(), s, Source{Agent: "Firefox"}))
		b.wait(1)
	}
	e := b.eventsOf(kindIs(SessionEnded))
	if len(e) != 1 || e[0].Holder != "jdupont" || e[0].Serial != "0123456789" || e[0].Agent != "Firefox" || e[0].Detail != "logout" {
		t.Errorf("written down: %+v", e)
	}
}

// Sessions lists who is logged in, and what each session is made of.
func TestSessions(t *testing.T) {
	b := newBench(t)
	first := b.inService("jdupont", pin)
	b.addKey("OTHER-1")
	b.addPerson("mmartin", "OTHER-1")
	b.key = totpKey("OTHER-1")
	b.inService("mmartin", "5083")
	all, err := b.Sessions(t.Context(), "", "", 0)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d sessions, %v; want 2", len(all), err)
	}
	mine, err := b.Sessions(t.Context(), "jdupont", "", 0)
	if err != nil || len(mine) != 1 {
		t.Fatalf("%d sessions, %v; want 1", len(mine), err)
	}
	began := benchStart.Add(time.Minute)
	a, err := b.Account(t.Context(), "jdupont")
	mustBeNil(t, err)
	want := Session{ID: first.Token.id(), Holder: "jdupont", Serial: "0123456789", Method: "otp", Epoch: a.Epoch, Began: began, Seen: began,
		Idle: began.Add(time.Hour), End: began.Add(10 * time.Hour), Address: "192.0.2.1"}
	if diff := cmp.Diff(want, mine[0]); diff != "" {
		t.Errorf("the session (-want +got):\n%s", diff)
	}
	b.pass(b.Policy().Idle)
	if left, err := b.Sessions(t.Context(), "", "", 0); err != nil || len(left) != 0 {
		t.Errorf("%d sessions are listed after they ended, %v", len(left), err)
	}
}

// Tokens have 256 bits, and no two are alike.
func TestTokens(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	seen := map[Token]bool{}
	for range 200 {
		r := b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
		if len(r.Token) != 43 || seen[r.Token] {
			t.Fatalf("a token of %d characters, seen before: %v", len(r.Token), seen[r.Token])
		}
		seen[r.Token] = true
		b.wait(1)
	}
}
