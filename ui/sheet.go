package ui

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

// Sheet is the paper that goes with a key from hand to hand: how to put it into
// service, with pictures of the pages, and on a second side a receipt to sign.
// It holds nothing secret: no PIN, no seed, no activation code, which goes to
// the holder by another way.
type Sheet struct {
	Lang Lang
	// Name is the holder's, as people read it; may be empty.
	Name string
	// Identifier is what the holder types.
	Identifier string
	// Establishment is the holder's (UAI); may be empty.
	Establishment string
	// Serial is the number on the back of the key.
	Serial string
	// Digits is how many digits the key shows.
	Digits Digits
	// Min and Max are the shortest and the longest PIN accepted, in digits.
	Min, Max int
	// Activation: the first PIN needs an activation code.
	Activation bool
	// Date is when the sheet is made, in the location in which it is to be read.
	Date time.Time
	// PortalURL is where to log in, scheme and host.
	PortalURL string
	// Contact is whom to call.
	Contact Contact
	// Demo marks the sheet of a demonstration.
	Demo bool
}

//go:embed sheet.css
var sheetCSS string

// sheetView is what the sheet's template sees.
type sheetView struct {
	Frame    Frame
	Sheet    Sheet
	Style    template.CSS
	Pictures []picture

	lang Lang
}

// picture is a page of ours as the sheet shows it.
type picture struct {
	Step int
	HTML template.HTML
}

// Digits is how many digits the sheet speaks of.
func (v sheetView) Digits() int {
	if v.Sheet.Digits <= 0 {
		return DefaultDigits
	}
	return int(v.Sheet.Digits)
}

// Date is when the sheet was made, as one reads it.
func (v sheetView) Date() string {
	if v.lang == English {
		return v.Sheet.Date.Format("2 January 2006")
	}
	return v.Sheet.Date.Format("02/01/2006")
}

// RenderSheet writes a sheet as one HTML document that needs nothing else: its
// style and its pictures stand in it, and it has no script. The pictures are the
// pages' own templates, so they show what the holder will see. It writes nothing
// when it returns an error of its own: a Lang that does not exist.
func (r *Renderer) RenderSheet(w io.Writer, s Sheet) error {
	if !s.Lang.valid() {
		return fmt.Errorf("render a sheet: there is no language %d", s.Lang)
	}
	v := sheetView{Sheet: s, Style: sheetStyle, lang: s.Lang,
		Frame: Frame{Lang: s.Lang, PortalURL: s.PortalURL, Contact: s.Contact, Demo: s.Demo}}
	for i, p := range []Page{
		Login{Identifier: s.Identifier, Digits: s.Digits},
		NewPIN{Min: s.Min, Max: s.Max, Activation: s.Activation},
		Synchronise{Digits: s.Digits},
	} {
		shown, err := r.picture(v.Frame, p)
		if err != nil {
			return err
		}
		v.Pictures = append(v.Pictures, picture{Step: i + 1, HTML: shown})
	}
	var html bytes.Buffer
	if err := r.templates[s.Lang]["login"].ExecuteTemplate(&html, "sheet", v); err != nil {
		return fmt.Errorf("render a sheet: %w", err)
	}
	_, err := w.Write(bytes.ToValidUTF8(html.Bytes(), []byte("\uFFFD")))
	return err
}
