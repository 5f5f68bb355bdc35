package ui

import "slices"

// Kind is why a page was not shown. The zero value is invalid.
type Kind uint8

// The kinds of problem that have a page of their own.
const (
	// ProblemForbidden: this application is not open to this person.
	ProblemForbidden Kind = iota + 1
	// ProblemNotFound: there is no such page.
	ProblemNotFound
	// ProblemMethodNotAllowed: the page exists but not for this method.
	ProblemMethodNotAllowed
	// ProblemTooLarge: more was sent than a form of these pages can hold.
	ProblemTooLarge
	// ProblemExpired: the form is too old or another tab has gone on with it.
	// The code typed was not used.
	ProblemExpired
	// ProblemUnavailable: the service cannot answer now. A code typed may have
	// been used.
	ProblemUnavailable
	// ProblemCrossSite: the form was posted from another site. The code typed
	// was not used.
	ProblemCrossSite
	// ProblemBadRequest: the request makes no sense.
	ProblemBadRequest
	// ProblemCookiesNeeded: the browser does not return the gate's cookie.
	ProblemCookiesNeeded
)

var kindNames = [...]string{
	ProblemForbidden:        "forbidden",
	ProblemNotFound:         "notFound",
	ProblemMethodNotAllowed: "methodNotAllowed",
	ProblemTooLarge:         "tooLarge",
	ProblemExpired:          "expired",
	ProblemUnavailable:      "unavailable",
	ProblemCrossSite:        "crossSite",
	ProblemBadRequest:       "badRequest",
	ProblemCookiesNeeded:    "cookiesNeeded",
}

// Kinds lists every kind of problem.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(kindNames)-1)
	for k := ProblemForbidden; k.valid(); k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// String is the name of the kind in the text files.
func (k Kind) String() string {
	if !k.valid() {
		return "invalid"
	}
	return kindNames[k]
}

func (k Kind) valid() bool { return k != 0 && int(k) < len(kindNames) }
func (k Kind) key() string { return "problem." + k.String() }

// again reports whether the way on is a new login rather than the portal.
func (k Kind) again() bool {
	return slices.Contains([]Kind{
		ProblemExpired, ProblemUnavailable, ProblemCrossSite, ProblemCookiesNeeded,
	}, k)
}
