package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// confusions are spellings of a path below /admin that some server reads as one:
// each by what it relies on.
var confusions = map[string]string{
	"as it is":                              "/admin/s",
	"a dot segment":                         "/public/../admin/s",
	"a dot segment that stays":              "/./admin/s",
	"encoded dots":                          "/public/%2e%2e/admin/s",
	"one dot encoded":                       "/public/.%2e/admin/s",
	"an encoded slash behind dots":          "/public/..%2fadmin/s",
	"dots encoded twice":                    "/public/%252e%252e/admin/s",
	"slashes encoded twice":                 "/public%252f..%252fadmin/s",
	"a letter encoded":                      "/%61dmin/s",
	"a letter encoded twice":                "/%2561dmin/s",
	"an encoded slash":                      "/admin%2fs",
	"an encoded slash in capitals":          "/admin%2Fs",
	"two slashes":                           "//admin/s",
	"three slashes and dots":                "///x/../admin/s",
	"slashes in the middle":                 "/x//../../admin/s",
	"capitals":                              "/ADMIN/s",
	"one capital":                           "/aDmin/s",
	"capitals, encoded":                     "/%41DMIN/s",
	"a path parameter":                      "/admin;x=1/s",
	"an empty path parameter":               "/admin;/s",
	"dots with a path parameter":            "/public/..;/admin/s",
	"a parameter that hides dots":           "/public/x;/../../admin/s",
	"a backslash":                           "/public/..%5cadmin/s",
	"a backslash for the slash":             "/admin%5cs",
	"a trailing dot":                        "/admin./s",
	"a trailing space":                      "/admin%20/s",
	"a tab":                                 "/admin%09/s",
	"a tab in the name":                     "/ad%09min/s",
	"a NUL behind the name":                 "/admin%00.html",
	"full-width dots":                       "/public/%EF%BC%8E%EF%BC%8E/admin/s",
	"full-width letters":                    "/%EF%BD%81dmin/s",
	"a full-width slash":                    "/admin%EF%BC%8Fs",
	"overlong UTF-8":                        "/public/%c0%ae%c0%ae/admin/s",
	"an overlong slash":                     "/admin%c0%afs",
	"a Unicode escape of IIS":               "/public/%u002e%u002e/admin/s",
	"the part itself":                       "/admin",
	"the part itself and a dot":             "/admin/.",
	"dots that come back":                   "/admin/x/../s",
	"everything at once":                    "/PUBLIC;a/%252e%252E%5c/%2561DMIN;b./s",
	"a name that only a Windows server has": "/admin.%20/s",
}

// TestConfusedPaths: a part of an application is closed however its path is
// spelt, and the application never gets the request.
func TestConfusedPaths(t *testing.T) {
	s := startGate(t, "", "path /admin/* {\n allow group admins\n}")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	ask := func(target string, headers ...string) string {
		t.Helper()
		request := "GET " + target + " HTTP/1.1\r\nHost: notes.localhost:" + s.port + "\r\nCookie: sesame=" + b.own(s.at("notes", "/"), "sesame") +
			"\r\nConnection: close\r\nAccept: application/json\r\n" + strings.Join(headers, "")
		return sendRaw(t, "127.0.0.1:"+s.port, request+"\r\n")
	}
	s.notes.take()
	for name, target := range confusions {
		if got := ask(target); got != "403 Forbidden" && got != "400 Bad Request" {
			t.Errorf("%s: %s: %s", name, target, got)
		}
		if got := s.notes.take(); len(got) > 0 {
			t.Errorf("%s: %s reached the application", name, target)
		}
	}
	if len(confusions) < 30 {
		t.Errorf("only %d spellings", len(confusions))
	}
	// What is open stays open, odd as it may be.
	for _, target := range []string{"/x", "/x%20y/%C3%A9t%C3%A9", "/administration/s", "/x?a=/admin/s", "/x;admin/s", "/public/x%2Fy", "/" + strings.Repeat("x", 4000)} {
		if got := ask(target); got != "200 OK" {
			t.Errorf("%.40s: %s", target, got)
		}
		if got := s.notes.take(); len(got) != 1 {
			t.Errorf("%.40s: the application got %d requests", target, len(got))
		}
	}
	if got := ask("/%20" + strings.Repeat("x", maxOddPath)); got != "400 Bad Request" {
		t.Errorf("a path too odd and too long: %s", got)
	}
}

// A part that is about a method is closed to whatever claims to be it.
func TestMethodsOfAPart(t *testing.T) {
	s := startGate(t, "", "path /eleves/* {\n method POST DELETE\n allow group admins\n}")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	for _, tt := range []struct {
		method string
		header []string
		want   int
	}{
		{"GET", nil, http.StatusOK},
		{"HEAD", nil, http.StatusOK},
		{"POST", nil, http.StatusForbidden},
		{"DELETE", nil, http.StatusForbidden},
		{"GET", []string{"X-HTTP-Method-Override", "delete"}, http.StatusForbidden},
		{"GET", []string{"X-Method-Override", " POST"}, http.StatusForbidden},
		{"GET", []string{"X-HTTP-Method", "POST"}, http.StatusForbidden},
		{"POST", []string{"X-HTTP-Method-Override", "GET"}, http.StatusForbidden},
	} {
		a := b.once(b.request(tt.method, s.at("notes", "/eleves/7"), append(tt.header, "Accept", "application/json")...))
		if a.StatusCode != tt.want {
			t.Errorf("%s %v: %s", tt.method, tt.header, a.Status)
		}
	}
}

// TestMaxAge: a sensitive path asks for a code of just now, comes back to the
// same place under another session, and leaves the rest alone.
func TestMaxAge(t *testing.T) {
	s := startGate(t, "", "path /signature/* {\n max_age 15m\n}")
	b := s.loggedIn("edupont")
	target := s.at("notes", "/signature/1?a=b&c=d")
	if a := b.open(target); a.url().String() != target || a.body != "ok" {
		t.Fatalf("right behind the login: %s at %s", a.Status, a.url())
	}
	before := b.own(s.at("portail", "/"), "sesame")
	advance(16 * time.Minute)
	a := b.open(target)
	if a.url().Path != "/.sesame/login" || !strings.Contains(a.body, "Un nouveau code est demandé") || !strings.Contains(a.body, `value="edupont"`) {
		t.Fatalf("a code of 16 minutes ago: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	if got := b.open(s.at("notes", "/x")); got.body != "ok" {
		t.Errorf("the rest of the application: %s at %s", got.Status, got.url())
	}
	script := b.once(b.request("POST", target, "Accept", "application/json", "Origin", s.at("notes", "")))
	if script.StatusCode != http.StatusUnauthorized {
		t.Errorf("a script: %s", script.Status)
	}
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	if a.url().String() != target || a.body != "ok" {
		t.Errorf("behind the code: %s at %s", a.Status, a.url())
	}
	if after := b.own(s.at("portail", "/"), "sesame"); after == before || after == "" {
		t.Error("the session has the same name behind the code")
	}
	if a := b.open(s.at("portail", "/")); !strings.Contains(a.body, "Carnet de notes") {
		t.Error("the portal does not show an application that wants a fresh code in a part")
	}
}

// TestNetworks: closed from elsewhere, with a page that says so.
func TestNetworks(t *testing.T) {
	s := startGate(t, "", "path /intern/* {\n network 10.0.0.0/8\n}\npath /here/* {\n network 127.0.0.1 ::1\n}")
	b := s.loggedIn("edupont")
	if a := b.open(s.at("notes", "/here/x")); a.body != "ok" {
		t.Errorf("from the network: %s at %s", a.Status, a.url())
	}
	a := b.open(s.at("notes", "/intern/x"))
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "ne s’ouvre pas depuis ce réseau") || a.Header.Get("Sesame-Reference") == "" {
		t.Errorf("from elsewhere: %s\n%s", a.Status, a.body)
	}
	forged := b.page(s.at("notes", "/intern/x"))
	forged.Header.Set("X-Forwarded-For", "10.1.2.3")
	forged.Header.Set("X-Real-Ip", "10.1.2.3")
	if a := b.do(forged); a.StatusCode != http.StatusForbidden {
		t.Errorf("with a forged address: %s", a.Status)
	}
}

// TestADelegationOverHTTP: who may not, may for a time.
func TestADelegationOverHTTP(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	if a := b.open(s.at("autre", "/x")); a.StatusCode != http.StatusForbidden {
		t.Fatalf("without a delegation: %s", a.Status)
	}
	d := authcore.Delegation{Application: "autre", Until: now().Add(time.Hour), Reason: "holidays"}
	if err := s.gate().Delegate(t.Context(), authcore.Actor{Name: "test"}, "edupont", d); err != nil {
		t.Fatal(err)
	}
	if a := b.open(s.at("autre", "/x")); a.body != "ok" {
		t.Errorf("with a delegation: %s at %s", a.Status, a.url())
	}
	if a := b.open(s.at("portail", "/")); !strings.Contains(a.body, "Base élèves") {
		t.Error("the portal does not show what is delegated")
	}
	advance(59 * time.Minute)
	b.open(s.at("portail", "/")) // in use
	advance(2 * time.Minute)
	if a := b.open(s.at("autre", "/x")); a.StatusCode != http.StatusForbidden {
		t.Errorf("behind its end: %s", a.Status)
	}
}

func TestExplain(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", Groups: []string{"enseignants"}}, "")
	b.person(authcore.Account{Identifier: "smartin", Groups: []string{"a", "b"}, Establishment: "0441550W"}, "")
	tests := []struct {
		question string
		want     explanation
	}{
		{`{"user":"jdupont","method":"GET","url":"https://notes.example.org/x?a=b"}`, explanation{Decision: "allow", Why: authcore.ByRule, Sentence: "jdupont may: notes has allow group enseignants"}},
		{`{"user":"jdupont","method":"GET","url":"https://base.example.org"}`, explanation{Decision: "deny", Why: authcore.NoRule,
			Sentence: "jdupont may not: no rule of base fits (groups: enseignants; functions: none; establishment: none), and no delegation is running"}},
		{`{"user":"smartin","method":"post","url":"https://notes.example.org/"}`, explanation{Decision: "deny", Why: authcore.NoRule,
			Sentence: "smartin may not: no rule of notes fits (groups: a,b; functions: none; establishment: 0441550W), and no delegation is running"}},
	}
	for _, tt := range tests {
		var got explanation
		b.want(b.post("/sesame/explain", tt.question), http.StatusOK, &got)
		if got.Decision != tt.want.Decision || got.Why != tt.want.Why || got.Sentence != tt.want.Sentence || (got.Rule != nil) != (got.Why == authcore.ByRule) {
			t.Errorf("%s: %+v", tt.question, got)
		}
	}
	for question, status := range map[string]int{
		`{"user":"nobody.here","method":"GET","url":"https://notes.example.org/"}`:               http.StatusNotFound,
		`{"user":"jdupont","method":"GET","url":"https://elsewhere.example.org/"}`:               http.StatusNotFound,
		`{"user":"jdupont","method":"GET","url":"/x"}`:                                           http.StatusBadRequest,
		`{"user":"jdupont","method":"","url":"https://notes.example.org/"}`:                      http.StatusBadRequest,
		`{"user":"jdupont","method":"GET","url":"https://notes.example.org/","from":"x"}`:        http.StatusBadRequest,
		`{"user":"jdupont","method":"GET","url":"https://notes.example.org/","code_age":-1}`:     http.StatusBadRequest,
		`{"user":"jdupont","method":"GET","url":"https://a:b@notes.example.org/"}`:               http.StatusBadRequest,
		`{"user":"jdupont","method":"GET","url":"https://notes.example.org/","password":"1234"}`: http.StatusBadRequest,
	} {
		if a := b.post("/sesame/explain", question); a.status != status || a.error() == "" {
			t.Errorf("%s: %d %s", question, a.status, a.error())
		}
	}
}

// What explain says is what becomes of the request: parts, networks, ages and
// public paths included.
func TestExplainAgrees(t *testing.T) {
	app := checkedApp(t, &Application{
		ID: "notes", URL: "https://notes.example.org", Allow: []authcore.Rule{{Kind: authcore.ToGroup, Values: []string{"enseignants"}}}, Public: []string{"/public/*"},
		Parts: []*ApplicationPart{
			{Paths: []string{"/admin/*"}, Allow: []authcore.Rule{{Kind: authcore.ToGroup, Values: []string{"admins"}}}},
			{Paths: []string{"/intern"}, Networks: []string{"10.0.0.0/8"}},
			{Paths: []string{"/sign/*"}, Methods: []string{"POST"}, MaxAge: 900e9},
		},
	})
	a := authcore.Account{Identifier: "jdupont", Groups: []string{"enseignants"}}
	for _, tt := range []struct {
		q        explainQuestion
		decision explained
		why      authcore.Why
		part     string
		says     string
	}{
		{explainQuestion{Method: "GET", URL: "/x"}, "allow", authcore.ByRule, "", "allow group enseignants"},
		{explainQuestion{Method: "GET", URL: "/ADMIN%2fx"}, "deny", authcore.NoRule, "/admin/*", "no rule of notes (path /admin/*) fits"},
		{explainQuestion{Method: "GET", URL: "/intern", From: "10.1.2.3"}, "allow", authcore.ByRule, "/intern", "may"},
		{explainQuestion{Method: "GET", URL: "/intern"}, "deny", authcore.WrongNetwork, "/intern", "may not from an unknown address"},
		{explainQuestion{Method: "POST", URL: "/sign/1", CodeAge: 900}, "step-up", authcore.CodeTooOld, "/sign/*", "after a fresh code"},
		{explainQuestion{Method: "POST", URL: "/sign/1", CodeAge: 899}, "allow", authcore.ByRule, "/sign/*", "may"},
		{explainQuestion{Method: "GET", URL: "/sign/1", CodeAge: 9000}, "allow", authcore.ByRule, "", "may"},
	} {
		b := newAdminBench(t)
		b.person(a, "")
		mux := http.NewServeMux()
		serveAdmin(mux, adminAPI{func() (*authcore.Gate, *App, error) { return b.gate, app, nil }})
		b.mux = mux
		var got explanation
		body := fmt.Sprintf(`{"user":"jdupont","method":%q,"url":"https://notes.example.org%s","from":%q,"code_age":%d}`, tt.q.Method, tt.q.URL, tt.q.From, tt.q.CodeAge)
		b.want(b.post("/sesame/explain", body), http.StatusOK, &got)
		if got.Decision != tt.decision || got.Why != tt.why || got.Part != tt.part || !strings.Contains(got.Sentence, tt.says) {
			t.Errorf("%+v: %+v", tt.q, got)
		}
	}
}

func checkedApp(t *testing.T, applications ...*Application) *App {
	t.Helper()
	app := &App{Portal: "https://portail.example.org", Applications: applications}
	var err error
	if app.settings, err = app.check(); err != nil {
		t.Fatal(err)
	}
	return app
}

func TestDelegationsOfTheAPI(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "")
	until := adminStart.AddDate(0, 1, 0)
	order := func(application, until, reason string) string {
		return fmt.Sprintf(`{"application":%q,"until":%q,"reason":%q}`, application, until, reason)
	}
	var d delegationView
	b.want(b.post("/sesame/users/jdupont/delegations", order("base", until.Format(time.DateOnly), " holidays ")), http.StatusOK, &d)
	if d.User != "jdupont" || d.Application != "base" || d.Reason != "holidays" || d.Until.Sub(until) > 48*time.Hour {
		t.Errorf("given: %+v", d)
	}
	var u userView
	b.want(b.ask(http.MethodGet, "/sesame/users/jdupont", ""), http.StatusOK, &u)
	if len(u.Delegations) != 1 || u.Delegations[0].Application != "base" {
		t.Errorf("shown: %+v", u.Delegations)
	}
	for body, status := range map[string]int{
		order("elsewhere", until.Format(time.DateOnly), "x"):                   http.StatusBadRequest,
		order("base", "soon", "x"):                                             http.StatusBadRequest,
		order("base", "", "x"):                                                 http.StatusBadRequest,
		order("base", adminStart.AddDate(0, 0, -2).Format(time.DateOnly), "x"): http.StatusBadRequest,
		order("base", adminStart.AddDate(2, 0, 0).Format(time.DateOnly), "x"):  http.StatusBadRequest,
		order("base", until.Format(time.DateOnly), " "):                        http.StatusBadRequest,
	} {
		if a := b.post("/sesame/users/jdupont/delegations", body); a.status != status || a.error() == "" {
			t.Errorf("%s: %d %s", body, a.status, a.error())
		}
	}
	if a := b.post("/sesame/users/nobody.here/delegations", order("base", until.Format(time.DateOnly), "x")); a.status != http.StatusNotFound {
		t.Errorf("to nobody: %d %s", a.status, a.error())
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		if a := b.ask(http.MethodDelete, "/sesame/users/jdupont/delegations/base", ""); a.status != want {
			t.Errorf("ending it: %d %s, want %d", a.status, a.error(), want)
		}
	}
	if a := b.ask(http.MethodDelete, "/sesame/users/jdupont/delegations/"+url.PathEscape("a b"), ""); a.status != http.StatusBadRequest {
		t.Errorf("an odd name: %d", a.status)
	}
}

// Every reading of every confusion is there: what pathReadings gives holds the
// path as a server would understand it.
func TestPathReadings(t *testing.T) {
	for name, target := range confusions {
		if !slices.ContainsFunc(pathReadings(target), func(p string) bool { return p == "/admin" || strings.HasPrefix(p, "/admin/") }) {
			t.Errorf("%s: %s is read as %q", name, target, pathReadings(target))
		}
	}
	if got := pathReadings("/plain/path.html"); len(got) != 1 {
		t.Errorf("a plain path has the readings %q", got)
	}
}

func FuzzPathReadings(f *testing.F) {
	for _, target := range confusions {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		all := pathReadings(escaped)
		if !slices.Contains(all, escaped) || len(escaped) <= maxOddPath && !slices.Contains(all, strings.ToLower(escaped)) {
			t.Errorf("%q: the path itself is none of its readings", escaped)
		}
		if len(all) > 400 {
			t.Errorf("%q has %d readings", escaped, len(all))
		}
	})
}
