package authcore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Verification is what VerifyAudit found.
type Verification struct {
	Entries int       `json:"entries"`          // those that are as they were written
	Chains  int       `json:"chains"`           // the sequences that they stand in
	Oldest  time.Time `json:"oldest,omitzero"`  // of the entries
	Newest  time.Time `json:"newest,omitzero"`  // of the entries
	Wrong   int       `json:"wrong"`            // how many things are wrong; 0 when all is well
	Faults  []string  `json:"faults,omitempty"` // a sentence for each, a hundred at most
}

// maxFaults bounds the sentences: where everything is wrong, a hundred say it.
const maxFaults = 100

func (v *Verification) fault(format string, args ...any) {
	v.Wrong++
	if len(v.Faults) < maxFaults {
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	}
}

// VerifyAudit reads the whole audit trail and finds every entry that was
// changed, copied or taken away since it was written, and every look-up that
// does not lead to its entry. What was removed by a purge or an erasure is
// known to the heads of the chains and no fault.
//
// What it cannot find is an earlier state of the whole trail, or of a whole
// chain with its head, put in the place of the present one: the log, which
// repeats chain and number of every entry, shows that where it is kept
// elsewhere.
//
// It takes one snapshot and about as much memory as there are people, however
// many entries there are. Error: the store's.
func (g *Gate) VerifyAudit(ctx context.Context) (Verification, error) {
	v := verifier{secrets: g.secrets()}
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		v.reader, v.report, v.chains, v.others, v.removed = r, Verification{}, map[Chain]*chainCheck{}, 0, 0
		for _, step := range []func() error{v.heads, v.entries, v.gaps, v.lookUps, v.people} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return v.report, err
}

// verifier is one verification under way.
type verifier struct {
	secrets *Secrets
	reader  store.Reader
	report  Verification
	chains  map[Chain]*chainCheck
	others  uint64 // chains, in the end those beside the gate's
	removed uint64 // numbers that are gone by the heads
}

// chainCheck is what is known of one chain: what its head says, and the numbers
// that are accounted for, gone ones included.
type chainCheck struct {
	head    chainRecord
	headed  bool
	seen    spans
	entries int
}

// each opens the records below a prefix one by one; those that do not open are
// faults, and an error is the store's.
func each[T any](v *verifier, prefix, what string, see func(stem string, record T)) error {
	for entry, err := range v.reader.Scan(prefix, "") {
		if err != nil {
			return err
		}
		var record T
		stem := strings.TrimPrefix(entry.Key, prefix)
		if err := openRecord(v.secrets, entry.Key, entry.Value, &record); err != nil {
			v.report.fault("the %s %s was changed, or moved from elsewhere: it does not open", what, stem)
			continue
		}
		see(stem, record)
	}
	return nil
}

func (v *verifier) heads() error {
	return each(v, chainPrefix, "head of the chain", func(stem string, head chainRecord) {
		v.chains[Chain(stem)] = &chainCheck{head: head, headed: true, seen: slices.Clone(head.Gone)}
	})
}

// entries looks at each entry: whether it is genuine, has a number of its own,
// and is found by what it is looked up by.
func (v *verifier) entries() error {
	var failed error
	err := each(v, auditPrefix, "entry", func(stem string, e Event) {
		if !e.genuine(v.secrets) {
			v.report.fault("entry %d of the chain %s (%s) was changed: its MAC is wrong", e.Number, e.Chain, stem)
			return
		}
		v.count(e)
		if e.Kind == DataErased && v.chains[erasedPrefix+Chain(e.Unknown)] == nil {
			v.report.fault("the mark of the erasure that entry %d of the chain %s tells of is missing", e.Number, e.Chain)
		}
		for _, name := range e.indexes(stem) {
			if _, err := v.reader.Get(name); errors.Is(err, store.ErrNotFound) {
				v.report.fault("entry %d of the chain %s is not found by its %s any more: the look-up was removed", e.Number, e.Chain, indexKind(name))
			} else if err != nil {
				failed = err
			}
		}
	})
	return errors.Join(err, failed)
}

// count takes an entry into account.
func (v *verifier) count(e Event) {
	v.report.Entries++
	if v.report.Oldest.IsZero() {
		v.report.Oldest = e.Time
	}
	v.report.Newest = e.Time
	c := v.chains[e.Chain]
	if c == nil {
		c = &chainCheck{}
		v.chains[e.Chain] = c
	}
	c.entries++
	var fresh bool
	switch c.seen, fresh = c.seen.add(e.Number); {
	case fresh:
	case c.head.Gone.has(e.Number):
		v.report.fault("entry %d of the chain %s was removed by a purge and is there again", e.Number, e.Chain)
	default:
		v.report.fault("entry %d of the chain %s stands there twice", e.Number, e.Chain)
	}
}

// gaps compares what was seen of each chain with what its head says.
func (v *verifier) gaps() error {
	for _, name := range slices.Sorted(maps.Keys(v.chains)) {
		c := v.chains[name]
		if strings.HasPrefix(string(name), erasedPrefix) {
			continue
		}
		v.others++
		v.removed += c.head.Gone.count()
		if c.entries > 0 {
			v.report.Chains++
		}
		for _, gap := range c.seen.missing(c.head.Last) {
			if gap[0] == gap[1] {
				v.report.fault("entry %d of the chain %s is missing", gap[0], name)
			} else {
				v.report.fault("entries %d to %d of the chain %s are missing", gap[0], gap[1], name)
			}
		}
		if err := v.head(name, c); err != nil {
			return err
		}
	}
	return v.wholeChains()
}

// wholeChains looks for chains of which nothing is left at all.
func (v *verifier) wholeChains() error {
	if len(v.chains) == 0 {
		return nil
	}
	gate := v.chains[gateChain]
	if gate == nil {
		v.report.fault("the chain %s is missing", gateChain)
		return nil
	}
	if v.others--; gate.headed && gate.head.Chains != v.others {
		v.report.fault("there are %d chains beside %s, which has counted %d", v.others, gateChain, gate.head.Chains)
	}
	if v.report.Wrong == 0 && gate.head.Removed != v.removed {
		v.report.fault("the heads of the chains say that %d entries were removed, and %s has counted %d", v.removed, gateChain, gate.head.Removed)
	}
	return nil
}

// head looks at what is wrong with the head of a chain.
func (v *verifier) head(name Chain, c *chainCheck) error {
	ended, err := c.head.ended(v.reader, name)
	if err != nil {
		return err
	}
	switch last := c.last(); {
	case !c.headed:
		v.report.fault("the head of the chain %s is missing: it has entries up to %d", name, last)
	case last > c.head.Last:
		v.report.fault("the head of the chain %s is an earlier one: it ends at %d, and there are entries up to %d", name, c.head.Last, last)
	case ended:
		v.report.fault("the head of the chain %s is an earlier one: the chain has ended", name)
	}
	return nil
}

// last is the highest number seen.
func (c *chainCheck) last() uint64 {
	if len(c.seen) == 0 {
		return 0
	}
	return c.seen[len(c.seen)-1][1]
}

// lookUps looks for index records that lead nowhere.
func (v *verifier) lookUps() error {
	for entry, err := range v.reader.Scan(indexPrefix, "") {
		if err != nil {
			return err
		}
		stem := entry.Key[strings.LastIndexByte(entry.Key, '/')+1:]
		sealed, err := v.reader.Get(auditPrefix + stem)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		var e Event
		switch open := openRecord(v.secrets, auditPrefix+stem, sealed, &e) == nil; {
		case err != nil:
			v.report.fault("the entry %s is missing: it is still looked up by its %s", stem, indexKind(entry.Key))
		case open && !slices.Contains(e.indexes(stem), entry.Key):
			v.report.fault("the entry %s is looked up by a %s that is not its own", stem, indexKind(entry.Key))
		}
	}
	return nil
}

// people looks for persons whose chain is gone: the first entry of each says
// that they were added.
func (v *verifier) people() error {
	for entry, err := range v.reader.Scan(accountPrefix, "") {
		if err != nil {
			return err
		}
		id := strings.TrimPrefix(entry.Key, accountPrefix)
		if c := v.chains[Chain(id)]; id != string(nobody) && (c == nil || !c.headed) {
			v.report.fault("the chain %s is missing: there is an account %s", id, id)
		}
	}
	return nil
}

// indexKind is what an index record is looked up by: user, key or reference.
func indexKind(name string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(name, indexPrefix), "/")
	return kind
}
