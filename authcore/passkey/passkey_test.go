package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

const origin = "https://portail.example.org"

var jeanne = passkey.User{Handle: []byte("a handle drawn for Jeanne"), Name: "jdupont", DisplayName: "Jeanne Dupont"}

func newParty(t testing.TB, change ...func(*passkey.Config)) *passkey.RelyingParty {
	t.Helper()
	c := passkey.Config{Origin: origin, Name: "Sésame"}
	for _, f := range change {
		f(&c)
	}
	p, err := passkey.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// register plays a registration.
func register(t testing.TB, p *passkey.RelyingParty, a *passkeytest.Authenticator) (passkey.Credential, error) {
	t.Helper()
	options, kept, err := p.BeginRegistration(jeanne, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.FinishRegistration(kept, a.Register(options))
}

func registered(t testing.TB, p *passkey.RelyingParty, a *passkeytest.Authenticator) passkey.Credential {
	t.Helper()
	c, err := register(t, p, a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// login plays a login, of anybody's credential unless allowed is given.
func login(t testing.TB, p *passkey.RelyingParty, a *passkeytest.Authenticator, c passkey.Credential, allowed ...[]byte) (passkey.Use, error) {
	t.Helper()
	options, kept, err := p.BeginLogin(allowed)
	if err != nil {
		t.Fatal(err)
	}
	return finish(p, kept, a.Login(options), c)
}

func finish(p *passkey.RelyingParty, kept passkey.Ceremony, response []byte, c passkey.Credential) (passkey.Use, error) {
	claim, err := passkey.ReadClaim(response)
	if err != nil {
		return passkey.Use{}, err
	}
	return p.FinishLogin(kept, claim, jeanne, c)
}

// wantRefusal wants a refusal for that reason; 0 is none at all.
func wantRefusal(t testing.TB, err error, want passkey.Reason) {
	t.Helper()
	var r *passkey.Refusal
	switch {
	case want == 0 && err != nil:
		t.Errorf("refused: %v", err)
	case want != 0 && (!errors.As(err, &r) || r.Reason != want):
		t.Errorf("got %v, want a refusal for %s", err, want)
	}
}

func TestRegistrationAndLogin(t *testing.T) {
	p, a := newParty(t), passkeytest.New(origin)
	a.Flags |= passkeytest.Eligible
	c := registered(t, p, a)
	if !bytes.Equal(c.ID, a.ID) || c.Count != 1 || !c.Synced || c.BackedUp || c.Attestation != "none" || fmt.Sprint(c.Transports) != "[usb]" {
		t.Errorf("the credential is %+v", c)
	}
	a.Flags |= passkeytest.BackedUp
	for _, allowed := range [][][]byte{nil, {[]byte("another"), a.ID}} {
		used, err := login(t, p, a, c, allowed...)
		wantRefusal(t, err, 0)
		if used.Cloned || used.Credential.Count != c.Count+1 || !used.Credential.BackedUp {
			t.Errorf("after a login: %+v", used)
		}
		c = used.Credential
	}
	a.Silent = true // its credential is not discoverable: it must have been asked for
	_, err := login(t, p, a, c, a.ID)
	wantRefusal(t, err, 0)
	_, err = login(t, p, a, c)
	wantRefusal(t, err, passkey.WrongPerson)
}

// What browsers are told.
func TestOptions(t *testing.T) {
	p := newParty(t, func(c *passkey.Config) { c.Origin += ":8443" })
	creation, _, err := p.BeginRegistration(jeanne, [][]byte{[]byte("one"), []byte("two")})
	if err != nil {
		t.Fatal(err)
	}
	request, _, err := p.BeginLogin(nil)
	if err != nil {
		t.Fatal(err)
	}
	named, _, err := p.BeginLogin([][]byte{[]byte("one")})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		options []byte
		want    []string
		not     string
	}{
		{creation, []string{`"rp":{"name":"Sésame","id":"portail.example.org"}`, `"userVerification":"required"`, `"residentKey":"preferred"`, `"attestation":"none"`,
			`"excludeCredentials":[{"type":"public-key","id":"b25l"},{"type":"public-key","id":"dHdv"}]`,
			`"alg":-7},{"type":"public-key","alg":-8},{"type":"public-key","alg":-257}]`, `"name":"jdupont"`}, "jdupont@"},
		{request, []string{`"rpId":"portail.example.org"`, `"userVerification":"required"`}, "allowCredentials"},
		{named, []string{`"allowCredentials":[{"type":"public-key","id":"b25l"}]`, `"userVerification":"required"`}, "transports"},
	} {
		for _, want := range x.want {
			if !strings.Contains(string(x.options), want) {
				t.Errorf("%s\nlacks %s", x.options, want)
			}
		}
		if strings.Contains(string(x.options), x.not) {
			t.Errorf("%s\nhas %s", x.options, x.not)
		}
	}
}

// Each ceremony has a challenge of its own, and a response to one is no response to
// another, nor to one of the other kind.
func TestChallenges(t *testing.T) {
	p, a := newParty(t), passkeytest.New(origin)
	creation, kept, err := p.BeginRegistration(jeanne, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := p.BeginRegistration(jeanne, nil)
	if err != nil || other.Challenge == kept.Challenge {
		t.Fatal("two registrations have the same challenge", err)
	}
	response := a.Register(creation)
	_, err = p.FinishRegistration(other, response)
	wantRefusal(t, err, passkey.WrongChallenge)
	_, err = p.FinishRegistration(passkey.Ceremony{Handle: jeanne.Handle}, response)
	wantRefusal(t, err, passkey.WrongChallenge)
	login := kept
	login.Login = true
	_, err = p.FinishRegistration(login, response)
	wantRefusal(t, err, passkey.WrongKind)
	c, err := p.FinishRegistration(kept, response)
	wantRefusal(t, err, 0)

	request, kept, err := p.BeginLogin(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err = p.BeginLogin(nil)
	if err != nil {
		t.Fatal(err)
	}
	response = a.Login(request)
	_, err = finish(p, other, response, c)
	wantRefusal(t, err, passkey.WrongChallenge)
	_, err = finish(p, passkey.Ceremony{Login: true}, response, c)
	wantRefusal(t, err, passkey.WrongChallenge)
	kept.Login = false
	_, err = finish(p, kept, response, c)
	wantRefusal(t, err, passkey.WrongKind)
	kept.Login = true
	_, err = finish(p, kept, response, c)
	wantRefusal(t, err, 0)
	if _, err := p.FinishLogin(kept, passkey.Claim{ID: c.ID}, jeanne, c); err == nil {
		t.Error("a claim without a response opens")
	}
}

// misbehaviours are what neither ceremony may accept.
var misbehaviours = []struct {
	name string
	do   func(*passkeytest.Authenticator)
	want passkey.Reason
}{
	{"another site", func(a *passkeytest.Authenticator) { a.Origin = "https://evil.test" }, passkey.WrongOrigin},
	{"a host that begins alike", func(a *passkeytest.Authenticator) { a.Origin = origin + ".evil.test" }, passkey.WrongOrigin},
	{"plain http", func(a *passkeytest.Authenticator) { a.Origin = "http://portail.example.org" }, passkey.WrongOrigin},
	{"another port", func(a *passkeytest.Authenticator) { a.Origin = origin + ":8443" }, passkey.WrongOrigin},
	{"the default port", func(a *passkeytest.Authenticator) { a.Origin = origin + ":443" }, passkey.WrongOrigin},
	{"a host below", func(a *passkeytest.Authenticator) { a.Origin = "https://notes.portail.example.org" }, passkey.WrongOrigin},
	{"a host beside", func(a *passkeytest.Authenticator) { a.Origin = "https://notes.example.org" }, passkey.WrongOrigin},
	{"the host above", func(a *passkeytest.Authenticator) { a.Origin = "https://example.org" }, passkey.WrongOrigin},
	{"a path", func(a *passkeytest.Authenticator) { a.Origin = origin + "/" }, passkey.WrongOrigin},
	{"somebody before the host", func(a *passkeytest.Authenticator) { a.Origin = "https://x@portail.example.org" }, passkey.WrongOrigin},
	{"capitals", func(a *passkeytest.Authenticator) { a.Origin = "https://Portail.example.org" }, passkey.WrongOrigin},
	{"no origin", func(a *passkeytest.Authenticator) { a.Origin = "" }, passkey.WrongOrigin},
	{"the origin null", func(a *passkeytest.Authenticator) { a.Origin = "null" }, passkey.WrongOrigin},
	{"inside another site", said("crossOrigin", true), passkey.Embedded},
	{"below another site", said("topOrigin", "https://evil.test"), passkey.Embedded},
	{"below the portal itself", said("topOrigin", origin), passkey.Embedded},
	{"another kind", said("type", "payment.get"), passkey.WrongKind},
	{"another challenge", said("challenge", strings.Repeat("A", 43)), passkey.WrongChallenge},
	{"no challenge", said("challenge", ""), passkey.WrongChallenge},
	{"another RP ID", func(a *passkeytest.Authenticator) { a.Host = "evil.test" }, passkey.WrongParty},
	{"the RP ID above", func(a *passkeytest.Authenticator) { a.Host = "example.org" }, passkey.WrongParty},
	{"nobody there", func(a *passkeytest.Authenticator) { a.Flags = passkeytest.Verified }, passkey.NotPresent},
	{"nobody verified", func(a *passkeytest.Authenticator) { a.Flags = passkeytest.Present }, passkey.NotVerified},
	{"no flag at all", func(a *passkeytest.Authenticator) { a.Flags = 0 }, passkey.NotPresent},
	{"backed up, and not to be", func(a *passkeytest.Authenticator) { a.Flags |= passkeytest.BackedUp }, passkey.OddBackup},
	{"client data of a megabyte", said("padding", strings.Repeat("x", 1<<20)), passkey.Malformed},
	{"client data of five kilobytes", said("padding", strings.Repeat("x", 5<<10)), passkey.Malformed},
	{"a byte too many", func(a *passkeytest.Authenticator) { a.AuthData = func(b []byte) []byte { return append(b, 0) } }, passkey.Malformed},
	{"a byte too few", func(a *passkeytest.Authenticator) { a.AuthData = func(b []byte) []byte { return b[:len(b)-1] } }, passkey.Malformed},
	{"the flag of extensions, and none", func(a *passkeytest.Authenticator) { a.Flags |= passkeytest.Extensions }, passkey.Malformed},
	{"extensions that are no map", func(a *passkeytest.Authenticator) {
		a.Flags |= passkeytest.Extensions
		a.AuthData = func(b []byte) []byte { return append(b, 0x80) }
	}, passkey.Malformed},
}

func said(name string, value any) func(*passkeytest.Authenticator) {
	return func(a *passkeytest.Authenticator) { a.ClientData = func(said map[string]any) { said[name] = value } }
}

func TestMisbehaviour(t *testing.T) {
	p := newParty(t)
	for _, x := range misbehaviours {
		t.Run(x.name, func(t *testing.T) {
			a := passkeytest.New(origin)
			c := registered(t, p, a)
			x.do(a)
			_, err := login(t, p, a, c)
			wantRefusal(t, err, x.want)
			_, err = register(t, p, a)
			wantRefusal(t, err, x.want)
		})
	}
}

// Whose credential it is: the claim, the person and the credential must agree.
func TestWhose(t *testing.T) {
	p, a := newParty(t), passkeytest.New(origin)
	c := registered(t, p, a)
	_, err := login(t, p, a, c, []byte("another"))
	wantRefusal(t, err, passkey.WrongCredential)
	other := c
	other.ID = []byte("the credential of Martin")
	_, err = login(t, p, a, other)
	wantRefusal(t, err, passkey.WrongCredential)
	a.Handle = []byte("a handle drawn for Martin")
	for _, allowed := range [][][]byte{nil, {a.ID}} {
		_, err = login(t, p, a, c, allowed...)
		wantRefusal(t, err, passkey.WrongPerson)
	}
	a.Handle = jeanne.Handle
	other = c
	other.Synced = true // it was so at the registration
	_, err = login(t, p, a, other)
	wantRefusal(t, err, passkey.OddBackup)
}

// The counter tells of a second authenticator; where there is none, it tells
// nothing.
func TestCounter(t *testing.T) {
	p, a := newParty(t), passkeytest.New(origin)
	c := registered(t, p, a)
	for _, x := range []struct {
		kept, next uint32
		cloned     bool
	}{{0, 0, false}, {0, 1, false}, {1, 2, false}, {5, 5, true}, {5, 4, true}, {5, 0, true}, {5, 1 << 31, false}} {
		c.Count, a.Count = x.kept, x.next-a.Step
		used, err := login(t, p, a, c)
		wantRefusal(t, err, 0)
		if used.Cloned != x.cloned || !x.cloned && used.Credential.Count != x.next || x.cloned && used.Credential.Count != x.kept {
			t.Errorf("from %d to %d: %+v", x.kept, x.next, used)
		}
	}
}

func TestConfig(t *testing.T) {
	for origin, want := range map[string]string{
		"https://portail.example.org": "", "https://portail.example.org:8443": "", "http://localhost:8080": "", "http://portail.localhost": "",
		"http://portail.example.org": "https", "https://portail": "host name", "https://192.0.2.1": "host name", "https://[2001:db8::1]:8443": "host name", "http://127.0.0.1": "host name",
		"https://portail.example.org/": "no origin", "https://Portail.example.org": "no origin", "portail.example.org": "no origin", "": "no origin",
		"https://": "no origin", "https://u@portail.example.org": "no origin", "ftp://portail.example.org": "host name",
	} {
		_, err := passkey.New(passkey.Config{Origin: origin, Name: "Sésame"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", origin, err)
		}
	}
	for name, c := range map[string]passkey.Config{
		"without a name":             {Origin: origin},
		"models without attestation": {Origin: origin, Name: "x", Models: []string{"01234567-89ab-cdef-0123-456789abcdef"}},
		"a model that is none":       {Origin: origin, Name: "x", Attestation: true, Models: []string{"0123456789abcdef0123456789abcdef"}},
	} {
		if _, err := passkey.New(c); err == nil {
			t.Errorf("%s it is taken", name)
		}
	}
	if m, err := passkey.ParseModel("01234567-89AB-cdef-0123-456789abcdef"); err != nil || m.String() != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Errorf("a model in capitals is %s, %v", m, err)
	}
}

func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for r := passkey.Malformed; r <= passkey.WrongPerson; r++ {
		if w := r.String(); w == "unknown" || w == "" || seen[w] {
			t.Errorf("reason %d is %q", r, w)
		}
		seen[r.String()] = true
	}
	if passkey.Reason(0).String() != "unknown" || (passkey.WrongPerson+1).String() != "unknown" {
		t.Error("what is no reason has a word")
	}
}

// A response that is none, or huge, is refused at once.
func TestMalformed(t *testing.T) {
	p, a := newParty(t), passkeytest.New(origin)
	options, kept, err := p.BeginLogin(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := a.Login(options)
	var response map[string]any
	if err := json.Unmarshal(good, &response); err != nil {
		t.Fatal(err)
	}
	with := func(name string, value any) []byte {
		changed := map[string]any{}
		for k, v := range response {
			changed[k] = v
		}
		changed[name] = value
		b, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	long := base64.RawURLEncoding.EncodeToString(make([]byte, 2000))
	for name, body := range map[string][]byte{
		"empty": nil, "no JSON": []byte("{"), "null": []byte("null"), "a list": []byte("[]"), "two values": append(bytes.Clone(good), good...),
		"a megabyte": append(bytes.Clone(good), bytes.Repeat([]byte(" "), 1<<20)...), "deep": bytes.Repeat([]byte("["), 30000),
		"another type": with("type", "password"), "two IDs": with("id", "AAAA"), "no ID": with("id", ""), "a response that is none": with("response", 7),
		"a long ID": func() []byte { response["rawId"] = long; return with("id", long) }(),
	} {
		began := time.Now()
		_, err := finish(p, kept, body, passkey.Credential{})
		wantRefusal(t, err, passkey.Malformed)
		if _, err := p.FinishRegistration(passkey.Ceremony{}, body); err == nil {
			t.Errorf("%s is a registration", name)
		}
		took := time.Since(began)
		const most = 250 * time.Millisecond
		for tries := 0; took > most && tries < 20; tries++ { // a busy machine holds up the one or the other
			began = time.Now()
			_, _ = finish(p, kept, body, passkey.Credential{})
			took = time.Since(began)
		}
		if took > most {
			t.Errorf("%s takes %s", name, took)
		}
	}
}
