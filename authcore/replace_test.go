package authcore

import (
	"errors"
	"testing"
	"time"
)

var twoWeeks = ReplaceOrder{Overlap: 14 * day}

// replacing is a bench whose key is in service, and has one in stock to follow.
func replacing(t tb) *bench {
	t.Helper()
	b := newBench(t)
	b.inService("jdupont", "7294")
	b.addKey("NEW-1")
	return b
}

// on types into the page with another key.
func (b *bench) on(serial Serial, pin string) Reply {
	b.t.Helper()
	g := totpKey(serial)
	return b.login("jdupont", pin+g.Code(g.StepAt(b.clock())))
}

// Both open until the overlap ends, then the old one opens nothing, whatever is
// done with it.
func TestTwoKeysSideBySide(t *testing.T) {
	b := replacing(t)
	b.must(b.ReplaceKey(t.Context(), by, "0123456789", "NEW-1", twoWeeks))
	b.want(b.on("0123456789", "7294"), Granted, Done)
	r := b.want(b.on("NEW-1", ""), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, "5083"), Asked, AskNewPasscode)
	b.wait(1)
	g := totpKey("NEW-1")
	b.want(b.newPasscode(r, "5083"+g.Code(g.StepAt(b.clock()))), Granted, Done)
	b.want(b.on("0123456789", "7294"), Granted, Done)

	end := b.key1().Ends
	b.setTime(end.Add(-time.Minute))
	b.want(b.on("0123456789", "7294"), Granted, Done)
	b.setTime(end)
	b.denied(b.on("0123456789", "7294"))
	b.want(b.on("NEW-1", "5083"), Granted, Done)
	for _, change := range []func() error{
		func() error { return b.LoseKey(t.Context(), by, "0123456789") },
		func() error { return b.FoundKey(t.Context(), by, "0123456789") },
		func() error { return b.ClearPIN(t.Context(), by, "0123456789") },
	} {
		b.must(change())
		b.wait(1)
		b.denied(b.on("0123456789", "7294"))
		b.denied(b.on("0123456789", ""))
	}
	b.must(b.RetireKey(t.Context(), by, "0123456789"))
	a, err := b.Account(t.Context(), "jdupont")
	if err != nil || len(a.Keys) != 1 || a.Keys[0] != "NEW-1" {
		t.Errorf("the keys are %v, %v", a.Keys, err)
	}
}

// The PIN moves only if asked, and then the new key is synchronised first.
func TestThePINMoves(t *testing.T) {
	b := replacing(t)
	b.activation("NEW-1") // of no use any more
	b.must(b.ReplaceKey(t.Context(), by, "0123456789", "NEW-1", ReplaceOrder{Overlap: day, MovePIN: true}))
	r := b.want(b.on("NEW-1", "7294"), Asked, AskNextCode)
	b.wait(1)
	g := totpKey("NEW-1")
	b.want(b.nextCode(r, g.Code(g.StepAt(b.clock()))), Granted, Done)
	b.wait(1)
	b.want(b.on("NEW-1", "7294"), Granted, Done)
	b.want(b.on("0123456789", "7294"), Granted, Done)
}

// A requirement of another PIN moves with the PIN.
func TestTheRequirementMovesWithThePIN(t *testing.T) {
	k, other := tableKey(), tableKey()
	k.ChangePIN, other.Serial, other.Holder, other.State = true, "NEW-1", "", PINToDefine
	_, is, err := k.ReplaceBy(other, ReplaceOrder{MovePIN: true}, tableNow)
	if err != nil || !is.ChangePIN || is.PIN != k.PIN || is.State != ToSynchronise {
		t.Errorf("the new key is %s, %v", is.State, err)
	}
}

// TestReplaceInEachState plays a replacement in each state of the old key: what
// opens nothing does not open for the overlap either.
func TestReplaceInEachState(t *testing.T) {
	stock := tableKey()
	stock.Serial, stock.Holder, stock.State, stock.PIN = "NEW-1", "", PINToDefine, ""
	for state, overlaps := range map[State]bool{PINToDefine: true, ToSynchronise: true, Active: true, Locked: false, Lost: false} {
		k := tableKey()
		k.State = state
		was, is, err := k.ReplaceBy(stock, twoWeeks, tableNow)
		want := tableNow
		if overlaps {
			want = tableNow.Add(twoWeeks.Overlap)
		}
		if err != nil || !was.Ends.Equal(want) || was.State != state || was.PIN != k.PIN || was.Used != k.Used || was.ReplacedBy != "NEW-1" {
			t.Errorf("a key that is %s ends at %s, %v", state, was.Ends, err)
		}
		if is.Holder != k.Holder || is.State != PINToDefine || !is.PIN.IsZero() || is.Replaces != k.Serial || !is.Ends.IsZero() {
			t.Errorf("in the place of a key that is %s: %s of %s", state, is.State, is.Holder)
		}
	}
}

// Emergency codes of a lost key end with it: the new one is there.
func TestEmergencyEndsWithTheReplacement(t *testing.T) {
	b, codes := lostWith(t, aWeek)
	b.addKey("NEW-1")
	b.must(b.ReplaceKey(t.Context(), by, "0123456789", "NEW-1", twoWeeks))
	b.denied(b.login("jdupont", "7294"+codes[0]))
	b.want(b.on("NEW-1", ""), Asked, AskNewPIN)
}

func TestReplacementsThatAreRefused(t *testing.T) {
	b := replacing(t)
	b.addKey("NEW-2")
	b.addKey("STOCK-1")
	b.addKey("GONE-1")
	b.addPerson("mmartin", "NEW-2")
	b.must(b.RetireKey(t.Context(), by, "GONE-1"))
	for _, c := range []struct {
		old, other Serial
		order      ReplaceOrder
		want       error
	}{
		{"NONE", "NEW-1", twoWeeks, ErrNotFound},
		{"0123456789", "NONE", twoWeeks, ErrNotFound},
		{"0123456789", "0123456789", twoWeeks, ErrAssigned},
		{"0123456789", "NEW-2", twoWeeks, ErrAssigned},
		{"0123456789", "GONE-1", twoWeeks, ErrState},
		{"STOCK-1", "NEW-1", twoWeeks, ErrState},
		{"GONE-1", "NEW-1", twoWeeks, ErrState},
		{"NEW-2", "NEW-1", ReplaceOrder{MovePIN: true}, ErrNoPIN},
		{nobodyKey, "NEW-1", twoWeeks, ErrNotFound},
		{"0123456789", nobodyKey, twoWeeks, ErrNotFound},
	} {
		before := b.records()
		if err := b.ReplaceKey(t.Context(), by, c.old, c.other, c.order); !errors.Is(err, c.want) {
			t.Errorf("%s by %s: %v, want %v", c.old, c.other, err, c.want)
		}
		if after := b.records(); len(after) != len(before) {
			t.Errorf("%s by %s is refused and written down", c.old, c.other)
		}
	}
	for _, overlap := range []time.Duration{-1, 90*day + 1} {
		if err := b.ReplaceKey(t.Context(), by, "0123456789", "NEW-1", ReplaceOrder{Overlap: overlap}); err == nil {
			t.Errorf("an overlap of %s is allowed", overlap)
		}
	}
	for _, overlap := range []time.Duration{0, 90 * day} {
		if err := (ReplaceOrder{Overlap: overlap}).Check(); err != nil {
			t.Errorf("an overlap of %s: %v", overlap, err)
		}
	}
}

// The two events stand in the transaction of what they tell, each under its key.
func TestAReplacementIsWrittenDown(t *testing.T) {
	b := replacing(t)
	b.must(b.ReplaceKey(t.Context(), by, "0123456789", "NEW-1", twoWeeks))
	for kind, want := range map[EventKind]Event{
		KeyReplaced: {Serial: "0123456789", Detail: "by NEW-1"},
		KeyAssigned: {Serial: "NEW-1", Detail: "replaces 0123456789"},
	} {
		all := b.eventsOf(func(e Event) bool { return e.Kind == kind && e.Serial == want.Serial && e.Detail == want.Detail })
		if len(all) != 1 || all[0].Holder != "jdupont" || all[0].Actor != by.Name {
			t.Errorf("%s: %+v", kind, all)
		}
	}
}
