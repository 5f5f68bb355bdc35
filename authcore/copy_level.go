package authcore

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// What is read of a store in one transaction: so little that nothing a store has
// in its way of long ones matters.
const (
	levelEntries = 512
	levelBytes   = 1 << 20
)

// level goes through both stores side by side, has the target become as the source
// is, and returns how many records differed. Each record that is in both opens under
// the secrets, or it fails.
func (p *copying) level() (differed int, err error) {
	count := Copied{Store: p.found.Store}
	for after, last := "", false; !last; {
		from, err := p.page(p.config.Store, after, "")
		if err != nil {
			return differed, fmt.Errorf("reading the source: %w", err)
		}
		last = from.last
		to, err := p.page(p.order.To, after, from.until)
		if err != nil {
			return differed, fmt.Errorf("reading the target: %w", err)
		}
		for _, e := range from.entries {
			count.count(e.Key)
		}
		n, err := p.settle(from.entries, to.entries)
		if err != nil {
			return differed, err
		}
		differed, after = differed+n, from.until
	}
	p.found = count
	return differed, nil
}

// stretch is what a store has between two names.
type stretch struct {
	entries []store.Entry
	until   string // the last name, "" where there is nothing behind
	last    bool
}

// page reads what comes after a name, the latch apart: up to another one, or where
// that is "", as much as a page takes.
func (p *copying) page(s store.Store, after, until string) (found stretch, err error) {
	err = s.View(p.ctx, func(r store.Reader) error {
		found = stretch{last: true, until: until}
		size := 0
		for e, err := range r.Scan("", after) {
			switch {
			case err != nil:
				return err
			case until != "" && e.Key > until:
				return nil
			case until == "" && (len(found.entries) == levelEntries || size > levelBytes):
				found.last, found.until = false, found.entries[len(found.entries)-1].Key
				return nil
			}
			if e.Key != copyName {
				found.entries, size = append(found.entries, e), size+len(e.Key)+len(e.Value)
			}
		}
		return nil
	})
	return found, err
}

// settle writes what differs into the target.
func (p *copying) settle(from, to []store.Entry) (differed int, err error) {
	var changes []change
	for len(from)+len(to) > 0 {
		switch {
		case len(to) == 0 || len(from) > 0 && from[0].Key < to[0].Key:
			changes, from = append(changes, change{Entry: from[0]}), from[1:]
		case len(from) == 0 || to[0].Key < from[0].Key:
			changes, to = append(changes, change{Entry: store.Entry{Key: to[0].Key}, gone: true}), to[1:]
		default:
			if !bytes.Equal(from[0].Value, to[0].Value) {
				changes = append(changes, change{Entry: from[0]})
			} else if err := p.readable(to[0]); err != nil {
				return differed, err
			}
			from, to = from[1:], to[1:]
		}
	}
	for len(changes) > 0 {
		n := batch(changes)
		if err := p.write(changes[:n]); err != nil {
			return differed, fmt.Errorf("writing the target: %w", err)
		}
		differed, changes = differed+n, changes[n:]
	}
	return differed, nil
}

// change is a record that the target is to have, or not.
type change struct {
	store.Entry
	gone bool
}

// batch is how many of the changes go into one transaction.
func batch(changes []change) int {
	size := 0
	for n, c := range changes {
		if size += len(c.Key) + len(c.Value); n == restoreKeys || n > 0 && size > restoreBytes {
			return n
		}
	}
	return len(changes)
}

func (p *copying) write(changes []change) error {
	return p.order.To.Update(p.ctx, func(w store.Writer) error {
		if err := p.own(w); err != nil {
			return err
		}
		for _, c := range changes {
			var err error
			if c.gone {
				err = w.Delete(c.Key)
			} else {
				err = w.Put(c.Key, c.Value, p.expires(c.Key))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// readable reports that a record opens.
func (p *copying) readable(e store.Entry) error {
	if pointer(e.Key) && len(e.Value) == 0 {
		return nil
	}
	var any anyRecord
	return openRecord(p.gate.secrets(), e.Key, e.Value, &any)
}

// copiedKept is longer than any record of a session, a login, a form or a delay is
// needed: the longest session is of a week, and its record is kept for a day more.
const copiedKept = 9 * day

// expires is when the target may forget a record. The source does not say when it
// would have: this is no earlier.
func (p *copying) expires(name string) time.Time {
	now := p.gate.now()
	switch kind := kindOf(name); {
	case slices.Contains([]string{"request", "asked", "requested"}, kind):
		return now.Add(p.config.Policy.Requests + day)
	case kind == "browser":
		return now.Add(browserMemory)
	case slices.Contains([]string{"session", "challenge", "ticket", "ceremony", "slow", "open", "asked-today", "pending", "kept", "part"}, kind):
		return now.Add(copiedKept)
	}
	return time.Time{}
}

// count takes a record into account.
func (c *Copied) count(name string) {
	c.Records++
	switch {
	case name == keyName(nobodyKey) || name == accountName(nobody):
	case strings.HasPrefix(name, keyPrefix):
		c.Keys++
	case strings.HasPrefix(name, accountPrefix):
		c.People++
	case strings.HasPrefix(name, sessionPrefix):
		c.Sessions++
	}
}
