package ui

import "time"

// Page is one of the page structs of this package; nothing else implements it.
type Page interface {
	view() view
}

// view is what the package itself needs to know of a page.
type view struct {
	name   string // of the template, and the prefix of the texts
	title  string // key of the title, when it is not name + ".title"
	step   int    // place among the steps of a first connection, 0 = none
	notice Notice
	fields []string // in the order in which the page shows them
}

// DefaultDigits is how many digits a key shows when a page does not say.
const DefaultDigits = 6

// Digits is how many digits the code of a key has: 6 to 8 (RFC 4226, section
// 5.3). The zero value stands for DefaultDigits.
type Digits int

// Wait says when the code that a key shows now gives way to the next one. The
// zero value means that nobody knows (an event-based key): no countdown.
type Wait struct {
	// Remaining is the time until the code changes, from 0 to Period.
	Remaining time.Duration
	// Period is how long each code is shown, 30 or 60 seconds as a rule.
	Period time.Duration
}

// Known reports whether there is a countdown to show.
func (w Wait) Known() bool { return w.Period > 0 }

// Seconds is the remaining time in whole seconds, rounded up so that the code
// has surely changed once they are over, between 0 and the period.
func (w Wait) Seconds() int {
	left := min(max(w.Remaining, 0), w.Period)
	return int((left + time.Second - 1) / time.Second)
}

// PeriodSeconds is the period in whole seconds.
func (w Wait) PeriodSeconds() int { return int(w.Period / time.Second) }

// Login is the first page: identifier and PASSCODE, or the digits of the key
// alone as long as it has no PIN. It posts FieldIdentifier, FieldPasscode and
// FieldTarget to PathLogin.
type Login struct {
	// Identifier is shown in its field again after a refusal, so that it need
	// not be typed twice. It is not shown with
	// NoticeIdentifierLooksLikePasscode, whatever it holds.
	Identifier string
	// Target travels through the form in a hidden field.
	Target string
	// Application is the name of the application that the person was opening,
	// or empty.
	Application string
	// Digits is how many digits the keys of this place show.
	Digits Digits
	// Passkeys offers to log in with one, through passkey.js.
	Passkeys bool
	// Wait shows, beside NoticeRefused or NoticeCodeUsed, when to try again.
	// For NoticeRefused it must come from the clock alone, the same for
	// everybody: taken from somebody's key it would tell that the key exists.
	Wait   Wait
	Notice Notice
}

// NewPIN is step 2 of a first connection: the PIN, twice. It posts FieldPIN
// and FieldPINAgain to PathPIN, and before them FieldActivation where it is
// asked for.
type NewPIN struct {
	// Min and Max are the shortest and the longest PIN accepted, in digits.
	Min, Max int
	// SerialTail is the end of the key's number, to recognise the key in one's
	// hand; may be empty.
	SerialTail string
	// Activation asks for the activation code as well.
	Activation bool
	// Change: the person has a PIN, and must choose another.
	Change bool
	// Until is when the login must be over, in the location in which it is to
	// be read: people are told of every time limit (WCAG 2.2.1). Zero says
	// nothing.
	Until  time.Time
	Notice Notice
}

// Synchronise is step 3 of a first connection: the PASSCODE made of the new
// PIN and a new code. It posts FieldPasscode to PathSynchronise.
type Synchronise struct {
	// Change: as in NewPIN.
	Change bool
	Digits Digits
	Wait   Wait
	Until  time.Time // as in NewPIN
	Notice Notice
}

// NextCode asks for the next digits of the key alone, without the PIN, because
// it has drifted or too many attempts have failed. It posts FieldCode to
// PathNextCode.
type NextCode struct {
	// Failures: attempts have failed, and nothing is told of this one yet, its PIN
	// included; else the key has drifted, and the PASSCODE was right.
	Failures bool

	Digits Digits
	Wait   Wait
	Until  time.Time // as in NewPIN
	Notice Notice
}

// Portal is the list of the applications that the person may open, or the
// reason why it is empty.
type Portal struct {
	Applications []Application
	// Console leads to the console.
	Console bool
	Notice  Notice
}

// Application is one entry of the portal.
type Application struct {
	Name        string
	Description string // one sentence, may be empty
	URL         string // absolute
}

// Logout asks whether to end the session. It posts to PathLogout.
type Logout struct{}

// LoggedOut says that the session has ended.
type LoggedOut struct{}

// Kept offers to send a form again that came under a session that had ended. It
// posts to Action, or to PathKept where it is not to be sent.
type Kept struct {
	// Application is the name of the application that it is for.
	Application string
	// Action is where it is sent, as an absolute address: http or https, of
	// visible ASCII. It is shown as it is, since the application may tell apart
	// what escaping would not.
	Action string
	// Sent is when it was sent the first time, Until when it will be gone, in the
	// location in which they are to be read.
	Sent, Until time.Time
}

// Problem is a page that was not shown, and why.
type Problem struct {
	Kind Kind
	// Application is the name of the application concerned, or empty.
	Application string
	// Next is where to go on, or empty: the login for ProblemExpired,
	// ProblemUnavailable, ProblemCrossSite and ProblemCookiesNeeded, else the
	// portal.
	Next string
}

func (p Login) view() view {
	return view{name: "login", notice: p.Notice, fields: []string{FieldIdentifier, FieldPasscode}}
}

func (p NewPIN) view() view {
	v := view{name: "pin", step: 2, notice: p.Notice, fields: []string{FieldPIN, FieldPINAgain}}
	if p.Activation {
		v.fields = append([]string{FieldActivation}, v.fields...)
	}
	if p.Change {
		v.title = "pin.change.title"
	}
	return v
}

func (p Synchronise) view() view {
	v := view{name: "synchronise", step: 3, notice: p.Notice, fields: []string{FieldPasscode}}
	if p.Change {
		v.title = "synchronise.change.title"
	}
	return v
}

func (p NextCode) view() view {
	return view{name: "nextCode", notice: p.Notice, fields: []string{FieldCode}}
}

func (p Portal) view() view {
	if len(p.Applications) == 0 {
		return view{name: "portal", title: "portal.empty.title", notice: p.Notice}
	}
	return view{name: "portal", notice: p.Notice}
}

func (Logout) view() view    { return view{name: "logout"} }
func (LoggedOut) view() view { return view{name: "loggedOut"} }
func (Kept) view() view      { return view{name: "kept"} }

func (p Problem) view() view {
	return view{name: "problem", title: p.Kind.key() + ".title"}
}
