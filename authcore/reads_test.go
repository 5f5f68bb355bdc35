package authcore

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// watched is a store that notes the kinds of the records that Updates read, and
// those that they put with an expiry.
type watched struct {
	store.Store
	mu      sync.Mutex
	read    []string
	expires map[string]bool
}

func (w *watched) Update(ctx context.Context, fn func(store.Writer) error) error {
	return w.Store.Update(ctx, func(to store.Writer) error { return fn(watchedWriter{to, w}) })
}

type watchedWriter struct {
	store.Writer
	by *watched
}

func (w watchedWriter) Get(name string) ([]byte, error) {
	w.by.mu.Lock()
	w.by.read = append(w.by.read, kindOf(name))
	w.by.mu.Unlock()
	return w.Writer.Get(name)
}

func (w watchedWriter) Put(name string, value []byte, expires time.Time) error {
	w.by.mu.Lock()
	w.by.expires[kindOf(name)] = w.by.expires[kindOf(name)] || !expires.IsZero()
	w.by.mu.Unlock()
	return w.Writer.Put(name, value, expires)
}

func newWatchedBench(t *testing.T) (*bench, *watched) {
	w := &watched{expires: map[string]bool{}}
	return newBenchOn(t, func(s store.Store) store.Store { w.Store = s; return w }), w
}

// A guess reads as many records, of the same kinds, whether it is at somebody with
// a key, somebody without one or nobody: what is tried for the unknown is tried
// for real.
func TestAGuessReadsTheSame(t *testing.T) {
	b, w := newWatchedBench(t)
	b.inService("jdupont", pin)
	b.addPerson("no.key")
	reads := map[Identifier][]string{}
	for _, id := range []Identifier{"jdupont", "no.key", "nobody.here"} {
		w.read = nil
		b.denied(b.guess(id))
		slices.Sort(w.read)
		reads[id] = w.read
	}
	if !slices.Contains(reads["jdupont"], "key") {
		t.Fatalf("of a guess at somebody were read %v", reads["jdupont"])
	}
	for id, got := range reads {
		if diff := cmp.Diff(reads["jdupont"], got); diff != "" {
			t.Errorf("of a guess at %s (-jdupont +%s):\n%s", id, id, diff)
		}
	}
}

// What keeps a code used, a key locked, a person shut out or a failure counted is
// never given an expiry: the engine may remove what has one.
func TestWhatForbidsDoesNotExpire(t *testing.T) {
	b, w := newWatchedBench(t)
	b.inService("jdupont", pin)
	b.guesses("jdupont", 3)
	b.lock()
	b.must(b.DisableAccount(t.Context(), by, "jdupont"))
	seen := 0
	for kind, expires := range w.expires {
		switch kind {
		case "account", "key", "seed", "attempts", "meta", "clock", "identity", "role":
			seen++
			if expires {
				t.Errorf("a record of the kind %s has an expiry", kind)
			}
		}
	}
	if seen < 4 {
		t.Errorf("of such kinds only %d were written: %v", seen, w.expires)
	}
}
