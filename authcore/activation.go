package authcore

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
)

// Activation is a code that is given apart from a key, so that who takes the key
// out of the post has nothing yet: while a key has one, its first PIN is defined
// with it only. It is 4 to 16 digits long; what we draw has eight, as an
// emergency code. The zero value is none.
type Activation struct{ digits string }

const (
	minActivation = 4
	maxActivation = 16
)

// ErrActivationShape is what ParseActivation returns for what cannot be an
// activation code.
var ErrActivationShape = errors.New("an activation code is made of 4 to 16 digits")

// ParseActivation reads an activation code as people type it: spaces and
// hyphens do not count, and nothing at all is the zero value. Error:
// ErrActivationShape.
func ParseActivation(typed string) (Activation, error) {
	digits, ok := digitsOf(strings.ReplaceAll(typed, "-", " "))
	if n := len(digits); !ok || n > 0 && n < minActivation || n > maxActivation {
		return Activation{}, ErrActivationShape
	}
	return Activation{digits}, nil
}

// Format prints a placeholder for every verb.
func (Activation) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is the placeholder that slog prints.
func (Activation) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the placeholder.
func (Activation) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// activationMark is an activation code as it is kept: derived for its key under
// the secrets. The zero value is none.
type activationMark string

// Format prints a placeholder for every verb.
func (activationMark) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// mark is what is kept of the code for a key.
func (a Activation) mark(s *Secrets, serial Serial) activationMark {
	if a == (Activation{}) {
		return ""
	}
	return a.marks(s, serial)[0]
}

// marks are what may be kept of the code for a key, under each secret there is,
// the newest first; none of no code.
func (a Activation) marks(s *Secrets, serial Serial) (all []activationMark) {
	if a == (Activation{}) {
		return nil
	}
	for _, b := range s.deriveAll("activation", string(serial)+"\x00"+a.digits) {
		all = append(all, activationMark(base64.RawURLEncoding.EncodeToString(b)))
	}
	return all
}

// activate judges the activation code typed for the key's first PIN, by its
// marks. A wrong one counts as a wrong PIN: only who holds the key comes so far,
// and the fifth in a row (Policy.LockAfter) locks it. A code that is missing is
// no attempt.
func (k Key) activate(typed []activationMark, pol Policy) (Key, PINProblem) {
	switch {
	case k.Activation == "":
		return k, 0
	case len(typed) == 0:
		return k, PINActivationMissing
	}
	right := 0
	for _, mark := range typed {
		right |= subtle.ConstantTimeCompare([]byte(mark), []byte(k.Activation))
	}
	if right == 1 {
		return k, 0
	}
	if k.WrongPIN++; k.WrongPIN >= pol.LockAfter {
		k.State = Locked
	}
	return k, PINActivationWrong
}

// GiveActivation draws an activation code for a key, in place of any before, and
// returns it: nobody can read it again. It lasts until a PIN is defined; given to
// a key that has one, it waits for that to be cleared. Errors: ErrNotFound,
// ErrState when the key is retired, the store's.
func (g *Gate) GiveActivation(ctx context.Context, by Actor, serial Serial) (string, error) {
	digits, err := drawCode()
	if err != nil {
		return "", err
	}
	err = g.changeKey(ctx, by, serial, ActivationGiven, func(k Key) (Key, error) {
		if k.State == Retired {
			return k, ErrState
		}
		k.Activation = Activation{digits}.mark(g.secrets(), serial)
		return k, nil
	})
	if err != nil {
		return "", err
	}
	return digits, nil
}

// drawCode draws a code that is shown once and typed from paper.
func drawCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1e8))
	if err != nil {
		return "", fmt.Errorf("drawing a code: %w", err)
	}
	return fmt.Sprintf("%0*d", emergencyDigits, n), nil
}
