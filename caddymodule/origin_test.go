package caddymodule

import "testing"

func TestParseOrigin(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example.org":       "https://a.example.org",
		"https://A.Example.ORG/":      "https://a.example.org",
		"https://a.example.org:443":   "https://a.example.org",
		"https://a.example.org:8443/": "https://a.example.org:8443",
		"https://192.0.2.1":           "https://192.0.2.1",
		"https://[2001:db8::1]:8443":  "https://[2001:db8::1]:8443",
		"https://xn--acadmie-eya.fr":  "https://xn--acadmie-eya.fr",
		"http://localhost":            "http://localhost",
		"http://localhost:80":         "http://localhost",
		"http://a.b.localhost:8080":   "http://a.b.localhost:8080",
		"http://127.9.9.9:8080":       "http://127.9.9.9:8080",
		"http://[::1]":                "http://[::1]",
		"http://[::1]:8080":           "http://[::1]:8080",
	} {
		got, err := parseOrigin(in)
		if err != nil || got.String() != want {
			t.Errorf("parseOrigin(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "https", "https://", "https:///", "a.example.org", "https://a b", "https://a/b", "https://a?", "https://a#", "https://a/#x", "https://u@a", "https://a:x", "https://a:0", "https://a:65536", "https://a:080", "https://a:",
		"https://a..b", "https://.a", "https://a.", "https://é", "https://*.a", "https://a_b", "https://[::1%25eth0]", "https://[a]", "ws://a", "//a",
		"http://a", "http://localhost.a", "http://xlocalhost", "http://10.0.0.1", "http://128.0.0.1", "http://[::2]", "http://localhost@a", "http://0.0.0.0",
		"https://" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	} {
		if got, err := parseOrigin(in); err == nil {
			t.Errorf("parseOrigin(%q) = %v, want an error", in, got)
		}
	}
}

func TestHasHost(t *testing.T) {
	for _, tt := range []struct {
		origin, host string
		want         bool
	}{
		{"https://a.test", "a.test", true},
		{"https://a.test", "A.Test", true},
		{"https://a.test", "a.test:443", true},
		{"https://a.test", "a.test:8443", false},
		{"https://a.test", "a.test.", false},
		{"https://a.test", "b.a.test", false},
		{"https://a.test", "", false},
		{"https://a.test:8443", "a.test:8443", true},
		{"https://a.test:8443", "a.test", false},
		{"http://localhost", "localhost:80", true},
		{"http://localhost", "localhost:443", false},
		{"http://[::1]", "[::1]", true},
		{"http://[::1]", "[::1]:80", true},
		{"http://[::1]:8080", "[::1]:8080", true},
	} {
		o, err := parseOrigin(tt.origin)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.hasHost(tt.host); got != tt.want {
			t.Errorf("%s has host %q: %v", tt.origin, tt.host, got)
		}
	}
}
