package authcore

import (
	"errors"
	"sync"
	"testing"
)

// required is a bench whose holder must choose another PIN than 7294.
func required(t tb) *bench {
	t.Helper()
	b := newBench(t)
	b.inService("jdupont", "7294")
	b.must(b.RequirePIN(t.Context(), by, "0123456789"))
	return b
}

// The old PASSCODE leads to a new PIN, and only that opens.
func TestAnotherPINIsRequired(t *testing.T) {
	b := required(t)
	before := b.sessions()
	r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
	if d, err := b.Display(t.Context(), r.Challenge); err != nil || d.Activation {
		t.Errorf("asked for an activation code: %v, %v", d.Activation, err)
	}
	b.wantProblem(b.newPIN(r, "7294"), PINUnchanged)
	b.wantProblem(b.newPIN(r, "1234"), PINSequence)
	r = b.want(b.newPIN(r, "5083"), Asked, AskNewPasscode)
	if n := b.sessions(); n != before {
		t.Errorf("%d sessions before the new PIN is proved", n-before)
	}
	if k := b.key1(); !k.ChangePIN || k.State != Active {
		t.Errorf("the key is %s", k.State)
	}
	b.wait(1)
	b.want(b.newPasscode(r, "7294"+b.shows(0)), Denied, AskNewPasscode)
	b.wait(1)
	b.want(b.newPasscode(r, "5083"+b.shows(0)), Granted, Done)
	b.wait(1)
	b.denied(b.login("jdupont", "7294"+b.shows(0)))
	b.wait(1)
	b.want(b.login("jdupont", "5083"+b.shows(0)), Granted, Done)
}

// Who gives up keeps the old PIN, and is asked again.
func TestTheOldPINStaysUntilTheNewOneIsProved(t *testing.T) {
	b := required(t)
	for range 3 {
		r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
		b.want(b.newPIN(r, "5083"), Asked, AskNewPasscode)
		b.wait(1)
	}
	b.denied(b.login("jdupont", "5083"+b.shows(0)))
}

// A login that must synchronise first is led to the new PIN behind the next code,
// and the counters stay until all is done.
func TestAnotherPINBehindTheNextCode(t *testing.T) {
	b := required(t)
	for range b.Policy().NextCodeAfter {
		b.denied(b.login("jdupont", "7294"+b.shows(500)))
	}
	b.denied(b.login("jdupont", "8305"+b.shows(0)))
	b.wait(1)
	r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	r = b.want(b.nextCode(r, b.shows(0)), Asked, AskNewPIN)
	blind, err := b.Blind(t.Context(), "jdupont")
	if k := b.key1(); err != nil || blind != b.Policy().NextCodeAfter || k.WrongPIN != 1 || k.State != Active {
		t.Errorf("%d blind, %d wrong, %s, %v", blind, k.WrongPIN, k.State, err)
	}
	r = b.want(b.newPIN(r, "5083"), Asked, AskNewPasscode)
	b.wait(1)
	b.want(b.newPasscode(r, "5083"+b.shows(0)), Granted, Done)
	if blind, err := b.Blind(t.Context(), "jdupont"); err != nil || blind != 0 || b.key1().WrongPIN != 0 {
		t.Errorf("after a full success %d blind, %d wrong, %v", blind, b.key1().WrongPIN, err)
	}
}

// Nothing reaches the definition but the answers before it.
func TestForcedIntoANewPIN(t *testing.T) {
	b := required(t)
	answers := map[string]Answer{
		"a new PIN":      NewPINAnswer{PIN: PIN{"5083"}, Again: PIN{"5083"}},
		"a new PASSCODE": NewPasscodeAnswer{passcode(t, "5083"+b.shows(0))},
		"a next code":    NextCodeAnswer{passcode(t, b.shows(0))},
	}
	for name, a := range answers {
		if r, err := b.Answer(t.Context(), b.Begin(""), a, Source{}); !errors.Is(err, ErrWrongQuestion) || r.Token != "" {
			t.Errorf("%s to a login just begun: %s, %v", name, r.Outcome, err)
		}
	}
	r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
	if _, err := b.Answer(t.Context(), r.Challenge, answers["a new PASSCODE"], Source{}); !errors.Is(err, ErrWrongQuestion) {
		t.Errorf("a new PASSCODE before the PIN: %v", err)
	}
}

// A login that proved one PIN does not replace another: each change of the key
// on the way sends it back.
func TestTheKeyChangesWhileAPINIsChosen(t *testing.T) {
	for name, change := range map[string]func(*bench){
		"the PIN is cleared": func(b *bench) { b.must(b.ClearPIN(b.t.Context(), by, "0123456789")) },
		"the key is lost":    func(b *bench) { b.must(b.LoseKey(b.t.Context(), by, "0123456789")) },
		"another browser was faster": func(b *bench) {
			b.wait(1)
			r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
			r = b.want(b.newPIN(r, "405172"), Asked, AskNewPasscode)
			b.wait(1)
			b.want(b.newPasscode(r, "405172"+b.shows(0)), Granted, Done)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := required(t)
			r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
			change(b)
			b.denied(b.newPIN(r, "5083"))

			b = required(t)
			r = b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
			r = b.want(b.newPIN(r, "5083"), Asked, AskNewPasscode)
			change(b)
			b.wait(1)
			was := b.key1()
			b.denied(b.newPasscode(r, "5083"+b.shows(0)))
			if k := b.key1(); k.PIN != was.PIN || k.State != was.State {
				t.Errorf("the key is %s now, was %s", k.State, was.State)
			}
		})
	}
}

// A first definition under way cannot replace the PIN that another browser has
// defined since, even when a change is required of that one.
func TestAFirstDefinitionIsNoChange(t *testing.T) {
	b := newBench(t)
	slow := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	b.wait(1)
	b.inService("jdupont", "7294")
	b.must(b.RequirePIN(t.Context(), by, "0123456789"))
	b.denied(b.newPIN(slow, "5083"))
}

// Emergency codes serve somebody whose key is not at hand: they could not prove a
// new PIN. The key, when it is used again, asks for one.
func TestEmergencyCodesComeBeforeANewPIN(t *testing.T) {
	o := aWeek
	o.KeyEnds = true
	b, codes := lostWith(t, o)
	b.must(b.RequirePIN(t.Context(), by, "0123456789"))
	b.want(b.login("jdupont", "7294"+codes[0]), Granted, Done)
	r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
	if k := b.key1(); k.State != Active || k.Emergency.given() || !k.ChangePIN {
		t.Errorf("the key is %s", k.State)
	}
	r = b.want(b.newPIN(r, "5083"), Asked, AskNewPasscode)
	b.wait(1)
	b.want(b.newPasscode(r, "5083"+b.shows(0)), Granted, Done)
}

// Two hashes stand between the new PIN and the next question: sent again
// meanwhile, and with no room for them, the answer is one attempt.
func TestANewPINClickedTwiceAndNoRoom(t *testing.T) {
	b := required(t)
	r := b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNewPIN)
	release := b.fillQueue()
	if _, err := b.Answer(t.Context(), r.Challenge, NewPINAnswer{PIN: PIN{"5083"}, Again: PIN{"5083"}}, Source{}); !errors.Is(err, ErrBusy) {
		t.Errorf("with no room: %v", err)
	}
	release()
	var mu sync.Mutex
	var all []Reply
	together(8, func(int) {
		one := b.newPIN(r, "5083")
		mu.Lock()
		defer mu.Unlock()
		all = append(all, one)
	})
	for _, one := range all {
		b.want(one, Asked, AskNewPasscode)
	}
	if n := b.count(PINStaged); n != 2 { // the first PIN was one
		t.Errorf("%d PINs were staged", n)
	}
}

func TestRequirePINIsRefused(t *testing.T) {
	b := newBench(t)
	if err := b.RequirePIN(t.Context(), by, "0123456789"); !errors.Is(err, ErrNoPIN) {
		t.Errorf("without a PIN: %v", err)
	}
	b.must(b.RetireKey(t.Context(), by, "0123456789"))
	if err := b.RequirePIN(t.Context(), by, "0123456789"); !errors.Is(err, ErrState) {
		t.Errorf("of a retired key: %v", err)
	}
	if err := b.RequirePIN(t.Context(), by, "NONE"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no key: %v", err)
	}
}
