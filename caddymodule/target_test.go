package caddymodule

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// testOrigins are a portal, an application and one on another port.
func testOrigins(t testing.TB) origins {
	t.Helper()
	all := make(origins)
	for id, address := range map[string]string{
		portalID: "https://auth.test", "app1": "https://app1.test", "app2": "https://app2.test:8443", "local": "http://app.localhost:8080",
	} {
		o, err := parseOrigin(address)
		if err != nil {
			t.Fatal(err)
		}
		all[o] = &site{id: id, origin: o}
	}
	return all
}

func TestTargetAccepts(t *testing.T) {
	for in, want := range map[string]string{
		"https://app1.test":                     "https://app1.test/",
		"https://app1.test/":                    "https://app1.test/",
		"https://app1.test/a/b?c=d&e=%C3%A9#f":  "https://app1.test/a/b?c=d&e=%C3%A9#f",
		"https://app1.test#/route?a=b&c#d%zz":   "https://app1.test/#/route?a=b&c#d%zz",
		"https://app1.test?x=y#//evil.test/@":   "https://app1.test/?x=y#//evil.test/@",
		"https://app1.test#@evil.test":          "https://app1.test/#@evil.test",
		"https://app1.test/#":                   "https://app1.test/",
		"https://app1.test?x":                   "https://app1.test/?x",
		"HTTPS://APP1.TEST/Path":                "https://app1.test/Path",
		"https://app1.test:443/":                "https://app1.test/",
		"https://app2.test:8443/x":              "https://app2.test:8443/x",
		"http://app.localhost:8080/x":           "http://app.localhost:8080/x",
		"https://auth.test/":                    "https://auth.test/",
		"https://app1.test//evil.test/":         "https://app1.test//evil.test/",
		"https://app1.test/@evil.test":          "https://app1.test/@evil.test",
		"https://app1.test/https://evil.test":   "https://app1.test/https://evil.test",
		"https://app1.test/%2e%2e/x":            "https://app1.test/%2e%2e/x",
		"https://app1.test/a?u=https://evil/":   "https://app1.test/a?u=https://evil/",
		"https://app1.test/a?q={b}|^`":          "https://app1.test/a?q={b}|^`",
		"https://app1.test/a%20b":               "https://app1.test/a%20b",
		"https://app1.test/a;b=c/(d)'e'!$&*+,=": "https://app1.test/a;b=c/(d)'e'!$&*+,=",
	} {
		to, got := testOrigins(t).target(in)
		if to == nil || got != want {
			t.Errorf("target(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestTargetRefuses goes through what has got past other gates: user names that
// look like hosts, backslashes, control characters, half-written schemes,
// neighbours in the alphabet.
func TestTargetRefuses(t *testing.T) {
	refused := []string{
		"", "/", "/path", "//app1.test", "///app1.test", "//evil.test", "/\\evil.test", "\\\\evil.test", "\\/evil.test", "/%09/evil.test", "/\t/evil.test",
		"https:evil.test", "https:/evil.test", "https:///evil.test", "https://", "https:", "http:app1.test", "https:app1.test", "https:/app1.test",
		"javascript:alert(1)", "javascript://app1.test/%0aalert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://app1.test/x",
		"ftp://app1.test/", "ws://app1.test/", "wss://app1.test/", "view-source:https://app1.test/",
		"http://app1.test/", "https://app1.test:444/", "https://app1.test:80/", "https://app1.test:0443/", "https://app1.test:/", "https://app1.test:443x/", "https://app1.test:99999/",
		"https://app2.test/", "https://app2.test:443/", "http://app.localhost/", "https://app.localhost:8080/",
		"https://app1.test@evil.test/", "https://app1.test:443@evil.test/", "https://evil.test@app1.test/", "https://@app1.test/", "https://a:b@app1.test/", "https://app1.test%40evil.test/",
		"https://app1.test.evil.test/", "https://evil.test/app1.test", "https://evil.test/https://app1.test", "https://evil.test?https://app1.test", "https://evil.test#https://app1.test", "https://evilapp1.test/", "https://xapp1.test", "https://sub.app1.test/", "https://app1.test./",
		"https://app1.test\\.evil.test/", "https://app1.test\\@evil.test/", "https:\\\\app1.test/", "https://app1.test/\\evil.test", "https://evil.test\\@app1.test/", "https://app1.test%5c@evil.test/",
		"https://app1.test\t/", "https://app1.test\n/", "\thttps://app1.test/", " https://app1.test/", "https://app1.test/ ", "https://app1.test/\r\nSet-Cookie: a=b", "https://app1.test/\x00", "https://app1.test/\x7f", "https://\x01app1.test/", "java\tscript:x",
		"https://app1。test/", "https://app1．test/", "https://ａｐｐ１.test/", "https://app1.test/é", "https://app1.test／evil", "https://app1.test℀/", "https://app1.test\u2028/",
		"https://app1.test%2eevil.test/", "https://app1%2etest/", "https://%61pp1.test/", "https://app1.test%00.evil.test/", "https://app1.test%2f@evil.test/", "https://app1.test%23@evil.test/",
		"https://[::1]/", "https://[app1.test]/", "https://[::ffff:127.0.0.1]/", "https://127.0.0.1/", "https://0x7f.1/", "https://2130706433/",
		"https://app1.test#@evil.test/x\\", "https://app1.test/\"onload=", "https://app1.test/<script>", "https://app1.test,evil.test/", "https://app1.test;evil.test/", "https://app1.test evil.test/",
		"https://https://app1.test/", "https://app1.test,https://app1.test/", "//app1.test/", "app1.test/", "app1.test", "@app1.test", "?https://app1.test/", "#https://app1.test/", ".evil.test", "..//evil.test",
		"https://app1.test/.sesame/logout", "https://auth.test/.sesame/login?target=https://app1.test/", "https://app1.test/%2esesame/logout", "https://app1.test//.SESAME/x", "https://app1.test/a/../.sesame/ticket?ticket=x",
		"https://app1.test/%zz", "https://app1.test/" + strings.Repeat("a", maxTarget), "https://app1.test/#" + strings.Repeat("a", maxTarget),
		"https://app1.test/#<script>", "https://app1.test/#\"", "https://app1.test/#a b", "https://app1.test/#é", "https://app1.test/#\n", "https://app1.test/#\\evil.test", "#@app1.test/", "https:#//app1.test/", "https://#app1.test/",
	}
	for _, in := range refused {
		if to, got := testOrigins(t).target(in); to != nil || got != "" {
			t.Errorf("target(%q) = %q, want nothing", in, got)
		}
	}
}

// FuzzTarget holds the rule itself: whatever comes in, what goes out begins with
// an origin of ours and a slash, and Go's parser agrees.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"https://app1.test/a?b#c", "https://app1.test@evil/", "//app1.test", "https://app2.test:8443?x", "https:\\\\app1.test"} {
		f.Add(seed)
	}
	all := testOrigins(f)
	f.Fuzz(func(t *testing.T, in string) {
		to, out := all.target(in)
		if to == nil {
			if out != "" {
				t.Errorf("target(%q) = %q without a site", in, out)
			}
			return
		}
		if all[to.origin] != to || !strings.HasPrefix(out, to.origin.String()+"/") || !plainASCII(out) {
			t.Errorf("target(%q) = %q", in, out)
		}
		u, err := url.Parse(out)
		if err != nil || u.Scheme+"://"+u.Host != to.origin.String() || u.User != nil {
			t.Errorf("target(%q) = %q, which is %v, %v", in, out, u, err)
		}
		if again, same := all.target(out); again != to || same != out {
			t.Errorf("target(%q) = %q, and again %q", in, out, same)
		}
	})
}

// An application that is taken out of the configuration while somebody logs in
// towards it is no longer where they arrive: what was allowed when it was typed is
// looked at again when it is followed.
func TestTargetThatIsGone(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	a := b.open(s.at("notes", "/deep"))
	a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	s.reload(adapt(t, strings.ReplaceAll(s.caddyfile("", ""), "http://notes.localhost", "http://moved.localhost")))
	b.client.CloseIdleConnections() // the reload has closed them
	got := b.once(b.post(a, "passcode", testPIN+s.newCode("edupont")))
	if to := got.Header.Get("Location"); got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, s.at("portail", "/")) {
		t.Errorf("the login ends at %q with %s", to, got.Status)
	}
}

// A login that was refused is tried again for another application: the link that was
// followed last is where it ends, also behind the pages of a first connection.
func TestTargetOfTheLastTry(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	for _, first := range []string{s.at("portail", "/"), s.at("notes", "/other?x=1")} {
		b := newBrowser(t)
		a := b.submit(b.open(first), "identifier", "edupont", "passcode", "000000")
		if a.StatusCode != http.StatusForbidden {
			t.Fatalf("a wrong code: %s", a.Status)
		}
		a = b.open(s.at("notes", "/deep?y=2"))
		a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
		a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
		got := b.once(b.post(a, "passcode", testPIN+s.newCode("edupont")))
		if to := got.Header.Get("Location"); got.StatusCode != http.StatusSeeOther || !strings.HasSuffix(to, "/deep?y=2") || !strings.HasPrefix(to, s.at("notes", "/")) {
			t.Errorf("the login from %s ends at %q with %s", first, to, got.Status)
		}
		s.must(s.gate().ClearPIN(t.Context(), authcore.Actor{Name: "test"}, "738264001"))
	}
}
