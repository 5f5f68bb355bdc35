package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// A listener keeps what a follower is told, with the time.
type listener struct {
	mu   sync.Mutex
	lost bool
	told map[string]time.Time
}

func listenTo(s store.Store) *listener {
	l := &listener{told: map[string]time.Time{}}
	s.Follow(func(c store.Change) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lost = c.Lost
		for _, key := range c.Keys {
			l.told[key] = time.Now()
		}
	})
	return l
}

func (l *listener) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

func (l *listener) knows(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.told[key].IsZero()
}

// twoGates opens two stores in one place; what the second is told passes a proxy.
func twoGates(t *testing.T, behind time.Duration) (c *etcdtest.Cluster, a, b *engine, wire *etcdtest.Proxy) {
	t.Helper()
	c = etcdtest.Start(t, 1)
	wire = c.Members[0].Proxy(t)
	opts := place(c)
	a = openAt(t, opts)
	opts.Endpoints, opts.Behind, opts.Timeout = []string{wire.URL}, behind, 3*time.Second
	b = openAt(t, opts)
	return c, a, b, wire
}

// TestOthersAreHeard has one gate hear what the other writes.
func TestOthersAreHeard(t *testing.T) {
	_, a, b, _ := twoGates(t, time.Minute)
	heard := listenTo(b)
	for i := range 50 {
		key := fmt.Sprint(i)
		if err := put(a, key, "1"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "what another gate wrote", func() bool { return heard.knows(key) })
	}
	err := a.Update(t.Context(), func(w store.Writer) error {
		return errors.Join(w.Delete("7"), w.Put("new", nil, time.Time{}))
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "an entry beside one that was deleted", func() bool { return heard.knows("new") })
	if heard.isLost() {
		t.Error("it was told that changes may be missing, and none is")
	}
}

// TestCutFollower holds the bound: a gate that does not hear a change is told that it
// may have missed one, in time, and hears again once it can.
func TestCutFollower(t *testing.T) {
	const behind = time.Second
	_, a, b, wire := twoGates(t, behind)
	heard := listenTo(b)
	if err := put(a, "before", "1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what was written before the cut", func() bool { return heard.knows("before") && !heard.isLost() })
	for _, cut := range []func(){wire.Cut, wire.Deafen} {
		key := fmt.Sprint("during", time.Now().UnixNano())
		cut()
		began := time.Now()
		if err := put(a, key, "1"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the loss", heard.isLost)
		if took := time.Since(began); took > behind+5*time.Second { // for a slow machine; that the connection is dead shows after ten
			t.Errorf("followers were told after %v that changes may be missing, the bound is %v", took, behind)
		}
		late := listenTo(b)
		if !late.isLost() {
			t.Error("who follows from now on was not told that changes may be missing")
		}
		wire.Mend()
		eventually(t, "that nothing is missing any more", func() bool { return !heard.isLost() && !late.isLost() })
		if !heard.knows(key) {
			t.Error("what was written during the cut was never told")
		}
	}
}

// TestOwnWritesWhileLost keeps the loss: what this gate wrote says nothing of what
// others did.
func TestOwnWritesWhileLost(t *testing.T) {
	_, _, b, _ := twoGates(t, time.Minute)
	heard := listenTo(b)
	b.lose("the test says so")
	if err := put(b, "own", "1"); err != nil {
		t.Fatal(err)
	}
	if !heard.knows("own") || !heard.isLost() {
		t.Errorf("after a write of its own: told of it %v, still lost %v; want both", heard.knows("own"), heard.isLost())
	}
}

// TestStaleProgress has the watch say that it has come far, when the cluster is
// further: it is not current.
func TestStaleProgress(t *testing.T) {
	w := &watch{behind: time.Hour, seen: 10, current: time.Now().Add(-2 * time.Hour), lost: true}
	w.overdue = time.AfterFunc(time.Hour, func() {})
	defer w.overdue.Stop()
	told := 0
	w.Follow(func(store.Change) { told++ })
	w.log = slogDiscard
	if !w.expect(mark{revision: 20, at: time.Now()}) {
		t.Fatal("a revision that was not told counts as reached")
	}
	w.reach(19)
	if !w.lost {
		t.Error("it is current one revision short of the cluster's")
	}
	w.reach(20)
	if w.lost || told != 2 {
		t.Errorf("at the cluster's revision: lost %v, followers were told %d times, want twice (of the loss, of its end)", w.lost, told)
	}
	w.lost, w.current = true, time.Time{}
	w.expect(mark{revision: 20, at: time.Now().Add(-2 * time.Hour)})
	if !w.lost {
		t.Error("it is current as of two hours ago, with a bound of one")
	}
}

// TestCompacted removes what a gate was to be told next.
func TestCompacted(t *testing.T) {
	c, a, b, wire := twoGates(t, time.Second)
	heard := listenTo(b)
	wire.Cut()
	eventually(t, "the loss", heard.isLost)
	for range 3 {
		if err := put(a, "a", "2"); err != nil {
			t.Fatal(err)
		}
	}
	compact(t, c, a)
	wire.Mend()
	eventually(t, "that nothing is missing any more", func() bool { return !heard.isLost() })
	if err := put(a, "after", "1"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what comes after the compaction", func() bool { return heard.knows("after") })
}

// compact removes every revision but the newest.
func compact(t *testing.T, c *etcdtest.Cluster, e *engine) {
	t.Helper()
	client := c.Members[0].Client()
	defer client.Close()
	now, err := e.revision(t.Context(), e.space)
	if err == nil {
		_, err = client.Compact(context.Background(), now)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCompactedUnderATransaction removes what a transaction reads: a View says so,
// an Update is run again.
func TestCompactedUnderATransaction(t *testing.T) {
	c := etcdtest.Start(t, 1)
	e := openAt(t, place(c))
	if err := errors.Join(put(e, "a", "1"), put(e, "b", "1")); err != nil {
		t.Fatal(err)
	}
	behind := func() {
		if err := put(e, "c", "1"); err != nil {
			t.Fatal(err)
		}
		compact(t, c, e)
	}
	err := e.View(t.Context(), func(r store.Reader) error {
		if _, err := r.Get("a"); err != nil {
			return err
		}
		behind()
		_, err := r.Get("b")
		return err
	})
	if !errors.Is(err, ErrCompacted) {
		t.Errorf("View = %v when its revision is gone, want ErrCompacted", err)
	}
	var runs int
	err = e.Update(t.Context(), func(w store.Writer) error {
		runs++
		_, errA := w.Get("a")
		if runs == 1 {
			behind()
		}
		_, errB := w.Get("b")
		return errors.Join(errA, errB, w.Put("d", nil, time.Time{}))
	})
	if err != nil || runs != 2 {
		t.Errorf("Update = %v after %d runs, the first of which lost its revision; want two", err, runs)
	}
}
