// Package ui holds what a person sees of the gate: its pages, their French
// and English texts, the style sheet and the script.
//
// A caller fills one of the page structs (Login, NewPIN, Synchronise,
// NextCode, Portal, Logout, LoggedOut, Kept, Account, Assistance,
// RequestSent, RequestUnsent, Problem) and a Frame with
// what every page has, and asks a Renderer for the HTML. The package decides
// nothing: it knows no request, no cookie, no key and no clock, and every
// value it is given is escaped for the place it stands in.
//
// # What the pages promise
//
// They work without JavaScript, with the keyboard alone, with a screen reader
// and on a screen 320 px wide (WCAG 2.2 levels A and AA, RGAA 4.1). They hold
// no inline script, no inline style and no style attribute, so that they can
// be served under
//
//	default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';
//	form-action 'self'; base-uri 'none'; frame-ancestors 'none';
//	require-trusted-types-for 'script'; trusted-types 'none'
//
// Nothing is submitted or refreshed by itself, nothing prevents pasting, and
// the countdown to the next code is not read aloud each second.
//
// RenderSheet makes the paper that goes with a key. It is no page of the gate: it
// stands alone, with its style inside.
//
// # Static files
//
// Static returns the files to be served under StaticPrefix, on every host
// that answers with one of these pages. Their names carry a digest of their
// content: they may be cached for ever.
package ui

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
)

// Renderer turns page structs into HTML. It is made by New, never changes
// afterwards, and may be used by several goroutines at once.
type Renderer struct {
	catalogues map[Lang]catalogue
	templates  map[Lang]map[string]*template.Template
}

// New parses the embedded texts and templates. An error means that the
// program was built with a broken template or text file, never that the
// environment is wrong.
func New() (*Renderer, error) {
	var catalogues []catalogue
	for _, lang := range Langs() {
		texts, err := readCatalogue(lang)
		if err != nil {
			return nil, err
		}
		catalogues = append(catalogues, texts)
	}
	return newRenderer(catalogues)
}

func newRenderer(catalogues []catalogue) (*Renderer, error) {
	r := &Renderer{
		catalogues: make(map[Lang]catalogue),
		templates:  make(map[Lang]map[string]*template.Template),
	}
	for _, texts := range catalogues {
		pages, err := parseTemplates(texts)
		if err != nil {
			return nil, err
		}
		r.catalogues[texts.lang], r.templates[texts.lang] = texts, pages
	}
	return r, nil
}

// Render writes the whole HTML document of page p to w. It writes nothing
// when it returns an error about the page itself: a Problem without a kind,
// an unknown Notice, a Lang that does not exist.
func (r *Renderer) Render(w io.Writer, f Frame, p Page) error {
	s, err := r.screen(f, p)
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := r.templates[f.Lang][s.Name].ExecuteTemplate(&html, "document", s); err != nil {
		return fmt.Errorf("render page %s: %w", s.Name, err)
	}
	// The page says that it is UTF-8, whatever bytes it was given to show.
	_, err = w.Write(bytes.ToValidUTF8(html.Bytes(), []byte("\uFFFD")))
	return err
}

// Title returns the title of page p in language l, as it stands in the
// document's <title>. It is different for every page and every Notice: it is
// the first thing that a screen reader says.
func (r *Renderer) Title(l Lang, p Page) (string, error) {
	s, err := r.screen(Frame{Lang: l}, p)
	if err != nil {
		return "", err
	}
	return s.Title, nil
}

// NoticeText returns the heading and the sentence that page p shows for its
// Notice in language l; both are empty when it has none.
func (r *Renderer) NoticeText(l Lang, p Page) (heading, text string, err error) {
	s, err := r.screen(Frame{Lang: l}, p)
	if err != nil || s.Notice == nil {
		return "", "", err
	}
	return s.Notice.Heading, s.Notice.Text, nil
}

var errNoPage = errors.New("no page to render: the Page is nil")
