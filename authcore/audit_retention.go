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
	return g.PurgeAudit(ctx, Actor{Name: "retention"}, g.shared.time.look().believed.Add(-g.policy.Retention))
}

// purged is what became of entries that were to be removed.
type purged struct{ removed, damaged, later int }

func (p purged) and(q purged) purged {
	return purged{p.removed + q.removed, p.damaged + q.damaged, p.later + q.later}
}

// PurgeAudit removes the entries of the audit trail that are older than a time,
// and says so in an entry with their number. The heads of their chains move in
// the same transactions, so that VerifyAudit finds nothing missing, whenever it
// looks; what a purge removed that did not come to its end, the next one tells.
//
// Error: the store's, or a sentence about entries that do not open and stay.
func (g *Gate) PurgeAudit(ctx context.Context, by Actor, before time.Time) (removed int, err error) {
	pass := purged{later: 1}
	for again := true; again; again = pass.later > 0 && pass.removed > 0 {
		if pass, err = g.purgePass(ctx, before); err != nil {
			return removed + pass.removed, err
		}
		removed += pass.removed
	}
	if err := g.forgetErased(ctx, before); err != nil {
		return removed, err
	}
	if err := g.tellPurge(ctx, by, before); err != nil {
		return removed, err
	}
	if pass.damaged > 0 {
		return removed, fmt.Errorf("%d entries of the audit trail do not open and stay where they are: verify the trail", pass.damaged)
	}
	return removed, nil
}

// purgePass goes once through what is older than a time.
func (g *Gate) purgePass(ctx context.Context, before time.Time) (all purged, err error) {
	for after, more := "", true; more; {
		var stems []string
		if stems, after, more, err = g.olderThan(ctx, before, after); err != nil {
			return all, err
		}
		some, err := g.purge(ctx, stems)
		if all = all.and(some); err != nil {
			return all, err
		}
	}
	return all, nil
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
func (g *Gate) purge(ctx context.Context, stems []string) (done purged, err error) {
	if len(stems) == 0 {
		return done, nil
	}
	err = g.shared.store.Update(ctx, func(w store.Writer) error {
		done = purged{}
		for _, stem := range stems {
			switch err := g.removeEntry(w, stem); {
			case errors.Is(err, store.ErrNotFound): // another purge came first
			case errors.Is(err, errDamaged):
				done.damaged++
			case errors.Is(err, errLater):
				done.later++
			case err != nil:
				return err
			default:
				done.removed++
			}
		}
		return changeGate(g.secrets(), w, func(gate *chainRecord) { gate.Untold += uint64(done.removed) })
	})
	if err != nil {
		done = purged{}
	}
	return done, err
}

// Why removeEntry leaves an entry where it is.
var (
	// errDamaged: nobody can read its chain and number any more.
	errDamaged = errors.New("an entry of the audit trail does not open and stays: verify the trail")
	// errLater: the numbers gone from its chain are in too many runs already. They
	// join as those between them go.
	errLater = errors.New("an entry of the audit trail cannot be removed before its neighbours")
)

// maxRuns bounds the runs in the head of a chain, to some 4 KiB. Numbers are
// given in the order of time and removed in it, so that there is one as a rule.
const maxRuns = 250

// removeEntry deletes an entry and what it is looked up by, and marks its number
// as gone. The head of a chain that has ended goes with its last entry. Errors:
// store.ErrNotFound, errDamaged, errLater, the store's.
func (g *Gate) removeEntry(w store.Writer, stem string) error {
	e, err := g.entry(w, stem)
	if err != nil {
		return err
	}
	head, _, err := readHead(g.secrets(), w, e.Chain)
	if err != nil {
		return err
	}
	runs := len(head.Gone)
	if head.Gone, _ = head.Gone.add(e.Number); len(head.Gone) > max(runs, maxRuns) {
		return errLater
	}
	if err := deleteNames(w, append(e.indexes(stem), auditPrefix+stem)); err != nil {
		return err
	}
	ended, err := head.ended(w, e.Chain)
	if err != nil {
		return err
	}
	if ended {
		return dropHead(g.secrets(), w, e.Chain, head)
	}
	if err := write(g.secrets(), w, chainName(e.Chain), head, time.Time{}); err != nil {
		return err
	}
	return changeGate(g.secrets(), w, func(gate *chainRecord) { gate.Removed++ })
}

// entry reads one entry. Errors: store.ErrNotFound, errDamaged, the store's.
func (g *Gate) entry(from getter, stem string) (e Event, err error) {
	sealed, err := from.Get(auditPrefix + stem)
	if err != nil {
		return e, err
	}
	if err := openRecord(g.secrets(), auditPrefix+stem, sealed, &e); err != nil {
		return e, fmt.Errorf("%w (%w)", errDamaged, err)
	}
	return e, nil
}

func deleteNames(w store.Writer, names []string) error {
	for _, name := range names {
		if err := w.Delete(name); err != nil {
			return err
		}
	}
	return nil
}

// tellPurge writes the entry that says what was removed since the last one.
func (g *Gate) tellPurge(ctx context.Context, by Actor, before time.Time) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		head, _, err := readHead(g.secrets(), w, gateChain)
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
		err := g.shared.store.Update(ctx, func(w store.Writer) error { return deleteNames(w, some) })
		if err != nil {
			return err
		}
		names = names[len(some):]
	}
	return nil
}
