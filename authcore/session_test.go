package authcore

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// opens reports whether a token opens a session on a host. What is answered from
// memory must be what the store says.
func (b *bench) opens(token Token, host string, active bool) bool {
	b.t.Helper()
	st, known := b.Standing(b.t.Context(), token, host, false)
	s, a, err := b.Session(b.t.Context(), token, host, false)
	if err == nil && active {
		_, _, err = b.Session(b.t.Context(), token, host, true)
	}
	if (known == nil) != (err == nil) || known == nil && !reflect.DeepEqual([]any{st.Session, st.Account}, []any{s, a}) {
		b.t.Fatalf("from memory comes %v, from the store %v, or another session or account", known, err)
	}
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
}

func TestSessionInUseIsNotIdle(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	b.pass(-time.Minute) // back to the login
	began, idle := b.clock(), b.Policy().Idle
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

// Of a day of requests, one every ten seconds and a poll beside each, a use is
// saved once in a twentieth of the idle time at most.
func TestSessionIsTouchedSeldom(t *testing.T) {
	writes := 0
	b := newBenchOn(t, func(s store.Store) store.Store {
		return updateHook{s, func() error { writes++; return nil }}
	})
	b.policy.Absolute = 25 * time.Hour
	token := b.inService("jdupont", pin).Token
	b.pass(-time.Minute)
	writes = 0
	for range 24 * 60 * 6 {
		b.pass(10 * time.Second)
		if !b.opens(token, "", true) || !b.opens(token, "", false) {
			t.Fatal("the session ended")
		}
	}
	if writes != 480 {
		t.Errorf("%d writes for 8640 uses in a day, want 480: a twentieth of an hour is three minutes", writes)
	}
}

// Whatever the moments at which a session is used: it lives as long as no two of
// them are further apart than 19 twentieths of the idle time, it is dead after the
// whole of it, and it is saved at most once in a twentieth.
func TestSessionTouchProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pol := DefaultPolicy()
		pol.Idle = time.Duration(rapid.Int64Range(int64(time.Minute), int64(12*time.Hour)).Draw(t, "idle"))
		pol.Absolute = 7 * day
		now, step := benchStart, pol.Idle/20
		a, s := Account{}, Session{Seen: now, Idle: now.Add(pol.Idle), End: now.Add(pol.Absolute)}
		writes, last := 0, now
		for range rapid.IntRange(1, 200).Draw(t, "uses") {
			gap := time.Duration(rapid.Int64Range(0, int64(pol.Idle-step-1)).Draw(t, "gap"))
			if rapid.Bool().Draw(t, "soon") {
				gap /= 40
			}
			now = now.Add(gap)
			if now.After(s.End) {
				break
			}
			if !s.alive(a, now) {
				t.Fatalf("dead %v after the last use, idle %v", now.Sub(last), pol.Idle)
			}
			touched, worth := s.touch(now, pol)
			if worth {
				writes++
			} else if touched != s {
				t.Fatal("changed, and not worth a write")
			}
			s, last = touched, now
		}
		if most := int(last.Sub(benchStart) / step); writes > most {
			t.Fatalf("%d writes in %v, of which a twentieth of the idle time is %v: %d at most", writes, last.Sub(benchStart), step, most)
		}
		if s.alive(a, last.Add(pol.Idle)) || !s.alive(a, last.Add(pol.Idle-step-1)) && last.Add(pol.Idle).Before(s.End) {
			t.Fatalf("used last at %v, it ends at %v", last, s.Idle)
		}
	})
}

// A clock that goes back moves nothing.
func TestSessionTouchWhenTheClockGoesBack(t *testing.T) {
	s := Session{Seen: benchStart, Idle: benchStart.Add(time.Hour), End: benchStart.Add(10 * time.Hour)}
	if touched, worth := s.touch(benchStart.Add(-2*time.Hour), DefaultPolicy()); worth || touched != s {
		t.Errorf("two hours before its last use it is moved to %v", touched.Idle)
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
