package caddymodule

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
)

// TestWithoutASession: a page load goes to the login, everything else gets 401
// with the login's address, and the application gets nothing.
func TestWithoutASession(t *testing.T) {
	s := startGate(t, "", "")
	b := newBrowser(t)
	login := s.at("portail", "/.sesame/login")
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "HEAD"} {
		for _, path := range []string{"/", "/admin/s", "/ADMIN", "//x", "/public/../admin", "/public/%2e%2e/admin", "/public;/x", "/x?a=/public/", "/robots.txt/", "/.sesamex"} {
			a := b.once(b.request(method, s.at("notes", path), "Accept", "*/*", "X-Original-URL", "/public/x", "X-Rewrite-URL", "/public/x",
				"X-Forwarded-Uri", "/public/x", "X-Forwarded-Host", "evil.example", "X-HTTP-Method-Override", "GET", "User-Agent", "kube-probe/1.30"))
			if a.StatusCode != http.StatusUnauthorized || a.Header.Get("Location") != "" || a.Header.Get("WWW-Authenticate") != `Sesame login="`+login+`"` {
				t.Errorf("%s %s: %s %v", method, path, a.Status, a.Header)
			}
			if method == "HEAD" {
				continue
			}
			var got problemDetails
			if err := json.Unmarshal([]byte(a.body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(problemDetails{Type: "about:blank", Title: "Login required", Status: 401, Login: login}, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", method, path, diff)
			}
		}
	}
	a := b.once(b.page(s.at("notes", "/x?y=z")))
	to, err := a.Location()
	if err != nil || a.StatusCode != http.StatusSeeOther || to.Host != "portail.localhost:"+s.port || to.Query().Get("target") != s.at("notes", "/x?y=z") {
		t.Errorf("a page load: %s to %v, %v", a.Status, to, err)
	}
	if len(a.Cookies()) != 1 || a.Cookies()[0].Name != "sesame-visit" {
		t.Errorf("its cookies: %v", a.Cookies())
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
}

// TestWithADeadSession is the same with cookies that open nothing.
func TestWithADeadSession(t *testing.T) {
	s := startGate(t, "", "")
	for _, value := range []string{"x", strings.Repeat("A", 43), "", strings.Repeat("%", 5000), "\"quoted\""} {
		b := newBrowser(t)
		b.set(s.at("notes", "/"), "sesame", value)
		if a := b.once(b.page(s.at("notes", "/"))); a.StatusCode != http.StatusSeeOther {
			t.Errorf("a cookie of %d bytes: %s", len(value), a.Status)
		}
	}
	in := s.loggedIn("edupont")
	in.open(s.at("notes", "/"))
	// A session belongs to one host: the others' cookies open nothing there.
	portal, notes := in.own(s.at("portail", "/"), "sesame"), in.own(s.at("notes", "/"), "sesame")
	if portal == "" || notes == "" || portal == notes {
		t.Fatal("the two hosts do not have a session each")
	}
	for host, value := range map[string]string{"notes": portal, "autre": notes, "portail": notes} {
		b := newBrowser(t)
		b.set(s.at(host, "/"), "sesame", value)
		if a := b.once(b.page(s.at(host, "/"))); a.StatusCode != http.StatusSeeOther {
			t.Errorf("another host's cookie on %s: %s", host, a.Status)
		}
	}
}

// TestForbidden: logged in, but not for this application.
func TestForbidden(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	a := b.open(s.at("autre", "/x"))
	if a.StatusCode != http.StatusForbidden || a.url().String() != s.at("autre", "/x") || !strings.Contains(a.body, "Base élèves") || !strings.Contains(a.body, "Ève Dupont") {
		t.Errorf("the page: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	if !strings.Contains(s.log(), a.Header.Get("Sesame-Reference")) || !strings.Contains(s.log(), `"holder":"edupont"`) {
		t.Error("the log does not say whom it was closed to")
	}
	a = b.do(b.request("POST", s.at("autre", "/x"), "Accept", "application/json"))
	if a.StatusCode != http.StatusForbidden || a.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(a.body, a.Header.Get("Sesame-Reference")) {
		t.Errorf("for a script: %s %s", a.Status, a.body)
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("an application got %v", got)
	}
	if a := b.open(s.at("portail", "/")); strings.Contains(a.body, "Base élèves") || !strings.Contains(a.body, "Carnet de notes") {
		t.Error("the portal shows other applications than those that are open")
	}
}

// TestPublicPath: without a login, without an identity; with a session, with it.
func TestPublicPath(t *testing.T) {
	s := startGate(t, "", "")
	out := newBrowser(t)
	in := s.loggedIn("edupont")
	in.open(s.at("notes", "/"))
	s.notes.take()
	for _, tt := range []struct {
		name string
		by   *browser
		want []string
	}{{"out", out, nil}, {"in", in, []string{"edupont"}}} {
		a := tt.by.do(tt.by.request("GET", s.at("notes", "/public/x"), "Accept", "*/*", "Remote-User", "admin", "Remote-Groups", "admins", "Cookie", "sesame-login=x"))
		got := s.notes.take()
		if a.body != "ok" || len(got) != 1 {
			t.Fatalf("%s: %s, %d requests", tt.name, a.Status, len(got))
		}
		if diff := cmp.Diff(tt.want, got[0].values("Remote-User")); diff != "" {
			t.Errorf("%s: Remote-User (-want +got):\n%s", tt.name, diff)
		}
		if tt.name == "out" && len(got[0].managed()) > 0 {
			t.Errorf("out: %v", got[0].managed())
		}
		if len(got[0].values("Cookie")) > 0 {
			t.Errorf("%s: cookies %v", tt.name, got[0].values("Cookie"))
		}
	}
	// Somebody to whom the application is not open may see what everybody may,
	// but is nobody there.
	s.person(authcore.Account{Identifier: "hmartin"})
	other := newBrowser(t)
	s.enroll(other, "hmartin", other.open(s.at("notes", "/")))
	s.notes.take()
	a := other.do(other.page(s.at("notes", "/public/x")))
	if got := s.notes.take(); a.body != "ok" || len(got) != 1 || len(got[0].managed()) > 0 {
		t.Errorf("somebody without the right: %s, %v", a.Status, got)
	}
	if a := other.open(s.at("notes", "/x")); a.StatusCode != http.StatusForbidden {
		t.Errorf("somebody without the right, beside the public path: %s", a.Status)
	}
}

// TestIdle: asking how long a session lasts does not make it last, using it does,
// and ten hours are the end of it.
func TestIdle(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	left := func() int { t.Helper(); return s.left(b) }
	advance(30 * time.Minute)
	if got := left(); got > 1800 {
		t.Errorf("after half an hour %d s are left", got)
	}
	advance(20 * time.Minute)
	left()
	b.open(s.at("notes", "/"))
	if got := left(); got < 3590 {
		t.Errorf("after a use %d s are left", got)
	}
	advance(40 * time.Minute)
	left()
	if a := b.open(s.at("notes", "/public/x")); a.body != "ok" {
		t.Errorf("a public path: %s", a.Status)
	}
	advance(21 * time.Minute)
	if a := b.once(b.page(s.at("notes", "/"))); a.StatusCode != http.StatusSeeOther {
		t.Errorf("an hour unused, but for a public path: %s", a.Status)
	}
	a := b.open(s.at("notes", "/"))
	if a.url().Path != "/.sesame/login" || !strings.Contains(a.body, "Votre session est terminée") {
		t.Errorf("the login does not say why: %s\n%s", a.url(), a.body)
	}

	b = s.loggedIn("hmartin")
	for range 14 {
		advance(40 * time.Minute)
		b.open(s.at("portail", "/"))
	}
	if a := b.once(b.page(s.at("portail", "/"))); a.StatusCode != 200 {
		t.Errorf("in use for nine hours and twenty minutes: %s", a.Status)
	}
	advance(41 * time.Minute)
	if a := b.once(b.page(s.at("portail", "/"))); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after ten hours: %s", a.Status)
	}
}

// TestWebSocket: an upgrade goes through to who may open the application, with
// their identity, whatever else the client lists in Connection.
func TestWebSocket(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	s.notes.take()
	send := func(cookie string) string {
		return sendRaw(t, "127.0.0.1:"+s.port, "GET /ws HTTP/1.1\r\nHost: notes.localhost:"+s.port+"\r\nCookie: sesame="+cookie+
			"\r\nConnection: Upgrade, Remote-User, remote_groups\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n")
	}
	if status := send("x"); status != "401 Unauthorized" || len(s.notes.take()) > 0 {
		t.Errorf("without a session: %s", status)
	}
	if status := send(b.own(s.at("notes", "/"), "sesame")); status != "200 OK" {
		t.Fatalf("in session: %s", status)
	}
	got := s.notes.take()[0]
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Remote-User": "edupont", "Remote-Groups": "enseignants,3eB"} {
		if diff := cmp.Diff([]string{want}, got.values(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
