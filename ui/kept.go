package ui

import (
	"html"
	"html/template"
	"strings"
)

// isAddress tells whether s is an absolute address of the web, of visible ASCII.
func isAddress(s string) bool {
	hidden := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && !strings.ContainsFunc(s, hidden)
}

// KeptAction is the attribute of the form that sends a kept form again. The
// template's own filter for addresses would write some characters of a query in
// another way, and the application would get another address than the first time.
func (s *screen) KeptAction() template.HTMLAttr {
	return template.HTMLAttr(`action="` + html.EscapeString(s.Page.(Kept).Action) + `"`) //nolint:gosec // escaped, and isAddress
}

// KeptSent is when a kept form was sent, as one reads it.
func (s *screen) KeptSent() string { return s.Page.(Kept).Sent.Format("15:04") }

// KeptUntil is until when it is kept, as one reads it.
func (s *screen) KeptUntil() string { return s.Page.(Kept).Until.Format("15:04") }
