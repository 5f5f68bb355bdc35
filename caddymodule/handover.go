package caddymodule

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// A session of the portal comes to an application's host in three redirects:
//
//	notes.example.org/page              no session here: keep a nonce, go to
//	portail.example.org/.sesame/login   ?target=…&visit=SHA-256(nonce): logged in, or now; go to
//	notes.example.org/.sesame/ticket    ?ticket=…: one use, one minute, with that nonce only; go to
//	notes.example.org/page
//
// That is OAuth's code with PKCE (RFC 7636): who reads the ticket in a log or a
// history has nothing without the browser's nonce, and who sends somebody a
// ticket of their own cannot log them in with it.
const pathTicket = ownPrefix + "ticket"

// The query parameters of the hand-over.
const (
	paramTarget = "target"
	paramVisit  = "visit"
	paramTicket = "ticket"
)

// paramOriginal is what RSA's ClearTrust agents call paramTarget: links to its
// login page that stand in applications and bookmarks go on working.
const paramOriginal = "CT_ORIG_URL"

// toLogin sends a page load without a session to the portal, to come back.
func (x *exchange) toLogin() error { return x.toLoginFor(x.address()) }

// toLoginFor sends somebody to the portal, to go on to an address from there.
func (x *exchange) toLoginFor(address string) error {
	nonce := x.cookie(visitCookie)
	if !isNonce(nonce) {
		nonce = authcore.NewNonce()
		x.site.origin.setCookie(x.w.Header(), visitCookie, nonce)
	}
	query := url.Values{paramTarget: {address}, paramVisit: {authcore.VisitMark(nonce)}}
	return x.redirect(x.app.portal.origin.String() + ui.PathLogin + "?" + query.Encode())
}

// address is where the browser is, as it may come back, or the host's first page.
func (x *exchange) address() string {
	if sent := x.sent(); strings.HasPrefix(sent, "/") {
		if to, address := x.app.origins.target(x.site.origin.String() + sent); to != nil {
			return address
		}
	}
	return x.site.origin.String() + "/"
}

// sent is the path and query as the browser sent them, whatever earlier handlers
// made of them.
func (x *exchange) sent() string {
	if original, ok := x.r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		return original.RequestURI
	}
	return x.r.RequestURI
}

// isNonce tells whether s is 256 bits of base64url, as nonces, their marks and
// tickets are.
func isNonce(s string) bool {
	if len(s) != 43 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// onward sends somebody who is logged in to where they wanted to go: the portal
// unless target is an address of ours, and to an application with a ticket when
// its host asked for one.
func (x *exchange) onward(s authcore.Session, target, visit string) error {
	to, address := x.app.origins.target(target)
	switch {
	case to == nil:
		return x.redirect(x.app.portal.origin.String() + ui.PathPortal)
	case to.isPortal(), !isNonce(visit):
		return x.redirect(address)
	}
	ticket, err := x.gate.Ticket(x.r.Context(), s, to.sessionHost(), visit, address)
	if errors.Is(err, authcore.ErrNoSession) {
		return x.redirect(address)
	}
	if err != nil {
		return x.refuse(unavailable, err)
	}
	return x.redirect(to.origin.String() + pathTicket + "?" + url.Values{paramTicket: {ticket}}.Encode())
}

// takeTicket makes a ticket into a session of this host.
func (x *exchange) takeTicket() error {
	home := x.site.origin.String() + "/"
	nonce, ticket := x.cookie(visitCookie), x.query(paramTicket)
	if x.r.Method == http.MethodHead || !isNonce(ticket) {
		return x.redirect(home)
	}
	var token authcore.Token
	var target string
	err := authcore.ErrNoTicket
	if isNonce(nonce) {
		token, target, err = x.gate.Redeem(x.r.Context(), ticket, x.site.sessionHost(), nonce, x.source())
	}
	if errors.Is(err, authcore.ErrNoTicket) {
		return x.spentTicket(nonce != "", home)
	}
	if err != nil {
		return x.refuse(unavailable, err)
	}
	x.site.origin.setCookie(x.w.Header(), sessionCookie, string(token))
	x.site.origin.clearCookie(x.w.Header(), visitCookie)
	if isNonce(x.cookie(keptCookie)) {
		return x.redirect(x.site.origin.String() + ui.PathKept)
	}
	if to, address := x.app.origins.target(target); to == x.site {
		return x.redirect(cmp.Or(address, home))
	}
	return x.redirect(home)
}

// spentTicket answers to a ticket that opens nothing. Who went back in the
// browser's history, or clicked twice, has a session by now and goes on.
func (x *exchange) spentTicket(keepsCookies bool, home string) error {
	if _, a, err := x.session(isUse(x.r)); err == nil {
		x.is(&a)
		return x.redirect(home)
	} else if !errors.Is(err, authcore.ErrNoSession) {
		return x.refuse(unavailable, err)
	}
	p := cookiesNeeded
	if keepsCookies {
		p = expired
	}
	p.next = home
	return x.refuse(p, nil)
}

// query returns a query parameter that is there once, or "".
func (x *exchange) query(name string) string {
	values := x.r.URL.Query()[name]
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// asked is the address to return to that the login was opened with: of target
// and CT_ORIG_URL the first that is there, if it is there once.
func (x *exchange) asked() string {
	if x.r.URL.Query().Has(paramTarget) {
		return x.query(paramTarget)
	}
	return x.query(paramOriginal)
}
