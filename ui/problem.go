package ui

// Kind is why a page was not shown. The zero value is invalid.
type Kind uint8

// The kinds of problem that have a page of their own.
const (
	// ProblemForbidden: this application is not open to this person.
	ProblemForbidden Kind = iota + 1
	// ProblemNetwork: this application is not open from where the person is.
	ProblemNetwork
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
	// ProblemUntold: what is known of the person cannot be written in a way that
	// this application would read.
	ProblemUntold
	// ProblemUnkept: the session had ended before what was sent came, and it
	// cannot be kept: it is too large, or there is no room.
	ProblemUnkept
	// ProblemFormGone: the form that was to be sent again is kept no more.
	ProblemFormGone
	// ProblemConsole: what was asked for in the console is not open to this person.
	ProblemConsole
)

// kindFacts is what a kind is apart from its texts.
type kindFacts struct {
	name   string
	action string // key of the button's text
	path   string // where it leads, unless the Problem says
	newTab bool   // there, since this tab's history leads back to a filled form
}

var kinds = [...]kindFacts{
	ProblemForbidden:        {"forbidden", "problem.portal", PathPortal, false},
	ProblemNetwork:          {"network", "problem.portal", PathPortal, false},
	ProblemNotFound:         {"notFound", "problem.portal", PathPortal, false},
	ProblemMethodNotAllowed: {"methodNotAllowed", "problem.portal", PathPortal, false},
	ProblemTooLarge:         {"tooLarge", "problem.portal", PathPortal, false},
	ProblemExpired:          {"expired", "problem.again", PathLogin, false},
	ProblemUnavailable:      {"unavailable", "problem.retry", PathLogin, false},
	ProblemCrossSite:        {"crossSite", "problem.again", PathLogin, false},
	ProblemBadRequest:       {"badRequest", "problem.portal", PathPortal, false},
	ProblemCookiesNeeded:    {"cookiesNeeded", "problem.again", PathLogin, false},
	ProblemUntold:           {"untold", "problem.portal", PathPortal, false},
	ProblemUnkept:           {"unkept", "problem.unkept.login", PathLogin, true},
	ProblemFormGone:         {"formGone", "problem.portal", PathPortal, false},
	ProblemConsole:          {"console", "problem.portal", PathPortal, false},
}

// Kinds lists every kind of problem.
func Kinds() []Kind {
	list := make([]Kind, 0, len(kinds)-1)
	for k := ProblemForbidden; k.valid(); k++ {
		list = append(list, k)
	}
	return list
}

// String is the name of the kind in the text files.
func (k Kind) String() string {
	if !k.valid() {
		return "invalid"
	}
	return kinds[k].name
}

func (k Kind) valid() bool { return k != 0 && int(k) < len(kinds) }
func (k Kind) key() string { return "problem." + k.String() }

// problemBox is a Problem made ready for its page in one language.
type problemBox struct {
	Heading string
	Text    []string
	Whom    bool // say whom to ask
	Action  string
	Href    string // of the action
	NewTab  bool   // the action opens one, as its text says
}

func (s *screen) problem(p Problem) *problemBox {
	key, facts := p.Kind.key(), kinds[p.Kind]
	heading := key + ".h1"
	if p.Application != "" {
		heading = s.texts.first(key+".h1.application", heading)
	}
	box := &problemBox{
		Heading: s.say(heading, "application", p.Application),
		Text:    []string{s.say(key + ".text")},
		Whom:    p.Kind == ProblemForbidden || p.Kind == ProblemUntold,
		Action:  s.say(facts.action),
		Href:    s.Portal(facts.path),
		NewTab:  facts.newTab,
	}
	if s.texts.has(key + ".more") {
		box.Text = append(box.Text, s.say(key+".more"))
	}
	if p.Next != "" {
		box.Href = p.Next
	}
	return box
}
