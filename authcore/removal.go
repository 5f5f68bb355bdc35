package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// KeyFate is what becomes of the keys of somebody who is removed. The zero value
// is invalid.
type KeyFate uint8

// The fates, and their words.
const (
	KeepKeys   KeyFate = iota + 1 // "keep": who has a key is not removed
	RetireKeys                    // "retire": see RetireKey
	ReturnKeys                    // "return": see ReturnKey
)

var keyFateNames = words[KeyFate]{what: "fate of keys", names: []string{"", "keep", "retire", "return"}}

// String gives the fate's word.
func (f KeyFate) String() string { return keyFateNames.name(f) }

// MarshalText gives the fate's word; an unknown fate is an error.
func (f KeyFate) MarshalText() ([]byte, error) { return keyFateNames.marshal(f) }

// UnmarshalText reads a fate's word; anything else is an error.
func (f *KeyFate) UnmarshalText(b []byte) error { return keyFateNames.unmarshal(f, b) }

// RemoveAccount removes a person, and takes their keys from them in the same
// transaction where that is wanted. Their sessions end; the audit trail keeps
// what it has. Whoever is added under the same identifier later is somebody else.
// Errors: ErrNotFound, ErrHasKeys, ErrState (a lost key is not returned), those of
// four eyes (see FourEyes), the store's.
func (g *Gate) RemoveAccount(ctx context.Context, by Actor, id Identifier, keys KeyFate) error {
	return g.actOrAsk(ctx, by, Pending{Act: PendingRemoval, Keys: keys}, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := g.permit(w, by, id, now); err != nil {
			return nil, err
		}
		a, err := g.accountIn(w, id)
		if err != nil {
			return nil, err
		}
		return g.remove(w, by, a, keys)
	})
}

// remove deletes an account, its passkeys, and what counts the failures under its
// name.
func (g *Gate) remove(w store.Writer, by Actor, a Account, keys KeyFate) ([]Event, error) {
	events, err := g.takeKeys(w, by, a, keys)
	if err != nil {
		return nil, err
	}
	return append(events, by.event(AccountRemoved, a.Identifier, "", "")),
		errors.Join(w.Delete(accountName(a.Identifier)), w.Delete(attemptsName(g.secrets(), a.Identifier, true)), deletePasskeys(w, a),
			indexMember(w, a.Identifier, a.Establishments(), nil), g.indexOffice(w, a.Identifier, a.Office, Office{}))
}

// takeKeys takes every key from somebody, or refuses to.
func (g *Gate) takeKeys(w store.Writer, by Actor, a Account, fate KeyFate) ([]Event, error) {
	keys, err := g.keysTaken(w, a, fate)
	if err != nil {
		return nil, err
	}
	kind := KeyRetired
	if fate == ReturnKeys {
		kind = KeyReturned
	}
	var events []Event
	for _, k := range keys {
		if err := write(g.secrets(), w, keyName(k.Serial), keyRecord(k), time.Time{}); err != nil {
			return nil, err
		}
		events = append(events, by.event(kind, a.Identifier, k.Serial, ""))
	}
	return events, nil
}

// keysTaken gives somebody's keys as they are once they are taken from them.
func (g *Gate) keysTaken(from getter, a Account, fate KeyFate) (keys []Key, err error) {
	change := Key.Retire
	switch {
	case len(a.Keys) == 0:
		return nil, nil
	case fate == ReturnKeys:
		change = func(k Key) (Key, error) { return k.Return(g.now()) }
	case fate != RetireKeys:
		return nil, fmt.Errorf("%s: %w: %s", a.Identifier, ErrHasKeys, a.serials())
	}
	for _, serial := range a.Keys {
		was, err := g.keyIn(from, serial)
		if err != nil {
			return nil, err
		}
		k, err := change(was)
		if err != nil {
			return nil, fmt.Errorf("key %s is %s: %w", serial, was.State, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}
