package authcore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// PersonData is all that the store holds of one person, for whoever asks what is
// held of them: no seed, no PIN, no code, no token. Of administrators it says
// that they acted, not who they are: an answer about one person is none about
// others (GDPR art. 15(4); CJEU, C-579/21, Pankki S).
type PersonData struct {
	Account  *Account // nil when it was removed
	Keys     []KeyInfo
	Sessions []Session // ended ones too, and those on applications' hosts
	Events   []Event   // without who acted, and so without MAC
	Requests []Request // for assistance, sent while logged in; without descriptions and screenshots
	Messages []Message // about them that wait to be delivered; without the web hook's address
}

// administrator stands for whoever acted, in PersonData.
const administrator = "an administrator"

// ExportPerson returns what the store holds of a person, who need not have an
// account any more (GDPR art. 15). Errors: ErrNotFound when it is nothing, the
// store's.
func (g *Gate) ExportPerson(ctx context.Context, id Identifier) (PersonData, error) {
	var d PersonData
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		d = PersonData{}
		a, err := g.accountIn(r, id)
		switch {
		case err == nil:
			d.Account = &a
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if d.Keys, err = g.keysOf(r, id); err != nil {
			return err
		}
		if d.Sessions, err = g.sessionsOf(r, id); err != nil {
			return err
		}
		d.Messages, err = g.messagesOf(r, id)
		return err
	})
	if err != nil {
		return d, err
	}
	if d.Events, err = g.Events(ctx, AuditQuery{User: id}); err != nil {
		return d, err
	}
	if d.Requests, err = g.Requests(ctx, RequestQuery{Holder: id}, "", 0); err != nil {
		return d, err
	}
	for i := range d.Events {
		if e := &d.Events[i]; e.Actor != "" {
			e.Actor = administrator
		}
		d.Events[i].MAC = nil
	}
	for i := range d.Messages {
		if m := &d.Messages[i]; m.Way == ByWebhook {
			m.Address = "" // the desk's affair, and maybe a secret of its own
		}
	}
	if d.Account == nil && len(d.Keys)+len(d.Sessions)+len(d.Events)+len(d.Requests)+len(d.Messages) == 0 {
		return d, g.shared.store.View(ctx, func(r store.Reader) error { return g.nothingOf(r, id) })
	}
	return d, nil
}

// nothingOf is the error that says that nothing is held of a person, and whether
// that is since an erasure. Errors: ErrNotFound, the store's.
func (g *Gate) nothingOf(from getter, id Identifier) error {
	for _, mark := range g.secrets().erasedMarks(id) {
		head, _, err := readHead(g.secrets(), from, erasedPrefix+Chain(mark))
		if err != nil {
			return err
		}
		if !head.Erased.IsZero() {
			return fmt.Errorf("nothing is held of %s, whose data were erased on %s: %w", id, head.Erased.Format(time.DateOnly), ErrNotFound)
		}
	}
	return fmt.Errorf("nothing is held of %s: %w", id, ErrNotFound)
}

// keysOf looks at every key for those of a person, whatever the account says.
func (g *Gate) keysOf(r store.Reader, id Identifier) (infos []KeyInfo, err error) {
	_, err = collect(g.secrets(), r, keyPrefix, func(rec keyRecord) (bool, error) {
		if rec.Holder == id && rec.Serial != nobodyKey {
			infos = append(infos, Key(rec).Info())
		}
		return false, nil
	})
	return infos, err
}

func (g *Gate) sessionsOf(r store.Reader, id Identifier) (sessions []Session, err error) {
	_, err = collect(g.secrets(), r, sessionPrefix, func(rec sessionRecord) (bool, error) {
		if rec.Holder == id {
			sessions = append(sessions, Session(rec))
		}
		return false, nil
	})
	return sessions, err
}

// ErasePerson deletes what is left of a person whose account was removed (GDPR
// art. 17): the entries of the audit trail about them, what these are looked up
// by, their sessions, kept forms, requests for assistance, unsent messages and
// count of failures. The head of their chain stays under a mark that says nothing
// without the secret file, with the day of the erasure, as long as an entry would;
// and an entry says who erased somebody's data, and not whose. It is written first:
// an erasure that breaks off is finished by calling again.
//
// What is not erased here: the log, backups, and that somebody acted as an
// administrator. Errors: ErrStillThere, ErrNotFound when nothing is left, a
// sentence when an entry does not open, the store's.
func (g *Gate) ErasePerson(ctx context.Context, by Actor, id Identifier) error {
	sessions, err := g.leftOf(ctx, id)
	if err != nil {
		return err
	}
	err = g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		mark, err := g.markErased(w, id, now)
		return []Event{{Kind: DataErased, Unknown: mark, Actor: by.Name}},
			errors.Join(err, g.gone(w, id), w.Delete(attemptsName(g.secrets(), id, true)), w.Delete(openName(id)))
	})
	if err != nil {
		return err
	}
	if err := errors.Join(g.eraseEntries(ctx, id), g.forgetForms(ctx, id), g.forgetRequests(ctx, id), g.forgetMessages(ctx, id)); err != nil {
		return err
	}
	return g.deleteAll(ctx, sessions)
}

// markErased keeps of a chain how long it was, under a mark that only who has the
// secrets can make from the identifier, and returns the mark.
func (g *Gate) markErased(w store.Writer, id Identifier, now time.Time) (mark string, err error) {
	s := g.secrets()
	head, _, err := readHead(s, w, Chain(id))
	if err != nil {
		return "", err
	}
	mark = s.erasedMarks(id)[0]
	if head.Gone = nil; head.Last > 0 {
		head.Gone = spans{{1, head.Last}}
	}
	head.Erased = now
	return mark, write(s, w, chainName(erasedPrefix+Chain(mark)), head, time.Time{})
}

// gone reports in an error that a person has an account.
func (g *Gate) gone(from getter, id Identifier) error {
	err := absent(from, accountName(id))
	if errors.Is(err, ErrExists) {
		err = fmt.Errorf("%s: %w", id, ErrStillThere)
	}
	return err
}

// leftOf checks that a person may be erased, and returns the names of their
// sessions.
func (g *Gate) leftOf(ctx context.Context, id Identifier) (names []string, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		if err := g.gone(r, id); err != nil {
			return err
		}
		keys, err := g.keysOf(r, id)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			return fmt.Errorf("%s has key %s: %w", id, keys[0].Serial, ErrStillThere)
		}
		sessions, err := g.sessionsOf(r, id)
		names = nil
		for _, s := range sessions {
			names = append(names, sessionName(s.ID))
		}
		if err == nil && len(names) == 0 {
			err = g.anyOf(r, id, chainName(Chain(id)), attemptsName(g.secrets(), id, true))
		}
		return err
	})
	return names, err
}

// anyOf returns ErrNotFound when none of a person's records is there.
func (g *Gate) anyOf(r store.Reader, id Identifier, names ...string) error {
	for _, name := range names {
		if _, err := r.Get(name); !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return g.nothingOf(r, id)
}

// eraseEntries removes what the audit trail holds about a person: in the order of
// the numbers, so that those gone from the chain are one run.
func (g *Gate) eraseEntries(ctx context.Context, id Identifier) error {
	stems, err := g.entriesOf(ctx, id)
	for err == nil && len(stems) > 0 {
		some := stems[:min(len(stems), auditBatch)]
		stems = stems[len(some):]
		err = g.shared.store.Update(ctx, func(w store.Writer) error {
			if err := g.gone(w, id); err != nil {
				return err
			}
			for _, stem := range some {
				if err := g.eraseEntry(w, id, stem); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return err
}

// entriesOf returns what the entries about a person are named by, in the order of
// their numbers.
func (g *Gate) entriesOf(ctx context.Context, id Identifier) (stems []string, err error) {
	var all []named
	for e, err := range g.trail(ctx, AuditQuery{User: id}) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Compare(a.Number, b.Number) })
	for _, e := range all {
		stems = append(stems, e.stem)
	}
	return stems, nil
}

// eraseEntry removes an entry of the person's own chain. In a slot, which has
// others' entries too, the number stays, with what happened and when, and with
// nothing of the person.
func (g *Gate) eraseEntry(w store.Writer, id Identifier, stem string) error {
	e, err := g.entry(w, stem)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // another erasure came first
	case err != nil:
		return err
	case e.Chain == Chain(id):
		return g.removeEntry(w, stem)
	}
	bare := Event{Time: e.Time, Kind: e.Kind, Reference: e.Reference, Detail: "erased", Chain: e.Chain, Number: e.Number, Alert: e.Alert}
	bare.MAC = g.secrets().derive(auditPurpose, bare.canonical())
	kept := bare.indexes(stem)
	lost := slices.DeleteFunc(e.indexes(stem), func(name string) bool { return slices.Contains(kept, name) })
	return errors.Join(deleteNames(w, lost), write(g.secrets(), w, auditPrefix+stem, bare, time.Time{}))
}
