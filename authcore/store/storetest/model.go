package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// modelCase compares an engine with a plain map, over random transactions.
var modelCase = Case{"behaves as a map", checkModel}

func checkModel(ctx context.Context, s store.Store) error {
	var checks int
	rec := &recorder{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rapid.Check(rec, func(t *rapid.T) {
			// A place of its own in the store for each check, and each attempt to
			// make a failing one smaller.
			checks++
			m := &model{ctx: ctx, s: s, place: fmt.Sprintf("%d/", checks), entries: map[string]string{}}
			t.Repeat(map[string]func(*rapid.T){
				"Update": m.update,
				"":       m.compare,
			})
		})
	}()
	<-ended
	return rec.result()
}

type model struct {
	ctx     context.Context
	s       store.Store
	place   string
	entries map[string]string
}

// Keys are few, so that they meet, and made of the bytes that matter in order.
var modelKeys = rapid.Custom(func(t *rapid.T) string {
	return string(rapid.SliceOfN(rapid.SampledFrom([]byte{'a', 'b', 0, 0xff}), 0, 3).Draw(t, "bytes"))
})

// A step is one operation in a transaction.
type step struct{ op, key, value string }

var modelSteps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		op:    rapid.SampledFrom([]string{"get", "put", "delete"}).Draw(t, "op"),
		key:   modelKeys.Draw(t, "key"),
		value: rapid.StringN(0, 8, -1).Draw(t, "value"),
	}
}), 1, 6)

// update runs a transaction of several operations on both, and commits it or
// drops it on both.
func (m *model) update(t *rapid.T) {
	drop, steps := rapid.Bool().Draw(t, "drop"), modelSteps.Draw(t, "steps")
	var next map[string]string
	err := m.s.Update(m.ctx, func(w store.Writer) error {
		next = maps.Clone(m.entries)
		for _, step := range steps {
			if err := m.step(w, next, step); err != nil {
				return err
			}
		}
		if drop {
			return errWanted
		}
		return nil
	})
	switch {
	case drop && !errors.Is(err, errWanted), !drop && err != nil:
		t.Fatalf("Update = %v", err)
	case !drop:
		m.entries = next
	}
}

func (m *model) step(w store.Writer, next map[string]string, s step) error {
	switch s.op {
	case "put":
		next[s.key] = s.value
		return w.Put(m.place+s.key, []byte(s.value), time.Time{})
	case "delete":
		delete(next, s.key)
		return w.Delete(m.place + s.key)
	}
	return sameAnswer(w.Get, m.place, s.key, next)
}

// sameAnswer returns an error unless get answers for key as the map does.
func sameAnswer(get func(string) ([]byte, error), place, key string, entries map[string]string) error {
	got, err := get(place + key)
	value, ok := entries[key]
	if ok != (err == nil) || string(got) != value || !ok && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("Get(%q) = %q, %v; the map has %q, %v", key, got, err, value, ok)
	}
	return nil
}

func (m *model) compare(t *rapid.T) {
	prefix, after := modelKeys.Draw(t, "prefix"), modelKeys.Draw(t, "after")
	err := m.s.View(m.ctx, func(r store.Reader) error {
		var last string
		left := maps.Clone(m.entries)
		maps.DeleteFunc(left, func(key, _ string) bool { return !strings.HasPrefix(key, prefix) || key <= after })
		for entry, err := range r.Scan(m.place+prefix, m.place+after) {
			key := strings.TrimPrefix(entry.Key, m.place)
			value, ok := left[key]
			if err != nil || !ok || value != string(entry.Value) || entry.Key <= last {
				return fmt.Errorf("Scan(%q, %q) yields %q = %q, %v after %q; the map has %q, %v",
					prefix, after, entry.Key, entry.Value, err, last, value, ok)
			}
			last = entry.Key
			delete(left, key)
		}
		if len(left) > 0 {
			return fmt.Errorf("Scan(%q, %q) leaves out %q", prefix, after, left)
		}
		return sameAnswer(r.Get, m.place, prefix, m.entries)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A recorder stands in for a testing.T, so that a failure of rapid.Check can be
// returned as an error. It is a rapid.TB.
type recorder struct {
	mu     sync.Mutex
	text   bytes.Buffer
	failed bool
}

func (r *recorder) result() error {
	if !r.Failed() {
		return nil
	}
	return errors.New(r.text.String())
}

func (r *recorder) write(fail bool, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || fail
	fmt.Fprintln(&r.text, text)
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Helper()                   {}
func (r *recorder) Name() string              { return "storetest-model" }
func (r *recorder) Log(args ...any)           { r.write(false, fmt.Sprint(args...)) }
func (r *recorder) Logf(f string, a ...any)   { r.write(false, fmt.Sprintf(f, a...)) }
func (r *recorder) Error(args ...any)         { r.write(true, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, a ...any) { r.write(true, fmt.Sprintf(f, a...)) }
func (r *recorder) Fail()                     { r.write(true, "failed") }
func (r *recorder) FailNow()                  { r.Fail(); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)         { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) SkipNow()                  { runtime.Goexit() }
func (r *recorder) Skip(args ...any)          { r.Log(args...); runtime.Goexit() }
func (r *recorder) Skipf(f string, a ...any)  { r.Logf(f, a...); runtime.Goexit() }
