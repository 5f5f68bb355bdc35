package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// No page that an operator's browser shows reaches the administration: each path
// of the API, in each of its methods, refuses a foreign origin, a foreign host,
// which is DNS rebinding, and what a page sends without asking.
func TestPagesDoNotReachTheAdministration(t *testing.T) {
	s := newServer(t)
	content, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	decode(t, string(content), &api)
	forgeries := map[string]func(*http.Request){
		"another origin":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"no origin to tell":  func(r *http.Request) { r.Header.Set("Origin", "null") },
		"another host":       func(r *http.Request) { r.Host = "evil.example" },
		"a name of loopback": func(r *http.Request) { r.Host = "127.0.0.1.nip.io" },
		"a page's request":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "no-cors") },
		"a page's fetch": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Mode", "cors")
			r.Header.Set("Origin", "https://evil.example")
		},
	}
	tried := 0
	for path, methods := range api.Paths {
		address := "http://" + s.admin + strings.NewReplacer("{", "", "}", "").Replace(path)
		for method := range methods {
			if method = strings.ToUpper(method); method == "PARAMETERS" {
				continue
			}
			for name, forge := range forgeries {
				req, err := http.NewRequest(method, address, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				forge(req)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if tried++; resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusBadRequest {
					t.Errorf("%s %s from %s: %s", method, path, name, resp.Status)
				}
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d requests were tried", tried)
	}
}
