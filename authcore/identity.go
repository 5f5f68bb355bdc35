package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// schema is the version of all that the records of a store say together. A store
// of an earlier one is brought forward when it is opened, one of a later one is
// refused.
const schema = 2

// ErrNewerStore is returned for a store that a later version of the program wrote.
var ErrNewerStore = errors.New("the store was written by a later version of Sésame: run that version, or restore a backup made by this one")

// identityRecord says which store this is, and how far it has come.
type identityRecord struct {
	ID     string `json:"id"` // drawn on its first day; restored stores keep it
	Schema int    `json:"schema"`
	// Epoch is 0 on the first day and set by each restore, higher than before: to the
	// milliseconds since 1970 by then, so that two of one backup differ.
	Epoch    int64     `json:"epoch,omitempty"`
	Restored time.Time `json:"restored,omitzero"` // the last time
	// Version counts how often the store was compared with what stands outside it.
	Version uint64 `json:"version,omitempty"`
	Keys    int    `json:"keys"` // how many were ever imported; none is removed
}

// migrations bring a store forward: the n-th from schema n to n+1. Each may be
// broken off anywhere and run again, and none is ever removed.
var migrations = []func(context.Context, *Gate) error{identify, enterMembers}

// checkSchema refuses a store that this program does not know. Errors:
// ErrWrongSecret, ErrNewerStore, the store's.
func (g *Gate) checkSchema(ctx context.Context) error {
	id, _, err := g.identity(ctx)
	if err == nil && id.Schema > schema {
		err = fmt.Errorf("%w (its schema is %d, this program knows up to %d)", ErrNewerStore, id.Schema, schema)
	}
	return err
}

// migrate brings the store to the schema of this program, before anything else
// is written into it. Error: the store's.
func (g *Gate) migrate(ctx context.Context) error {
	id, made, err := g.identity(ctx)
	if err != nil || !made {
		return err
	}
	for n := id.Schema; n < schema; n++ {
		g.log.InfoContext(ctx, "bringing the store forward", "from", n, "to", n+1)
		if err := migrations[n](ctx, g); err != nil {
			return fmt.Errorf("bringing the store forward from schema %d: %w", n, err)
		}
	}
	return nil
}

// identity reads which store this is: schema 0 is one of before there were
// identities, and a store that is not made yet has none.
func (g *Gate) identity(ctx context.Context) (id identityRecord, made bool, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		err := checkSecrets(g.secrets(), r)
		if made = err == nil; errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		id, err = read[identityRecord](g.secrets(), r, identityName)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return err
	})
	return id, made, err
}

// identify gives a store of before there were identities its own.
func identify(ctx context.Context, g *Gate) error {
	keys, err := g.countKeys(ctx)
	if err != nil {
		return err
	}
	return g.shared.store.Update(ctx, func(w store.Writer) error {
		return write(g.secrets(), w, identityName, identityRecord{ID: NewNonce(), Schema: 1, Keys: keys}, time.Time{})
	})
}

// countKeys counts the keys there are, the stand-in's not among them.
func (g *Gate) countKeys(ctx context.Context) (n int, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		n = 0
		for entry, err := range r.Scan(keyPrefix, "") {
			if err != nil {
				return err
			}
			if entry.Key != keyName(nobodyKey) {
				n++
			}
		}
		return nil
	})
	return n, err
}

// addKeys notes that so many keys were imported, in the transaction that does it.
func addKeys(s *Secrets, w store.Writer, n int) error {
	id, err := read[identityRecord](s, w, identityName)
	if err != nil {
		return err
	}
	id.Keys += n
	return write(s, w, identityName, id, time.Time{})
}
