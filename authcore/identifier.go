package authcore

import (
	"fmt"
	"strings"
)

// Identifier names a person, in its canonical form: ASCII, lower case, 1 to 64
// characters of [a-z0-9._@-], beginning with a letter or a digit. The zero value
// names nobody. ("identifiant académique, de messagerie, ext-…")
//
// The set is narrow on purpose: an identifier stands in headers, record names
// and logs, and must mean the same in each.
type Identifier string

const maxIdentifier = 64

// ParseIdentifier brings what a person typed into canonical form: surrounding
// white space goes, upper case becomes lower case. Errors: ErrIdentifierMissing,
// ErrIdentifierIsPasscode, ErrIdentifierShape.
func ParseIdentifier(typed string) (Identifier, error) {
	s := strings.TrimSpace(typed)
	switch {
	case s == "":
		return "", ErrIdentifierMissing
	case looksLikePasscode(s):
		return "", ErrIdentifierIsPasscode
	case len(s) > maxIdentifier || !identifierShape(s):
		return "", ErrIdentifierShape
	}
	return Identifier(strings.ToLower(s)), nil
}

// looksLikePasscode reports whether s is six digits or more, spaced or not: no
// académie gives such identifiers, and people in a hurry type the PASSCODE into
// the first field they see.
func looksLikePasscode(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case isASCIIDigit(r):
			digits++
		case !isSpace(r):
			return false
		}
	}
	return digits >= minCode
}

// identifierShape looks at s before its case is changed: letters of other scripts
// there are that become ASCII by it, as the Kelvin sign becomes k.
func identifierShape(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !alphanumeric(c) && (i == 0 || !strings.ContainsRune("._@-", rune(c))) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// Serial is a key's number as printed on its back ("N° de la clé"), in canonical
// form: upper case, 1 to 40 characters of [A-Z0-9-]. Leading zeros count: they
// are part of the name.
type Serial string

const maxSerial = 40

// ParseSerial brings a serial number into canonical form. Error: ErrSerialShape.
func ParseSerial(typed string) (Serial, error) {
	s := strings.TrimSpace(typed)
	if s == "" || len(s) > maxSerial || s[0] == '-' {
		return "", fmt.Errorf("%w: %d characters", ErrSerialShape, len(s))
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' {
			return "", ErrSerialShape
		}
	}
	return Serial(strings.ToUpper(s)), nil
}

// Tail returns the last four characters, enough for a holder to recognise the
// key and too few to learn its number from a page.
func (s Serial) Tail() string {
	if len(s) <= 4 {
		return string(s)
	}
	return string(s[len(s)-4:])
}
