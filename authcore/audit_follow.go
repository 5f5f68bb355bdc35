package authcore

import (
	"context"
	"iter"
	"time"
)

// followOverlap is how much of the trail a Follower reads again each time:
// entries are named by when their transaction began, and appear when it has
// ended. One that takes longer than this is not shown.
const followOverlap = 10 * time.Second

// Follower reads what comes into the audit trail, for one goroutine.
type Follower struct {
	gate  *Gate
	query AuditQuery
	last  time.Time
	seen  map[string]time.Time // of the last few seconds, by name
}

// Follow returns a Follower of the entries that q asks for: those since q.Since,
// or since now when that is not set.
func (g *Gate) Follow(q AuditQuery) *Follower {
	if q.Since.IsZero() {
		q.Since = g.now()
	}
	return &Follower{gate: g, query: q, last: q.Since, seen: map[string]time.Time{}}
}

// Next yields what is there by now and was not yielded before, the oldest first
// as far as it is known. Call it again and again, seconds apart; where the clock
// is set back, some entries may come again. After an error, the store's, it ends.
func (f *Follower) Next(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		now, q := f.gate.now(), f.query
		from := f.last
		if now.Before(from) {
			from = now
		}
		if from = from.Add(-followOverlap); from.After(q.Since) {
			q.Since = from
		}
		for e, err := range f.gate.trail(ctx, q) {
			if _, again := f.seen[e.stem]; again {
				continue
			}
			if err == nil {
				f.seen[e.stem] = e.Time
			}
			if !yield(e.Event, err) {
				return
			}
		}
		f.last = now
		f.forget(now.Add(-followOverlap))
	}
}

// forget drops the names that no later call reads.
func (f *Follower) forget(before time.Time) {
	for stem, at := range f.seen {
		if at.Before(before) {
			delete(f.seen, stem)
		}
	}
}
