package caddymodule

import (
	"net/http"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/text/unicode/norm"

	"github.com/sesame-gateway/sesame/authcore"
)

// maxOddPath bounds a path that servers may read in several ways, in bytes. No
// application's own links are odd and long.
const maxOddPath = 2048

// access is what a requirement looks at of the request. The readings of its path
// are made only where they matter: where parts of the application have terms of
// their own. A path that is too odd to be read is not ok.
func (x *exchange) access() (a authcore.Access, ok bool) {
	a.Address = x.network()
	if len(x.site.requirement.Parts) == 0 {
		return a, true
	}
	a.Methods = methods(x.r)
	// What the browser sent is what the operator wrote of, what earlier handlers
	// made of it is what the application will get.
	got := x.r.URL.EscapedPath()
	sent := got
	if original, ok := x.r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		sent = original.URL.EscapedPath()
	}
	if a.Paths = pathReadings(got); sent != got {
		a.Paths = append(a.Paths, pathReadings(sent)...)
	}
	return a, len(got) <= maxOddPath && len(sent) <= maxOddPath || isPlainPath(got) && isPlainPath(sent)
}

// methodOverrides are the headers by which frameworks let a POST be something
// else.
var methodOverrides = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// methods are the ways in which a server may read the method.
func methods(r *http.Request) []string {
	all := []string{strings.ToUpper(r.Method)}
	for _, name := range methodOverrides {
		for _, value := range r.Header[name] {
			all = append(all, strings.ToUpper(strings.TrimSpace(value)))
		}
	}
	return all
}

// pathReadings are all the ways in which a server may read a path: decoded up to
// twice, dot segments resolved and slashes merged, backslashes taken as slashes,
// path parameters and what Windows ignores dropped, Unicode composed, in any
// case. Of a plain path there is one, or two where it holds a capital. Of a path that
// is longer than maxOddPath and not plain they are not made.
func pathReadings(escaped string) []string {
	if isPlainPath(escaped) && !strings.Contains(escaped, "./") && !strings.HasSuffix(escaped, ".") {
		if lower := strings.ToLower(escaped); lower != escaped {
			return []string{escaped, lower}
		}
		return []string{escaped}
	}
	if len(escaped) > maxOddPath {
		return []string{escaped}
	}
	once := unescape(escaped)
	all := []string{escaped, once, unescape(once)}
	for _, also := range []func(string) string{
		norm.NFKC.String,
		func(p string) string { return strings.ReplaceAll(p, `\`, "/") },
		func(p string) string {
			return eachSegment(p, func(s string) string { s, _, _ = strings.Cut(s, ";"); return s })
		},
		func(p string) string { p, _, _ = strings.Cut(p, "\x00"); return p },
		func(p string) string { return eachSegment(p, trimSegment) },
		func(p string) string { return path.Clean("/" + p) },
		strings.ToLower,
	} {
		for _, p := range all { // those there are by now
			if q := also(p); q != p {
				all = append(all, q)
			}
		}
	}
	return distinct(all)
}

func distinct(all []string) []string {
	seen := make(map[string]bool, len(all))
	kept := all[:0]
	for _, p := range all {
		if !seen[p] {
			seen[p] = true
			kept = append(kept, p)
		}
	}
	return kept
}

func eachSegment(p string, change func(string) string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = change(s)
	}
	return strings.Join(segments, "/")
}

// trimSegment drops what Windows ignores at the end of a name, and control
// characters anywhere; a segment that says where to go stays.
func trimSegment(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if s = strings.TrimRight(s, " "); s == "." || s == ".." {
		return s
	}
	return strings.TrimRight(s, ". ")
}

// unescape decodes what is percent-encoded as forgiving servers do: what is no
// escape stays, %u002e is a character (IIS), and the overlong UTF-8 of an ASCII
// character is that character.
func unescape(p string) string {
	if !strings.Contains(p, "%") {
		return p
	}
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if text, n := escape(p[i:]); n > 0 {
			b.WriteString(text)
			i += n - 1
			continue
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

// escape reads the escape that p begins with, if any, and says how long it is.
func escape(p string) (text string, n int) {
	if len(p) >= 6 && p[0] == '%' && (p[1] == 'u' || p[1] == 'U') {
		if v, ok := hexNumber(p[2:6]); ok {
			return string(rune(v)), 6
		}
	}
	first, ok := percent(p)
	if !ok {
		return "", 0
	}
	if first == 0xc0 || first == 0xc1 {
		if second, ok := percent(p[3:]); ok && second>>6 == 2 {
			return string(rune(first&1)<<6 | rune(second&0x3f)), 6
		}
	}
	return string([]byte{first}), 3
}

func percent(p string) (byte, bool) {
	if len(p) < 3 || p[0] != '%' {
		return 0, false
	}
	v, ok := hexNumber(p[1:3])
	return byte(v), ok
}

func hexNumber(digits string) (v int, ok bool) {
	for _, d := range []byte(digits) {
		switch {
		case '0' <= d && d <= '9':
			v = v<<4 | int(d-'0')
		case 'a' <= d|0x20 && d|0x20 <= 'f':
			v = v<<4 | int(d|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
