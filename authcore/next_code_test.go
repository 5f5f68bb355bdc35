package authcore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// How far a code may be from the one expected, and what it leads to.
func TestWindows(t *testing.T) {
	states := []struct {
		name                  string
		set                   func(*Key)
		blind                 int
		accept, ask, searched otp.Step // up to there: opens; opens after the next code; is consumed
	}{
		{"active", nil, 0, 1, 3, 10},
		{"active, after 2 failures", nil, 2, 1, 3, 10},
		{"active, after 3 failures", nil, 3, -1, 10, 10},
		{"active, after 2 wrong PINs and a failure", func(k *Key) { k.WrongPIN = 2 }, 1, -1, 10, 10},
		{"to synchronise", func(k *Key) { k.State = ToSynchronise }, 0, -1, 10, 10},
		{"to synchronise, 5 steps ahead", func(k *Key) { k.State, k.Drift = ToSynchronise, 5 }, 0, -1, 10, 10},
		{"active, 40 steps behind", func(k *Key) { k.Drift = -40 }, 0, 1, 3, 10},
	}
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			for off := otp.Step(-12); off <= 12; off++ {
				b := newBench(t)
				b.inService("jdupont", pin)
				b.wait(100)
				b.change("0123456789", func(k *Key) {
					if s.set != nil {
						s.set(k)
					}
				})
				for range s.blind {
					b.denied(b.login("jdupont", pin+b.shows(500)))
				}
				before := b.key1()
				expected := b.key.StepAt(b.clock()) + before.Drift
				r := b.login("jdupont", pin+b.key.Code(expected+off))
				want := AskPasscode
				switch n := abs(off); {
				case n <= s.accept:
					want = Done
				case n <= s.ask:
					want = AskNextCode
				}
				if r.Challenge.Question != want {
					t.Errorf("%+d steps: %s, then %s; want %s", off, r.Outcome, r.Challenge.Question, want)
				}
				if consumed := b.key1().Used == expected+off; consumed != (abs(off) <= s.searched) {
					t.Errorf("%+d steps: consumed: %v", off, consumed)
				}
			}
		})
	}
}

// A code changes with the step, to the millisecond.
func TestStepBoundaries(t *testing.T) {
	for _, at := range []time.Duration{-50 * time.Millisecond, 0, 50 * time.Millisecond} {
		for off := otp.Step(-2); off <= 2; off++ {
			b := newBench(t)
			b.inService("jdupont", pin)
			b.setTime(benchStart.Truncate(time.Minute).Add(time.Hour + at))
			r := b.login("jdupont", pin+b.shows(off))
			if in := abs(off) <= 1; in != (r.Outcome == Granted) || !in && r.Challenge.Question != AskNextCode {
				t.Errorf("%v from the change of the code, %+d steps: %s, then %s", at, off, r.Outcome, r.Challenge.Question)
			}
		}
	}
}

// drifted opens a login with a code three steps ahead, which asks for the next.
func (b *bench) drifted() Reply {
	b.t.Helper()
	b.inService("jdupont", pin)
	return b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
}

// There is one chance to type the next code, on the page that asks for it.
func TestNextCodeHasOneChance(t *testing.T) {
	answer := func(b *bench, c Challenge, code string) error {
		r, err := b.Answer(b.t.Context(), c, NextCodeAnswer{passcode(b.t, code)}, Source{})
		if r.Token != "" {
			b.t.Fatal("it opened")
		}
		return err
	}
	t.Run("a wrong code ends it", func(t *testing.T) {
		b := newBench(t)
		r := b.drifted()
		b.denied(b.nextCode(r, b.shows(500)))
		b.wait(1)
		if err := answer(b, r.Challenge, b.shows(3)); !errors.Is(err, ErrWrongQuestion) {
			t.Errorf("the right one after a wrong one: %v", err)
		}
		if b.key1().State != ToSynchronise {
			t.Errorf("the key is %s", b.key1().State)
		}
	})
	t.Run("the same code does not count", func(t *testing.T) {
		b := newBench(t)
		r := b.drifted()
		r = b.want(b.nextCode(r, b.shows(3)), Reused, AskNextCode)
		r = b.want(b.nextCode(r, pin+b.shows(3)), Reused, AskNextCode)
		b.wait(1)
		b.want(b.nextCode(r, b.shows(3)), Granted, Done)
	})
	t.Run("an older code counts", func(t *testing.T) {
		b := newBench(t)
		r := b.drifted()
		b.denied(b.nextCode(r, b.shows(1)))
	})
	t.Run("the code after the next one, by whom is slow", func(t *testing.T) {
		b := newBench(t)
		r := b.drifted()
		b.wait(2)
		b.want(b.nextCode(r, b.shows(3)), Granted, Done)
	})
	t.Run("a later code than the key can show yet", func(t *testing.T) {
		b := newBench(t)
		r := b.drifted()
		b.denied(b.nextCode(r, b.shows(3+2)))
	})
	t.Run("too late", func(t *testing.T) {
		b := newBench(t)
		r := b.drifted()
		b.pass(b.Policy().Challenge)
		if err := answer(b, r.Challenge, b.shows(3)); !errors.Is(err, ErrWrongQuestion) && !errors.Is(err, ErrNoChallenge) {
			t.Errorf("after %v: %v", b.Policy().Challenge, err)
		}
	})
	t.Run("in another login", func(t *testing.T) {
		b := newBench(t)
		b.drifted()
		b.wait(1)
		if err := answer(b, b.Begin(""), b.shows(3)); !errors.Is(err, ErrWrongQuestion) {
			t.Errorf("in another login: %v", err)
		}
	})
}

// Giving up does not help: the key asks for the next code until it had it.
func TestToSynchroniseLasts(t *testing.T) {
	b := newBench(t)
	b.drifted()
	b.wait(5)
	restarted, err := New(t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock})
	mustBeNil(t, err)
	b.Gate = restarted
	b.shared.pins.cost = cheapPIN
	for range 3 {
		b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
		b.wait(24 * 60)
	}
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
}

// That the next code is asked tells a guesser nothing: it takes a good code and
// the right PIN.
func TestNextCodeIsNoOracle(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for n := range 20 {
		b.elsewhere()
		b.denied(b.login("jdupont", pin+b.shows(otp.Step(500+n))))
	}
	b.denied(b.login("jdupont", "8305"+b.shows(0)))
	b.wait(1)
	b.denied(b.login("jdupont", b.shows(0)))
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
}

// A key whose clock has drifted out of the medium window in a drawer comes back:
// after three PASSCODEs too far away, the fourth leads to the next code.
func TestADriftedKeyComesBack(t *testing.T) {
	for _, off := range []otp.Step{-10, -7, -4, 4, 7, 10} {
		t.Run(fmt.Sprintf("%+d", off), func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			b.wait(60)
			for range b.Policy().NextCodeAfter {
				b.denied(b.login("jdupont", pin+b.shows(off)))
				b.wait(1)
			}
			r := b.want(b.login("jdupont", pin+b.shows(off)), Asked, AskNextCode)
			b.wait(1)
			b.want(b.nextCode(r, b.shows(off)), Granted, Done)
			b.wait(1)
			b.want(b.login("jdupont", pin+b.shows(off)), Granted, Done)
		})
	}
}

// Only a full success sets the counters back.
func TestFailuresAreForgottenBySuccessOnly(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for range 3 {
		b.denied(b.login("jdupont", pin+b.shows(500)))
	}
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	if n, _ := b.Blind(t.Context(), "jdupont"); n != 3 {
		t.Errorf("the good PASSCODE set the failures from 3 to %d", n)
	}
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
	if n, _ := b.Blind(t.Context(), "jdupont"); n != 0 {
		t.Errorf("%d failures after a success", n)
	}
}
