package caddymodule

import (
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// outcome is what somebody sees who has typed something into the login.
type outcome string

const (
	in         outcome = "in"
	turnedAway outcome = "refused"
	wait       outcome = "wait"
	nextCode   outcome = "next code"
	newPIN     outcome = "new PIN"
)

// noStep is that of a code which is none of the key's.
const noStep otp.Step = -1

// expectation is the model of one person: what a simple mind, who has read the
// README, expects of the gate.
type expectation struct {
	state    authcore.State
	pin      string
	used     otp.Step // the last code used
	wrong    int      // good codes with a wrong PIN in a row
	blind    int      // what strangers' failures come to
	known    map[*tab]*tally
	slow     map[string]*tally // of strangers, by address
	sessions []*sessionSeen
}

// tally counts the blind failures of one browser, or of one address.
type tally struct {
	blind       int // of a known browser
	failures    int
	until, last time.Time
}

func newExpectation() expectation {
	return expectation{state: authcore.PINToDefine, used: noStep, known: map[*tab]*tally{}, slow: map[string]*tally{}}
}

// counts finds what counts failures in a browser: its own, or strangers'.
func (e *expectation) counts(b *tab, now time.Time) (blind *int, t *tally) {
	if t = e.known[b]; t != nil {
		blind = &t.blind
	} else {
		if e.slow[b.at] == nil {
			e.slow[b.at] = new(tally)
		}
		blind, t = &e.blind, e.slow[b.at]
	}
	if !now.Before(t.last.Add(24 * time.Hour)) {
		t.failures, t.until = 0, time.Time{}
	}
	return blind, t
}

// types is what comes of a PIN and a code, typed when the key's clock is at that
// step.
func (e *expectation) types(b *tab, step otp.Step, pin string, clock otp.Step, now time.Time) outcome {
	blind, t := e.counts(b, now)
	switch {
	case now.Before(t.until):
		return wait
	case step == noStep || step < clock-10: // too long ago to be known
		*blind++
		t.failures++
		t.last, t.until = now, time.Time{}
		if t.failures >= 5 {
			t.until = now.Add(min(30*time.Second<<(t.failures-5), time.Hour))
		}
		return turnedAway
	case step <= e.used:
		return turnedAway
	}
	e.used = step
	next := e.state == authcore.ToSynchronise || *blind+e.wrong >= 3
	switch e.state {
	case authcore.Locked, authcore.Lost:
		return turnedAway
	case authcore.PINToDefine:
		if *blind >= 3 {
			return nextCode
		}
		return newPIN
	}
	switch {
	case pin != e.pin:
		if e.wrong++; e.wrong >= 5 {
			e.state = authcore.Locked
		}
		return turnedAway
	case next:
		e.state = authcore.ToSynchronise
		return nextCode
	}
	return in
}

// follows is what comes of the next code.
func (e *expectation) follows(step otp.Step) outcome {
	e.used = step
	if e.pin == "" {
		return newPIN
	}
	return in
}

// proves is what comes of a new PIN, and a code behind it.
func (e *expectation) proves(pin string, step otp.Step) outcome {
	e.pin, e.used = pin, step
	return in
}

// enters begins a session, in the place of the one that the browser had.
func (e *expectation) enters(b *tab, cookie string, now time.Time) {
	if s := e.at(b); s != nil {
		s.ended = true
	}
	blind, t := e.counts(b, now)
	*blind, *t = 0, tally{}
	e.known[b] = new(tally)
	e.state, e.wrong = authcore.Active, 0
	e.sessions = append(e.sessions, &sessionSeen{browser: b, cookie: cookie, began: now, seen: now})
}

// operated is whether an operator's act on the key is possible, and what it does.
func (e *expectation) operated(verb string) bool {
	switch {
	case verb == "unlock" && e.state == authcore.Locked:
		e.wrong, e.state = 0, authcore.Active
		if e.pin == "" {
			e.state = authcore.PINToDefine
		}
		return true
	case verb == "found" && e.state == authcore.Lost:
		switch e.state = authcore.ToSynchronise; {
		case e.wrong >= 5:
			e.state = authcore.Locked
		case e.pin == "":
			e.state = authcore.PINToDefine
		}
		return true
	case verb == "lost" && e.state != authcore.Lost:
		e.state = authcore.Lost
	case verb == "clear-pin" && e.state != authcore.Lost:
		if e.pin = ""; e.state != authcore.Locked {
			e.state, e.wrong = authcore.PINToDefine, 0
		}
	default:
		return false
	}
	for _, s := range e.sessions {
		s.ended = true
	}
	return true
}

// sessionSeen is what the model knows of one session.
type sessionSeen struct {
	browser     *tab
	cookie      string
	began, seen time.Time
	ended       bool
	looks       int // since it ended
}

// life is whether a session is to be open.
type life string

const (
	lives life = "lives"
	may   life = "may live" // a use is noted once in three minutes
	over  life = "is over"
)

func (s *sessionSeen) alive(now time.Time) life {
	switch idle := now.Sub(s.seen); {
	case s.ended || idle >= time.Hour || now.Sub(s.began) >= 10*time.Hour:
		return over
	case idle < 56*time.Minute && now.Sub(s.began) < 10*time.Hour-time.Second:
		return lives
	}
	return may
}

// looked reports whether an ended session was looked at often enough.
func (s *sessionSeen) looked() bool { s.looks++; return s.looks > 5 }

// at is the session of a browser.
func (e *expectation) at(b *tab) *sessionSeen {
	for _, s := range e.sessions {
		if s.browser == b && !s.ended {
			return s
		}
	}
	return nil
}

// mayLive reports whether a browser may be in session.
func (e *expectation) mayLive(b *tab, now time.Time) bool {
	s := e.at(b)
	return s != nil && s.alive(now) != over
}
