package authcore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// PlanRoster says what applying a roster would come to now, and shows each step;
// nothing is written. Errors: the roster's own, the store's.
func (g *Gate) PlanRoster(ctx context.Context, r Roster, see func(Step)) (*RosterPlan, error) {
	p, sum := new(RosterPlan), sha256.New()
	fmt.Fprintf(sum, "%s %s\n", r.Absent, r.Keys)
	err := g.shared.store.View(ctx, func(from store.Reader) error {
		here := make(map[Identifier]bool)
		for a, err := range r.People {
			if err != nil {
				return err
			}
			here[a.Identifier] = true
			s, shut, err := g.step(from, a, r.Fields)
			if err != nil {
				return err
			}
			if shut {
				p.Shut++
			}
			p.marks = append(p.marks, p.note(s, sum, see))
		}
		return g.planAbsent(from, r, here, func(s Step) {
			p.absent = append(p.absent, s.Holder)
			p.marks = append(p.marks, p.note(s, sum, see))
		}, p)
	})
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	return p, err
}

// planAbsent plans for those who are here and not on the list.
func (g *Gate) planAbsent(from store.Reader, r Roster, listed map[Identifier]bool, take func(Step), p *RosterPlan) error {
	_, err := collect(g.secrets(), from, accountPrefix, func(rec accountRecord) (bool, error) {
		a := Account(rec)
		if a.Identifier == nobody {
			return false, nil
		}
		p.Here++
		if listed[a.Identifier] {
			return false, nil
		}
		p.Absent++
		s, err := g.absentStep(from, a, r)
		if err == nil && s.Kind != 0 {
			take(s)
		}
		return false, err
	})
	return err
}

// note counts a step, shows it and adds it to the digest.
func (p *RosterPlan) note(s Step, sum hash.Hash, see func(Step)) mark {
	switch s.Kind {
	case StepAdd:
		p.Added++
	case StepChange:
		p.Changed++
	case StepDisable:
		p.Disabled++
	case StepRemove:
		p.Removed++
	default:
		p.Unchanged++
		return mark{}
	}
	if s.Problem != "" {
		p.Refused++
	}
	see(s)
	one := s.sum()
	sum.Write(one[:])
	return mark(one[:])
}

// sum names a step.
func (s Step) sum() [sha256.Size]byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic("authcore: a step that is no JSON: " + err.Error()) // it has words and strings only
	}
	return sha256.Sum256(text)
}

// step is what becomes of somebody on the list, none if they are so already, and
// whether they are disabled.
func (g *Gate) step(from getter, a Account, fields []AccountField) (s Step, shut bool, err error) {
	was, err := g.accountIn(from, a.Identifier)
	switch {
	case errors.Is(err, ErrNotFound):
		return Step{Kind: StepAdd, Holder: a.Identifier, Differences: Account{}.Differences(a)}, false, nil
	case err != nil:
		return s, false, err
	}
	if all := was.Differences(was.With(a, fields)); len(all) > 0 {
		s = Step{Kind: StepChange, Holder: a.Identifier, Differences: all}
	}
	return s, was.Disabled, nil
}

// absentStep is what becomes of somebody who is not on the list.
func (g *Gate) absentStep(from getter, a Account, r Roster) (Step, error) {
	switch {
	case r.Absent == DisableAbsent && !a.Disabled:
		return Step{Kind: StepDisable, Holder: a.Identifier}, nil
	case r.Absent != RemoveAbsent:
		return Step{}, nil
	}
	s := Step{Kind: StepRemove, Holder: a.Identifier, Keys: a.Keys}
	_, err := g.keysTaken(from, a, r.Keys)
	if err == nil && g.console.FourEyes.wants(PendingRemoval) && len(a.Keys)+len(a.Passkeys) > 0 {
		err = fmt.Errorf("%s: %w", a.Identifier, ErrAwaits)
	}
	if errors.Is(err, ErrHasKeys) || errors.Is(err, ErrState) || errors.Is(err, ErrAwaits) {
		s.Problem, err = err.Error(), nil
	}
	return s, err
}
