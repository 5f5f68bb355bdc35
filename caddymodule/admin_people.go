package caddymodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/peoplefile"
)

// peopleParameters say what becomes of people who are not on the list, and how to
// take it.
var peopleParameters = []string{"dry_run", "absent", "keys", "force", "plan"}

// peopleReport is the answer to an import of people: what is planned, and how
// much of it was done.
type peopleReport struct {
	Error        string          `json:"error,omitempty"`
	DryRun       bool            `json:"dry_run"`
	Plan         string          `json:"plan"` // the digest that names the plan; "" where the list is refused
	Here         int             `json:"here"` // people before
	Added        int             `json:"added"`
	Changed      int             `json:"changed"`
	Unchanged    int             `json:"unchanged"`
	Absent       int             `json:"absent"` // here and not on the list
	Disabled     int             `json:"disabled"`
	Removed      int             `json:"removed"`
	Shut         int             `json:"shut"` // on the list, and disabled, and staying so
	Sweeping     bool            `json:"sweeping"`
	Applied      int             `json:"applied"`
	Steps        []authcore.Step `json:"steps"` // the first of them
	MoreSteps    int             `json:"more_steps,omitempty"`
	Refused      int             `json:"refused"`  // lines of the list
	Problems     []peopleProblem `json:"problems"` // the first of the refusals
	MoreProblems int             `json:"more_problems,omitempty"`
}

// peopleProblem is why one line of a list is refused.
type peopleProblem struct {
	Line    int    `json:"line"`
	ID      string `json:"id,omitempty"`
	Problem string `json:"problem"`
}

// see notes a step.
func (r *peopleReport) see(s authcore.Step) {
	if len(r.Steps) == maxProblems {
		r.MoreSteps++
		return
	}
	r.Steps = append(r.Steps, s)
}

// refuse notes why a line is refused.
func (r *peopleReport) refuse(line int, id string, err error) {
	if r.Refused++; len(r.Problems) == maxProblems {
		r.MoreProblems++
		return
	}
	if errors.Is(err, authcore.ErrIdentifierIsPasscode) {
		id = "" // which may be one
	}
	r.Problems = append(r.Problems, peopleProblem{line, id, err.Error()})
}

// planned takes what a plan says.
func (r *peopleReport) planned(p *authcore.RosterPlan) {
	r.Plan, r.Here, r.Added, r.Changed, r.Unchanged = p.Digest, p.Here, p.Added, p.Changed, p.Unchanged
	r.Absent, r.Disabled, r.Removed, r.Shut, r.Sweeping = p.Absent, p.Disabled, p.Removed, p.Shut, p.Sweeping()
}

// importPeople compares a list of people with those who are here, and makes
// these agree with it.
func importPeople(c *adminCall) (any, error) {
	roster, err := c.rosterOptions()
	if err != nil {
		return nil, err
	}
	dryRun, err := c.flag("dry_run")
	if err != nil {
		return nil, err
	}
	body, err := c.peopleList()
	if err != nil {
		return nil, err
	}
	report := &peopleReport{DryRun: dryRun, Steps: []authcore.Step{}, Problems: []peopleProblem{}}
	if roster.Fields, err = checkPeople(body, report); err != nil {
		return nil, peopleRefusal(err)
	}
	if report.Refused > 0 {
		c.status = http.StatusUnprocessableEntity
		report.Error = fmt.Sprintf("nothing was imported: %s refused", count(report.Refused, "line is", "lines are"))
		return report, nil
	}
	roster.People = peopleOf(body)
	if dryRun {
		p, err := c.gate.PlanRoster(c.Context(), roster, report.see)
		if err == nil {
			report.planned(p)
		}
		return report, err
	}
	return c.applyPeople(roster, report)
}

// applyPeople does what is planned. A caller that leaves does not stop it halfway.
func (c *adminCall) applyPeople(roster authcore.Roster, report *peopleReport) (any, error) {
	p, applied, err := c.gate.ApplyRoster(context.WithoutCancel(c.Context()), c.by, roster, c.query.Get("plan"), report.see)
	report.planned(p)
	report.Applied = applied
	steps := p.Added + p.Changed + p.Disabled + p.Removed
	switch {
	case err == nil:
		return report, nil
	case errors.Is(err, authcore.ErrSweeping):
		report.Error = sweepingSentence(report)
	case errors.Is(err, authcore.ErrPlanRefused):
		report.Error = fmt.Sprintf("nothing was imported: %s to remove cannot be: return or retire their keys first, or with them by --return-keys or --retire-keys (over HTTP keys=return or keys=retire)", count(p.Refused, "person", "people"))
	case errors.Is(err, authcore.ErrPlanChanged) && applied == 0:
		report.Error = fmt.Sprintf("nothing was imported: %v", err)
	case errors.Is(err, authcore.ErrPlanChanged):
		report.Error = fmt.Sprintf("%d of %s were applied before this: %v; import the list again", applied, count(steps, "change", "changes"), err)
	default:
		return nil, fmt.Errorf("%d of %d changes were applied before this: %w", applied, steps, err)
	}
	c.status = http.StatusConflict
	return report, nil
}

// sweepingSentence says why a list may be the wrong one.
func sweepingSentence(r *peopleReport) string {
	return fmt.Sprintf("nothing was imported: %d of %s would be shut out or removed, more than a fifth: if this is the right list, --force takes it nevertheless (over HTTP force=true)",
		r.Disabled+r.Removed, count(r.Here, "person", "people"))
}

// rosterOptions reads the parameters but for those of the list itself.
func (c *adminCall) rosterOptions() (r authcore.Roster, err error) {
	r.Absent = authcore.KeepAbsent
	if text := c.query.Get("absent"); text != "" {
		if err := r.Absent.UnmarshalText([]byte(text)); err != nil {
			return r, adminRefusal(http.StatusBadRequest, "the parameter absent is keep, disable or remove")
		}
	}
	if r.Force, err = c.flag("force"); err != nil {
		return r, err
	}
	r.Keys, err = c.keyFate()
	return r, err
}

// peopleList reads the body, which is gone over several times.
func (c *adminCall) peopleList() ([]byte, error) {
	t, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || t != "text/csv" && t != "application/octet-stream" {
		return nil, adminRefusal(http.StatusUnsupportedMediaType, "the body is the list as it is, with the header Content-Type: text/csv or application/octet-stream")
	}
	if c.ContentLength > peoplefile.MaxBytes {
		return nil, peopleRefusal(peoplefile.ErrTooLarge)
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(importTime)) // at worst the endpoint's ten seconds stay
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, peoplefile.MaxBytes))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		err = peoplefile.ErrTooLarge
	}
	if err != nil {
		return nil, peopleRefusal(err)
	}
	return body, nil
}

// peopleRefusal is the answer to a list that cannot be read at all.
func peopleRefusal(err error) error {
	switch {
	case errors.Is(err, peoplefile.ErrTooLarge):
		return adminRefusal(http.StatusRequestEntityTooLarge, "nothing was imported: %w", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return adminRefusal(http.StatusBadRequest, "the list did not arrive whole: nothing was imported")
	}
	return adminRefusal(http.StatusUnprocessableEntity, "nothing was imported: %w", err)
}

// checkPeople goes over a list, notes what is wrong with it, and tells of which
// fields it speaks. Its error refuses the list as a whole.
func checkPeople(body []byte, report *peopleReport) (fields []authcore.AccountField, err error) {
	for rec, err := range peoplefile.Read(bytes.NewReader(body), time.Local) {
		if problem, ok := errors.AsType[*peoplefile.Problem](err); ok {
			report.refuse(problem.Line, problem.Identifier, problem.Err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if fields == nil {
			fields = fieldsOf(rec)
		}
		if _, err := accountOf(rec); err != nil {
			report.refuse(rec.Line, rec.Identifier, err)
		}
	}
	return fields, nil
}

// peopleOf gives the people of a list that was checked.
func peopleOf(body []byte) func(func(authcore.Account, error) bool) {
	return func(yield func(authcore.Account, error) bool) {
		for rec, err := range peoplefile.Read(bytes.NewReader(body), time.Local) {
			a := authcore.Account{}
			if err == nil {
				a, err = accountOf(rec)
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// accountOf makes an account of what a list says.
func accountOf(rec peoplefile.Record) (authcore.Account, error) {
	id, err := authcore.ParseIdentifier(rec.Identifier)
	if err != nil {
		return authcore.Account{}, err
	}
	a := authcore.Account{
		Identifier: id, GivenName: rec.GivenName, Surname: rec.Surname, Email: rec.Email,
		Groups: rec.Groups, Functions: rec.Functions, Establishment: rec.Establishment, End: rec.End, Attributes: rec.Attributes,
	}
	return a, a.Validate()
}

// fieldsOf gives the fields that a list has columns for.
func fieldsOf(rec peoplefile.Record) (fields []authcore.AccountField) {
	for _, c := range []struct {
		column peoplefile.Column
		field  authcore.AccountField
	}{
		{peoplefile.GivenName, authcore.FieldGivenName}, {peoplefile.Surname, authcore.FieldSurname},
		{peoplefile.Email, authcore.FieldEmail}, {peoplefile.Groups, authcore.FieldGroups},
		{peoplefile.Functions, authcore.FieldFunctions}, {peoplefile.Establishment, authcore.FieldEstablishment},
		{peoplefile.End, authcore.FieldEnd},
	} {
		if rec.Has(c.column) {
			fields = append(fields, c.field)
		}
	}
	for _, a := range fredu.Attributes() {
		if rec.Has(peoplefile.OfAttribute(a)) {
			fields = append(fields, authcore.AttributeField(a))
		}
	}
	return fields
}
