package states

import (
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// Mail is one message as somebody gets it.
type Mail struct {
	Name string
	Mail ui.Mail // without Lang
}

// Mails lists one message of each kind, and one with as little in it as possible.
func Mails() (all []Mail) {
	one := ui.Mail{ //nolint:gosec // G101 takes Passkey, a name, for a password
		Name: "Jeanne Dupont", When: time.Date(2026, 9, 1, 9, 58, 20, 0, paris), SerialTail: "6789", Passkey: "Téléphone de Jeanne",
		Reference: "7F3K-Q2M9", PortalURL: "https://portail.example.org", Contact: contact,
	}
	for kind := ui.MailPasskeyAdded; kind.String() != "invalid"; kind++ {
		one.Kind = kind
		one.Operator = kind == ui.MailKeyAssigned || kind == ui.MailPINCleared
		all = append(all, Mail{kind.String(), one})
	}
	one.Kind, one.Contact = ui.MailPINDefined, ui.Contact{}
	return append(all, Mail{"least", one})
}

// In returns the message in a language.
func (m Mail) In(l ui.Lang) ui.Mail {
	mail := m.Mail
	mail.Lang = l
	return mail
}

// RequestMails are requests for assistance as those who help get them, in French: of
// a stranger, who types anything, and of somebody who is logged in.
func RequestMails() []ui.RequestMail {
	m := ui.RequestMail{Reference: "7F3K-Q2M9", Sent: time.Date(2026, 9, 1, 9, 58, 20, 0, paris), Request: typed}
	m.Request.Subject = "a\r\nBcc: x@y.fr\u202e\u2028{reference}"
	all := m
	all.Holder, all.Request = "cmartin", known
	return []ui.RequestMail{m, all}
}
