package caddymodule

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestClientsBehindProxies: what a client says of its own address opens no rule
// about networks, whatever is trusted: neither where no proxy is, nor in front of
// what a proxy adds, on one line or several (CVE-2024-21494).
func TestClientsBehindProxies(t *testing.T) {
	const theirs, ours, other = "10.9.8.7", "10.1.2.3", "198.51.100.7"
	for _, tt := range []struct {
		name, servers string
		opens         []string // of the headers below
		warns         bool
		counted       string // the address of a failure of theirs, through ours
	}{
		{"no proxy is trusted", "", nil, false, "127.0.0.1"},
		{"a proxy elsewhere is trusted", "trusted_proxies static 192.0.2.1/32\n\t\ttrusted_proxies_strict", nil, false, "127.0.0.1"},
		{"strictly", "trusted_proxies static 127.0.0.1/32\n\t\ttrusted_proxies_strict", []string{"one", "behind a made up one", "behind a line"}, false, other},
		{"from the first address on", "trusted_proxies static 127.0.0.1/32", []string{"one"}, true, theirs},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestServer(t)
			s.config = adapt(t, strings.Replace(s.caddyfile("", "path /intern/* {\n network 10.0.0.0/8\n}"), "\tpersist_config off\n", "\tpersist_config off\n\tservers {\n\t\t"+tt.servers+"\n\t}\n", 1))
			runCaddy(t, string(s.config))
			b := s.loggedIn("edupont")
			b.open(s.at("notes", "/"))
			for name, header := range map[string]http.Header{
				"none":                 {},
				"one":                  {"X-Forwarded-For": {ours}},
				"one of elsewhere":     {"X-Forwarded-For": {other}},
				"a made up one":        {"X-Forwarded-For": {theirs + ", " + other}},
				"a made up line":       {"X-Forwarded-For": {theirs, other}},
				"many made up":         {"X-Forwarded-For": {strings.Repeat(theirs+",", 50) + other}},
				"a made up port":       {"X-Forwarded-For": {theirs + ":80, " + other}},
				"behind a made up one": {"X-Forwarded-For": {other + ", " + ours}},
				"behind a line":        {"X-Forwarded-For": {other, ours}},
				"another header":       {"X-Real-Ip": {ours}, "Forwarded": {"for=" + ours}, "True-Client-Ip": {ours}, "Cf-Connecting-Ip": {ours}, "X-Client-Ip": {ours}},
			} {
				req := b.page(s.at("notes", "/intern/x"))
				for key, lines := range header {
					req.Header[key] = lines
				}
				s.notes.take()
				a := b.once(req)
				opens := slices.Contains(tt.opens, name)
				if reached := len(s.notes.take()) > 0; opens != (a.StatusCode == http.StatusOK) || reached != opens || !opens && a.StatusCode != http.StatusForbidden {
					t.Errorf("%s: %s, and the application was reached: %v", name, a.Status, reached)
				}
			}
			x, a := s.fresh()
			req := x.post(a, "identifier", "edupont", "passcode", testPIN+"000000")
			req.Header.Set("X-Forwarded-For", theirs+", "+other)
			if x.once(req); !strings.Contains(s.log(), `"address":"`+tt.counted+`"`) {
				t.Errorf("no failure from %s is told", tt.counted)
			}
			if n := strings.Count(s.log(), "trusted_proxies_strict beside"); (n == 1) != tt.warns || n > 1 {
				t.Errorf("the log warns %d times", n)
			}
		})
	}
}
