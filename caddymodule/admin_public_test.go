package caddymodule

import (
	"fmt"
	"net/http"
	"testing"
)

// TestAdministrationIsNotPublic: what Caddy's admin endpoint serves, the gate's own
// routes, its profiles and metrics among it, is on no host that people reach: each
// path is answered as any other is, in session and without.
func TestAdministrationIsNotPublic(t *testing.T) {
	s := startGate(t, "", "")
	in, out := s.loggedIn("edupont"), newBrowser(t)
	in.open(s.at("notes", "/"))
	type asked struct{ method, path string }
	var all []asked
	for _, path := range []string{"/config/", "/config/apps/sesame", "/load", "/stop", "/adapt", "/id/x", "/pki/ca/local", "/reverse_proxy/upstreams", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/metrics", "/health"} {
		all = append(all, asked{http.MethodGet, path}, asked{http.MethodPost, path})
	}
	for _, r := range adminRoutes {
		all = append(all, asked{r.method, placeholder.ReplaceAllString(r.path, "edupont")})
	}
	before := s.dump()
	for _, host := range []string{"portail", "notes", "autre", "stray"} {
		for who, b := range map[string]*browser{"in session": in, "without": out} {
			for _, what := range all {
				shape := func(path string) string {
					s.notes.take()
					a := b.once(b.request(what.method, s.at(host, path), "Accept", "application/json"))
					return fmt.Sprintf("%s, %d requests to the application", a.Status, len(s.notes.take()))
				}
				if got, want := shape(what.path), shape("/nothing/of/ours"); got != want {
					t.Errorf("%s %s%s %s: %s, and any other path: %s", what.method, host, what.path, who, got, want)
				}
			}
		}
	}
	if s.dump() != before {
		t.Error("something was written")
	}
}
