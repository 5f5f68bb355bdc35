package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

// The paths of the pages and of what passkey.js asks.
const (
	passkeysPath     = "/.sesame/account/passkeys"
	loginOptionsPath = "/.sesame/passkey/login/options"
	loginPath        = "/.sesame/passkey/login"
	addOptionsPath   = "/.sesame/passkey/add/options"
	addPath          = "/.sesame/passkey/add"
)

var scriptCSRF = regexp.MustCompile(`data-csrf="([^"]*)"`)

// script is passkey.js on a page: it asks with the page's form token.
type script struct {
	*testServer
	b    *browser
	csrf string
}

func (s *testServer) script(b *browser, a answer) *script {
	s.t.Helper()
	m := scriptCSRF.FindStringSubmatch(a.body)
	if m == nil {
		s.t.Fatalf("no passkey at %s (%s):\n%s", a.url(), a.Status, a.body)
	}
	return &script{s, b, m[1]}
}

// request is what the script sends, as browsers send it.
func (p *script) request(path string, body map[string]any) *http.Request {
	p.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	req := p.b.request("POST", p.at("portail", path), "Content-Type", "application/json", "Accept", "application/json",
		"Origin", p.at("portail", ""), "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors")
	p.b.body(req, string(text))
	return req
}

// said is an answer to the script.
type said struct {
	status int
	header http.Header

	Options   json.RawMessage
	Ceremony  string
	Location  string
	Code      string
	Reference string
}

func (p *script) send(req *http.Request) (s said) {
	p.t.Helper()
	a := p.b.once(req)
	s.status, s.header = a.StatusCode, a.Header
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		p.t.Fatalf("%s: %s %q: %v", req.URL, a.Status, a.body, err)
	}
	return s
}

func (p *script) ask(path string, body map[string]any) said {
	p.t.Helper()
	body["csrf"] = p.csrf
	return p.send(p.request(path, body))
}

// login logs in with an authenticator.
func (p *script) login(a *passkeytest.Authenticator, identifier, target string) said {
	p.t.Helper()
	begun := p.ask(loginOptionsPath, map[string]any{"identifier": identifier})
	if begun.status != http.StatusOK {
		return begun
	}
	return p.ask(loginPath, map[string]any{"ceremony": begun.Ceremony, "target": target, "response": json.RawMessage(a.Login(begun.Options))})
}

// add adds one.
func (p *script) add(a *passkeytest.Authenticator, name string) said {
	p.t.Helper()
	begun := p.ask(addOptionsPath, map[string]any{"name": name})
	if begun.status != http.StatusOK || begun.Location != "" {
		return begun
	}
	return p.ask(addPath, map[string]any{"ceremony": begun.Ceremony, "response": json.RawMessage(a.Register(begun.Options))})
}

// withPasskey is a browser of a teacher who has just added a passkey.
func (s *testServer) withPasskey(id authcore.Identifier, name string) (*browser, *passkeytest.Authenticator) {
	s.t.Helper()
	b, a := s.loggedIn(id), passkeytest.New(s.at("portail", ""))
	got := s.script(b, b.open(s.at("portail", passkeysPath+"/add"))).add(a, name)
	if got.status != http.StatusOK || got.Location != s.at("portail", passkeysPath+"?news=passkey-added") {
		s.t.Fatalf("adding a passkey: %d, %s, %s", got.status, got.Code, got.Location)
	}
	return b, a
}

func (p *script) want(got said, status int, code string) {
	p.t.Helper()
	if got.status != status || got.Code != code || (status >= 400) != (got.Reference != "") || got.header.Get("Sesame-Reference") != got.Reference {
		p.t.Errorf("got %d %q (reference %q), want %d %q", got.status, got.Code, got.Reference, status, code)
	}
	if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		p.t.Errorf("the answer's headers are %v", got.header)
	}
}

// TestPasskeyJourney: added behind a PASSCODE, then used from another browser
// instead of one, with and without an identifier, towards an application.
func TestPasskeyJourney(t *testing.T) {
	s := startGate(t, "", "header X-How {http.auth.user.method}")
	b, key := s.withPasskey("edupont", "Téléphone d’Ève")
	list := b.open(s.at("portail", passkeysPath+"?news=passkey-added"))
	if list.StatusCode != 200 || !strings.Contains(list.body, "Téléphone d’Ève") || !strings.Contains(list.body, "Clé d’accès ajoutée") || !strings.Contains(list.body, "Jamais utilisée.") {
		t.Errorf("the list: %s\n%s", list.Status, list.body)
	}
	if account := b.open(s.at("portail", "/.sesame/account")); !strings.Contains(account.body, `/.sesame/account/passkeys"`) {
		t.Error("the account does not lead to the passkeys")
	}
	target := s.at("notes", "/deep?a=b")
	for _, identifier := range []string{"", "edupont", " EDupont ", "no identifier at all"} {
		other := newBrowser(t)
		page := other.open(target)
		if !strings.Contains(page.body, "Se connecter avec une clé d’accès") || !strings.Contains(page.body, `autocomplete="username webauthn"`) {
			t.Fatalf("the login: %s\n%s", page.Status, page.body)
		}
		got := s.script(other, page).login(key, identifier, target)
		if got.status != 200 || got.Location != target {
			t.Fatalf("%q: %d, %s, %s", identifier, got.status, got.Code, got.Location)
		}
		if a := other.open(got.Location); a.url().String() != target || a.body != "ok" {
			t.Errorf("%q: %s at %s", identifier, a.Status, a.url())
		}
		if seen := s.notes.take(); len(seen) == 0 || !strings.Contains(fmt.Sprint(seen[len(seen)-1]), "X-How: passkey") {
			t.Errorf("the application learns %v", seen)
		}
	}
	for _, evil := range []string{"https://evil.example/", "//evil.example", s.at("portail", "/.sesame/logout"), ""} {
		other := newBrowser(t)
		if got := s.script(other, other.open(s.at("portail", "/.sesame/login"))).login(key, "", evil); got.Location != s.at("portail", "/") {
			t.Errorf("towards %q: %d, %s", evil, got.status, got.Location)
		}
	}
}

// TestPasskeyRefusals: what is not accepted is told in one way, and opens nothing.
func TestPasskeyRefusals(t *testing.T) {
	s := startGate(t, "", "")
	_, key := s.withPasskey("edupont", "Téléphone")
	good := *key
	for name, do := range map[string]func(){
		"another site":      func() { key.Origin = s.at("notes", "") },
		"another RP ID":     func() { key.Host = "localhost" },
		"not verified":      func() { key.Flags = passkeytest.Present },
		"another signature": func() { key.Sign = passkeytest.New(s.at("portail", "")).Sign },
		"nobody's":          func() { key.ID = []byte("nobody's credential") },
		"somebody's handle": func() { key.Handle = []byte("somebody") },
	} {
		count := key.Count
		*key = good
		key.Count = count
		do()
		b := newBrowser(t)
		p := s.script(b, b.open(s.at("portail", "/.sesame/login")))
		got := p.login(key, "", "")
		p.want(got, http.StatusForbidden, "refused")
		if a := b.open(s.at("portail", "/")); a.url().Path != "/.sesame/login" {
			t.Errorf("%s: the portal opens", name)
		}
		if !strings.Contains(s.log(), got.Reference) {
			t.Errorf("%s: the log has no %s", name, got.Reference)
		}
	}
	*key = good
	key.Count += 10
	b := newBrowser(t)
	p := s.script(b, b.open(s.at("portail", "/.sesame/login")))
	begun := p.ask(loginOptionsPath, map[string]any{"identifier": ""})
	answer := map[string]any{"ceremony": begun.Ceremony, "target": "", "response": json.RawMessage(key.Login(begun.Options))}
	p.want(p.ask(loginPath, answer), http.StatusOK, "")
	p.want(p.ask(loginPath, answer), http.StatusForbidden, "failed") // its login is over
	other := newBrowser(t)
	q := s.script(other, other.open(s.at("portail", "/.sesame/login")))
	q.want(q.ask(loginPath, answer), http.StatusForbidden, "refused")
}

// TestForgedCeremonies: each check in front of what passkey.js asks refuses by
// itself.
func TestForgedCeremonies(t *testing.T) {
	s := startGate(t, "", "")
	b, _ := s.withPasskey("edupont", "Téléphone")
	in := s.script(b, b.open(s.at("portail", passkeysPath+"/add")))
	out := newBrowser(t)
	stranger := s.script(out, out.open(s.at("portail", "/.sesame/login")))
	for _, path := range []string{loginOptionsPath, loginPath, addOptionsPath, addPath} {
		p := in
		if strings.HasPrefix(path, "/.sesame/passkey/login") {
			p = stranger
		}
		body := map[string]any{"csrf": p.csrf}
		for name, tt := range map[string]struct {
			forge  func(*http.Request)
			status int
		}{
			"cross-site":              {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
			"same-site":               {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
			"another origin":          {func(r *http.Request) { r.Header.Set("Origin", s.at("notes", "")) }, 403},
			"no origin":               {func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") }, 403},
			"the origin null":         {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
			"a form":                  {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
			"text":                    {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
			"no type":                 {func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
			"JSON in UTF-16":          {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-16") }, 415},
			"compressed":              {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415},
			"a megabyte":              {func(r *http.Request) { p.b.body(r, strings.Repeat(" ", 1<<20)) }, 413},
			"a megabyte, length kept": {func(r *http.Request) { p.b.body(r, strings.Repeat(" ", 1<<20)); r.ContentLength = -1 }, 413},
			"no JSON":                 {func(r *http.Request) { p.b.body(r, "{") }, 400},
			"two values":              {func(r *http.Request) { p.b.body(r, "{} {}") }, 400},
			"an unknown field":        {func(r *http.Request) { p.b.body(r, `{"passcode":"123456"}`) }, 400},
			"no token":                {func(r *http.Request) { p.b.body(r, "{}") }, 403},
			"another token":           {func(r *http.Request) { p.b.body(r, `{"csrf":"`+strings.Repeat("A", 60)+`"}`) }, 403},
		} {
			req := p.request(path, body)
			tt.forge(req)
			if got := p.send(req); got.status != tt.status || got.Reference == "" || got.Code != "failed" {
				t.Errorf("%s, %s: %d %s", path, name, got.status, got.Code)
			}
		}
		if a := p.b.once(p.b.request("GET", s.at("portail", path))); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "POST" {
			t.Errorf("GET %s: %s, Allow %q", path, a.Status, a.Header.Get("Allow"))
		}
		if a := p.b.once(p.b.request("POST", s.at("notes", path))); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s on an application's host: %s", path, a.Status)
		}
	}
	// A token is the login's or the session's that it was made for.
	in.csrf, stranger.csrf = stranger.csrf, in.csrf
	in.want(in.ask(addOptionsPath, map[string]any{"name": "x"}), http.StatusForbidden, "failed")
	stranger.want(stranger.ask(loginOptionsPath, map[string]any{"identifier": ""}), http.StatusForbidden, "failed")
}

// TestAddingTakesAFreshCode: five minutes behind the PASSCODE the login asks for
// another, comes back, and takes no passkey instead.
func TestAddingTakesAFreshCode(t *testing.T) {
	s := startGate(t, "", "")
	b, key := s.withPasskey("edupont", "Téléphone")
	add := s.at("portail", passkeysPath+"/add")
	p := s.script(b, b.open(add))
	p.want(p.add(passkeytest.New(s.at("portail", "")), " "), http.StatusBadRequest, "name")
	exists := key.Clone()
	p.want(p.add(exists, "Encore"), http.StatusForbidden, "exists")
	bad := passkeytest.New(s.at("portail", ""))
	bad.Flags = passkeytest.Present
	p.want(p.add(bad, "Encore"), http.StatusForbidden, "refused")
	advance(6 * time.Minute)
	if got := p.add(passkeytest.New(s.at("portail", "")), "Trop tard"); got.Location != add {
		t.Errorf("after six minutes: %d, %s", got.status, got.Location)
	}
	a := b.open(add)
	if a.url().Path != "/.sesame/login" || !strings.Contains(a.body, "Un nouveau code est demandé") || strings.Contains(a.body, "webauthn") {
		t.Fatalf("after six minutes: %s at %s", a.Status, a.url())
	}
	if a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); a.url().Path != passkeysPath+"/add" {
		t.Fatalf("behind the code: %s at %s", a.Status, a.url())
	}
	if got := s.script(b, a).add(passkeytest.New(s.at("portail", "")), "Clé"); got.status != 200 {
		t.Errorf("behind the code: %d %s", got.status, got.Code)
	}
	// Without JavaScript the page says what is missing.
	if a := b.submit(b.open(add), "name", "Clé"); a.StatusCode != 200 || !strings.Contains(a.body, "JavaScript est nécessaire") || !strings.Contains(a.body, `value="Clé"`) {
		t.Errorf("as a form: %s\n%s", a.Status, a.body)
	}
	out := newBrowser(t)
	if a := out.open(add); a.url().Path != "/.sesame/login" || !strings.Contains(a.url().RawQuery, "passkeys") {
		t.Errorf("without a session: %s at %s", a.Status, a.url())
	}
	if a := out.once(out.request("GET", add, "Accept", "*/*")); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a script without a session: %s", a.Status)
	}
}

var passkeyID = regexp.MustCompile(`/rename\?passkey=([0-9a-f]{10})`)

func (s *testServer) passkeyIDs(b *browser) (ids []string) {
	s.t.Helper()
	for _, m := range passkeyID.FindAllStringSubmatch(b.open(s.at("portail", passkeysPath)).body, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// TestRenamingAndRemoving passkeys, one's own only, and not the last means.
func TestRenamingAndRemoving(t *testing.T) {
	s := startGate(t, "", "")
	b, key := s.withPasskey("edupont", "Téléphone")
	other, _ := s.withPasskey("mmartin", "Tablette")
	id, foreign := s.passkeyIDs(b)[0], s.passkeyIDs(other)[0]
	at := func(what, id string) string {
		return s.at("portail", passkeysPath+"/"+what) + "?" + url.Values{"passkey": {id}}.Encode()
	}
	for _, what := range []string{"rename", "remove"} {
		for _, id := range []string{foreign, "", "0000000000", "Téléphone"} {
			if a := b.open(at(what, id)); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s %q: %s", what, id, a.Status)
			}
		}
		page := b.open(at(what, id))
		if a := b.do(withFields(b.post(page, "name", "x"), "passkey", foreign)); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s, the form of somebody else's: %s", what, a.Status)
		}
		if a := b.do(crossed(b.post(page, "name", "x"))); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site: %s", what, a.Status)
		}
		if a := b.do(withFields(b.post(page, "name", "x"), "csrf", strings.Repeat("A", 60))); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s with another token: %s", what, a.Status)
		}
	}
	if a := b.submit(b.open(at("rename", id)), "name", ""); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Ce nom ne convient pas") {
		t.Errorf("no name: %s", a.Status)
	}
	if a := b.submit(b.open(at("rename", id)), "name", "<b>Clé</b>"); a.StatusCode != 200 || !strings.Contains(a.body, "Nom changé") || !strings.Contains(a.body, "&lt;b&gt;Clé") {
		t.Errorf("another name: %s\n%s", a.Status, a.body)
	}
	advance(6 * time.Minute)
	if a := b.open(at("remove", id)); a.url().Path != "/.sesame/login" || !strings.Contains(a.body, "webauthn") {
		t.Errorf("removing after six minutes: %s at %s", a.Status, a.url())
	}
	page := b.open(at("remove", id))
	got := s.script(b, page).login(key, "", page.url().Query().Get("target"))
	if got.status != 200 || got.Location != at("remove", id) {
		t.Fatalf("behind a passkey: %d, %s", got.status, got.Location)
	}
	page = b.open(got.Location)
	if !strings.Contains(page.body, "il faudra vous connecter de nouveau") {
		t.Errorf("its own session: %s\n%s", page.Status, page.body)
	}
	by := authcore.Actor{Name: "test"}
	if err := s.gate().LoseKey(t.Context(), by, "738264001"); err != nil {
		t.Fatal(err)
	}
	login := b.open(s.at("portail", "/.sesame/login"))
	if got := s.script(b, login).login(key, "edupont", ""); got.status != 200 {
		t.Fatalf("with a lost key: %d %s", got.status, got.Code)
	}
	if a := b.submit(b.open(at("remove", id))); a.StatusCode != http.StatusConflict || !strings.Contains(a.body, "C’est votre dernier moyen de connexion") {
		t.Errorf("the last means: %s", a.Status)
	}
	if err := s.gate().FoundKey(t.Context(), by, "738264001"); err != nil {
		t.Fatal(err)
	}
	if a := b.submit(b.open(at("remove", id))); a.url().Path != "/.sesame/login" {
		t.Errorf("removed with its own session: %s at %s", a.Status, a.url())
	}
	if got := s.script(b, b.open(s.at("portail", "/.sesame/login"))).login(key, "", ""); got.status != 403 || got.Code != "refused" {
		t.Errorf("a passkey that was removed: %d %s", got.status, got.Code)
	}
}

// withFields changes fields of a form to be posted, given in pairs.
func withFields(req *http.Request, fields ...string) *http.Request {
	for i := 0; i < len(fields); i += 2 {
		withField(fields[i], fields[i+1])(req)
	}
	return req
}

// TestSteppingUpToAPasskey: a part that requires one asks for it and comes back to
// the same place; who has none is told how to add one.
func TestSteppingUpToAPasskey(t *testing.T) {
	s := startGate(t, "", "path /conseil/* {\n require passkey\n}")
	target := s.at("notes", "/conseil/3eB?trimestre=2&x=y")
	none := s.loggedIn("mmartin")
	a := none.open(target)
	if a.url().Path != "/.sesame/login" || a.StatusCode != 200 || !strings.Contains(a.body, "Vous n’avez pas encore de clé d’accès") || !strings.Contains(a.body, passkeysPath+"/add") || strings.Contains(a.body, "<form") {
		t.Errorf("who has none: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	b, key := s.withPasskey("edupont", "Téléphone")
	if a := b.open(s.at("notes", "/x")); a.body != "ok" {
		t.Errorf("the rest of the application: %s at %s", a.Status, a.url())
	}
	before := b.own(s.at("portail", "/"), "sesame")
	a = b.open(target)
	if a.url().Path != "/.sesame/login" || !strings.Contains(a.body, "Utiliser ma clé d’accès") || !strings.Contains(a.body, "Carnet de notes") || strings.Contains(a.body, "PASSCODE</label>") {
		t.Fatalf("by a PASSCODE: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	if got := b.once(b.request("GET", target, "Accept", "application/json")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a script: %s", got.Status)
	}
	hidden := hiddenField.FindStringSubmatch(a.body)
	got := s.script(b, a).login(key, "", strings.ReplaceAll(hidden[2], "&amp;", "&"))
	if got.status != 200 || got.Location != target {
		t.Fatalf("the passkey: %d %s, %s", got.status, got.Code, got.Location)
	}
	if a := b.open(got.Location); a.url().String() != target || a.body != "ok" {
		t.Errorf("behind the passkey: %s at %s", a.Status, a.url())
	}
	if after := b.own(s.at("portail", "/"), "sesame"); after == before || after == "" {
		t.Error("the session has the same name behind the passkey")
	}
	if _, _, err := s.gate().Session(t.Context(), authcore.Token(before), "", false); err == nil {
		t.Error("the session of before goes on")
	}
}

// A portal on an address that can have no passkeys says nothing of them.
func TestPortalWithoutPasskeys(t *testing.T) {
	s := newTestServer(t)
	config := strings.NewReplacer("portail.localhost", "127.0.0.1").Replace(s.caddyfile("", ""))
	s.config = adapt(t, config)
	runCaddy(t, string(s.config))
	b := newBrowser(t)
	base := fmt.Sprintf("http://127.0.0.1:%s", s.port)
	if a := b.open(base + "/.sesame/login"); a.StatusCode != 200 || strings.Contains(a.body, "webauthn") || strings.Contains(a.body, "clé d’accès") {
		t.Errorf("the login: %s\n%s", a.Status, a.body)
	}
	for _, path := range []string{passkeysPath, passkeysPath + "/add", passkeysPath + "/rename", passkeysPath + "/remove"} {
		if a := b.open(base + path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, a.Status)
		}
	}
	req := b.request("POST", base+loginOptionsPath, "Content-Type", "application/json", "Origin", base)
	b.body(req, "{}")
	if a := b.once(req); a.StatusCode != http.StatusNotFound {
		t.Errorf("%s: %s", loginOptionsPath, a.Status)
	}
}
