package authcore

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sesame-gateway/sesame/authcore/fredu"
)

// Account is a person as the gate knows them: who they are, what they are to
// their applications, and which keys are theirs.
type Account struct {
	Identifier    Identifier
	GivenName     string
	Surname       string
	Email         string
	Groups        []string
	Functions     []string // DIR, ADJ, IEN1D…
	Establishment string   // UAI, seven digits and a letter
	// Delegations open applications to them for a time. Those that have ended may
	// still stand there.
	Delegations []Delegation
	Disabled    bool
	Keys        []Serial
	// Epoch is raised to end every session of the person at once. It begins at a
	// number drawn when the account is added, so that nobody who is added under
	// the identifier of somebody removed inherits a session of theirs.
	Epoch int
	Added time.Time
	// End is when the account closes of itself: from then on the person is shut
	// out as if disabled. Zero: never.
	End time.Time
	// Attributes are what French education says of the person to applications; see
	// package fredu.
	Attributes fredu.Set
	// Passkeys are those that were added, the oldest first; at most MaxPasskeys.
	Passkeys []Passkey
	// Handle is what authenticators know the person by: drawn with the first passkey,
	// and saying nothing (WebAuthn §14.6.1). Empty before.
	Handle []byte
	// Office is the role that was given to them, if any.
	Office Office `json:",omitzero"`
	// Language is that in which the person is written to: a BCP 47 tag, which this
	// package does not look into. Empty: the one that whoever writes falls back on.
	Language string
}

// Closed reports whether an account lets nobody in now: it is disabled, or its
// End has come. It is the one place that says so.
func (a Account) Closed(now time.Time) bool { return a.Disabled || a.ended(now) }

func (a Account) ended(now time.Time) bool { return !a.End.IsZero() && !now.Before(a.End) }

// serials are the person's keys in a sentence.
func (a Account) serials() string {
	names := make([]string, 0, len(a.Keys))
	for _, s := range a.Keys {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// closedBy says for the audit trail what closed an account.
func (a Account) closedBy() string {
	if a.Disabled {
		return "disabled"
	}
	return "ended"
}

// Name returns the given name and the surname, or the identifier where neither
// is known.
func (a Account) Name() string {
	if name := strings.TrimSpace(a.GivenName + " " + a.Surname); name != "" {
		return name
	}
	return string(a.Identifier)
}

const (
	maxText   = 200 // bytes of a name, an address, a group
	maxValues = 200 // groups or functions of one person
)

// Validate says in a sentence what is wrong with an account, or nil. Its texts
// become header lines, and lists become comma-separated values: control
// characters are refused everywhere, commas in what is listed.
func (a Account) Validate() error {
	switch id, err := ParseIdentifier(string(a.Identifier)); {
	case err != nil:
		return fmt.Errorf("identifier: %w", err)
	case id != a.Identifier:
		return fmt.Errorf("the identifier %.64q is not in its canonical form, %s", a.Identifier, id)
	}
	for what, text := range map[string]string{"given name": a.GivenName, "surname": a.Surname, "e-mail address": a.Email} {
		if err := plainText(text); err != nil {
			return fmt.Errorf("the %s of %s %w", what, a.Identifier, err)
		}
	}
	for what, list := range map[string][]string{"groups": a.Groups, "functions": a.Functions} {
		if len(list) > maxValues {
			return fmt.Errorf("the %s of %s are %d: %d at most", what, a.Identifier, len(list), maxValues)
		}
		for _, v := range list {
			if err := plainText(v); err != nil {
				return fmt.Errorf("one of the %s of %s %w", what, a.Identifier, err)
			}
			if v == "" || strings.Contains(v, ",") {
				return fmt.Errorf("one of the %s of %s is empty or holds a comma: applications read them as a list separated by commas", what, a.Identifier)
			}
		}
	}
	if a.Establishment != "" && !ValidUAI(a.Establishment) {
		return fmt.Errorf("the establishment of %s, %.20q, is no UAI: seven digits and the letter that checks them", a.Identifier, a.Establishment)
	}
	if err := a.Attributes.Bounded(); err != nil {
		return fmt.Errorf("the attributes of %s: %w", a.Identifier, err)
	}
	return nil
}

func plainText(s string) error {
	switch {
	case len(s) > maxText:
		return fmt.Errorf("is longer than %d bytes", maxText)
	case !utf8.ValidString(s):
		return fmt.Errorf("is not valid UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return fmt.Errorf("holds a control character")
	}
	return nil
}

// ValidUAI reports whether s is the number of an establishment: seven digits and
// a letter, which is their remainder by 23 in an alphabet without I, O and Q.
func ValidUAI(s string) bool { return fredu.ValidUAI(s) }
