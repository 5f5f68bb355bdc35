package authcore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// auditBatch is how many entries one transaction removes: each touches its own
// record, three indexes, the head of its chain and perhaps an account.
const auditBatch = 20

// erasedPrefix begins the chains that stand for persons whose data were erased.
const erasedPrefix = "~erased-"

// Expire removes the entries that are older than Policy.Retention. Error: as
// PurgeAudit.
func (g *Gate) Expire(ctx context.Context) (removed int, err error) {
	if g.policy.Retention == 0 {
		return 0, nil
	}
	return g.PurgeAudit(ctx, Actor{Name: "retention"}, g.now().Add(-g.policy.Retention))
}

// PurgeAudit removes the entries of the audit trail that are older than a time,
// and says so in an entry with their number. The heads of their chains move in
// the same transactions, so that VerifyAudit finds nothing missing, whenever it
// looks; what a purge removed that did not come to its end, the next one tells.
//
// Error: the store's, or a sentence about entries that do not open and stay.
func (g *Gate) PurgeAudit(ctx context.Context, by Actor, before time.Time) (removed int, err error) {
	damaged := 0
	for after, more := "", true; more; {
		var stems []string
		if stems, after, more, err = g.olderThan(ctx, before, after); err != nil {
			return removed, err
		}
		done, bad, err := g.purge(ctx, stems)
		if removed, damaged = removed+done, damaged+bad; err != nil {
			return removed, err
		}
	}
	if err := g.forgetErased(ctx, before); err != nil {
		return removed, err
	}
	if err := g.tellPurge(ctx, by, before); err != nil {
		return removed, err
	}
	if damaged > 0 {
		return removed, fmt.Errorf("%d entries of the audit trail do not open and stay where they are: verify the trail", damaged)
	}
	return removed, nil
}

// olderThan returns the stems of the oldest entries behind a name, at most
// auditBatch of them, with the last name and whether there are more.
func (g *Gate) olderThan(ctx context.Context, before time.Time, after string) (stems []string, last string, more bool, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		stems, last, more = nil, after, false
		for entry, err := range r.Scan(auditPrefix, after) {
			if err != nil {
				return err
			}
			stem := strings.TrimPrefix(entry.Key, auditPrefix)
			if stem >= auditTime(before) {
				return nil
			}
			if more = len(stems) == auditBatch; more {
				return nil
			}
			stems, last = append(stems, stem), entry.Key
		}
		return nil
	})
	return stems, last, more, err
}

// purge removes entries in one transaction, and counts them in the head of the
// gate's chain until they are told.
func (g *Gate) purge(ctx context.Context, stems []string) (removed, damaged int, err error) {
	if len(stems) == 0 {
		return 0, 0, nil
	}
	err = g.shared.store.Update(ctx, func(w store.Writer) error {
		removed, damaged = 0, 0
		for _, stem := range stems {
			switch err := g.removeEntry(w, stem); {
			case errors.Is(err, store.ErrNotFound): // another purge came first
			case errors.Is(err, errDamaged):
				damaged++
			case err != nil:
				return err
			default:
				removed++
			}
		}
		head, err := readHead(g.secrets(), w, gateChain)
		if err != nil {
			return err
		}
		head.Untold += uint64(removed)
		return write(g.secrets(), w, chainName(gateChain), head, time.Time{})
	})
	return removed, damaged, err
}

// errDamaged is what removeEntry returns of one whose chain and number nobody can
// read any more.
var errDamaged = errors.New("an entry of the audit trail does not open and stays: verify the trail")

// removeEntry deletes an entry and what it is looked up by, and marks its number as
// gone. The head of a chain that has ended goes with its last entry. Errors: store.ErrNotFound, errDamaged, the store's.
func (g *Gate) removeEntry(w store.Writer, stem string) error {
	sealed, err := w.Get(auditPrefix + stem)
	if err != nil {
		return err
	}
	var e Event
	if err := openRecord(g.secrets(), auditPrefix+stem, sealed, &e); err != nil {
		return fmt.Errorf("%w (%w)", errDamaged, err)
	}
	for _, name := range append(e.indexes(stem), auditPrefix+stem) {
		if err := w.Delete(name); err != nil {
			return err
		}
	}
	head, err := readHead(g.secrets(), w, e.Chain)
	if err != nil {
		return err
	}
	head.Gone, _ = head.Gone.add(e.Number)
	ended, err := head.ended(w, e.Chain)
	if err != nil {
		return err
	}
	if ended {
		return dropHead(g.secrets(), w, e.Chain)
	}
	return write(g.secrets(), w, chainName(e.Chain), head, time.Time{})
}

// tellPurge writes the entry that says what was removed since the last one.
func (g *Gate) tellPurge(ctx context.Context, by Actor, before time.Time) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		head, err := readHead(g.secrets(), w, gateChain)
		if err != nil || head.Untold == 0 {
			return nil, err
		}
		detail := fmt.Sprintf("%d before %s", head.Untold, before.UTC().Format(time.RFC3339))
		head.Untold = 0
		return []Event{{Kind: AuditPurged, Actor: by.Name, Detail: detail}},
			write(g.secrets(), w, chainName(gateChain), head, time.Time{})
	})
}

// forgetErased drops the heads that stand for persons whose data were erased
// before a time.
func (g *Gate) forgetErased(ctx context.Context, before time.Time) error {
	var old []string
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		old = nil
		for entry, err := range r.Scan(chainPrefix+erasedPrefix, "") {
			if err != nil {
				return err
			}
			var head chainRecord
			if openRecord(g.secrets(), entry.Key, entry.Value, &head) == nil && head.Erased.Before(before) {
				old = append(old, entry.Key)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return g.deleteAll(ctx, old)
}

// deleteAll deletes records, as many in one transaction as it takes.
func (g *Gate) deleteAll(ctx context.Context, names []string) error {
	for len(names) > 0 {
		some := names[:min(len(names), store.MaxTouched)]
		err := g.shared.store.Update(ctx, func(w store.Writer) error {
			for _, name := range some {
				if err := w.Delete(name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		names = names[len(some):]
	}
	return nil
}
