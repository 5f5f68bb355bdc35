package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/screenshot"
	"github.com/sesame-gateway/sesame/ui"
)

// The assistance answers whoever comes, logged in or not, and when nothing else here
// works: without a store it still shows what was typed, to be printed.

// The address of the page that says that a request is kept: its reference, and what
// shows that we made it.
const (
	paramSent = "sent"
	paramSum  = "sum"
)

// isForHelp tells whether a request is the assistance's, which needs no gate.
func (x *exchange) isForHelp() bool {
	return x.site.isPortal() && x.r.URL.Path == ui.PathAssistance && x.r.URL.RawPath == ""
}

// asker is who asks for help.
type asker struct {
	bind    string // of the form
	session authcore.Session
	account *authcore.Account // nil for who is not logged in
	down    error             // why that cannot be known
}

// asker finds who it is. Who is not logged in gets a nonce to bind the form to.
func (x *exchange) asker() (a asker) {
	if x.gate == nil {
		_, a.down = x.app.gate()
		return a
	}
	s, account, err := x.session(false)
	switch {
	case err == nil:
		x.is(&account)
		return asker{bind: "request " + string(s.ID), session: s, account: &account}
	case !errors.Is(err, authcore.ErrNoSession):
		a.down = err
		return a
	}
	nonce := x.cookie(helpCookie)
	if nonce == "" {
		nonce = authcore.NewNonce()
		x.site.origin.setCookie(x.w.Header(), helpCookie, nonce)
	}
	a.bind = "request " + nonce
	return a
}

// showAssistance shows the answers, and the form with what is known already; or that
// a request was sent.
func (x *exchange) showAssistance() error {
	a := x.asker()
	x.keepLang()
	if ref := x.query(paramSent); ref != "" && x.gate != nil && x.gate.CheckForm(sentPurpose+ref, x.query(paramSum)) {
		f := x.frame()
		f.SwitchHref = x.switchHref(ui.PathAssistance, url.Values{paramSent: {ref}, paramSum: {x.query(paramSum)}}.Encode())
		return x.page(http.StatusOK, f, ui.RequestSent{Reference: ref})
	}
	p := ui.Assistance{Form: authcore.NewNonce(), Request: a.known()}
	more := x.fromRefusal(&p.Request)
	return x.assistance(http.StatusOK, a, p, 0, more...)
}

const sentPurpose = "request sent "

// known is what the gate knows of who is logged in.
func (a asker) known() (r ui.RequestForm) {
	if a.account == nil {
		return r
	}
	r = ui.RequestForm{
		Surname: a.account.Surname, GivenName: a.account.GivenName, Function: strings.Join(a.account.Functions, ", "),
		Establishment: a.account.Establishment, Email: a.account.Email, Accounts: string(a.account.Identifier),
	}
	if a.session.Serial != "" {
		r.Key = "…" + a.session.Serial.Tail()
	}
	return r
}

// fromRefusal fills in what the address says of the refusal that leads here, and
// returns that for the address in the other language. Whatever else stands there is
// left out.
func (x *exchange) fromRefusal(r *ui.RequestForm) (more []string) {
	keep := func(name, value string) {
		more = append(more, url.Values{name: {value}}.Encode())
	}
	if ref := x.query(ui.FieldRefusal); authcore.ValidReference(ref) {
		r.Refusal = ref
		keep(ui.FieldRefusal, ref)
	}
	if met, err := time.Parse(time.RFC3339, x.query(ui.FieldMet)); err == nil {
		r.Met = ui.MomentText(x.lang(), met.Local())
		keep(ui.FieldMet, met.Format(time.RFC3339))
	}
	wanted := x.query(ui.FieldApplication)
	for _, t := range x.app.sites {
		if t.name == wanted {
			r.Application = wanted
			keep(ui.FieldApplication, wanted)
		}
	}
	return more
}

// assistance answers with the page.
func (x *exchange) assistance(status int, a asker, p ui.Assistance, wait time.Duration, more ...string) error {
	f, err := x.helpFrame(a)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	f.SwitchHref = x.switchHref(ui.PathAssistance, more...)
	f.Retry = now().Add(wait)
	return x.page(status, f, p)
}

// helpFrame is the frame of a page with a form of the assistance, which has no token
// where there is no gate.
func (x *exchange) helpFrame(a asker) (f ui.Frame, err error) {
	f = x.frame()
	if a.bind != "" {
		f.CSRF, err = x.gate.FormToken(a.bind)
	}
	return f, err
}

// takeAssistance takes a request.
func (x *exchange) takeAssistance() error {
	if p, cause := x.unwantedRequest(); p != nil {
		x.dismiss()
		return x.refuse(*p, cause)
	}
	leave, ok := uploads.enter(x.source().Address)
	if !ok {
		x.dismiss()
		x.w.Header().Set("Retry-After", "30")
		return x.assistance(http.StatusServiceUnavailable, x.asker(), ui.Assistance{Form: authcore.NewNonce(), Notice: ui.NoticeRequestBusy}, 0)
	}
	defer leave()
	sent, p, cause := x.requestForm()
	if p != nil {
		return x.refuse(*p, cause)
	}
	a := x.asker()
	page := ui.Assistance{Form: sent.form, Request: sent.typed}
	switch {
	case a.down != nil:
		return x.unsent(a, sent, a.down)
	case !x.gate.CheckForm(a.bind, sent.csrf):
		page.Notice = ui.NoticeRequestAgain
		return x.assistance(http.StatusForbidden, a, page, 0)
	}
	request := sent.request()
	if page.Wrong = wrongFields(request, sent.pictures); len(page.Wrong) > 0 {
		page.Notice = ui.NoticeRequestWrong
		return x.assistance(http.StatusUnprocessableEntity, a, page, 0)
	}
	return x.admit(a, sent, page, request)
}

// admit lets a request in whose texts are right, if it is not one too many, and looks
// at its screenshots.
func (x *exchange) admit(a asker, sent sentRequest, page ui.Assistance, request authcore.Request) error {
	var holder authcore.Identifier
	if a.account != nil {
		holder = a.account.Identifier
	}
	wait, err := x.gate.AdmitRequest(x.r.Context(), holder, x.source())
	switch {
	case err != nil:
		return x.unsent(a, sent, err)
	case wait > 0:
		page.Notice = ui.NoticeRequestSlowed
		x.w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return x.assistance(http.StatusTooManyRequests, a, page, wait)
	}
	for _, file := range sent.files {
		image, err := cleanPicture(x.r.Context(), file)
		if err != nil {
			page.Notice, page.Wrong = ui.NoticeRequestWrong, map[string]ui.FieldProblem{ui.FieldScreenshot: pictureProblem(err)}
			return x.assistance(http.StatusUnprocessableEntity, a, page, 0)
		}
		request.Screenshots = append(request.Screenshots, image)
	}
	kept, err := x.gate.Ask(x.r.Context(), sent.form, request, a.account, x.source())
	if err != nil {
		return x.unsent(a, sent, err)
	}
	sum, err := x.gate.FormToken(sentPurpose + string(kept.Reference))
	if err != nil {
		return x.refuse(unavailable, err)
	}
	x.w.Header().Set("Sesame-Reference", string(kept.Reference))
	return x.redirect(x.site.origin.String() + ui.PathAssistance + "?" + url.Values{paramSent: {string(kept.Reference)}, paramSum: {sum}}.Encode())
}

// unsent shows what was typed to who cannot be helped from here now.
func (x *exchange) unsent(a asker, sent sentRequest, cause error) error {
	x.app.log.ErrorContext(x.r.Context(), "a request for assistance could not be kept", slog.Any("error", cause))
	f, err := x.helpFrame(a)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	x.w.Header().Set("Retry-After", unavailable.retry)
	return x.page(http.StatusServiceUnavailable, f, ui.RequestUnsent{Form: sent.form, Request: sent.typed})
}

// fieldProblems are the words for what is wrong with a field.
var fieldProblems = map[authcore.RequestProblem]ui.FieldProblem{
	authcore.RequestMissing: ui.FieldMissing, authcore.RequestTooLong: ui.FieldTooLong,
	authcore.RequestMalformed: ui.FieldNoAddress, authcore.RequestNoText: ui.FieldNoText,
}

// wrongFields says what is wrong with a request, by the names of the fields.
func wrongFields(r authcore.Request, pictures int) map[string]ui.FieldProblem {
	wrong := make(map[string]ui.FieldProblem)
	problems := r.Problems()
	for name, field := range requestFields {
		if p := problems[field]; p != 0 {
			wrong[name] = fieldProblems[p]
		}
	}
	if pictures > authcore.MaxScreenshots {
		wrong[ui.FieldScreenshot] = ui.ScreenshotTooMany
	}
	return wrong
}

// pictureProblem is what is wrong with a file.
func pictureProblem(err error) ui.FieldProblem {
	for is, p := range map[error]ui.FieldProblem{
		screenshot.ErrTooLarge: ui.ScreenshotTooLarge, screenshot.ErrFormat: ui.ScreenshotFormat,
		screenshot.ErrPoints: ui.ScreenshotPoints, screenshot.ErrMore: ui.ScreenshotMore,
	} {
		if errors.Is(err, is) {
			return p
		}
	}
	return ui.ScreenshotDamaged
}

// cleaning is who looks at a picture: one at a time, since it may take 250 MB.
var cleaning = make(chan struct{}, 1)

// cleanPicture makes a picture anew when its turn has come.
func cleanPicture(ctx context.Context, file []byte) (screenshot.Image, error) {
	select {
	case cleaning <- struct{}{}:
		defer func() { <-cleaning }()
	case <-ctx.Done():
		return screenshot.Image{}, ctx.Err()
	}
	return screenshot.Clean(file)
}
