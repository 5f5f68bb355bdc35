package caddymodule

import (
	"net/http"
	"strings"
)

// cookieKind is one of the cookies of ours. The zero value is none.
type cookieKind uint8

const (
	// sessionCookie opens a session: on the portal the person's, on an
	// application's host that host's own.
	sessionCookie cookieKind = iota + 1
	// loginCookie is a login under way, sealed; on the portal only.
	loginCookie
	// visitCookie is a nonce that binds a hand-over ticket to the browser that
	// asked for it; on an application's host only.
	visitCookie
	// langCookie is the language that the person chose; no secret.
	langCookie
	// keptCookie is the name of a form that is kept for the person whose session
	// it came too late for; on an application's host only.
	keptCookie
	// helpCookie is a nonce that binds the form of the assistance to the browser of
	// somebody who is not logged in; on the portal only.
	helpCookie
	// browserCookie names a browser in which people have logged in, so that their
	// failures are not counted with strangers'; on the portal only. It opens nothing.
	browserCookie
)

// cookieNames are the names by kind, over https and over http on a loopback
// name. A browser takes a __Host- cookie only over https, from the host itself,
// for the whole host (RFC 6265bis, section 4.1.3.2): no sibling can plant one.
var cookieNames = map[cookieKind]struct{ secure, loopback string }{
	sessionCookie: {"__Host-sesame", "sesame"},
	loginCookie:   {"__Host-sesame-login", "sesame-login"},
	visitCookie:   {"__Host-sesame-visit", "sesame-visit"},
	langCookie:    {"__Host-sesame-lang", "sesame-lang"},
	keptCookie:    {"__Host-sesame-kept", "sesame-kept"},
	helpCookie:    {"__Host-sesame-help", "sesame-help"},
	browserCookie: {"__Host-sesame-browser", "sesame-browser"},
}

// cookieName gives the name of a cookie on an origin.
func (o origin) cookieName(k cookieKind) string {
	if o.secure() {
		return cookieNames[k].secure
	}
	return cookieNames[k].loopback
}

// setCookie gives the browser a value to keep until it is closed. All our
// cookies have the same attributes: unreadable to scripts, sent along with links
// from other sites but with nothing else from there.
func (o origin) setCookie(h http.Header, k cookieKind, value string) { o.setCookieFor(h, k, value, 0) }

// setCookieFor gives the browser a value to keep for so many seconds; for 0, until
// it is closed.
func (o origin) setCookieFor(h http.Header, k cookieKind, value string, seconds int) {
	c := http.Cookie{Name: o.cookieName(k), Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: o.secure(), SameSite: http.SameSiteLaxMode}
	h.Add("Set-Cookie", c.String())
}

// clearCookie takes a cookie back.
func (o origin) clearCookie(h http.Header, k cookieKind) { o.setCookieFor(h, k, "", -1) }

// readCookie returns the value of the first cookie of exactly that name in the
// lines of a Cookie header, or "". It does not allocate.
func readCookie(lines []string, name string) string {
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			n, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if ok && n == name {
				return strings.Trim(value, `"`)
			}
		}
	}
	return ""
}
