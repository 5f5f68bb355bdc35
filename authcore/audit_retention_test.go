package authcore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// What is older than the policy says goes, with what it is looked up by; an entry
// tells how many, and the trail verifies before, while and after.
func TestExpire(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.denied(b.login("nobody.here", pin+b.shows(0)))
	old := len(b.events())
	b.pass(b.Policy().Retention)
	b.wait(-1)
	if n, err := b.Expire(t.Context()); err != nil || n == 0 || n >= old {
		t.Fatalf("%d of %d entries expired, %v", n, old, err)
	}
	b.verified()
	b.wait(3)
	n, err := b.Expire(t.Context())
	mustBeNil(t, err)
	all := b.events()
	if len(all) != 2 || all[1].Kind != AuditPurged || all[1].Actor != "retention" || all[1].Chain != "~gate" || all[1].Number != 2 {
		t.Fatalf("left: %+v", all)
	}
	before := b.clock().Add(-b.Policy().Retention).Format(time.RFC3339)
	if want := fmt.Sprintf("%d before %s", n, before); all[1].Detail != want {
		t.Errorf("it says %q, want %q", all[1].Detail, want)
	}
	for name := range b.trailRecords() {
		if strings.HasPrefix(name, indexPrefix) && !strings.HasPrefix(name, indexPrefix+"reference/") {
			t.Errorf("%s is left", name)
		}
	}
	b.verified()
	if n, err := b.Expire(t.Context()); n != 0 || err != nil || len(b.events()) != 2 {
		t.Errorf("once more: %d, %v, %d entries", n, err, len(b.events()))
	}
	// The chain goes on where it was.
	b.happens()
	if last := b.eventsOf(kindIs(AccountChanged)); len(last) != 1 || last[0].Number != 6 {
		t.Errorf("the next entry: %+v", last)
	}
	b.verified()
}

// For ever is for ever.
func TestNothingExpires(t *testing.T) {
	b := newBench(t)
	p := b.Policy()
	p.Retention = 0
	mustBeNil(t, p.Validate())
	b.pass(100 * 365 * day)
	if n, err := b.With(p, b.log).Expire(t.Context()); n != 0 || err != nil || len(b.events()) != 3 {
		t.Errorf("%d, %v, %d entries are left", n, err, len(b.events()))
	}
	p.Retention = day - 1
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "a day or more") {
		t.Errorf("less than a day: %v", err)
	}
}

// A purge takes what is before its time and nothing else, in batches that each
// leave a trail that verifies.
func TestPurge(t *testing.T) {
	var hook *updateHook
	b := newBenchOn(t, func(s store.Store) store.Store {
		hook = &updateHook{s, func() error { return nil }}
		return hook
	})
	for range 100 {
		b.happens()
		b.pass(time.Second)
	}
	transactions := 0
	hook.before = func() error {
		transactions++
		b.verified()
		return nil
	}
	n, err := b.PurgeAudit(t.Context(), by, benchStart.Add(90*time.Second))
	if n != 93 || err != nil || transactions != 6 {
		t.Errorf("%d entries removed in %d transactions, %v", n, transactions, err)
	}
	all := b.events()
	if len(all) != 11 || !all[0].Time.Equal(benchStart.Add(90*time.Second)) || all[10].Actor != "test" {
		t.Errorf("%d are left, the first of %v", len(all), all[0].Time)
	}
}

// A purge that breaks off anywhere leaves a trail that verifies, and what it
// removed is told by the next one.
func TestPurgeBreaksOff(t *testing.T) {
	for n := 1; ; n++ {
		b, f := newFaultyBench(t)
		for range 30 {
			b.happens()
		}
		b.pass(time.Minute)
		f.n = n
		removed, err := b.PurgeAudit(t.Context(), by, b.clock())
		failed := f.n <= 0
		f.n = -1
		b.verified()
		if !failed {
			mustBeNil(t, err)
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("operation %d failed: %d removed, %v", n, removed, err)
		}
		_, err = b.PurgeAudit(t.Context(), by, b.clock())
		mustBeNil(t, err)
		b.verified()
		told := b.eventsOf(kindIs(AuditPurged))
		if len(b.events()) != 1 || len(told) != 1 || !strings.HasPrefix(told[0].Detail, "33 before ") {
			t.Fatalf("operation %d failed; the next purge says %+v", n, told)
		}
	}
}

// An entry that does not open stays, and stops no purge.
func TestPurgeOverDamage(t *testing.T) {
	b := newBench(t)
	for range 50 {
		b.happens()
		b.pass(time.Second)
	}
	entries := slices.DeleteFunc(slices.Sorted(maps.Keys(b.trailRecords())), func(name string) bool { return !strings.HasPrefix(name, auditPrefix) })
	b.put(entries[10], []byte("no entry"))
	b.put(entries[30], []byte("no entry"))
	n, err := b.PurgeAudit(t.Context(), by, b.clock())
	if n != 51 || err == nil || !strings.Contains(err.Error(), "2 entries of the audit trail do not open") {
		t.Errorf("%d removed, %v", n, err)
	}
	v, err := b.VerifyAudit(t.Context())
	if mustBeNil(t, err); v.Wrong != 4 { // neither opens, and both are missing
		t.Errorf("faults: %q", v.Faults)
	}
}

// Entries of one instant come in no order, which leaves their numbers in many
// runs: the head of the chain stays small, and they all go.
func TestPurgeOfOneInstant(t *testing.T) {
	b := newBench(t)
	largest := 0
	for range 1500 {
		b.happens()
	}
	b.pass(time.Minute)
	_, err := b.PurgeAudit(t.Context(), by, b.clock())
	mustBeNil(t, err)
	b.must(b.store.View(t.Context(), func(r store.Reader) error {
		sealed, err := r.Get(chainName("jdupont"))
		largest = len(sealed)
		return err
	}))
	if all := b.events(); len(all) != 1 || all[0].Detail != "1503 before "+b.clock().Format(time.RFC3339) || largest > 100 {
		t.Errorf("%d entries are left, and a head of %d bytes", len(all), largest)
	}
	b.verified()
}

// While people log in, a purge and another purge run: nothing is lost, nothing
// told twice.
func TestPurgesAtOnce(t *testing.T) {
	b := newBench(t)
	for range 200 {
		b.happens()
	}
	before := b.clock().Add(time.Second)
	b.pass(time.Minute)
	together(20, func(i int) {
		if i%4 == 0 {
			if _, err := b.PurgeAudit(context.Background(), by, before); err != nil {
				t.Error(err)
			}
			return
		}
		b.happens()
	})
	b.verified()
	var told, n int
	for _, e := range b.eventsOf(kindIs(AuditPurged)) {
		_, err := fmt.Sscanf(e.Detail, "%d before", &n)
		mustBeNil(t, err)
		told += n
	}
	if told != 203 || b.count(AccountChanged) != 15 {
		t.Errorf("%d entries are told as purged, %d are left", told, b.count(AccountChanged))
	}
}

// Of somebody who is gone nothing is left once their last entry is, not even how
// many there were.
func TestTheLastOfAPerson(t *testing.T) {
	b := newBench(t)
	b.addPerson("leaver")
	b.pass(time.Minute)
	_, err := b.PurgeAudit(t.Context(), by, b.clock())
	mustBeNil(t, err)
	if b.records()[chainName("leaver")] == nil {
		t.Error("the chain of somebody with an account is gone")
	}
	b.must(b.EnableAccount(t.Context(), by, "leaver"))
	b.delete(accountName("leaver"))
	b.pass(time.Minute)
	_, err = b.PurgeAudit(t.Context(), by, b.clock())
	mustBeNil(t, err)
	for name := range b.records() {
		if strings.Contains(name, "leaver") {
			t.Errorf("%s is left", name)
		}
	}
	b.verified()
	b.addPerson("leaver")
	want := map[Chain][]uint64{"leaver": {1}, "~gate": {2}}
	if diff := cmp.Diff(want, b.chains()); diff != "" {
		t.Errorf("chains (-want +got):\n%s", diff)
	}
	b.verified()
}
