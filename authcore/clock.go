package authcore

import (
	"fmt"
	"time"
)

// ClockState is what is held of the server's clock. The zero value is invalid.
type ClockState uint8

// The states of the clock.
const (
	ClockSound  ClockState = iota + 1 // "sound"
	ClockBehind                       // "behind": it was set back while the server runs; logins go on
	ClockEarly                        // "early": at the start it was before the time kept last; logins are refused
	ClockAhead                        // "ahead": it leapt by more than a day and is not believed yet; logins are refused
)

var clockNames = words[ClockState]{what: "clock state", names: []string{"", "sound", "behind", "early", "ahead"}}

// String gives the state's word.
func (s ClockState) String() string { return clockNames.name(s) }

// MarshalText gives the state's word; an unknown state is an error.
func (s ClockState) MarshalText() ([]byte, error) { return clockNames.marshal(s) }

// UnmarshalText reads a state's word; anything else is an error.
func (s *ClockState) UnmarshalText(b []byte) error { return clockNames.unmarshal(s, b) }

// refuses reports whether nobody can log in under such a clock.
func (s ClockState) refuses() bool { return s == ClockEarly || s == ClockAhead }

// What is made of a clock that does not go as time does.
const (
	clockNoise = 2 * time.Second  // back by no more is nothing
	clockLate  = 5 * time.Minute  // a start before the time kept last by no more is believed
	clockLeap  = day              // ahead between two looks by no more is believed
	clockStop  = 100 * day        // a server that was off for no longer is believed at its start
	clockHeld  = 10 * time.Minute // how long a leap must last to be believed
	clockKept  = time.Minute      // how often the time is kept at most
	clockSlack = 8                // while it is behind, an eighth of the time that passes is made up for
)

// timeline is what is believed of the time, as a value. What it believes never
// goes back, and is moved ahead by a clock that is not in doubt. While the clock
// is behind it, it goes on with the time that passes but for an eighth, so that
// delays end and the clock catches up.
type timeline struct {
	state    ClockState
	wall     time.Time     // by the server's clock, at the last look
	believed time.Time     // the highest that was believed
	kept     time.Time     // what the process before had kept; zero for none
	held     time.Duration // of a leap: how long it has lasted
}

// startTimeline begins with a server, from the time that the one before it has
// kept; zero where there is none.
func startTimeline(wall, kept time.Time) timeline {
	l := timeline{state: ClockSound, wall: wall, believed: wall, kept: kept}
	if kept.IsZero() {
		return l
	}
	switch ahead := wall.Sub(kept); {
	case ahead > clockStop:
		l.state, l.believed = ClockAhead, kept
	case ahead < -clockLate:
		l.state, l.believed = ClockEarly, kept
	case ahead < -clockNoise:
		l.state, l.believed = ClockBehind, kept
	case ahead < 0:
		l.believed = kept
	}
	return l
}

// look is the timeline at the next look at the clock, when that much time has
// passed by a clock that nobody sets.
func (l timeline) look(wall time.Time, passed time.Duration) timeline {
	passed = max(0, passed)
	leapt := wall.Sub(l.wall)-passed > clockLeap
	l.wall, l.believed = wall, l.believed.Add(passed-passed/clockSlack)
	if wall.Sub(l.believed) > clockLeap && (leapt || l.state == ClockAhead) {
		return l.ahead(leapt, passed)
	}
	l.held = 0
	behind := l.believed.Sub(wall)
	switch {
	case l.state == ClockEarly && l.kept.Sub(wall) > clockLate:
	case behind > clockNoise, behind > 0 && l.state != ClockSound:
		l.state = ClockBehind
	default:
		l.state = ClockSound
	}
	if behind < 0 {
		l.believed = wall
	}
	return l
}

// ahead is the timeline while the clock is far ahead of it.
func (l timeline) ahead(leapt bool, passed time.Duration) timeline {
	l.held += passed
	if leapt {
		l.held = 0
	}
	l.state = ClockAhead
	if l.held >= clockHeld {
		l.state, l.believed, l.held = ClockSound, l.wall, 0
	}
	return l
}

// now is the time that validities are measured by: the clock's, unless what is
// believed is later. Of a clock in doubt too, so that nothing opens that is over
// by either.
func (l timeline) now() time.Time {
	if l.wall.After(l.believed) {
		return l.wall
	}
	return l.believed
}

// worse reports whether the clock has come into doubt since that timeline, so
// that somebody should look at it.
func (l timeline) worse(before timeline) bool {
	return l.state != ClockSound && before.state == ClockSound || l.state == ClockAhead && before.state != ClockAhead
}

// String says what there is to say of the clock, in a sentence that names both
// times; "" where it is sound.
func (l timeline) String() string {
	wall, believed := l.wall.UTC().Format(time.RFC3339), l.believed.UTC().Format(time.RFC3339)
	switch l.state {
	case ClockBehind:
		return fmt.Sprintf("the clock says %s and was at %s already: it was set back; what had ended by then has ended, and codes used by then stay used", wall, believed)
	case ClockEarly:
		return fmt.Sprintf("the clock says %s, and the time kept last is %s: logins are refused until it is right, or accepted (sesame clock accept)",
			wall, l.kept.UTC().Format(time.RFC3339))
	case ClockAhead:
		return fmt.Sprintf("the clock says %s, far ahead of %s: logins are refused until it has said so for %s, or is accepted (sesame clock accept)",
			wall, believed, clockHeld)
	default:
		return ""
	}
}
