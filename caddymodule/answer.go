package caddymodule

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// pageMaker is what all pages of a configuration have in common.
type pageMaker struct {
	renderer *ui.Renderer
	csp      string
	// anyAction is the same policy for the page whose form an application answers:
	// where that sends the browser on to is the application's affair.
	anyAction string
}

// newPageMaker makes the pages of a configuration. Its Content-Security-Policy
// lists the applications' origins under form-action, because Chromium holds the
// redirect behind a form's answer to it as well.
func newPageMaker(s *settings) (*pageMaker, error) {
	r, err := ui.New()
	if err != nil {
		return nil, err
	}
	actions := []string{"'self'", s.portal.origin.String()}
	for _, t := range s.sites {
		actions = append(actions, t.origin.String())
	}
	policy := func(action string) string {
		return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " + action +
			"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	}
	return &pageMaker{renderer: r, csp: policy("form-action " + strings.Join(actions, " ") + "; "), anyAction: policy("")}, nil
}

// bareCSP is for answers that are no pages: nothing may come of them even where
// a browser shows them.
const bareCSP = "default-src 'none'; frame-ancestors 'none'"

// protect sets the headers that every answer of ours has, whatever it is.
// Referrer-Policy is same-origin and not no-referrer, under which a browser sends
// its own form with "Origin: null" (Fetch, section 3.2.5).
func (x *exchange) protect(csp string) {
	h := x.w.Header()
	h.Del("Server")
	for name, value := range fixedHeaders {
		h[name] = value
	}
	h["Content-Security-Policy"] = []string{csp}
	if x.site.origin.secure() {
		h["Strict-Transport-Security"] = []string{"max-age=63072000"}
	}
}

var fixedHeaders = map[string][]string{
	"X-Frame-Options":              {"DENY"},
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"same-origin"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy": {"publickey-credentials-get=(self), publickey-credentials-create=(self), " +
		"camera=(), microphone=(), geolocation=(), payment=(), usb=()"},
	"Cache-Control": {"no-store"},
	"X-Robots-Tag":  {"noindex"},
	"Vary":          {"Cookie, Accept-Language"},
}

// page answers with a page.
func (x *exchange) page(status int, f ui.Frame, p ui.Page) error {
	return x.pageUnder(x.app.pages.csp, status, f, p)
}

// pageUnder answers with a page under a Content-Security-Policy of its own.
func (x *exchange) pageUnder(csp string, status int, f ui.Frame, p ui.Page) error {
	var b bytes.Buffer
	if err := x.app.pages.renderer.Render(&b, f, p); err != nil {
		return err // a page that we filled wrongly: Caddy answers 500
	}
	x.protect(csp)
	h := x.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Content-Language", f.Lang.String())
	if f.Reference != "" {
		h.Set("Sesame-Reference", f.Reference)
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b.Bytes()) // a client that has left cannot be told
	return nil
}

// redirect sends the browser on, with a GET.
func (x *exchange) redirect(address string) error {
	x.protect(bareCSP)
	x.w.Header().Set("Location", address)
	x.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// json answers with a JSON document of that media type.
func (x *exchange) json(status int, mediaType string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.protect(bareCSP)
	x.w.Header().Set("Content-Type", mediaType)
	x.w.WriteHeader(status)
	_, _ = x.w.Write(append(b, '\n'))
	return nil
}

// problemDetails is the answer to what is no page load (RFC 9457).
type problemDetails struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Login     string `json:"login,omitempty"`     // where to log in, for a page
	Reference string `json:"reference,omitempty"` // for the help desk
	Code      string `json:"code,omitempty"`      // for passkey.js
}

// loginRequired answers 401 to what is no page load, without a session.
func (x *exchange) loginRequired() error {
	login := x.app.portal.origin.String() + ui.PathLogin
	x.w.Header().Set("WWW-Authenticate", "Sesame login="+quote(login))
	return x.json(http.StatusUnauthorized, "application/problem+json",
		problemDetails{Type: "about:blank", Title: "Login required", Status: http.StatusUnauthorized, Login: login})
}

// quote writes an address as a quoted-string (RFC 9110, section 5.6.4).
func quote(address string) string { return `"` + address + `"` }

// problem is why a request is not served.
type problem struct {
	status int
	kind   ui.Kind
	title  string
	retry  string // Retry-After, in seconds
	next   string // the page's way on, where ui's own is not the right one
}

// The problems. What they are called is for machines; people read ui's words.
var (
	forbidden     = problem{status: http.StatusForbidden, kind: ui.ProblemForbidden, title: "Not open to this person"}
	wrongNetwork  = problem{status: http.StatusForbidden, kind: ui.ProblemNetwork, title: "Not open from this network"}
	notFound      = problem{status: http.StatusNotFound, kind: ui.ProblemNotFound, title: "Not found"}
	misdirected   = problem{status: http.StatusMisdirectedRequest, kind: ui.ProblemNotFound, title: "Not a host of this gate"}
	wrongMethod   = problem{status: http.StatusMethodNotAllowed, kind: ui.ProblemMethodNotAllowed, title: "Method not allowed"}
	tooLarge      = problem{status: http.StatusRequestEntityTooLarge, kind: ui.ProblemTooLarge, title: "Form too large"}
	wrongType     = problem{status: http.StatusUnsupportedMediaType, kind: ui.ProblemBadRequest, title: "Not a form"}
	badRequest    = problem{status: http.StatusBadRequest, kind: ui.ProblemBadRequest, title: "Bad request"}
	expired       = problem{status: http.StatusForbidden, kind: ui.ProblemExpired, title: "Form expired"}
	crossSite     = problem{status: http.StatusForbidden, kind: ui.ProblemCrossSite, title: "Posted from another site"}
	cookiesNeeded = problem{status: http.StatusForbidden, kind: ui.ProblemCookiesNeeded, title: "Cookies needed"}
	untold        = problem{status: http.StatusInternalServerError, kind: ui.ProblemUntold, title: "The application cannot be told who this is"}
	unkeptLarge   = problem{status: http.StatusRequestEntityTooLarge, kind: ui.ProblemUnkept, title: "Session ended, form too large to be kept"}
	unkeptBusy    = problem{status: http.StatusServiceUnavailable, kind: ui.ProblemUnkept, title: "Session ended, too many forms are kept"}
	formGone      = problem{status: http.StatusGone, kind: ui.ProblemFormGone, title: "Form no longer kept"}
	consoleBarred = problem{status: http.StatusForbidden, kind: ui.ProblemConsole, title: "Not open to this person in the console"}
	unavailable   = problem{status: http.StatusServiceUnavailable, kind: ui.ProblemUnavailable, title: "Unavailable", retry: "30"}
)

// refuse answers with a problem, under a reference that the log has too. The
// cause is logged and never shown; it may be nil.
func (x *exchange) refuse(p problem, cause error) error {
	return x.refuseAs(authcore.NewReference(), p, cause)
}

// refuseAs is refuse under a reference that the audit trail has already.
func (x *exchange) refuseAs(reference authcore.Reference, p problem, cause error) error {
	level := slog.LevelInfo
	if p.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("reference", string(reference)), slog.Int("status", p.status),
		slog.String("problem", p.kind.String()), slog.String("site", x.site.id), slog.String("holder", string(x.holder))}
	if cause != nil {
		attrs = append(attrs, slog.Any("error", cause))
	}
	x.app.log.LogAttrs(x.r.Context(), level, "refused", attrs...)
	refusals.WithLabelValues(p.kind.String()).Inc()
	if p.retry != "" {
		x.w.Header().Set("Retry-After", p.retry)
	}
	if !x.wantsPage() {
		x.w.Header().Set("Sesame-Reference", string(reference))
		return x.json(p.status, "application/problem+json",
			problemDetails{Type: "about:blank", Title: p.title, Status: p.status, Reference: string(reference)})
	}
	f := x.frame()
	f.Reference, f.Time = string(reference), now()
	return x.page(p.status, f, ui.Problem{Kind: p.kind, Application: x.site.name, Next: p.next})
}

// wantsPage tells whether a problem is for a person to read: everything but what
// a script sent, or what asks for JSON.
func (x *exchange) wantsPage() bool {
	h := x.r.Header
	if mode := h.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	if strings.EqualFold(h.Get("X-Requested-With"), "XMLHttpRequest") {
		return false
	}
	return accepts(h, "text/html") || !accepts(h, "application/json") && !accepts(h, "application/problem+json")
}
