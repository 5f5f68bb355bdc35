package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// A form that comes behind the end of its session is not lost:
//
//	POST notes.example.org/save         the cookie is a former session's: keep the form, go to
//	GET  portail.example.org/…login     ?target=notes.example.org/.sesame/kept; logged in, by the ticket to
//	GET  notes.example.org/.sesame/kept "Send it again?"
//	POST notes.example.org/save?.sesame=again   the form's own address, with a mark behind it
//
// The last is let through like any request to that address, and becomes the first
// one before it is: the application gets the same address, type and bytes. That it
// is sent to the form's own address, and not below /.sesame/, brings the cookies
// along that the application keeps for that path, and lets the links of its answer
// lead where they should.
const (
	againMark = ".sesame=again"
	paramPage = "page" // of ui.PathKept: the path of the form, for the portal
)

// keepTime is how long the last byte of a form that is kept may take to come.
var keepTime = time.Minute

// keptMaxAge is how long a browser keeps the name of a kept form, in seconds: as
// long as the form is kept.
const keptMaxAge = 600

// isLateForm tells whether a request is a form of one of the application's own
// pages, such as a browser sends it: what is kept may be nothing else.
func (x *exchange) isLateForm() bool {
	h := x.r.Header
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return x.r.Method == http.MethodPost && isNavigation(x.r) &&
		err == nil && (mediaType == "application/x-www-form-urlencoded" || mediaType == "multipart/form-data") && h.Get("Content-Encoding") == "" &&
		x.fromHere()
}

// late answers to a request that is no page load and whose session has ended; or,
// with one, is too old for it. A form is kept; what could not have been filled in
// under a session is refused as anything else.
func (x *exchange) late(s *authcore.Session) error {
	if _, again := x.sentAgain(); again {
		return x.toLoginFor(x.keptAddress()) // it is still kept
	}
	if !x.isLateForm() {
		return x.loginRequired()
	}
	if s == nil {
		former, err := x.gate.Former(x.r.Context(), authcore.Token(x.cookie(sessionCookie)), x.site.sessionHost())
		if errors.Is(err, authcore.ErrNoSession) {
			return x.loginRequired()
		}
		if err != nil {
			return x.refuse(unavailable, err)
		}
		s = &former
	}
	f, p, err := x.lateForm()
	if p == nil {
		err = x.keep(*s, f)
		p = keepProblem(err)
	}
	if p != nil {
		return x.unkept(*p, err)
	}
	return x.toLoginFor(x.keptAddress())
}

// keepProblem is why a form that was read could not be kept, or nothing.
func keepProblem(err error) *problem {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrTooManyForms):
		return &unkeptBusy
	}
	return &unavailable
}

// lateForm reads the form, a MiB at most, or says why it cannot be kept.
func (x *exchange) lateForm() (f authcore.Form, p *problem, err error) {
	sent := x.sent()
	to, _ := x.app.origins.target(x.site.origin.String() + sent)
	if to != x.site || strings.Contains(sent, "#") || !strings.HasPrefix(sent, "/") || x.r.ContentLength > authcore.MaxForm {
		return f, &unkeptLarge, nil
	}
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(keepTime))
	f = authcore.Form{Address: x.site.origin.String() + sent, ContentType: x.r.Header.Get("Content-Type")}
	f.Body, err = io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, authcore.MaxForm))
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return f, &unkeptLarge, nil
	}
	if err != nil {
		return f, &badRequest, err
	}
	if from, page := x.app.origins.target(x.r.Header.Get("Referer")); from == x.site {
		f.Page = page
	}
	return f, nil, nil
}

// keep keeps a form, and gives the browser its name.
func (x *exchange) keep(s authcore.Session, f authcore.Form) error {
	name, err := x.gate.Keep(x.r.Context(), s, f, x.source())
	if err == nil {
		x.site.origin.setCookieFor(x.w.Header(), keptCookie, name, keptMaxAge)
	}
	return err
}

// The bytes of an upload that are read and thrown away for a browser that must
// have sent all before it shows an answer, and for how long.
const (
	lingerBytes = 16 << 20
	lingerTime  = 10 * time.Second
)

// unkept says that a form is lost on the way, before its end has come, and how to
// save it. Over HTTP/1.1 a browser looks at an answer when it has sent all of a
// form; closing before would show it an error in place of the page.
func (x *exchange) unkept(p problem, cause error) error {
	if p.kind == ui.ProblemUnkept {
		p.next = x.app.portal.origin.String() + ui.PathLogin + "?" + url.Values{paramTarget: {x.site.origin.String() + "/"}}.Encode()
	}
	c := http.NewResponseController(x.w)
	if x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close")
		_ = c.EnableFullDuplex()
	}
	if err := x.refuse(p, cause); err != nil {
		return err
	}
	if x.r.ProtoMajor == 1 && x.r.Header.Get("Expect") == "" && c.Flush() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, x.r.Body, lingerBytes)
	}
	return nil
}

// keptAddress is where the form is offered. What it is for stands beside it, for
// the portal to know which code it asks for.
func (x *exchange) keptAddress() string {
	sent, _, _ := strings.Cut(x.sent(), "?")
	address := x.site.origin.String() + ui.PathKept
	with := address + "?" + url.Values{paramPage: {sent}}.Encode()
	if len(with) > maxTarget {
		return address
	}
	return with
}

// sentAgain tells whether the request is to become the kept form, and gives its
// address without the mark, as the browser sent it.
func (x *exchange) sentAgain() (address string, ok bool) {
	sent, ok := unmarkURI(x.sent())
	if !ok || !strings.HasPrefix(sent, "/") {
		return "", false
	}
	return x.site.origin.String() + sent, true
}

// markURI puts the mark behind an address.
func markURI(uri string) string {
	if strings.Contains(uri, "?") {
		return uri + "&" + againMark
	}
	return uri + "?" + againMark
}

// unmarkURI is what markURI made of an address, and whether it did.
func unmarkURI(uri string) (string, bool) {
	path, query, _ := strings.Cut(uri, "?")
	if query == againMark {
		return path, true
	}
	query, ok := strings.CutSuffix(query, "&"+againMark)
	if !ok {
		return uri, false
	}
	return path + "?" + query, true
}

// unmarkURL takes the mark off a URL.
func unmarkURL(u *url.URL) {
	if query, ok := unmarkURI("?" + u.RawQuery); ok {
		u.RawQuery = strings.TrimPrefix(query, "?")
		u.ForceQuery = query == "?"
	}
}

// showKept offers to send the form again.
func (x *exchange) showKept() error {
	s, a, err := x.session(isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession) && isPageLoad(x.r):
		return x.toLogin()
	case errors.Is(err, authcore.ErrNoSession):
		return x.loginRequired()
	case err != nil:
		return x.refuse(unavailable, err)
	}
	x.is(&a)
	k, err := x.gate.Kept(x.r.Context(), x.cookie(keptCookie), s)
	if err != nil {
		return x.notKept(s, err)
	}
	x.keepLang()
	f := x.frame()
	f.SwitchHref = x.switchHref(ui.PathKept)
	if f.CSRF, err = x.gate.FormToken(string(s.ID)); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.pageUnder(x.app.pages.anyAction, http.StatusOK, f, ui.Kept{Application: x.site.name, Action: markURI(k.Address), Sent: k.Sent, Until: k.Until})
}

// notKept answers where there is no form to offer or to send. One of somebody
// else is dropped without a word.
func (x *exchange) notKept(s authcore.Session, err error) error {
	home := x.site.origin.String() + "/"
	switch {
	case errors.Is(err, authcore.ErrAnothers):
		if err := x.gate.DropForm(x.r.Context(), x.cookie(keptCookie), s, x.source()); err != nil && !errors.Is(err, authcore.ErrNotKept) {
			return x.refuse(unavailable, err)
		}
		x.site.origin.clearCookie(x.w.Header(), keptCookie)
		return x.redirect(home)
	case errors.Is(err, authcore.ErrNotKept):
		x.site.origin.clearCookie(x.w.Header(), keptCookie)
		p := formGone
		p.next = home
		return x.refuse(p, nil)
	}
	return x.refuse(unavailable, err)
}

// dropKept forgets the form, as its holder wishes, and goes back to its page.
func (x *exchange) dropKept() error {
	f, p, cause := x.form()
	if p != nil {
		return x.refuse(*p, cause)
	}
	s, a, err := x.session(isUse(x.r))
	if errors.Is(err, authcore.ErrNoSession) {
		return x.toLoginFor(x.site.origin.String() + ui.PathKept)
	}
	if err != nil {
		return x.refuse(unavailable, err)
	}
	x.is(&a)
	if !x.genuine(f, string(s.ID)) {
		return x.redirect(x.site.origin.String() + ui.PathKept)
	}
	name := x.cookie(keptCookie)
	k, err := x.gate.Kept(x.r.Context(), name, s)
	if err == nil {
		err = x.gate.DropForm(x.r.Context(), name, s, x.source())
	}
	if err != nil {
		return x.notKept(s, err)
	}
	x.site.origin.clearCookie(x.w.Header(), keptCookie)
	if to, page := x.app.origins.target(k.Page); to == x.site {
		return x.redirect(page)
	}
	return x.redirect(x.site.origin.String() + "/")
}

// sendAgain makes the request the kept form and passes it on. It has been let
// through already, for the address that it has and the form had.
func (x *exchange) sendAgain(s authcore.Session, address string, pass func() error) error {
	posted, p, cause := x.form()
	if p != nil {
		return x.refuse(*p, cause)
	}
	name := x.cookie(keptCookie)
	k, err := x.gate.Kept(x.r.Context(), name, s)
	switch {
	case err != nil:
		return x.notKept(s, err)
	case !x.genuine(posted, string(s.ID)) || k.Address != address:
		return x.redirect(x.site.origin.String() + ui.PathKept)
	}
	f, err := x.gate.TakeForm(x.r.Context(), name, s, x.source())
	if err != nil {
		return x.notKept(s, err)
	}
	x.site.origin.clearCookie(x.w.Header(), keptCookie)
	// The application may take its time, which the deadline of our form would end.
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{})
	x.become(f)
	return pass()
}

// become gives the request what the form's first one had: in place, because
// placeholders look at it as well.
func (x *exchange) become(f authcore.Form) {
	r := x.r
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		u := *original.URL
		unmarkURL(&u)
		original.URL = &u
		original.RequestURI, _ = unmarkURI(original.RequestURI)
		*r = *r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original))
	}
	unmarkURL(r.URL)
	r.RequestURI, _ = unmarkURI(r.RequestURI)
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(f.Body)), int64(len(f.Body)), nil
	r.Header.Set("Content-Type", f.ContentType)
	r.Header.Set("Content-Length", strconv.Itoa(len(f.Body)))
	if r.Header.Del("Referer"); f.Page != "" {
		r.Header.Set("Referer", f.Page)
	}
}
