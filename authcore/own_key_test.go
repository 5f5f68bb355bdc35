package authcore

import (
	"errors"
	"slices"
	"testing"
	"time"
)

const newPIN = "5083"

// renewed is the page for a new PIN of a login that was begun to change it.
func (b *bench) renewed() Reply {
	b.t.Helper()
	c := b.reopened(b.BeginPINChange())
	return b.want(b.answer(c, PasscodeAnswer{"jdupont", passcode(b.t, pin+b.shows(0))}), Asked, AskNewPIN)
}

func TestChangeOwnPIN(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.wait(1)
	b.withMail()
	r := b.newPIN(b.renewed(), newPIN)
	b.want(r, Asked, AskNewPasscode)
	b.wait(1)
	b.want(b.newPasscode(r, newPIN+b.shows(0)), Granted, Done)
	if m := b.oneMessage(); m.Notice.What != PINDefined || m.Notice.Operator {
		t.Errorf("told is %+v", m.Notice)
	}
	b.wait(1)
	b.denied(b.login("jdupont", pin+b.shows(0)))
	b.wait(1)
	b.want(b.login("jdupont", newPIN+b.shows(0)), Granted, Done)
}

// A login that was begun to change the PIN is none without the PIN of before; one that
// was given up goes on at the next; a wrong PIN changes nothing.
func TestChangeOwnPINGivenUp(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.wait(1)
	b.denied(b.answer(b.BeginPINChange(), PasscodeAnswer{"jdupont", passcode(t, "8305"+b.shows(0))}))
	if b.key1().ChangePIN {
		t.Error("a wrong PIN has the key ask for another")
	}
	b.denied(b.answer(b.BeginPINChange(), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(500))}))
	if b.key1().ChangePIN {
		t.Error("a wrong code has the key ask for another PIN")
	}
	b.wait(1)
	b.renewed()
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNewPIN)
}

// After failures two codes stand before the new PIN as well.
func TestChangeOwnPINAfterGuesses(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.wait(1)
	b.guesses("jdupont", 3)
	b.elsewhere()
	r := b.want(b.answer(b.BeginPINChange(), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(0))}), Asked, AskNextCode)
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Asked, AskNewPIN)
}

// Who has no PIN yet, or a code that stands in for a lost key, changes none.
func TestNoPINToChange(t *testing.T) {
	b := newBench(t)
	r := b.want(b.answer(b.BeginPINChange(), PasscodeAnswer{"jdupont", passcode(t, b.shows(0))}), Asked, AskNewPIN)
	if r.Challenge.Change() {
		t.Error("the first PIN takes the place of another")
	}
	b.wait(1)
	b.inService("jdupont", pin)
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	codes, err := b.GiveEmergency(t.Context(), by, "0123456789", aWeek)
	mustBeNil(t, err)
	b.want(b.answer(b.BeginPINChange(), PasscodeAnswer{"jdupont", passcode(t, pin+codes[0])}), Granted, Done)
	if b.key1().ChangePIN {
		t.Error("an emergency code has the key ask for another PIN")
	}
}

func TestOwnKeys(t *testing.T) {
	b := newBench(t)
	s := b.session(b.inService("jdupont", pin).Token)
	keys, err := b.OwnKeys(t.Context(), s)
	if err != nil || len(keys) != 1 || keys[0] != b.key1().Info() {
		t.Errorf("they have %+v, %v", keys, err)
	}
	b.must(b.EndSessions(t.Context(), by, "jdupont"))
	if _, err := b.OwnKeys(t.Context(), s); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end of the session: %v", err)
	}
}

// A key that its holder reports lost is of no use from then on, and neither is what it
// opened; a passkey goes on.
func TestLoseOwnKey(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	a := newAuthenticator()
	b.addsPasskey(r.Token, a, "Phone")
	s := b.session(r.Token)
	b.withMail()
	b.must(b.LoseOwnKey(t.Context(), s, "0123456789", b.from))
	if b.opens(r.Token, "", false) || b.key1().State != Lost {
		t.Errorf("the session opens: %v, the key is %s", b.opens(r.Token, "", false), b.key1().State)
	}
	e := b.eventsOf(kindIs(KeyLost))
	if len(e) != 1 || e[0].Holder != "jdupont" || e[0].Actor != "" || e[0].Detail != "by its holder" || e[0].Address != "192.0.2.1" {
		t.Errorf("written down as %+v", e)
	}
	if m := b.oneMessage(); m.Notice.What != KeyLost || m.Notice.Operator {
		t.Errorf("told is %+v", m.Notice)
	}
	b.wait(1)
	b.denied(b.login("jdupont", pin+b.shows(0)))
	b.want(b.showsPasskey(a, ""), Granted, Done)
}

func TestLoseOwnKeyRefused(t *testing.T) {
	b := newBench(t)
	b.addKey("OTHER-1")
	b.addPerson("mmartin", "OTHER-1")
	r := b.inService("jdupont", pin)
	s := b.session(r.Token)
	for serial, want := range map[Serial]error{"OTHER-1": ErrNotFound, "NONE-1": ErrNotFound, nobodyKey: ErrNotFound} {
		if err := b.LoseOwnKey(t.Context(), s, serial, b.from); !errors.Is(err, want) {
			t.Errorf("%s: %v", serial, err)
		}
	}
	b.setTime(s.Began.Add(Fresh))
	if err := b.LoseOwnKey(t.Context(), s, "0123456789", b.from); !errors.Is(err, ErrNotFresh) {
		t.Errorf("after five minutes: %v", err)
	}
	forged := s
	forged.Began = b.clock()
	if err := b.LoseOwnKey(t.Context(), forged, "0123456789", b.from); !errors.Is(err, ErrNotFresh) {
		t.Errorf("a session that only says that it is fresh: %v", err)
	}
	b.wait(1)
	r = b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	s = b.session(r.Token)
	b.logout(r)
	if err := b.LoseOwnKey(t.Context(), s, "0123456789", b.from); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the logout: %v", err)
	}
	if b.count(KeyLost) != 0 || b.key1().State != Active {
		t.Errorf("the key is %s", b.key1().State)
	}
}

func TestSetOwnLanguage(t *testing.T) {
	b := newBench(t)
	s := b.session(b.inService("jdupont", pin).Token)
	b.must(b.SetOwnLanguage(t.Context(), s, "en", b.from))
	b.must(b.SetOwnLanguage(t.Context(), s, "en", b.from))
	if got := b.account("jdupont").Language; got != "en" {
		t.Errorf("it is %q", got)
	}
	if e := b.eventsOf(kindIs(AccountChanged)); len(e) != 1 || e[0].Detail != "language en" || e[0].Actor != "" {
		t.Errorf("written down as %+v", e)
	}
	for _, tag := range []string{"", "e\nn", string(make([]byte, 40))} {
		if err := b.SetOwnLanguage(t.Context(), s, tag, b.from); err == nil {
			t.Errorf("%q is a language", tag)
		}
	}
	b.must(b.EndSessions(t.Context(), by, "jdupont"))
	if err := b.SetOwnLanguage(t.Context(), s, "fr", b.from); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end of the session: %v", err)
	}
}

// The newest connections come first, however long ago, and nobody else's.
func TestOwnConnections(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	for range 5 {
		b.pass(10 * day / 3)
		b.pass(8 * time.Hour)
		b.denied(b.login("jdupont", pin+b.shows(500)))
		b.pass(time.Minute)
		r = b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	}
	b.guess("nobody.here")
	s := b.session(r.Token)
	for _, limit := range []int{1, 3, 8, 100} {
		all, err := b.OwnConnections(t.Context(), s, limit)
		mustBeNil(t, err)
		if want := min(limit, 11); len(all) != want {
			t.Fatalf("of %d there are %d", limit, len(all))
		}
		for i, e := range all {
			if e.Holder != "jdupont" || !slices.Contains(ConnectionKinds(), e.Kind) || i > 0 && e.Time.After(all[i-1].Time) {
				t.Errorf("entry %d of %d is %+v", i, limit, e)
			}
		}
		if all[0].Kind != LoginAccepted || !all[0].Time.Equal(s.Began) {
			t.Errorf("the newest of %d is %+v", limit, all[0])
		}
	}
}
