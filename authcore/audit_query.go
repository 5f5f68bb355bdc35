package authcore

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// AuditQuery says which entries of the audit trail to read. The zero value says
// all; each field that is set leaves out what it does not fit.
type AuditQuery struct {
	User      Identifier
	Key       Serial
	Reference Reference
	Since     time.Time   // not before
	Until     time.Time   // before
	Kinds     []EventKind // one of these
	Alerts    bool        // those that somebody should look at
}

// Fits reports whether an entry is among those asked for.
func (q AuditQuery) Fits(e Event) bool {
	return (q.User == "" || e.Holder == q.User) && (q.Key == "" || e.Serial == q.Key) &&
		(q.Reference == "" || e.Reference == q.Reference) &&
		!e.Time.Before(q.Since) && (q.Until.IsZero() || e.Time.Before(q.Until)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) && (!q.Alerts || e.Alert)
}

// prefix is where the fewest names stand that have all entries asked for.
func (q AuditQuery) prefix() string {
	switch {
	case q.Reference != "":
		return referenceIndex(q.Reference)
	case q.User != "":
		return userIndex(q.User)
	case q.Key != "":
		return keyIndex(q.Key)
	}
	return auditPrefix
}

// Trail yields the entries that q asks for, the oldest first. It reads them by
// the page: what is yielded is safe to take time over, and entries written
// meanwhile may be among them. After an error, the store's, it ends.
func (g *Gate) Trail(ctx context.Context, q AuditQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for e, err := range g.trail(ctx, q) {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

// Events returns the entries that q asks for, the oldest first, in one list.
// Error: the store's.
func (g *Gate) Events(ctx context.Context, q AuditQuery) ([]Event, error) {
	var all []Event
	for e, err := range g.Trail(ctx, q) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// named is an entry and what it is named by.
type named struct {
	Event
	stem string
}

func (g *Gate) trail(ctx context.Context, q AuditQuery) iter.Seq2[named, error] {
	return func(yield func(named, error) bool) {
		after := ""
		if !q.Since.IsZero() {
			after = q.prefix() + auditTime(q.Since) // before any name of that time
		}
		for more := true; more; {
			var page []named
			var err error
			if page, after, more, err = g.page(ctx, q, after); err != nil {
				yield(named{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// auditPage is how many entries one transaction looks at.
const auditPage = 1000

// page reads the entries behind a name, and says where and whether to go on.
func (g *Gate) page(ctx context.Context, q AuditQuery, after string) (page []named, last string, more bool, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		page, last, more = nil, after, false
		n := 0
		for entry, err := range r.Scan(q.prefix(), after) {
			if err != nil {
				return err
			}
			stem := strings.TrimPrefix(entry.Key, q.prefix())
			if !q.Until.IsZero() && stem >= auditTime(q.Until) {
				return nil
			}
			if n++; n > auditPage {
				more = true
				return nil
			}
			last = entry.Key
			e, found, err := g.entryAt(r, entry, stem)
			if err != nil {
				return err
			}
			if found && q.Fits(e) {
				page = append(page, named{e, stem})
			}
		}
		return nil
	})
	return page, last, more, err
}

// entryAt reads the entry that a record is, or that an index record stands for.
// An index that leads nowhere is no error here: VerifyAudit says so.
func (g *Gate) entryAt(r store.Reader, record store.Entry, stem string) (e Event, found bool, err error) {
	if strings.HasPrefix(record.Key, auditPrefix) {
		err = openRecord(g.secrets(), record.Key, record.Value, &e)
		return e, err == nil, err
	}
	e, err = read[Event](g.secrets(), r, auditPrefix+stem)
	if errors.Is(err, store.ErrNotFound) {
		return e, false, nil
	}
	return e, err == nil, err
}
