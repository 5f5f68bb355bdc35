package ui

import (
	"net/url"
	"time"
)

// Assistance answers the commonest questions, takes a request for help, and says whom
// to call. It posts the fields of a RequestForm, FieldForm and FieldScreenshot to
// PathAssistance, as multipart/form-data.
type Assistance struct {
	Digits Digits
	// Form is the nonce by which the same form sent twice is recognised.
	Form string
	// Request is what the fields show: what is known already, or was typed.
	Request RequestForm
	// Wrong is what is wrong with the fields, by their names; with NoticeRequestWrong.
	Wrong  map[string]FieldProblem
	Notice Notice
}

// RequestForm is a request for help as it is typed. Nothing in it is trusted: it is
// shown isolated from what stands around it, whatever direction it is written in.
type RequestForm struct {
	Surname, GivenName, Function, Establishment string
	Email, Phone, Hours                         string
	Subject, Description                        string
	Key, Accounts                               string
	Refusal, Met, Application                   string
}

// RequestSent says that a request for help is kept, under which reference.
type RequestSent struct {
	Reference string
}

// RequestUnsent shows a request that could not be kept, to be printed, or sent again:
// it posts what Assistance does, without screenshots.
type RequestUnsent struct {
	Form    string
	Request RequestForm
}

func (p Assistance) view() view {
	v := view{name: "assistance", notice: p.Notice}
	for _, f := range requestFields {
		if p.Wrong[f.name] != 0 {
			v.fields = append(v.fields, f.name)
		}
	}
	return v
}

func (RequestSent) view() view   { return view{name: "requestSent"} }
func (RequestUnsent) view() view { return view{name: "requestUnsent"} }

// FieldProblem is what is wrong with one field. The zero value is that nothing is.
type FieldProblem uint8

// What may be wrong with a field of a request.
const (
	FieldMissing FieldProblem = iota + 1
	FieldTooLong
	FieldNoAddress    // no e-mail address looks like this
	FieldNoText       // not UTF-8
	ScreenshotTooMany // more than three
	ScreenshotTooLarge
	ScreenshotFormat  // neither PNG nor JPEG
	ScreenshotPoints  // more points than are looked at
	ScreenshotMore    // something else stands in the file
	ScreenshotDamaged // it cannot be read
)

var fieldProblems = [...]string{"", "missing", "tooLong", "noAddress", "noText", "tooMany", "tooLarge", "format", "points", "more", "damaged"}

// FieldProblems lists every problem.
func FieldProblems() []FieldProblem {
	list := make([]FieldProblem, 0, len(fieldProblems)-1)
	for p := FieldMissing; int(p) < len(fieldProblems); p++ {
		list = append(list, p)
	}
	return list
}

// requestField is a field of a request: its name, its group, what it tells the browser
// about itself, and where its text stands in a RequestForm.
type requestField struct {
	name, group string
	kind        string // of the input; "" is a long text
	complete    string // autocomplete
	needed      bool
	hint        bool
	text        func(*RequestForm) *string // nil for files
}

var requestFields = []requestField{
	{FieldSurname, "you", "text", "family-name", true, false, func(r *RequestForm) *string { return &r.Surname }},
	{FieldGivenName, "you", "text", "given-name", true, false, func(r *RequestForm) *string { return &r.GivenName }},
	{FieldFunction, "you", "text", "organization-title", false, false, func(r *RequestForm) *string { return &r.Function }},
	{FieldEstablishment, "you", "text", "organization", false, true, func(r *RequestForm) *string { return &r.Establishment }},
	{FieldEmail, "you", "email", "email", false, true, func(r *RequestForm) *string { return &r.Email }},
	{FieldPhone, "you", "tel", "tel", false, true, func(r *RequestForm) *string { return &r.Phone }},
	{FieldHours, "you", "text", "off", false, true, func(r *RequestForm) *string { return &r.Hours }},
	{FieldSubject, "matter", "text", "off", true, true, func(r *RequestForm) *string { return &r.Subject }},
	{FieldDescription, "matter", "", "off", true, true, func(r *RequestForm) *string { return &r.Description }},
	{FieldKey, "key", "text", "off", false, true, func(r *RequestForm) *string { return &r.Key }},
	{FieldAccounts, "key", "text", "off", false, true, func(r *RequestForm) *string { return &r.Accounts }},
	{FieldRefusal, "refusal", "text", "off", false, true, func(r *RequestForm) *string { return &r.Refusal }},
	{FieldMet, "refusal", "text", "off", false, false, func(r *RequestForm) *string { return &r.Met }},
	{FieldApplication, "refusal", "text", "off", false, false, func(r *RequestForm) *string { return &r.Application }},
	{FieldScreenshot, "pictures", "file", "", false, true, nil},
}

// Text returns what stands in the field of that name, nil where there is none.
func (r *RequestForm) Text(name string) *string {
	for _, f := range requestFields {
		if f.name == name && f.text != nil {
			return f.text(r)
		}
	}
	return nil
}

// requestGroup is a part of the form.
type requestGroup struct {
	Name, Heading string
	Fields        []fieldBox
}

// fieldBox is a field made ready for its page in one language.
type fieldBox struct {
	Name, Kind, Complete string
	Label, Hint, Problem string
	Value                string
	Needed               bool
}

// Describe lists the ids of what describes the field.
func (b fieldBox) Describe() string {
	switch {
	case b.Problem != "" && b.Hint != "":
		return b.Name + "-error " + b.Name + "-hint"
	case b.Problem != "":
		return b.Name + "-error"
	case b.Hint != "":
		return b.Name + "-hint"
	}
	return ""
}

// RequestGroups are the fields of the form of an Assistance.
func (s *screen) RequestGroups() (groups []requestGroup) {
	p, _ := s.Page.(Assistance)
	for _, f := range requestFields {
		if len(groups) == 0 || groups[len(groups)-1].Name != f.group {
			groups = append(groups, requestGroup{Name: f.group, Heading: s.say("request.group." + f.group)})
		}
		box := fieldBox{Name: f.name, Kind: f.kind, Complete: f.complete, Label: s.say("request." + f.name), Needed: f.needed}
		if f.text != nil {
			box.Value = *f.text(&p.Request)
		}
		if f.hint {
			box.Hint = s.say("request." + f.name + ".hint")
		}
		if wrong := p.Wrong[f.name]; wrong != 0 && int(wrong) < len(fieldProblems) {
			box.Problem = s.say("request.problem." + fieldProblems[wrong])
		}
		g := &groups[len(groups)-1]
		g.Fields = append(g.Fields, box)
	}
	return groups
}

// Typed is what a RequestUnsent has to show: each field that is not empty.
func (s *screen) Typed() []fieldBox {
	p, _ := s.Page.(RequestUnsent)
	return s.typed(&p.Request, "")
}

// typed are the fields of one group, or of all for "", in which something was typed,
// under the words that the page has for them.
func (s *screen) typed(form *RequestForm, group string) (boxes []fieldBox) {
	for _, f := range requestFields {
		if f.text == nil || group != "" && f.group != group {
			continue
		}
		if value := *f.text(form); value != "" {
			label := s.texts.first(s.Name+"."+f.name, "request."+f.name)
			boxes = append(boxes, fieldBox{Name: f.name, Kind: f.kind, Label: s.say(label), Value: value})
		}
	}
	return boxes
}

// AssistanceHref leads to the assistance with what the page knows of a refusal.
func (s *screen) AssistanceHref() string {
	query := url.Values{FieldRefusal: {s.Frame.Reference}}
	if !s.Frame.Time.IsZero() {
		query.Set(FieldMet, s.Frame.Time.Format(time.RFC3339))
	}
	name := ""
	switch p := s.Page.(type) {
	case Login:
		name = p.Application
	case Problem:
		name = p.Application
	}
	if name != "" {
		query.Set(FieldApplication, name)
	}
	return s.Portal(PathAssistance) + "?" + query.Encode() + "#ask"
}

// MomentText is a moment of a refusal as one reads it and as the pages show it.
func MomentText(l Lang, t time.Time) string {
	if l == English {
		return t.Format("2 January 2006, 15:04:05")
	}
	return t.Format("02/01/2006, 15:04:05")
}
