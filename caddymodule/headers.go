package caddymodule

import (
	"net/http"
	"net/textproto"
	"strings"
)

// scrub removes from r whatever a client could use to pass for somebody, or to
// take our word away on its way to the application:
//
//   - every header whose name folds to a managed one, under whatever key;
//   - managed names in Connection and Proxy-Connection, because a proxy deletes
//     the headers that these list (RFC 9110, section 7.6.1), and does so after
//     we have set ours (CVE-2024-45410 was that);
//   - all request trailers and their announcement. net/http adds trailers to
//     the request as it read it when the body ends, after every check of ours,
//     whether announced or not; what Caddy passes to a handler is a copy, so a
//     nil map here stays nil and there is nothing left to forward;
//   - our own cookies.
//
// It must run on every route, the public ones too, before anything is set. A
// request with nothing to remove costs no allocation.
func (s *nameSet) scrub(r *http.Request) {
	r.Trailer = nil
	for key, lines := range r.Header {
		switch {
		case s.has(key), is(key, "Trailer"):
			delete(r.Header, key)
		case is(key, "Connection"), is(key, "Proxy-Connection"):
			replaceLines(r.Header, key, lines, s.cleanConnection)
		case is(key, "Cookie"):
			replaceLines(r.Header, key, lines, stripCookies)
		}
	}
}

// is tells whether a header's name is that one, whatever its case.
func is(name, that string) bool { return len(name) == len(that) && strings.EqualFold(name, that) }

// replaceLines passes each line of a header through clean, and drops those that
// come back empty. Lines that need no change keep their slice.
func replaceLines(h http.Header, key string, lines []string, clean func(string) string) {
	for i, line := range lines {
		if clean(line) == line {
			continue
		}
		kept := append([]string(nil), lines[:i]...)
		for _, line := range lines[i:] {
			if line = clean(line); line != "" {
				kept = append(kept, line)
			}
		}
		if len(kept) == 0 {
			delete(h, key)
		} else {
			h[key] = kept
		}
		return
	}
}

// cleanConnection returns line, the value of a Connection header, without the
// options that name a managed header. The others stay as they were written.
func (s *nameSet) cleanConnection(line string) string {
	clean := true
	for option := range strings.SplitSeq(line, ",") {
		clean = clean && !s.has(textproto.TrimString(option))
	}
	if clean {
		return line
	}
	var kept []string
	for option := range strings.SplitSeq(line, ",") {
		if option = textproto.TrimString(option); option != "" && !s.has(option) {
			kept = append(kept, option)
		}
	}
	return strings.Join(kept, ", ")
}
