package authcore

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// An ordinary login teaches at most one step of a key's clock.
func TestDriftIsLearntAStepAtATime(t *testing.T) {
	tests := []struct {
		name  string
		off   func(k Key, login int) otp.Step // of the code typed, from our clock
		after func(login int) otp.Step        // what is then believed
	}{
		{"a key on time", func(Key, int) otp.Step { return 0 }, func(int) otp.Step { return 0 }},
		{"a key a step ahead", func(Key, int) otp.Step { return 1 }, func(int) otp.Step { return 1 }},
		{"a key a step behind", func(Key, int) otp.Step { return -1 }, func(int) otp.Step { return -1 }},
		{"a holder who always types the code to come", func(k Key, _ int) otp.Step { return k.Drift + 1 }, func(n int) otp.Step { return otp.Step(n + 1) }},
		{"a holder who always waits too long", func(k Key, _ int) otp.Step { return k.Drift - 1 }, func(n int) otp.Step { return -otp.Step(n + 1) }},
		{"by turns", func(_ Key, n int) otp.Step { return otp.Step(n % 2) }, func(n int) otp.Step { return otp.Step(n % 2) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			for n := range 50 {
				b.wait(5)
				b.want(b.login("jdupont", pin+b.shows(tt.off(b.key1(), n))), Granted, Done)
				if got, want := b.key1().Drift, tt.after(n); got != want {
					t.Fatalf("after login %d the drift is %d, want %d", n+1, got, want)
				}
			}
		})
	}
}

// Two codes in a row are believed at once; the next login needs one.
func TestDriftIsBelievedAfterTwoCodes(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.change("0123456789", func(k *Key) { k.State = ToSynchronise })
	b.wait(30)
	r := b.want(b.login("jdupont", pin+b.shows(9)), Asked, AskNextCode)
	if d := b.key1().Drift; d != 0 {
		t.Errorf("one code taught %d steps", d)
	}
	b.wait(1)
	b.want(b.nextCode(r, b.shows(9)), Granted, Done)
	if d := b.key1().Drift; d != 9 {
		t.Errorf("the drift is %d, want 9", d)
	}
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(9)), Granted, Done)
}

// The first login of a key that lay in a drawer teaches its clock as well.
func TestDriftOfTheFirstLogin(t *testing.T) {
	b := newBench(t)
	r := b.want(b.login("jdupont", b.shows(-8)), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	b.wait(1)
	b.want(b.newPasscode(r, pin+b.shows(-8)), Granted, Done)
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(-8)), Granted, Done)
}

// A login that fails teaches nothing.
func TestDriftIsNotLearntFromFailures(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for _, typed := range []func() string{
		func() string { return "8305" + b.shows(1) },
		func() string { return b.shows(1) },
		func() string { return pin + b.shows(8) },
		func() string { return pin + b.shows(500) },
		func() string { return "8305" + b.shows(-1) },
	} {
		b.wait(10)
		b.denied(b.login("jdupont", typed()))
		if d := b.key1().Drift; d != 0 {
			t.Fatalf("a failure taught %d steps", d)
		}
	}
}

// However codes are typed, what is believed of a clock stays within twelve hours
// and moves a step at a time.
func TestLearn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.Custom(func(t *rapid.T) otp.Step { return otp.Step(rapid.IntRange(-800, 800).Draw(t, "step")) })
		drift, off := steps.Draw(t, "drift"), steps.Draw(t, "off")
		drift = max(-maxDrift, min(maxDrift, drift))
		got := learn(drift, off)
		if abs(got) > maxDrift || abs(got-drift) > 1 || (got-drift)*off < 0 {
			t.Fatalf("from %d, a code %d steps off teaches %d", drift, off, got)
		}
	})
}

// counterBench is a bench whose person has a counter-based key in service: its
// counters 0 and 1 are used.
func counterBench(t tb) *bench {
	b := newBench(t)
	b.key = hotpKey("HOTP-1")
	b.must(b.ImportKey(t.Context(), by, NewKey{Serial: "HOTP-1", Generator: b.key}))
	b.addPerson("mmartin", "HOTP-1")
	r := b.want(b.login("mmartin", b.key.Code(0)), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	b.want(b.newPasscode(r, pin+b.key.Code(1)), Granted, Done)
	return b
}

// A counter-based key: how many presses may have been wasted (RFC 4226 section
// 7.4), and that no failure widens it.
func TestCounterWindow(t *testing.T) {
	const used = 1 // the last counter used
	for _, failures := range []int{0, 20} {
		for wasted, want := range map[otp.Step]Question{
			0: Done, 1: Done, 9: Done, 10: Done, 11: AskNextCode, 50: AskNextCode, 100: AskNextCode, 101: AskPasscode, 200: AskPasscode,
		} {
			b := counterBench(t)
			for n := range failures {
				b.elsewhere()
				b.denied(b.login("mmartin", pin+b.key.Code(otp.Step(5000+n))))
			}
			if failures > 0 && want == Done {
				want = AskNextCode
			}
			r := b.login("mmartin", pin+b.key.Code(used+1+wasted))
			if r.Challenge.Question != want {
				t.Errorf("%d presses wasted, %d failures: %s, want %s", wasted, failures, r.Challenge.Question, want)
			}
			k := b.stored("HOTP-1")
			if consumed := k.Used == used+1+wasted; consumed != (wasted <= 100) || k.Drift != 0 {
				t.Errorf("%d presses wasted, %d failures: consumed: %v, drift %d", wasted, failures, consumed, k.Drift)
			}
		}
	}
}

// The counter only goes up, whatever the PIN, and its next code proves it.
func TestCounter(t *testing.T) {
	b := counterBench(t)
	b.denied(b.login("mmartin", pin+b.key.Code(0)))
	b.denied(b.login("mmartin", pin+b.key.Code(1)))
	b.denied(b.login("mmartin", "8305"+b.key.Code(4)))
	for n := otp.Step(0); n <= 4; n++ {
		b.denied(b.login("mmartin", pin+b.key.Code(n)))
	}
	b.want(b.login("mmartin", pin+b.key.Code(5)), Granted, Done)
	r := b.want(b.login("mmartin", pin+b.key.Code(40)), Asked, AskNextCode)
	r = b.want(b.nextCode(r, b.key.Code(40)), Reused, AskNextCode)
	r = b.denied(b.nextCode(r, b.key.Code(43)))
	r = b.want(b.again(r, pin+b.key.Code(44)), Asked, AskNextCode)
	b.want(b.nextCode(r, b.key.Code(46)), Granted, Done)
	b.want(b.login("mmartin", pin+b.key.Code(47)), Granted, Done)
}
