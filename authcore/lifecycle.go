package authcore

import (
	"errors"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// What becomes of a key between its holder's hand and its end. Each method
// returns the key as it must be stored; none gives back a code that was used.

// HandOver writes down that the key is in its holder's hand. Error: ErrState
// when it has no holder, or is lost or retired.
func (k Key) HandOver(now time.Time) (Key, error) {
	if k.Holder == "" || k.State == Lost || k.State == Retired {
		return k, ErrState
	}
	k.HandedOver = now
	return k, nil
}

// ReportLost shuts the key until it is found. Error: ErrState when it has no
// holder, or is lost or retired already.
func (k Key) ReportLost() (Key, error) {
	if k.Holder == "" || k.State == Lost || k.State == Retired {
		return k, ErrState
	}
	k.State = Lost
	return k, nil
}

// Found opens a lost key again and ends its emergency codes: the next PASSCODE is followed by the next code,
// which shows that the key is in somebody's hand. A key that was locked is
// locked again. Error: ErrState when the key is not lost.
func (k Key) Found(pol Policy) (Key, error) {
	if k.State != Lost {
		return k, ErrState
	}
	k.Emergency = emergency{}
	switch {
	case k.WrongPIN >= pol.LockAfter:
		k.State = Locked
	case k.PIN.IsZero():
		k.State = PINToDefine
	default:
		k.State = ToSynchronise
	}
	return k, nil
}

// Retire ends a key for good. It has no holder and no PIN any more, and is kept
// so that its serial and its seed do not come back as another key's.
func (k Key) Retire() (Key, error) {
	if k.State == Retired {
		return k, ErrState
	}
	k.State, k.Holder, k.PIN, k.Emergency = Retired, "", "", emergency{}
	k.Activation, k.ChangePIN = "", false
	return k, nil
}

// Return puts a key back in stock, for somebody else. Its holder, its PIN and its
// emergency codes are forgotten; what was consumed stays consumed, and what was
// learnt of its clock stays known. Error: ErrState when it has no holder, is
// retired, or is lost (or was locked over its emergency codes): what nobody has
// in hand cannot be returned.
func (k Key) Return(now time.Time) (Key, error) {
	if k.Holder == "" || k.State == Retired || k.State == Lost || k.Emergency.given() {
		return k, ErrState
	}
	return Key{
		Serial: k.Serial, State: PINToDefine, Generator: k.Generator, Used: k.Used, Drift: k.Drift,
		Expires: k.Expires, Imported: k.Imported, Stock: k.Stock, Received: k.Received, Returned: now,
	}, nil
}

// ErrNoPair is what Resync returns when the two codes do not stand one behind
// the other within twelve hours of now, or were used.
var ErrNoPair = errors.New("these are not two codes in a row of this key, unused and within twelve hours of now")

// Resync finds a key whose clock has drifted by up to twelve hours, from two
// codes in a row read to an operator, and consumes both. It neither sets nor
// shows the PIN. Of a counter-based key the codes may be up to a thousand
// presses ahead (RFC 4226 §7.4). Errors: ErrNoPair, ErrState when the key is
// retired.
func (k Key) Resync(first, second string, now time.Time) (Key, error) {
	if k.State == Retired {
		return k, ErrState
	}
	clock := k.Generator.StepAt(now)
	low, high := max(clock-maxDrift, k.Used+1), clock+maxDrift
	if k.Generator.Kind == otp.HOTP {
		clock, low, high = 0, k.Used+1, k.Used+1000
	}
	for low <= high {
		step, ok := k.Generator.Find(first, low, high)
		if !ok {
			break
		}
		if _, follows := k.Generator.Find(second, step+1, step+1); follows {
			k.Used = step + 1
			if k.Generator.Kind != otp.HOTP {
				k.Drift = max(-maxDrift, min(maxDrift, k.Used-clock))
			}
			return k, nil
		}
		low = step + 1 // a code that stands there by chance
	}
	return k, ErrNoPair
}

// Shows reports whether the key shows that code now, or did or will within
// Policy.Large steps, used or not. It consumes nothing.
func (k Key) Shows(code string, now time.Time, pol Policy) bool {
	at := k.Generator.StepAt(now) + k.Drift
	low, high := at-pol.Large, at+pol.Large
	if k.Generator.Kind == otp.HOTP {
		low, high = k.Used, k.Used+1+pol.Large
	}
	_, ok := k.Generator.Find(code, low, high)
	return ok
}
