package authcore

import (
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// Policy is what an operator may choose. The zero value is not usable; begin
// with DefaultPolicy.
type Policy struct {
	// PINMin and PINMax bound the length of a new PIN, in digits: 4 ≤ PINMin ≤
	// PINMax ≤ 12. A shorter PIN defined under an earlier policy goes on working.
	PINMin, PINMax int

	// Small, Medium and Large are how far, in steps, a time-based key may be from
	// where it is expected, on either side. Within Small a PASSCODE opens; within
	// Medium it opens after the next code; within Large the same, at the first
	// use of a key or after NextCodeAfter failures. 1 ≤ Small ≤ Medium ≤ Large ≤ 60.
	// For a counter-based key Large is how many presses of its button may have
	// been wasted, and ten times Large how many after which the next code is
	// asked (RFC 4226 §7.4).
	Small, Medium, Large otp.Step

	// NextCodeAfter is how many failures in a row make the next good PASSCODE be
	// followed by the next code.
	NextCodeAfter int
	// LockAfter is how many times in a row a good code came with a wrong PIN,
	// which only who holds the key can do, before the key is locked.
	LockAfter int
	// SlowAfter is how many blind failures (no code of theirs was seen) over one
	// identifier, from one network, go by before each further one makes that
	// network wait: SlowFirst at first, then twice as long each time, up to
	// SlowMost. NIST SP 800-63B-4 §3.2.2 names 30 seconds up to an hour.
	SlowAfter           int
	SlowFirst, SlowMost time.Duration
	// PairAfter is how many blind failures over one identifier, from anywhere and
	// since its last full success, make two codes in a row be asked for before
	// anything is said of the PIN (NIST SP 800-63B-4 §3.2.2: no more than 100).
	PairAfter int

	// Page is how long a login page may lie open before its first answer: people
	// come back to the tab they left in the morning.
	Page time.Duration
	// Challenge is how long a login may take from its first answer to its last.
	Challenge time.Duration
	// Repeat is how long the same form, sent again by a double click, gets the
	// answer that it got the first time.
	Repeat time.Duration
	// Idle ends a session that nobody uses, Absolute any session. A use is
	// written down once in a twentieth of Idle: by so much a session may end
	// early.
	Idle, Absolute time.Duration
	// Ticket is how long the hand-over to an application's host may take.
	Ticket time.Duration
	// Retention is how long the audit trail keeps an entry: a day or more, or 0
	// for ever.
	Retention time.Duration
	// Requests is how long a request for assistance is kept: a day or more, 5 years
	// at most.
	Requests time.Duration
}

// DefaultPolicy returns the values SecurID users know (windows ±1, ±3, ±10;
// next code after 3), guesses slowed down from the fifth on, a PIN of 4 to 8 digits, and sessions of one hour idle and
// ten hours at most (NIST SP 800-63B-4 §2.2.3 allows 1 h and 24 h). The audit
// trail is kept for 365 days (the CNIL's recommendation on logging, deliberation
// 2021-122, says six months to a year).
func DefaultPolicy() Policy {
	return Policy{
		PINMin: 4, PINMax: 8,
		Small: 1, Medium: 3, Large: 10,
		NextCodeAfter: 3, LockAfter: 5,
		SlowAfter: 5, SlowFirst: 30 * time.Second, SlowMost: time.Hour, PairAfter: 100,
		Page: 12 * time.Hour, Challenge: 10 * time.Minute, Repeat: 10 * time.Second,
		Idle: time.Hour, Absolute: 10 * time.Hour,
		Ticket: time.Minute, Retention: 365 * day, Requests: 90 * day,
	}
}

// Validate says in a sentence what is wrong with a policy, or nil.
func (p Policy) Validate() error {
	switch {
	case p.PINMin < 4 || p.PINMax > maxPIN || p.PINMin > p.PINMax:
		return fmt.Errorf("a PIN has 4 to %d digits, the shortest no longer than the longest: not %d to %d", maxPIN, p.PINMin, p.PINMax)
	case p.Small < 1 || p.Small > p.Medium || p.Medium > p.Large || p.Large > 60:
		return fmt.Errorf("the windows must grow from 1 to 60 steps: not %d, %d, %d", p.Small, p.Medium, p.Large)
	case p.NextCodeAfter < 1 || p.LockAfter < p.NextCodeAfter || p.LockAfter > 100:
		return fmt.Errorf("failures: the next code must be asked after 1 or more, the key locked no earlier and after 100 at most: not %d and %d", p.NextCodeAfter, p.LockAfter)
	case p.SlowAfter < 1 || p.SlowFirst < time.Second || p.SlowMost < p.SlowFirst || p.SlowMost > day:
		return fmt.Errorf("blind failures: the delay begins after 1 or more, with a second or more, and grows to a day at most: not after %d, from %s to %s", p.SlowAfter, p.SlowFirst, p.SlowMost)
	case p.PairAfter < p.NextCodeAfter || p.PairAfter > 100:
		return fmt.Errorf("two codes in a row must be asked for no earlier than the next code and after 100 failures at most: not %d", p.PairAfter)
	case p.Page < time.Minute || p.Page > 7*24*time.Hour:
		return fmt.Errorf("a login page may lie open between a minute and a week: not %s", p.Page)
	case p.Challenge < time.Minute || p.Challenge > time.Hour:
		return fmt.Errorf("a login must be given between a minute and an hour: not %s", p.Challenge)
	case p.Repeat < 0 || p.Repeat > time.Minute:
		return fmt.Errorf("a repeated form is recognised for a minute at most: not %s", p.Repeat)
	case p.Idle < time.Minute || p.Absolute < p.Idle || p.Absolute > 7*24*time.Hour:
		return fmt.Errorf("a session lasts at least a minute idle, at most a week in all, and idle no longer than in all: not %s and %s", p.Idle, p.Absolute)
	case p.Retention != 0 && p.Retention < day:
		return fmt.Errorf("the audit trail keeps an entry for a day or more, or for ever: not for %s", p.Retention)
	case p.Requests < day || p.Requests > 5*365*day:
		return fmt.Errorf("a request for assistance is kept between a day and five years: not %s", p.Requests)
	case p.Ticket < time.Second || p.Ticket > 5*time.Minute:
		return fmt.Errorf("a hand-over ticket lives between a second and five minutes: not %s", p.Ticket)
	}
	return nil
}

// reach is how far a good code may be from the expected step: up to accept it
// opens at once, up to ask it opens after the next code, up to search it is
// recognised (and consumed) but refused.
type reach struct{ accept, ask, search otp.Step }

// reach says how far, for a key after that many failures. A counter-based key's
// window never widens by failures, which anybody can cause (RFC 4226 §7.4).
func (p Policy) reach(k Key, failures int) reach {
	switch {
	case k.Generator.Kind == otp.HOTP:
		return reach{accept: p.Large, ask: 10 * p.Large, search: 10 * p.Large}
	case k.State == PINToDefine:
		return reach{accept: p.Large, ask: p.Large, search: p.Large}
	case k.State == ToSynchronise || failures >= p.NextCodeAfter:
		return reach{accept: p.Small, ask: p.Large, search: p.Large}
	default:
		return reach{accept: p.Small, ask: p.Medium, search: p.Large}
	}
}
