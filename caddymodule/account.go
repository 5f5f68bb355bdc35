package caddymodule

import (
	"errors"
	"net/http"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// The account's page is told in its address what has just been done.
const (
	newsSessionClosed = "session-closed"
	newsOthersClosed  = "others-closed"
)

var accountNews = map[string]ui.Notice{
	newsSessionClosed: ui.NoticeSessionClosed,
	newsOthersClosed:  ui.NoticeOthersClosed,
}

// showAccount shows a person what is theirs: the sessions that are open in their
// name.
func (x *exchange) showAccount() error {
	s, a, err := x.session(isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession) && isPageLoad(x.r):
		return x.redirect(x.site.origin.String() + ui.PathLogin)
	case errors.Is(err, authcore.ErrNoSession):
		return x.loginRequired()
	case err != nil:
		return x.refuse(unavailable, err)
	}
	x.is(&a)
	x.keepLang()
	all, err := x.gate.OwnSessions(x.r.Context(), s)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	p := ui.Account{Passkeys: x.gate.HasPasskeys(), Notice: accountNews[x.query(paramNews)]}
	for _, one := range all {
		p.Sessions = append(p.Sessions, ui.OpenSession{
			ID: string(one.ID), Current: one.ID == s.ID, Since: one.Began.In(now().Location()), Address: one.Address, Agent: one.Agent,
		})
	}
	f := x.frame()
	f.SwitchHref = x.switchHref(ui.PathAccount)
	if f.CSRF, err = x.gate.FormToken(string(s.ID)); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.page(http.StatusOK, f, p)
}

// takeAccount ends one session of the person, or all but the one that asks.
func (x *exchange) takeAccount() error {
	f, p, cause := x.form()
	if p != nil {
		return x.refuse(*p, cause)
	}
	s, a, err := x.session(isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession):
		return x.redirect(x.site.origin.String() + ui.PathLogin)
	case err != nil:
		return x.refuse(unavailable, err)
	}
	x.is(&a)
	if !x.genuine(f, string(s.ID)) {
		return x.refuse(expired, nil)
	}
	news := newsOthersClosed
	if id := f[ui.FieldSession]; id == ui.AllOthers {
		err = x.gate.EndOtherSessions(x.r.Context(), s, x.source())
	} else {
		news = newsSessionClosed
		err = x.gate.EndOwnSession(x.r.Context(), s, authcore.SessionID(id), x.source())
	}
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return x.refuse(notFound, nil)
	case err != nil:
		return x.refuse(unavailable, err)
	}
	return x.redirect(x.site.origin.String() + ui.PathAccount + "?" + paramNews + "=" + news)
}
