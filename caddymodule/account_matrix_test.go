package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// accountAction is a thing that somebody does with their own account: a form posted to
// a path, or JSON by passkey.js.
type accountAction struct {
	path   string
	fields func(s *testServer) []string // of the form, without its token
	json   bool
	proof  bool // it changes a means to log in: a login of the last minutes is wanted
	silent bool // the action itself changes nothing that is kept
}

// accountActions is every post below the account's page: TestAccountMatrix holds them
// to the routes.
var accountActions = []accountAction{
	{path: ui.PathAccount, fields: func(*testServer) []string { return []string{ui.FieldSession, ui.AllOthers} }},
	{path: ui.PathAccountLanguage, fields: func(*testServer) []string { return []string{ui.FieldLanguage, "en"} }},
	// Its proof is the PASSCODE of before, in the login that it begins.
	{path: ui.PathAccountPIN, fields: func(*testServer) []string { return nil }, silent: true},
	{path: ui.PathAccountLost, fields: func(*testServer) []string { return []string{ui.FieldSerial, "738264001"} }, proof: true},
	{path: ui.PathPasskeyAdd, fields: func(*testServer) []string { return []string{ui.FieldName, "x"} }, proof: true, silent: true},
	{path: ui.PathPasskeyRename, fields: func(s *testServer) []string {
		return []string{ui.FieldPasskey, s.passkeyOf("edupont"), ui.FieldName, "Autre nom"}
	}},
	{path: ui.PathPasskeyRemove, fields: func(s *testServer) []string { return []string{ui.FieldPasskey, s.passkeyOf("edupont")} }, proof: true},
	{path: ui.PathPasskeyNewOptions, fields: func(*testServer) []string { return []string{"name", "x"} }, json: true, proof: true, silent: true},
	{path: ui.PathPasskeyNew, fields: func(*testServer) []string { return []string{"ceremony", "x"} }, json: true, proof: true, silent: true},
}

// TestAccountMatrix: every action of the account takes a form of the same site, its
// token, a session that lives, and a fresh login where it changes a means. Each is
// refused without, and nothing has changed then; with all of them it is done.
func TestAccountMatrix(t *testing.T) {
	byPath := map[string]accountAction{}
	for _, a := range accountActions {
		byPath[a.path] = a
	}
	for path, to := range portalRoutes {
		own := strings.HasPrefix(path, ui.PathAccount) || strings.HasPrefix(path, ui.PathPasskeyNew)
		if _, listed := byPath[path]; own && to.post != nil != listed {
			t.Errorf("%s is posted to: %v; it is in the matrix: %v", path, to.post != nil, listed)
		}
	}
	for _, a := range accountActions {
		t.Run(strings.TrimPrefix(a.path, ownPrefix), func(t *testing.T) { a.isGuarded(t) })
	}
}

func (a accountAction) isGuarded(t *testing.T) {
	s := startGate(t, "", "")
	s.withPasskey("edupont", "Téléphone")
	other, b := s.another("edupont"), s.another("edupont")
	page := b.open(s.at("portail", ui.PathAccount))
	token := hiddenField.FindStringSubmatch(page.body)[2]
	send := func(b *browser, forge func(*http.Request)) answer {
		req := a.request(s, b, page, token)
		forge(req)
		return b.once(req)
	}
	refused := func(what string, b *browser, forge func(*http.Request)) {
		t.Helper()
		before := s.lifeOf(t, "edupont")
		got := send(b, forge)
		done := got.StatusCode == http.StatusOK || got.StatusCode == http.StatusSeeOther && !strings.Contains(got.Header.Get("Location"), ui.PathLogin) && got.body == ""
		if done && !strings.Contains(got.body, ui.PathPasskeyAdd) {
			t.Errorf("%s: %s to %s", what, got.Status, got.Header.Get("Location"))
		}
		if after := s.lifeOf(t, "edupont"); after != before {
			t.Errorf("%s: it has changed from\n%s\nto\n%s", what, before, after)
		}
	}
	nothing := func(*http.Request) {}
	refused("no token", b, a.token(""))
	refused("another token", b, a.token(strings.Repeat("A", len(token))))
	refused("a token of another session", b, a.token(hiddenField.FindStringSubmatch(other.open(s.at("portail", ui.PathAccount)).body)[2]))
	refused("another origin", b, func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", "https://evil.example")
	})
	refused("an application's origin", b, func(r *http.Request) {
		r.Header.Del("Sec-Fetch-Site")
		r.Header.Set("Origin", s.at("notes", ""))
	})
	refused("another site", b, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	refused("the same site only", b, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") })
	refused("no session", newBrowser(t), nothing)
	if a.proof {
		advance(authcore.Fresh + time.Second)
		refused("a login of before", b, nothing)
		b = s.another("edupont")
		page = b.open(s.at("portail", ui.PathAccount))
		token = hiddenField.FindStringSubmatch(page.body)[2]
	}
	before := s.lifeOf(t, "edupont")
	got := send(b, nothing)
	if after := s.lifeOf(t, "edupont"); (after == before) != a.silent {
		t.Errorf("with all that it takes: %s, and it has changed: %v", got.Status, after != before)
	}
	if a.silent && !a.json && got.StatusCode >= 400 {
		t.Errorf("with all that it takes: %s", got.Status)
	}
}

// token has a request carry another token.
func (a accountAction) token(token string) func(*http.Request) {
	if !a.json {
		return withField(ui.FieldCSRF, token)
	}
	return func(r *http.Request) { new(browser).body(r, fmt.Sprintf(`{"csrf":%q}`, token)) }
}

// request is the action's as the page that it stands on sends it.
func (a accountAction) request(s *testServer, b *browser, page answer, token string) *http.Request {
	fields := a.fields(s)
	page.body = `<form method="post" action="` + a.path + `"><input type="hidden" name="csrf" value="` + token + `">`
	req := b.post(page, fields...)
	if a.json {
		text := fmt.Sprintf(`{"csrf":%q`, token)
		for i := 0; i < len(fields); i += 2 {
			text += fmt.Sprintf(`,%q:%q`, fields[i], fields[i+1])
		}
		b.body(req, text+"}")
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Sec-Fetch-Mode", "cors")
	}
	return req
}

// another is one more browser in which somebody has just logged in.
func (s *testServer) another(id string) *browser {
	s.t.Helper()
	b, a := s.fresh()
	if a = s.relogin(b, id, a); a.StatusCode != http.StatusOK || a.url().Path != ui.PathPortal {
		s.t.Fatalf("logging in ended at %s with %s", a.url(), a.Status)
	}
	return b
}

// passkeyOf is the ID of somebody's first passkey.
func (s *testServer) passkeyOf(id authcore.Identifier) string {
	s.t.Helper()
	a, err := s.gate().Account(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Passkeys[0].ID()
}

// lifeOf is all that an action of the account could change, in a text.
func (s *testServer) lifeOf(t *testing.T, id authcore.Identifier) string {
	t.Helper()
	a, err := s.gate().Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Passkeys {
		a.Passkeys[i].LastUsed = time.Time{}
	}
	life := fmt.Sprintf("%+v\n", a)
	for _, serial := range a.Keys {
		k, err := s.gate().KeyInfo(t.Context(), serial)
		if err != nil {
			t.Fatal(err)
		}
		life += fmt.Sprintf("%+v\n", k)
	}
	sessions, err := s.gate().Sessions(t.Context(), id, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range sessions {
		life += fmt.Sprintf("%s ended %v\n", one.ID, !one.Ended.IsZero())
	}
	return life
}
