package caddymodule

import (
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// drawLogin draws the first page. When to try again comes from the clock alone,
// the same for everybody: a key's own period would tell that the key exists.
func drawLogin(x *exchange, v view) (ui.Page, error) {
	// A passkey is added, and a PIN changed, behind a PASSCODE only.
	path := strings.TrimPrefix(v.target, x.app.portal.origin.String())
	passkeys := x.gate.HasPasskeys() && path != ui.PathPasskeyAdd && path != ui.PathAccountPIN
	p := ui.Login{Passkeys: passkeys, Identifier: v.form[ui.FieldIdentifier], Target: v.target, Notice: v.notice}
	if v.site != nil && !v.site.isPortal() {
		p.Application = v.site.name
	}
	if v.notice == ui.NoticeRefused || v.notice == ui.NoticeCodeUsed {
		p.Wait = ui.Wait{Remaining: time.Minute - time.Duration(now().UnixNano())%time.Minute, Period: time.Minute}
	}
	return p, nil
}

func drawNewPIN(x *exchange, v view) (ui.Page, error) {
	d, err := x.gate.Display(x.r.Context(), v.challenge)
	pol := x.gate.Policy()
	return ui.NewPIN{Min: pol.PINMin, Max: pol.PINMax, SerialTail: d.Serial.Tail(), Activation: d.Activation, Change: v.challenge.Change(), Until: v.challenge.Expires, Notice: v.notice}, err
}

func drawSynchronise(x *exchange, v view) (ui.Page, error) {
	d, err := x.gate.Display(x.r.Context(), v.challenge)
	return ui.Synchronise{Change: v.challenge.Change(), Digits: ui.Digits(d.Digits), Wait: ui.Wait{Remaining: d.Remaining, Period: d.Period}, Until: v.challenge.Expires, Notice: v.notice}, err
}

func drawNextCode(x *exchange, v view) (ui.Page, error) {
	d, err := x.gate.Display(x.r.Context(), v.challenge)
	return ui.NextCode{Failures: v.challenge.Pair, Digits: ui.Digits(d.Digits), Wait: ui.Wait{Remaining: d.Remaining, Period: d.Period}, Until: v.challenge.Expires, Notice: v.notice}, err
}
