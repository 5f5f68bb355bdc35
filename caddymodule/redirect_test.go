package caddymodule

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// elsewhere is every way that we know of to make an address look like one of
// ours to a server, and like another one to a browser, which reads it by the
// WHATWG URL standard. %s is the origin of the application notes, %p its port, %% a percent
// sign.
var elsewhere = []struct{ name, target string }{
	{"another site", "https://evil.example/"},
	{"no scheme", "//evil.example"},
	{"three slashes", "///evil.example"},
	{"slash and backslash", `/\evil.example`},
	{"two backslashes", `\\evil.example`},
	{"tab between the slashes", "/\t/evil.example"},
	{"encoded tab between the slashes", "/%09/evil.example"},
	{"scheme without slashes", "https:evil.example"},
	{"scheme with one slash", "https:/evil.example"},
	{"the page's own scheme, relative", "http:evil.example"},
	{"javascript", "javascript:alert(1)//%s"},
	{"javascript with an authority", "javascript://%s/%%0aalert(1)"},
	{"javascript in capitals", "JaVaScRiPt:alert(1)"},
	{"javascript broken by a newline", "java\nscript:alert(1)"},
	{"data", "data:text/html,<script>alert(1)</script>"},
	{"blob", "blob:%s/x"},
	{"view-source", "view-source:%s/"},
	{"WebSocket's scheme", "ws://notes.localhost:%p/"},
	{"user name that looks like us", "%s@evil.example/"},
	{"user name and password", "http://notes.localhost:%p@evil.example/"},
	{"user name before us", "http://evil.example@notes.localhost:%p/"},
	{"encoded @", "%s%%40evil.example/"},
	{"longer name", "%s.evil.example/"},
	{"prefix of a name", "http://evilnotes.localhost:%p/"},
	{"name below ours", "http://x.notes.localhost:%p/"},
	{"us in the path", "https://evil.example/%s"},
	{"us in the query", "https://evil.example?%s/"},
	{"us in the fragment", "https://evil.example#%s/"},
	{"backslash before @", `%s\@evil.example/`},
	{"backslash for the end of the host", `https://evil.example\@notes.localhost:%p/`},
	{"encoded slash in the host", "%s%%2f@evil.example/"},
	{"encoded backslash in the host", "%s%%5c@evil.example/"},
	{"encoded # in the host", "%s%%23@evil.example/"},
	{"encoded NUL in the host", "%s%%00.evil.example/"},
	{"encoded dot in the host", "http://notes%%2elocalhost:%p/"},
	{"ideographic full stop", "http://notes。localhost:%p/"},
	{"fullwidth letters", "http://ｎｏｔｅｓ.localhost:%p/"},
	{"character that unfolds to a slash", "%s℀.evil.example/"},
	{"punycode of a look-alike", "http://xn--ntes-6na.localhost:%p/"},
	{"dot at the end", "http://notes.localhost.:%p/"},
	{"default port", "http://notes.localhost/"},
	{"another port", "http://notes.localhost:1/"},
	{"port with a leading zero", "http://notes.localhost:0%p/"},
	{"port that is none", "http://notes.localhost:%px/"},
	{"our host by https", "https://notes.localhost:%p/"},
	{"another host of the same server", "http://stray.localhost:%p/"},
	{"address in brackets", "http://[::1]/"},
	{"address in hexadecimal", "http://0x7f.1/"},
	{"leading space", " %s/"},
	{"leading control character", "\x01%s/"},
	{"line break and a header", "%s/\r\nSet-Cookie: a=b"},
	{"backslash in the path", `%s/\evil.example`},
	{"two addresses", "%s,https://evil.example/"},
	{"relative path", "/relative"},
	{"relative path with dots", "..//evil.example"},
	{"query alone", "?target=https://evil.example"},
	{"fragment alone", "#https://evil.example"},
	{"our logout", "%s/.sesame/logout"},
	{"our logout, encoded", "%s/%%2esesame/logout"},
	{"our hand-over", "%s/a/../.sesame/ticket?ticket=x"},
	{"nothing", ""},
}

// TestOpenRedirect sends each of them to each page that redirects, under each
// name that some gate has for it: by the query, before and after the login, by
// the form, at the logout and on the way to an error. Nobody is ever sent
// anywhere but to the portal.
func TestOpenRedirect(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	home, origin := s.at("portail", "/"), s.at("notes", "")
	for _, tt := range elsewhere {
		t.Run(tt.name, func(t *testing.T) {
			in.t = t
			target := strings.NewReplacer("%s", origin, "%p", s.port, "%%", "%").Replace(tt.target)
			query := func(names ...string) string {
				q := make(url.Values)
				for _, name := range names {
					q.Set(name, target)
				}
				q.Set("visit", strings.Repeat("A", 43))
				return q.Encode()
			}
			for _, q := range []string{query("target"), query("CT_ORIG_URL"), query("target", "CT_ORIG_URL"), query("rd", "return", "url", "next")} {
				a := in.once(in.page(s.at("portail", "/.sesame/login?"+q)))
				if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != home {
					t.Errorf("already logged in: %s to %q", a.Status, got)
				}
			}
			b := newBrowser(t)
			a := b.open(s.at("portail", "/.sesame/login?"+query("target", "CT_ORIG_URL")))
			if strings.Contains(a.body, "evil") || !strings.Contains(a.body, `name="target" value=""`) {
				t.Errorf("the login's page repeats it:\n%s", a.body)
			}
			a = b.once(b.post(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"), "target", target))
			if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != home {
				t.Errorf("logging in: %s to %q", a.Status, got)
			}
			everything := query("target", "CT_ORIG_URL", "rd", "return", "url", "next")
			for _, address := range []string{s.at("portail", "/.sesame/logout?"), s.at("portail", "/.sesame/nothing?"), s.at("notes", "/.sesame/logout?"), s.at("notes", "/.sesame/ticket?ticket=x&")} {
				a := b.once(b.page(address + everything))
				if to := a.Header.Get("Location"); strings.Contains(a.body, "evil") || to != "" && to != s.at("portail", "/.sesame/login") && to != s.at("notes", "/") {
					t.Errorf("at %s: %s to %q", address, a.Status, to)
				}
			}
			out := b.open(s.at("portail", "/.sesame/logout"))
			out = b.once(b.post(out, "target", target, "CT_ORIG_URL", target, "return", target))
			if out.StatusCode != http.StatusOK || out.Header.Get("Location") != "" || strings.Contains(out.body, "evil") {
				t.Errorf("logging out: %s to %q", out.Status, out.Header.Get("Location"))
			}
		})
	}
}

// TestTargetsOfOurs is the other half: what is ours is gone to.
func TestTargetsOfOurs(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	notes, autre, home := s.at("notes", "/a?b=c"), s.at("autre", "/"), s.at("portail", "/")
	for _, tt := range []struct{ name, query, want string }{
		{"an application", "target=" + url.QueryEscape(notes), notes},
		{"one that is not open to this person", "target=" + url.QueryEscape(autre), autre},
		{"the portal", "target=" + url.QueryEscape(home), home},
		{"as ClearTrust calls it", "CT_ORIG_URL=" + url.QueryEscape(notes), notes},
		{"both, the same", "target=" + url.QueryEscape(notes) + "&CT_ORIG_URL=" + url.QueryEscape(notes), notes},
		{"both: ours wins", "CT_ORIG_URL=" + url.QueryEscape(notes) + "&target=" + url.QueryEscape(autre), autre},
		{"both: ours wins, empty though it is", "target=&CT_ORIG_URL=" + url.QueryEscape(notes), home},
		{"both: ours wins, wrong though it is", "target=https://evil.example/&CT_ORIG_URL=" + url.QueryEscape(notes), home},
		{"ClearTrust's twice", "CT_ORIG_URL=" + url.QueryEscape(notes) + "&CT_ORIG_URL=" + url.QueryEscape(autre), home},
		{"ours twice", "target=" + url.QueryEscape(notes) + "&target=" + url.QueryEscape(autre), home},
		{"in another case", "ct_orig_url=" + url.QueryEscape(notes), home},
		{"with a mark that is none, no ticket", "visit=x&target=" + url.QueryEscape(autre), autre},
	} {
		if a := in.once(in.page(s.at("portail", "/.sesame/login?"+tt.query))); a.Header.Get("Location") != tt.want {
			t.Errorf("%s: sent to %q, want %q", tt.name, a.Header.Get("Location"), tt.want)
		}
	}
	b := newBrowser(t)
	a := b.open(s.at("portail", "/.sesame/login?CT_ORIG_URL="+url.QueryEscape(notes)))
	if a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); a.url().String() != notes || a.body != "ok" {
		t.Errorf("ClearTrust's link ends at %s (%s)", a.url(), a.Status)
	}
	// The Host header of an upstream proxy decides nothing.
	for _, name := range []string{"X-Forwarded-Host", "X-Host", "Forwarded", "X-Forwarded-Server"} {
		if a := in.once(in.request("GET", s.at("autre", "/"), "Accept", "text/html", name, "evil.example")); strings.Contains(a.Header.Get("Location"), "evil") {
			t.Errorf("%s is believed", name)
		}
	}
}

// TestDeepLinks: an address comes out of the login as it went in, byte for byte,
// whether the person logs in for it or has done so on the portal.
func TestDeepLinks(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	for _, tt := range []struct{ name, path string }{
		{"a query", "/classe?id=6B"},
		{"several parameters", "/classe?id=6B&devoir=12&trimestre=1"},
		{"an encoded &", "/cherche?q=a%26b&r=c"},
		{"a parameter twice", "/x?a=1&a=2&a="},
		{"parameters without values", "/x?a&b&&c"},
		{"names like ours", "/x?target=https://evil.example/&visit=y&ticket=z&CT_ORIG_URL=u&lang=en"},
		{"plus and encoded space", "/x?q=a+b%20c"},
		{"accents", "/%C3%A9l%C3%A8ves?nom=No%C3%ABl"},
		{"another charset", "/x?nom=No%EBl"},
		{"an encoded slash", "/dossier%2F12/x"},
		{"encoded dots", "/a/%2e%2e/b"},
		{"semicolons", "/x;jsessionid=12/y;z?a;b=c;d"},
		{"two slashes", "/a//b"},
		{"an address in the query", "/x?u=https://notes.localhost/y?a=b&c=d"},
		{"brackets and braces", "/x?f[0]=a&g={b}|^`c'(d)*!~$,:@"},
		{"an encoded percent", "/100%25?a=%2541"},
		{"an encoded #", "/x?couleur=%23fff"},
		{"a fragment", "/page?a=b#chapitre-2"},
		{"a fragment with a route", "/app#/eleves/12?onglet=notes&tri=nom"},
	} {
		for _, login := range []bool{true, false} {
			sent, fragment, _ := strings.Cut(tt.path, "#")
			b := in
			if login {
				b = newBrowser(t)
			}
			b.set(s.at("notes", "/"), "sesame", "")
			s.notes.take()
			a := b.open(s.at("notes", sent))
			want := s.at("notes", sent)
			if login && fragment != "" {
				// A browser keeps the fragment on its way here, and the script adds it.
				target := s.at("notes", tt.path)
				a, want = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"), "target", target), target
			} else if login {
				a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
			}
			if got := a.url().String(); got != want || a.body != "ok" {
				t.Errorf("%s, login %v: at %q (%s), want %q", tt.name, login, got, a.Status, want)
			}
			if got := s.notes.take(); len(got) != 1 || got[0].Line != "GET "+sent+" HTTP/1.1" {
				t.Errorf("%s, login %v: the application got %v, want %q", tt.name, login, got, sent)
			}
		}
	}
}

// A fragment lasts through all the steps of a first connection.
func TestDeepLinkOfAFirstConnection(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	target := s.at("notes", "/app?x=1&y=2#/eleves/12?onglet=notes")
	a := b.open(s.at("notes", "/app?x=1&y=2"))
	a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"), "target", target)
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	a = b.submit(a, "passcode", testPIN+s.newCode("edupont"))
	if diff := cmp.Diff(target, a.url().String()); diff != "" {
		t.Errorf("the first connection ends elsewhere (-want +got):\n%s", diff)
	}
}
