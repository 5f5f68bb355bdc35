package authcore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/fredu"
)

var allFields = func() []AccountField {
	all := []AccountField{FieldGivenName, FieldSurname, FieldEmail, FieldGroups, FieldFunctions, FieldEstablishment, FieldEnd}
	for _, a := range fredu.Attributes() {
		all = append(all, AttributeField(a))
	}
	return all
}()

// fullAttributes has a value for every attribute.
func fullAttributes() fredu.Set {
	return attributesOf(fredu.Change{
		fredu.Rne: {"0693045K$UAJ$PU$ADM$0693045K$T3$LP$320", "0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340"}, fredu.RneResp: {"X"},
		fredu.ResDel: {"notes||01/09/2026|31/08/2027|cdurand|||x|"}, fredu.GestResp: {"01/09/2026$31/08/2027$805$NOTES"},
		fredu.FonctAdm: {"DIR"}, fredu.Academy: {"017"}, fredu.Title: {"Proviseure"}, fredu.Grade: {"a"}, fredu.Discipline: {"b"}, fredu.FonctM: {"c"},
		fredu.TypEnsi: {"d"}, fredu.EmployeeNumber: {"14E9912345ABC"}, fredu.BirthDate: {"01/01/1980"}, fredu.Civility: {"Mme"}, fredu.CivilityCode: {"2"},
	})
}

func fullAccount() Account {
	return Account{Identifier: "mmartin", GivenName: "Marc", Surname: "Martin", Email: "mm@ac-example.fr", Groups: []string{"b", "a"},
		Functions: []string{"DIR"}, Establishment: "0441550W", End: benchStart.Add(time.Hour), Attributes: fullAttributes()}
}

// Each field is set by itself, and by nothing else.
func TestWithOneField(t *testing.T) {
	empty := Account{Identifier: "mmartin", Disabled: true, Keys: []Serial{"FT1"}, Epoch: 7, Added: benchStart}
	for _, f := range allFields {
		is := empty.With(fullAccount(), []AccountField{f})
		diff := empty.Differences(is)
		if len(diff) != 1 || diff[0].Field != f || diff[0].From != "" || diff[0].To == "" {
			t.Errorf("%s set alone gives the differences %+v", f, diff)
		}
		if back := is.With(empty, []AccountField{f}); !cmp.Equal(back, empty) {
			t.Errorf("%s set and taken back: %+v", f, back)
		}
	}
	if same := empty.With(fullAccount(), []AccountField{0, 99}); !cmp.Equal(same, empty) {
		t.Errorf("a field that is none sets something: %+v", same)
	}
}

func TestDifferences(t *testing.T) {
	a := fullAccount()
	b := a
	b.Groups, b.End = []string{"a", "b", "a"}, a.End.In(time.FixedZone("", 3600))
	if diff := a.Differences(b); diff != nil {
		t.Errorf("one set of groups in another order, one instant in another zone: %+v", diff)
	}
	b.Surname, b.Groups, b.End = "", []string{"c"}, time.Time{}
	b.Attributes = a.Attributes.Like(attributesOf(fredu.Change{fredu.Title: {"Principale"}}), fredu.Title).Like(fredu.Set{}, fredu.Rne)
	rne := "0693045K$UAJ$PU$ADM$0693045K$T3$LP$320,0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340"
	want := []Difference{{FieldSurname, "Martin", ""}, {FieldGroups, "a,b", "c"}, {FieldEnd, "2026-09-01T08:58:20Z", ""},
		{AttributeField(fredu.Rne), rne, ""}, {AttributeField(fredu.Title), "Proviseure", "Principale"}}
	if diff := cmp.Diff(want, a.Differences(b)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

func TestSetAccount(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	mustBeNil(t, b.AddAccount(ctx, by, fullAccount()))
	was, err := b.Account(ctx, "mmartin")
	mustBeNil(t, err)
	smuggled := Account{Identifier: "mmartin", Surname: "Durand", Disabled: true, Keys: []Serial{"0123456789"}, Epoch: 1}
	mustBeNil(t, b.SetAccount(ctx, by, smuggled, []AccountField{FieldSurname, FieldEmail}))
	got, err := b.Account(ctx, "mmartin")
	mustBeNil(t, err)
	want := was
	want.Surname, want.Email = "Durand", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the account is now (-want +got):\n%s", diff)
	}
	e := b.eventsOf(kindIs(AccountChanged))
	if len(e) != 1 || e[0].Detail != "surname, email" || e[0].Holder != "mmartin" || e[0].Actor != by.Name {
		t.Errorf("written down: %+v", e)
	}
	before := b.dump()
	mustBeNil(t, b.SetAccount(ctx, by, smuggled, []AccountField{FieldSurname}))
	if err := b.SetAccount(ctx, by, Account{Identifier: "mmartin", Establishment: "nowhere"}, []AccountField{FieldEstablishment}); err == nil {
		t.Error("an account that is not valid was written")
	}
	if err := b.SetAccount(ctx, by, Account{Identifier: "nobody.here"}, allFields); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody unknown: %v", err)
	}
	if err := b.SetAccount(ctx, by, Account{Identifier: nobody, Surname: "x"}, allFields); !errors.Is(err, ErrNotFound) {
		t.Errorf("the stand-in: %v", err)
	}
	if b.dump() != before {
		t.Error("what changes nothing, or is refused, was written")
	}
}

// setEnd moves the end of jdupont's account.
func (b *bench) setEnd(end time.Time) {
	b.t.Helper()
	b.must(b.SetAccount(b.t.Context(), by, Account{Identifier: "jdupont", End: end}, []AccountField{FieldEnd}))
}

// At its end an account is shut as if disabled: sessions die at that instant, in
// the list too, and no login passes. Opened again, it has no session of before.
func TestAccountEnds(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	end := b.clock().Add(time.Minute)
	b.setEnd(end)
	b.setTime(end.Add(-time.Nanosecond))
	if !b.opens(token, "", false) {
		t.Fatal("the session died before the account's end")
	}
	b.setTime(end)
	if b.opens(token, "", false) {
		t.Error("the session outlives the account")
	}
	if alive, err := b.Sessions(t.Context(), "jdupont", "", 10); err != nil || len(alive) != 0 {
		t.Errorf("%d sessions are listed, %v", len(alive), err)
	}
	b.denied(b.login("jdupont", pin+b.shows(0)))
	e := b.eventsOf(kindIs(PersonDisabled))
	if len(e) != 1 || e[0].Detail != "ended" || e[0].Serial != "0123456789" {
		t.Errorf("written down: %+v", e)
	}
	mustBeNil(t, b.EnableAccount(t.Context(), by, "jdupont"))
	b.wait(1)
	b.denied(b.login("jdupont", pin+b.shows(0)))
	b.setEnd(time.Time{})
	if b.opens(token, "", false) {
		t.Error("a session that ended with the account opens again")
	}
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
}

// An account that ends while a PIN is hashed or a login waits lets nobody in.
func TestAccountEndsDuringALogin(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	release := b.holdHashes()
	c := b.Begin("")
	replies := make(chan Reply)
	go func() { replies <- b.answer(c, PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(0))}) }()
	for len(b.shared.pins.waiting) == 0 { // until the hash waits for its turn
		select {
		case r := <-replies:
			t.Fatalf("an answer without its hash: %s", r.Outcome)
		default:
		}
	}
	b.setEnd(b.clock())
	release()
	b.denied(<-replies)
	if e := b.eventsOf(kindIs(PersonDisabled)); len(e) != 1 || e[0].Detail != "ended" {
		t.Errorf("written down: %+v", e)
	}
	mustBeNil(t, b.DisableAccount(t.Context(), by, "jdupont"))
	b.wait(1)
	b.denied(b.login("jdupont", pin+b.shows(0)))
	if e := b.eventsOf(kindIs(PersonDisabled)); !slices.ContainsFunc(e, func(e Event) bool { return e.Detail == "disabled" }) {
		t.Errorf("written down: %+v", e)
	}
}
