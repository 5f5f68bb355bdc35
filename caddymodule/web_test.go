package caddymodule

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/ui"
)

// request makes a request with headers, given in pairs.
func (b *browser) request(method, address string, headers ...string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequest(method, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// fixed are the headers of every answer of ours, with the values of pages.
var fixed = map[string]string{
	"X-Frame-Options":              "DENY",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=(), payment=(), usb=()",
	"Cache-Control":                "no-store",
	"X-Robots-Tag":                 "noindex",
	"Vary":                         "Cookie, Accept-Language",
	"Server":                       "",
}

// TestEveryAnswerIsProtected looks at each status and each kind of answer.
func TestEveryAnswerIsProtected(t *testing.T) {
	s := startGate(t, "", "")
	in, out := s.loggedIn("edupont"), newBrowser(t)
	in.open(s.at("notes", "/"))
	login := out.open(s.at("portail", "/.sesame/login"))
	html := []string{"Accept", "text/html"}
	csp := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self' " +
		s.at("portail", "") + " " + s.at("notes", "") + " " + s.at("autre", "") + "; frame-ancestors 'none'; base-uri 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
	tests := []struct {
		name   string
		by     *browser
		req    *http.Request
		status int
		page   bool
	}{
		{"login", out, out.page(s.at("portail", "/.sesame/login")), 200, true},
		{"assistance", out, out.page(s.at("portail", "/.sesame/assistance")), 200, true},
		{"portal", in, in.page(s.at("portail", "/")), 200, true},
		{"account", in, in.page(s.at("portail", "/.sesame/account")), 200, true},
		{"logout", in, in.page(s.at("portail", "/.sesame/logout")), 200, true},
		{"logout on an application's host", in, in.page(s.at("notes", "/.sesame/logout")), 200, true},
		{"session", in, in.request("GET", s.at("notes", "/.sesame/session")), 200, false},
		{"health", out, out.request("GET", s.at("notes", "/.sesame/health")), 200, false},
		{"to the login", out, out.page(s.at("notes", "/")), 303, false},
		{"portal to the login", out, out.page(s.at("portail", "/")), 303, false},
		{"a step out of turn", out, out.page(s.at("portail", "/.sesame/pin")), 303, false},
		{"a bad ticket, in session", in, in.page(s.at("notes", "/.sesame/ticket?ticket=x")), 303, false},
		{"401", out, out.request("GET", s.at("notes", "/"), "Accept", "*/*"), 401, false},
		{"401 of the portal", out, out.request("GET", s.at("portail", "/"), "Accept", "*/*"), 401, false},
		{"forbidden", in, in.page(s.at("autre", "/")), 303, false}, // a session of that host first
		{"cross-site", out, crossed(out.post(login, "identifier", "x", "passcode", "123456")), 403, true},
		{"refused", out, out.post(login, "identifier", "nobody", "passcode", "123456"), 403, true},
		{"incomplete", out, out.post(login, "identifier", "", "passcode", "123456"), 422, true},
		{"not found", out, out.page(s.at("portail", "/.sesame/nothing")), 404, true},
		{"not found, for a script", out, out.request("GET", s.at("notes", "/.sesame/nothing"), "Accept", "application/json"), 404, false},
		{"not found among the files", out, out.page(s.at("portail", "/.sesame/static/nothing.css")), 404, true},
		{"method", out, out.request("DELETE", s.at("portail", "/.sesame/login"), html...), 405, true},
		{"media type", out, out.request("POST", s.at("portail", "/.sesame/login"), html...), 415, true},
		{"another host", out, out.page(s.at("stray", "/")), 421, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.by.once(tt.req)
			if a.StatusCode != tt.status {
				t.Fatalf("status %s, want %d\n%s", a.Status, tt.status, a.body)
			}
			for name, want := range fixed {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			want := "default-src 'none'; frame-ancestors 'none'"
			if tt.page {
				want = csp
				if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
					t.Errorf("Content-Type: %q", got)
				}
				if got := a.Header.Get("Content-Language"); got != "fr" {
					t.Errorf("Content-Language: %q", got)
				}
			}
			if got := a.Header.Get("Content-Security-Policy"); got != want {
				t.Errorf("Content-Security-Policy:\n got %s\nwant %s", got, want)
			}
			reference := a.Header.Get("Sesame-Reference")
			if refusal := tt.status >= 403 && tt.status != 422; refusal != (reference != "") {
				t.Errorf("Sesame-Reference: %q", reference)
			}
			if reference != "" && (!strings.Contains(a.body, reference) || !strings.Contains(s.log(), reference)) {
				t.Errorf("the reference %s is not in the answer and in the log", reference)
			}
			for _, bad := range []string{"<style", "style=\"", "javascript:", "onclick", "onload", "goroutine", "caddy"} {
				if strings.Contains(strings.ToLower(a.body), bad) {
					t.Errorf("the answer holds %q", bad)
				}
			}
		})
	}
}

// crossed makes a request one that another site's page sent.
func crossed(req *http.Request) *http.Request {
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("Origin", "https://evil.example")
	return req
}

// TestStatic serves the pages' files on every host, for ever, without a session
// and even without a store.
func TestStatic(t *testing.T) {
	s := startGate(t, "", "")
	b := newBrowser(t)
	types := map[string]string{"sesame.css": "text/css; charset=utf-8", "sesame.js": "text/javascript; charset=utf-8", "passkey.js": "text/javascript; charset=utf-8", "sesame.svg": "image/svg+xml"}
	for _, name := range ui.StaticNames() {
		for _, host := range []string{"portail", "notes"} {
			a := b.open(s.at(host, ui.StaticPath(name)))
			if a.StatusCode != 200 || a.body == "" || a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
				a.Header.Get("X-Content-Type-Options") != "nosniff" || len(a.Header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s on %s: %s %v", name, host, a.Status, a.Header)
			}
			if got := a.Header.Get("Content-Type"); got != types[name] {
				t.Errorf("%s is of type %q", name, got)
			}
		}
	}
	for _, path := range []string{"", "nothing", "../login", "sesame.css", "%2e%2e/x", "a/b"} {
		if a := b.open(s.at("notes", ui.StaticPrefix) + path); a.StatusCode == 200 && a.url().Host != "portail.localhost:"+s.port {
			t.Errorf("static file %q: %s at %s", path, a.Status, a.url())
		}
	}
	if a := b.do(b.request("POST", s.at("notes", ui.StaticPath("sesame.css")))); a.StatusCode != 405 || a.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST to a file: %s", a.Status)
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
}

// TestOwnPaths: what is below /.sesame/ never reaches an application, however it
// is spelled.
func TestOwnPaths(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	in.open(s.at("notes", "/"))
	s.notes.take()
	for _, path := range []string{
		"/.sesame", "/.sesame/", "/.sesame/login", "/.sesame/pin", "/.sesame/assistance", "/.sesame/account", "/.sesame/referent", "/.sesame/jwks.json",
		"/.sesame/nothing", "/.sesame/session/", "/.SESAME/session", "//.sesame/session", "/.sesame//session", "/./.sesame/session", "/a/../.sesame/x",
		"/.sesame%2fsession", "/%2esesame/session", "/%2e%73esame/session", "/.sesame%252fsession", "/.sesame;x/session", "/.sesame/session;x", `/.sesame\session`, "/.sesame/%73ession",
	} {
		cookie := "sesame=" + in.own(s.at("notes", "/"), "sesame")
		status := sendRaw(t, "127.0.0.1:"+s.port, "GET "+path+" HTTP/1.1\r\nHost: notes.localhost:"+s.port+"\r\nCookie: "+cookie+"\r\n\r\n")
		if status != "404 Not Found" {
			t.Errorf("%s on an application's host: %s", path, status)
		}
	}
	for _, path := range []string{"/x", "/favicon.ico", "/.sesame/ticket", "/.sesame/kept", "/.sesame/referent/", "/.sesame/referent/nothing", "/.sesame/jwks.json/", "/.sesame/jwks%2ejson", "//", "/.sesame/login/"} {
		if a := in.once(in.page(s.at("portail", path))); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s on the portal: %s", path, a.Status)
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("an application got %v", got)
	}
	for path, allow := range map[string]string{
		"/": "GET, HEAD", "/.sesame/session": "GET, HEAD, POST", "/.sesame/session.js": "GET, HEAD", "/.sesame/health": "GET, HEAD", "/.sesame/jwks.json": "GET, HEAD", "/.sesame/account": "GET, HEAD, POST", "/.sesame/login": "GET, HEAD, POST", "/.sesame/logout": "GET, HEAD, POST",
	} {
		for _, method := range []string{"PUT", "DELETE", "PROPFIND", "POST", "TRACE"} {
			if strings.Contains(allow, method) {
				continue
			}
			if a := in.once(in.request(method, s.at("portail", path))); a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %s, Allow %q", method, path, a.Status, a.Header.Get("Allow"))
			}
		}
	}
}

// TestLanguage: French, unless the person or else the browser says otherwise.
func TestLanguage(t *testing.T) {
	s := startGate(t, "", "")
	b := newBrowser(t)
	login := s.at("portail", "/.sesame/login")
	lang := func(req *http.Request) string { t.Helper(); return b.do(req).Header.Get("Content-Language") }
	if got := lang(b.request("GET", login)); got != "fr" {
		t.Errorf("by default: %q", got)
	}
	if got := lang(b.request("GET", login, "Accept-Language", "en-GB,en;q=0.9,fr;q=0.8")); got != "en" {
		t.Errorf("for an English browser: %q", got)
	}
	target := s.at("notes", "/x")
	a := b.open(login + "?lang=en&target=" + target)
	if got := a.Header.Get("Content-Language"); got != "en" || !strings.Contains(a.body, `name="target" value="`+target+`"`) {
		t.Errorf("chosen: %q\n%s", got, a.body)
	}
	if got := lang(b.request("GET", login)); got != "en" {
		t.Errorf("remembered: %q", got)
	}
	if got := b.submit(a, "identifier", "", "passcode", "").Header.Get("Content-Language"); got != "en" {
		t.Errorf("in the answer to a form: %q", got)
	}
	if got := lang(b.request("GET", login+"?lang=fr")); got != "fr" {
		t.Errorf("chosen back: %q", got)
	}
	for _, odd := range []string{"xx", "en%0d%0aX:%20y", "<script>", "fr&lang=en"} {
		b := newBrowser(t)
		if a := b.do(b.request("GET", login+"?lang="+odd)); a.Header.Get("Content-Language") != "fr" || strings.Contains(a.body, "<script>") {
			t.Errorf("lang=%s: %q", odd, a.Header.Get("Content-Language"))
		}
	}
}

func TestHealthAndSession(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	for _, host := range []string{"portail", "notes"} {
		a := newBrowser(t).do(b.request("GET", s.at(host, "/.sesame/health")))
		if a.StatusCode != 200 || a.body != "" {
			t.Errorf("health of %s: %s %q", host, a.Status, a.body)
		}
		a = b.do(b.request("GET", s.at(host, "/.sesame/session"), "Accept", "*/*"))
		var got sessionState
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.SecondsLeft < 3590 || got.SecondsLeft > 3600 || got.WarningSeconds != 300 || !got.Extendable {
			t.Errorf("session on %s: %s %s, %v", host, a.Header.Get("Content-Type"), a.body, err)
		}
		if a := newBrowser(t).do(b.request("GET", s.at(host, "/.sesame/session"))); a.StatusCode != 401 {
			t.Errorf("no session on %s: %s", host, a.Status)
		}
	}
}
