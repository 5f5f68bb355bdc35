package authcore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// listOf is a roster of people.
func listOf(people ...Account) iter.Seq2[Account, error] {
	return func(yield func(Account, error) bool) {
		for _, a := range people {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// plan gives a plan and its steps.
func (b *bench) plan(r Roster) (*RosterPlan, []Step) {
	b.t.Helper()
	var steps []Step
	p, err := b.PlanRoster(b.t.Context(), r, func(s Step) { steps = append(steps, s) })
	b.must(err)
	return p, steps
}

func ignore(Step) {}

func TestPlanRoster(t *testing.T) {
	b := newBench(t)
	b.addKey("SECOND-1")
	b.addPerson("absent", "SECOND-1")
	b.addPerson("out")
	b.addPerson("same")
	mustBeNil(t, b.DisableAccount(t.Context(), by, "out"))
	people := listOf(
		Account{Identifier: "jdupont", Surname: "Durand", Groups: []string{"enseignants"}},
		Account{Identifier: "new", Surname: "New", End: benchStart},
		Account{Identifier: "same", Surname: "Dupont", Groups: []string{"enseignants"}},
		Account{Identifier: "out", Surname: "Dupont", Groups: []string{"b", "a"}},
	)
	before := b.dump()
	listed := []Step{
		{Kind: StepChange, Holder: "jdupont", Differences: []Difference{{FieldSurname, "Dupont", "Durand"}}},
		{Kind: StepAdd, Holder: "new", Differences: []Difference{{FieldSurname, "", "New"}, {FieldEnd, "", "2026-09-01T07:58:20Z"}}},
		{Kind: StepChange, Holder: "out", Differences: []Difference{{FieldGroups, "enseignants", "a,b"}}},
	}
	tests := []struct {
		absent AbsentFate
		keys   KeyFate
		step   *Step // of absent
	}{
		{KeepAbsent, KeepKeys, nil},
		{DisableAbsent, KeepKeys, &Step{Kind: StepDisable, Holder: "absent"}},
		{RemoveAbsent, ReturnKeys, &Step{Kind: StepRemove, Holder: "absent", Keys: []Serial{"SECOND-1"}}},
		{RemoveAbsent, KeepKeys, &Step{Kind: StepRemove, Holder: "absent", Keys: []Serial{"SECOND-1"}, Problem: "absent: this person has keys: SECOND-1"}},
	}
	digests := map[string]bool{}
	for _, tt := range tests {
		p, steps := b.plan(Roster{People: people, Fields: []AccountField{FieldSurname, FieldGroups}, Absent: tt.absent, Keys: tt.keys})
		want := slices.Clone(listed)
		wantPlan := RosterPlan{Here: 4, Added: 1, Changed: 2, Unchanged: 1, Absent: 1, Shut: 1, Digest: p.Digest}
		if tt.step != nil {
			want = append(want, *tt.step)
			switch tt.step.Kind {
			case StepDisable:
				wantPlan.Disabled = 1
			default:
				wantPlan.Removed = 1
			}
			if tt.step.Problem != "" {
				wantPlan.Refused = 1
			}
		}
		if diff := cmp.Diff(want, steps); diff != "" {
			t.Errorf("absent people: %s, keys: %s (-want +got):\n%s", tt.absent, tt.keys, diff)
		}
		got := *p
		got.marks, got.absent = nil, nil
		if diff := cmp.Diff(wantPlan, got, cmp.AllowUnexported(RosterPlan{})); diff != "" {
			t.Errorf("absent people: %s, keys: %s (-want +got):\n%s", tt.absent, tt.keys, diff)
		}
		digests[p.Digest] = true
	}
	if len(digests) != len(tests) {
		t.Errorf("%d plans have %d digests", len(tests), len(digests))
	}
	if b.dump() != before {
		t.Error("a plan was written")
	}
}

// What was planned is what is done, or nothing of it.
func TestApplyRosterPlanned(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	r := Roster{People: listOf(Account{Identifier: "new"}, Account{Identifier: "jdupont", Surname: "Durand"}), Fields: []AccountField{FieldSurname}, Absent: DisableAbsent, Keys: KeepKeys}
	p, _ := b.plan(r)
	b.addPerson("late") // is absent, and would be disabled
	before := b.dump()
	again, n, err := b.ApplyRoster(ctx, by, r, p.Digest, ignore)
	if !errors.Is(err, ErrPlanChanged) || n != 0 || again.Disabled != 1 || again.Digest == p.Digest {
		t.Errorf("a plan that is no longer the one: %d applied, %v, %+v", n, err, again)
	}
	if b.dump() != before {
		t.Error("something was written")
	}
	if _, n, err := b.ApplyRoster(ctx, by, r, again.Digest, ignore); n != 3 || err != nil {
		t.Errorf("the new plan: %d applied, %v", n, err)
	}
	before = b.dump()
	if p, n, err := b.ApplyRoster(ctx, by, r, "", ignore); n != 0 || err != nil || p.Unchanged != 2 {
		t.Errorf("once more: %d applied, %v, %+v", n, err, p)
	}
	if b.dump() != before {
		t.Error("what is so already was written")
	}
	details := map[string]int{}
	for _, e := range b.eventsOf(func(e Event) bool { return e.Kind == AccountChanged }) {
		details[string(e.Holder)+" "+e.Detail]++
	}
	if diff := cmp.Diff(map[string]int{"jdupont surname": 1, "late disabled": 1}, details); diff != "" {
		t.Errorf("written down (-want +got):\n%s", diff)
	}
}

// A roster that cannot be read, or a person who cannot be removed, stops it all.
func TestApplyRosterRefused(t *testing.T) {
	b := newBench(t)
	before := b.dump()
	broken := errors.New("the list is broken")
	half := func(yield func(Account, error) bool) {
		_ = yield(Account{Identifier: "new"}, nil) && yield(Account{}, broken)
	}
	if _, n, err := b.ApplyRoster(t.Context(), by, Roster{People: half, Absent: KeepAbsent, Keys: KeepKeys}, "", ignore); !errors.Is(err, broken) || n != 0 {
		t.Errorf("a list that is broken: %d, %v", n, err)
	}
	p, n, err := b.ApplyRoster(t.Context(), by, Roster{People: listOf(Account{Identifier: "new"}), Absent: RemoveAbsent, Keys: KeepKeys}, "", ignore)
	if !errors.Is(err, ErrPlanRefused) || n != 0 || p.Refused != 1 {
		t.Errorf("jdupont has a key: %d, %v", n, err)
	}
	if b.dump() != before {
		t.Error("something was written")
	}
}

// meddler is a store in which somebody else acts before the nth Update.
type meddler struct {
	store.Store
	left int
	act  func()
}

func (m *meddler) Update(ctx context.Context, fn func(store.Writer) error) error {
	if m.left--; m.left == 0 {
		m.act()
	}
	return m.Store.Update(ctx, fn)
}

// Somebody who is changed while a roster is applied is left as they are now; the
// same list again does the rest.
func TestApplyRosterInterrupted(t *testing.T) {
	changes := map[string]func(b *bench, ctx context.Context) error{
		"a name": func(b *bench, ctx context.Context) error {
			return b.SetAccount(ctx, by, Account{Identifier: "jdupont", Surname: "X"}, []AccountField{FieldSurname})
		},
		"gone":     func(b *bench, ctx context.Context) error { return b.RemoveAccount(ctx, by, "jdupont", RetireKeys) },
		"new":      func(b *bench, ctx context.Context) error { return b.AddAccount(ctx, by, Account{Identifier: "zoe"}) },
		"out":      func(b *bench, ctx context.Context) error { return b.RemoveAccount(ctx, by, "away", RetireKeys) },
		"away key": func(b *bench, ctx context.Context) error { b.addKey("FT9"); return b.AssignKey(ctx, by, "FT9", "away") },
	}
	for name, change := range changes {
		var m *meddler
		b := newBenchOn(t, func(s store.Store) store.Store { m = &meddler{Store: s}; return m })
		b.addPerson("away")
		r := Roster{People: listOf(Account{Identifier: "anna"}, Account{Identifier: "jdupont", Surname: "Durand"}, Account{Identifier: "zoe", Surname: "Z"}),
			Fields: []AccountField{FieldSurname}, Absent: RemoveAbsent, Keys: RetireKeys}
		m.left, m.act = 2, func() { mustBeNil(t, change(b, t.Context())) } // behind anna
		_, n, err := b.ApplyRoster(t.Context(), by, r, "", ignore)
		if !errors.Is(err, ErrPlanChanged) || n < 1 || n > 3 {
			t.Errorf("%s: %d applied, %v", name, n, err)
		}
		if _, _, err := b.ApplyRoster(t.Context(), by, r, "", ignore); err != nil {
			t.Errorf("%s, again: %v", name, err)
		}
		all, err := b.Accounts(t.Context(), "", 0)
		var got []string
		for _, a := range all {
			got = append(got, string(a.Identifier)+" "+a.Surname)
		}
		if want := []string{"anna ", "jdupont Durand", "zoe Z"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: the people are %q, %v", name, got, err)
		}
	}
}

func TestSweeping(t *testing.T) {
	for _, c := range []struct {
		here, disabled, removed int
		want                    bool
	}{{10, 10, 0, false}, {50, 11, 0, true}, {55, 11, 0, false}, {54, 5, 6, true}, {20000, 4001, 0, true}, {20000, 0, 4000, false}, {0, 0, 0, false}} {
		if p := (RosterPlan{Here: c.here, Disabled: c.disabled, Removed: c.removed}); p.Sweeping() != c.want {
			t.Errorf("%+v: sweeping is %v", c, p.Sweeping())
		}
	}
}

// personGen draws somebody, of few names so that lists overlap.
func personGen(t *rapid.T, label string) Account {
	text := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label+" "+what) }
	a := Account{
		Identifier: Identifier(text("id", "a", "b", "c", "d", "e", "f")), GivenName: text("given name", "", "Anna", "Ève"),
		Surname: text("surname", "", "Dupont"), Email: text("e-mail", "", "a@x"), Establishment: text("establishment", "", "0441550W"),
		Groups:    rapid.SliceOfN(rapid.SampledFrom([]string{"g1", "g2", "g3"}), 0, 3).Draw(t, label+" groups"),
		Functions: rapid.SliceOfN(rapid.SampledFrom([]string{"DIR", "ADJ"}), 0, 2).Draw(t, label+" functions"),
	}
	if rapid.Bool().Draw(t, label+" ends") {
		a.End = benchStart.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, label+" end")) * time.Hour)
	}
	return a
}

// After a roster was applied there is nothing left to do: everybody on it is here
// as it says, and those who are not on it are as was asked. What it does not say
// of people is as it was.
func TestAppliedRosterIsSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t)
		ctx := t.Context()
		here, list := map[Identifier]Account{}, map[Identifier]Account{}
		for i := range rapid.IntRange(0, 5).Draw(t, "here") {
			if a := personGen(t, fmt.Sprint("here ", i)); here[a.Identifier].Identifier == "" {
				b.must(b.AddAccount(ctx, by, a))
				here[a.Identifier] = a
			}
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "listed") {
			a := personGen(t, fmt.Sprint("listed ", i))
			list[a.Identifier] = a
		}
		r := Roster{People: listOf(slices.Collect(maps.Values(list))...), Fields: rapid.SliceOfDistinct(rapid.SampledFrom(allFields), func(f AccountField) AccountField { return f }).Draw(t, "fields"),
			Absent: rapid.SampledFrom([]AbsentFate{KeepAbsent, DisableAbsent, RemoveAbsent}).Draw(t, "absent"), Keys: RetireKeys}
		p, steps := b.plan(r)
		_, n, err := b.ApplyRoster(ctx, by, r, p.Digest, ignore)
		if err != nil || n != len(steps) {
			t.Fatalf("%d of %d steps, %v", n, len(steps), err)
		}
		if _, left := b.plan(r); len(left) > 0 {
			t.Fatalf("still to do: %+v", left)
		}
		all, err := b.Accounts(ctx, "", 0)
		b.must(err)
		for _, is := range all {
			was, known := here[is.Identifier]
			want, listed := list[is.Identifier]
			if known {
				want = was.With(want, r.Fields)
			}
			switch {
			case !listed && (r.Absent == RemoveAbsent || is.Disabled != (r.Absent == DisableAbsent)):
				t.Fatalf("%s, who is absent, is here, disabled: %v", is.Identifier, is.Disabled)
			case !listed && known && len(was.Differences(is)) > 0, listed && len(want.Differences(is)) > 0:
				t.Fatalf("%s is %+v", is.Identifier, is)
			}
			delete(list, is.Identifier)
		}
		if len(list) > 0 {
			t.Fatalf("%d of the list are not here", len(list))
		}
	})
}
