package caddymodule

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// readings are the paths that servers make of one request target: as it is,
// decoded once and twice, cleaned, without parameters, with backslashes turned,
// in lower case, and these one after the other.
func readings(r *http.Request) []string {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	all := []string{raw, r.URL.Path}
	steps := []func(string) string{
		func(s string) string {
			if d, err := url.PathUnescape(s); err == nil {
				return d
			}
			return s
		},
		func(s string) string { return strings.ReplaceAll(s, `\`, "/") },
		func(s string) string {
			segments := strings.Split(s, "/")
			for i := range segments {
				segments[i], _, _ = strings.Cut(segments[i], ";")
			}
			return strings.Join(segments, "/")
		},
		func(s string) string { return path.Clean("/" + s) },
	}
	for range 2 {
		for _, s := range append([]string(nil), all...) {
			for _, step := range steps {
				s = step(s)
				all = append(all, s)
			}
		}
	}
	return all
}
