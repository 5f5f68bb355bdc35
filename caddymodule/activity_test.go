package caddymodule

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// left is how many seconds a browser's session on notes lasts yet.
func (s *testServer) left(b *browser) int {
	s.t.Helper()
	a := b.do(b.request("GET", s.at("notes", "/.sesame/session")))
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		s.t.Fatalf("%s: %v", a.body, err)
	}
	seconds, _ := got["seconds_left"].(float64)
	return int(seconds)
}

// TestActivity: what somebody opens keeps their session, what a page asks for by
// itself does not, unless the operator wants it so.
func TestActivity(t *testing.T) {
	const html = "text/html,application/xhtml+xml,*/*;q=0.8"
	tests := []struct {
		name, method, path string
		header             []string
		page               bool // somebody opened it
		request            bool // it comes to the application, and is none of its public paths
	}{
		{"a page", "GET", "/x", []string{"Accept", html, "Sec-Fetch-Mode", "navigate"}, true, true},
		{"a form", "POST", "/x", []string{"Accept", html, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin"}, true, true},
		{"a page, without Fetch Metadata", "GET", "/x", []string{"Accept", html}, true, true},
		{"a form, without Fetch Metadata", "POST", "/x", []string{"Accept", html}, true, true},
		{"a poll by fetch", "GET", "/x", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, false, true},
		{"a poll by fetch of the same origin", "GET", "/x", []string{"Accept", html, "Sec-Fetch-Mode", "same-origin"}, false, true},
		{"a post by fetch", "POST", "/x", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, false, true},
		{"a poll by XMLHttpRequest, without Fetch Metadata", "GET", "/x", []string{"Accept", html, "X-Requested-With", "XMLHttpRequest"}, false, true},
		{"a poll without Fetch Metadata", "GET", "/x", []string{"Accept", "application/json"}, false, true},
		{"an image that is loaded again", "GET", "/x", []string{"Accept", "image/*", "Sec-Fetch-Mode", "no-cors"}, false, true},
		{"a WebSocket", "GET", "/x", []string{"Sec-Fetch-Mode", "websocket", "Connection", "Upgrade", "Upgrade", "websocket"}, false, true},
		{"an event stream", "GET", "/x", []string{"Accept", "text/event-stream", "Sec-Fetch-Mode", "cors"}, false, true},
		{"a page fetched in advance", "GET", "/x", []string{"Accept", html, "Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch"}, false, true},
		{"a public page", "GET", "/public/x", []string{"Accept", html, "Sec-Fetch-Mode", "navigate"}, false, false},
		{"asking how long the session lasts", "GET", "/.sesame/session", []string{"Accept", "*/*", "Sec-Fetch-Mode", "cors"}, false, false},
		{"the same, typed as an address", "GET", "/.sesame/session", []string{"Accept", html, "Sec-Fetch-Mode", "navigate"}, false, false},
		{"the health", "GET", "/.sesame/health", []string{"Accept", html, "Sec-Fetch-Mode", "navigate"}, false, false},
		{"the page of the logout", "GET", "/.sesame/logout", []string{"Accept", html, "Sec-Fetch-Mode", "navigate"}, false, false},
	}
	for _, activity := range []string{"", activityPages, activityRequests} {
		more := ""
		if activity != "" {
			more = "activity " + activity
		}
		s := startGate(t, "", more)
		b := s.loggedIn("edupont")
		b.open(s.at("notes", "/"))
		began := now()
		for _, tt := range tests {
			if now().Sub(began) > 8*time.Hour {
				b, began = newBrowser(t), now()
				b.submit(b.open(s.at("notes", "/")), "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
			}
			b.open(s.at("notes", "/"))
			advance(20 * time.Minute)
			a := b.do(b.request(tt.method, s.at("notes", tt.path), tt.header...))
			if a.StatusCode != http.StatusOK {
				t.Errorf("activity %s: %s: %s", activity, tt.name, a.Status)
			}
			want := 40 * 60
			if tt.page || activity == activityRequests && tt.request {
				want = 60 * 60
			}
			if got := s.left(b); got > want || got < want-5 {
				t.Errorf("activity %s: %s: %d s are left, want %d", activity, tt.name, got, want)
			}
		}
	}
}
