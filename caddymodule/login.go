package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// step is one page of a login: where it is, what it asks, how its form is read
// and how it is drawn.
type step struct {
	question authcore.Question
	path     string
	read     func(form) (authcore.Answer, ui.Notice)
	draw     func(*exchange, view) (ui.Page, error)
}

// view is what there is to draw.
type view struct {
	challenge authcore.Challenge
	notice    ui.Notice
	form      form          // as posted, or nil
	target    string        // where to go after the login; checked, or ""
	site      *site         // the application there, or nil
	retry     time.Duration // with NoticeSlowed, until an attempt is looked at
}

var steps = []step{
	{authcore.AskPasscode, ui.PathLogin, readLogin, drawLogin},
	{authcore.AskNewPIN, ui.PathPIN, readNewPIN, drawNewPIN},
	{authcore.AskNewPasscode, ui.PathSynchronise, readNewPasscode, drawSynchronise},
	{authcore.AskNextCode, ui.PathNextCode, readNextCode, drawNextCode},
}

// stepOf returns the page that asks a question; once all is answered, the first.
func stepOf(q authcore.Question) step {
	for _, s := range steps {
		if s.question == q {
			return s
		}
	}
	return steps[0]
}

// showStep shows a page of the login under way, or goes to the one that its turn
// has come to.
func (x *exchange) showStep(s step) error {
	if s.question == authcore.AskPasscode && x.query(paramAnew) != "" && x.r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		return x.startAnew()
	}
	target := x.asked()
	session, account, err := x.session(isUse(x.r))
	var lacks authcore.Why
	if err == nil {
		lacks = x.lacks(session, account, target)
	}
	renews := err == nil && lacks == 0 && x.goesOn(s, target)
	if err == nil && lacks == 0 && !renews {
		return x.onward(session, target, x.query(paramVisit))
	}
	if err != nil && !errors.Is(err, authcore.ErrNoSession) {
		return x.refuse(unavailable, err)
	}
	c, err := x.gate.Challenge(x.r.Context(), x.cookie(loginCookie))
	if err != nil && !errors.Is(err, authcore.ErrNoChallenge) {
		return x.refuse(unavailable, err)
	}
	switch over := err != nil || x.stale(c); {
	case over && s.question != authcore.AskPasscode:
		return x.redirect(x.site.origin.String() + ui.PathLogin)
	case over:
		if c, err = x.begin(); err != nil {
			return x.refuse(unavailable, err)
		}
	case c.Question != s.question:
		return x.redirect(x.site.origin.String() + stepOf(c.Question).path)
	}
	v := view{challenge: c}
	v.site, v.target = x.app.origins.target(target)
	x.keepLang()
	switch {
	case lacks == authcore.PasskeyWanted && s.question == authcore.AskPasscode:
		return x.askPasskey(v, account)
	case lacks != 0 && s.question == authcore.AskPasscode:
		v.notice, v.form = ui.NoticeFreshCode, form{ui.FieldIdentifier: string(account.Identifier)}
	case renews && s.question == authcore.AskPasscode:
		v.form = form{ui.FieldIdentifier: string(account.Identifier)}
	case s.question == authcore.AskPasscode && x.cookie(sessionCookie) != "":
		v.notice = ui.NoticeSessionEnded
	}
	if s.question == authcore.AskPasscode && v.forKept() {
		v.notice = ui.NoticeFormKept
	}
	return x.draw(http.StatusOK, s, v, "")
}

// paramAnew leaves the login under way for a new one.
const paramAnew = "anew"

// startAnew is the way out of the later steps of a login, for who has forgotten
// the PIN just chosen, or has found somebody else's login on a shared computer. It
// leads to the first page, for the same application; for another PIN, to where
// that began. What is left there ends by itself.
func (x *exchange) startAnew() error {
	c, err := x.gate.Challenge(x.r.Context(), x.cookie(loginCookie))
	if err != nil && !errors.Is(err, authcore.ErrNoChallenge) {
		return x.refuse(unavailable, err)
	}
	x.site.origin.clearCookie(x.w.Header(), loginCookie)
	to := x.site.origin.String() + ui.PathLogin
	switch _, target := x.app.origins.target(c.Target); {
	case c.Renew:
		to = x.site.origin.String() + ui.PathAccountPIN
	case target != "":
		to += "?" + url.Values{paramTarget: {target}}.Encode()
	}
	return x.redirect(to)
}

// goesOn tells whether somebody who is logged in is in another login: behind its
// first page, or on that to change their PIN.
func (x *exchange) goesOn(s step, target string) bool {
	if s.question == authcore.AskPasscode && target != x.site.origin.String()+ui.PathAccountPIN {
		return false
	}
	c, err := x.gate.Challenge(x.r.Context(), x.cookie(loginCookie))
	return err == nil && !x.stale(c) && (c.Renew || s.question != authcore.AskPasscode)
}

// forKept tells whether a kept form waits behind the login.
func (v view) forKept() bool {
	return v.site != nil && strings.HasPrefix(strings.TrimPrefix(v.target, v.site.origin.String()), ui.PathKept)
}

// stale tells whether a login is better begun anew: over, or so near its end
// without an answer that the person would be too late.
func (x *exchange) stale(c authcore.Challenge) bool {
	return c.Question == authcore.Done ||
		c.Question == authcore.AskPasscode && c.Expires.Before(x.gate.Now().Add(x.gate.Policy().Challenge/4))
}

// begin starts a login and gives the browser its cookie. Nothing is stored yet.
func (x *exchange) begin() (authcore.Challenge, error) {
	c := x.gate.Begin("")
	sealed, err := x.gate.Seal(c)
	if err != nil {
		return c, err
	}
	x.site.origin.setCookie(x.w.Header(), loginCookie, sealed)
	return c, nil
}

// draw answers with a page of the login. A reference goes with a refusal.
func (x *exchange) draw(status int, s step, v view, reference authcore.Reference) error {
	p, err := s.draw(x, v)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	f := x.frame()
	var more []string
	if v.target != "" {
		more = append(more, url.Values{paramTarget: {v.target}}.Encode())
	}
	f.SwitchHref = x.switchHref(s.path, more...)
	if f.CSRF, err = x.gate.FormToken(v.challenge.ID); err != nil {
		return x.refuse(unavailable, err)
	}
	if reference != "" {
		f.Reference, f.Time = string(reference), now()
		f.Retry = f.Time.Add(v.retry)
	}
	return x.page(status, f, p)
}

// takeStep takes the form of a page of the login.
func (x *exchange) takeStep(s step) error {
	f, p, cause := x.form()
	if p != nil {
		return x.refuse(*p, cause)
	}
	c, err := x.gate.Challenge(x.r.Context(), x.cookie(loginCookie))
	if errors.Is(err, authcore.ErrNoChallenge) {
		return x.tooLate(s, f)
	}
	if err != nil {
		return x.refuse(unavailable, err)
	}
	if !x.genuine(f, c.ID) {
		return x.refuse(expired, nil)
	}
	v := view{challenge: c, form: f}
	v.site, v.target = x.app.origins.target(f[ui.FieldTarget])
	answer, notice := s.read(f)
	if v.notice = notice; notice != ui.NoticeNone {
		return x.draw(http.StatusUnprocessableEntity, s, v, "")
	}
	if s.question == authcore.AskPasscode && c.Question == authcore.AskPasscode {
		c.Target = v.target
	}
	reply, err := x.gate.Answer(x.r.Context(), c, answer, x.source())
	if err != nil {
		return x.unanswered(s, f, c, reply, err)
	}
	return x.replied(s, v, reply)
}

// tooLate answers to a form whose login is over. Behind a double click it ended
// well: the person has a session and simply arrives.
func (x *exchange) tooLate(s step, f form) error {
	session, _, err := x.session(isUse(x.r))
	switch {
	case err == nil:
		return x.onward(session, f[ui.FieldTarget], "")
	case !errors.Is(err, authcore.ErrNoSession):
		return x.refuse(unavailable, err)
	case x.cookie(loginCookie) == "":
		return x.refuse(cookiesNeeded, nil)
	case s.question == authcore.AskPasscode:
		return x.refuse(expired, nil)
	}
	c, err := x.begin()
	if err != nil {
		return x.refuse(unavailable, err)
	}
	return x.again(c)
}

// again shows the first page to somebody whose login took too long. An earlier
// code has been used: unlike expired, this must not say otherwise.
func (x *exchange) again(c authcore.Challenge) error {
	return x.draw(http.StatusForbidden, steps[0], view{challenge: c, notice: ui.NoticeChallengeExpired}, authcore.NewReference())
}

// unanswered says what became of an answer that got no reply.
func (x *exchange) unanswered(s step, f form, c authcore.Challenge, reply authcore.Reply, err error) error {
	switch {
	case errors.Is(err, authcore.ErrNoChallenge):
		return x.tooLate(s, f)
	case errors.Is(err, authcore.ErrWrongQuestion) && c.Question == authcore.AskPasscode && s.question != c.Question:
		return x.again(c)
	case errors.Is(err, authcore.ErrWrongQuestion):
		return x.redirect(x.site.origin.String() + stepOf(c.Question).path)
	case reply.Reference != "":
		return x.refuseAs(reply.Reference, unavailable, err)
	}
	return x.refuse(unavailable, err)
}

// replied turns the gate's reply into the next page.
func (x *exchange) replied(s step, v view, reply authcore.Reply) error {
	answers.WithLabelValues(s.question.String(), reply.Outcome.String()).Inc()
	v.challenge = reply.Challenge
	to := stepOf(reply.Challenge.Question)
	status := http.StatusForbidden
	switch reply.Outcome {
	case authcore.Asked:
		return x.redirect(x.site.origin.String() + to.path)
	case authcore.Granted:
		return x.granted(s, v, reply)
	case authcore.Reused:
		v.notice = ui.NoticeCodeUsed
	case authcore.PINDenied:
		v.notice, status = pinNotices[reply.Problem], http.StatusUnprocessableEntity
	case authcore.Slowed:
		v.notice, v.retry, status = ui.NoticeSlowed, reply.Wait, http.StatusTooManyRequests
		x.w.Header().Set("Retry-After", strconv.Itoa(int((reply.Wait+time.Second-1)/time.Second)))
	default:
		v.notice = ui.NoticeRefused
		if s.question == authcore.AskNextCode && !reply.Challenge.Pair {
			v.notice = ui.NoticeNextCodeWrong
		}
	}
	return x.draw(status, to, v, reply.Reference)
}

// granted gives the browser its session, under a new cookie value, and sends it
// on.
func (x *exchange) granted(s step, v view, reply authcore.Reply) error {
	if err := x.enter(reply); err != nil {
		return x.refuse(unavailable, err)
	}
	target := v.target
	if s.question != authcore.AskPasscode {
		_, target = x.app.origins.target(reply.Challenge.Target)
	}
	switch {
	case s.question == authcore.AskNewPasscode && reply.Challenge.Renew:
		return x.redirect(x.site.origin.String() + ui.PathAccount + "?" + paramNews + "=" + newsPINChanged)
	case target != "":
		return x.redirect(target)
	case s.question == authcore.AskNewPasscode && reply.Challenge.Change():
		return x.redirect(x.site.origin.String() + ui.PathPortal + "?" + paramNews + "=" + newsPINChanged)
	case s.question == authcore.AskNewPasscode:
		return x.redirect(x.site.origin.String() + ui.PathPortal + "?" + paramNews + "=" + newsInService)
	}
	return x.redirect(x.site.origin.String() + ui.PathPortal)
}

// enter gives the browser its session, in the place of the one that it had.
func (x *exchange) enter(reply authcore.Reply) error {
	if err := x.endFormer(reply.Token); err != nil {
		return err
	}
	x.site.origin.setCookie(x.w.Header(), sessionCookie, string(reply.Token))
	if reply.Browser != "" {
		x.site.origin.setCookieFor(x.w.Header(), browserCookie, string(reply.Browser), int(authcore.BrowserAge/time.Second))
	}
	x.site.origin.clearCookie(x.w.Header(), loginCookie)
	return nil
}

// endFormer ends the session that the browser still had, if any: a new login
// takes its place. The same form sent twice brings the same token twice.
func (x *exchange) endFormer(token authcore.Token) error {
	if x.cookie(sessionCookie) == string(token) {
		return nil
	}
	s, _, err := x.session(false)
	if err == nil {
		err = x.gate.End(x.r.Context(), s, x.source())
	}
	if errors.Is(err, authcore.ErrNoSession) {
		return nil
	}
	return err
}
