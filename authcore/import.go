package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Import is a supplier's file on its way into the store: all of its keys come
// there, or none, whatever happens to the process meanwhile. Its methods are for
// one goroutine.
//
// A transaction of the store takes fewer keys than a file has, so an import is a
// redo log (Mohan et al., "ARIES", ACM TODS 17:1, 1992, has the general case).
// Add stages the keys, which nobody sees yet, in chunks beside the record of the
// import. Commit marks that record as committed, in one transaction: before it
// the import has not happened, after it, it has. The keys are then put in stock
// a few at a time, each few in one transaction that also moves the record's
// count of keys applied, so that no key is applied twice. In the end the
// chunks go. [New] finishes an import that was committed when its process died,
// and forgets one that was not.
//
// What was checked when a key was added still holds when it is applied: keys
// come by imports only, one import is under way at a time, and no key is ever
// removed from the store.
type Import struct {
	g     *Gate
	id    string // of its records
	dry   bool
	over  bool
	lines map[fingerprint]int // where each serial and each seed of the file stands
	keys  []stagedKey         // of the chunk that is not full yet

	staged, count int // chunks and keys in the store
	good          int
}

// A chunk holds at most so many keys, which stay below store.MaxValue however
// long their fields are. It is applied in groups, whose transaction touches for
// each key five records (key, seed, audit entry, two indexes of it) and five
// for the whole.
const (
	chunkKeys = 4 * groupKeys
	groupKeys = 24
)

// importStale is when an import that another process has begun is held to be
// given up: each chunk that it stages shows that it lives.
const importStale = 10 * time.Minute

// Format prints that this is an import, whatever the verb: it holds seeds.
func (i *Import) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[an import]") }

// MarshalJSON refuses: an import holds seeds.
func (*Import) MarshalJSON() ([]byte, error) {
	return nil, errors.New("an import is not to be shown")
}

// BeginImport begins an import by that actor. A dry run makes every check that
// an import makes and writes nothing. Errors: ErrImporting, the store's.
//
// Cancel it, or Commit it.
func (g *Gate) BeginImport(ctx context.Context, by Actor, dryRun bool) (*Import, error) {
	i := &Import{g: g, id: NewNonce(), dry: dryRun, lines: make(map[fingerprint]int)}
	if dryRun {
		return i, nil
	}
	if !g.shared.importing.CompareAndSwap(false, true) {
		return nil, ErrImporting
	}
	err := g.clearImport(ctx)
	if err == nil {
		err = g.shared.store.Update(ctx, func(w store.Writer) error { return i.begin(w, by) })
	}
	if err != nil {
		g.shared.importing.Store(false)
		return nil, err
	}
	return i, nil
}

func (i *Import) begin(w store.Writer, by Actor) error {
	if err := noImport(w); err != nil {
		return err
	}
	now := i.g.now()
	rec := importRecord{ID: i.id, Process: i.g.shared.process, Actor: by.Name, Reference: NewReference(), Began: now, Touched: now}
	return write(i.g.secrets(), w, importName, rec, time.Time{})
}

// noImport returns ErrImporting when there is an import in the store.
func noImport(from getter) error {
	if err := absent(from, importName); !errors.Is(err, ErrExists) {
		return err
	}
	return ErrImporting
}

// fingerprint stands for a serial or a seed of a file, of which there are many:
// half of what Secrets.derive gives, which no two share.
type fingerprint [16]byte

func (i *Import) fingerprint(what, value string) fingerprint {
	return fingerprint(i.g.secrets().derive("import "+what, value))
}

// A refusal is why a key is not taken.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func (refusal) Is(target error) bool { return target == ErrRefused }

// Add adds a key, which stands on that line of the file; whoever reads reports
// names it by the line. Errors: one that is ErrRefused, and ErrSerialShape,
// ErrExists or ErrSeedExists where it is one of these, which leaves out this key
// and nothing else; the store's, after which the import can only be cancelled.
func (i *Import) Add(ctx context.Context, line int, n NewKey) error {
	if err := n.check(); err != nil {
		return refusal{err}
	}
	serial, seed := i.fingerprint("serial", string(n.Serial)), i.fingerprint("seed", string(n.Generator.Seed))
	if first, twice := i.lines[serial]; twice {
		return refusal{fmt.Errorf("the key on line %d has the same serial number", first)}
	}
	if first, twice := i.lines[seed]; twice {
		return refusal{fmt.Errorf("the key on line %d has the same seed: one code would open for both", first)}
	}
	err := i.g.shared.store.View(ctx, func(r store.Reader) error { return i.g.unknown(r, n) })
	if errors.Is(err, ErrExists) || errors.Is(err, ErrSeedExists) {
		return refusal{err}
	}
	if err != nil {
		return err
	}
	i.lines[serial], i.lines[seed] = line, line
	i.good++
	if i.dry {
		return nil
	}
	i.keys = append(i.keys, n.staged(i.g.secrets()))
	if len(i.keys) == chunkKeys {
		return i.stage(ctx)
	}
	return nil
}

// Importing reports whether keys are being imported.
func (g *Gate) Importing() bool { return g.shared.importing.Load() }

// staged is a key as it waits for its import.
func (n NewKey) staged(s *Secrets) stagedKey {
	return stagedKey{
		Serial: n.Serial, Generator: n.Generator, Counter: n.Counter, Expires: n.Expires,
		Activation: n.Activation.mark(s, n.Serial),
	}
}

// Good is how many keys were taken.
func (i *Import) Good() int { return i.good }

// errEnded: what is in the store is not what this import left there.
var errEnded = errors.New("a server that was started meanwhile has ended this import: nothing was imported, begin again")

// stage writes a chunk.
func (i *Import) stage(ctx context.Context) error {
	err := i.change(ctx, func(w store.Writer, rec *importRecord) error {
		name := chunkName(rec.ID, rec.Staged)
		rec.Staged, rec.Keys, rec.Touched = rec.Staged+1, rec.Keys+len(i.keys), i.g.now()
		return write(i.g.secrets(), w, name, stagedRecord{Keys: i.keys}, time.Time{})
	})
	if err != nil {
		return err
	}
	i.staged, i.count = i.staged+1, i.count+len(i.keys)
	i.keys = i.keys[:0]
	return nil
}

// change changes the record of this import, if it is still as this import left
// it.
func (i *Import) change(ctx context.Context, change func(store.Writer, *importRecord) error) error {
	s := i.g.secrets()
	return i.g.shared.store.Update(ctx, func(w store.Writer) error {
		rec, err := read[importRecord](s, w, importName)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return errEnded
		case err != nil:
			return err
		case rec.ID != i.id || rec.Staged != i.staged || rec.Keys != i.count || rec.committed():
			return errEnded
		}
		if err := change(w, &rec); err != nil {
			return err
		}
		return write(s, w, importName, rec, time.Time{})
	})
}

// Commit makes the keys that were added keys in stock, each with its audit entry
// under one reference, which it returns. Of a dry run it does nothing.
//
// An error before the one transaction that counts leaves nothing behind. One
// that wraps ErrUnfinished came after it: the import is decided, and is finished
// when the next one begins or the server starts again. progress, if not nil,
// hears how many keys are there, of how many.
func (i *Import) Commit(ctx context.Context, progress func(written, of int)) (Reference, error) {
	if i.dry || i.good == 0 {
		return "", i.Cancel(ctx)
	}
	if len(i.keys) > 0 {
		if err := i.stage(ctx); err != nil {
			return "", errors.Join(err, i.Cancel(ctx))
		}
	}
	var reference Reference
	err := i.change(ctx, func(_ store.Writer, rec *importRecord) error {
		rec.Committed, reference = i.g.now(), rec.Reference
		return nil
	})
	if err != nil {
		return "", errors.Join(err, i.Cancel(ctx))
	}
	defer i.end()
	if err := i.g.finishImport(ctx, progress); err != nil {
		return reference, fmt.Errorf("%w (%w)", ErrUnfinished, err)
	}
	return reference, nil
}

// Cancel forgets an import that was not committed, and does nothing for any
// other. What it cannot remove goes when the next import begins or the server
// starts again; nobody sees it until then.
func (i *Import) Cancel(ctx context.Context) error {
	if i.dry || i.over {
		return nil
	}
	defer i.end()
	rec, err := i.g.currentImport(ctx)
	if err != nil || rec.ID != i.id || rec.committed() {
		return err
	}
	return i.g.removeImport(ctx, rec)
}

// end lets the next import begin.
func (i *Import) end() {
	if !i.dry && !i.over {
		i.over = true
		i.g.shared.importing.Store(false)
	}
}
