package caddymodule

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/porttest"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/ui"
)

// mailRig is a courier of a test's own pace, with a gate and a configuration's mailer.
type mailRig struct {
	*courier
	mailer *mailer
}

// newMailRig makes one that sends as that configuration says.
func newMailRig(t *testing.T, m *Mail) *mailRig {
	t.Helper()
	secrets, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	g, err := authcore.New(t.Context(), authcore.Config{Store: store.NewMemory(now), Secrets: secrets, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	a := authcore.Account{Identifier: "edupont", GivenName: "Ève", Surname: "Dupont", Email: "edupont@ac-exemple.fr"}
	if err := g.AddAccount(t.Context(), authcore.Actor{Name: "test"}, a); err != nil {
		t.Fatal(err)
	}
	portal, err := parseOrigin("https://portail.test")
	if err != nil {
		t.Fatal(err)
	}
	office, err := m.postOffice(&site{id: portalID, origin: portal})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	r := &mailRig{&courier{gate: g.WithMail(true), changed: make(chan struct{}, 1)}, &mailer{gate: g, office: office, pages: pages, portal: portal}}
	r.join(&carrier{r.mailer.carry, slog.New(slog.DiscardHandler)})
	return r
}

// plain is how to reach a server without TLS.
func (s *smtpServer) plain() *Mail {
	return &Mail{Server: s.address, TLS: "none", From: "Sésame <sesame@ac-exemple.fr>"}
}

// none wants that nothing more has arrived.
func (s *smtpServer) none(t *testing.T) {
	t.Helper()
	select {
	case m := <-s.arrived:
		t.Errorf("there is a message for %s: %v", m.to, m.Header)
	default:
	}
}

// left is how many messages are in the outbox within a day.
func (r *mailRig) left(t *testing.T) int {
	t.Helper()
	advance(24 * time.Hour)
	due, _, err := r.gate.DueMessages(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(due)
}

func (r *mailRig) told(t *testing.T, serial authcore.Serial) { t.Helper(); told(t, r.gate, serial) }

// The form of a message: RFC 5322, RFC 2047, RFC 3834.
func TestMailForm(t *testing.T) {
	s := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	r := newMailRig(t, s.plain())
	r.told(t, "KEY-0001")
	if pause := r.round(t.Context()); pause != courierRest {
		t.Errorf("then it rests for %v", pause)
	}
	m := <-s.arrived
	s.none(t)
	if m.from != "sesame@ac-exemple.fr" || m.to != "edupont@ac-exemple.fr" || m.secure {
		t.Errorf("it is from %s to %s, with TLS: %v", m.from, m.to, m.secure)
	}
	for name, want := range map[string]string{
		"From": "Sésame <sesame@ac-exemple.fr>", "To": "<edupont@ac-exemple.fr>", "Subject": "Une clé OTP vous a été attribuée",
		"Auto-Submitted": "auto-generated", "Content-Language": "fr", "Content-Type": "text/plain; charset=UTF-8", "Mime-Version": "1.0",
	} {
		got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
		if err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, want)
		}
	}
	if id := m.Header.Get("Message-ID"); !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, "@portail.test>") {
		t.Errorf("the Message-ID is %s", id)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Errorf("the date: %v", err)
	}
	for i, line := range strings.Split(m.body, "\r\n") {
		if len(line) > 78 || strings.ContainsFunc(line, func(r rune) bool { return r > 126 || r < ' ' }) {
			t.Errorf("line %d: %q", i, line)
		}
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || !strings.Contains(string(body), "Bonjour Ève Dupont,") || !strings.Contains(string(body), "0001 vous est attribuée") {
		t.Errorf("it says %q, %v", body, err)
	}
	if n := r.left(t); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// A mail server that is away for an hour: nothing is lost, all is delivered, once,
// and so is a request for assistance with its screenshot.
func TestMailServerAway(t *testing.T) {
	free := porttest.Address(t, "127.0.0.1")
	away := &smtpServer{address: free}
	r := newMailRig(t, away.plain())
	for _, serial := range []authcore.Serial{"KEY-0001", "KEY-0002", "KEY-0003"} {
		r.told(t, serial)
		for range 20 {
			r.round(t.Context())
			advance(time.Minute)
		}
	}
	r.asked(t, authcore.Desk{Mail: "assistance@ac-exemple.fr"}, nasty(t))
	r.round(t.Context())
	s := startSMTP(t, free, nil, false, &smtpServer{})
	for range 60 {
		r.round(t.Context())
		advance(time.Minute)
	}
	ids, people := map[string]bool{}, map[string]int{}
	for range 4 {
		m := <-s.arrived
		ids[m.Header.Get("Message-ID")] = true
		people[m.to]++
	}
	if s.none(t); len(ids) != 4 || people["assistance@ac-exemple.fr"] != 1 {
		t.Errorf("%d different messages arrived", len(ids))
	}
	if n := r.left(t); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// The answer is lost behind a message that was taken: it comes again, under the same
// ID and word for word, so that whoever has it sees that.
func TestMailAnswerLost(t *testing.T) {
	s := &smtpServer{}
	s.cut.Store(true)
	startSMTP(t, "127.0.0.1:0", nil, false, s)
	r := newMailRig(t, s.plain())
	r.told(t, "KEY-0001")
	r.round(t.Context())
	first := <-s.arrived
	r.round(t.Context())
	s.none(t)
	advance(time.Minute)
	r.round(t.Context())
	if again := <-s.arrived; again.body != first.body || again.Header.Get("Message-ID") == "" {
		t.Errorf("it came again as\n%s\nand first as\n%s", again.body, first.body)
	}
	if n := r.left(t); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// What a server refuses for good is given up; what it refuses for now, or of us, is
// not. None of it keeps the others, but for what is of us.
func TestMailRefused(t *testing.T) {
	refusal := func(code int, enhanced smtp.EnhancedCode) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "because"}
	}
	for name, c := range map[string]struct {
		err     error
		givenUp bool
	}{
		"no such person": {refusal(550, smtp.EnhancedCode{5, 1, 1}), true},
		"later":          {refusal(451, smtp.EnhancedCode{4, 7, 1}), false},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			s := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{onRcpt: func(string) error {
				if first {
					first = false
					return c.err
				}
				return nil
			}})
			r := newMailRig(t, s.plain())
			r.told(t, "KEY-0001")
			r.told(t, "KEY-0002")
			r.round(t.Context())
			<-s.arrived
			s.none(t)
			all, err := r.gate.Events(t.Context(), authcore.AuditQuery{Kinds: []authcore.EventKind{authcore.MessageGivenUp}, Alerts: true})
			if err != nil || (len(all) == 1) != c.givenUp || c.givenUp && !strings.Contains(all[0].Detail, "because") {
				t.Errorf("given up are %+v, %v", all, err)
			}
			advance(time.Minute)
			r.round(t.Context())
			if !c.givenUp {
				<-s.arrived
			}
			s.none(t)
		})
	}
}

// An address that is none is given up, and nothing of it reaches a server.
func TestMailAddressThatIsNone(t *testing.T) {
	s := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	r := newMailRig(t, s.plain())
	for i, address := range []string{"edupont", "a@b.fr, c@d.fr", "a@b.fr>\u00a0RCPT TO:<c@d.fr", "@"} {
		values := authcore.Account{Identifier: "edupont", Email: address}
		if err := r.gate.SetAccount(t.Context(), authcore.Actor{}, values, []authcore.AccountField{authcore.FieldEmail}); err != nil {
			t.Fatal(err)
		}
		r.told(t, authcore.Serial("KEY-000"+string(rune('1'+i))))
	}
	r.round(t.Context())
	s.none(t)
	if n := r.left(t); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TLS, and a login there, as configured, and nothing is sent without.
func TestMailTLS(t *testing.T) {
	certificate, key := selfSigned(t, t.TempDir(), "localhost")
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	secure := &tls.Config{Certificates: []tls.Certificate{pair}}
	const login = "sesame:correct-horse"
	for name, c := range map[string]struct {
		server          *tls.Config
		atOnce, trusted bool
		mode, password  string
		arrives         bool
	}{
		"starttls":                {secure, false, true, "", "correct-horse", true},
		"tls":                     {secure, true, true, "tls", "correct-horse", true},
		"starttls, not trusted":   {secure, false, false, "starttls", "correct-horse", false},
		"tls, not trusted":        {secure, true, false, "tls", "correct-horse", false},
		"starttls is not offered": {nil, false, true, "starttls", "correct-horse", false},
		"another password":        {secure, false, true, "starttls", "battery-staple", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSMTP(t, "127.0.0.1:0", c.server, c.atOnce, &smtpServer{login: login})
			_, port, _ := net.SplitHostPort(s.address)
			r := newMailRig(t, &Mail{Server: "localhost:" + port, TLS: c.mode, From: "sesame@ac-exemple.fr", Username: "sesame", PasswordFile: secretFile(t, c.password)})
			if c.trusted {
				r.mailer.office.tls.RootCAs = roots
			}
			r.told(t, "KEY-0001")
			if pause := r.round(t.Context()); (pause == courierRest) != c.arrives {
				t.Errorf("it rests for %v", pause)
			}
			if c.arrives {
				if m := <-s.arrived; !m.secure && !c.atOnce {
					t.Error("it came without TLS")
				}
			}
			s.none(t)
			if n := r.left(t); (n == 0) != c.arrives {
				t.Errorf("%d are left", n)
			}
		})
	}
}

// The reason why a message is not delivered tells nothing of the password.
func TestMailPasswordIsNotTold(t *testing.T) {
	r := newMailRig(t, &Mail{Server: "127.0.0.1:1", From: "sesame@ac-exemple.fr", Username: "sesame", PasswordFile: secretFile(t, "correct-horse")})
	r.told(t, "KEY-0001")
	due, _, err := r.gate.DueMessages(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	err = r.mailer.carry(t.Context(), due[0])
	if why, ok := errors.AsType[undelivered](err); !ok || !why.away || why.forGood || strings.Contains(err.Error(), "horse") {
		t.Errorf("got %v", err)
	}
}

// In a server: a message goes out by itself, also when its configuration is loaded
// anew, and none goes where there is no mail.
func TestMailOfAServer(t *testing.T) {
	post := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	option := "mail {\n server " + post.address + "\n tls none\n from \"Sésame <sesame@ac-exemple.fr>\"\n}"
	s := startGate(t, option, "")
	s.teacher("edupont")
	if m := <-post.arrived; m.to != "edupont@ac-exemple.fr" || !strings.Contains(m.Header.Get("Message-ID"), "@portail.localhost>") {
		t.Errorf("the first message is to %s, %v", m.to, m.Header)
	}
	by := authcore.Actor{Name: "test"}
	for range 3 {
		if err := s.gate().LoseKey(t.Context(), by, "738264001"); err != nil {
			t.Fatal(err)
		}
		s.reload(s.config)
		<-post.arrived
		if err := s.gate().FoundKey(t.Context(), by, "738264001"); err != nil {
			t.Fatal(err)
		}
		<-post.arrived
	}
	post.none(t)
	s.reload(adapt(t, s.caddyfile("", "")))
	if err := s.gate().LoseKey(t.Context(), by, "738264001"); err != nil {
		t.Fatal(err)
	}
	s.reload(s.config)
	if err := s.gate().FoundKey(t.Context(), by, "738264001"); err != nil {
		t.Fatal(err)
	}
	if m, _ := new(mime.WordDecoder).DecodeHeader((<-post.arrived).Header.Get("Subject")); m != "Votre clé OTP peut de nouveau servir" {
		t.Errorf("what came is %q", m)
	}
	post.none(t)
}

// Of a mail block, what is wrong is said in a sentence.
func TestMailConfiguration(t *testing.T) {
	portal := &site{id: portalID, origin: origin{}}
	file := secretFile(t, "correct-horse")
	for want, m := range map[string]Mail{
		"server is missing":           {From: "a@b.fr"},
		"from \"\" is no address":     {Server: "h"},
		"from \"x y\" is no address":  {Server: "h", From: "x y"},
		"there are only starttls":     {Server: "h", From: "a@b.fr", TLS: "maybe"},
		"is no host with a port":      {Server: "h:99999", From: "a@b.fr"},
		"server :25 is no host":       {Server: ":25", From: "a@b.fr"},
		"go together":                 {Server: "h", From: "a@b.fr", Username: "u"},
		"username and password_file ": {Server: "h", From: "a@b.fr", PasswordFile: file},
		"everybody can read it":       {Server: "h", From: "a@b.fr", Username: "u", PasswordFile: file, TLS: "none"},
		"no such file":                {Server: "h", From: "a@b.fr", Username: "u", PasswordFile: file + "x"},
		"must hold one line":          {Server: "h", From: "a@b.fr", Username: "u", PasswordFile: secretFile(t, "two words")},
	} {
		if _, err := m.postOffice(portal); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "horse") {
			t.Errorf("%+v: %v, want %s", m, err, want)
		}
	}
	for mode, port := range map[string]string{"": "h:587", "starttls": "h:587", "tls": "h:465", "none": "h:25"} {
		host, number, err := (&Mail{Server: "h"}).address(mailPorts[(&Mail{TLS: mode}).mode()])
		if err != nil || host != "h" || port != net.JoinHostPort(host, strconv.Itoa(number)) {
			t.Errorf("tls %q: %s, %d, %v", mode, host, number, err)
		}
	}
	if p, err := (*Mail)(nil).postOffice(portal); p != nil || err != nil {
		t.Errorf("no mail: %v, %v", p, err)
	}
}
