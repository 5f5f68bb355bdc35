package caddymodule

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// liars are headers by which some gate believes that the request is another one:
// another path, host, scheme, method or client (CVE-2024-21494, CVE-2025-64101,
// CVE-2026-40575).
var liars = [][]string{
	{"X-Forwarded-Uri", "/public/x"}, {"X-Original-Uri", "/public/x"}, {"X-Original-Url", "/public/x"}, {"X-Rewrite-Url", "/public/x"},
	{"X-Forwarded-Path", "/public/x"}, {"X-Envoy-Original-Path", "/public/x"}, {"X-Auth-Request-Redirect", "https://evil.example/"},
	{"X-Forwarded-Host", "evil.example"}, {"X-Host", "evil.example"}, {"X-Original-Host", "evil.example"}, {"X-Forwarded-Server", "evil.example"},
	{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Scheme", "https"}, {"X-Url-Scheme", "https"}, {"Front-End-Https", "on"},
	{"X-Forwarded-Port", "1"}, {"X-Forwarded-Prefix", "//evil.example"}, {"X-Script-Name", "//evil.example"},
	{"Forwarded", "for=10.0.0.1;host=evil.example;proto=https"}, {"X-Forwarded-For", "10.0.0.1"}, {"X-Real-Ip", "10.0.0.1"}, {"True-Client-Ip", "10.0.0.1"}, {"Cf-Connecting-Ip", "10.0.0.1"},
	{"X-Http-Method-Override", "GET"}, {"X-Http-Method", "GET"}, {"X-Method-Override", "GET"},
	{"Referer", "https://evil.example/"}, {"User-Agent", "GoogleHC/1.0"}, {"User-Agent", "kube-probe/1.30"}, {"User-Agent", "ELB-HealthChecker/2.0"},
	{"Authorization", "Basic ZWR1cG9udDo3Mjk0"}, {"Authorization", "Bearer x"}, {"X-Forwarded-Access-Token", "x"}, {"Via", "1.1 evil.example"},
}

// TestHeadersThatLie: none of them, nor all at once, changes what is decided or where
// anybody is sent, with a session and without; and no answer repeats them.
func TestHeadersThatLie(t *testing.T) {
	s := startGate(t, "", "path /admin/* {\n allow group admins\n}")
	in, out := s.loggedIn("edupont"), newBrowser(t)
	in.open(s.at("notes", "/"))
	var all []string
	for _, lie := range liars {
		if !slices.Contains(all, lie[0]) {
			all = append(all, lie...)
		}
	}
	shape := func(a answer) string {
		to := a.Header.Get("Location")
		if u, err := url.Parse(to); err == nil { // the visit is new each time
			q := u.Query()
			q.Del("visit")
			u.RawQuery = q.Encode()
			to = u.String()
		}
		return a.Status + " " + to
	}
	for _, address := range []string{
		s.at("notes", "/admin/x"), s.at("notes", "/x"), s.at("notes", "/public/x"), s.at("autre", "/x"), s.at("notes", "/.sesame/logout"), s.at("notes", "/.sesame/session"),
		s.at("notes", "/.sesame/ticket?ticket=x"), s.at("portail", "/"), s.at("portail", "/.sesame/login"), s.at("portail", "/.sesame/pin"), s.at("portail", "/.sesame/account"), s.at("portail", "/.sesame/assistance"), s.at("portail", "/nothing"),
	} {
		for who, b := range map[string]*browser{"in session": in, "without": out} {
			want := shape(b.once(b.page(address)))
			s.notes.take()
			for _, lie := range append([][]string{all}, liars...) {
				req := b.page(address)
				for i := 0; i < len(lie); i += 2 {
					req.Header.Set(lie[i], lie[i+1])
				}
				a := b.once(req)
				if got := shape(a); got != want {
					t.Errorf("%s %s with %q: %s, else %s", address, who, lie, got, want)
				}
				if told := fmt.Sprint(a.Header) + a.body; strings.Contains(told, "evil.example") {
					t.Errorf("%s %s: the answer repeats %q", address, who, lie)
				}
				for _, got := range s.notes.take() {
					if !strings.Contains(address, "notes") || len(got.values("X-Forwarded-Host")) > 0 && strings.Contains(got.values("X-Forwarded-Host")[0], "evil") {
						t.Errorf("%s %s with %q reached the application as %v", address, who, lie, got.Header)
					}
				}
			}
		}
	}
	if strings.Contains(s.log(), `"address":"10.0.0.1"`) {
		t.Error("a client's word for where it is was believed")
	}
}

// TestOddMethods: no method opens what is protected: not those of WebDAV, not an
// invented one, not one in small letters, and no preflight of CORS.
func TestOddMethods(t *testing.T) {
	s := startGate(t, "", "")
	for _, method := range []string{"OPTIONS", "HEAD", "TRACE", "TRACK", "CONNECT", "PROPFIND", "MKCOL", "COPY", "SEARCH", "DEBUG", "get", "Get", "GETX", "PRI", "A", strings.Repeat("G", 4000)} {
		for _, path := range []string{"/admin/x", "/public/../x", "/.sesamex", "*"} {
			for _, more := range []string{"", "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: remote-user\r\n", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Max-Forwards: 0\r\n"} {
				status := statusOf(t, "127.0.0.1:"+s.port, method+" "+path+" HTTP/1.0\r\nHost: notes.localhost:"+s.port+"\r\n"+more+"\r\n")
				if !strings.HasPrefix(status, "4") && (path != "*" || status != "200 OK") { // it names no host of ours: Caddy answers that with nothing
					t.Errorf("%.20s %s (%q): %s", method, path, more, status)
				}
			}
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
}

// statusOf is the status of the answer to some bytes, whatever follows it.
func statusOf(t *testing.T, address, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("no answer to %.60q: %v", request, err)
	}
	_, status, _ := strings.Cut(strings.TrimSpace(line), " ")
	return status
}

// TestNoOtherOriginReads: no answer of ours lets a script of another site read it, but
// the keys that verify assertions, which are everybody's, and that without cookies.
func TestNoOtherOriginReads(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	in.open(s.at("notes", "/"))
	for host, routes := range map[string]map[string]route{"portail": portalRoutes, "notes": siteRoutes} {
		for _, path := range slices.Sorted(maps.Keys(routes)) {
			for _, origin := range []string{"https://evil.example", "null", s.at("autre", ""), "http://portail.localhost.evil.example"} {
				for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
					a := in.once(in.request(method, s.at(host, path), "Accept", "*/*", "Origin", origin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Access-Control-Request-Method", "POST"))
					allowed := a.Header.Get("Access-Control-Allow-Origin")
					if want := path == pathKeys && host == "portail" && method == http.MethodGet; (allowed != "") != want || want && allowed != "*" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
						t.Errorf("%s %s%s for %s: %s, %q may read it", method, host, path, origin, a.Status, allowed)
					}
				}
			}
		}
	}
	if a := in.once(in.page(s.at("notes", "/"))); a.StatusCode != http.StatusOK {
		t.Errorf("another site ended the session: %s", a.Status)
	}
}

// TestNothingIsReflected: whatever is put into a path, a query, a header or a field,
// no answer repeats it as markup, on any page, in either language.
func TestNothingIsReflected(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	in.open(s.at("notes", "/"))
	markup := []string{`"><svg onload=alert(1)>`, `'><img src=x onerror=alert(1)>`, `</title><script>alert(1)</script>`, "`${alert(1)}`<svg/onload=1>", `+ADw-script+AD4-alert(1)`, `javascript:alert(1)//<svg onload=1>`, "\u2028<svg onload=1>", `{{.}}<svg onload=1>`, "%3Csvg onload=1%3E"}
	bad := []string{"<svg onload", "<svg/onload", "<img src=x", "<script>alert", "onerror=alert(1)>", "+ADw-script", `href="javascript:`}
	look := func(what string, a answer) {
		t.Helper()
		for _, b := range bad {
			if strings.Contains(a.body, b) {
				t.Errorf("%s: %s, and the page holds %s", what, a.Status, b)
			}
		}
		if csp := a.Header.Get("Content-Security-Policy"); a.Header.Get("X-Upstream") == "" && (!strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "svg")) {
			t.Errorf("%s: Content-Security-Policy %q", what, csp)
		}
	}
	names := []string{"target", "CT_ORIG_URL", "lang", "visit", "ticket", "page", "person", "serial", "reference", "q", "application", "passkey", "error", "notice", "news"}
	for host, routes := range map[string]map[string]route{"portail": portalRoutes, "notes": siteRoutes} {
		for _, path := range append(slices.Sorted(maps.Keys(routes)), "/.sesame/nothing", "/.sesame/static/nothing") {
			for who, b := range map[string]*browser{"in session": in, "without": newBrowser(t)} {
				for _, m := range markup {
					q := make(url.Values)
					for _, name := range names {
						q.Set(name, m)
					}
					for _, address := range []string{s.at(host, path) + "?" + q.Encode(), s.at(host, path) + "/" + url.PathEscape(m)} {
						req := b.page(address)
						for _, name := range []string{"User-Agent", "Referer", "Accept-Language", "X-Forwarded-Host"} {
							req.Header.Set(name, strings.ReplaceAll(m, "\u2028", " "))
						}
						look(who+" at "+host+path, b.once(req))
					}
				}
			}
		}
	}
	for _, m := range markup {
		b, a := s.fresh()
		look("the login's form", b.once(b.post(a, "identifier", m, "passcode", m, "target", m)))
		x := newBrowser(t)
		look("the assistance's form", x.once(x.asks(x.open(s.at("portail", "/.sesame/assistance")), url.Values{"surname": {m}, "description": {m}, "email": {m}, "phone": {m}, "key": {m}})))
	}
}

// TestRightsEndAtOnce: what ends a right, ends it for the next request, whatever it
// is that ends.
func TestRightsEndAtOnce(t *testing.T) {
	ctx := context.Background()
	for i, tt := range []struct {
		name   string
		status int
		end    func(s *testServer, id authcore.Identifier) error
	}{
		{"out of the group", http.StatusForbidden, func(s *testServer, id authcore.Identifier) error {
			return s.gate().SetAccount(ctx, testActor, authcore.Account{Identifier: id, Groups: []string{"parents"}}, []authcore.AccountField{authcore.FieldGroups})
		}},
		{"shut out", http.StatusSeeOther, func(s *testServer, id authcore.Identifier) error { return s.gate().DisableAccount(ctx, testActor, id) }},
		{"the key is lost", http.StatusSeeOther, func(s *testServer, id authcore.Identifier) error {
			return s.gate().LoseKey(ctx, testActor, authcore.Serial(s.key(id)))
		}},
		{"the PIN is cleared", http.StatusSeeOther, func(s *testServer, id authcore.Identifier) error {
			return s.gate().ClearPIN(ctx, testActor, authcore.Serial(s.key(id)))
		}},
		{"the sessions are ended", http.StatusSeeOther, func(s *testServer, id authcore.Identifier) error { return s.gate().EndSessions(ctx, testActor, id) }},
	} {
		s := startGate(t, "", "")
		id := authcore.Identifier(fmt.Sprintf("person%d", i))
		b := s.loggedIn(id)
		if a := b.open(s.at("notes", "/admin/x")); a.body != "ok" {
			t.Fatalf("%s: %s before", tt.name, a.Status)
		}
		s.must(tt.end(s, id))
		s.notes.take()
		if a := b.once(b.page(s.at("notes", "/admin/x"))); a.StatusCode != tt.status || len(s.notes.take()) > 0 {
			t.Errorf("%s: the next request is answered with %s", tt.name, a.Status)
		}
	}
}
