package ui

import (
	"html/template"
	"strings"
	"time"
)

// Frame is what every page has around its own content.
type Frame struct {
	// Lang is the language of the page.
	Lang Lang

	// SwitchHref is the address of the same page in the other language. The
	// switch is not shown when it is empty.
	SwitchHref string

	// Person is the name of the person who is logged in, as it is shown, or
	// empty.
	Person string

	// CSRF is the token that every form of the page posts back in the field
	// FieldCSRF.
	CSRF string

	// Reference is the short reference of a refusal ("7F3K-Q2M9"), the same
	// as in the log and the audit trail, or empty.
	Reference string

	// Time is the moment of the refusal, in the location in which it is to be
	// read. It is shown beside Reference, never alone.
	Time time.Time

	// Retry is, with NoticeSlowed, when an attempt will be looked at again, in the
	// location in which it is to be read.
	Retry time.Time

	// PortalURL is the address of the portal, scheme and host, with or without
	// a final slash ("https://portail.example.org"). Links to the portal, the
	// login and the assistance start with it, because a page may stand on an
	// application's host. Empty means the host of the page itself.
	PortalURL string

	// Contact is whom to ask for help. Its zero value names the referent
	// (« référent numérique ») without an address.
	Contact Contact

	// Referents are those of the person's establishments, named before Contact.
	Referents []Referents

	// Accessibility is the statement of conformity that French law wants on a
	// public service's pages (loi 2005-102, article 47). Its zero value shows
	// nothing.
	Accessibility Accessibility

	// Demo says that this is a demonstration: a banner tells so on every page.
	Demo bool
}

// Contact is whom to ask for help. Every field may be empty.
type Contact struct {
	Name  string // « Assistance informatique du rectorat »
	Phone string // as one reads it: « 02 40 00 00 00 »
	Email string
	Hours string // « du lundi au vendredi, de 8 h à 18 h »
	URL   string // a page of the institution's own
}

// Referents are whom to ask in one establishment.
type Referents struct {
	Establishment string // UAI
	People        []Colleague
}

// Colleague is somebody to turn to.
type Colleague struct {
	Name  string
	Email string // may be empty
}

// Conformity is the result of an accessibility audit against the RGAA.
type Conformity uint8

// The statements that the law knows. The zero value states nothing.
const (
	ConformityUnstated Conformity = iota
	ConformityNone
	ConformityPartial
	ConformityFull
)

// Accessibility is the statement of conformity shown at the foot of the page.
type Accessibility struct {
	Conformity Conformity
	URL        string // the declaration; may be empty
}

// Known reports whether there is anything to show of the contact.
func (c Contact) Known() bool { return c != Contact{} }

// portal returns the address of path on the portal's host.
func (f Frame) portal(path string) string {
	return strings.TrimSuffix(f.PortalURL, "/") + path
}

// telephone is a number as a tel: address (RFC 3966), empty when it has no
// digit. Nothing but digits and plus signs is left in it, which makes it the
// one address that need not go through the template's own filter: that filter
// knows no tel:.
func telephone(number string) template.URL {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, number)
	if strings.Trim(digits, "+") == "" {
		return ""
	}
	return template.URL("tel:" + digits) //nolint:gosec // digits and plus signs
}
