package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// keyList is the answer to GET /sesame/keys.
type keyList struct {
	Keys []authcore.KeyInfo `json:"keys"`
}

// assignment is the body that gives a key to a person.
type assignment struct {
	Holder string `json:"holder"`
}

func listKeys(c *adminCall) (any, error) {
	keep, err := c.keyFilter()
	if err != nil {
		return nil, err
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	from, err := after(c, readSerial)
	if err != nil {
		return nil, err
	}
	keys, err := c.gate.Keys(c.Context(), from, limit+1, keep)
	return keyList{cutPage(c, keys, limit, func(k authcore.KeyInfo) string { return string(k.Serial) })}, err
}

// keyFilter reads which keys to list: those of a state, of a holder, in stock.
// Of a key in stock the state says nothing.
func (c *adminCall) keyFilter() (func(authcore.KeyInfo) bool, error) {
	stock, err := c.flag("stock")
	if err != nil {
		return nil, err
	}
	var state authcore.State
	if text := c.query.Get("state"); text != "" {
		if err := state.UnmarshalText([]byte(text)); err != nil {
			return nil, adminRefusal(http.StatusBadRequest, "%w: there are pin-to-define, to-synchronise, active, locked, lost and retired", err)
		}
	}
	var holder authcore.Identifier
	if text := c.query.Get("holder"); text != "" {
		if holder, err = readIdentifier(text); err != nil {
			return nil, err
		}
	}
	soon, err := c.expiring()
	if err != nil {
		return nil, err
	}
	return func(k authcore.KeyInfo) bool {
		return soon(k) && (!stock || keyInStock(k)) && (holder == "" || k.Holder == holder) &&
			(state == 0 || k.State == state && !keyInStock(k))
	}, nil
}

// expiring reads within how many days a key must expire, or end beside the one
// that replaced it, to be listed. One that is retired does not expire any more.
func (c *adminCall) expiring() (func(authcore.KeyInfo) bool, error) {
	text := c.query.Get("expiring")
	if text == "" {
		return func(authcore.KeyInfo) bool { return true }, nil
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < 0 || days > 36500 {
		return nil, adminRefusal(http.StatusBadRequest, "expiring is a number of days, up to 36500")
	}
	end := now().AddDate(0, 0, days)
	return func(k authcore.KeyInfo) bool {
		last := keyEnd(k)
		return !last.IsZero() && last.Before(end) && k.State != authcore.Retired
	}, nil
}

// keyEnd is when a key opens for the last time, zero where there is no such date.
func keyEnd(k authcore.KeyInfo) time.Time {
	if k.Expires.IsZero() || !k.Ends.IsZero() && k.Ends.Before(k.Expires) {
		return k.Ends
	}
	return k.Expires
}

// keyReplaced reports whether another key has taken a key's place for good.
func keyReplaced(k authcore.KeyInfo, now time.Time) bool {
	return !k.Ends.IsZero() && !now.Before(k.Ends)
}

// keyInStock reports whether a key waits to be assigned.
func keyInStock(k authcore.KeyInfo) bool { return k.Holder == "" && k.State != authcore.Retired }

func showKey(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	return c.key(serial)
}

func assignKey(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	var body assignment
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	to, err := readIdentifier(body.Holder)
	if err != nil {
		return nil, err
	}
	if err := c.gate.AssignKey(c.Context(), c.by, serial, to); err != nil {
		return nil, c.explainAssignment(serial, to, err)
	}
	return c.key(serial)
}

// explainAssignment says whether it is the key or the person that is missing,
// whose the key is, or what became of it.
func (c *adminCall) explainAssignment(serial authcore.Serial, to authcore.Identifier, err error) error {
	if errors.Is(err, authcore.ErrNotFound) {
		if _, missing := c.gate.Account(c.Context(), to); missing != nil {
			return noSuch("user", to, missing)
		}
		return noSuch("key", serial, err)
	}
	switch k, unknown := c.gate.KeyInfo(c.Context(), serial); {
	case unknown == nil && errors.Is(err, authcore.ErrAssigned):
		return adminRefusal(http.StatusConflict, "key %s belongs to %s already", serial, k.Holder)
	case unknown == nil && errors.Is(err, authcore.ErrState):
		return adminRefusal(http.StatusConflict, "key %s is %s: only a key in stock can be assigned", serial, k.State)
	}
	return err
}

func unlockKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.UnlockKey, "only a locked key can be unlocked")
}

func clearPIN(c *adminCall) (any, error) {
	return c.changeKey(c.gate.ClearPIN, "the PIN of a key that is lost or retired stays as it is")
}

// changeKey makes a change that some states do not allow: why says so.
func (c *adminCall) changeKey(change func(context.Context, authcore.Actor, authcore.Serial) error, why string) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	err = change(c.Context(), c.by, serial)
	if k, known := c.gate.KeyInfo(c.Context(), serial); known == nil && errors.Is(err, authcore.ErrState) {
		return nil, adminRefusal(http.StatusConflict, "key %s is %s: %s", serial, stateOrStock(k), why)
	}
	if err != nil {
		return nil, noSuch("key", serial, err)
	}
	return c.key(serial)
}

// key is a key as the gate knows it now.
func (c *adminCall) key(serial authcore.Serial) (any, error) {
	k, err := c.gate.KeyInfo(c.Context(), serial)
	return k, noSuch("key", serial, err)
}
