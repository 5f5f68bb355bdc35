package caddymodule

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpServer is a mail server that keeps what it takes.
type smtpServer struct {
	address string
	login   string                // NAME:PASSWORD that it wants, "" where it wants none
	arrived chan received         // what it took
	onRcpt  func(to string) error // what it says to a recipient, one at a time
	cut     atomic.Bool           // the next connection once its message is taken, before it says so

	rcpt sync.Mutex // held by onRcpt: each connection has a goroutine of its own
}

// received is a message as it arrived.
type received struct {
	from, to string
	secure   bool
	*mail.Message
	body string
}

// startSMTP starts a mail server: on an address that was free, or on the one given.
func startSMTP(t *testing.T, address string, secure *tls.Config, atOnce bool, s *smtpServer) *smtpServer {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.arrived = listener.Addr().String(), make(chan received, 100)
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &smtpSession{server: s, conn: c}, nil }))
	server.Domain, server.TLSConfig, server.ErrorLog = "smtp.test", secure, silent{}
	if atOnce {
		listener = tls.NewListener(listener, secure)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("the mail server: %v", err)
		}
	}()
	t.Cleanup(func() { server.Close(); listener.Close(); <-done }) // the first closes none that is not served yet
	return s
}

// silent drops what the mail server logs of connections that are cut.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

type smtpSession struct {
	server   *smtpServer
	conn     *smtp.Conn
	from, to string
	known    bool
}

func (s *smtpSession) AuthMechanisms() []string {
	if s.server.login == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, password string) error {
		if s.known = name+":"+password == s.server.login; !s.known {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.login != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if s.server.onRcpt == nil {
		return nil
	}
	s.server.rcpt.Lock()
	defer s.server.rcpt.Unlock()
	return s.server.onRcpt(to)
}

func (s *smtpSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return err
	}
	_, secure := s.conn.TLSConnectionState()
	s.server.arrived <- received{s.from, s.to, secure, m, string(content)}
	if s.server.cut.Swap(false) {
		s.conn.Conn().Close()
	}
	return nil
}

func (s *smtpSession) Reset()        { s.from, s.to = "", "" }
func (s *smtpSession) Logout() error { return nil }

// secretFile is a file with a line in it that nobody else may read.
func secretFile(t *testing.T, line string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
