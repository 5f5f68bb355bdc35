package otp

import (
	"math"
	"time"
)

// The steps of a time-based key are those of RFC 6238 section 4.2 with T0 = 0;
// SecurID keys, which come from no standard, are counted in the same way.

// StepAt gives the step that the key shows at t: Unix time divided by the
// period, rounded down. It is 0 for HOTP, whose counter no clock tells, and for
// a generator without a period.
func (g Generator) StepAt(t time.Time) Step {
	p := g.seconds()
	if p <= 0 {
		return 0
	}
	u := t.Unix()
	s := u / p
	if u%p < 0 {
		s--
	}
	return Step(s)
}

// StartOf gives the first moment, in UTC, at which a time-based key shows the
// code of step s. It is the zero time for HOTP.
func (g Generator) StartOf(s Step) time.Time {
	p := g.seconds()
	if p == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s)*p, 0).UTC()
}

// EndOf gives the moment, in UTC, at which a time-based key no longer shows the
// code of step s: the start of the next one. It is the zero time for HOTP.
func (g Generator) EndOf(s Step) time.Time {
	return g.StartOf(s + 1)
}

// lastSecond is 9999-12-31 23:59:59 UTC, the last second that four decimal
// digits of a year can name.
const lastSecond = 253402300799

// has tells whether a code stands at s, g being valid.
func (g Generator) has(s Step) bool { return s >= 0 && s <= g.last() }

// last gives the last step at which a code stands, g being valid.
func (g Generator) last() Step {
	if g.Kind == HOTP {
		return math.MaxInt64
	}
	return Step(lastSecond / g.seconds())
}

// seconds gives the period in seconds, 0 for HOTP.
func (g Generator) seconds() int64 {
	if g.Kind == HOTP {
		return 0
	}
	return int64(g.Period / time.Second)
}
