package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// checkAssistance checks whom a person may turn to, and where requests go.
func (a *App) checkAssistance(s *settings) (err error) {
	c := a.Assistance
	if c == nil {
		return nil
	}
	s.contact = ui.Contact{Name: c.Name, Phone: c.Phone, Email: c.Email, Hours: c.Hours, URL: c.URL}
	switch {
	case c.Mail != "" && !authcore.ReplyAddress(c.Mail):
		return fmt.Errorf("mail %s is no e-mail address: write mail assistance@example.org", c.Mail)
	case c.Mail != "" && a.Mail == nil:
		return errors.New("mail needs the option mail { server … } beside assistance, which names the server that takes it")
	}
	if c.Keep != 0 {
		s.policy.Requests = time.Duration(c.Keep)
		if err := s.policy.Validate(); err != nil {
			return fmt.Errorf("keep: %w", err)
		}
	}
	if s.hook, err = c.Webhook.open(); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

// desk is where this configuration hands requests on to.
func (a *App) desk() (d authcore.Desk) {
	if a.Assistance != nil {
		d.Mail = a.Assistance.Mail
	}
	if a.hook != nil {
		d.Hook = a.hook.address
	}
	return d
}

// errNotNow is why a request could not be read at this moment.
var errNotNow = errors.New("the request cannot be read now")

// requested reads the request that a message hands on, with its screenshots. One that
// was removed, or whose time is over, is handed on no more.
func (m *mailer) requested(ctx context.Context, ref authcore.Reference) (r authcore.Request, err error) {
	r, err = m.gate.Request(ctx, ref)
	for n := 1; err == nil && n <= r.Pictures; n++ {
		s, errOne := m.gate.Screenshot(ctx, ref, n)
		r.Screenshots, err = append(r.Screenshots, s), errOne
	}
	if err != nil && !errors.Is(err, authcore.ErrNotFound) {
		err = fmt.Errorf("%w: %w", errNotNow, err)
	}
	return r, err
}

// request makes the mail that hands a request on. What was typed is in its body and,
// in one line, in its subject; the address to answer to is the only other thing of
// theirs in its head, and none but a plain one.
func (m *mailer) request(ctx context.Context, msg authcore.Message) (*mail.Msg, error) {
	r, err := m.requested(ctx, msg.Request)
	if err != nil {
		return nil, err
	}
	lang := ui.Negotiate(msg.Language, "")
	subject, body, err := m.pages.RenderRequest(ui.RequestMail{
		Lang: lang, Reference: string(r.Reference), Sent: r.Sent.In(now().Location()), Holder: string(r.Holder), Request: typedForm(r),
	})
	if err != nil {
		return nil, err
	}
	letter := m.compose(msg, &netmail.Address{Address: msg.Address}, lang, subject, body)
	if authcore.ReplyAddress(r.Email) {
		if err := letter.ReplyTo(r.Email); err != nil {
			return nil, fmt.Errorf("the address to answer to: %w", err)
		}
	}
	for i, s := range r.Screenshots {
		err := letter.AttachReader(pictureName(r.Reference, i+1, s.Type()), bytes.NewReader(s.Bytes()), mail.WithFileContentType(mail.ContentType(s.Type())))
		if err != nil {
			return nil, err
		}
	}
	return letter, nil
}

// typedForm is what was typed, for a page or a mail.
func typedForm(r authcore.Request) (f ui.RequestForm) {
	for name, field := range requestFields {
		*f.Text(name) = *r.Text(field)
	}
	return f
}

// pictureName names the file of a screenshot: 7F3K-Q2M9-1.png.
func pictureName(ref authcore.Reference, n int, kind string) string {
	return fmt.Sprintf("%s-%d.%s", ref, n, strings.TrimPrefix(kind, "image/"))
}
