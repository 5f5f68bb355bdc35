package caddymodule

import (
	"errors"
	"net/http"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// activationCode is a key's activation code, shown once and never again.
type activationCode struct {
	Key  authcore.KeyInfo `json:"key"`
	Code string           `json:"code"`
}

// replaceOrder is the body that has a key in stock take the place of another.
type replaceOrder struct {
	By      string `json:"by"`
	Days    *int   `json:"days,omitempty"`
	MovePIN bool   `json:"move_pin,omitempty"`
}

// replacement is a key that was replaced, and the one that took its place.
type replacement struct {
	Old authcore.KeyInfo `json:"old"`
	New authcore.KeyInfo `json:"new"`
}

// overlapDays is how long two keys open side by side where an order does not say.
const overlapDays = 14

// activateKey answers with the activation code: the one time that anybody sees
// it.
func activateKey(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	code, err := c.gate.GiveActivation(c.Context(), c.by, serial)
	switch {
	case errors.Is(err, authcore.ErrState):
		return nil, adminRefusal(http.StatusConflict, "key %s is retired: it has no use for an activation code", serial)
	case err != nil:
		return nil, noSuch("key", serial, err)
	}
	k, err := c.gate.KeyInfo(c.Context(), serial)
	return activationCode{Key: k, Code: code}, err
}

func requirePIN(c *adminCall) (any, error) {
	k, err := c.changeKey(c.gate.RequirePIN, "it opens nothing any more")
	if errors.Is(err, authcore.ErrNoPIN) {
		return nil, adminRefusal(http.StatusConflict, "key %s has no PIN: its holder defines one at the next login in any case", c.PathValue("serial"))
	}
	return k, err
}

func replaceKey(c *adminCall) (any, error) {
	old, err := c.serial()
	if err != nil {
		return nil, err
	}
	days := overlapDays
	body := replaceOrder{Days: &days}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	other, err := readSerial(body.By)
	if err != nil {
		return nil, err
	}
	if body.Days == nil || *body.Days < 0 || *body.Days > 36500 {
		return nil, adminRefusal(http.StatusBadRequest, "days is a number, 0 to 90")
	}
	order := authcore.ReplaceOrder{Overlap: time.Duration(*body.Days) * 24 * time.Hour, MovePIN: body.MovePIN}
	if err := order.Check(); err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	if err := c.gate.ReplaceKey(c.Context(), c.by, old, other, order); err != nil {
		return nil, c.explainReplacement(old, other, err)
	}
	was, err1 := c.gate.KeyInfo(c.Context(), old)
	is, err2 := c.gate.KeyInfo(c.Context(), other)
	return replacement{Old: was, New: is}, errors.Join(err1, err2)
}

// explainReplacement says which of the two keys is in the way, and why.
func (c *adminCall) explainReplacement(old, other authcore.Serial, err error) error {
	was, noOld := c.gate.KeyInfo(c.Context(), old)
	is, noNew := c.gate.KeyInfo(c.Context(), other)
	switch {
	case noOld != nil:
		return noSuch("key", old, noOld)
	case noNew != nil:
		return noSuch("key", other, noNew)
	case errors.Is(err, authcore.ErrNoPIN):
		return adminRefusal(http.StatusConflict, "key %s has no PIN to move", old)
	case errors.Is(err, authcore.ErrAssigned):
		return adminRefusal(http.StatusConflict, "key %s belongs to %s already: a key in stock takes the place of another", other, is.Holder)
	case errors.Is(err, authcore.ErrState) && (was.Holder == "" || was.State == authcore.Retired):
		return adminRefusal(http.StatusConflict, "key %s has no holder: only a key that has one can be replaced", old)
	case errors.Is(err, authcore.ErrState):
		return adminRefusal(http.StatusConflict, "key %s is %s: a key in stock takes the place of another", other, is.State)
	}
	return err
}
