package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// What has become of a passkey, in the address of the list.
const (
	newsPasskeyAdded   = "passkey-added"
	newsPasskeyRenamed = "passkey-renamed"
	newsPasskeyRemoved = "passkey-removed"
)

var passkeyNews = map[string]ui.Notice{
	newsPasskeyAdded:   ui.NoticePasskeyAdded,
	newsPasskeyRenamed: ui.NoticePasskeyRenamed,
	newsPasskeyRemoved: ui.NoticePasskeyRemoved,
}

// askPasskey asks somebody who is logged in for a passkey, where theirs is to go.
func (x *exchange) askPasskey(v view, a authcore.Account) (err error) {
	x.is(&a)
	p := ui.PasskeyWanted{Target: v.target, None: true}
	for _, own := range a.Passkeys {
		p.None = p.None && own.Cloned
	}
	if v.site != nil {
		p.Application = v.site.name
	}
	f := x.frame()
	f.SwitchHref = x.switchHref(ui.PathLogin, url.Values{paramTarget: {v.target}}.Encode())
	if f.CSRF, err = x.gate.FormToken(v.challenge.ID); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.page(http.StatusOK, f, p)
}

// owner is inAccount for a page of passkeys.
func (x *exchange) owner() (s authcore.Session, a authcore.Account, ok bool, err error) {
	if !x.gate.HasPasskeys() {
		return s, a, false, x.refuse(notFound, nil)
	}
	return x.inAccount()
}

// inAccount is the session that a page of the account is shown in. Without one, or with
// one that is not fresh enough for this page, it is the login's turn, which leads
// back here.
func (x *exchange) inAccount() (s authcore.Session, a authcore.Account, ok bool, err error) {
	s, a, err = x.session(isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession) && !isNavigation(x.r):
		return s, a, false, x.loginRequired()
	case errors.Is(err, authcore.ErrNoSession), err == nil && x.ownLacks(s, x.r.URL.Path) != 0:
		return s, a, false, x.redirect(x.loginFor(x.r.URL.Path))
	case err != nil:
		return s, a, false, x.refuse(unavailable, err)
	}
	x.is(&a)
	x.keepLang()
	return s, a, true, nil
}

// loginFor is the login that leads back to a page of the portal.
func (x *exchange) loginFor(path string) string {
	if portalRoutes[path].get == nil {
		path = ui.PathAccount // where its form stands
	}
	target := x.site.origin.String() + path
	for _, field := range []string{ui.FieldPasskey, ui.FieldSerial} {
		if id := x.query(field); id != "" {
			target += "?" + url.Values{field: {id}}.Encode()
			break
		}
	}
	return x.site.origin.String() + ui.PathLogin + "?" + url.Values{paramTarget: {target}}.Encode()
}

// showOwn answers with a page of somebody's passkeys.
func (x *exchange) showOwn(status int, s authcore.Session, path, id string, p ui.Page) (err error) {
	f := x.frame()
	var more []string
	if id != "" {
		more = append(more, url.Values{ui.FieldPasskey: {id}}.Encode())
	}
	f.SwitchHref = x.switchHref(path, more...)
	if f.CSRF, err = x.gate.FormToken(string(s.ID)); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.page(status, f, p)
}

func (x *exchange) showPasskeys() error {
	s, a, ok, err := x.owner()
	if !ok {
		return err
	}
	p := ui.Passkeys{Max: authcore.MaxPasskeys, Notice: passkeyNews[x.query(paramNews)]}
	for _, own := range a.Passkeys {
		p.Passkeys = append(p.Passkeys, ui.Passkey{ID: own.ID(), Name: own.Name, Added: own.Added.Local(), LastUsed: localOrZero(own), Synced: own.Synced, Cloned: own.Cloned})
	}
	return x.showOwn(http.StatusOK, s, ui.PathPasskeys, "", p)
}

// localOrZero is when a passkey was used last, on the calendar of the server's zone.
func localOrZero(p authcore.Passkey) time.Time {
	if p.LastUsed.IsZero() {
		return p.LastUsed
	}
	return p.LastUsed.Local()
}

func (x *exchange) showPasskeyAdd() error {
	s, a, ok, err := x.owner()
	if !ok {
		return err
	}
	if len(a.Passkeys) >= authcore.MaxPasskeys {
		return x.redirect(x.site.origin.String() + ui.PathPasskeys)
	}
	return x.showOwn(http.StatusOK, s, ui.PathPasskeyAdd, "", ui.PasskeyAdd{Until: s.Began.Add(authcore.Fresh).Local()})
}

// takePasskeyAdd answers to the form of a browser without JavaScript.
func (x *exchange) takePasskeyAdd() error {
	s, _, f, ok, err := x.ownForm()
	if !ok {
		return err
	}
	return x.showOwn(http.StatusOK, s, ui.PathPasskeyAdd, "",
		ui.PasskeyAdd{Name: f[ui.FieldName], Until: s.Began.Add(authcore.Fresh).Local(), Notice: ui.NoticePasskeyScript})
}

// ownForm is accountForm for a page of passkeys.
func (x *exchange) ownForm() (s authcore.Session, a authcore.Account, f form, ok bool, err error) {
	if !x.gate.HasPasskeys() {
		return s, a, nil, false, x.refuse(notFound, nil)
	}
	return x.accountForm()
}

// accountForm reads the form of a page of the account, and the session that it is of.
func (x *exchange) accountForm() (s authcore.Session, a authcore.Account, f form, ok bool, err error) {
	f, p, cause := x.form()
	if p != nil {
		return s, a, f, false, x.refuse(*p, cause)
	}
	if s, a, ok, err = x.inAccount(); !ok {
		return s, a, f, false, err
	}
	if !x.genuine(f, string(s.ID)) {
		return s, a, f, false, x.refuse(expired, nil)
	}
	return s, a, f, true, nil
}

// ownPasskey is the one that a page is about, which must be the person's own.
func (x *exchange) ownPasskey(a authcore.Account, id string) (p authcore.Passkey, ok bool, err error) {
	p, err = a.FindPasskey(id)
	if err != nil || p.ID() != id {
		return p, false, x.refuse(notFound, nil)
	}
	return p, true, nil
}

func (x *exchange) showPasskeyRename() error {
	s, a, ok, err := x.owner()
	if !ok {
		return err
	}
	p, ok, err := x.ownPasskey(a, x.query(ui.FieldPasskey))
	if !ok {
		return err
	}
	return x.showOwn(http.StatusOK, s, ui.PathPasskeyRename, p.ID(), ui.PasskeyRename{ID: p.ID(), Name: p.Name})
}

func (x *exchange) takePasskeyRename() error {
	s, a, f, ok, err := x.ownForm()
	if !ok {
		return err
	}
	p, ok, err := x.ownPasskey(a, f[ui.FieldPasskey])
	if !ok {
		return err
	}
	page := ui.PasskeyRename{ID: p.ID(), Name: f[ui.FieldName]}
	switch err := x.gate.RenamePasskey(x.r.Context(), s, p.ID(), page.Name, x.source()); {
	case errors.Is(err, authcore.ErrPasskeyName):
		page.Notice = ui.NoticePasskeyName
	case errors.Is(err, authcore.ErrPasskeyNameTaken):
		page.Notice = ui.NoticePasskeyNameTaken
	case err != nil:
		return x.refuse(unavailable, err)
	default:
		return x.redirect(x.site.origin.String() + ui.PathPasskeys + "?" + paramNews + "=" + newsPasskeyRenamed)
	}
	return x.showOwn(http.StatusUnprocessableEntity, s, ui.PathPasskeyRename, p.ID(), page)
}

func (x *exchange) showPasskeyRemove() error {
	s, a, ok, err := x.owner()
	if !ok {
		return err
	}
	p, ok, err := x.ownPasskey(a, x.query(ui.FieldPasskey))
	if !ok {
		return err
	}
	return x.showOwn(http.StatusOK, s, ui.PathPasskeyRemove, p.ID(), ui.PasskeyRemove{ID: p.ID(), Name: p.Name, Own: s.Passkey == p.Mark})
}

func (x *exchange) takePasskeyRemove() error {
	s, a, f, ok, err := x.ownForm()
	if !ok {
		return err
	}
	p, ok, err := x.ownPasskey(a, f[ui.FieldPasskey])
	if !ok {
		return err
	}
	switch err := x.gate.RemovePasskey(x.r.Context(), s, p.ID(), x.source()); {
	case errors.Is(err, authcore.ErrLastMeans):
		return x.showOwn(http.StatusConflict, s, ui.PathPasskeyRemove, p.ID(),
			ui.PasskeyRemove{ID: p.ID(), Name: p.Name, Own: s.Passkey == p.Mark, Notice: ui.NoticePasskeyLast})
	case err != nil:
		return x.refuse(unavailable, err)
	}
	return x.redirect(x.site.origin.String() + ui.PathPasskeys + "?" + paramNews + "=" + newsPasskeyRemoved)
}
