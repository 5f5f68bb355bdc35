package authcore

import (
	"errors"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// Five good codes in a row with a wrong PIN lock the key, and nothing else does.
func TestLock(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for n := 1; n <= 4; n++ {
		b.denied(b.login("jdupont", "8305"+b.shows(0)))
		if k := b.key1(); k.State != Active || k.WrongPIN != n {
			t.Fatalf("after %d wrong PINs: %s, %d counted", n, k.State, k.WrongPIN)
		}
		b.wait(1)
	}
	b.denied(b.login("jdupont", "8305"+b.shows(0)))
	if k := b.key1(); k.State != Locked {
		t.Fatalf("after 5 wrong PINs: %s", k.State)
	}
	if wrong, locked := b.count(PINWrong), b.count(KeyLocked); wrong != 5 || locked != 1 {
		t.Errorf("written down: %d wrong PINs, %d locks; want 5 and 1", wrong, locked)
	}
	restarted, err := New(t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock})
	mustBeNil(t, err)
	b.Gate = restarted
	for range 3 {
		b.wait(24 * 60)
		b.denied(b.login("jdupont", pin+b.shows(0)))
	}
	if n := b.count(KeyUnusable); n != 3 {
		t.Errorf("%d logins with the locked key are written down, want 3", n)
	}
}

// With one code, on one page, five PINs may be tried as well: and no more.
func TestLockWithOneCode(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	r := b.denied(b.login("jdupont", "8301"+b.shows(0)))
	for _, guess := range []string{"8302", "8303", "8304", "8305"} {
		r = b.denied(b.again(r, guess+b.shows(0)))
	}
	if k := b.key1(); k.State != Locked {
		t.Fatalf("after 5 wrong PINs with one code: %s", k.State)
	}
	b.denied(b.again(r, pin+b.shows(0)))
}

// A success in between begins the count anew; a good PASSCODE that still needs
// its next code does not.
func TestLockCountsInARow(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for range 4 {
		b.denied(b.login("jdupont", "8305"+b.shows(0)))
		b.wait(1)
	}
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	if n := b.key1().WrongPIN; n != 4 {
		t.Errorf("%d wrong PINs counted before the next code, want 4", n)
	}
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
	b.wait(1)
	for n := 1; n <= 4; n++ {
		b.denied(b.login("jdupont", "8305"+b.shows(0)))
		if got := b.key1().WrongPIN; got != n {
			t.Errorf("%d wrong PINs counted, want %d", got, n)
		}
		b.wait(1)
	}
}

// Who has no key can make nobody's key lock.
func TestBlindGuessesLockNothing(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for n := range 99 {
		b.elsewhere()
		b.denied(b.login("jdupont", pin+hotpKey("another key").Code(otp.Step(1_000_000+n))))
	}
	if k := b.key1(); k.State != Active || k.WrongPIN != 0 {
		t.Fatalf("after 99 blind guesses: %s, %d wrong PINs", k.State, k.WrongPIN)
	}
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
}

// pending takes a login up to each question.
var pending = map[Question]func(b *bench) Reply{
	AskPasscode: func(b *bench) Reply {
		b.inService("jdupont", pin)
		return Reply{Challenge: b.Begin("")}
	},
	AskNewPIN: func(b *bench) Reply { return b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN) },
	AskNewPasscode: func(b *bench) Reply {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		return b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	},
	AskNextCode: func(b *bench) Reply {
		b.inService("jdupont", pin)
		b.change("0123456789", func(k *Key) { k.State = ToSynchronise })
		return b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	},
}

// rightAnswer is what the holder would type there.
func (b *bench) rightAnswer(q Question) Answer {
	b.t.Helper()
	switch q {
	case AskPasscode:
		return PasscodeAnswer{"jdupont", passcode(b.t, pin+b.shows(0))}
	case AskNewPIN:
		return NewPINAnswer{PIN: PIN{pin}, Again: PIN{pin}}
	case AskNewPasscode:
		return NewPasscodeAnswer{passcode(b.t, pin+b.shows(0))}
	case AskNextCode:
		return NextCodeAnswer{passcode(b.t, b.shows(0))}
	default:
		b.t.Fatalf("nothing answers %s", q)
		return nil
	}
}

// What shuts a key or a person out shuts them out at every question, logins
// under way included. (Keycloak forgot a lock on its side paths: CVE-2026-9798.)
func TestShutOutAtEveryQuestion(t *testing.T) {
	outs := map[string]func(b *bench){
		"locked":                 func(b *bench) { b.change("0123456789", func(k *Key) { k.State = Locked }) },
		"lost":                   func(b *bench) { b.change("0123456789", func(k *Key) { k.State = Lost }) },
		"expired":                func(b *bench) { b.change("0123456789", func(k *Key) { k.Expires = b.clock() }) },
		"taken back":             func(b *bench) { b.change("0123456789", func(k *Key) { k.Holder = "" }) },
		"given to somebody else": func(b *bench) { b.change("0123456789", func(k *Key) { k.Holder = "mmartin" }) },
		"person shut out":        func(b *bench) { b.must(b.DisableAccount(b.t.Context(), by, "jdupont")) },
	}
	for q := AskPasscode; q < Done; q++ {
		for name, out := range outs {
			t.Run(q.String()+", "+name, func(t *testing.T) {
				b := newBench(t)
				r := pending[q](b)
				sessions := b.sessions()
				b.wait(1)
				out(b)
				b.denied(b.answer(r.Challenge, b.rightAnswer(q)))
				if b.sessions() != sessions {
					t.Error("a session was opened")
				}
				if k := b.key1(); name == "locked" && k.State != Locked {
					t.Errorf("the key is %s", k.State)
				}
			})
		}
		t.Run(q.String()+", nothing in the way", func(t *testing.T) {
			b := newBench(t)
			r := pending[q](b)
			b.wait(1)
			if r := b.answer(r.Challenge, b.rightAnswer(q)); r.Outcome == Denied {
				t.Error("the right answer is denied: the cases above show nothing")
			}
		})
	}
}

// An administrator lifts the lock: the count begins anew, the trail has both,
// and the PIN is the holder's own as before.
func TestUnlock(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	if err := b.UnlockKey(t.Context(), by, "0123456789"); !errors.Is(err, ErrState) {
		t.Errorf("unlocking a key in service: %v", err)
	}
	b.lock()
	b.must(b.UnlockKey(t.Context(), Actor{Name: "RC"}, "0123456789"))
	if k := b.key1(); k.State != Active || k.WrongPIN != 0 {
		t.Errorf("unlocked: %s, %d wrong PINs", k.State, k.WrongPIN)
	}
	b.denied(b.login("jdupont", "8305"+b.shows(0)))
	if n := b.key1().WrongPIN; n != 1 {
		t.Errorf("one wrong PIN after the unlocking: %d counted", n)
	}
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	if e := b.eventsOf(kindIs(KeyUnlocked)); len(e) != 1 || e[0].Actor != "RC" || e[0].Serial != "0123456789" || e[0].Holder != "jdupont" {
		t.Errorf("the unlocking is written down as %+v", e)
	}
}

// A lock and a forgotten PIN: the lock stays, and what follows is a definition.
func TestUnlockWithoutPIN(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.lock()
	b.must(b.ClearPIN(t.Context(), by, "0123456789"))
	b.denied(b.login("jdupont", b.shows(0)))
	if k := b.key1(); k.State != Locked {
		t.Fatalf("the PIN was cleared: the key is %s", k.State)
	}
	b.must(b.UnlockKey(t.Context(), by, "0123456789"))
	b.wait(1)
	b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	b.change("0123456789", func(k *Key) { k.State = Lost })
	if err := b.ClearPIN(t.Context(), by, "0123456789"); !errors.Is(err, ErrState) {
		t.Errorf("clearing the PIN of a lost key: %v", err)
	}
}

// Somebody with two keys uses either; what becomes of one does not touch the
// other, and one's PIN does not fit the other.
func TestTwoKeys(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	first := b.key
	b.key = b.addKey("SECOND-1")
	b.must(b.AssignKey(t.Context(), by, "SECOND-1", "jdupont"))
	b.inService("jdupont", "5083")
	b.denied(b.login("jdupont", pin+b.shows(0)))
	b.wait(1)
	b.want(b.login("jdupont", "5083"+b.shows(0)), Granted, Done)
	b.wait(1)
	for range 5 {
		b.denied(b.login("jdupont", "8305"+b.shows(0)))
		b.wait(1)
	}
	if s1, s2 := b.key1().State, b.stored("SECOND-1").State; s1 != Active || s2 != Locked {
		t.Errorf("five wrong PINs on the second key: the first is %s, the second %s", s1, s2)
	}
	if n := b.key1().WrongPIN; n != 0 {
		t.Errorf("%d wrong PINs are counted against the first key", n)
	}
	b.key = first
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
}

// Keys of six and of eight digits, of one person: the PASSCODE is cut for each.
func TestKeysOfOtherLengths(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	six := b.key
	b.key = totpKey("LONG-1")
	b.key.Digits, b.key.Period, b.key.Hash = 8, 30*time.Second, otp.SHA512
	b.must(b.ImportKey(t.Context(), by, NewKey{Serial: "LONG-1", Generator: b.key}))
	b.must(b.AssignKey(t.Context(), by, "LONG-1", "jdupont"))
	b.inService("jdupont", "5083")
	b.want(b.login("jdupont", "5083"+b.shows(0)), Granted, Done)
	b.denied(b.login("jdupont", "5083"+b.shows(0)[2:]))
	b.key = six
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	b.wait(1)
	b.denied(b.login("jdupont", b.shows(0)))
}

// Two keys that show the same code by chance are both consumed, and one of them
// is judged: the other is not charged with a wrong PIN.
func TestTwoKeysShowTheSameCode(t *testing.T) {
	b := newBench(t)
	g := totpKey("TWIN-1")
	g.Seed = []byte("a seed that collides: 706213")
	b.must(b.ImportKey(t.Context(), by, NewKey{Serial: "TWIN-1", Generator: g}))
	b.must(b.AssignKey(t.Context(), by, "TWIN-1", "jdupont"))
	if now := g.StepAt(benchStart); g.Code(now) != b.key.Code(now) {
		t.Fatal("the two keys do not show the same code at the start")
	}
	for _, serial := range []Serial{"0123456789", "TWIN-1"} {
		b.change(serial, func(k *Key) { k.State, k.PIN = Active, b.hashOf(pin) })
	}
	b.denied(b.login("jdupont", "8305"+b.shows(0)))
	first, second := b.key1(), b.stored("TWIN-1")
	if first.Used != second.Used || first.Used != g.StepAt(b.clock()) {
		t.Errorf("consumed up to step %d and %d, want both up to %d", first.Used, second.Used, g.StepAt(b.clock()))
	}
	if first.WrongPIN+second.WrongPIN != 1 {
		t.Errorf("%d and %d wrong PINs are counted for one that was judged", first.WrongPIN, second.WrongPIN)
	}
}
