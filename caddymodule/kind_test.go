package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestIsPageLoad(t *testing.T) {
	const chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	tests := []struct {
		name, method string
		header       map[string]string
		want         bool
	}{
		{"a browser", "GET", map[string]string{"Accept": chrome, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, true},
		{"HEAD", "HEAD", map[string]string{"Accept": chrome}, true},
		{"a browser of before", "GET", map[string]string{"Accept": chrome}, true},
		{"a frame", "GET", map[string]string{"Accept": chrome, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, true},
		{"another case", "GET", map[string]string{"Accept": "Text/HTML"}, true},
		{"navigate whatever it accepts", "GET", map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "navigate"}, true},
		{"fetch", "GET", map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "cors"}, false},
		{"fetch that wants html", "GET", map[string]string{"Accept": chrome, "Sec-Fetch-Mode": "same-origin"}, false},
		{"an image", "GET", map[string]string{"Accept": "image/*", "Sec-Fetch-Mode": "no-cors"}, false},
		{"XMLHttpRequest", "GET", map[string]string{"Accept": chrome, "X-Requested-With": "XMLHttpRequest"}, false},
		{"WebSocket", "GET", map[string]string{"Accept": chrome, "Upgrade": "websocket", "Connection": "Upgrade"}, false},
		{"WebSocket of a browser", "GET", map[string]string{"Sec-Fetch-Mode": "websocket"}, false},
		{"curl", "GET", map[string]string{"Accept": "*/*"}, false},
		{"nothing at all", "GET", nil, false},
		{"JSON", "GET", map[string]string{"Accept": "application/json, text/plain, */*"}, false},
		{"html refused", "GET", map[string]string{"Accept": "text/html;q=0, */*"}, false},
		{"html refused, longer", "GET", map[string]string{"Accept": "text/html;level=1;Q=0.000"}, false},
		{"html hardly", "GET", map[string]string{"Accept": "text/html;q=0.1"}, true},
		{"POST that navigates", "POST", map[string]string{"Accept": chrome, "Sec-Fetch-Mode": "navigate"}, false},
		{"POST of a browser of before, navigates", "POST", map[string]string{"Accept": chrome}, false},
		{"POST by a script", "POST", map[string]string{"Accept": "*/*"}, false},
		{"a method of its own, navigates", "get", map[string]string{"Accept": chrome}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Method = tt.method
			for name, value := range tt.header {
				r.Header.Set(name, value)
			}
			if got := isPageLoad(r); got != tt.want {
				t.Errorf("isPageLoad = %v", got)
			}
			if got, want := isUse(r), tt.want || strings.HasSuffix(tt.name, "navigates"); got != want {
				t.Errorf("isUse = %v", got)
			}
		})
	}
}

// What a browser fetches in advance is a page load, whose redirect it keeps for
// later, and nobody's use.
func TestPrefetchIsNoUse(t *testing.T) {
	for _, purpose := range []string{"prefetch", "prefetch;prerender", "Prefetch;anonymous-client-ip"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Purpose", purpose)
		if !isPageLoad(r) || isUse(r) {
			t.Errorf("%s: a page load %v, a use %v", purpose, isPageLoad(r), isUse(r))
		}
	}
}
