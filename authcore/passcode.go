package authcore

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

const (
	minCode = 6 // digits a key shows at least
	maxCode = 8 // and at most
	maxPIN  = 12
)

// redacted is all that a PIN or a PASSCODE ever prints.
const redacted = "[redacted]"

// Passcode is what a holder types: the PIN immediately followed by the code the
// key shows, or the code alone. 6 to 20 digits. It never prints, whatever the
// verb or the logger.
type Passcode struct{ digits string }

// ParsePasscode reads what was typed. Spaces of any kind between digits are
// dropped (people read "1984 654 321"); nothing else is forgiven: the digits of
// other scripts are refused, since one number must have one spelling. Errors:
// ErrPasscodeMissing, ErrPasscodeNotDigits, ErrPasscodeLength.
func ParsePasscode(typed string) (Passcode, error) {
	digits, ok := digitsOf(typed)
	switch {
	case ok && digits == "":
		return Passcode{}, ErrPasscodeMissing
	case !ok:
		return Passcode{}, ErrPasscodeNotDigits
	case len(digits) < minCode || len(digits) > maxPIN+maxCode:
		return Passcode{}, ErrPasscodeLength
	}
	return Passcode{digits}, nil
}

// split cuts a PASSCODE before its last n digits, n being what the key shows.
// Without enough digits there is no code, and ok is false.
func (p Passcode) split(n int) (pin PIN, code string, ok bool) {
	if n < minCode || n > maxCode || len(p.digits) < n {
		return PIN{}, "", false
	}
	cut := len(p.digits) - n
	return PIN{p.digits[:cut]}, p.digits[cut:], true
}

// PIN is the number its holder alone knows. It never prints.
type PIN struct{ digits string }

// ParsePIN reads what was typed, spaces dropped. Whether it is long enough and
// hard enough to guess is the Policy's to say. Errors: ErrPINMissing,
// ErrPINNotDigits.
func ParsePIN(typed string) (PIN, error) {
	digits, ok := digitsOf(typed)
	switch {
	case !ok:
		return PIN{}, ErrPINNotDigits
	case digits == "":
		return PIN{}, ErrPINMissing
	}
	return PIN{digits}, nil
}

// Format prints a placeholder for every verb.
func (Passcode) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is the placeholder that slog prints.
func (Passcode) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the placeholder.
func (Passcode) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Format prints a placeholder for every verb.
func (PIN) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is the placeholder that slog prints.
func (PIN) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the placeholder.
func (PIN) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// digitsOf drops white space and reports whether only ASCII digits are left.
func digitsOf(typed string) (string, bool) {
	var b strings.Builder
	for _, r := range typed {
		switch {
		case isASCIIDigit(r):
			b.WriteRune(r)
		case !isSpace(r):
			return "", false
		}
	}
	return b.String(), true
}

func isASCIIDigit(r rune) bool { return '0' <= r && r <= '9' }

// isSpace includes the non-breaking spaces that a copied code may carry.
func isSpace(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) }
