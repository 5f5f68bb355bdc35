package authcore

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// leftover is a bench where mmartin logged in and failed, again and again.
func leftover(t tb) *handover {
	h := newHandover(t)
	h.redeem()
	own := h.key
	h.key = h.addKey("OTHER-1")
	h.addPerson("mmartin", "OTHER-1")
	for i := range 15 {
		if i > 0 {
			h.must(h.ClearPIN(t.Context(), by, "OTHER-1"))
		}
		h.inService("mmartin", "5083")
		h.denied(h.login("mmartin", "5083"+h.shows(500)))
		h.want(h.login("mmartin", "5083"+h.shows(0)), Granted, Done)
		h.denied(h.login("mmartin", "5083"+h.shows(0))) // used
		h.wait(1)
	}
	_, err := h.Keep(h.t.Context(), Session{ID: "s", Host: appHost, Holder: "mmartin"}, Form{Address: "https://app.test/", Body: make([]byte, 3*keptPart)}, Source{})
	h.must(err)
	h.key = own
	return h
}

// Everything that is held of a person, and nothing secret, and no name of who
// administers.
func TestExportPerson(t *testing.T) {
	h := leftover(t)
	h.must(h.LoseKey(t.Context(), Actor{Name: "the.operator"}, "OTHER-1"))
	d, err := h.ExportPerson(t.Context(), "mmartin")
	mustBeNil(t, err)
	if d.Account == nil || d.Account.Identifier != "mmartin" || len(d.Keys) != 1 || d.Keys[0].Serial != "OTHER-1" || len(d.Sessions) != 30 {
		t.Errorf("%+v, %d sessions", d.Account, len(d.Sessions))
	}
	want, err := h.Events(t.Context(), AuditQuery{User: "mmartin"})
	mustBeNil(t, err)
	if len(d.Events) != len(want) || len(want) < 60 {
		t.Fatalf("%d entries of %d", len(d.Events), len(want))
	}
	for i, e := range d.Events {
		if e.Number != want[i].Number || e.Holder != "mmartin" || e.MAC != nil || (e.Actor != "") != (want[i].Actor != "") {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	text, err := json.Marshal(d)
	mustBeNil(t, err)
	k := h.stored("OTHER-1")
	if found := shows(string(text), string(k.Generator.Seed), string(k.PIN), "the.operator", string(h.token)); found != "" || strings.Contains(string(text), "argon2") {
		t.Errorf("the data show %s", found)
	}
	if _, err := h.ExportPerson(t.Context(), "nobody.here"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	h.must(h.RemoveAccount(t.Context(), by, "mmartin", RetireKeys))
	if d, err = h.ExportPerson(t.Context(), "mmartin"); err != nil || d.Account != nil || len(d.Keys) != 0 || len(d.Events) != len(want)+2 {
		t.Errorf("after the account was removed: %+v, %d entries, %v", d.Account, len(d.Events), err)
	}
}

// Nothing is erased of somebody who has an account, or a key whose record says so.
func TestErasePersonTooEarly(t *testing.T) {
	h := leftover(t)
	for range 2 {
		before := h.dump()
		if err := h.ErasePerson(t.Context(), by, "mmartin"); !errors.Is(err, ErrStillThere) || h.dump() != before {
			t.Errorf("got %v", err)
		}
		h.delete(accountName("mmartin"))
	}
}

// Nothing in the store leads to a person whose data were erased, and the trail
// verifies.
func TestErasureIsWhole(t *testing.T) {
	h := leftover(t)
	h.must(h.RemoveAccount(t.Context(), by, "mmartin", RetireKeys))
	others := h.eventsOf(func(e Event) bool { return e.Holder != "mmartin" })
	slot := len(h.eventsOf(func(e Event) bool { return e.Holder == "mmartin" && e.Chain != "mmartin" }))
	mustBeNil(t, h.ErasePerson(t.Context(), Actor{Name: "the.operator"}, "mmartin"))
	h.verified()
	for name, value := range h.records() {
		if strings.Contains(name, "mmartin") {
			t.Errorf("%s is left", name)
		}
		var plain json.RawMessage
		if !pointer(name) && openRecord(h.secrets(), name, value, &plain) == nil && strings.Contains(string(plain), "mmartin") && kindOf(name) != "challenge" {
			t.Errorf("%s still speaks of the person", name)
		}
	}
	all := h.events()
	last := all[len(all)-1]
	kept := slices.DeleteFunc(slices.Clone(all[:len(all)-1]), func(e Event) bool {
		if e.Detail != "erased" {
			return false
		}
		slot--
		if e.Holder != "" || e.Serial != "" || e.Address != "" || e.Agent != "" || e.Actor != "" || e.Unknown != "" {
			t.Errorf("erased, and still there: %+v", e)
		}
		return true
	})
	if slot != 0 {
		t.Errorf("%d entries more were in slots than are bare now", slot)
	}
	if diff := cmp.Diff(others, kept); diff != "" {
		t.Errorf("others' entries (-before +after):\n%s", diff)
	}
	if last.Kind != DataErased || last.Actor != "the.operator" || last.Holder != "" || last.Chain != gateChain || len(last.Unknown) != 8 {
		t.Errorf("what is told of it: %+v", last)
	}
	_, errExport := h.ExportPerson(t.Context(), "mmartin")
	errErase := h.ErasePerson(t.Context(), by, "mmartin")
	for _, err := range []error{errExport, errErase} {
		if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "erased on 2026-09-01") {
			t.Errorf("once more: %v", err)
		}
	}
	if err := h.ErasePerson(t.Context(), by, "nobody.here"); !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "erased") {
		t.Errorf("of nobody: %v", err)
	}
	// The fact is known after a rotation, and forgotten as any entry is.
	rotated, err := h.secrets().Rotated()
	mustBeNil(t, err)
	mustBeNil(t, h.UseSecrets(t.Context(), rotated))
	if _, err := h.ExportPerson(t.Context(), "mmartin"); !strings.Contains(err.Error(), "erased on") {
		t.Errorf("after a rotation: %v", err)
	}
	h.pass(h.Policy().Retention + time.Minute)
	_, err = h.Expire(t.Context())
	mustBeNil(t, err)
	if _, err := h.ExportPerson(t.Context(), "mmartin"); !errors.Is(err, ErrNotFound) || strings.Contains(err.Error(), "erased") {
		t.Errorf("after the retention: %v", err)
	}
	h.verified()
	// Somebody of that name begins anew.
	h.addPerson("mmartin")
	if e := h.eventsOf(func(e Event) bool { return e.Holder == "mmartin" }); len(e) != 1 || e[0].Number != 1 {
		t.Errorf("a new person of that name: %+v", e)
	}
	h.verified()
}

// An erasure that breaks off anywhere was told, leaves a trail that verifies, and
// is ended by the next one.
func TestErasureBreaksOff(t *testing.T) {
	for n := 1; ; n++ {
		h, f := newFaultyHandover(t)
		for range 21 {
			h.happens()
		}
		h.must(h.RemoveAccount(t.Context(), by, "jdupont", RetireKeys))
		before := h.trailRecords()
		f.n = n
		err := h.ErasePerson(t.Context(), by, "jdupont")
		failed := f.n <= 0
		f.n = -1
		h.verified()
		if !failed {
			mustBeNil(t, err)
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("operation %d failed: %v", n, err)
		}
		if len(h.trailRecords()) < len(before) && h.count(DataErased) != 1 {
			t.Fatalf("operation %d failed: something is erased, and nothing tells it", n)
		}
		if err := h.ErasePerson(t.Context(), by, "jdupont"); err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatalf("operation %d failed, then: %v", n, err)
		}
		for name := range h.records() {
			if strings.Contains(name, "jdupont") {
				t.Fatalf("operation %d failed; %s is left", n, name)
			}
		}
		h.verified()
	}
}

// Whoever comes back while their data are being erased keeps what is left.
func TestErasureOfSomebodyWhoComesBack(t *testing.T) {
	var hook *updateHook
	b := newBenchOn(t, func(s store.Store) store.Store {
		hook = &updateHook{s, func() error { return nil }}
		return hook
	})
	b.addPerson("mmartin")
	for range 30 {
		b.must(b.EnableAccount(t.Context(), by, "mmartin"))
	}
	b.delete(accountName("mmartin"))
	n := 0
	hook.before = func() error {
		if n++; n == 3 {
			hook.before = func() error { return nil }
			b.addPerson("mmartin")
		}
		return nil
	}
	if err := b.ErasePerson(t.Context(), by, "mmartin"); !errors.Is(err, ErrStillThere) {
		t.Errorf("got %v", err)
	}
	if e := b.eventsOf(func(e Event) bool { return e.Holder == "mmartin" }); len(e) != 12 {
		t.Errorf("%d entries are left", len(e))
	}
	b.verified()
}
