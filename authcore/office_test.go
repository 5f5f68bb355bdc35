package authcore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Establishments whose check letters are right.
const (
	lycee   = "0441550W"
	college = "0693045K"
	other   = "0750001D"
)

// consoleBench is a bench with people in two establishments: Jeanne at the lycée,
// mmartin at the collège, a referent of each, an operator and an auditor.
func consoleBench(t tb) *bench {
	t.Helper()
	b := newBench(t)
	b.Gate = b.WithConsole(ConsoleRules{Groups: map[string][]string{"nord": {college}}, Delegable: []string{"notes"}})
	b.at("jdupont", lycee)
	b.addKey("OTHER-1")
	b.addPerson("mmartin", "OTHER-1")
	b.at("mmartin", college)
	for id, o := range map[Identifier]Office{
		"rlycee": {Role: RoleReferent, Establishments: []string{lycee}}, "rnord": {Role: RoleReferent, Groups: []string{"nord"}},
		"oper": {Role: RoleOperator}, "audit": {Role: RoleAuditor},
	} {
		b.addPerson(id)
		b.at(id, lycee)
		b.must(b.GiveRole(t.Context(), by, id, o))
	}
	return b
}

// at has somebody work at an establishment.
func (b *bench) at(id Identifier, uai string) {
	b.t.Helper()
	b.must(b.SetAccount(b.t.Context(), by, Account{Identifier: id, Establishment: uai}, []AccountField{FieldEstablishment}))
}

// referents gives the identifiers' mails of whom a person may turn to.
func (b *bench) referents(id Identifier) string {
	b.t.Helper()
	all, err := b.ReferentsOf(b.t.Context(), b.account(id))
	b.must(err)
	var text []string
	for _, e := range all {
		for _, p := range e.Referents {
			text = append(text, e.Establishment+" "+p.Email)
		}
	}
	return strings.Join(text, ", ")
}

func TestReferentsOf(t *testing.T) {
	b := consoleBench(t)
	mail := func(id Identifier) {
		b.must(b.SetAccount(t.Context(), by, Account{Identifier: id, Email: string(id) + "@test"}, []AccountField{FieldEmail}))
	}
	mail("rlycee")
	mail("rnord")
	want := func(id Identifier, text string) {
		t.Helper()
		if got := b.referents(id); got != text {
			t.Errorf("%s is told of %q, want %q", id, got, text)
		}
	}
	want("jdupont", "0441550W rlycee@test")
	want("mmartin", "0693045K rnord@test")
	two := attributesOf(fredu.Change{fredu.Rne: {"0693045K$UAJ$PU$ADM$0693045K$T3$LP$320"}})
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont", Attributes: two}, []AccountField{AttributeField(fredu.Rne)}))
	want("jdupont", "0441550W rlycee@test, 0693045K rnord@test")
	b.must(b.GiveRole(t.Context(), by, "rlycee", Office{Role: RoleReferent, Establishments: []string{college, college}, Groups: []string{"nord"}}))
	want("jdupont", "0693045K rlycee@test, 0693045K rnord@test")
	b.must(b.DisableAccount(t.Context(), by, "rnord"))
	want("mmartin", "0693045K rlycee@test")
	b.must(b.EnableAccount(t.Context(), by, "rnord"))
	b.must(b.EndRole(t.Context(), by, "rlycee"))
	want("mmartin", "0693045K rnord@test")
	b.must(b.RemoveAccount(t.Context(), by, "rnord", KeepKeys))
	want("mmartin", "")
	b.Gate = b.WithConsole(ConsoleRules{})
	want("jdupont", "")
	for name := range b.records() {
		if strings.HasPrefix(name, "referents/") || strings.HasSuffix(name, "/rnord") && kindOf(name) != "chain" && kindOf(name) != "attempts" {
			t.Errorf("%s is left", name)
		}
	}
}

func TestGiveRole(t *testing.T) {
	b := consoleBench(t)
	many := make([]string, maxScope+1)
	for name, o := range map[string]Office{
		"no role":           {},
		"a holder":          {Role: RoleHolder},
		"without a scope":   {Role: RoleReferent},
		"a wrong letter":    {Role: RoleReferent, Establishments: []string{"0441550X"}},
		"an unknown group":  {Role: RoleReferent, Groups: []string{"sud"}},
		"a scoped operator": {Role: RoleOperator, Establishments: []string{lycee}},
		"a scoped auditor":  {Role: RoleAuditor, Groups: []string{"nord"}},
		"too many":          {Role: RoleReferent, Establishments: many},
	} {
		before := b.dump()
		if err := b.GiveRole(t.Context(), by, "jdupont", o); err == nil || b.dump() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.GiveRole(t.Context(), by, "nobody.here", Office{Role: RoleAuditor}); !errors.Is(err, ErrNotFound) {
		t.Errorf("to nobody: %v", err)
	}
	if err := b.EndRole(t.Context(), by, "jdupont"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a role ends that there is not: %v", err)
	}
	if got := b.eventsOf(kindIs(RoleGiven)); len(got) != 4 || got[0].Actor != "test" {
		t.Errorf("written down: %+v", got)
	}
	if o := b.account("rnord").Office; o.By != "test" || !o.Given.Equal(benchStart) || b.Scope(o)[0] != college {
		t.Errorf("the office is %+v", o)
	}
}

// Who is added under the identifier of somebody removed has none of their roles, and
// a list of people gives none.
func TestRolesAreNotInherited(t *testing.T) {
	b := consoleBench(t)
	b.must(b.RemoveAccount(t.Context(), by, "oper", KeepKeys))
	b.must(b.AddAccount(t.Context(), by, Account{Identifier: "oper", Office: Office{Role: RoleOperator}}))
	if o := b.account("oper").Office; !o.IsZero() {
		t.Errorf("the new one is %s", o.Role)
	}
	officers, err := b.Officers(t.Context(), "", 0)
	mustBeNil(t, err)
	var ids []Identifier
	for _, a := range officers {
		ids = append(ids, a.Identifier)
	}
	if diff := cmp.Diff([]Identifier{"audit", "rlycee", "rnord"}, ids); diff != "" {
		t.Errorf("who has a role (-want +got):\n%s", diff)
	}
	page, err := b.Officers(t.Context(), "audit", 1)
	if err != nil || len(page) != 1 || page[0].Identifier != "rlycee" {
		t.Errorf("the second page: %+v, %v", page, err)
	}
}

// members are the people whom the index leads to at an establishment.
func (b *bench) members(uai string) (ids []string) {
	b.t.Helper()
	b.must(b.store.View(b.t.Context(), func(r store.Reader) error {
		ids = nil
		for e, err := range r.Scan(membersAt(uai), "") {
			if err != nil {
				return err
			}
			ids = append(ids, strings.TrimPrefix(e.Key, membersAt(uai)))
		}
		return nil
	}))
	return ids
}

// Wherever accounts are written, the index of members follows.
func TestMembers(t *testing.T) {
	b := newBench(t)
	want := func(uai string, ids ...string) {
		t.Helper()
		if diff := cmp.Diff(ids, b.members(uai)); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", uai, diff)
		}
	}
	b.at("jdupont", lycee)
	want(lycee, "jdupont")
	_, _, err := b.ApplyRoster(t.Context(), by, Roster{
		People: listOf(Account{Identifier: "jdupont", Establishment: college}, Account{Identifier: "new", Establishment: college}),
		Fields: []AccountField{FieldEstablishment}, Absent: KeepAbsent, Keys: KeepKeys,
	}, "", ignore)
	mustBeNil(t, err)
	want(lycee)
	want(college, "jdupont", "new")
	_, _, err = b.ApplyRoster(t.Context(), by, Roster{People: listOf(Account{Identifier: "jdupont"}), Fields: nil, Absent: RemoveAbsent, Keys: KeepKeys}, "", ignore)
	mustBeNil(t, err)
	want(college, "jdupont")
	var postings []string
	for i := range 40 {
		postings = append(postings, fmt.Sprintf("0441550W$UAJ$PU$ADM$0693045K$T3$LP$%03d", 300+i))
	}
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont", Attributes: attributesOf(fredu.Change{fredu.Rne: postings})}, []AccountField{AttributeField(fredu.Rne)}))
	want(lycee, "jdupont")
	if got := len(b.account("jdupont").Establishments()); got != 2 {
		t.Errorf("%d establishments", got)
	}
}

// alice and bob are two operators, under their names.
var (
	alice = Actor{Name: "alice (192.0.2.7)", Who: "alice"}
	bob   = Actor{Name: "Bob (unix socket)", Who: "Bob"}
)

// awaits wants an act to wait, and gives the name under which it does.
func (b *bench) awaits(err error) Pending {
	b.t.Helper()
	awaiting, ok := errors.AsType[*AwaitsError](err)
	if !ok || !errors.Is(err, ErrAwaits) {
		b.t.Fatalf("it does not wait: %v", err)
	}
	return awaiting.Pending
}

// What takes two operators has not happened before the second one's word.
func TestFourEyes(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*bench, Actor) error
		done func(*bench) bool
	}{
		"a referent": {
			func(b *bench, by Actor) error {
				return b.GiveRole(t.Context(), by, "mmartin", Office{Role: RoleReferent, Establishments: []string{lycee}})
			},
			func(b *bench) bool { return b.account("mmartin").Office.Role == RoleReferent },
		},
		"retire": {
			func(b *bench, by Actor) error { return b.RetireKey(t.Context(), by, "0123456789") },
			func(b *bench) bool { return b.key1().State == Retired },
		},
		"return": {
			func(b *bench, by Actor) error { return b.ReturnKey(t.Context(), by, "0123456789") },
			func(b *bench) bool { return b.key1().Holder == "" },
		},
		"remove": {
			func(b *bench, by Actor) error { return b.RemoveAccount(t.Context(), by, "jdupont", RetireKeys) },
			func(b *bench) bool { _, err := b.Account(t.Context(), "jdupont"); return errors.Is(err, ErrNotFound) },
		},
		"passkey": {
			func(b *bench, by Actor) error { return b.RevokePasskey(t.Context(), by, "jdupont", "Phone") },
			func(b *bench) bool { return len(b.account("jdupont").Passkeys) == 0 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := consoleBench(t)
			b.addsPasskey(b.inService("jdupont", pin).Token, newAuthenticator(), "Phone")
			b.Gate = b.WithConsole(ConsoleRules{FourEyes: FourEyes{Roles: true, SecondFactor: true, Within: time.Hour}})
			if err := c.do(b, Actor{Name: "192.0.2.7"}); !errors.Is(err, ErrUnnamed) || c.done(b) {
				t.Errorf("by nobody in particular: %v", err)
			}
			p := b.awaits(c.do(b, alice))
			if c.done(b) {
				t.Fatal("it is done by one")
			}
			if _, err := b.Confirm(t.Context(), Actor{Name: "Alice (elsewhere)", Who: " ALICE "}, p.ID); !errors.Is(err, ErrOwnPending) || c.done(b) {
				t.Errorf("confirmed by who asked: %v", err)
			}
			if _, err := b.Confirm(t.Context(), Actor{Name: "unix socket"}, p.ID); !errors.Is(err, ErrUnnamed) || c.done(b) {
				t.Errorf("confirmed by nobody in particular: %v", err)
			}
			list, err := b.Pendings(t.Context())
			if err != nil || len(list) != 1 || list[0].By != alice.Name {
				t.Errorf("what waits: %+v, %v", list, err)
			}
			if _, err := b.Confirm(t.Context(), bob, p.ID); err != nil || !c.done(b) {
				t.Errorf("confirmed: %v", err)
			}
			if _, err := b.Confirm(t.Context(), bob, p.ID); !errors.Is(err, ErrNotFound) {
				t.Errorf("confirmed twice: %v", err)
			}
			both := func(e Event) bool { return e.Actor == "Bob (unix socket), asked by alice (192.0.2.7)" }
			if len(b.eventsOf(both)) == 0 {
				t.Error("it is not written down who did it, and who asked")
			}
		})
	}
}

func TestFourEyesEnd(t *testing.T) {
	b := consoleBench(t)
	b.Gate = b.WithConsole(ConsoleRules{FourEyes: FourEyes{SecondFactor: true}})
	lost := b.awaits(b.RetireKey(t.Context(), alice, "0123456789"))
	b.pass(day)
	if _, err := b.Confirm(t.Context(), bob, lost.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("confirmed behind its time: %v", err)
	}
	taken := b.awaits(b.RetireKey(t.Context(), alice, "0123456789"))
	b.must(b.Withdraw(t.Context(), alice, taken.ID))
	if _, err := b.Confirm(t.Context(), bob, taken.ID); !errors.Is(err, ErrNotFound) || b.key1().State == Retired {
		t.Errorf("confirmed though it was taken back: %v", err)
	}
	// What is not held back: a key in stock, the brakes, what gives.
	b.addKey("STOCK-1")
	for name, err := range map[string]error{
		"a key in stock": b.RetireKey(t.Context(), alice, "STOCK-1"), "a role": b.GiveRole(t.Context(), alice, "mmartin", Office{Role: RoleAuditor}),
		"lost": b.LoseKey(t.Context(), alice, "OTHER-1"), "disabled": b.DisableAccount(t.Context(), alice, "mmartin"),
	} {
		b.must(err)
		_ = name
	}
	if err := b.RetireKey(t.Context(), alice, "STOCK-1"); !errors.Is(err, ErrState) {
		t.Errorf("what cannot be done is asked for: %v", err)
	}
	// A key that has changed hands meanwhile is not taken from the other one.
	moved := b.awaits(b.ReturnKey(t.Context(), alice, "0123456789"))
	b.change("0123456789", func(k *Key) { k.Holder = "mmartin" })
	if _, err := b.Confirm(t.Context(), bob, moved.ID); !errors.Is(err, ErrState) || b.key1().Holder != "mmartin" {
		t.Errorf("taken from somebody else: %v", err)
	}
	// A list of people removes nobody who has a second factor.
	p, _ := b.plan(Roster{People: listOf(), Absent: RemoveAbsent, Keys: RetireKeys})
	if p.Refused != 2 {
		t.Errorf("%d of a list are refused, want jdupont and mmartin", p.Refused)
	}
}
