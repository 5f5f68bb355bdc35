package authcore

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// emergency is what replaces the codes of a lost key for a while: a list of
// codes that serve once each, or one that serves until the end. The PIN goes
// before them as before any code, so that whoever has the list alone has
// nothing. They have eight digits; a key shows six as a rule.
type emergency struct {
	Codes  []string `json:"codes,omitempty"` // not used yet
	Fixed  bool     `json:"fixed,omitempty"` // one code, again and again
	Reason string   `json:"reason,omitempty"`
	// Until is when the codes die.
	Until time.Time `json:"until,omitzero"`
	// KeyEnds has the key itself, used with its PIN, end the emergency and be
	// found; else the key stays shut until somebody says that it was found.
	KeyEnds bool `json:"keyEnds,omitempty"`
}

// Format prints a placeholder for every verb.
func (emergency) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

const (
	emergencyDigits  = 8
	maxEmergency     = 31 * 24 * time.Hour
	maxEmergencyList = 50
)

// given reports that emergency codes were given out, used up or not.
func (e emergency) given() bool { return !e.Until.IsZero() }

// open reports whether the codes still serve.
func (e emergency) open(now time.Time) bool { return len(e.Codes) > 0 && now.Before(e.Until) }

// take looks for a code, which is gone afterwards unless it is the fixed one. It
// compares with every code there is.
func (e emergency) take(code string) (emergency, bool) {
	at := -1
	for i, c := range e.Codes {
		if subtle.ConstantTimeCompare([]byte(c), []byte(code)) == 1 {
			at = i
		}
	}
	if at >= 0 && !e.Fixed {
		e.Codes = slices.Delete(slices.Clone(e.Codes), at, at+1)
	}
	return e, at >= 0
}

// tryEmergency looks for an emergency code behind a PIN. Like Try it consumes
// what matches.
func (k Key) tryEmergency(p Passcode, now time.Time) (Key, PIN, Trial, bool) {
	if k.State != Lost || !k.Emergency.open(now) {
		return k, PIN{}, Trial{}, false
	}
	pin, code, _ := p.split(emergencyDigits)
	e, found := k.Emergency.take(code)
	k.Emergency = e
	return k, pin, Trial{Serial: k.Serial, Emergency: true}, found
}

// EmergencyOrder says what emergency codes to make.
type EmergencyOrder struct {
	Codes   int           // how many; with Fixed one
	Fixed   bool          // one code that serves until the end
	Reason  string        // why; it stands in the audit trail
	For     time.Duration // until when, from now; 31 days at most
	KeyEnds bool          // see Emergency
}

// GiveEmergency gives codes for a lost key, in place of any given before. It
// returns them: nobody can read them again. Errors: ErrNotFound, ErrState (the
// key is not lost, or has no PIN), a sentence about the order, the store's.
func (g *Gate) GiveEmergency(ctx context.Context, by Actor, serial Serial, o EmergencyOrder) ([]string, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	codes, err := o.draw()
	if err != nil {
		return nil, err
	}
	err = g.changeKeyWith(ctx, by, serial, EmergencyGiven, o.Reason, func(k Key) (Key, error) {
		if k.State != Lost || k.PIN.IsZero() {
			return k, ErrState
		}
		k.Emergency = o.give(codes, g.now())
		return k, nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// draw makes as many codes as are ordered.
func (o EmergencyOrder) draw() (codes []string, err error) {
	if o.Fixed {
		o.Codes = 1
	}
	for len(codes) < o.Codes && err == nil {
		var code string
		code, err = drawCode()
		codes = append(codes, code)
	}
	return codes, err
}

// give is what a key keeps of the codes.
func (o EmergencyOrder) give(codes []string, now time.Time) emergency {
	return emergency{Codes: codes, Fixed: o.Fixed, Reason: o.Reason, Until: now.Add(o.For), KeyEnds: o.KeyEnds}
}

// Check says in a sentence what is wrong with an order, or nil.
func (o EmergencyOrder) Check() error {
	switch {
	case strings.TrimSpace(o.Reason) == "":
		return errors.New("emergency codes need a reason, for whoever reads the audit trail")
	case plainText(o.Reason) != nil:
		return fmt.Errorf("the reason %w", plainText(o.Reason))
	case o.For <= 0 || o.For > maxEmergency:
		return fmt.Errorf("emergency codes serve for %d days at most: not %s", maxEmergency/day, o.For)
	case !o.Fixed && (o.Codes < 1 || o.Codes > maxEmergencyList):
		return fmt.Errorf("a list holds 1 to %d codes: not %d", maxEmergencyList, o.Codes)
	}
	return nil
}
