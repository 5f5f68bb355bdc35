package authcore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// A form that was filled in for an hour and sent under a session that had ended
// is kept, sealed, until its holder has logged in again, and handed out once.
// Whoever else holds its name gets nothing.

// MaxForm is the longest form that is kept, in bytes.
const MaxForm = 1 << 20

const (
	keptTime    = 10 * time.Minute
	maxKept     = 64 // at once: so many MiB of the store at most
	maxKeptOf   = 4  // of one person
	keptPart    = 32 << 10
	partsAtOnce = 8 // in one transaction, which may write 1 MiB
)

// Form is what a browser sent: where to, in which encoding, and its bytes. It
// never prints.
type Form struct {
	Address     string // where it was sent, whole
	Page        string // the page it stood on, or ""
	ContentType string // with the boundary of its parts
	Body        []byte // MaxForm at most
}

// Format prints a placeholder for every verb.
func (Form) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is the placeholder that slog prints.
func (Form) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the placeholder.
func (Form) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// Kept is what may be shown of a form that is kept, to its holder.
type Kept struct {
	Address string
	Page    string
	Sent    time.Time
	Until   time.Time // the first moment at which it is gone
}

// keptForm is a kept form without its bytes, which stand in records of their own.
type keptForm struct {
	Holder      Identifier `json:"holder"`
	Host        string     `json:"host"`
	Address     string     `json:"address"`
	Page        string     `json:"page,omitempty"`
	ContentType string     `json:"contentType"`
	Parts       int        `json:"parts"`
	Sent        time.Time  `json:"sent"`
	Until       time.Time  `json:"until"`
}

// keptSlot is a kept form among all: what bounds their number.
type keptSlot struct {
	Form    string     `json:"form"` // the hash of its name
	Parts   int        `json:"parts"`
	Holder  Identifier `json:"holder"`
	Session SessionID  `json:"session"` // under which it was sent
	Until   time.Time  `json:"until"`
}

// Former returns the session that a host's cookie opened once, if its person may
// still log in: it says whose a form is that comes too late, and opens nothing.
// Errors: ErrNoSession, the store's.
func (g *Gate) Former(ctx context.Context, t Token, host string) (s Session, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		if s, err = sessionOf(g.secrets(), r, t.id()); err != nil {
			return err
		}
		a, err := g.accountIn(r, s.Holder)
		if errors.Is(err, ErrNotFound) || err == nil && (s.Host != host || a.Closed(g.now())) {
			return ErrNoSession
		}
		return err
	})
	if err != nil {
		return Session{}, err
	}
	return s, nil
}

// Keep keeps a form that came under a session of an application's host, for ten
// minutes, and returns its name, which is 256 bits for that browser alone. It
// takes the place of an earlier one of the same session, and of the oldest of
// four of one person. Errors: ErrNoSession for a session of the portal,
// ErrFormTooLarge, ErrTooManyForms, the store's.
func (g *Gate) Keep(ctx context.Context, s Session, f Form, from Source) (string, error) {
	switch {
	case s.Host == "":
		return "", ErrNoSession
	case len(f.Body) > MaxForm:
		return "", ErrFormTooLarge
	}
	name, now := NewNonce(), g.now()
	parts := slices.Collect(slices.Chunk(f.Body, keptPart))
	slot := keptSlot{Form: hashName(name), Parts: len(parts), Holder: s.Holder, Session: s.ID, Until: now.Add(keptTime)}
	if err := g.reserve(ctx, slot); err != nil {
		return "", err
	}
	for first := 0; first < len(parts); first += partsAtOnce {
		err := g.shared.store.Update(ctx, func(w store.Writer) error {
			var errs []error
			for i, part := range parts[first:min(first+partsAtOnce, len(parts))] {
				errs = append(errs, write(g.secrets(), w, partName(slot.Form, first+i), part, slot.swept()))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return "", err
		}
	}
	k := keptForm{Holder: s.Holder, Host: s.Host, Address: f.Address, Page: f.Page, ContentType: f.ContentType, Parts: len(parts), Sent: now, Until: slot.Until}
	err := g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		all, err := keptSlots(g.secrets(), w)
		if err == nil && !slices.ContainsFunc(all, func(k keptSlot) bool { return k.Form == slot.Form }) {
			err = ErrTooManyForms // another form of this session has taken its place meanwhile
		}
		if err != nil {
			return nil, err
		}
		return []Event{k.event(FormKept, s, from)}, write(g.secrets(), w, keptName(slot.Form), k, slot.swept())
	})
	return name, err
}

// swept is when the store may forget a form that nobody fetched.
func (k keptSlot) swept() time.Time { return k.Until.Add(time.Hour) }

// event tells of a kept form without saying what is in it, nor where it goes
// beyond the application: a path may name a third person.
func (k keptForm) event(kind EventKind, s Session, from Source) Event {
	address, agent := from.text()
	e := Event{Kind: kind, Holder: k.Holder, Address: address, Agent: agent, Detail: k.Host}
	if s.Holder == k.Holder {
		e.Serial = s.Serial
	}
	return e
}

// keptSlots returns the slots, the oldest first.
func keptSlots(sec *Secrets, from getter) ([]keptSlot, error) {
	all, err := read[[]keptSlot](sec, from, slotsName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return all, err
}

// reserve makes room for a form, and removes those whose room it takes.
func (g *Gate) reserve(ctx context.Context, slot keptSlot) error {
	return g.partSlots(ctx, func(all []keptSlot) (stay, gone []keptSlot, err error) {
		if stay, gone = makeRoom(all, slot, g.now()); len(stay) >= maxKept {
			err = ErrTooManyForms
		}
		return append(stay, slot), gone, err
	})
}

// forgetForms removes the forms of a person.
func (g *Gate) forgetForms(ctx context.Context, id Identifier) error {
	return g.partSlots(ctx, func(all []keptSlot) (stay, gone []keptSlot, err error) {
		for _, k := range all {
			if k.Holder == id {
				gone = append(gone, k)
			} else {
				stay = append(stay, k)
			}
		}
		return stay, gone, nil
	})
}

// partSlots writes which slots stay, and removes the forms of those that go.
func (g *Gate) partSlots(ctx context.Context, part func([]keptSlot) (stay, gone []keptSlot, err error)) error {
	var gone []keptSlot
	err := g.shared.store.Update(ctx, func(w store.Writer) error {
		all, err := keptSlots(g.secrets(), w)
		if err != nil {
			return err
		}
		var stay []keptSlot
		if stay, gone, err = part(all); err != nil || slices.Equal(all, stay) {
			return err
		}
		for _, k := range gone {
			if err := w.Delete(keptName(k.Form)); err != nil {
				return err
			}
		}
		return write(g.secrets(), w, slotsName, stay, time.Time{})
	})
	if err != nil {
		return err
	}
	for _, k := range gone { // one transaction has no room for the parts of several
		err := g.shared.store.Update(ctx, func(w store.Writer) error { return deleteParts(w, k.Form, k.Parts) })
		if err != nil {
			return err
		}
	}
	return nil
}

// makeRoom parts the slots, the oldest first, into those that stay beside a new
// one and those that go: expired, of the same session, or too many of one person.
func makeRoom(all []keptSlot, slot keptSlot, now time.Time) (stay, gone []keptSlot) {
	of := 0
	for _, k := range slices.Backward(all) {
		mine := k.Holder == slot.Holder
		if !now.Before(k.Until) || k.Session == slot.Session || mine && of+1 >= maxKeptOf {
			gone = append(gone, k)
			continue
		}
		if mine {
			of++
		}
		stay = append(stay, k)
	}
	slices.Reverse(stay)
	return stay, gone
}

func deleteParts(w store.Writer, form string, parts int) error {
	for i := range parts {
		if err := w.Delete(partName(form, i)); err != nil {
			return err
		}
	}
	return nil
}

// keptOf returns a kept form for the session of its person on its host. Errors:
// ErrNotKept, ErrAnothers, the store's.
func (g *Gate) keptOf(from getter, name string, s Session) (keptForm, error) {
	k, err := read[keptForm](g.secrets(), from, keptName(hashName(name)))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return k, ErrNotKept
	case err != nil:
		return k, err
	case k.Holder != s.Holder:
		return keptForm{}, ErrAnothers
	case k.Host != s.Host || !g.now().Before(k.Until):
		return keptForm{}, ErrNotKept
	}
	return k, nil
}

// Kept returns what may be shown of a form to who is logged in. Errors:
// ErrNotKept when there is none of that name, or no more; ErrAnothers when it is
// somebody else's, who must not hear of it; the store's.
func (g *Gate) Kept(ctx context.Context, name string, s Session) (Kept, error) {
	var k keptForm
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		k, err = g.keptOf(r, name, s)
		return err
	})
	return Kept{Address: k.Address, Page: k.Page, Sent: k.Sent, Until: k.Until}, err
}

// TakeForm hands a kept form out, once: of several callers one gets it. Errors:
// those of Kept.
func (g *Gate) TakeForm(ctx context.Context, name string, s Session, from Source) (Form, error) {
	var f Form
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		k, err := g.keptOf(r, name, s)
		if err != nil {
			return err
		}
		f = Form{Address: k.Address, Page: k.Page, ContentType: k.ContentType}
		for i := range k.Parts {
			part, err := read[[]byte](g.secrets(), r, partName(hashName(name), i))
			if err != nil {
				return err
			}
			f.Body = append(f.Body, part...)
		}
		return nil
	})
	if err != nil {
		return Form{}, err
	}
	if err := g.endForm(ctx, name, s, FormSentAgain, from); err != nil {
		return Form{}, err
	}
	return f, nil
}

// DropForm forgets a kept form, at the wish of whoever has its name. Errors:
// ErrNotKept, the store's.
func (g *Gate) DropForm(ctx context.Context, name string, s Session, from Source) error {
	return g.endForm(ctx, name, s, FormDropped, from)
}

// endForm removes a form with all that belongs to it.
func (g *Gate) endForm(ctx context.Context, name string, s Session, kind EventKind, from Source) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		form := hashName(name)
		k, err := read[keptForm](g.secrets(), w, keptName(form))
		if errors.Is(err, store.ErrNotFound) {
			err = ErrNotKept
		}
		if err != nil {
			return nil, err
		}
		all, err := keptSlots(g.secrets(), w)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(slot keptSlot) bool { return slot.Form == form })
		return []Event{k.event(kind, s, from)}, errors.Join(
			w.Delete(keptName(form)), deleteParts(w, form, k.Parts), write(g.secrets(), w, slotsName, all, time.Time{}))
	})
}
