package ui

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// screen is what the templates see.
type screen struct {
	Frame  Frame
	Page   Page
	Name   string
	Title  string
	Step   int
	Notice *noticeBox

	Problem *problemBox // of a Problem page, nil on the others

	texts catalogue
	err   error // the first text that was missing
}

// noticeBox is a Notice made ready for one page in one language.
type noticeBox struct {
	Name    string
	Tone    tone
	Heading string
	Text    string
	Fields  []string // of this page that must be corrected
}

// IsError reports whether the box asks to correct what was typed.
func (n *noticeBox) IsError() bool { return n != nil && n.Tone == toneError }

func (r *Renderer) screen(f Frame, p Page) (*screen, error) {
	if p == nil {
		return nil, errNoPage
	}
	if !f.Lang.valid() {
		return nil, fmt.Errorf("render: there is no language %d", f.Lang)
	}
	if problem, ok := p.(Problem); ok && !problem.Kind.valid() {
		return nil, fmt.Errorf("render a problem: there is no kind %d", problem.Kind)
	}
	if kept, ok := p.(Kept); ok && !isAddress(kept.Action) {
		return nil, errors.New("render a kept form: it has no address to go to")
	}
	v := p.view()
	if !v.notice.valid() {
		return nil, fmt.Errorf("render page %s: there is no notice %d", v.name, v.notice)
	}
	s := &screen{Frame: f, Page: p, Name: v.name, Step: v.step, texts: r.catalogues[f.Lang]}
	if v.notice != NoticeNone {
		s.Notice = s.box(v)
	}
	if problem, ok := p.(Problem); ok {
		s.Problem = s.problem(problem)
	}
	s.Title = s.title(v)
	return s, s.err
}

// say returns a text of the page's language; the first one that is missing
// makes the whole page an error.
func (s *screen) say(key string, pairs ...any) string {
	text, err := s.texts.text(key, pairs...)
	if err != nil && s.err == nil {
		s.err = err
	}
	return text
}

// box prepares the notice of a page. A text may be written for one page alone:
// "notice.passcodeTooLong.nextCode.text" goes before
// "notice.passcodeTooLong.text".
func (s *screen) box(v view) *noticeBox {
	facts := notices[v.notice]
	box := &noticeBox{Name: facts.name, Tone: facts.tone}
	for _, field := range v.fields {
		if _, many := s.Page.(Assistance); many || slices.Contains(facts.fields, field) {
			box.Fields = append(box.Fields, field)
		}
	}
	general := "notice." + facts.name
	special := general + "." + v.name
	box.Heading = s.say(s.texts.first(special+".heading", general+".heading"), s.values()...)
	box.Text = s.say(s.texts.first(special+".text", general+".text"), s.values()...)
	return box
}

// title puts together "Error: what – step: page – product".
func (s *screen) title(v view) string {
	key := v.title
	if key == "" {
		key = v.name + ".title"
	}
	title := s.say(key)
	if s.Step > 0 {
		title = s.say("title.step", "step", s.Step, "title", title)
	}
	switch {
	case s.Notice.IsError():
		title = s.say("title.error", "notice", s.Notice.Heading, "title", title)
	case s.Notice != nil:
		title = s.say("title.notice", "notice", s.Notice.Heading, "title", title)
	}
	return s.say("title.document", "title", title)
}

// values are the numbers that the texts of a page may name.
func (s *screen) values() []any {
	pairs := []any{"digits", s.Digits(), "retry", s.retry()}
	if p, ok := s.Page.(NewPIN); ok {
		pairs = append(pairs, "min", p.Min, "max", p.Max)
	}
	return pairs
}

// retry is when to try again as one reads it, to the minute by which it has
// surely come.
func (s *screen) retry() string { return s.Frame.Retry.Add(time.Minute - 1).Format("15:04") }

// Digits is how many digits the page speaks of.
func (s *screen) Digits() int {
	var digits Digits
	switch p := s.Page.(type) {
	case Login:
		digits = p.Digits
	case Synchronise:
		digits = p.Digits
	case NextCode:
		digits = p.Digits
	case Assistance:
		digits = p.Digits
	}
	if digits <= 0 {
		return DefaultDigits
	}
	return int(digits)
}

// Invalid reports whether a field must be corrected.
func (s *screen) Invalid(field string) bool {
	return s.Notice != nil && slices.Contains(s.Notice.Fields, field)
}

// ErrorAt reports whether the error's words stand at this field as well: when
// it is about this one alone.
func (s *screen) ErrorAt(field string) bool {
	return s.Invalid(field) && len(s.Notice.Fields) == 1
}

// Describe lists the ids of what describes a field: its error and its hint.
func (s *screen) Describe(field string) string {
	switch {
	case s.ErrorAt(field):
		return "error " + field + "-hint"
	case s.Invalid(field):
		return "notice-text " + field + "-hint"
	}
	return field + "-hint"
}

// Identifier is what the identifier's field shows.
func (s *screen) Identifier() string {
	p, ok := s.Page.(Login)
	if !ok || p.Notice == NoticeIdentifierLooksLikePasscode {
		return ""
	}
	return p.Identifier
}

// FocusOn reports whether the page opens with the focus in a field of the
// login. An error takes the focus itself.
func (s *screen) FocusOn(field string) bool {
	if s.Notice.IsError() {
		return false
	}
	return (field == FieldIdentifier) == (s.Identifier() == "")
}

// Portal is the address of a path on the portal's host.
func (s *screen) Portal(path string) string { return s.Frame.portal(path) }

// Moment is the time of the refusal as one reads it, empty when unknown.
func (s *screen) Moment() string {
	if s.Frame.Time.IsZero() {
		return ""
	}
	return MomentText(s.Frame.Lang, s.Frame.Time)
}

// Deadline is when the steps of the login must be over, as one reads it, empty
// when the page does not say.
func (s *screen) Deadline() string {
	var until time.Time
	switch p := s.Page.(type) {
	case NewPIN:
		until = p.Until
	case Synchronise:
		until = p.Until
	case NextCode:
		until = p.Until
	}
	if until.IsZero() {
		return ""
	}
	return until.Format("15:04")
}

// Machine is the time of the refusal as a program reads it (RFC 3339).
func (s *screen) Machine() string { return s.Frame.Time.Format(time.RFC3339) }
