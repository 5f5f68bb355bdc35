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

// FourEyes says what one operator cannot do alone: their act becomes a Pending, and
// nothing has happened until another one confirms it. The zero value is nothing.
//
// Who somebody is, is what they are called: a person's identifier in the console,
// which their key has proved, and a name that the caller gives at the admin
// endpoint, which nothing proves. See Actor.
type FourEyes struct {
	// Roles: to give one. To end one is never held back.
	Roles bool
	// SecondFactor: to take a key from a person (return, retire), a passkey, or the
	// account with both. To shut somebody out at once (disable, lost, lock) is never
	// held back.
	SecondFactor bool
	// Within is how long a Pending may be confirmed; 0 is a day.
	Within time.Duration
}

const defaultWithin = day

// PendingAct is what waits for another operator. The zero value is invalid.
type PendingAct uint8

// The acts, and their words.
const (
	PendingRole    PendingAct = iota + 1 // "give-role"
	PendingReturn                        // "return-key"
	PendingRetire                        // "retire-key"
	PendingPasskey                       // "revoke-passkey"
	PendingRemoval                       // "remove-person"
)

var pendingActNames = words[PendingAct]{what: "act", names: []string{"", "give-role", "return-key", "retire-key", "revoke-passkey", "remove-person"}}

// String gives the act's word.
func (p PendingAct) String() string { return pendingActNames.name(p) }

// MarshalText gives the act's word; an unknown act is an error.
func (p PendingAct) MarshalText() ([]byte, error) { return pendingActNames.marshal(p) }

// UnmarshalText reads an act's word; anything else is an error.
func (p *PendingAct) UnmarshalText(b []byte) error { return pendingActNames.unmarshal(p, b) }

// Pending is an act that one operator asked for and another has to confirm.
type Pending struct {
	ID      Reference  `json:"id"`
	Act     PendingAct `json:"act"`
	Holder  Identifier `json:"holder"` // whom it concerns
	Serial  Serial     `json:"serial,omitempty"`
	Passkey string     `json:"passkey,omitempty"` // its ID or its name
	Keys    KeyFate    `json:"keys,omitempty"`    // with PendingRemoval
	Office  Office     `json:"office,omitzero"`   // with PendingRole
	By      string     `json:"by"`                // Actor.Name
	Who     string     `json:"who"`               // Actor.Who
	Asked   time.Time  `json:"asked"`
	Until   time.Time  `json:"until"` // it can be confirmed before
}

// wants reports whether an act takes two.
func (f FourEyes) wants(act PendingAct) bool {
	switch act {
	case PendingRole:
		return f.Roles
	case PendingReturn, PendingRetire, PendingPasskey, PendingRemoval:
		return f.SecondFactor
	}
	return true
}

// AwaitsError is what an act comes to that waits for another operator. It is an
// ErrAwaits.
type AwaitsError struct{ Pending Pending }

// Error says how it goes on.
func (e *AwaitsError) Error() string {
	return fmt.Sprintf("another operator has to confirm this before %s: sesame pending confirm %s", e.Pending.Until.UTC().Format(time.RFC3339), e.Pending.ID)
}

// Unwrap gives ErrAwaits.
func (e *AwaitsError) Unwrap() error { return ErrAwaits }

// actOrAsk is act for what may take two operators: it is done at once where it
// does not, or where by confirms it, and else it is asked for.
func (g *Gate) actOrAsk(ctx context.Context, by Actor, p Pending, change func(store.Writer, time.Time) ([]Event, error)) error {
	switch {
	case by.confirms != nil:
		return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
			if err := g.takePending(w, by, now); err != nil {
				return nil, err
			}
			events, err := change(w, now)
			if err == nil && !slices.ContainsFunc(events, func(e Event) bool { return e.Holder == by.confirms.Holder }) {
				err = fmt.Errorf("the key is no longer %s's: %w", by.confirms.Holder, ErrState)
			}
			return events, err
		})
	case !g.console.FourEyes.wants(p.Act):
		return g.act(ctx, change)
	}
	concerns, err := g.rehearse(ctx, change)
	if err != nil {
		return err
	}
	if concerns == "" { // a key in stock is nobody's second factor
		return g.act(ctx, change)
	}
	p.Holder = concerns
	return g.ask(ctx, by, p)
}

// errRehearsed undoes a rehearsal.
var errRehearsed = errors.New("this was a rehearsal")

// rehearse plays a change and undoes it: what could not be done is not asked for.
// It returns whom the change concerns.
func (g *Gate) rehearse(ctx context.Context, change func(store.Writer, time.Time) ([]Event, error)) (concerns Identifier, err error) {
	err = g.shared.store.Update(ctx, func(w store.Writer) error {
		events, err := change(w, g.now())
		if err != nil {
			return err
		}
		concerns = ""
		for _, e := range events {
			concerns = cmp.Or(e.Holder, concerns)
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		err = nil
	}
	return concerns, err
}

// ask writes down that an act waits for another operator. Its error is an
// *AwaitsError once it does, ErrUnnamed where nobody could tell who asked.
func (g *Gate) ask(ctx context.Context, by Actor, p Pending) error {
	if by.who() == "" {
		return ErrUnnamed
	}
	p.ID = NewReference()
	err := g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		if by.clerk != nil { // its right to ask was looked at in the rehearsal, and is again
			if err := g.permit(w, by, p.Holder, now); err != nil {
				return nil, err
			}
		}
		p.By, p.Who, p.Asked = by.Name, by.who(), now
		p.Until = now.Add(cmp.Or(g.console.FourEyes.Within, defaultWithin))
		return []Event{by.event(ConfirmAsked, p.Holder, p.Serial, p.text())},
			write(g.secrets(), w, pendingName(p.ID), p, p.Until.Add(day))
	})
	if err != nil {
		return err
	}
	return &AwaitsError{p}
}

// text is what waits, for the audit trail.
func (p Pending) text() string {
	text := p.Act.String() + " (" + string(p.ID) + ")"
	if p.Act == PendingRole {
		text += ": " + p.Office.text()
	}
	return text
}

// takePending removes what is being confirmed, in the transaction that does it.
func (g *Gate) takePending(w store.Writer, by Actor, now time.Time) error {
	p, err := g.pendingIn(w, by.confirms.ID, now)
	switch {
	case err != nil:
		return err
	case by.who() == "":
		return ErrUnnamed
	case by.who() == p.Who:
		return ErrOwnPending
	}
	return w.Delete(pendingName(p.ID))
}

// pendingIn reads what still waits.
func (g *Gate) pendingIn(from getter, id Reference, now time.Time) (Pending, error) {
	p, err := read[Pending](g.secrets(), from, pendingName(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && !now.Before(p.Until) {
		err = fmt.Errorf("nothing waits under %s, or no longer: %w", id, ErrNotFound)
	}
	return p, err
}

// Pendings lists what waits for another operator, the oldest first. Error: the
// store's.
func (g *Gate) Pendings(ctx context.Context) (all []Pending, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) (err error) {
		all, err = collect(g.secrets(), r, pendingPrefix, func(p Pending) (bool, error) { return g.now().Before(p.Until), nil })
		return err
	})
	slices.SortFunc(all, func(a, b Pending) int {
		return cmp.Or(a.Asked.Compare(b.Asked), strings.Compare(string(a.ID), string(b.ID)))
	})
	return all, err
}

// Confirm does what another operator asked for, as they asked for it. Errors:
// ErrNotFound, ErrOwnPending, ErrUnnamed, those of the act, the store's.
func (g *Gate) Confirm(ctx context.Context, by Actor, id Reference) (p Pending, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) (err error) {
		p, err = g.pendingIn(r, id, g.now())
		return err
	})
	if err != nil {
		return p, err
	}
	by.confirms = &p
	by.Name += ", asked by " + p.By
	switch p.Act {
	case PendingRole:
		return p, g.GiveRole(ctx, by, p.Holder, p.Office)
	case PendingReturn:
		return p, g.ReturnKey(ctx, by, p.Serial)
	case PendingRetire:
		return p, g.RetireKey(ctx, by, p.Serial)
	case PendingPasskey:
		return p, g.RevokePasskey(ctx, by, p.Holder, p.Passkey)
	case PendingRemoval:
		return p, g.RemoveAccount(ctx, by, p.Holder, p.Keys)
	}
	return p, fmt.Errorf("%s: %w", p.Act, ErrState)
}

// Withdraw ends what waits, undone; whoever asked for it may as well. Errors:
// ErrNotFound, the store's.
func (g *Gate) Withdraw(ctx context.Context, by Actor, id Reference) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		p, err := g.pendingIn(w, id, now)
		if err != nil {
			return nil, err
		}
		return []Event{by.event(ConfirmRefused, p.Holder, p.Serial, p.text())}, w.Delete(pendingName(id))
	})
}
