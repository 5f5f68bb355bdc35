package authcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Errors of ApplyRoster.
var (
	// ErrPlanChanged: what would be done is not, or no longer, what was planned.
	ErrPlanChanged = errors.New("somebody changed people meanwhile: this is no longer what was planned")
	// ErrPlanRefused: a step of the plan has a Problem.
	ErrPlanRefused = errors.New("somebody who is to be removed cannot be")
	// ErrSweeping: the plan is Sweeping, and Roster.Force is not set.
	ErrSweeping = errors.New("so many people would be shut out or removed that this may be the wrong list")
)

// ApplyRoster plans, and does what is planned; with a digest only if that is
// still the plan of that name. Nothing is written before the whole list was read
// and compared. Then each person is one transaction with its audit entry, which
// is refused when somebody changed them meanwhile: what was done until then stays
// done, applied says how much, and applying the same list again does the rest.
// Errors: ErrPlanChanged, ErrPlanRefused, ErrSweeping, the roster's own, the store's; the plan
// comes with them.
func (g *Gate) ApplyRoster(ctx context.Context, by Actor, r Roster, digest string, see func(Step)) (p *RosterPlan, applied int, err error) {
	p, err = g.PlanRoster(ctx, r, see)
	switch {
	case err != nil:
		return p, 0, err
	case digest != "" && digest != p.Digest:
		return p, 0, ErrPlanChanged
	case p.Refused > 0:
		return p, 0, ErrPlanRefused
	case p.Sweeping() && !r.Force:
		return p, 0, ErrSweeping
	}
	marks := p.marks
	for a, err := range r.People {
		if err != nil {
			return p, applied, err
		}
		m := marks[0]
		if marks = marks[1:]; m == (mark{}) {
			continue
		}
		if err := g.applyListed(ctx, by, a, r.Fields, m); err != nil {
			return p, applied, err
		}
		applied++
	}
	for i, id := range p.absent {
		if err := g.applyAbsent(ctx, by, id, r, marks[i]); err != nil {
			return p, applied, err
		}
		applied++
	}
	return p, applied, nil
}

// applyListed takes the step of somebody on the list, if it is still that one.
func (g *Gate) applyListed(ctx context.Context, by Actor, a Account, fields []AccountField, planned mark) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		s, _, err := g.step(w, a, fields)
		if err != nil {
			return nil, err
		}
		if err := s.is(planned, a.Identifier); err != nil {
			return nil, err
		}
		if s.Kind == StepAdd {
			return g.add(w, by, a, now)
		}
		was, err := g.accountIn(w, a.Identifier)
		if err != nil {
			return nil, err
		}
		return g.become(w, by, was, was.With(a, fields), now)
	})
}

// applyAbsent takes the step of somebody who is not on the list.
func (g *Gate) applyAbsent(ctx context.Context, by Actor, id Identifier, r Roster, planned mark) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		a, err := g.accountIn(w, id)
		if errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("%s: %w", id, ErrPlanChanged)
		}
		if err != nil {
			return nil, err
		}
		s, err := g.absentStep(w, a, r)
		if err != nil {
			return nil, err
		}
		if err := s.is(planned, id); err != nil {
			return nil, err
		}
		if s.Kind == StepRemove {
			return g.remove(w, by, a, r.Keys)
		}
		return g.disable(w, by, a)
	})
}

// is reports in an error that a step is not the one that was planned.
func (s Step) is(planned mark, id Identifier) error {
	if one := s.sum(); !slices.Equal(one[:len(planned)], planned[:]) {
		return fmt.Errorf("%s: %w", id, ErrPlanChanged)
	}
	return nil
}
