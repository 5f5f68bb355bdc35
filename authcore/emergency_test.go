package authcore

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var aWeek = EmergencyOrder{Codes: 3, Reason: "left in a train", For: 7 * day}

// lostWith is a bench whose key is lost after its first login, with emergency
// codes as ordered.
func lostWith(t *testing.T, o EmergencyOrder) (*bench, []string) {
	t.Helper()
	b := newBench(t)
	b.inService("jdupont", "7294")
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	codes, err := b.GiveEmergency(t.Context(), by, "0123456789", o)
	b.must(err)
	return b, codes
}

func TestAListOfEmergencyCodes(t *testing.T) {
	b, codes := lostWith(t, aWeek)
	if len(codes) != 3 || len(codes[0]) != emergencyDigits {
		t.Fatalf("%d codes", len(codes))
	}
	b.want(b.login("jdupont", "7294"+codes[1]), Granted, Done)
	b.want(b.login("jdupont", "7294"+codes[1]), Denied, AskPasscode)
	b.want(b.login("jdupont", codes[0]), Denied, AskPasscode)
	b.want(b.login("jdupont", "7294"+codes[0]), Denied, AskPasscode) // consumed without a PIN
	r := b.want(b.login("jdupont", "7294"+codes[2]), Granted, Done)
	b.want(b.login("jdupont", "7294"+b.shows(0)), Denied, AskPasscode) // the key itself stays shut
	s, _, err := b.Session(t.Context(), r.Token, "", false)
	if err != nil || s.Method != "emergency" {
		t.Errorf("the session says %q, %v", s.Method, err)
	}
	if n := b.count(EmergencyUsed); n != 2 {
		t.Errorf("%d uses in the audit trail", n)
	}
	if k := b.key1(); k.State != Lost || len(k.Emergency.Codes) != 0 {
		t.Errorf("the key is %s with %d codes", k.State, len(k.Emergency.Codes))
	}
}

func TestAFixedEmergencyCode(t *testing.T) {
	o := aWeek
	o.Fixed = true
	b, codes := lostWith(t, o)
	for range 3 {
		b.want(b.login("jdupont", "7294"+codes[0]), Granted, Done)
	}
	b.pass(o.For)
	b.want(b.login("jdupont", "7294"+codes[0]), Denied, AskPasscode)
}

// TestTheKeyEndsTheEmergency only where that was chosen.
func TestTheKeyEndsTheEmergency(t *testing.T) {
	o := aWeek
	o.KeyEnds = true
	b, codes := lostWith(t, o)
	b.want(b.login("jdupont", "7294"+b.shows(0)), Granted, Done)
	b.want(b.login("jdupont", "7294"+codes[0]), Denied, AskPasscode)
	if k := b.key1(); k.State != Active || k.Emergency.given() {
		t.Errorf("the key is %s", k.State)
	}
}

func TestFoundEndsTheEmergency(t *testing.T) {
	b, codes := lostWith(t, aWeek)
	b.must(b.FoundKey(t.Context(), by, "0123456789"))
	b.want(b.login("jdupont", "7294"+codes[0]), Denied, AskPasscode)
}

// TestWrongPINsBehindEmergencyCodes lock the key; unlocked, it is as lost as it
// was.
func TestWrongPINsBehindEmergencyCodes(t *testing.T) {
	o := aWeek
	o.Codes = 7
	b, codes := lostWith(t, o)
	for i := range 5 {
		b.want(b.login("jdupont", "8305"+codes[i]), Denied, AskPasscode)
	}
	b.want(b.login("jdupont", "7294"+codes[5]), Denied, AskPasscode)
	if k := b.key1(); k.State != Locked {
		t.Fatalf("the key is %s", k.State)
	}
	if err := b.ClearPIN(t.Context(), by, "0123456789"); !errors.Is(err, ErrState) {
		t.Errorf("clearing the PIN of a key with emergency codes: %v", err)
	}
	b.must(b.UnlockKey(t.Context(), by, "0123456789"))
	b.want(b.login("jdupont", "7294"+b.shows(0)), Denied, AskPasscode)
	b.want(b.login("jdupont", "7294"+codes[6]), Granted, Done)
}

// TestOneEmergencyCodeAtOnce is used by one of many.
func TestOneEmergencyCodeAtOnce(t *testing.T) {
	b, codes := lostWith(t, aWeek)
	var granted atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	p := passcode(t, "7294"+codes[0])
	for range 50 {
		wg.Go(func() {
			<-start
			r, err := b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{"jdupont", p}, Source{})
			if err == nil && r.Outcome == Granted {
				granted.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if n := granted.Load(); n != 1 {
		t.Errorf("%d logins with one code", n)
	}
}

// TestADoubleClickOnAnEmergencyCode is one login.
func TestADoubleClickOnAnEmergencyCode(t *testing.T) {
	b, codes := lostWith(t, aWeek)
	c := b.Begin("")
	a := PasscodeAnswer{"jdupont", passcode(t, "7294"+codes[0])}
	one, two := b.answer(c, a), b.answer(c, a)
	if one.Outcome != Granted || two.Outcome != Granted || one.Token != two.Token {
		t.Errorf("%s, then %s", one.Outcome, two.Outcome)
	}
}

func TestEmergencyOrders(t *testing.T) {
	b := newBench(t)
	for name, o := range map[string]EmergencyOrder{
		"no reason":      {Codes: 1, For: time.Hour},
		"a bad reason":   {Codes: 1, For: time.Hour, Reason: "a\nb"},
		"no end":         {Codes: 1, Reason: "lost"},
		"a late end":     {Codes: 1, Reason: "lost", For: 32 * day},
		"no codes":       {Reason: "lost", For: time.Hour},
		"too many":       {Codes: 51, Reason: "lost", For: time.Hour},
		"a negative end": {Codes: 1, Reason: "lost", For: -time.Hour},
	} {
		if codes, err := b.GiveEmergency(t.Context(), by, "0123456789", o); err == nil || codes != nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := b.GiveEmergency(t.Context(), by, "0123456789", aWeek); !errors.Is(err, ErrState) {
		t.Errorf("for a key that is not lost: %v", err)
	}
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	if _, err := b.GiveEmergency(t.Context(), by, "0123456789", aWeek); !errors.Is(err, ErrState) {
		t.Errorf("for a key without a PIN: %v", err)
	}
}

// TestAFoundKeyThatMustBeSynchronised has no emergency any more, and its PIN can
// be cleared.
func TestAFoundKeyThatMustBeSynchronised(t *testing.T) {
	o := aWeek
	o.KeyEnds = true
	b, codes := lostWith(t, o)
	b.want(b.login("jdupont", "7294"+b.shows(3)), Asked, AskNextCode)
	b.want(b.login("jdupont", "7294"+codes[0]), Denied, AskPasscode)
	if k := b.key1(); k.State != ToSynchronise || k.Emergency.given() {
		t.Errorf("the key is %s", k.State)
	}
	b.must(b.ClearPIN(t.Context(), by, "0123456789"))
}
