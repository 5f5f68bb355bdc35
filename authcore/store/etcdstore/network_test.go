package etcdstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// openAt opens a store, closed with the test.
func openAt(t testing.TB, opts Options) *engine {
	t.Helper()
	e, err := open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func get(s store.Store, key string) (value string, err error) {
	err = s.View(context.Background(), func(r store.Reader) error {
		v, err := r.Get(key)
		value = string(v)
		return err
	})
	return value, err
}

// eventually fails the test unless ok comes true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for deadline := time.After(time.Minute); !ok(); {
		select {
		case <-beat.C:
		case <-deadline:
			t.Fatalf("it never came: %s", what)
		}
	}
}

// TestCut cuts a gate off: it says so in time, and goes on by itself.
func TestCut(t *testing.T) {
	c := etcdtest.Start(t, 1)
	wire := c.Members[0].Proxy(t)
	opts := place(c)
	opts.Endpoints, opts.Timeout = []string{wire.URL}, 3*time.Second
	e := openAt(t, opts)
	if err := put(e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	wire.Cut()
	began := time.Now()
	if _, err := get(e, "a"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("View = %v when cut off, want ErrUnavailable", err)
	}
	if err := put(e, "a", "2"); !errors.Is(err, store.ErrFailed) {
		t.Errorf("Update = %v when cut off at the commit, want ErrFailed", err)
	}
	if took := time.Since(began); took > 4*opts.Timeout {
		t.Errorf("a View and an Update took %v, with a timeout of %v", took, opts.Timeout)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := e.View(ctx, func(r store.Reader) error { _, err := r.Get("a"); return err })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("View = %v when its context ended first, want that", err)
	}
	wire.Mend()
	eventually(t, "it goes on once it is connected again", func() bool { return put(e, "b", "3") == nil })
	if value, err := get(e, "b"); value != "3" || err != nil {
		t.Errorf("Get = %q, %v after the cut", value, err)
	}
}

// TestUnheardCommit loses the answer to a commit that was carried out.
func TestUnheardCommit(t *testing.T) {
	c := etcdtest.Start(t, 1)
	wire := c.Members[0].Proxy(t)
	opts := place(c)
	other := openAt(t, opts)
	opts.Endpoints, opts.Timeout = []string{wire.URL}, 3*time.Second
	e := openAt(t, opts)
	told := tellOf(e, "used")
	var runs int
	err := e.Update(t.Context(), func(w store.Writer) error {
		runs++
		if _, err := w.Get("used"); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("Get = %w, want ErrNotFound", err)
		}
		wire.Deafen()
		return w.Put("used", []byte("42"), time.Time{})
	})
	if !errors.Is(err, store.ErrFailed) || runs != 1 {
		t.Errorf("Update = %v after %d runs when its answer is lost, want ErrFailed after one", err, runs)
	}
	if !told() {
		t.Error("followers were not told of what may have been written")
	}
	if value, err := get(other, "used"); value != "42" || err != nil {
		t.Errorf("another gate reads %q, %v; want what was carried out", value, err)
	}
}

// TestMembersKilled kills one member after the other, the leader among them, under
// load. What was acknowledged is there, and nothing twice.
func TestMembersKilled(t *testing.T) {
	c := etcdtest.Start(t, 3)
	opts := place(c)
	opts.Timeout = 5 * time.Second
	e := openAt(t, opts)
	const workers = 8
	var acknowledged, unknown [workers]atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for !over.Load() {
				switch err := increment(e, fmt.Sprint(i)); {
				case err == nil:
					acknowledged[i].Add(1)
				case errors.Is(err, store.ErrFailed):
					unknown[i].Add(1)
				case !errors.Is(err, ErrUnavailable) && !errors.Is(err, store.ErrBusy):
					t.Errorf("Update = %v while a member is gone", err)
				}
			}
		})
	}
	progress := func(why string) {
		var before [workers]int64
		for i := range workers {
			before[i] = acknowledged[i].Load()
		}
		eventually(t, why, func() bool {
			for i := range workers {
				if acknowledged[i].Load() < before[i]+3 {
					return false
				}
			}
			return true
		})
	}
	for range 2 {
		leader := c.Leader()
		leader.Kill()
		progress("every worker goes on without the leader")
		leader.Start()
		c.Await()
	}
	over.Store(true)
	all.Wait()
	for i := range workers {
		value, err := get(e, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		n, least := int64(binary.BigEndian.Uint64([]byte(value))), acknowledged[i].Load()
		if n < least || n > least+unknown[i].Load() {
			t.Errorf("a counter is %d after %d acknowledged increments and %d of unknown outcome", n, least, unknown[i].Load())
		}
	}
}

func increment(s store.Store, key string) error {
	return s.Update(context.Background(), func(w store.Writer) error {
		value, err := w.Get(key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		var n uint64
		if err == nil {
			n = binary.BigEndian.Uint64(value)
		}
		return w.Put(key, binary.BigEndian.AppendUint64(nil, n+1), time.Time{})
	})
}

// TestNoMajority leaves one member of three: it answers nothing, neither old
// values nor new ones.
func TestNoMajority(t *testing.T) {
	c := etcdtest.Start(t, 3)
	opts := place(c)
	opts.Timeout = 3 * time.Second
	e := openAt(t, opts)
	if err := put(e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	c.Members[0].Kill()
	c.Members[1].Kill()
	if value, err := get(e, "a"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Get = %q, %v of a member alone, want ErrUnavailable", value, err)
	}
	if _, err := Open(opts); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Open = %v at a member alone, want ErrUnavailable", err)
	}
	c.Members[0].Start()
	eventually(t, "it goes on with a majority", func() bool { return put(e, "a", "2") == nil })
}
