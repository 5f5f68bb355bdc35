package authcore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// What somebody sees in the console. Nothing here shows a PIN, a code or a seed.

const (
	consolePage   = 50   // people on a page
	consoleBudget = 2000 // accounts looked at for one
	consoleDays   = 30   // of a person's entries
	consoleEvents = 40   // of them, the newest
)

// ConsoleQuery says whom to look for.
type ConsoleQuery struct {
	// Text is a part of the name, of the identifier, or the end of a key's serial
	// number; "" is everybody. Capitals and accents are one with what has none.
	Text string
	// Establishment (UAI) is where; "" is the whole scope.
	Establishment string
	// After is ConsoleResult.Next of the page before.
	After string
}

// ConsoleResult is a page of people.
type ConsoleResult struct {
	People []Account
	// Next is where the search goes on, "" at its end: a page may be short, and even
	// empty, since no more than 2000 accounts are looked at for it.
	Next string
}

// ConsolePerson is what is known of one person for whoever helps them.
type ConsolePerson struct {
	Account Account
	Keys    []KeyInfo
	Blind   int     // see Gate.Blind
	Events  []Event // of the last 30 days, the newest first, 40 at most
}

// Office returns the role of the clerk, as it is now. Errors: *BarredError, the
// store's.
func (c Clerk) Office(ctx context.Context) (o Office, err error) {
	err = c.gate.shared.store.View(ctx, func(r store.Reader) (err error) {
		o, err = c.officeIn(r)
		return err
	})
	return o, err
}

// officeIn is the office of a clerk who may look at what is theirs to see.
func (c Clerk) officeIn(r getter) (Office, error) {
	_, a, err := c.gate.own(r, c.session, c.gate.now())
	switch {
	case errors.Is(err, ErrNoSession):
		return Office{}, &BarredError{BarShut}
	case err != nil:
		return Office{}, err
	case !a.Office.Role.may(DeedLook):
		return Office{}, &BarredError{BarRole}
	}
	return a.Office, nil
}

// Search looks for people of the clerk's scope. Errors: *BarredError, the store's.
func (c Clerk) Search(ctx context.Context, q ConsoleQuery) (res ConsoleResult, err error) {
	err = c.gate.shared.store.View(ctx, func(r store.Reader) error {
		o, err := c.officeIn(r)
		if err != nil {
			return err
		}
		s := search{gate: c.gate, reader: r, office: o, words: strings.Fields(fold(q.Text)), tail: strings.ToUpper(strings.TrimSpace(q.Text))}
		if q.After == "" {
			if err := s.exactly(q); err != nil {
				return err
			}
		}
		res, err = s.walk(q)
		return err
	})
	return res, err
}

// search is one search under way.
type search struct {
	gate   *Gate
	reader store.Reader
	office Office
	words  []string // of the text, folded
	tail   string   // the text as the end of a serial number
	found  []Account
	looked int
}

// exactly finds who has that identifier, or a key of that number.
func (s *search) exactly(q ConsoleQuery) error {
	id, err := ParseIdentifier(q.Text)
	if err == nil {
		err = s.take(id, q)
	}
	if err != nil && !errors.Is(err, ErrNotFound) && !isShape(err) {
		return err
	}
	serial, err := ParseSerial(q.Text)
	if err != nil {
		return nil //nolint:nilerr // what is no serial number is nobody's
	}
	k, err := s.gate.keyIn(s.reader, serial)
	if err == nil && k.Holder != "" {
		err = s.take(k.Holder, q)
	}
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func isShape(err error) bool {
	return errors.Is(err, ErrIdentifierShape) || errors.Is(err, ErrIdentifierMissing) || errors.Is(err, ErrIdentifierIsPasscode)
}

// take adds somebody who was named, if the clerk may see them.
func (s *search) take(id Identifier, q ConsoleQuery) error {
	a, err := s.gate.accountIn(s.reader, id)
	if err == nil && s.sees(a, q.Establishment) {
		s.add(a)
	}
	return err
}

func (s *search) add(a Account) {
	if !slices.ContainsFunc(s.found, func(b Account) bool { return b.Identifier == a.Identifier }) {
		s.found = append(s.found, a)
	}
}

// sees reports whether somebody is in the scope, and at that establishment unless it
// is "".
func (s *search) sees(a Account, uai string) bool {
	at := a.Establishments()
	return s.gate.console.covers(s.office, at) && (uai == "" || slices.Contains(at, uai))
}

// walk goes through the members of the scope, or through everybody where it has no
// end, from where the page before ended.
func (s *search) walk(q ConsoleQuery) (ConsoleResult, error) {
	var where []string
	switch {
	case q.Establishment != "":
		where = []string{q.Establishment}
	case s.office.Role == RoleReferent:
		where = s.gate.Scope(s.office)
	default:
		next, err := s.through(accountPrefix, q.After, func(a Account) bool { return true })
		return ConsoleResult{s.found, next}, err
	}
	from, after, _ := strings.Cut(q.After, "/")
	for i, uai := range where {
		if uai < from {
			continue
		}
		if uai > from {
			after = ""
		}
		next, err := s.through(membersAt(uai), after, func(a Account) bool { return s.sees(a, uai) && s.first(a, where[:i]) })
		if err != nil || next != "" {
			return ConsoleResult{s.found, uai + "/" + next}, err
		}
	}
	return ConsoleResult{People: s.found}, nil
}

// first reports whether somebody was not met at another establishment already.
func (s *search) first(a Account, before []string) bool {
	return !slices.ContainsFunc(a.Establishments(), func(uai string) bool { return slices.Contains(before, uai) })
}

// through goes through the people below a prefix until the page is full, and returns
// the one where it goes on.
func (s *search) through(prefix, after string, wanted func(Account) bool) (next string, err error) {
	for entry, err := range s.reader.Scan(prefix, prefix+after) {
		if err != nil {
			return "", err
		}
		id := strings.TrimPrefix(entry.Key, prefix)
		if len(s.found) >= consolePage || s.looked >= consoleBudget {
			return after, nil
		}
		after = id
		s.looked++
		a, err := s.gate.accountIn(s.reader, Identifier(id))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if wanted(a) && s.fits(a) {
			s.add(a)
		}
	}
	return "", nil
}

// fits reports whether each word stands in the name or the identifier, or the text
// is the end of a serial number.
func (s *search) fits(a Account) bool {
	if len(s.tail) >= 2 && slices.ContainsFunc(a.Keys, func(k Serial) bool { return strings.HasSuffix(string(k), s.tail) }) {
		return true
	}
	text := fold(a.GivenName + " " + a.Surname + " " + string(a.Identifier))
	return !slices.ContainsFunc(s.words, func(word string) bool { return !strings.Contains(text, word) })
}

// fold is a text without capitals and accents.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(text))
}

// Person returns what is known of a person of the clerk's scope; somebody who does
// not exist is out of it. Errors: *BarredError, the store's.
func (c Clerk) Person(ctx context.Context, id Identifier) (p ConsolePerson, err error) {
	g := c.gate
	err = g.shared.store.View(ctx, func(r store.Reader) (err error) {
		p = ConsolePerson{}
		if p.Account, err = g.looksAt(r, c.session, id, g.now()); err != nil {
			return err
		}
		for _, serial := range p.Account.Keys {
			k, err := g.keyIn(r, serial)
			if err != nil {
				return err
			}
			p.Keys = append(p.Keys, k.Info())
		}
		return nil
	})
	if err != nil {
		return ConsolePerson{}, err
	}
	if p.Blind, err = g.Blind(ctx, id); err != nil {
		return p, err
	}
	p.Events, err = g.lately(ctx, id)
	return p, err
}

// lately are a person's newest entries, the newest first.
func (g *Gate) lately(ctx context.Context, id Identifier) (last []Event, err error) {
	for e, err := range g.Trail(ctx, AuditQuery{User: id, Since: g.now().Add(-consoleDays * day)}) {
		if err != nil {
			return nil, err
		}
		if last = append(last, e); len(last) > consoleEvents {
			last = last[1:]
		}
	}
	slices.Reverse(last)
	return last, nil
}

// Story returns the entries under a reference, the oldest first, if they are about
// somebody in the clerk's scope; nothing of others is told, not even that there is
// something. Errors: *BarredError, the store's.
func (c Clerk) Story(ctx context.Context, ref Reference) ([]Event, error) {
	events, err := c.gate.Events(ctx, AuditQuery{Reference: ref})
	if err != nil {
		return nil, err
	}
	var told []Event
	err = c.gate.shared.store.View(ctx, func(r store.Reader) error {
		told = nil
		if _, err := c.officeIn(r); err != nil {
			return err
		}
		for _, e := range events {
			if e.Holder == "" {
				continue
			}
			_, err := c.gate.looksAt(r, c.session, e.Holder, c.gate.now())
			if _, barred := errors.AsType[*BarredError](err); barred {
				continue
			}
			if err != nil {
				return err
			}
			told = append(told, e)
		}
		return nil
	})
	if err == nil && len(told) == 0 {
		err = &BarredError{BarScope}
	}
	return told, err
}

// NextSchoolYear is the 1 September that comes, at midnight in the location of now:
// the school year begins then, and whose key ends before it is to be given another
// in time.
func NextSchoolYear(now time.Time) time.Time {
	start := time.Date(now.Year(), time.September, 1, 0, 0, 0, 0, now.Location())
	if !now.Before(start) {
		start = start.AddDate(1, 0, 0)
	}
	return start
}
