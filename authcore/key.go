package authcore

import (
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// State is where a key stands between the supplier's box and retirement. In
// stock or returned is the absence of a holder; expired is a date. The zero
// value is invalid.
type State uint8

// The states, and the words that the pages, the command line and the API use.
const (
	PINToDefine   State = iota + 1 // "pin-to-define": no PIN yet; the code alone opens the definition of one («PIN à définir»)
	ToSynchronise                  // "to-synchronise": the next PASSCODE is followed by the next code («à synchroniser»)
	Active                         // "active": PASSCODE opens («en service»)
	Locked                         // "locked": nothing opens until somebody unlocks it («bloquée»)
	Lost                           // "lost": declared lost, nothing opens («perdue»)
	Retired                        // "retired": ended for good («retirée»)
)

var stateNames = words[State]{what: "key state", names: []string{"", "pin-to-define", "to-synchronise", "active", "locked", "lost", "retired"}}

// String gives the state's word.
func (s State) String() string { return stateNames.name(s) }

// MarshalText gives the state's word; an unknown state is an error.
func (s State) MarshalText() ([]byte, error) { return stateNames.marshal(s) }

// UnmarshalText reads a state's word; anything else is an error.
func (s *State) UnmarshalText(b []byte) error { return stateNames.unmarshal(s, b) }

// Verdict is what a code or a PIN turned out to be. The zero value is invalid.
type Verdict uint8

// The verdicts.
const (
	Refused        Verdict = iota + 1 // "refused": not this key's code, or too far from now, or a wrong PIN
	CodeUsed                          // "code-used": this key's code, consumed before
	NewPINWanted                      // "new-pin-wanted": a good code, consumed now; the PIN must be defined
	PINWanted                         // "pin-wanted": a good code, consumed now; the PIN must be judged
	NextCodeWanted                    // "next-code-wanted": all is right, and the next code must prove it
	Accepted                          // "accepted": all is right
)

var verdictNames = words[Verdict]{what: "verdict", names: []string{"", "refused", "code-used", "new-pin-wanted", "pin-wanted", "next-code-wanted", "accepted"}}

// String gives the verdict's word.
func (v Verdict) String() string { return verdictNames.name(v) }

// Key is one one-time-code key and all that must be remembered of it. It is a
// value: its methods return the key as it must be stored.
type Key struct {
	Serial    Serial
	Holder    Identifier // "" in stock
	State     State
	Generator otp.Generator
	PIN       PINHash // zero until defined

	// Used is the highest step whose code was ever consumed: the whole memory of
	// single use. It never decreases. -1 before the first.
	Used otp.Step
	// Drift is how many steps the key's clock is ahead of ours, learnt.
	Drift otp.Step
	// WrongPIN counts the good codes that came with a wrong PIN since the last
	// full success. Only who holds the key can raise it.
	WrongPIN int

	// Activation is the code with which alone the first PIN can be defined, if
	// one was given.
	Activation activationMark
	// ChangePIN has the next full success lead to another PIN before it opens
	// anything.
	ChangePIN bool

	// Emergency holds the codes that serve while the key is lost.
	Emergency emergency

	// ReplacedBy and Replaces are the key that took this one's place and the one
	// whose place this took; "" for none. At Ends a key that was replaced opens
	// nothing any more.
	ReplacedBy, Replaces Serial
	Ends                 time.Time

	Expires  time.Time // zero: never
	Imported time.Time
	Assigned time.Time // zero in stock
	// HandedOver is when it was put into its holder's hand; zero before.
	HandedOver time.Time
	LastUsed   time.Time // last full success; zero before the first

	// Stock is the establishment (UAI) whose stock the key belongs to, "" for that of
	// whoever buys keys; Received is when the establishment had it in hand, Returned
	// when it came back from a holder last.
	Stock              string
	Received, Returned time.Time
}

// maxDrift bounds what is learnt of a key's clock: twelve hours of one-minute
// steps, as far as a resynchronisation by an operator reaches.
const maxDrift otp.Step = 720

// Trial is a code looked at by itself: where it stands, and what it says of the
// key's clock.
type Trial struct {
	Serial   Serial   `json:"serial,omitempty"`
	Step     otp.Step `json:"step,omitempty"`     // where the code stands; set when it matched
	Off      otp.Step `json:"off,omitempty"`      // that, less the step expected
	Drift    otp.Step `json:"drift,omitempty"`    // that, less the step of our own clock
	NextCode bool     `json:"nextCode,omitempty"` // good only with the next code behind it
	Used     bool     `json:"used,omitempty"`     // consumed before this trial
	// Emergency: not the key's code but one that replaces it.
	Emergency bool `json:"emergency,omitempty"`
}

// usable reports whether a code of the key, or one that replaces it, may open
// anything for its holder at all. It is the one place that says so.
func (k Key) usable(t Trial, now time.Time) bool {
	if k.Holder == "" || over(k.Expires, now) || over(k.Ends, now) {
		return false
	}
	switch k.State {
	case PINToDefine, ToSynchronise, Active:
		return !t.Emergency
	case Lost:
		return k.Emergency.given() && now.Before(k.Emergency.Until) && (t.Emergency || k.Emergency.KeyEnds)
	default:
		return false
	}
}

// over reports whether a key's last day, where it has one, is behind now.
func over(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

// Try looks for a code around the step expected now, after that many failures
// in a row. A code that matches anywhere in the range is consumed, whatever
// comes of it: the key returned has moved its Used and must be stored before
// anything is told. The verdict is Refused, CodeUsed, NewPINWanted or PINWanted;
// with PINWanted an attempt is charged to WrongPIN, which Judge gives back.
// How long Try takes depends on the policy alone.
func (k Key) Try(code string, now time.Time, failures int, pol Policy) (Key, Trial, Verdict) {
	r := pol.reach(k, failures)
	k, t, v := k.consume(code, now, k.Drift, r)
	if v != Accepted {
		return k, t, v
	}
	if k.State == PINToDefine {
		return k, t, NewPINWanted
	}
	t.NextCode = abs(t.Off) > r.accept || k.State == ToSynchronise || failures >= pol.NextCodeAfter
	k.WrongPIN++
	return k, t, PINWanted
}

// Follow looks for the code that comes after trial t, on the clock that t
// showed: a second code proves the first no accident. Like Try, it consumes
// whatever matches. The verdict is Refused, CodeUsed or Accepted.
func (k Key) Follow(code string, now time.Time, t Trial, pol Policy) (Key, Trial, Verdict) {
	r := reach{accept: pol.Small, ask: pol.Small, search: pol.Large}
	return k.consume(code, now, t.Drift, r)
}

// consume finds a code within r of the step expected with that drift, and moves
// Used onto it.
func (k Key) consume(code string, now time.Time, drift otp.Step, r reach) (Key, Trial, Verdict) {
	clock := k.Generator.StepAt(now)
	expected, low := clock+drift, clock+drift-r.search
	if k.Generator.Kind == otp.HOTP {
		// No clock: the counter after the last one is expected, and what lies
		// before it was used.
		clock, expected, low = 0, k.Used+1, k.Used-r.accept
	}
	high := expected + r.search
	// Two searches over one range cut at Used: together they always walk it
	// whole, and a code that is both old and new is taken as new.
	step, fresh := k.Generator.Find(code, max(low, k.Used+1), high)
	old, used := k.Generator.Find(code, low, min(high, k.Used))
	switch {
	case fresh:
		t := Trial{Serial: k.Serial, Step: step, Off: step - expected}
		if k.Generator.Kind != otp.HOTP {
			t.Drift = step - clock
		}
		k.Used = step
		if abs(t.Off) > r.ask {
			return k, t, Refused
		}
		return k, t, Accepted
	case used:
		return k, Trial{Serial: k.Serial, Step: old, Used: true}, CodeUsed
	default:
		return k, Trial{}, Refused
	}
}

// of reports whether another trial was of the very same code of the same key.
func (t Trial) of(other Trial) bool {
	return t.Serial == other.Serial && t.Step == other.Step && !t.Emergency && !other.Emergency
}

// matched reports whether the code was this key's at all.
func (t Trial) matched() bool { return t.Serial != "" }

// Judge says what comes of trial t now that the PIN is known to be right or
// wrong. The fifth wrong PIN in a row (Policy.LockAfter) locks the key. The
// verdict is Refused, CodeUsed (a right PIN with a code consumed before),
// NextCodeWanted, NewPINWanted (all is right, and another PIN is required) or
// Accepted.
func (k Key) Judge(t Trial, right bool, now time.Time, pol Policy) (Key, Verdict) {
	switch {
	case !k.usable(t, now):
		return k, Refused
	case right && t.Used:
		k.WrongPIN = max(0, k.WrongPIN-1)
		return k, CodeUsed
	case !right && k.WrongPIN >= pol.LockAfter:
		k.State = Locked
		return k, Refused
	case !right:
		return k, Refused
	case t.Emergency:
		k.WrongPIN, k.LastUsed = 0, now
		return k, Accepted
	case t.NextCode:
		k.WrongPIN = max(0, k.WrongPIN-1)
		k.State, k.Emergency = ToSynchronise, emergency{} // a lost key that may end its emergency is found
		return k, NextCodeWanted
	case k.ChangePIN:
		k.WrongPIN = max(0, k.WrongPIN-1)
		return k.settle(learn(k.Drift, t.Off)), NewPINWanted
	default:
		return k.accept(now, learn(k.Drift, t.Off)), Accepted
	}
}

// Confirm ends a synchronisation: two codes in a row agreed on the key's clock,
// so it is believed at once and not a step at a time.
func (k Key) Confirm(t Trial, now time.Time) Key {
	return k.accept(now, clampDrift(t.Drift))
}

// Synchronised is Confirm for a login that must not end yet: the counters stay
// until it does.
func (k Key) Synchronised(t Trial) Key { return k.settle(clampDrift(t.Drift)) }

// DefinePIN puts the key into service under a new PIN, proved by a PASSCODE
// whose code is trial t.
func (k Key) DefinePIN(pin PINHash, t Trial, now time.Time) Key {
	k.PIN, k.Activation, k.ChangePIN = pin, "", false
	return k.Confirm(t, now)
}

func (k Key) accept(now time.Time, drift otp.Step) Key {
	k.WrongPIN, k.LastUsed = 0, now
	return k.settle(drift)
}

// settle has the key in service, with what its code told of its clock.
func (k Key) settle(drift otp.Step) Key {
	k.State, k.Emergency = Active, emergency{}
	if k.Generator.Kind != otp.HOTP {
		k.Drift = drift
	}
	return k
}

// learn moves what is believed of a key's clock one step at most: a holder who
// waits before pressing Enter must not teach us a wrong clock.
func learn(drift, off otp.Step) otp.Step {
	return clampDrift(drift + max(-1, min(1, off)))
}

func clampDrift(drift otp.Step) otp.Step { return max(-maxDrift, min(maxDrift, drift)) }

// Unlock lifts a lock. The failures that led to it are forgotten; what was
// consumed stays consumed. Error: ErrState when the key is not locked.
func (k Key) Unlock() (Key, error) {
	if k.State != Locked {
		return k, ErrState
	}
	k.WrongPIN = 0
	switch {
	case k.Emergency.given():
		k.State = Lost // it was locked over its emergency codes
	case k.PIN.IsZero():
		k.State = PINToDefine
	case k.Generator.Kind == otp.HOTP:
		k.State = ToSynchronise // no clock tells how old a code is that somebody has seen
	default:
		k.State = Active
	}
	return k, nil
}

// ClearPIN forgets the PIN: the holder defines another at the next login, as at
// the first, with the activation code where one is given. A lock stays. Error:
// ErrState when the key is lost or retired: emergency codes are worth nothing
// without the PIN.
func (k Key) ClearPIN() (Key, error) {
	if k.State == Lost || k.State == Retired || k.Emergency.given() {
		return k, ErrState
	}
	k.PIN, k.ChangePIN = "", false
	if k.State != Locked {
		k.State, k.WrongPIN = PINToDefine, 0
	}
	return k, nil
}

// RequirePIN has the holder choose another PIN at the next login, once they have
// shown that they know this one, which stays in service until the other is
// proved. Errors: ErrNoPIN when there is none, ErrState when the key is retired.
func (k Key) RequirePIN() (Key, error) {
	switch {
	case k.State == Retired:
		return k, ErrState
	case k.PIN.IsZero():
		return k, ErrNoPIN
	}
	k.ChangePIN = true
	return k, nil
}

// Assign gives a key in stock to a holder, who will define its PIN. Error:
// ErrAssigned, ErrState when the key is retired.
func (k Key) Assign(to Identifier, now time.Time) (Key, error) {
	switch {
	case k.Holder != "":
		return k, ErrAssigned
	case k.State == Retired:
		return k, ErrState
	}
	k.Holder, k.Assigned, k.State, k.PIN, k.WrongPIN = to, now, PINToDefine, "", 0
	return k, nil
}

func abs(s otp.Step) otp.Step { return max(s, -s) }
