package authcore

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// Hundreds of browsers send good and wrong PINs with the three codes of the
// small window at once: no code is judged twice, whatever the order.
func TestManyBrowsersAtOnce(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.wait(3)
	before := b.tally()
	var granted, asked atomic.Int64
	together(300, func(i int) {
		typed := []string{pin, "8305"}[i%2] + b.shows(otp.Step(i%3-1))
		r, err := b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, typed)}, Source{})
		switch {
		case err != nil:
			t.Errorf("%v", err)
		case r.Outcome == Granted:
			granted.Add(1)
		case r.Outcome == Asked:
			asked.Add(1)
		}
	})
	judged := int(granted.Load()+asked.Load()) + b.count(PINWrong)
	if judged > 3 {
		t.Errorf("%d PINs were judged with 3 codes", judged)
	}
	after := b.tally()
	if after.sessions-before.sessions != int(granted.Load()) {
		t.Errorf("%d sessions for %d who got in", after.sessions-before.sessions, granted.Load())
	}
	if after.events-before.events != 300 {
		t.Errorf("%d answers left %d audit entries", 300, after.events-before.events)
	}
	if b.key1().Used != b.key.StepAt(b.clock())+1 && b.key1().Used < b.key.StepAt(b.clock())-1 {
		t.Errorf("the key remembers step %d", b.key1().Used)
	}
}

// Two browsers define a PIN for one key: one PIN goes into service.
func TestTwoBrowsersDefineAPIN(t *testing.T) {
	pins := []string{"7294", "5083"}
	for name, finish := range map[string]func(b *bench, pages []Reply) []Reply{
		"in turn": func(b *bench, pages []Reply) []Reply {
			first := b.newPasscode(pages[0], pins[0]+b.shows(0))
			b.wait(1)
			return []Reply{first, b.newPasscode(pages[1], pins[1]+b.shows(0))}
		},
		"at once, each with a code": func(b *bench, pages []Reply) []Reply {
			codes := []string{b.shows(0), b.shows(1)}
			replies := make([]Reply, 2)
			together(2, func(i int) { replies[i] = b.newPasscode(pages[i], pins[i]+codes[i]) })
			return replies
		},
		"at once, with one code": func(b *bench, pages []Reply) []Reply {
			replies := make([]Reply, 2)
			together(2, func(i int) { replies[i] = b.newPasscode(pages[i], pins[i]+b.shows(0)) })
			return replies
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			pages := make([]Reply, 2)
			for i := range pages {
				pages[i] = b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
				b.wait(1)
			}
			for i := range pages {
				pages[i] = b.want(b.newPIN(pages[i], pins[i]), Asked, AskNewPasscode)
			}
			replies := finish(b, pages)
			winner := -1
			for i, r := range replies {
				if r.Outcome == Granted && winner >= 0 || r.Outcome != Granted && r.Outcome != Denied {
					t.Fatalf("browser %d got %s, browser 0 %s", i, r.Outcome, replies[0].Outcome)
				}
				if r.Outcome == Granted {
					winner = i
				}
			}
			if winner < 0 || b.count(PINDefined) != 1 || b.sessions() != 1 {
				t.Fatalf("browser %d got in, %d PINs were defined, %d sessions opened", winner, b.count(PINDefined), b.sessions())
			}
			for i, p := range pins {
				b.wait(3)
				if r := b.login("jdupont", p+b.shows(0)); (r.Outcome == Granted) != (i == winner) {
					t.Errorf("PIN of browser %d: %s; browser %d had got in", i, r.Outcome, winner)
				}
			}
		})
	}
}

// Whoever holds the key and has written down many codes has as many guesses as
// Policy.LockAfter allows, not one for each code, even if all are sent before
// the first one is judged.
func TestGuessesInFlight(t *testing.T) {
	for _, rightOne := range []int{0, 4, 5, 9} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			for range 3 {
				b.denied(b.login("jdupont", pin+b.shows(500)))
			}
			b.wait(12)
			release := b.holdHashes()
			replies := make([]Reply, 10)
			done := make(chan struct{}, len(replies))
			for i := range replies {
				typed := fmt.Sprint(8301 + i)
				if i == rightOne {
					typed = pin
				}
				go func() {
					replies[i] = b.login("jdupont", typed+b.shows(otp.Step(i-9)))
					done <- struct{}{}
				}()
				synctest.Wait()
			}
			if n := len(b.shared.pins.waiting); n != b.Policy().LockAfter {
				t.Errorf("%d guesses are being judged at once, want %d", n, b.Policy().LockAfter)
			}
			release()
			for range replies {
				<-done
			}
			if r := replies[rightOne]; r.Outcome != Denied && rightOne >= b.Policy().LockAfter {
				t.Errorf("guess %d, the right one, got %s", rightOne+1, r.Outcome)
			}
		})
	}
}

// While a PIN is being judged the key changes: what counts is the key as it is
// when the verdict is written.
func TestTheKeyChangesWhileJudging(t *testing.T) {
	tests := []struct {
		name   string
		change func(b *bench)
		after  func(b *bench)
	}{
		{"locked", func(b *bench) { b.change("0123456789", func(k *Key) { k.State = Locked }) }, nil},
		{"lost", func(b *bench) { b.change("0123456789", func(k *Key) { k.State = Lost }) }, nil},
		{"expired", func(b *bench) { b.change("0123456789", func(k *Key) { k.Expires = b.clock() }) }, nil},
		{"taken back", func(b *bench) { b.change("0123456789", func(k *Key) { k.Holder = "" }) }, nil},
		{"given to somebody else", func(b *bench) { b.change("0123456789", func(k *Key) { k.Holder = "mmartin" }) }, nil},
		{"person shut out", func(b *bench) { b.must(b.DisableAccount(b.t.Context(), by, "jdupont")) }, nil},
		{"PIN cleared", func(b *bench) { b.must(b.ClearPIN(b.t.Context(), by, "0123456789")) }, func(b *bench) {
			b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		}},
		{"PIN cleared and defined anew", func(b *bench) {
			b.change("0123456789", func(k *Key) { k.PIN = "$argon2id$v=19$m=8,t=1,p=1,keyid=1$AAAAAAAAAAAAAAAAAAAAAA$AA" })
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.inService("jdupont", pin)
				sessions := b.sessions()
				release := b.holdHashes()
				reply := make(chan Reply)
				go func() { reply <- b.login("jdupont", pin+b.shows(0)) }()
				synctest.Wait()
				tt.change(b)
				release()
				b.denied(<-reply)
				if n := b.sessions() - sessions; n != 0 {
					t.Errorf("%d sessions were opened", n)
				}
				if k := b.key1(); k.PIN.IsZero() && k.State != PINToDefine {
					t.Errorf("the key is %s and has no PIN", k.State)
				}
				if tt.after != nil {
					b.wait(1)
					tt.after(b)
				}
			})
		})
	}
}

// The PIN is cleared while it is being judged, and the form is sent again: that
// says so, and neither opens.
func TestTheFormIsSentAgainAfterTheChange(t *testing.T) {
	for _, typed := range []string{"", pin} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			release := b.holdHashes()
			c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, typed+b.shows(0))}
			first := make(chan Reply)
			go func() { first <- b.answer(c, a) }()
			synctest.Wait()
			b.must(b.ClearPIN(t.Context(), by, "0123456789"))
			if r, err := b.Answer(t.Context(), c, a, Source{}); !errors.Is(err, ErrWrongQuestion) {
				t.Errorf("the form sent again: %s, %v; want %v", r.Outcome, err, ErrWrongQuestion)
			}
			release()
			b.denied(<-first)
		})
	}
}

// An answer overtaken by another one of the same login has no say any more.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.inService("jdupont", pin)
		c := b.Begin("")
		release := b.holdHashes()
		errs := make(chan error, 2)
		for _, typed := range []string{pin, "8305"} {
			go func() {
				r, err := b.Answer(t.Context(), c, PasscodeAnswer{"jdupont", passcode(t, typed+b.shows(0))}, Source{})
				if r.Outcome == Granted || r.Token != "" {
					t.Errorf("PIN %s opened", typed)
				}
				errs <- err
			}()
			synctest.Wait()
		}
		if n := b.key1().WrongPIN; n != 2 {
			t.Errorf("charged %d times for two PINs", n)
		}
		release()
		e1, e2 := <-errs, <-errs
		if !errors.Is(errors.Join(e1, e2), ErrWrongQuestion) || e1 != nil && e2 != nil {
			t.Errorf("got %v and %v; want one %v", e1, e2, ErrWrongQuestion)
		}
	})
}
