package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// watcher is one host's page asking how long the session lasts.
type watcher struct {
	*testing.T
	s    *testServer
	b    *browser
	host string
}

func (v watcher) ask() string {
	v.Helper()
	return v.b.do(v.b.request("GET", v.s.at(v.host, "/.sesame/session"))).body
}

func (v watcher) extend(header ...string) answer {
	v.Helper()
	return v.b.once(v.b.request("POST", v.s.at(v.host, "/.sesame/session"), append([]string{"Accept", "application/json"}, header...)...))
}

func (v watcher) is(got string, from, to int, extendable bool) {
	v.Helper()
	for n := from; n <= to; n++ {
		if got == fmt.Sprintf(`{"seconds_left":%d,"warning_seconds":300,"extendable":%v,"keeps_forms":%v}`+"\n", n, extendable, v.host == "notes") {
			return
		}
	}
	v.Errorf("%s: the state is %s, want %d to %d seconds, extendable %v", v.host, got, from, to, extendable)
}

// TestSessionState: when to warn, whether there is anything to be won, and that
// only a page of the same host wins it.
func TestSessionState(t *testing.T) {
	for _, host := range []string{"notes", "portail"} {
		s := startGate(t, "session {\n idle 1h\n absolute 2h10m\n}", "")
		v := watcher{t, s, s.loggedIn("edupont"), host}
		v.b.open(s.at(host, "/"))
		v.is(v.ask(), 3590, 3600, true)
		advance(56 * time.Minute)
		v.is(v.ask(), 230, 240, true)
		for name, header := range map[string][]string{
			"from another site": {"Sec-Fetch-Site", "cross-site"}, "from a neighbour": {"Sec-Fetch-Site", "same-site"}, "from nowhere": nil,
			"by another origin": {"Origin", "https://evil.example"}, "by no origin": {"Origin", "null"}, "typed": {"Sec-Fetch-Site", "none"},
			"with a false origin": {"Sec-Fetch-Site", "cross-site", "Origin", s.at(host, "")},
		} {
			if a := v.extend(header...); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: extended %s: %s", host, name, a.Status)
			}
		}
		v.is(v.ask(), 230, 240, true)
		v.is(v.extend("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors").body, 3590, 3600, true)
		advance(56 * time.Minute)
		v.is(v.extend("Origin", s.at(host, "")).body, 900, 1080, false)
		advance(19 * time.Minute)
		if a := v.extend("Sec-Fetch-Site", "same-origin"); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: after its end: %s", host, a.Status)
		}
		v.b = newBrowser(t)
		if a := v.extend("Sec-Fetch-Site", "same-origin"); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: without a session: %s", host, a.Status)
		}
	}
}

// The warning comes at a quarter of the idle time, between twenty seconds and five
// minutes before the end.
func TestWarningTime(t *testing.T) {
	for idle, want := range map[time.Duration]int{time.Minute: 20, 2 * time.Minute: 30, 10 * time.Minute: 150, 20 * time.Minute: 300, time.Hour: 300, 12 * time.Hour: 300} {
		if got := stateOf(sessionOfIdle(idle), idle, time.Unix(0, 0)); got.WarningSeconds != want {
			t.Errorf("idle %v: %d s, want %d", idle, got.WarningSeconds, want)
		}
	}
}

// TestSessionScript: served to anybody on every host, and kept by browsers until
// it changes.
func TestSessionScript(t *testing.T) {
	s := startGate(t, "", "")
	b := newBrowser(t)
	for _, host := range []string{"notes", "portail"} {
		a := b.once(b.request("GET", s.at(host, "/.sesame/session.js")))
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || a.Header.Get("Cache-Control") != "public, max-age=3600" ||
			a.Header.Get("X-Content-Type-Options") != "nosniff" || len(a.Cookies()) > 0 || !strings.Contains(a.body, "Prolonger la session") || strings.Contains(a.body, "{{") {
			t.Errorf("%s: %s %v\n%.300s", host, a.Status, a.Header, a.body)
		}
		if again := b.once(b.request("GET", s.at(host, "/.sesame/session.js"), "If-None-Match", a.Header.Get("ETag"))); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: asked again: %s", host, again.Status)
		}
		if a := b.once(b.request("POST", s.at(host, "/.sesame/session.js"))); a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: POST: %s", host, a.Status)
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
}

// sessionOfIdle is a session that has just been used.
func sessionOfIdle(idle time.Duration) authcore.Session {
	return authcore.Session{Idle: time.Unix(0, 0).Add(idle), End: time.Unix(0, 0).Add(24 * time.Hour)}
}
