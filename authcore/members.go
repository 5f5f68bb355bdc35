package authcore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// maxMemberships is how many establishments somebody is looked for in. Heads of
// more are not a referent's affair.
const maxMemberships = 32

// Establishments are where somebody works: Account.Establishment first, then those
// of FrEduRne, each once; 32 of them at most.
func (a Account) Establishments() []string {
	var all []string
	add := func(uai string) {
		if uai != "" && !slices.Contains(all, uai) && len(all) < maxMemberships {
			all = append(all, uai)
		}
	}
	add(a.Establishment)
	for _, value := range a.Attributes.Values(fredu.Rne) {
		if p, err := fredu.ParsePosting(value); err == nil {
			add(p.UAI)
		}
	}
	return all
}

// indexMember enters somebody at their establishments, and strikes them out where
// they no longer are. What is there is empty: a member is who an account says.
func indexMember(w store.Writer, id Identifier, was, is []string) error {
	var errs []error
	for _, uai := range was {
		if !slices.Contains(is, uai) {
			errs = append(errs, w.Delete(memberName(uai, id)))
		}
	}
	for _, uai := range is {
		if !slices.Contains(was, uai) {
			errs = append(errs, w.Put(memberName(uai, id), nil, time.Time{}))
		}
	}
	return errors.Join(errs...)
}

// The bounds of one step of enterMembers: what its transaction touches (a store
// takes 128 names), and how many accounts are looked at for it.
const (
	entersAtOnce = 96
	looksAtOnce  = 1000
)

// enterMembers is the migration of a store whose accounts are not entered at their
// establishments, or not all of them: it goes over them in steps, and finds again
// only those that are left when it was broken off.
func enterMembers(ctx context.Context, g *Gate) error {
	for after, more := "", true; more; {
		var absent []Identifier
		var err error
		if absent, after, more, err = g.notEntered(ctx, after); err != nil {
			return err
		}
		if len(absent) == 0 {
			continue
		}
		err = g.shared.store.Update(ctx, func(w store.Writer) error { return g.enter(w, absent) })
		if err != nil {
			return err
		}
	}
	return g.shared.store.Update(ctx, func(w store.Writer) error {
		id, err := read[identityRecord](g.secrets(), w, identityName)
		if err != nil {
			return err
		}
		id.Schema = 2
		return write(g.secrets(), w, identityName, id, time.Time{})
	})
}

// notEntered returns accounts behind the one named after that miss an entry at an
// establishment, as many as one transaction takes, and where to go on.
func (g *Gate) notEntered(ctx context.Context, after string) (absent []Identifier, last string, more bool, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		absent, last, more = nil, after, false
		touched, looked := 0, 0
		for entry, err := range r.Scan(accountPrefix, after) {
			if err != nil {
				return err
			}
			id := Identifier(strings.TrimPrefix(entry.Key, accountPrefix))
			missing, err := g.missing(r, id)
			if err != nil {
				return err
			}
			if touched += missing; touched > entersAtOnce || looked == looksAtOnce {
				more = true
				return nil
			}
			if looked, last = looked+1, entry.Key; missing > 0 {
				absent = append(absent, id)
			}
		}
		return nil
	})
	return absent, last, more, err
}

// missing counts what enter touches for somebody: nothing, where all entries are
// there.
func (g *Gate) missing(r getter, id Identifier) (n int, err error) {
	a, err := g.accountIn(r, id)
	if errors.Is(err, ErrNotFound) {
		return 0, nil // the stand-in, who is nowhere
	}
	if err != nil {
		return 0, err
	}
	at := a.Establishments()
	for _, uai := range at {
		switch _, err := r.Get(memberName(uai, id)); {
		case errors.Is(err, store.ErrNotFound):
			n = 1 + len(at)
		case err != nil:
			return 0, err
		}
	}
	return n, nil
}

// enter enters people at their establishments as these are now.
func (g *Gate) enter(w store.Writer, people []Identifier) error {
	for _, id := range people {
		a, err := g.accountIn(w, id)
		if err == nil {
			err = indexMember(w, id, nil, a.Establishments())
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}
