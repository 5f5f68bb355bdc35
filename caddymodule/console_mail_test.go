package caddymodule

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// toldAct is an act of the console on somebody, and the subjects of the messages
// that they get for it, in their language.
type toldAct struct {
	act      ui.Act
	to       string
	subjects []string
}

// toldActs are all acts on a person but the revocation of a passkey, which nobody has
// over plain http: authcore's own test plays it. The lock that is mended first is told
// of too. What changes nobody's means to log in is not written about.
var toldActs = []toldAct{
	{ui.ActUnlock, "eve", []string{"Votre clé OTP est bloquée", "Votre clé OTP est débloquée"}},
	{ui.ActHandOver, "eve", nil},
	{ui.ActAssign, "eve", []string{"Une clé OTP vous a été attribuée"}},
	{ui.ActReceive, "eve", nil},
	{ui.ActDelegate, "eve", nil},
	{ui.ActEndDelegation, "eve", nil},
	{ui.ActLose, "eve", []string{"Clé OTP perdue\u00a0: des codes de secours ont été créés pour vous"}},
	{ui.ActClearPIN, "marc", []string{"The PIN of your OTP key was cleared"}},
	{ui.ActReturn, "marc", []string{"Your OTP key was handed back"}},
}

// Each act of a referent that changes what somebody logs in with is told to them in
// one message, delivered to a mail server in the order of the acts, and nothing else
// is. It names who may be called, and no secret.
func TestConsoleActsAreTold(t *testing.T) {
	post := startSMTP(t, "127.0.0.1:0", nil, false, &smtpServer{})
	s := consoleServer(t)
	english := s.again("marc")
	s.must(s.gate().SetAccount(t.Context(), testActor, authcore.Account{Identifier: "marc", Establishment: lycee}, []authcore.AccountField{authcore.FieldEstablishment}))
	if a := english.do(s.send(english, ui.PathAccountLanguage, s.form(english, ui.PathAccountLanguage, consoleTarget{extra: []string{ui.FieldLanguage, "en"}}))); a.StatusCode != http.StatusOK {
		t.Fatalf("choosing English: %s", a.Status)
	}
	mail := "\n\t\tmail {\n server " + post.address + "\n tls none\n from \"Sésame <sesame@ac-exemple.fr>\"\n}"
	s.reload(adapt(t, s.caddyfile(consoleOption+mail, "delegable")))
	var secrets []string
	for _, c := range toldActs {
		secrets = append(secrets, s.plays(c)...)
	}
	for _, c := range toldActs {
		for _, subject := range c.subjects {
			select {
			case m := <-post.arrived:
				s.saysSo(m, c, subject, secrets)
			case <-time.After(time.Minute):
				t.Fatalf("of %s there is no message %q", c.act, subject)
			}
		}
	}
	post.none(t)
}

// plays does an act as the referent does it, and returns what no message may hold.
func (s *testServer) plays(c toldAct) (secrets []string) {
	s.t.Helper()
	to := s.targets(c.to)[c.act.Path()]
	if to.ready != nil {
		to.ready(s)
	}
	advance(time.Minute)
	b := s.again("rlycee")
	done := b.submit(b.open(s.at("portail", c.act.Path()+"?"+to.query.Encode())), to.extra...)
	if done.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s: %s", c.act, done.Status, done.body)
	}
	for _, m := range regexp.MustCompile(`reference-code">(\d{8})<`).FindAllStringSubmatch(done.body, -1) {
		secrets = append(secrets, m[1])
	}
	if c.act == ui.ActLose && len(secrets) != consoleCodes {
		s.t.Fatalf("%d codes are shown", len(secrets))
	}
	return append(secrets, to.query.Get(ui.FieldSerial), string(s.seeds[c.to].Seed))
}

// saysSo looks at one message.
func (s *testServer) saysSo(m received, c toldAct, subject string, secrets []string) {
	s.t.Helper()
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	s.must(err)
	text := string(body)
	got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || got != subject || m.to != c.to+"@ac-exemple.fr" {
		s.t.Errorf("%s: a message to %s about %q (%v), want %q", c.act, m.to, got, err, subject)
	}
	language, hello := "fr", "Bonjour Ève Dupont,"
	if c.to == "marc" {
		language, hello = "en", "Dear Ève Dupont,"
	}
	if m.Header.Get("Content-Language") != language || !strings.Contains(text, hello) {
		s.t.Errorf("%s: it is in %s, and begins %.60q", c.act, m.Header.Get("Content-Language"), text)
	}
	reference := regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}`).FindString(text)
	events, err := s.gate().Events(s.t.Context(), authcore.AuditQuery{Reference: authcore.Reference(reference)})
	if err != nil || len(events) == 0 || string(events[0].Holder) != c.to {
		s.t.Errorf("%s: under its reference %q the trail has %+v, %v", c.act, reference, events, err)
	}
	for _, secret := range append(secrets, "argon2") {
		if secret != "" && strings.Contains(text, secret) {
			s.t.Errorf("%s: the message holds a secret, or the whole number of a key", c.act)
		}
	}
	if regexp.MustCompile(`\b` + testPIN + `\b`).MatchString(text) {
		s.t.Errorf("%s: the message holds the PIN", c.act)
	}
}
