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

// problemBox is a Problem made ready for its page in one language.
type problemBox struct {
	Heading string
	Text    []string
	Whom    bool // say whom to ask
	Action  string
	Href    string // of the action
}

func (s *screen) problem(p Problem) *problemBox {
	key := p.Kind.key()
	heading := key + ".h1"
	if p.Application != "" {
		heading = s.texts.first(key+".h1.application", heading)
	}
	box := &problemBox{
		Heading: s.say(heading, "application", p.Application),
		Text:    []string{s.say(key + ".text")},
		Whom:    p.Kind == ProblemForbidden,
		Action:  s.say("problem.portal"),
		Href:    s.onward(p),
	}
	if s.texts.has(key + ".more") {
		box.Text = append(box.Text, s.say(key+".more"))
	}
	if p.Kind.again() {
		box.Action = s.say("problem.again")
	}
	return box
}

// onward is where a problem's button leads.
func (s *screen) onward(p Problem) string {
	switch {
	case p.Next != "":
		return p.Next
	case p.Kind.again():
		return s.Portal(PathLogin)
	}
	return s.Portal(PathPortal)
}
