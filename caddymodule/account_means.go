package caddymodule

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// What a person does with their key: another PIN, or a report that it is lost.

// showAccountPIN says how to change the PIN.
func (x *exchange) showAccountPIN() error {
	s, _, ok, err := x.inAccount()
	if !ok {
		return err
	}
	return x.showOwn(http.StatusOK, s, ui.PathAccountPIN, "", ui.AccountPIN{})
}

// takeAccountPIN begins the login that changes the PIN: what takes a fresh proof is
// done there, with the PASSCODE of before.
func (x *exchange) takeAccountPIN() error {
	_, _, _, ok, err := x.accountForm()
	if !ok {
		return err
	}
	c := x.gate.BeginPINChange()
	sealed, err := x.gate.Seal(c)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	x.site.origin.setCookie(x.w.Header(), loginCookie, sealed)
	return x.redirect(x.loginFor(ui.PathAccountPIN))
}

// ownKey is the key that a page is about, which must be the person's own and one that
// can be lost.
func (x *exchange) ownKey(s authcore.Session, serial string) (k ui.OwnKey, ok bool, err error) {
	all, err := x.gate.OwnKeys(x.r.Context(), s)
	if err != nil {
		return k, false, x.refuse(unavailable, err)
	}
	for _, info := range all {
		if k = shownKey(info, x.gate.Now()); string(info.Serial) == serial && k.CanLose() {
			return k, true, nil
		}
	}
	return k, false, x.refuse(notFound, nil)
}

// showAccountLost asks whether a key is lost.
func (x *exchange) showAccountLost() error {
	s, a, ok, err := x.inAccount()
	if !ok {
		return err
	}
	k, ok, err := x.ownKey(s, x.query(ui.FieldSerial))
	if !ok {
		return err
	}
	f := x.frame()
	f.SwitchHref = x.switchHref(ui.PathAccountLost, url.Values{ui.FieldSerial: {k.Serial}}.Encode())
	if f.CSRF, err = x.gate.FormToken(string(s.ID)); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.page(http.StatusOK, f, ui.AccountLost{Serial: k.Serial, Tail: k.Tail, Passkeys: opens(a)})
}

// opens reports whether a person has a passkey that opens something.
func opens(a authcore.Account) bool {
	for _, p := range a.Passkeys {
		if !p.Cloned {
			return true
		}
	}
	return false
}

// takeAccountLost reports a key lost. The person is logged out by that, so that this
// answer says what comes next.
func (x *exchange) takeAccountLost() error {
	s, a, f, ok, err := x.accountForm()
	if !ok {
		return err
	}
	k, ok, err := x.ownKey(s, f[ui.FieldSerial])
	if !ok {
		return err
	}
	err = x.gate.LoseOwnKey(x.r.Context(), s, authcore.Serial(k.Serial), x.source())
	switch {
	case errors.Is(err, authcore.ErrNotFound), errors.Is(err, authcore.ErrState):
		return x.refuse(notFound, nil)
	case err != nil:
		return x.refuse(unavailable, err)
	}
	h := x.w.Header()
	x.site.origin.clearCookie(h, sessionCookie)
	x.site.origin.clearCookie(h, loginCookie)
	frame := x.frame()
	frame.Person = ""
	return x.page(http.StatusOK, frame, ui.AccountLostDone{Tail: k.Tail, Passkeys: opens(a)})
}

// takeAccountLanguage has the person written to in another language, in which the
// pages are shown from then on as well.
func (x *exchange) takeAccountLanguage() error {
	s, _, f, ok, err := x.accountForm()
	if !ok {
		return err
	}
	lang := ui.Negotiate(f[ui.FieldLanguage], "")
	if f[ui.FieldLanguage] != lang.String() {
		return x.refuse(badRequest, nil)
	}
	if err := x.gate.SetOwnLanguage(x.r.Context(), s, lang.String(), x.source()); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.redirect(x.site.origin.String() + ui.PathAccount + "?" + paramNews + "=" + newsLanguage)
}
