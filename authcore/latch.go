package authcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// copyRecord stands in a store that answers nobody: in one that is being copied
// into, until it is whole, and in one that was copied to its end, from then on.
type copyRecord struct {
	ID    string    `json:"id"` // of the copying
	Began time.Time `json:"began"`
	// Other is where the other of the two stores is, for messages.
	Other string `json:"other"`
	// Into says that this is the store which is being copied into.
	Into bool `json:"into,omitempty"`
	// Ended is when the other store took this one's place; zero while it has not.
	Ended time.Time `json:"ended,omitzero"`
}

const copyName = "copy/store"

// What is answered by a store with a copyRecord.
var (
	// ErrMoved is that of one whose records are in use elsewhere.
	ErrMoved = errors.New("this store was moved")
	// ErrHalfCopied is that of one which is the beginning of another's copy.
	ErrHalfCopied = errors.New("this store is a copy that is not whole")
)

// refusal is what a store with that record answers.
func (r copyRecord) refusal() error {
	switch {
	case r.Into:
		return fmt.Errorf("%w: copy %s into it again, to its end (sesame copy)", ErrHalfCopied, r.Other)
	case r.Ended.IsZero():
		return fmt.Errorf("%w: it is being copied to %s; where that was broken off, copy it again (sesame copy)", ErrMoved, r.Other)
	}
	return fmt.Errorf("%w, at %s to %s: use the configuration of there", ErrMoved, r.Ended.UTC().Format(time.RFC3339), r.Other)
}

// latched refuses every transaction of a store with a copyRecord. An Update reads
// the record in its own transaction, so that none is committed behind the one that
// wrote it, whoever else shares the store. A View reads it unless it is known to be
// absent: it is refused as soon as this process has heard of the change.
type latched struct {
	store.Store
	secrets atomic.Pointer[Secrets] // the gate's, also when they have been rotated

	changes atomic.Uint64 // that may be of the record, and one
	absent  atomic.Uint64 // the number of changes at which it was found absent
	lost    atomic.Bool   // changes may be missing
}

func latch(s store.Store, secrets *Secrets) *latched {
	l := &latched{Store: s}
	l.secrets.Store(secrets)
	l.changes.Store(1)
	s.Follow(l.changed)
	return l
}

func (l *latched) changed(c store.Change) {
	if was := l.lost.Swap(c.Lost); was || c.Lost || slices.Contains(c.Keys, copyName) {
		l.changes.Add(1)
	}
}

// Follow has what was read before a change of the record forgotten, whatever it was.
func (l *latched) Follow(changed func(store.Change)) {
	l.Store.Follow(func(c store.Change) {
		c.Lost = c.Lost || slices.Contains(c.Keys, copyName)
		changed(c)
	})
}

func (l *latched) View(ctx context.Context, fn func(store.Reader) error) error {
	at := l.changes.Load()
	if l.absent.Load() == at && !l.lost.Load() {
		return l.Store.View(ctx, fn)
	}
	return l.Store.View(ctx, func(r store.Reader) error {
		if err := l.check(r); err != nil {
			return err
		}
		l.absent.Store(at)
		return fn(r)
	})
}

func (l *latched) Update(ctx context.Context, fn func(store.Writer) error) error {
	return l.Store.Update(ctx, func(w store.Writer) error {
		if err := l.check(w); err != nil {
			return err
		}
		return fn(w)
	})
}

// check returns the refusal of a store that has the record. Under secrets that are
// older than it, the sentence lacks the other store's name.
func (l *latched) check(from getter) error {
	rec, err := read[copyRecord](l.secrets.Load(), from, copyName)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("%w, or cannot be read (%w)", ErrMoved, err)
	}
	return rec.refusal()
}
