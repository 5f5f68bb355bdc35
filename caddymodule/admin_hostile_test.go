package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestAdminHostileBodies: fields that nobody may set, values of other types, and JSON
// without an end, to every route of the administration that reads: each is refused,
// and nothing is written.
func TestAdminHostileBodies(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	bodies := map[string]string{
		"fields of the store":      `{"locked":false,"state":"active","pin":"0000","pin_hash":"x","role":"operator","used":0,"failures":0,"seed":"x","password":"x"}`,
		"a prototype":              `{"__proto__":{"role":"operator"},"constructor":{"prototype":{}}}`,
		"an array":                 `[{"identifier":"x"}]`,
		"a text":                   `"edupont"`,
		"a field twice, odd":       `{"reason":"a","REASON":"b","locked":false}`,
		"two values":               `{"nothing":1}{"nothing":2}`,
		"an unfinished value":      `{"reason":"a`,
		"NUL":                      "{\"reason\":\"a\x00\",\"nothing\":1}",
		"arrays in arrays":         strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000),
		"objects in objects":       strings.Repeat(`{"a":`, 10_000),
		"a number without measure": `{"nothing":1e999999999}`,
		"more than it takes":       `{"reason":"` + strings.Repeat("a", 200<<10) + `"}`,
	}
	mux := http.NewServeMux()
	serveAdmin(mux, adminAPI{activeGate})
	tried := 0
	app, err := caddy.ActiveContext().AppIfConfigured("sesame")
	s.must(err)
	for _, r := range adminRoutes {
		if r.method == http.MethodGet || r.method == http.MethodDelete {
			continue
		}
		path := strings.NewReplacer("{id}", "edupont", "{serial}", s.key("edupont"), "{application}", "notes", "{pending}", "0000000000", "{passkey}", "0000000000").Replace(r.path)
		for name, body := range bodies {
			before := s.dump()
			tried++
			req := httptest.NewRequest(r.method, "http://localhost:2019"+path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, req)
			if w.Code < 400 || w.Code >= 500 {
				t.Errorf("%s %s with %s: %d %s", r.method, path, name, w.Code, w.Body)
			}
			if tried%50 == 0 { // on a slow machine a minute is over in between
				advance(2 * time.Minute)
				app.(*App).minute(t.Context(), s.gate())
			}
			if s.dump() != before {
				t.Errorf("%s %s with %s: something was written", r.method, path, name)
			}
		}
	}
	before := s.dump()
	if s.teacher("fdupont"); s.dump() == before {
		t.Error("what is written is not seen")
	}
	if tried < 200 {
		t.Errorf("only %d requests were tried", tried)
	}
}
