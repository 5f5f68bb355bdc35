package authcore

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Accept makes of a store that is refused, in c, another one in an empty store:
// with all that is there, as a backup of it would be restored (see Restore), or
// with nothing where nothing is there. The store in c is read, and brought forward
// where it is of an earlier schema. A store that was moved is accepted as well, for
// whoever has lost the one that it was moved to; half a copy is not. Errors: those of
// Restore, ErrHalfCopied.
func Accept(ctx context.Context, c Config, by Actor, into store.Store) (Backup, error) {
	c = c.withDefaults()
	g, err := open(ctx, c)
	if err == nil {
		err = g.refuseHalf(ctx)
	}
	if err != nil {
		return Backup{}, err
	}
	_, made, err := g.identity(ctx)
	target := c
	target.Store = into
	switch {
	case err != nil:
		return Backup{}, err
	case made:
		err = g.migrate(ctx)
	default:
		err = checkEmpty(ctx, c.Store)
	}
	if err != nil {
		return Backup{}, err
	}
	if !made {
		return acceptNothing(ctx, target, by)
	}
	return g.pour(ctx, target, by)
}

// pour restores a backup of the gate's store into the target's while it is made.
func (g *Gate) pour(ctx context.Context, target Config, by Actor) (Backup, error) {
	from, to := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := g.shared.store.View(ctx, func(r store.Reader) error {
			_, err := g.writeSnapshot(r, to)
			return err
		})
		to.CloseWithError(err)
		written <- err
	}()
	b, err := Restore(ctx, target, by, from)
	from.CloseWithError(err)
	return b, errors.Join(err, <-written)
}

// acceptNothing makes a store with nothing in it, which says that it is meant so.
func acceptNothing(ctx context.Context, target Config, by Actor) (Backup, error) {
	g, err := New(ctx, target)
	if err != nil {
		return Backup{}, err
	}
	err = g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		id, err := read[identityRecord](g.secrets(), w, identityName)
		if err != nil {
			return nil, err
		}
		id.Epoch = now.UnixMilli()
		return []Event{{Kind: StoreRestored, Actor: by.Name, Alert: true, Detail: "nothing"}},
			write(g.secrets(), w, identityName, id, time.Time{})
	})
	return Backup{Made: g.now()}, err
}

// refuseHalf refuses the beginning of a copy.
func (g *Gate) refuseHalf(ctx context.Context) error {
	return g.shared.store.View(ctx, func(r store.Reader) error {
		rec, err := read[copyRecord](g.secrets(), r, copyName)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err == nil && rec.Into:
			return rec.refusal()
		}
		return err
	})
}
