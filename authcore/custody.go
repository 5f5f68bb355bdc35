package authcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// HandOverKey writes down that a key is in its holder's hand. Errors:
// ErrNotFound, ErrState, the store's.
func (g *Gate) HandOverKey(ctx context.Context, by Actor, serial Serial) error {
	return g.changeKey(ctx, by, serial, KeyHandedOver, func(k Key) (Key, error) { return k.HandOver(g.now()) })
}

// FoundKey opens a lost key again. Errors: ErrNotFound, ErrState, the store's.
func (g *Gate) FoundKey(ctx context.Context, by Actor, serial Serial) error {
	return g.changeKey(ctx, by, serial, KeyFound, func(k Key) (Key, error) { return k.Found(g.policy) })
}

// ResyncKey finds the clock of a key from two codes in a row, which it consumes.
// Errors: ErrNoPair, ErrNotFound, ErrState, the store's.
func (g *Gate) ResyncKey(ctx context.Context, by Actor, serial Serial, first, second Passcode) error {
	return g.changeKey(ctx, by, serial, KeyResynchronised, func(k Key) (Key, error) {
		return k.Resync(first.digits, second.digits, g.wall())
	})
}

// LoseKey shuts a key that was lost or stolen, and ends its holder's sessions.
// Errors: ErrNotFound, ErrState, the store's.
func (g *Gate) LoseKey(ctx context.Context, by Actor, serial Serial) error {
	return g.takeKey(ctx, by, serial, KeyLost, Key.ReportLost)
}

// RetireKey ends a key for good, takes it from its holder and ends their
// sessions. Errors: ErrNotFound, ErrState, those of four eyes (see FourEyes), the
// store's.
func (g *Gate) RetireKey(ctx context.Context, by Actor, serial Serial) error {
	return g.takeKeyFor(ctx, by, serial, KeyRetired, PendingRetire, Key.Retire)
}

// ReturnKey puts a key back in stock, takes it from its holder and ends their
// sessions. Errors: ErrNotFound, ErrState, those of four eyes (see FourEyes), the
// store's.
func (g *Gate) ReturnKey(ctx context.Context, by Actor, serial Serial) error {
	return g.takeKeyFor(ctx, by, serial, KeyReturned, PendingReturn, g.putBack(by))
}

// ClearPIN forgets a key's PIN, so that its holder defines another, and ends
// their sessions. Errors: ErrNotFound, ErrState, the store's.
func (g *Gate) ClearPIN(ctx context.Context, by Actor, serial Serial) error {
	return g.takeKey(ctx, by, serial, PINCleared, Key.ClearPIN)
}

// RequirePIN has a key's holder choose another PIN at the next login. Their
// sessions go on. Errors: ErrNotFound, ErrNoPIN, ErrState, the store's.
func (g *Gate) RequirePIN(ctx context.Context, by Actor, serial Serial) error {
	return g.changeKey(ctx, by, serial, PINChangeRequired, Key.RequirePIN)
}

// takeKey is changeKey for what ends a key's use: the sessions that it may have
// opened end in the same transaction.
func (g *Gate) takeKey(ctx context.Context, by Actor, serial Serial, kind EventKind, change func(Key) (Key, error)) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		return g.takeIn(w, by, serial, kind, "", now, change)
	})
}

// takeKeyFor is takeKey for what may take two operators.
func (g *Gate) takeKeyFor(ctx context.Context, by Actor, serial Serial, kind EventKind, act PendingAct, change func(Key) (Key, error)) error {
	return g.actOrAsk(ctx, by, Pending{Act: act, Serial: serial}, func(w store.Writer, now time.Time) ([]Event, error) {
		return g.takeIn(w, by, serial, kind, "", now, change)
	})
}

// takeIn ends a key's use within a transaction.
func (g *Gate) takeIn(w store.Writer, by Actor, serial Serial, kind EventKind, detail string, now time.Time, change func(Key) (Key, error)) ([]Event, error) {
	was, err := g.keyIn(w, serial)
	if err == nil {
		err = g.permitKey(w, by, was, now)
	}
	if err != nil {
		return nil, err
	}
	k, err := change(was)
	if err != nil {
		return nil, fmt.Errorf("key %s is %s: %w", serial, was.State, err)
	}
	if err := errors.Join(indexStock(w, serial, was.Stock, k.Stock), write(g.secrets(), w, keyName(serial), keyRecord(k), time.Time{})); err != nil {
		return nil, err
	}
	if was.Holder != "" {
		err = g.withoutKey(w, was.Holder, serial, k.Holder == "")
	}
	return []Event{by.event(kind, was.Holder, serial, detail)}, err
}

// withoutKey ends the sessions of somebody whose key is shut, and takes it from
// them where it is theirs no more.
func (g *Gate) withoutKey(w store.Writer, holder Identifier, serial Serial, taken bool) error {
	a, err := g.accountIn(w, holder)
	if err != nil {
		return err
	}
	a.Epoch++
	if taken {
		a.Keys = slices.DeleteFunc(slices.Clone(a.Keys), func(s Serial) bool { return s == serial })
	}
	return write(g.secrets(), w, accountName(holder), accountRecord(a), time.Time{})
}

// WhichKeys returns the keys that show a code now, or within Policy.Large steps
// of now: the answer to "whose is this?". It consumes nothing. Error: the store's.
func (g *Gate) WhichKeys(ctx context.Context, code Passcode) ([]KeyInfo, error) {
	var found []KeyInfo
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		found = nil
		now := g.wall()
		_, err := collect(g.secrets(), r, keyPrefix, func(rec keyRecord) (bool, error) {
			if k := Key(rec); k.Serial != nobodyKey && k.State != Retired && k.Shows(code.digits, now, g.policy) {
				found = append(found, k.Info())
			}
			return false, nil
		})
		return err
	})
	return found, err
}
