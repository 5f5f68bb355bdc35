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
	newsLanguage      = "language"
)

var accountNews = map[string]ui.Notice{
	newsSessionClosed: ui.NoticeSessionClosed,
	newsOthersClosed:  ui.NoticeOthersClosed,
	newsLanguage:      ui.NoticeLanguageChanged,
	newsPINChanged:    ui.NoticePINChanged,
}

// maxConnections is how many connections the account's page shows.
const maxConnections = 20

// showAccount shows a person what is theirs: keys, passkeys, the sessions that are
// open in their name, their last connections.
func (x *exchange) showAccount() error {
	s, a, ok, err := x.inAccount()
	if !ok {
		return err
	}
	p, err := x.account(s, a)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	p.Notice = accountNews[x.query(paramNews)]
	return x.showOwn(http.StatusOK, s, ui.PathAccount, "", p)
}

// account gathers what the page of the account shows.
func (x *exchange) account(s authcore.Session, a authcore.Account) (p ui.Account, err error) {
	p = ui.Account{Passkeys: x.gate.HasPasskeys(), Language: ui.Negotiate(a.Language, "")}
	keys, err := x.gate.OwnKeys(x.r.Context(), s)
	if err != nil {
		return p, err
	}
	for _, k := range keys {
		p.Keys = append(p.Keys, shownKey(k, x.gate.Now()))
	}
	sessions, err := x.gate.OwnSessions(x.r.Context(), s)
	if err != nil {
		return p, err
	}
	for _, one := range sessions {
		p.Sessions = append(p.Sessions, ui.OpenSession{
			ID: string(one.ID), Current: one.ID == s.ID, Since: readHere(one.Began), Address: one.Address, Agent: one.Agent,
		})
	}
	connections, err := x.gate.OwnConnections(x.r.Context(), s, maxConnections)
	for _, e := range connections {
		p.Connections = append(p.Connections, x.shownConnection(e))
	}
	return p, err
}

// takeAccount ends one session of the person, or all but the one that asks.
func (x *exchange) takeAccount() error {
	s, _, f, ok, err := x.accountForm()
	if !ok {
		return err
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
