package ui

import (
	"embed"
	"fmt"
	"html/template"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// screen is what the templates see.
type screen struct {
	Frame  Frame
	Page   Page
	Name   string
	Title  string
	Step   int
	Notice *noticeBox

	texts catalogue
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
	v := p.view()
	if !v.notice.valid() {
		return nil, fmt.Errorf("render page %s: there is no notice %d", v.name, v.notice)
	}
	s := &screen{Frame: f, Page: p, Name: v.name, Step: v.step, texts: r.catalogues[f.Lang]}
	return s, s.write(v)
}

// write fills in the notice and the title.
func (s *screen) write(v view) error {
	var err error
	if v.notice != NoticeNone {
		if s.Notice, err = s.box(v); err != nil {
			return err
		}
	}
	key := v.title
	if key == "" {
		key = v.name + ".title"
	}
	s.Title, err = s.title(key)
	return err
}

// box prepares the notice of a page. A text may be written for one page alone:
// "notice.passcodeTooLong.nextCode.text" goes before
// "notice.passcodeTooLong.text".
func (s *screen) box(v view) (*noticeBox, error) {
	facts := notices[v.notice]
	box := &noticeBox{Name: facts.name, Tone: facts.tone}
	for _, field := range v.fields {
		if slices.Contains(facts.fields, field) {
			box.Fields = append(box.Fields, field)
		}
	}
	var err error
	prefix := "notice." + facts.name
	heading := s.texts.first(prefix+"."+v.name+".heading", prefix+".heading")
	if box.Heading, err = s.texts.text(heading, s.values()...); err != nil {
		return nil, err
	}
	text := s.texts.first(prefix+"."+v.name+".text", prefix+".text")
	box.Text, err = s.texts.text(text, s.values()...)
	return box, err
}

// title puts together "Error: what – step – page – product".
func (s *screen) title(key string) (string, error) {
	title, err := s.texts.text(key)
	if err != nil {
		return "", err
	}
	if s.Step > 0 {
		if title, err = s.texts.text("title.step", "step", s.Step, "title", title); err != nil {
			return "", err
		}
	}
	if s.Notice != nil {
		form := "title.notice"
		if s.Notice.IsError() {
			form = "title.error"
		}
		if title, err = s.texts.text(form, "notice", s.Notice.Heading, "title", title); err != nil {
			return "", err
		}
	}
	return s.texts.text("title.document", "title", title)
}

// values are the numbers that the texts of a page may name.
func (s *screen) values() []any {
	pairs := []any{"digits", s.Digits()}
	if p, ok := s.Page.(NewPIN); ok {
		pairs = append(pairs, "min", p.Min, "max", p.Max)
	}
	return pairs
}

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

// ErrorAt reports whether the error's words stand at this field: at the last
// one of those concerned, so that they are not said twice.
func (s *screen) ErrorAt(field string) bool {
	if s.Notice == nil || len(s.Notice.Fields) == 0 {
		return false
	}
	return s.Notice.Fields[len(s.Notice.Fields)-1] == field
}

// Describe lists the ids of what describes a field: its hint and its error.
func (s *screen) Describe(field string) string {
	if s.Invalid(field) {
		return "error " + field + "-hint"
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

// Onward is where a problem's button leads.
func (s *screen) Onward() string {
	p, ok := s.Page.(Problem)
	switch {
	case !ok:
		return s.Portal(PathPortal)
	case p.Next != "":
		return p.Next
	case p.Kind.again():
		return s.Portal(PathLogin)
	}
	return s.Portal(PathPortal)
}

// Again reports whether a problem's button leads to a new login.
func (s *screen) Again() bool {
	p, ok := s.Page.(Problem)
	return ok && p.Kind.again()
}

// ProblemKey is the prefix of a problem's texts.
func (s *screen) ProblemKey() string {
	p, ok := s.Page.(Problem)
	if !ok {
		return ""
	}
	return p.Kind.key()
}

// Moment is the time of the refusal as one reads it, empty when unknown.
func (s *screen) Moment() string {
	if s.Frame.Time.IsZero() {
		return ""
	}
	if s.Frame.Lang == English {
		return s.Frame.Time.Format("2 January 2006, 15:04:05")
	}
	return s.Frame.Time.Format("02/01/2006, 15:04:05")
}

// Machine is the time of the refusal as a program reads it (RFC 3339).
func (s *screen) Machine() string { return s.Frame.Time.Format(time.RFC3339) }

// parseTemplates returns one template set a page, by the page's name.
func parseTemplates(c catalogue) (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(functions(c)).ParseFS(templateFiles, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the templates: %w", err)
	}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, entry := range names {
		if strings.HasPrefix(entry.Name(), "_") {
			continue
		}
		page, err := template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("parse the templates: %w", err)
		}
		pages[strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))] = page
	}
	return pages, nil
}

// functions are what the templates may call: t for a text, static for the
// path of a static file, digit for the drawing of a digit.
func functions(c catalogue) template.FuncMap {
	return template.FuncMap{
		"t": c.text,
		"static": func(name string) (string, error) {
			if p := StaticPath(name); p != "" {
				return p, nil
			}
			return "", fmt.Errorf("there is no static file %q", name)
		},
		"digits": drawDigits,
		"code":   sampleCode,
		"width":  drawnWidth,
	}
}

// Questions are the cases that the assistance page answers, in its order.
func (s *screen) Questions() []string {
	return []string{"refused", "forgotten", "lost", "locked", "empty"}
}
