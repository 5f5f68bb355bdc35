package ui

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Mail is a message to a person about what they log in with, as RenderMail writes
// it. It holds nothing secret, and no link that does anything: who gets used to
// such links in messages follows a forged one.
type Mail struct {
	Lang Lang
	Kind MailKind
	// Name is the person's, as people read it.
	Name string
	// When it happened, in the location in which it is to be read.
	When time.Time
	// SerialTail is how the key's number ends, for a kind that is about a key.
	SerialTail string
	// Passkey is the name of the passkey, for a kind that is about one.
	Passkey string
	// Operator: an administrator did it.
	Operator bool
	// Reference is that of the audit trail's entry.
	Reference string
	// PortalURL is where to log in, scheme and host.
	PortalURL string
	// Contact is whom to call.
	Contact Contact
}

// MailKind is what a Mail tells. The zero value is invalid.
type MailKind uint8

// The kinds.
const (
	MailPasskeyAdded   MailKind = iota + 1
	MailPasskeyRemoved          // by its owner or an administrator
	MailPasskeyCloned           // it opens nothing any more
	MailKeyAssigned             // a key became theirs
	MailKeyReturned             // it went back to stock
	MailKeyRetired              // it is out of service for good
	MailKeyLost                 // it was reported lost
	MailKeyFound                // it opens again
	MailKeyLocked               // by wrong PINs with good codes
	MailEmergencyGiven          // a key is lost, and codes stand in for it
	MailPINDefined              // the key has another PIN, or its first
	MailPINCleared              // the key has no PIN any more
	MailKeyUnlocked             // it opens again, with the same PIN
)

var mailKinds = [...]string{
	MailPasskeyAdded: "passkeyAdded", MailPasskeyRemoved: "passkeyRemoved", MailPasskeyCloned: "passkeyCloned",
	MailKeyAssigned: "keyAssigned", MailKeyReturned: "keyReturned", MailKeyRetired: "keyRetired", MailKeyLost: "keyLost",
	MailKeyFound: "keyFound", MailKeyLocked: "keyLocked", MailEmergencyGiven: "emergencyGiven",
	MailPINDefined: "pinDefined", MailPINCleared: "pinCleared", MailKeyUnlocked: "keyUnlocked",
}

// String is the name of the kind in the text files.
func (k MailKind) String() string {
	if k == 0 || int(k) >= len(mailKinds) {
		return "invalid"
	}
	return mailKinds[k]
}

// RenderMail returns the subject and the body of a message: plain text, in lines that
// end with "\n". The subject holds none of the values that m was given. Error: the
// kind or the language is none.
func (r *Renderer) RenderMail(m Mail) (subject, body string, err error) {
	c, ok := r.catalogues[m.Lang]
	if !ok || m.Kind.String() == "invalid" {
		return "", "", fmt.Errorf("render a mail: there is no kind %d in language %d", m.Kind, m.Lang)
	}
	w := mailWriter{texts: c}
	w.paragraph("mail.hello", "name", m.Name)
	w.paragraph("mail."+m.Kind.String()+".text", "serial", m.SerialTail, "passkey", m.Passkey)
	w.lines(
		w.text("mail.when", "when", moment(m.Lang, m.When)),
		w.text("mail.reference", "reference", m.Reference))
	if m.Operator {
		w.paragraph("mail.operator")
	} else {
		w.paragraph("mail.notYou")
	}
	w.contact(m.Contact)
	w.paragraph("mail.check", "portal", m.PortalURL)
	w.paragraph("mail.automatic")
	subject = w.text("mail." + m.Kind.String() + ".subject")
	return subject, strings.ToValidUTF8(w.body.String(), "\uFFFD"), w.err
}

// moment is a time of day as one reads it.
func moment(l Lang, t time.Time) string {
	if l == English {
		return t.Format("2 January 2006, 15:04")
	}
	return t.Format("02/01/2006, 15:04")
}

// mailWriter puts paragraphs together.
type mailWriter struct {
	texts catalogue
	body  strings.Builder
	err   error // the first one
}

func (w *mailWriter) text(key string, pairs ...any) string {
	text, err := w.texts.text(key, pairs...)
	if w.err == nil {
		w.err = err
	}
	return text
}

func (w *mailWriter) paragraph(key string, pairs ...any) { w.lines(w.text(key, pairs...)) }

// lines writes a paragraph of lines, each of them wrapped.
func (w *mailWriter) lines(lines ...string) {
	if w.body.Len() > 0 {
		w.body.WriteByte('\n')
	}
	for _, line := range lines {
		w.body.WriteString(wrapped(line) + "\n")
	}
}

// contact writes whom to call.
func (w *mailWriter) contact(c Contact) {
	if !c.Known() {
		w.paragraph("contact.referent")
		return
	}
	var lines []string
	for _, of := range []struct{ key, value string }{
		{"contact.name", c.Name}, {"contact.phone", c.Phone}, {"contact.email", c.Email}, {"contact.hours", c.Hours}, {"contact.page", c.URL},
	} {
		if of.value != "" {
			lines = append(lines, w.text("mail.contact", "what", w.text(of.key), "value", of.value))
		}
	}
	w.lines(lines...)
}

// mailWidth is the width of a line, in characters (RFC 5322, section 2.1.1, has 78).
const mailWidth = 72

// wrapped breaks a line at its spaces, but not at those that do not break. A line
// break in a value is a space.
func wrapped(line string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\n' || r == '\r' }) {
		width := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+width > mailWidth:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}

// RequestMail is a request for assistance as the people who help get it.
type RequestMail struct {
	Lang      Lang
	Reference string
	Sent      time.Time // in the location in which it is to be read
	Holder    string    // who was logged in, or ""
	Request   RequestForm
}

// RenderRequest returns the subject and the body of the mail that hands a request on:
// plain text, each field as it was typed. The subject is one line.
func (r *Renderer) RenderRequest(m RequestMail) (subject, body string, err error) {
	c, ok := r.catalogues[m.Lang]
	if !ok {
		return "", "", fmt.Errorf("render a request: there is no language %d", m.Lang)
	}
	w := mailWriter{texts: c}
	from := "requestMail.stranger"
	if m.Holder != "" {
		from = "requestMail.holder"
	}
	w.lines(w.text("requestMail.reference", "reference", m.Reference), w.text("mail.when", "when", moment(m.Lang, m.Sent)), w.text(from, "holder", m.Holder))
	w.body.WriteByte('\n')
	for _, f := range requestFields {
		if f.text == nil || *f.text(&m.Request) == "" {
			continue
		}
		value := strings.ReplaceAll(*f.text(&m.Request), "\r\n", "\n")
		if f.kind == "" {
			value = "\n\n" + value + "\n"
		}
		w.body.WriteString(w.text("mail.contact", "what", w.text("request."+f.name), "value", value) + "\n")
	}
	subject = w.text("requestMail.subject", "reference", m.Reference, "subject", oneLine(m.Request.Subject))
	return subject, strings.ToValidUTF8(w.body.String(), "\uFFFD"), w.err
}

// oneLine is a text without what could end a line, or turn it around.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
