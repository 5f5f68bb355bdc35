package caddymodule

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// document is an answer that is a page to print and not JSON.
type document []byte

// documentCSP lets a document have its own style and nothing else.
const documentCSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// showSheet answers with the hand-over sheet of a key, in French unless lang says
// otherwise: it is for the holder to read.
func showSheet(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	lang, err := c.lang()
	if err != nil {
		return nil, err
	}
	k, err := c.gate.KeyInfo(c.Context(), serial)
	if err != nil {
		return nil, noSuch("key", serial, err)
	}
	if k.Holder == "" {
		return nil, adminRefusal(http.StatusConflict, "key %s has no holder: assign it before it is handed over", serial)
	}
	a, err := c.gate.Account(c.Context(), k.Holder)
	if err != nil {
		return nil, err
	}
	sheet := newSheet(c.app, k, a)
	sheet.Lang, sheet.Min, sheet.Max = lang, c.gate.Policy().PINMin, c.gate.Policy().PINMax
	var b bytes.Buffer
	err = c.app.pages.renderer.RenderSheet(&b, sheet)
	return document(b.Bytes()), err
}

// newSheet puts on paper what is known of a key and its holder.
func newSheet(app *App, k authcore.KeyInfo, a authcore.Account) ui.Sheet {
	return ui.Sheet{
		Name: strings.TrimSpace(a.GivenName + " " + a.Surname), Identifier: string(a.Identifier), Establishment: a.Establishment,
		Serial: string(k.Serial), Digits: ui.Digits(k.Digits), Activation: k.Activation,
		Date: now().Local(), PortalURL: app.portal.origin.String(), Contact: app.contact, Demo: app.Demo,
	}
}

// lang reads the language that is asked for.
func (c *adminCall) lang() (ui.Lang, error) {
	text := c.query.Get(paramLang)
	for _, l := range ui.Langs() {
		if text == l.String() {
			return l, nil
		}
	}
	if text == "" {
		return ui.French, nil
	}
	return 0, adminRefusal(http.StatusBadRequest, "the parameter %s is fr or en", paramLang)
}
