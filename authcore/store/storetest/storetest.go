// Package storetest is the conformance suite of package store: every engine
// runs it. A case returns what it found wrong as an error, so that a test can
// also show that the suite finds planted mistakes.
//
// Engines under test go by the real clock.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// patience bounds one case, stall one step of it. They are far beyond what any
// takes, even under the race detector: an engine that hangs is to be reported,
// not waited for.
const patience = 2 * time.Minute

var stall = 15 * time.Second // shorter where it is to pass

// A Case is one promise of the contract.
type Case struct {
	Name string
	// Check returns how s, an empty store, breaks the promise. It may close s.
	Check func(ctx context.Context, s store.Store) error
}

// A DurableCase is a promise of an engine that keeps its entries.
type DurableCase struct {
	Name string
	// Check returns how the engine breaks the promise. Each call of open opens
	// the same place, which is empty at first; what it opens it closes.
	Check func(ctx context.Context, open func() (store.Store, error)) error
}

// Run checks every case, each on a store from open, which Run closes.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			s := open(t)
			if err := c.Run(t.Context(), s); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
	}
}

// RunDurable checks every durable case, each on its own place.
func RunDurable(t *testing.T, place func(t *testing.T) (open func() (store.Store, error))) {
	for _, c := range DurableCases() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(t.Context(), place(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Run is Check with a bound on its time, panics included in the errors.
func (c Case) Run(ctx context.Context, s store.Store) error {
	return bounded(ctx, func(ctx context.Context) error { return c.Check(ctx, s) })
}

// Run is Check with a bound on its time, panics included in the errors.
func (c DurableCase) Run(ctx context.Context, open func() (store.Store, error)) error {
	return bounded(ctx, func(ctx context.Context) error { return c.Check(ctx, open) })
}

func bounded(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				result <- fmt.Errorf("panic: %v", p)
			}
		}()
		result <- check(ctx)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("it did not end: %w", ctx.Err())
	}
}

// Cases returns the promises that every engine makes.
func Cases() []Case {
	return slices.Concat(basicCases, endCases, scanCases, isolationCases, raceCases,
		limitCases, expiryCases, closeCases, contextCases, followCases, []Case{modelCase})
}

// errWanted is what functions return to see it come back.
var errWanted = errors.New("the function's own error")

// put stores one value, for ever.
func put(ctx context.Context, s store.Store, key, value string) error {
	return putAll(ctx, s, map[string]string{key: value})
}

// putAll stores several values in one transaction.
func putAll(ctx context.Context, s store.Store, entries map[string]string) error {
	return s.Update(ctx, func(w store.Writer) error {
		for key, value := range entries {
			if err := w.Put(key, []byte(value), time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantGet returns an error unless get answers value for key; the empty value
// stands for an absent one.
func wantGet(get func(string) ([]byte, error), key, value string) error {
	got, err := get(key)
	if errors.Is(err, store.ErrNotFound) && value == "" {
		return nil
	}
	if err != nil || string(got) != value || value == "" {
		return fmt.Errorf("Get(%q) = %q, %v; want %q", key, got, err, value)
	}
	return nil
}

// want returns an error unless s holds exactly these entries.
func want(ctx context.Context, s store.Store, entries map[string]string) error {
	return s.View(ctx, func(r store.Reader) error {
		got, err := collect(r, "")
		if err != nil {
			return err
		}
		if !maps.Equal(got, entries) {
			return fmt.Errorf("the store holds %q, want %q", got, entries)
		}
		for key, value := range entries {
			if err := wantGet(r.Get, key, value); err != nil && value != "" {
				return err
			}
		}
		return nil
	})
}

// collect returns what Scan yields.
func collect(r store.Reader, prefix string) (map[string]string, error) {
	got := map[string]string{}
	for entry, err := range r.Scan(prefix, "") {
		if err != nil {
			return nil, err
		}
		got[entry.Key] = string(entry.Value)
	}
	return got, nil
}

// meanwhile calls f in another goroutine, within the function of a running
// transaction, and waits for it, though not long: the contract does not let
// transactions wait for one another's functions.
func meanwhile(f func() error) error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	select {
	case err := <-result:
		return err
	case <-time.After(stall):
		return errors.New("a transaction waits while the function of another one runs")
	}
}

// together calls f n times at once, with numbers from 0, and joins the errors.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errors.Join(errs...)
}

// A barrier lets its callers go on when all of them have arrived.
type barrier struct {
	mu      sync.Mutex
	missing int
	all     chan struct{}
}

func newBarrier(n int) *barrier {
	return &barrier{missing: n, all: make(chan struct{})}
}

func (b *barrier) wait(ctx context.Context) error {
	b.mu.Lock()
	b.missing--
	if b.missing == 0 {
		close(b.all)
	}
	b.mu.Unlock()
	select {
	case <-b.all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(stall):
		return errors.New("a transaction waits while the function of another one runs")
	}
}
