package caddymodule

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// arrive is a request as it comes to the gate: as it was sent, and with the path
// that earlier handlers gave it ("" is the one that was sent).
func arrive(t *testing.T, sent, rewritten string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(sent)
	if err != nil {
		return nil // net/http answers 400
	}
	original := http.Request{RequestURI: sent}
	r := (&http.Request{RequestURI: sent, URL: u}).WithContext(context.WithValue(context.Background(), caddyhttp.OriginalRequestCtxKey, original))
	if rewritten != "" {
		r.URL.Path, r.RequestURI = rewritten, rewritten
	}
	return r
}

func TestPublicPaths(t *testing.T) {
	p, err := newPublicPaths([]string{"/public/*", "/robots.txt"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		sent, rewritten string
		want            bool
	}{
		{"/robots.txt", "", true},
		{"/robots.txt?x=%2e%2e", "", true},
		{"/public/", "", true},
		{"/public/a/b.css?v=1", "", true},
		{"/public/~a@b:c,(d)'!$&*+=", "", true},

		{"/", "", false},
		{"/public", "", false},
		{"/publicx", "", false},
		{"/robots.txt/", "", false},
		{"/robots.txtx", "", false},
		{"/PUBLIC/x", "", false},
		{"/Robots.txt", "", false},
		{"/admin/s", "", false},
		{"/admin/s?x=/public/", "", false},
		{"//public/x", "", false},
		{"/public//x", "", false},
		{"/public//../../admin/s", "", false},
		{"/public/../admin/s", "", false},
		{"/public/./x", "", false},
		{"/public/.../x", "", false},
		{"/public/..", "", false},
		{"/public/.", "", false},
		{"/public/%2e%2e/admin/s", "", false},
		{"/public/.%2e/admin/s", "", false},
		{"/public/..%2fadmin/s", "", false},
		{"/public/%252e%252e/admin/s", "", false},
		{"/public%252f..%252fadmin", "", false},
		{"/public%2fx", "", false},
		{"/public/%78", "", false},
		{"/%70ublic/x", "", false},
		{"/public/..;/admin/s", "", false},
		{"/public;x/../admin", "", false},
		{"/public/x;/..;/admin", "", false},
		{"/public/x;jsessionid=1", "", false},
		{`/public/..\admin`, "", false},
		{`/public\x`, "", false},
		{"/public/%5c..%5cadmin", "", false},
		{"/public/%00/../admin", "", false},
		{"/public/%09../admin", "", false},
		{"/public/%c0%ae%c0%ae/admin", "", false},
		{"/public/%EF%BC%8E%EF%BC%8E/admin", "", false},
		{"/public/é", "", false},
		{"/public/a b", "", false},
		{"/public/a|b", "", false},
		{"/public/a#b", "", false},
		{"http://a.test/public/x", "", false},
		{"*", "", false},

		{"/public/x", "/admin/s", false},
		{"/admin/s", "/public/x", false},
		{"/public/x", "/public/y", true},
		{"/public/x", "/public/../admin", false},
	} {
		r := arrive(t, tt.sent, tt.rewritten)
		if r == nil {
			if tt.want {
				t.Errorf("%s is no request", tt.sent)
			}
			continue
		}
		if got := p.match(r); got != tt.want {
			t.Errorf("%s (then %q) is public: %v", tt.sent, tt.rewritten, got)
		}
	}
	if none := (publicPaths{}); none.match(arrive(t, "/robots.txt", "")) {
		t.Error("a path is public without a configuration")
	}
}

func TestNewPublicPathsRefuses(t *testing.T) {
	for _, pattern := range []string{"", "x", "*", "/*x", "/a*", "/*/a", "/a/*/b", "//*", "/a//b", "/../a", "/a/./*", "/%41", "/a;b", "/é", "/a b", "/a?b", "/.sesame", "/.sesame/*", "/.Sesame/x", "/a/**"} {
		if _, err := newPublicPaths([]string{pattern}); err == nil {
			t.Errorf("the pattern %q is accepted", pattern)
		}
	}
	for _, pattern := range []string{"/", "/*", "/a", "/a/", "/a/*", "/.well-known/*", "/favicon.ico"} {
		if _, err := newPublicPaths([]string{pattern}); err != nil {
			t.Errorf("the pattern %q: %v", pattern, err)
		}
	}
}

func TestReserved(t *testing.T) {
	for path, want := range map[string]bool{
		"/.sesame":                  true,
		"/.sesame/":                 true,
		"/.sesame/login":            true,
		"/.SESAME/login":            true,
		"//.sesame/login":           true,
		"/./.sesame/x":              true,
		"/a/../.sesame/x":           true,
		`/.sesame\login`:            true,
		`\.sesame\login`:            true,
		"/.sesame;x/login":          true,
		"/..;/.sesame/login":        true,
		"/a/..;x/.sesame/login":     true,
		"/%2esesame/login":          true, // decoded once already
		"/.sesame%2flogin":          true,
		"/a/%2e%2e/.sesame":         true,
		"/":                         false,
		"/a":                        false,
		"/.sesamex":                 false,
		"/sesame/login":             false,
		"/a/.sesame/x":              false,
		"/%zz":                      false,
		"/.well-known/change-login": false,
	} {
		if got := reserved(path); got != want {
			t.Errorf("reserved(%q) = %v", path, got)
		}
	}
}

// FuzzPublicPath: what is public is public in every reading that a server is
// known to make of a path.
func FuzzPublicPath(f *testing.F) {
	for _, seed := range []string{"/public/x", "/public/%2e%2e/x", "/public/..;/x", `/public/..\x`, "/public//x", "/robots.txt"} {
		f.Add(seed)
	}
	p, err := newPublicPaths([]string{"/public/*", "/robots.txt"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		r := arrive(t, sent, "")
		if r == nil || !p.match(r) {
			return
		}
		for _, reading := range readings(r) {
			if reading != "/robots.txt" && reading != "/public" && len(reading) < len("/public/") || reserved(reading) {
				t.Errorf("%q is public but reads as %q", sent, reading)
			}
			if reading != "/robots.txt" && reading[:len("/public")] != "/public" {
				t.Errorf("%q is public but reads as %q", sent, reading)
			}
		}
	})
}
