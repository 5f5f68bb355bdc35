package caddymodule

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"

	"github.com/wneessen/go-mail"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// mailer makes the messages of a configuration, and hands them to its mail server, or
// to its web hook.
type mailer struct {
	gate    *authcore.Gate // that has the requests for assistance
	office  *postOffice    // nil where there is no mail
	hook    *webhook       // nil where there is none
	pages   *ui.Renderer
	portal  origin
	contact ui.Contact
}

// mailer is that of this configuration, nil where there is neither mail nor a hook.
func (a *App) mailer(g *authcore.Gate) *mailer {
	if a.office == nil && a.hook == nil {
		return nil
	}
	return &mailer{gate: g, office: a.office, hook: a.hook, pages: a.pages.renderer, portal: a.settings.portal.origin, contact: a.contact}
}

// mailKinds is what the notices of the gate are to people.
var mailKinds = map[authcore.EventKind]ui.MailKind{
	authcore.PasskeyAdded:   ui.MailPasskeyAdded,
	authcore.PasskeyRemoved: ui.MailPasskeyRemoved,
	authcore.PasskeyCloned:  ui.MailPasskeyCloned,
	authcore.KeyAssigned:    ui.MailKeyAssigned,
	authcore.KeyReturned:    ui.MailKeyReturned,
	authcore.KeyRetired:     ui.MailKeyRetired,
	authcore.KeyLost:        ui.MailKeyLost,
	authcore.KeyFound:       ui.MailKeyFound,
	authcore.KeyLocked:      ui.MailKeyLocked,
	authcore.EmergencyGiven: ui.MailEmergencyGiven,
	authcore.PINDefined:     ui.MailPINDefined,
	authcore.PINCleared:     ui.MailPINCleared,
	authcore.KeyUnlocked:    ui.MailKeyUnlocked,
}

// carry makes a message and sends it. Error: undelivered.
func (m *mailer) carry(ctx context.Context, msg authcore.Message) error {
	var letter *mail.Msg
	var err error
	switch {
	case msg.Way == authcore.ByMail && m.office != nil && msg.Request != "":
		letter, err = m.request(ctx, msg)
	case msg.Way == authcore.ByMail && m.office != nil:
		letter, err = m.letter(msg)
	case msg.Way == authcore.ByWebhook && m.hook != nil:
		return m.post(ctx, msg)
	default:
		return undelivered{fmt.Errorf("this configuration has no such way, %s", msg.Way), false, false}
	}
	if err != nil {
		return undelivered{err, !errors.Is(err, errNotNow), false}
	}
	return m.office.send(ctx, letter)
}

// letter makes an e-mail: the same one at each attempt.
func (m *mailer) letter(msg authcore.Message) (*mail.Msg, error) {
	to, err := netmail.ParseAddress(msg.Address)
	if err != nil {
		return nil, fmt.Errorf("the address is none: %w", err)
	}
	lang := ui.Negotiate(msg.Language, "")
	subject, body, err := m.pages.RenderMail(m.notice(lang, msg.Notice))
	if err != nil {
		return nil, err
	}
	return m.compose(msg, to, lang, subject, body), nil
}

// compose puts a letter together.
func (m *mailer) compose(msg authcore.Message, to *netmail.Address, lang ui.Lang, subject, body string) *mail.Msg {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	letter.FromMailAddress(m.office.from)
	letter.ToMailAddress(&netmail.Address{Address: to.Address})
	letter.Subject(subject)
	letter.SetDateWithValue(msg.Written.In(now().Location()))
	letter.SetMessageIDWithValue(msg.ID + "@" + m.portal.name())
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, section 5
	letter.SetGenHeader("Content-Language", lang.String())
	letter.SetBodyString(mail.TypeTextPlain, body)
	return letter
}

// notice is what a notice says to its reader.
func (m *mailer) notice(lang ui.Lang, n authcore.Notice) ui.Mail {
	return ui.Mail{
		Lang: lang, Kind: mailKinds[n.What], Name: n.Name, When: n.At.In(now().Location()), SerialTail: n.Serial.Tail(), Passkey: n.Passkey,
		Operator: n.Operator, Reference: string(n.Reference), PortalURL: m.portal.String(), Contact: m.contact,
	}
}
