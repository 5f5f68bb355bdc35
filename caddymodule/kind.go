package caddymodule

import (
	"net/http"
	"strings"
)

// isPageLoad tells whether the answer to r becomes a page before somebody's
// eyes and may be asked for again, so that a redirect to the login makes sense.
// To anything else, a script, an image, an API client, a WebSocket, a redirect
// would be an answer that it takes for data.
func isPageLoad(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && isNavigation(r)
}

// isNavigation tells whether somebody goes to a page, by a link, an address or a
// form, whatever the method.
//
// Browsers say so themselves (Fetch Metadata Request Headers, section 2.2:
// Sec-Fetch-Mode: navigate). Where they do not, it is what asks for text/html by
// name and was not sent by a script's library.
func isNavigation(r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" || strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest") {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return accepts(r.Header, "text/html")
}

// isUse tells whether a request shows that somebody is there, so that it keeps
// their session from running out. What a page asks for by itself does not, a
// poll, an image, a WebSocket; nor does a page that the browser fetches in
// advance (Sec-Purpose: prefetch, Fetch, section 3.9).
func isUse(r *http.Request) bool {
	return isNavigation(r) && !containsFold(r.Header.Get("Sec-Purpose"), "prefetch")
}

// isUse is isUse as this site counts.
func (s *site) isUse(r *http.Request) bool { return s.anyUse || isUse(r) }

// accepts tells whether some Accept line names a media type, with any quality
// but 0. "*/*" names none: scripts send it.
func accepts(h http.Header, mediaType string) bool {
	for _, line := range h.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), mediaType) && !refused(parameters) {
				return true
			}
		}
	}
	return false
}

// refused tells whether an Accept item's parameters hold a quality of 0
// (RFC 9110, section 12.4.2).
func refused(parameters string) bool {
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") && strings.Trim(value, "0.") == "" {
			return true
		}
	}
	return false
}
