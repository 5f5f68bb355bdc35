package authcore

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// guess types a PASSCODE in which there is no code of the bench's key.
func (b *bench) guess(id Identifier) Reply { b.t.Helper(); return b.login(id, pin+b.shows(500)) }

// guesses lets somebody elsewhere guess n times, each time from another network.
func (b *bench) guesses(id Identifier, n int) {
	b.t.Helper()
	home := b.from
	b.from.Address = netip.MustParseAddr("203.0.113.1")
	for range n {
		b.elsewhere()
		b.denied(b.guess(id))
	}
	b.from = home
}

// From the fifth failure on each makes the next wait, twice as long each time;
// what is typed meanwhile is neither used nor counted, and the right PASSCODE
// opens once the time has come.
func TestGuessesAreSlowedDown(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for range 4 {
		b.denied(b.guess("jdupont"))
	}
	for _, want := range []time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour,
	} {
		b.denied(b.guess("jdupont"))
		before := b.key1()
		b.pass(want - time.Second)
		if r := b.want(b.login("jdupont", pin+b.shows(0)), Slowed, AskPasscode); r.Wait != time.Second || r.Reference == "" {
			t.Fatalf("a second before %s were over: wait %s, reference %q", want, r.Wait, r.Reference)
		}
		if after := b.key1(); after.Used != before.Used || after.WrongPIN != before.WrongPIN {
			t.Fatal("a key was tried before the time")
		}
		b.pass(time.Second)
	}
	if n, _ := b.Blind(t.Context(), "jdupont"); n != 13 {
		t.Errorf("%d blind failures are counted, want the 13 that were tried", n)
	}
	if n := b.count(LoginSlowed); n != 9 {
		t.Errorf("%d slowed answers are written down, want 9", n)
	}
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
	for range 4 { // a success forgets all of it
		b.denied(b.guess("jdupont"))
	}
}

// The delay meets who guesses and not the holder elsewhere.
func TestGuessesDoNotSlowTheHolder(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	home := b.from
	b.elsewhere()
	for range 5 {
		b.denied(b.guess("jdupont"))
	}
	b.want(b.guess("jdupont"), Slowed, AskPasscode)
	b.from = home
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
	b.elsewhere()
	b.denied(b.guess("jdupont")) // the 30 seconds are over, the doubling is not
	if r := b.want(b.guess("jdupont"), Slowed, AskPasscode); r.Wait != time.Minute {
		t.Errorf("the holder's success shortened a stranger's delay to %s", r.Wait)
	}
	b.denied(b.guess("mmartin"))
}

// Whether a person exists, has a key, or may use it, cannot be told by the
// delays.
func TestDelaysTellNothing(t *testing.T) {
	faces := map[Identifier][]string{}
	b := newBench(t)
	b.inService("jdupont", pin)
	b.addPerson("no.key")
	b.addPerson("disabled")
	b.must(b.DisableAccount(t.Context(), by, "disabled"))
	people := []Identifier{"jdupont", "no.key", "disabled", "nobody.here"}
	for range 12 {
		for _, id := range people {
			r := b.guess(id)
			faces[id] = append(faces[id], fmt.Sprint(r.Outcome, r.Challenge.Question, r.Wait))
		}
		b.pass(40 * time.Second)
	}
	for _, id := range people {
		if got, want := fmt.Sprint(faces[id]), fmt.Sprint(faces["jdupont"]); got != want {
			t.Errorf("%s: %s\njdupont: %s", id, got, want)
		}
	}
}

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7": "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := (Source{Address: netip.MustParseAddr(address)}).network(); got != want {
			t.Errorf("%s is of the network %s, want %s", address, got, want)
		}
	}
	if (Source{}).network() != (Source{Agent: "Firefox"}).network() {
		t.Error("who has no address has several networks")
	}
}

// A delay outlives a restart, is forgotten a day after the last failure, and what
// asks for the next code is not.
func TestDelaysAreKept(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for range 5 {
		b.denied(b.guess("jdupont"))
	}
	restarted, err := New(t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock})
	mustBeNil(t, err)
	restarted.shared.pins.cost = cheapPIN
	b.Gate = restarted
	b.want(b.guess("jdupont"), Slowed, AskPasscode)
	b.pass(slowMemory)
	for range 4 {
		b.denied(b.guess("jdupont"))
	}
	b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
}

// A hundred answers at once: no more of them are tried than in turn.
func TestGuessesAllAtOnce(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	var all sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[Outcome]int{}
	for n := range 100 {
		c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(otp.Step(500+n)))}
		all.Go(func() {
			r := b.answer(c, a)
			mu.Lock()
			defer mu.Unlock()
			outcomes[r.Outcome]++
		})
	}
	all.Wait()
	if outcomes[Denied] != 5 || outcomes[Slowed] != 95 {
		t.Errorf("a hundred guesses at once: %v, want 5 denied and 95 slowed", outcomes)
	}
}

// The proof of a new PIN is slowed down like any PASSCODE.
func TestTheNewPasscodeIsSlowedDown(t *testing.T) {
	b := newBench(t)
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	for n := range otp.Step(5) {
		r = b.want(b.newPasscode(r, pin+b.shows(500+n)), Denied, AskNewPasscode)
	}
	b.want(b.newPasscode(r, pin+b.shows(1)), Slowed, AskNewPasscode)
	b.pass(30 * time.Second)
	b.want(b.newPasscode(r, pin+b.shows(1)), Granted, Done)
}

// The same form sent again is slowed again while that lasts, and tried after.
func TestASlowedFormIsTriedLater(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for range 5 {
		b.denied(b.guess("jdupont"))
	}
	b.pass(25 * time.Second)
	c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(1))}
	first, second := b.answer(c, a), b.answer(c, a)
	if first.Outcome != Slowed || !sameReply(first, second) || first.Wait != 5*time.Second {
		t.Fatalf("a double click: %s, %s, %s", first.Outcome, second.Outcome, first.Wait)
	}
	b.pass(5 * time.Second)
	b.want(b.answer(c, a), Asked, AskNextCode)
}

// After a hundred blind failures, from wherever, two codes in a row stand before
// anything that is said of the PIN; and the holder comes in.
func TestTwoCodesAfterAHundredFailures(t *testing.T) {
	begin := func(t *testing.T) *bench {
		b := newBench(t)
		b.inService("jdupont", pin)
		b.guesses("jdupont", 100)
		return b
	}
	t.Run("the holder", func(t *testing.T) {
		b := begin(t)
		r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
		b.wait(1)
		b.want(b.nextCode(r, b.shows(0)), Granted, Done)
		b.wait(1)
		b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	})
	t.Run("who has the key and not the PIN", func(t *testing.T) {
		b := begin(t)
		for n := 1; n <= 5; n++ {
			r := b.want(b.login("jdupont", "8305"+b.shows(0)), Asked, AskNextCode)
			if got := b.key1().WrongPIN; got != n-1 {
				t.Fatalf("one code counts %d wrong PINs already, want %d", got, n-1)
			}
			b.wait(1)
			b.denied(b.nextCode(r, b.shows(0)))
			b.wait(1)
		}
		if k := b.key1(); k.State != Locked || b.count(PINWrong) != 5 || b.count(KeyLocked) != 1 {
			t.Errorf("five wrong PINs, each with two codes: %s, %d and %d entries", k.State, b.count(PINWrong), b.count(KeyLocked))
		}
	})
	t.Run("who is lucky once", func(t *testing.T) {
		b := begin(t)
		for range 6 {
			b.elsewhere()
			r := b.want(b.login("jdupont", "8305"+b.shows(0)), Asked, AskNextCode)
			b.wait(1)
			b.denied(b.nextCode(r, b.shows(500)))
		}
		if k := b.key1(); k.State != Active || k.WrongPIN != 0 {
			t.Errorf("codes that fitted by luck: %s, %d wrong PINs", k.State, k.WrongPIN)
		}
	})
	t.Run("the page is the same for a right and a wrong PIN", func(t *testing.T) {
		for _, second := range []otp.Step{0, 500} {
			var faces []face
			for _, typed := range []string{pin, "8305"} {
				b := begin(t)
				r := b.want(b.login("jdupont", typed+b.shows(0)), Asked, AskNextCode)
				faces = append(faces, b.face(r))
				if b.wait(1); second == 500 {
					faces = append(faces, b.face(b.nextCode(r, b.shows(second))))
				}
			}
			for i, half := 0, len(faces)/2; i < half; i++ {
				if faces[i] != faces[half+i] {
					t.Errorf("right PIN: %+v, wrong PIN: %+v", faces[i], faces[half+i])
				}
			}
		}
	})
	t.Run("the same code again", func(t *testing.T) {
		b := begin(t)
		r := b.want(b.login("jdupont", "8305"+b.shows(0)), Asked, AskNextCode)
		r = b.want(b.nextCode(r, b.shows(0)), Reused, AskNextCode)
		b.wait(1)
		b.denied(b.nextCode(r, b.shows(0)))
	})
	t.Run("the PIN was cleared and defined meanwhile", func(t *testing.T) {
		b := begin(t)
		r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
		b.change("0123456789", func(k *Key) { k.PIN = b.hashOf("5083") })
		b.wait(1)
		b.denied(b.nextCode(r, b.shows(0)))
	})
	t.Run("no room to judge", func(t *testing.T) {
		b := begin(t)
		release := b.fillQueue()
		_, err := b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, "8305"+b.shows(0))}, b.from)
		release()
		if k := b.key1(); err == nil || k.WrongPIN != 0 {
			t.Errorf("%v, %d wrong PINs", err, k.WrongPIN)
		}
	})
}

// A key without a PIN has nothing but its code to show: after failures, which may
// have been guesses, the next one must come before a PIN may be defined.
func TestTwoCodesBeforeAPINAfterFailures(t *testing.T) {
	b := newBench(t)
	b.guesses("jdupont", 3)
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	r = b.want(b.nextCode(r, b.shows(500)), Denied, AskPasscode)
	b.wait(1)
	r = b.want(b.again(r, b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	r = b.want(b.nextCode(r, b.shows(0)), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	b.wait(1)
	b.want(b.newPasscode(r, pin+b.shows(0)), Granted, Done)

	t.Run("a PIN defined meanwhile must be shown", func(t *testing.T) {
		b := newBench(t)
		b.guesses("jdupont", 3)
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNextCode)
		b.change("0123456789", func(k *Key) { k.State, k.PIN = Active, b.hashOf(pin) })
		b.wait(1)
		b.denied(b.nextCode(r, b.shows(0)))
	})
}
