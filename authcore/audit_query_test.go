package authcore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// A query gives what Fits says, whichever look-up it takes.
func TestQueries(t *testing.T) {
	b, _ := eventful(t)
	all := b.events()
	rapid.Check(t, func(t *rapid.T) {
		some := all[rapid.IntRange(0, len(all)-1).Draw(t, "entry")]
		q := AuditQuery{Alerts: rapid.Bool().Draw(t, "alerts")}
		if rapid.Bool().Draw(t, "by user") {
			q.User = some.Holder
		}
		if rapid.Bool().Draw(t, "by key") {
			q.Key = some.Serial
		}
		if rapid.IntRange(0, 3).Draw(t, "by reference") == 0 {
			q.Reference = some.Reference
		}
		if rapid.Bool().Draw(t, "since") {
			q.Since = some.Time.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "off")))
		}
		if rapid.Bool().Draw(t, "until") {
			q.Until = some.Time.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "off")))
		}
		if rapid.Bool().Draw(t, "kinds") {
			q.Kinds = []EventKind{some.Kind, PINWrong}
		}
		var want []Event
		for _, e := range all {
			if q.Fits(e) {
				want = append(want, e)
			}
		}
		got, err := b.Events(b.t.Context(), q)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("%+v: %v (-want +got):\n%s", q, err, diff)
		}
	})
}

// counting is a store that counts the records that were read.
type counting struct {
	store.Store
	read int
}

func (c *counting) View(ctx context.Context, fn func(store.Reader) error) error {
	return c.Store.View(ctx, func(r store.Reader) error { return fn(countingReader{r, c}) })
}

type countingReader struct {
	store.Reader
	c *counting
}

func (r countingReader) Get(key string) ([]byte, error) {
	r.c.read++
	return r.Reader.Get(key)
}

func (r countingReader) Scan(prefix, after string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range r.Reader.Scan(prefix, after) {
			if r.c.read++; !yield(e, err) {
				return
			}
		}
	}
}

// What is looked up does not cost what there is.
func TestQueriesDoNotReadAll(t *testing.T) {
	var c *counting
	b := newBenchOn(t, func(s store.Store) store.Store {
		c = &counting{Store: s}
		return c
	})
	for n := range 500 {
		b.addPerson(Identifier(fmt.Sprintf("person.%d", n)))
		b.pass(time.Second)
	}
	one := b.eventsOf(func(e Event) bool { return e.Holder == "person.250" })[0]
	for name, q := range map[string]AuditQuery{
		"user":      {User: "person.250"},
		"reference": {Reference: one.Reference},
		"key":       {Key: "0123456789"},
		"since":     {Since: b.clock().Add(-2 * time.Second)},
		"until":     {Until: benchStart.Add(time.Second)},
		"nobody":    {User: "person.2500"},
	} {
		c.read = 0
		got, err := b.Events(t.Context(), q)
		mustBeNil(t, err)
		if c.read > 2*len(got)+2 || (len(got) == 0) != (name == "nobody") {
			t.Errorf("by %s: %d records were read for %d entries", name, c.read, len(got))
		}
	}
}

// More entries than a page has come out whole, and the reader may stop early.
func TestTrailByThePage(t *testing.T) {
	b := newBench(t)
	const acts = 2*auditPage/30 + 1
	for range acts {
		b.must(b.act(t.Context(), func(store.Writer, time.Time) ([]Event, error) {
			events := make([]Event, 30) // as many as one transaction takes
			for i := range events {
				events[i] = Event{Kind: KeyImported, Serial: Serial(fmt.Sprint("S-", i)), Actor: "test"}
			}
			return events, nil
		}))
		b.pass(time.Second)
	}
	all := b.events()
	numbers := map[Chain]uint64{}
	for e, err := range b.Trail(t.Context(), AuditQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		numbers[e.Chain]++
	}
	v := b.verified()
	if len(all) != v.Entries || len(all) < 2*auditPage || numbers["~stock"] != 30*acts+1 {
		t.Errorf("%d entries are listed of %d: %v", len(all), v.Entries, numbers)
	}
	n := 0
	for range b.Trail(t.Context(), AuditQuery{}) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d entries, want to stop at 3", n)
	}
}

// A damaged entry ends the listing with an error that says so.
func TestTrailOverDamage(t *testing.T) {
	b := newBench(t)
	b.put(auditPrefix+"20260901T075820.000000001-AAAA-AAAA-0", []byte("no entry"))
	for _, q := range []AuditQuery{{}, {Since: benchStart}} {
		if _, err := b.Events(t.Context(), q); err == nil || !strings.Contains(err.Error(), "audit") {
			t.Errorf("got %v", err)
		}
	}
	if got, err := b.Events(t.Context(), AuditQuery{Until: benchStart.Add(time.Nanosecond)}); err != nil || len(got) != 3 {
		t.Errorf("before it: %d entries, %v", len(got), err)
	}
}

// next is what a follower yields now.
func (b *bench) next(f *Follower) (all []Event) {
	b.t.Helper()
	for e, err := range f.Next(b.t.Context()) {
		b.must(err)
		all = append(all, e)
	}
	return all
}

// A follower gives each new entry once, those that came late too.
func TestFollow(t *testing.T) {
	b := newBench(t)
	b.pass(time.Second)
	f, whole := b.Follow(AuditQuery{User: "jdupont"}), b.Follow(AuditQuery{Since: benchStart})
	if got := b.next(f); len(got) != 0 {
		t.Errorf("%d entries at the beginning", len(got))
	}
	if got := b.next(whole); len(got) != 3 {
		t.Errorf("%d entries since the beginning, want 3", len(got))
	}
	want := map[Reference]int{}
	got := map[Reference]int{}
	for i := range 100 {
		b.addPerson(Identifier(fmt.Sprint("person.", i)))
		b.happens()
		b.pass(time.Second / 2)
		if i%3 == 0 {
			b.pass(time.Minute)
			b.must(b.act(t.Context(), func(store.Writer, time.Time) ([]Event, error) {
				b.pass(-followOverlap + time.Second) // its transaction began a while ago
				return []Event{{Kind: SessionEnded, Holder: "jdupont"}}, nil
			}))
			b.pass(followOverlap - time.Second)
		}
		for _, e := range b.next(f) {
			got[e.Reference]++
		}
		if len(f.seen) > 60 {
			t.Fatalf("the follower keeps %d names", len(f.seen))
		}
	}
	for _, e := range b.eventsOf(func(e Event) bool { return e.Holder == "jdupont" && e.Time.After(benchStart) }) {
		want[e.Reference]++
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("entries by reference (-want +got):\n%s", diff)
	}
	b.setTime(benchStart.Add(-time.Hour)) // the clock is set back
	b.happens()
	f.query.Since = benchStart.Add(-2 * time.Hour)
	if n := len(b.next(f)); n == 0 {
		t.Error("nothing is shown once the clock was set back")
	}
}

// Who follows may go at any entry, and is told when the store fails.
func TestFollowEnds(t *testing.T) {
	b, fault := newFaultyBench(t)
	f := b.Follow(AuditQuery{Since: benchStart})
	for range f.Next(t.Context()) {
		break
	}
	if n := len(b.next(f)); n != 2 {
		t.Errorf("%d entries after the first, want 2", n)
	}
	fault.n = 1
	for _, err := range f.Next(t.Context()) {
		if !errors.Is(err, errFault) {
			t.Errorf("got %v", err)
		}
	}
}
