package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// ReplaceOrder says how one key takes the place of another.
type ReplaceOrder struct {
	// Overlap is how long both open, 90 days at most. A key that is lost or
	// locked opens nothing meanwhile either.
	Overlap time.Duration
	// MovePIN has the new key begin with the PIN of the old one.
	MovePIN bool
}

const maxOverlap = 90 * day

// Check says in a sentence what is wrong with an order, or nil.
func (o ReplaceOrder) Check() error {
	if o.Overlap < 0 || o.Overlap > maxOverlap {
		return fmt.Errorf("the old key and the new one may open side by side for up to %d days", maxOverlap/day)
	}
	return nil
}

// ReplaceBy gives a key in stock to the key's holder in its place, and returns
// both as they must be stored. The key goes on opening for the order's Overlap
// and then opens nothing, whatever its state; one that is lost or locked ends at
// once, and so do its emergency codes. The new one waits for its PIN as any
// other, or, with the PIN moved, to be synchronised. Errors: ErrState when the
// key has no holder or is retired, ErrNoPIN when there is none to move, Assign's
// of the new one.
func (k Key) ReplaceBy(other Key, o ReplaceOrder, now time.Time) (was, is Key, err error) {
	switch {
	case k.Holder == "" || k.State == Retired:
		return k, other, ErrState
	case o.MovePIN && k.PIN.IsZero():
		return k, other, ErrNoPIN
	}
	if other, err = other.Assign(k.Holder, now); err != nil {
		return k, other, err
	}
	other.Replaces = k.Serial
	if o.MovePIN {
		other.State, other.PIN, other.ChangePIN, other.Activation = ToSynchronise, k.PIN, k.ChangePIN, ""
	}
	k.ReplacedBy, k.Ends = other.Serial, now.Add(o.Overlap)
	if k.State == Lost || k.State == Locked {
		k.Ends = now
	}
	return k, other, nil
}

// ReplaceKey has a key in stock take the place of another at its holder's.
// Errors: ErrNotFound (either key), ErrState, ErrNoPIN, ErrAssigned (the new
// one), ErrTooManyKeys, a sentence about the order, the store's.
func (g *Gate) ReplaceKey(ctx context.Context, by Actor, old, other Serial, o ReplaceOrder) error {
	if err := o.Check(); err != nil {
		return err
	}
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		was, err := g.keyIn(w, old)
		if err != nil {
			return nil, err
		}
		is, err := g.keyIn(w, other)
		if err != nil {
			return nil, err
		}
		if was, is, err = was.ReplaceBy(is, o, now); err != nil {
			return nil, fmt.Errorf("key %s by key %s: %w", old, other, err)
		}
		if err := g.giveKey(w, was.Holder, other); err != nil {
			return nil, err
		}
		return []Event{
				{Kind: KeyReplaced, Serial: old, Holder: was.Holder, Actor: by.Name, Detail: "by " + string(other)},
				{Kind: KeyAssigned, Serial: other, Holder: was.Holder, Actor: by.Name, Detail: "replaces " + string(old)},
			}, errors.Join(
				write(g.secrets(), w, keyName(old), keyRecord(was), time.Time{}),
				write(g.secrets(), w, keyName(other), keyRecord(is), time.Time{}))
	})
}

// giveKey enters one more key at its holder's. Errors: ErrNotFound (the holder),
// ErrTooManyKeys, the store's.
func (g *Gate) giveKey(w store.Writer, to Identifier, serial Serial) error {
	a, err := g.accountIn(w, to)
	if err != nil {
		return err
	}
	if len(a.Keys) >= maxKeys {
		return fmt.Errorf("%s: %w", to, ErrTooManyKeys)
	}
	a.Keys = append(a.Keys, serial)
	return write(g.secrets(), w, accountName(to), accountRecord(a), time.Time{})
}
