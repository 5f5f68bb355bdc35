package caddymodule

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/wneessen/go-mail"
)

// How a mail server is spoken to.
const (
	mailSTARTTLS = "starttls" // TLS begins within the connection, or nothing is sent
	mailTLS      = "tls"      // TLS from the first byte
	mailPlain    = "none"
)

// mailPorts are the ports where none is given (RFC 6409, RFC 8314, RFC 5321).
var mailPorts = map[string]int{mailSTARTTLS: 587, mailTLS: 465, mailPlain: 25}

// mailTimeout bounds what a mail server is waited for, once for its greeting and the
// login there, and once for a message. Both together are less than the pause before
// the next attempt.
const mailTimeout = 20 * time.Second

// postOffice is a mail server that takes our messages.
type postOffice struct {
	host    string
	from    *netmail.Address
	options []mail.Option
	tls     *tls.Config
	atOnce  bool // TLS from the first byte
}

// postOffice checks what is configured of mail; nil is no mail.
func (m *Mail) postOffice(portal *site) (*postOffice, error) {
	if m == nil {
		return nil, nil
	}
	if m.Server == "" {
		return nil, errors.New("server is missing, as in: server smtp.example.org:587")
	}
	mode := m.mode()
	if mailPorts[mode] == 0 {
		return nil, fmt.Errorf("tls %s: there are only starttls, tls and none", mode)
	}
	p := new(postOffice)
	var err error
	if p.from, err = netmail.ParseAddress(m.From); err != nil {
		return nil, fmt.Errorf("from %q is no address: write from \"Sésame <sesame@example.org>\"", m.From)
	}
	port := 0
	if p.host, port, err = m.address(mailPorts[mode]); err != nil {
		return nil, err
	}
	login, err := m.login(mode)
	if err != nil {
		return nil, err
	}
	p.options = append(login, mail.WithPort(port), mail.WithTimeout(mailTimeout), mail.WithHELO(portal.origin.name()), mail.WithDialContextFunc(p.dial))
	p.tls = &tls.Config{ServerName: p.host, MinVersion: tls.VersionTLS12}
	switch mode {
	case mailSTARTTLS:
		p.options = append(p.options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(p.tls))
	case mailTLS:
		// The library asks the connection that dial gives it whether it is TLS only
		// under this policy. STARTTLS is not offered within TLS (RFC 3207, section 4.2).
		p.options, p.atOnce = append(p.options, mail.WithTLSPolicy(mail.TLSOpportunistic)), true
	default:
		p.options = append(p.options, mail.WithTLSPolicy(mail.NoTLS))
	}
	_, err = mail.NewClient(p.host, p.options...)
	return p, err
}

// mode is how the server is spoken to.
func (m *Mail) mode() string {
	if m.TLS == "" {
		return mailSTARTTLS
	}
	return m.TLS
}

// address reads the server's host and port.
func (m *Mail) address(usual int) (host string, port int, err error) {
	server, err := caddy.NewReplacer().ReplaceOrErr(m.Server, true, true)
	if err != nil {
		return "", 0, err
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, strconv.Itoa(usual))
	}
	host, text, err := net.SplitHostPort(server)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || host == "" || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("server %s is no host with a port: write server smtp.example.org:587", m.Server)
	}
	return host, port, nil
}

// login reads what the gate tells the mail server of itself. The password stays in a
// function, which nothing prints.
func (m *Mail) login(mode string) ([]mail.Option, error) {
	switch {
	case m.Username == "" && m.PasswordFile == "":
		return nil, nil
	case m.Username == "" || m.PasswordFile == "":
		return nil, errors.New("username and password_file go together")
	case mode == mailPlain:
		return nil, errors.New("tls none: a password is not sent where everybody can read it; use starttls or tls, or leave out username and password_file")
	}
	password, err := secretLine(m.PasswordFile, 1, maxSharedSecret)
	if err != nil {
		return nil, fmt.Errorf("password_file: %w", err)
	}
	return []mail.Option{mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.Username), mail.WithPassword(password)}, nil
}

// dial connects, and closes the connection once ctx is over: the library does not
// where a greeting or a login fails.
func (p *postOffice) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if life, ok := ctx.Value(connectionLife{}).(context.Context); ok {
		context.AfterFunc(life, func() { conn.Close() })
	}
	if !p.atOnce {
		return conn, nil
	}
	secure := tls.Client(conn, p.tls)
	return secure, secure.HandshakeContext(ctx)
}

// connectionLife is the key of the context that a connection ends with, in the one
// that it is made with.
type connectionLife struct{}

// undelivered is why a message was not taken.
type undelivered struct {
	error
	forGood bool // this message never will be
	away    bool // others would not be either
}

// Unwrap gives the reason.
func (u undelivered) Unwrap() error { return u.error }

// send hands a message to the mail server. Error: undelivered.
func (p *postOffice) send(ctx context.Context, msg *mail.Msg) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	client, err := mail.NewClient(p.host, p.options...)
	if err != nil {
		return undelivered{err, false, true}
	}
	err = client.DialAndSendWithContext(context.WithValue(ctx, connectionLife{}, ctx), msg)
	refusal, ofMessage := errors.AsType[*mail.SendError](err)
	switch {
	case err == nil || msg.IsDelivered(): // whatever came behind its end
		return nil
	case !ofMessage || refusal.ErrorCode() == 0:
		return undelivered{err, false, true}
	}
	// A sender that is refused is ours: the next message would be as well, and whoever
	// mends the configuration wants them all sent.
	about := refusal.Reason == mail.ErrSMTPRcptTo || refusal.Reason == mail.ErrSMTPData || refusal.Reason == mail.ErrSMTPDataClose
	return undelivered{err, about && refusal.ErrorCode() >= 500, !about}
}
