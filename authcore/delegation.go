package authcore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Delegation opens one application to a person who has no right to it of their
// own, until a date: it ends by itself.
type Delegation struct {
	Application string    `json:"application"`
	Until       time.Time `json:"until"` // the first moment at which it opens nothing
	Reason      string    `json:"reason"`
	By          string    `json:"by"` // who gave it
	Given       time.Time `json:"given"`
}

const (
	maxDelegations = 50 // of one person, those that have ended not counted
	maxDelegation  = 366 * day
)

// Running reports whether a delegation opens anything now.
func (d Delegation) Running(now time.Time) bool { return now.Before(d.Until) }

// delegated reports whether an application is open to a person by delegation.
func (a Account) delegated(application string, now time.Time) bool {
	return slices.ContainsFunc(a.Delegations, func(d Delegation) bool {
		return d.Application == application && application != "" && d.Running(now)
	})
}

// check says what is wrong with a delegation to be given.
func (d Delegation) check(now time.Time) error {
	switch {
	case d.Application == "":
		return fmt.Errorf("%w: it names no application", ErrDelegation)
	case !d.Until.After(now) || d.Until.Sub(now) > maxDelegation:
		return fmt.Errorf("%w: it ends later than now, and in %d days at most, not at %s", ErrDelegation, maxDelegation/day, d.Until.Format("2006-01-02 15:04"))
	case d.Reason == "":
		return fmt.Errorf("%w: it needs a reason, for whoever reads the audit trail", ErrDelegation)
	case plainText(d.Reason) != nil:
		return fmt.Errorf("%w: the reason %w", ErrDelegation, plainText(d.Reason))
	}
	return nil
}

// delegate gives a delegation, in place of one for the same application and of
// those that have ended.
func (a Account) delegate(d Delegation, now time.Time) (Account, error) {
	if err := d.check(now); err != nil {
		return a, err
	}
	a.Delegations = slices.DeleteFunc(slices.Clone(a.Delegations), func(other Delegation) bool {
		return other.Application == d.Application || !other.Running(now)
	})
	if len(a.Delegations) >= maxDelegations {
		return a, fmt.Errorf("%s has %d delegations already: %w", a.Identifier, maxDelegations, ErrTooManyDelegations)
	}
	a.Delegations = append(a.Delegations, d)
	return a, nil
}

// Delegate opens an application to a person until d.Until, at most a year from
// now, in place of a delegation for the same application; By and Given are the
// gate's to fill. Errors: ErrNotFound, ErrDelegation, ErrTooManyDelegations, the
// store's.
func (g *Gate) Delegate(ctx context.Context, by Actor, to Identifier, d Delegation) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := g.permit(w, by, to, now); err != nil {
			return nil, err
		}
		a, err := g.accountIn(w, to)
		if err != nil {
			return nil, err
		}
		d.By, d.Given = by.Name, now
		if a, err = a.delegate(d, now); err != nil {
			return nil, err
		}
		detail := fmt.Sprintf("%s until %s: %s", d.Application, d.Until.UTC().Format(time.RFC3339), d.Reason)
		return []Event{by.event(DelegationGiven, to, "", detail)},
			write(g.secrets(), w, accountName(to), accountRecord(a), time.Time{})
	})
}

// EndDelegation takes a delegation back before its time. Errors: ErrNotFound
// (the person, or a delegation that is running), the store's.
func (g *Gate) EndDelegation(ctx context.Context, by Actor, of Identifier, application string) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := g.permit(w, by, of, now); err != nil {
			return nil, err
		}
		a, err := g.accountIn(w, of)
		if err != nil {
			return nil, err
		}
		if !a.delegated(application, now) {
			return nil, fmt.Errorf("%s has no delegation for %s: %w", of, application, ErrNotFound)
		}
		a.Delegations = slices.DeleteFunc(slices.Clone(a.Delegations), func(d Delegation) bool { return d.Application == application })
		return []Event{by.event(DelegationEnded, of, "", application)},
			write(g.secrets(), w, accountName(of), accountRecord(a), time.Time{})
	})
}
