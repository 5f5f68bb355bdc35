package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// ownPrefix is where the gate's own pages are, on every host.
const ownPrefix = "/.sesame/"

// reserved tells whether a path, decoded once, means something below ownPrefix
// to anybody: what an application must not get, however it is spelled.
func reserved(decoded string) bool {
	if !strings.Contains(decoded, "%") && !containsFold(decoded, "sesame") {
		return false // as nearly every path
	}
	twice, err := url.PathUnescape(decoded)
	if err != nil {
		twice = decoded
	}
	for _, p := range []string{decoded, twice} {
		p = path.Clean("/" + strings.ReplaceAll(strings.ToLower(p), `\`, "/"))
		for _, q := range []string{p, withoutParameters(p)} {
			if q == ownPrefix[:len(ownPrefix)-1] || strings.HasPrefix(q, ownPrefix) {
				return true
			}
		}
	}
	return false
}

// withoutParameters drops what follows a semicolon in each segment, as servlet
// containers do, and resolves the dots that this lays bare.
func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return path.Clean(strings.Join(segments, "/"))
}

// publicPaths are the paths of an application that need no login: a path, or a
// prefix that ends in "/".
type publicPaths struct {
	exact    map[string]bool
	prefixes []string
}

// newPublicPaths reads patterns as the configuration has them, /exact or
// /prefix/*.
func newPublicPaths(patterns []string) (publicPaths, error) {
	p := publicPaths{exact: make(map[string]bool)}
	for _, pattern := range patterns {
		prefix, isPrefix := strings.CutSuffix(pattern, "/*")
		if isPrefix {
			prefix += "/"
		}
		switch {
		case !isPlainPath(prefix) || strings.Contains(prefix, "*"):
			return p, errors.New(`a path is "/exact" or "/prefix/*", of letters, digits and -._~!$&'()+,=:@ only, without dot segments and "//"`)
		case reserved(prefix):
			return p, errors.New("the paths below /.sesame/ are the gate's own")
		case isPrefix:
			p.prefixes = append(p.prefixes, prefix)
		default:
			p.exact[prefix] = true
		}
	}
	return p, nil
}

// match tells whether the request may pass without a login. What the browser
// sent and what earlier handlers made of it must both be plain and public: the
// one is what the operator wrote, the other what the application will get.
func (p publicPaths) match(r *http.Request) bool {
	if !p.has(r.URL.Path) {
		return false
	}
	sent := r.RequestURI
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		sent = original.RequestURI
	}
	sent, _, _ = strings.Cut(sent, "?")
	return p.has(sent) && (r.URL.RawPath == "" || r.URL.RawPath == r.URL.Path)
}

// has tells whether one reading of a path is public.
func (p publicPaths) has(raw string) bool {
	if !isPlainPath(raw) {
		return false
	}
	if p.exact[raw] {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(raw, prefix) {
			return true
		}
	}
	return false
}

// isPlainPath tells whether every server reads a path alike: absolute, of
// RFC 3986's path characters without percent-encoding and without ";", no empty
// segment but the last, and no segment of dots alone.
func isPlainPath(raw string) bool {
	if raw == "" || raw[0] != '/' || strings.Contains(raw, "//") {
		return false
	}
	for i := range len(raw) {
		c := raw[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && !strings.ContainsRune("/-._~!$&'()*+,=:@", rune(c)) {
			return false
		}
	}
	for segment := range strings.SplitSeq(raw[1:], "/") {
		if segment != "" && strings.Trim(segment, ".") == "" {
			return false
		}
	}
	return true
}
