package caddymodule

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesame-gateway/sesame/authcore"
)

func TestAdminUsers(t *testing.T) {
	b := newAdminBench(t)
	a := b.post("/sesame/users", `{"id":"JDupont","given_name":"Jeanne","surname":"Dupont","email":"jd@ac-exemple.fr","groups":["enseignants"],"functions":["ENS"],"establishment":"0441550W"}`)
	var added userView
	b.want(a, http.StatusCreated, &added)
	want := userView{
		ID: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Email: "jd@ac-exemple.fr", Groups: []string{"enseignants"},
		Functions: []string{"ENS"}, Establishment: "0441550W", Keys: []authcore.Serial{}, Added: adminStart, Passkeys: []passkeyView{},
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	if got := a.header.Get("Location"); got != "/sesame/users/jdupont" {
		t.Errorf("Location: %q", got)
	}
	b.want(b.post("/sesame/users", `{"id":"cnouvel"}`), http.StatusCreated, nil)

	var list userList
	b.want(b.ask(http.MethodGet, "/sesame/users", ""), http.StatusOK, &list)
	bare := userView{ID: "cnouvel", Groups: []string{}, Functions: []string{}, Keys: []authcore.Serial{}, Added: adminStart, Passkeys: []passkeyView{}}
	if diff := cmp.Diff(userList{[]userView{bare, want}}, list); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	for _, step := range []struct {
		action   string
		disabled bool
	}{{"disable", true}, {"enable", false}} {
		var u userView
		b.want(b.ask(http.MethodPost, "/sesame/users/jdupont/"+step.action, ""), http.StatusOK, &u)
		if u.Disabled != step.disabled {
			t.Errorf("%s: disabled is %t", step.action, u.Disabled)
		}
		b.want(b.ask(http.MethodGet, "/sesame/users/jdupont", ""), http.StatusOK, &u)
		if u.Disabled != step.disabled {
			t.Errorf("after %s: disabled is %t", step.action, u.Disabled)
		}
	}
}

func TestAdminKeys(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.person(authcore.Account{Identifier: "smartin"}, "")
	b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "STOCK1", Generator: castKey("STOCK1")}))

	b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "RETIRED1", Generator: castKey("RETIRED1")}))
	b.must(b.gate.RetireKey(t.Context(), castActor, "RETIRED1"))
	for query, want := range map[string][]authcore.Serial{
		"":                                    {"0123456789", "RETIRED1", "STOCK1"},
		"?state=retired":                      {"RETIRED1"},
		"?stock=true":                         {"STOCK1"},
		"?stock=false":                        {"0123456789", "RETIRED1", "STOCK1"},
		"?holder=JDUPONT":                     {"0123456789"},
		"?state=pin-to-define":                {"0123456789"},
		"?state=active":                       nil,
		"?state=pin-to-define&holder=smartin": nil,
	} {
		var list keyList
		b.want(b.ask(http.MethodGet, "/sesame/keys"+query, ""), http.StatusOK, &list)
		var got []authcore.Serial
		for _, k := range list.Keys {
			got = append(got, k.Serial)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys%s (-want +got):\n%s", query, diff)
		}
	}
	var k authcore.KeyInfo
	if a := b.post("/sesame/keys/RETIRED1/assign", `{"holder":"smartin"}`); a.status != http.StatusConflict || a.error() != "key RETIRED1 is retired: only a key in stock can be assigned" {
		t.Errorf("assigning a retired key: %d %s", a.status, &a.body)
	}
	if a := b.ask(http.MethodPost, "/sesame/keys/RETIRED1/clear-pin", ""); a.status != http.StatusConflict || !strings.Contains(a.error(), "key RETIRED1 is retired: ") {
		t.Errorf("clearing the PIN of a retired key: %d %s", a.status, &a.body)
	}
	b.want(b.post("/sesame/keys/stock1/assign", `{"holder":"SMartin"}`), http.StatusOK, &k)
	if k.Holder != "smartin" || k.Serial != "STOCK1" || !k.Assigned.Equal(adminStart) {
		t.Errorf("after assign: %+v", k)
	}
	b.firstLogin("jdupont", "0123456789", "7294")
	for range b.gate.Policy().LockAfter {
		b.login("jdupont", "0123456789", "0000")
	}
	b.want(b.ask(http.MethodGet, "/sesame/keys/0123456789", ""), http.StatusOK, &k)
	if k.State != authcore.Locked {
		t.Fatalf("after five wrong PINs: %s", k.State)
	}
	b.want(b.ask(http.MethodPost, "/sesame/keys/0123456789/unlock", ""), http.StatusOK, &k)
	if k.State != authcore.Active || !k.PINDefined {
		t.Errorf("after unlock: %+v", k)
	}
	b.want(b.ask(http.MethodPost, "/sesame/keys/0123456789/clear-pin", ""), http.StatusOK, &k)
	if k.State != authcore.PINToDefine || k.PINDefined {
		t.Errorf("after clear-pin: %+v", k)
	}
}

func TestAdminSessions(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.person(authcore.Account{Identifier: "smartin"}, "9876543210")
	token := b.firstLogin("jdupont", "0123456789", "7294")
	b.firstLogin("smartin", "9876543210", "7294")

	var list sessionList
	b.want(b.ask(http.MethodGet, "/sesame/sessions", ""), http.StatusOK, &list)
	if len(list.Sessions) != 2 {
		t.Fatalf("%d sessions, want 2", len(list.Sessions))
	}
	a := b.ask(http.MethodGet, "/sesame/sessions?user=jdupont", "")
	b.want(a, http.StatusOK, &list)
	if len(list.Sessions) != 1 {
		t.Fatalf("%d sessions of jdupont, want 1", len(list.Sessions))
	}
	if strings.Contains(a.body.String(), string(token)) {
		t.Error("the list shows a session's token")
	}
	s := list.Sessions[0]
	began := adminStart.Add(2 * 60e9)
	want := sessionView{
		ID: s.ID, Holder: "jdupont", Serial: "0123456789", Method: "otp", Began: began, Seen: began,
		Idle: began.Add(b.gate.Policy().Idle), End: began.Add(b.gate.Policy().Absolute), Address: "192.0.2.7", Agent: "Mozilla/5.0",
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if a := b.ask(http.MethodDelete, "/sesame/sessions/"+s.ID, ""); a.status != http.StatusNoContent || a.body.Len() > 0 {
		t.Errorf("DELETE: %d %s", a.status, &a.body)
	}
	if _, _, err := b.gate.Session(t.Context(), token, "", false); !errors.Is(err, authcore.ErrNoSession) {
		t.Errorf("the session's token after DELETE: %v", err)
	}
	b.want(b.ask(http.MethodGet, "/sesame/sessions?user=jdupont", ""), http.StatusOK, &list)
	if len(list.Sessions) != 0 {
		t.Errorf("%d sessions are left", len(list.Sessions))
	}
}

func TestAdminAudit(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.person(authcore.Account{Identifier: "smartin"}, "9876543210")
	r := b.login("jdupont", "0123456789", "")
	reference := string(r.Reference)

	kinds := func(query string) (kinds []string) {
		t.Helper()
		var list eventList
		b.want(b.ask(http.MethodGet, "/sesame/audit"+query, ""), http.StatusOK, &list)
		for _, e := range list.Events {
			kinds = append(kinds, e.Kind.String())
		}
		return kinds
	}
	written := strings.ToLower(strings.ReplaceAll(reference, "-", " "))
	for query, want := range map[string][]string{
		"":                             {"account-added", "key-imported", "key-assigned", "account-added", "key-imported", "key-assigned", "pin-asked"},
		"?user=jdupont":                {"account-added", "key-assigned", "pin-asked"},
		"?key=9876543210":              {"key-imported", "key-assigned"},
		"?user=smartin&key=0123456789": nil,
		"?reference=" + reference:      {"pin-asked"},
		"?reference=" + strings.ReplaceAll(written, " ", "+"): {"pin-asked"},
		"?since=2026-09-01T07:59:00Z":                         {"pin-asked"},
		"?since=2026-09-01T09:59:00%2B02:00":                  {"pin-asked"},
		"?since=2026-09-02T00:00:00Z":                         nil,
	} {
		got := kinds(query)
		if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("audit%s (-want +got):\n%s", query, diff)
		}
	}
}

const jsonType = "Content-Type: application/json"

// sessionPath is that of a session which is not there.
var sessionPath = "/sesame/sessions/" + strings.Repeat("a", 64)

// adminRefusals are requests with something wrong in each.
var adminRefusals = []struct {
	name, method, target, body string
	header                     string
	status                     int
	says                       string
}{
	{"nothing there", "GET", "/sesame/nothing", "", "", 404, "there is nothing at /sesame/nothing"},
	{"nothing below", "GET", "/sesame/users/jdupont/keys", "", "", 404, "there is nothing at"},
	{"no such user", "GET", "/sesame/users/personne", "", "", 404, "no such user: personne"},
	{"no such user to disable", "POST", "/sesame/users/personne/disable", "", "", 404, "no such user: personne"},
	{"no such user to ask about", "GET", "/sesame/whois/personne", "", "", 404, "no such user: personne"},
	{"no such user with sessions", "GET", "/sesame/sessions?user=personne", "", "", 404, "no such user: personne"},
	{"the stand-in is nobody", "GET", "/sesame/users/~nobody", "", "", 400, "identifier: "},
	{"no such key", "GET", "/sesame/keys/999", "", "", 404, "no such key: 999"},
	{"no such key to unlock", "POST", "/sesame/keys/999/unlock", "", "", 404, "no such key: 999"},
	{"no such key to assign", "POST", "/sesame/keys/999/assign", `{"holder":"jdupont"}`, jsonType, 404, "no such key: 999"},
	{"nobody to assign to", "POST", "/sesame/keys/STOCK1/assign", `{"holder":"personne"}`, jsonType, 404, "no such user: personne"},
	{"no such session", "DELETE", sessionPath, "", "", 404, "no such session: aaaa"},
	{"no session has such a name", "DELETE", "/sesame/sessions/" + strings.Repeat("a", 5000), "", "", 404, "no such session: aaaa"},

	{"a method too many", "DELETE", "/sesame/users", "", "", 405, "/sesame/users takes GET, POST only"},
	{"nothing is changed by GET", "GET", "/sesame/users/jdupont/disable", "", "", 405, "takes POST only"},
	{"nothing is assigned by GET", "GET", "/sesame/keys/STOCK1/assign", "", "", 405, "takes POST only"},
	{"no preflight", "OPTIONS", "/sesame/users", "", "", 405, "takes GET, POST only"},

	{"there already", "POST", "/sesame/users", `{"id":"jdupont"}`, jsonType, 409, "jdupont: exists already"},
	{"assigned already", "POST", "/sesame/keys/0123456789/assign", `{"holder":"jdupont"}`, jsonType, 409, "key 0123456789 belongs to jdupont already"},
	{"not locked", "POST", "/sesame/keys/0123456789/unlock", "", "", 409, "key 0123456789 is pin-to-define: only a locked key can be unlocked"},

	{"no content type", "POST", "/sesame/users", `{"id":"x"}`, "", 415, "Content-Type: application/json"},
	{"a form", "POST", "/sesame/users", "id=x", "Content-Type: application/x-www-form-urlencoded", 415, "Content-Type: application/json"},
	{"plain text", "POST", "/sesame/users", `{"id":"x"}`, "Content-Type: text/plain", 415, "Content-Type: application/json"},
	{"keys as a form", "POST", "/sesame/keys/import", "FT1,00", "Content-Type: application/x-www-form-urlencoded", 415, "text/csv or application/octet-stream"},
	{"keys as plain text", "POST", "/sesame/keys/import", "FT1,00", "Content-Type: text/plain", 415, "text/csv or application/octet-stream"},
	{"no JSON", "POST", "/sesame/users", `id: x`, jsonType, 400, "the body is not what this takes"},
	{"empty", "POST", "/sesame/users", ``, jsonType, 400, "the body is not what this takes"},
	{"two values", "POST", "/sesame/users", `{"id":"x"}{"id":"y"}`, jsonType, 400, "more than one JSON value"},
	{"another type", "POST", "/sesame/users", `{"id":7}`, jsonType, 400, "the body is not what this takes"},
	{"a field of the gate's own", "POST", "/sesame/users", `{"id":"x","disabled":false}`, jsonType, 400, `unknown field "disabled"`},
	{"a key smuggled in", "POST", "/sesame/users", `{"id":"x","keys":["STOCK1"]}`, jsonType, 400, `unknown field "keys"`},
	{"an unknown field", "POST", "/sesame/keys/STOCK1/assign", `{"holder":"jdupont","pin":"7294"}`, jsonType, 400, `unknown field "pin"`},
	{"too long", "POST", "/sesame/users", `{"id":"` + strings.Repeat("x", maxAdminBody) + `"}`, jsonType, 413, "longer than 64 KiB"},
	{"a body too many", "POST", "/sesame/keys/0123456789/clear-pin", `{"pin":"7294"}`, jsonType, 400, "this takes no body"},
	{"a body with DELETE", "DELETE", sessionPath, `{}`, jsonType, 400, "this takes no body"},

	{"no identifier", "POST", "/sesame/users", `{"id":""}`, jsonType, 400, "the identifier is missing"},
	{"no UAI", "POST", "/sesame/users", `{"id":"x","establishment":"0441550X"}`, jsonType, 400, "is no UAI"},
	{"a comma", "POST", "/sesame/users", `{"id":"x","groups":["a,b"]}`, jsonType, 400, "holds a comma"},
	{"a control character", "POST", "/sesame/users", `{"id":"x","surname":"Du\u001b[31mpont"}`, jsonType, 400, "control character"},
	{"no serial", "GET", "/sesame/keys/-", "", "", 400, "serial number: "},
	{"an unknown parameter", "GET", "/sesame/keys?states=active", "", "", 400, `the parameter "states" is unknown here`},
	{"a parameter twice", "GET", "/sesame/keys?state=active&state=lost", "", "", 400, "state is given twice"},
	{"a query that is none", "GET", "/sesame/keys?%zz", "", "", 400, "the query cannot be read"},
	{"no such state", "GET", "/sesame/keys?state=broken", "", "", 400, "there are pin-to-define"},
	{"no truth", "GET", "/sesame/keys?stock=peut-être", "", "", 400, "stock is true or false"},
	{"no time", "GET", "/sesame/audit?since=hier", "", "", 400, "RFC 3339"},
	{"no reference", "GET", "/sesame/audit?reference=---", "", "", 400, "such as 7F3K-Q2M9"},
	{"no user to filter by", "GET", "/sesame/audit?user=%20", "", "", 400, "the identifier is missing"},
	{"no key to filter by", "GET", "/sesame/audit?key=%20", "", "", 400, "serial number: "},
	{"no format", "POST", "/sesame/keys/import?format=pdf", "FT1,00", "Content-Type: text/csv", 400, "the key-file format"},
	{"no digits", "POST", "/sesame/keys/import?digits=six", "FT1,00", "Content-Type: text/csv", 400, "digits is a number"},
	{"no flag", "POST", "/sesame/keys/import?dry_run=perhaps", "FT1,00", "Content-Type: text/csv", 400, "dry_run is true or false"},
	{"another flag", "POST", "/sesame/keys/import?partial=perhaps", "FT1,00", "Content-Type: text/csv", 400, "partial is true or false"},
	{"an actor too long", "GET", "/sesame/users", "", actorHeader + ": " + strings.Repeat("x", 65), 400, "64 bytes"},
	{"an actor that is no text", "GET", "/sesame/users", "", actorHeader + ": a\x1bb", 400, "plain text"},
}

// What is wrong with a request is said in a sentence, and nothing is done.
func TestAdminRefusals(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "STOCK1", Generator: castKey("STOCK1")}))
	before := len(b.events())

	for _, c := range adminRefusals {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			a := b.ask(c.method, c.target, c.body, headers...)
			if a.status != c.status || !strings.Contains(a.error(), c.says) {
				t.Errorf("%d %.200s, want %d …%s…", a.status, &a.body, c.status, c.says)
			}
			if c.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if got := a.header.Get("Sesame-Reference"); got != "" {
				t.Errorf("a reference, %s, to what is in no log", got)
			}
		})
	}
	if n := len(b.events()) - before; n != 0 {
		t.Errorf("%d changes were made", n)
	}
}

// Digits typed where the identifier belongs may be a PASSCODE: they come back in
// no answer.
func TestAdminDoesNotRepeatAPasscode(t *testing.T) {
	b := newAdminBench(t)
	for _, target := range []string{"/sesame/users/7294123456", "/sesame/whois/7294%20123456", "/sesame/sessions?user=7294123456", "/sesame/audit?user=7294123456"} {
		a := b.ask(http.MethodGet, target, "")
		if a.status != http.StatusBadRequest || strings.Contains(a.body.String(), "123456") {
			t.Errorf("%s: %d, which repeats it", target, a.status)
		}
	}
}

func TestAdminHead(t *testing.T) {
	b := newAdminBench(t)
	if a := b.ask(http.MethodHead, "/sesame/users", ""); a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
}

func TestAdminActor(t *testing.T) {
	for _, c := range []struct{ remote, header, want string }{
		{"127.0.0.1:50123", "", "127.0.0.1"},
		{"[::1]:50123", "root", "root (::1)"},
		{"[::ffff:10.0.0.7]:1", "", "10.0.0.7"},
		{"[fe80::1%eth0]:1", "", "fe80::1"},
		{"@", "", "unix socket"},
		{"", "jdupont", "jdupont (unix socket)"},
		{"@", strings.Repeat("é", 32), strings.Repeat("é", 32) + " (unix socket)"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: make(http.Header)}
		if c.header != "" {
			r.Header.Set(actorHeader, c.header)
		}
		got, err := readActor(r)
		if err != nil || got.Name != c.want {
			t.Errorf("from %q as %q: %q, %v; want %q", c.remote, c.header, got.Name, err, c.want)
		}
	}
	b := newAdminBench(t)
	b.want(b.ask(http.MethodPost, "/sesame/users", `{"id":"x"}`, "Content-Type: application/json; charset=utf-8", actorHeader+": admin"), http.StatusCreated, nil)
	if e := b.events(authcore.AccountAdded); len(e) != 1 || e[0].Actor != "admin (127.0.0.1)" {
		t.Errorf("the audit trail says %+v", e)
	}
}

// A store that does not answer is 503 with a reference, on every route.
func TestAdminWithoutStore(t *testing.T) {
	b := newAdminBench(t)
	b.must(b.store.Close())
	for _, route := range adminRoutes {
		target := strings.NewReplacer("{id}", "jdupont", "{serial}", "FT1", "{application}", "notes", "{passkey}", "Phone", "{pending}", "7F3K-Q2M9", "{reference}", "7F3K-Q2M9", "{number}", "1", "{establishment}", "0441550W").Replace(route.path)
		body, headers := "", []string(nil)
		switch {
		case target == "/sesame/backup/check":
			continue // it asks no store
		case target == "/sesame/doctor":
			continue // it says so: TestAdminDoctorWithoutStore
		case strings.HasPrefix(target, "/sesame/sessions/"):
			target = "/sesame/sessions/" + strings.Repeat("a", 64)
		case target == "/sesame/users/import":
			body, headers = "identifiant\njdupont", []string{"Content-Type: text/csv"}
		case strings.HasSuffix(target, "/import"):
			body, headers = "FT1,3132333435363738393031323334353637383930", []string{"Content-Type: text/csv"}
		case target == "/sesame/copy":
			body, headers = b.orderElsewhere(), []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/assign"):
			body, headers = `{"holder":"jdupont"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/which"):
			body, headers = `{"code":"123456"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/resync"):
			body, headers = `{"first":"123456","second":"234567"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/replace"):
			body, headers = `{"by":"FT2"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/purge"):
			body, headers = `{"before":"2026-01-01T00:00:00Z"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/emergency"):
			body, headers = `{"reason":"lost"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/delegations"):
			body, headers = `{"application":"notes","until":"`+adminStart.AddDate(0, 1, 0).Format("2006-01-02")+`","reason":"holidays"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/explain"):
			body, headers = `{"user":"jdupont","method":"GET","url":"https://notes.example.org/"}`, []string{"Content-Type: application/json"}
		case route.method == http.MethodPut:
			body, headers = `{"role":"auditor"}`, []string{"Content-Type: application/json"}
		case strings.HasSuffix(target, "/send"):
			body, headers = `{"establishment":"0441550W"}`, []string{"Content-Type: application/json"}
		case route.method == http.MethodPatch:
			body, headers = `{"surname":"Dupont"}`, []string{"Content-Type: application/json"}
		case target == "/sesame/users" && route.method == http.MethodPost:
			body, headers = `{"id":"jdupont"}`, []string{"Content-Type: application/json"}
		}
		a := b.ask(route.method, target, body, headers...)
		reference := a.header.Get("Sesame-Reference")
		if a.status != http.StatusServiceUnavailable || reference == "" || !strings.Contains(a.error(), reference) {
			t.Errorf("%s %s: %d %s, reference %q", route.method, target, a.status, a.error(), reference)
		}
	}
}

// Without a configuration that has a gate there is a sentence and no panic.
func TestAdminWithoutGate(t *testing.T) {
	mux := http.NewServeMux()
	m := adminAPI{}.CaddyModule().New()
	serveAdmin(mux, *m.(*adminAPI))
	b := &adminBench{cast: &cast{t: t}, t: t, mux: mux}
	a := b.ask(http.MethodGet, "/sesame/users", "")
	if a.status != http.StatusServiceUnavailable || a.error() != "this server runs no gate: its configuration has no sesame block" {
		t.Errorf("%d %s", a.status, &a.body)
	}
	if _, err := caddy.GetModule("admin.api.sesame"); err != nil {
		t.Error(err)
	}
}
