package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
)

// told is what the application learnt of a person from one request, by folded
// names.
func (w wireRequest) told() map[string]string {
	all := make(map[string]string)
	for _, line := range w.managed() {
		name, value, _ := strings.Cut(line, ": ")
		all[foldName(name)] += value
	}
	return all
}

// openNotes opens the application as somebody of whom all is known, and returns
// what reached it.
func (s *testServer) openNotes(change func(*authcore.Account)) (*browser, answer, []wireRequest) {
	s.t.Helper()
	a := headOf(s.t)
	if change != nil {
		change(&a)
	}
	s.person(a)
	b := newBrowser(s.t)
	last := s.enroll(b, string(a.Identifier), b.open(s.at("notes", "/x")))
	return b, last, s.notes.take()
}

// Each preset, with a real server before and behind the gate.
func TestPresetsOnTheWire(t *testing.T) {
	for preset, want := range map[string]map[string]string{
		"remote-user": {"remote-user": "edupont", "remote-name": "Ève Dupont", "remote-email": "eve@ac-exemple.fr", "remote-groups": "enseignants,3eB"},
		"x-forwarded": {"x-forwarded-user": "edupont", "x-forwarded-preferred-username": "edupont", "x-forwarded-email": "eve@ac-exemple.fr", "x-forwarded-groups": "enseignants,3eB"},
		"cleartrust": {
			"ct-remote-user": "edupont", "ctln": "Dupont", "ctfn": "Ève", "cn": "Ève Dupont", "ctemail": "eve@ac-exemple.fr", "ctgrps": "enseignants,3eB",
			"rne": "0441550W", "codaca": "017", "fredufonctadm": "DIR", "fredurneresp": "X",
			"fredurne": "0693045K$UAJ$PU$ADM$0693045K$T3$LP$320,0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340",
		},
	} {
		t.Run(preset, func(t *testing.T) {
			s := startGate(t, "", "headers "+preset)
			_, last, got := s.openNotes(nil)
			if last.body != "ok" || len(got) != 1 {
				t.Fatalf("%s, %d requests", last.Status, len(got))
			}
			told := got[0].told()
			if preset == presetClearTrust {
				want["freduurlretour"] = s.at("portail", "/")
				delete(told, "freduresdel")   // its days depend on the clock;
				delete(told, "fredugestresp") // TestHeaderPlan has both
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("the application got (-want +got):\n%s", diff)
			}
		})
	}
}

// Who cannot be told gets a page with a reference, and the application nothing.
func TestUntold(t *testing.T) {
	s := startGate(t, "", "charset latin1")
	b, last, got := s.openNotes(func(a *authcore.Account) { a.Surname = "Œuvrard" })
	reference := last.Header.Get("Sesame-Reference")
	if last.StatusCode != http.StatusInternalServerError || reference == "" || !strings.Contains(last.body, "Carnet de notes") || !strings.Contains(last.body, reference[:4]) || len(got) > 0 {
		t.Errorf("%s, reference %q, %d requests\n%s", last.Status, reference, len(got), last.body)
	}
	if log := s.log(); !strings.Contains(log, reference) || !strings.Contains(log, errNotLatin1.Error()) || strings.Contains(log, `Œuvrard`) {
		t.Error("the log does not say why, or says what the name is")
	}
	a := b.do(b.request("GET", s.at("notes", "/x"), "Accept", "application/json"))
	if a.StatusCode != http.StatusInternalServerError || a.Header.Get("Content-Type") != "application/problem+json" || len(s.notes.take()) > 0 {
		t.Errorf("a script: %s %s", a.Status, a.body)
	}
}

// Long headers are warned about, once for each person; longer ones are refused.
func TestLongIdentity(t *testing.T) {
	s := startGate(t, "", "")
	groups := func(n int) func(*authcore.Account) {
		return func(a *authcore.Account) {
			a.Identifier = authcore.Identifier(fmt.Sprintf("person%d", n))
			for i := range n {
				a.Groups = append(a.Groups, fmt.Sprintf("%0100d", i))
			}
		}
	}
	warnings := func() int { return strings.Count(s.log(), "headers that tell an application who is there are long") }
	if _, last, _ := s.openNotes(groups(50)); last.body != "ok" || warnings() != 0 {
		t.Errorf("5 KiB: %s, %d warnings", last.Status, warnings())
	}
	b, last, _ := s.openNotes(groups(70))
	b.open(s.at("notes", "/y"))
	s.notes.take()
	if last.body != "ok" || warnings() != 1 {
		t.Errorf("7 KiB: %s, %d warnings", last.Status, warnings())
	}
	if _, last, got := s.openNotes(groups(170)); last.StatusCode != http.StatusInternalServerError || len(got) > 0 || !strings.Contains(s.log(), "longer than 16 KiB") {
		t.Errorf("17 KiB: %s", last.Status)
	}
}

// keys reads the published keys as an application does.
func (s *testServer) keys() []byte {
	s.t.Helper()
	b := newBrowser(s.t)
	a := b.do(b.request("GET", s.at("portail", "/.sesame/jwks.json"), "Origin", "https://anywhere.example"))
	want := map[string]string{"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*", "Content-Type": "application/jwk-set+json", "Set-Cookie": "", "Vary": ""}
	for name, value := range want {
		if got := a.Header.Get(name); got != value {
			s.t.Errorf("%s of the keys is %q, want %q", name, got, value)
		}
	}
	if a.StatusCode != http.StatusOK || strings.Contains(a.body, `"d"`) {
		s.t.Fatalf("%s %s", a.Status, a.body)
	}
	return []byte(a.body)
}

// verify is what an application does with an assertion, by a library that is not
// ours and as the manual says.
func (s *testServer) verify(token string, keys []byte, audience string) (jwt.Claims, error) {
	s.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(keys, &set); err != nil {
		s.t.Fatal(err)
	}
	var c jwt.Claims
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return c, err
	}
	if err := parsed.Claims(set, &c); err != nil {
		return c, err
	}
	return c, c.ValidateWithLeeway(jwt.Expected{Issuer: s.at("portail", ""), AnyAudience: jwt.Audience{audience}, Time: now()}, 0)
}

// assertion is the one that reached the application with the last request.
func (s *testServer) assertion() string {
	s.t.Helper()
	got := s.notes.take()
	if len(got) != 1 || len(got[0].values(assertionHeader)) != 1 {
		s.t.Fatalf("%d requests reached the application, or not one assertion", len(got))
	}
	return got[0].values(assertionHeader)[0]
}

// TestAssertionOnTheWire: an application verifies who is there with the published
// keys alone, over a rotation too; what is forged, or meant for another, is not.
func TestAssertionOnTheWire(t *testing.T) {
	s := startGate(t, "", "assertion")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/x"))
	keys, token, notes := s.keys(), s.assertion(), s.at("notes", "")
	c, err := s.verify(token, keys, notes)
	if err != nil || c.Subject != "edupont" || c.Expiry.Time().Sub(c.IssuedAt.Time()) != time.Minute || c.ID == "" {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := s.verify(token, keys, s.at("autre", "")); err == nil {
		t.Error("another application takes it")
	}
	part := strings.Split(token, ".")
	if _, err := s.verify("eyJhbGciOiJub25lIn0."+part[1]+".", keys, notes); err == nil {
		t.Error("alg none is taken")
	}

	b.do(b.request("GET", s.at("notes", "/x"), "Accept", "*/*", "Sesame-Assertion", "forged", "SESAME_ASSERTION", "forged", "Connection", "sesame-assertion"))
	if again := s.assertion(); again != token {
		t.Error("a client's assertion changed ours")
	}
	out := newBrowser(t)
	out.do(out.request("GET", s.at("notes", "/public/x"), "Sesame-Assertion", token, "sesame.assertion", token))
	if got := s.notes.take(); len(got) != 1 || len(got[0].managed()) > 0 {
		t.Errorf("a public path: %v", got)
	}

	if err := rotateSecrets(filepath.Join(s.dir, "secret")); err != nil {
		t.Fatal(err)
	}
	s.reload(s.config)
	b.open(s.at("notes", "/x"))
	rotated := s.assertion()
	if rotated == token {
		t.Error("after the rotation the same key signs")
	}
	for name, with := range map[string]struct {
		token string
		keys  []byte
	}{"new, with the keys of before": {rotated, keys}, "new": {rotated, s.keys()}, "of before, with the new keys": {token, s.keys()}} {
		if _, err := s.verify(with.token, with.keys, notes); err != nil {
			t.Errorf("an assertion %s: %v", name, err)
		}
	}
	advance(61 * time.Second)
	if _, err := s.verify(rotated, s.keys(), notes); err == nil {
		t.Error("it is good for more than a minute")
	}
	b.open(s.at("notes", "/x"))
	if _, err := s.verify(s.assertion(), s.keys(), notes); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	if log := s.log(); strings.Contains(withoutUpstream(log), rotated) {
		t.Error("the log has an assertion")
	}
}

// withoutUpstream is a log without what Caddy's reverse_proxy says at level DEBUG
// of what it sends: that is Caddy's, and the manual warns of it.
func withoutUpstream(log string) string {
	var kept []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"upstream roundtrip"`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// The keys are read from no store.
func TestKeysWithoutAStore(t *testing.T) {
	s := startGate(t, "", "assertion")
	s.keys()
	v, _, err := pool.LoadOrNew(resolveLinks(s.storeDir()), func() (caddy.Destructor, error) { return nil, fmt.Errorf("not open") })
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Delete(resolveLinks(s.storeDir()))
	if err := v.(*openStore).store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.gate().Health(context.Background()); err == nil {
		t.Fatal("the store still answers")
	}
	s.keys()
	b := newBrowser(t)
	if a := b.do(b.request("POST", s.at("portail", "/.sesame/jwks.json"))); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", a.Status)
	}
	if a := b.do(b.request("GET", s.at("notes", "/.sesame/jwks.json"))); a.StatusCode != http.StatusNotFound {
		t.Errorf("on an application's host: %s", a.Status)
	}
}

// sharedFile writes a file for a shared secret.
func sharedFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSharedSecret: the application gets it with everything that came through the
// gate, public paths too, and from nobody else.
func TestSharedSecret(t *testing.T) {
	const secret = "kT4+Zr0wq7Yb1hJ5sPn8Vd2LcX9mAe6G"
	s := startGate(t, "", "shared_secret X-Gate-Key "+sharedFile(t, secret+"\n", 0o600))
	b := s.loggedIn("edupont")
	out := newBrowser(t)
	for name, ask := range map[string]func(){
		"in session": func() {
			b.do(b.request("GET", s.at("notes", "/x"), "Accept", "text/html", "X-Gate-Key", "forged", "X_Gate_Key", "forged"))
		},
		"public, in session": func() {
			b.do(b.request("GET", s.at("notes", "/public/x"), "X-Gate-Key", "forged", "Connection", "x-gate-key"))
		},
		"public": func() { out.do(out.request("GET", s.at("notes", "/public/x"), "x.gate.key", "forged")) },
	} {
		ask()
		if got := s.notes.take(); len(got) != 1 || !cmp.Equal(got[0].values("X-Gate-Key"), []string{secret}) {
			t.Errorf("%s: %d requests, or not the one secret", name, len(got))
		}
	}
	if strings.Contains(string(s.config), secret) || strings.Contains(withoutUpstream(s.log()), secret) {
		t.Error("the configuration or the log has the secret")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, caddyApp(t).byID["notes"].headers); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows the secret", verb)
		}
	}
}

// caddyApp is the running configuration.
func caddyApp(t *testing.T) *App {
	t.Helper()
	app, err := caddy.ActiveContext().AppIfConfigured("sesame")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*App)
}

func TestSharedSecretFile(t *testing.T) {
	good := strings.Repeat("k", 22)
	for name, tt := range map[string]struct {
		content string
		mode    os.FileMode
		says    string
	}{
		"readable by the group": {good, 0o640, "can be read by others (mode 0640)"},
		"readable by all":       {good, 0o604, "chmod 600"},
		"too short":             {good[1:], 0o600, "one line of 22 to 1024 visible ASCII characters"},
		"too long":              {strings.Repeat("k", 1025), 0o600, "one line of"},
		"two lines":             {good + "\n" + good, 0o600, "one line of"},
		"a space":               {good + " " + good, 0o600, "one line of"},
		"an accent":             {good + "é", 0o600, "one line of"},
		"nothing":               {"", 0o600, "one line of"},
	} {
		got, err := (&SharedSecret{Header: "X", File: sharedFile(t, tt.content, tt.mode)}).read()
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), good[1:]) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, content := range []string{good, good + "\n", good + "\r\n", strings.Repeat("k", 1024) + "\n"} {
		got, err := (&SharedSecret{Header: "x-key", File: sharedFile(t, content, 0o400)}).read()
		h := make(http.Header)
		if got.set(h); err != nil || h.Get("X-Key") != strings.TrimSpace(content) {
			t.Errorf("%d bytes: %v", len(content), err)
		}
	}
	t.Setenv("SHARED", sharedFile(t, good, 0o600))
	if _, err := (&SharedSecret{Header: "X", File: "{env.SHARED}"}).read(); err != nil {
		t.Errorf("by a placeholder: %v", err)
	}
	for _, path := range []string{"", t.TempDir(), "{env.NO_SUCH_VARIABLE_HERE}", filepath.Join(t.TempDir(), "nothing")} {
		if _, err := (&SharedSecret{Header: "X", File: path}).read(); err == nil {
			t.Errorf("%q is read", path)
		}
	}
}
