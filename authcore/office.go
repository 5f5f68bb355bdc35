package authcore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// GiveRole gives somebody a role, in place of one they had. By and Given are the
// gate's to fill. Errors: ErrNotFound, ErrUnknownGroup, a sentence about the office,
// those of four eyes (see FourEyes), the store's.
func (g *Gate) GiveRole(ctx context.Context, by Actor, to Identifier, o Office) error {
	if err := o.Check(); err != nil {
		return err
	}
	for _, group := range o.Groups {
		if _, ok := g.console.Groups[group]; !ok {
			return fmt.Errorf("%.40q: %w", group, ErrUnknownGroup)
		}
	}
	o = o.scoped()
	return g.actOrAsk(ctx, by, Pending{Act: PendingRole, Holder: to, Office: o}, func(w store.Writer, now time.Time) ([]Event, error) {
		a, err := g.accountIn(w, to)
		if err != nil {
			return nil, err
		}
		o.By, o.Given = by.Name, now
		return []Event{by.event(RoleGiven, to, "", o.text())}, g.putOffice(w, a, o)
	})
}

// EndRole takes somebody's role from them. It is never held back. Errors:
// ErrNotFound (the person, or a role of theirs), the store's.
func (g *Gate) EndRole(ctx context.Context, by Actor, of Identifier) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		a, err := g.accountIn(w, of)
		if err != nil {
			return nil, err
		}
		if a.Office.IsZero() {
			return nil, fmt.Errorf("%s has no role: %w", of, ErrNotFound)
		}
		return []Event{by.event(RoleEnded, of, "", a.Office.Role.String())}, g.putOffice(w, a, Office{})
	})
}

// text is an office for the audit trail.
func (o Office) text() string {
	scope := slices.Concat(o.Establishments, o.Groups)
	if len(scope) == 0 {
		return o.Role.String()
	}
	return o.Role.String() + " of " + strings.Join(scope, ", ")
}

// putOffice writes an account with another office, and the indexes that lead to it.
func (g *Gate) putOffice(w store.Writer, a Account, o Office) error {
	was := a.Office
	a.Office = o
	if o.IsZero() {
		a.Office = Office{}
	}
	return errors.Join(g.indexOffice(w, a.Identifier, was, o),
		write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{}))
}

// indexOffice enters somebody where an office leads to them, and strikes them out
// where only the one before did.
func (g *Gate) indexOffice(w store.Writer, id Identifier, was, is Office) error {
	before, after := was.indexes(), is.indexes()
	for _, name := range before {
		if !slices.Contains(after, name) {
			if err := g.changeList(w, name, func(ids []Identifier) []Identifier { return without(ids, id) }); err != nil {
				return err
			}
		}
	}
	for _, name := range after {
		if err := g.changeList(w, name, func(ids []Identifier) []Identifier { return append(without(ids, id), id) }); err != nil {
			return err
		}
	}
	if is.IsZero() {
		return w.Delete(officeName(id))
	}
	return w.Put(officeName(id), nil, time.Time{})
}

func without(ids []Identifier, id Identifier) []Identifier {
	return slices.DeleteFunc(slices.Clone(ids), func(other Identifier) bool { return other == id })
}

// indexes are the lists that an office stands in.
func (o Office) indexes() (names []string) {
	if o.Role != RoleReferent {
		return nil
	}
	for _, uai := range o.Establishments {
		names = append(names, referentsName(uai))
	}
	for _, group := range o.Groups {
		names = append(names, groupReferentsName(group))
	}
	return names
}

// changeList changes a list of people; an empty one has no record.
func (g *Gate) changeList(w store.Writer, name string, change func([]Identifier) []Identifier) error {
	ids, err := g.listIn(w, name)
	if err != nil {
		return err
	}
	if ids = change(ids); len(ids) == 0 {
		return w.Delete(name)
	}
	return write(g.secrets(), w, name, ids, time.Time{})
}

func (g *Gate) listIn(from getter, name string) ([]Identifier, error) {
	ids, err := read[[]Identifier](g.secrets(), from, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return ids, err
}

// EstablishmentReferents are the people to turn to in one establishment.
type EstablishmentReferents struct {
	Establishment string
	Referents     []Person
}

// Person is what may be told of a referent to those they look after: nothing else.
type Person struct {
	GivenName, Surname, Email string
}

// Name is the given name and the surname, or the address where neither is known.
func (p Person) Name() string {
	return cmp.Or(strings.TrimSpace(p.GivenName+" "+p.Surname), p.Email)
}

// maxNamed is how many referents of one establishment are named.
const maxNamed = 8

// ReferentsOf names the referents of each establishment of a person, whose accounts
// are open; those without any are left out. Error: the store's.
func (g *Gate) ReferentsOf(ctx context.Context, a Account) (all []EstablishmentReferents, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		all = nil
		for _, uai := range a.Establishments() {
			people, err := g.referentsIn(r, uai)
			if err != nil {
				return err
			}
			if len(people) > 0 {
				all = append(all, EstablishmentReferents{uai, people})
			}
		}
		return nil
	})
	return all, err
}

// referentsIn names the referents of one establishment, whoever has it by itself
// first.
func (g *Gate) referentsIn(from getter, uai string) (people []Person, err error) {
	ids, err := g.listIn(from, referentsName(uai))
	if err != nil {
		return nil, err
	}
	for _, group := range g.groupsOf(uai) {
		more, err := g.listIn(from, groupReferentsName(group))
		if err != nil {
			return nil, err
		}
		ids = append(ids, slices.DeleteFunc(more, func(id Identifier) bool { return slices.Contains(ids, id) })...)
	}
	now := g.now()
	for _, id := range ids {
		a, err := g.accountIn(from, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		named := Person{a.GivenName, a.Surname, a.Email}
		if !a.Closed(now) && named.Name() != "" && a.Office.Role == RoleReferent && g.console.covers(a.Office, []string{uai}) && len(people) < maxNamed {
			people = append(people, named)
		}
	}
	return people, nil
}

// groupsOf are the groups that an establishment is in, in alphabetical order.
func (g *Gate) groupsOf(uai string) (groups []string) {
	for name, list := range g.console.Groups {
		if slices.Contains(list, uai) {
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return groups
}

// Officers returns the people who have a role, in the order of their identifiers:
// those after the given one, at most limit of them. "" is before all, 0 is no
// limit. Error: the store's.
func (g *Gate) Officers(ctx context.Context, after Identifier, limit int) (all []Account, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		all = nil
		for entry, err := range r.Scan(officePrefix, officeName(after)) {
			if err != nil {
				return err
			}
			a, err := g.accountIn(r, Identifier(strings.TrimPrefix(entry.Key, officePrefix)))
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err != nil || a.Office.IsZero() {
				continue
			}
			if all = append(all, a); len(all) == limit {
				return nil
			}
		}
		return nil
	})
	return all, err
}
