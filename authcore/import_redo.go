package authcore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// currentImport reads the record of the import in the store, the zero one when
// there is none.
func (g *Gate) currentImport(ctx context.Context) (rec importRecord, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		rec, err = read[importRecord](g.secrets(), r, importName)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return importRecord{}, nil
	}
	return rec, err
}

// recoverImport settles at the start of a server what another left: it finishes
// an import that was committed and forgets one that was not. One that another
// living server of the same store stages ends there with errEnded. It takes its
// time: a start that gave up halfway would have to be repeated.
func (g *Gate) recoverImport(ctx context.Context) error {
	rec, err := g.currentImport(ctx)
	if err != nil || rec.ID == "" {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if !rec.committed() {
		g.log.InfoContext(ctx, "forgetting an import that was broken off", slog.Time("began", rec.Began))
		return g.removeImport(ctx, rec)
	}
	g.log.InfoContext(ctx, "finishing an import that was broken off", slog.String("reference", string(rec.Reference)),
		slog.Int("keys", rec.Keys), slog.Int("there", rec.Applied))
	return g.finishImport(ctx, nil)
}

// clearImport settles what is left of an earlier import when one begins, or
// returns ErrImporting when another process has one under way. In this process
// there is none: the caller has seen to that.
func (g *Gate) clearImport(ctx context.Context) error {
	rec, err := g.currentImport(ctx)
	switch {
	case err != nil || rec.ID == "":
		return err
	case rec.committed():
		return g.finishImport(ctx, nil)
	case rec.Process != g.shared.process && g.now().Sub(rec.Touched) < importStale:
		return ErrImporting
	}
	return g.removeImport(ctx, rec)
}

// finishImport applies what a committed import has left and removes its records.
// Two may do so at once.
func (g *Gate) finishImport(ctx context.Context, progress func(written, of int)) error {
	for {
		rec, err := g.currentImport(ctx)
		if err != nil || rec.ID == "" {
			return err
		}
		if progress != nil {
			progress(rec.Applied, rec.Keys)
		}
		if rec.Applied >= rec.Keys {
			return g.removeImport(ctx, rec)
		}
		if err := g.applyGroup(ctx, rec); err != nil {
			return err
		}
	}
}

// applyGroup puts the next few keys of a committed import in stock, if there are
// any left.
func (g *Gate) applyGroup(ctx context.Context, was importRecord) error {
	var events []Event
	err := g.shared.store.Update(ctx, func(w store.Writer) error {
		events = nil
		s := g.secrets()
		rec, err := read[importRecord](s, w, importName)
		if errors.Is(err, store.ErrNotFound) || err == nil && (rec.ID != was.ID || rec.Applied >= rec.Keys) {
			return nil // somebody else was quicker
		}
		if err != nil {
			return err
		}
		group, err := rec.group(s, w)
		if err != nil {
			return err
		}
		// Of all groups of an import only the time tells the entries apart.
		rec.Last = later(g.now(), rec.Last.Add(1))
		for _, n := range group {
			if err := g.putKey(w, n, rec.Last); err != nil {
				return err
			}
			events = append(events, Event{Kind: KeyImported, Serial: n.Serial, Actor: rec.Actor, Time: rec.Last, Reference: rec.Reference})
		}
		rec.Applied += len(group)
		return errors.Join(addKeys(s, w, len(group)), writeEvents(s, w, events), write(s, w, importName, rec, time.Time{}))
	})
	if err == nil {
		g.logEvents(ctx, events)
	}
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// group reads the keys to apply next.
func (r importRecord) group(s *Secrets, from getter) ([]stagedKey, error) {
	chunk, err := read[stagedRecord](s, from, chunkName(r.ID, r.Applied/chunkKeys))
	at := r.Applied % chunkKeys
	switch {
	case err != nil:
		return nil, fmt.Errorf("what was staged for an import is not there: %w", err)
	case at >= len(chunk.Keys):
		return nil, errors.New("what was staged for an import is not what its record says")
	}
	return chunk.Keys[at:min(at+groupKeys, len(chunk.Keys))], nil
}

// putKey writes a key that is new in stock, with the mark of its seed.
func (g *Gate) putKey(w store.Writer, n stagedKey, now time.Time) error {
	s := g.secrets()
	k := Key{
		Serial: n.Serial, State: PINToDefine, Generator: n.Generator,
		Used: n.Counter - 1, Expires: n.Expires, Imported: now, Activation: n.Activation,
	}
	return errors.Join(
		write(s, w, keyName(k.Serial), keyRecord(k), time.Time{}),
		write(s, w, seedName(s.derive("seed", string(n.Generator.Seed))), n.Serial, time.Time{}))
}

// removeBatch is how many chunks go in one transaction.
const removeBatch = store.MaxTouched - 1

// removeImport removes the records of an import that is not committed, or wholly
// applied: the last chunks first, so that the record always tells which are left,
// and with the first of them the record.
func (g *Gate) removeImport(ctx context.Context, was importRecord) error {
	for more := true; more; {
		err := g.shared.store.Update(ctx, func(w store.Writer) error {
			more = false
			rec, err := read[importRecord](g.secrets(), w, importName)
			switch {
			case errors.Is(err, store.ErrNotFound) || err == nil && rec.ID != was.ID:
				return nil // somebody else has done it
			case err != nil:
				return err
			case rec.committed() && rec.Applied < rec.Keys:
				return fmt.Errorf("%w: it has been committed meanwhile", ErrImporting)
			}
			more, err = g.removeChunks(w, rec)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// removeChunks removes some chunks, or the last ones with the record, and reports
// whether there are more.
func (g *Gate) removeChunks(w store.Writer, rec importRecord) (more bool, err error) {
	for range min(rec.Staged, removeBatch) {
		rec.Staged--
		if err := w.Delete(chunkName(rec.ID, rec.Staged)); err != nil {
			return false, err
		}
	}
	if rec.Staged == 0 {
		return false, w.Delete(importName)
	}
	return true, write(g.secrets(), w, importName, rec, time.Time{})
}
