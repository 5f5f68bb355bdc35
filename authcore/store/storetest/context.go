package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var contextCases = []Case{
	{"no run when the context is over", checkContextBefore},
	{"nothing is committed when the context is over", checkContextDuring},
	{"no further run when the context is over", checkContextBetween},
	{"a Scan ends with the context", checkContextScan},
}

func checkContextBefore(ctx context.Context, s store.Store) error {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	expired, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		var runs int
		view := s.View(ctx, func(store.Reader) error { runs++; return nil })
		update := s.Update(ctx, func(store.Writer) error { runs++; return nil })
		if !errors.Is(view, ctx.Err()) || !errors.Is(update, ctx.Err()) || runs != 0 {
			return fmt.Errorf("View = %v and Update = %v with %d runs, want %v without a run", view, update, runs, ctx.Err())
		}
	}
	return nil
}

func checkContextDuring(ctx context.Context, s store.Store) error {
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	err := s.Update(during, func(w store.Writer) error {
		cancel()
		return w.Put("a", []byte("1"), time.Time{})
	})
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Update = %v when its context ends during the run, want context.Canceled", err)
	}
	return want(ctx, s, map[string]string{})
}

func checkContextBetween(ctx context.Context, s store.Store) error {
	between, cancel := context.WithCancel(ctx)
	defer cancel()
	var runs int
	err := s.Update(between, func(w store.Writer) error {
		runs++
		if runs == 3 {
			cancel()
		}
		_, err := w.Get("a")
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		return errors.Join(err, w.Put("b", nil, time.Time{}),
			meanwhile(func() error { return put(ctx, s, "a", fmt.Sprint(runs)) }))
	})
	if !errors.Is(err, context.Canceled) || runs != 3 {
		return fmt.Errorf("Update = %v after %d runs in conflict, the third of which ended the context; want context.Canceled after three", err, runs)
	}
	return want(ctx, s, map[string]string{"a": "3"})
}

func checkContextScan(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"a": "1", "b": "1", "c": "1"}); err != nil {
		return err
	}
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	var seen int
	err := s.View(during, func(r store.Reader) error {
		for _, err := range r.Scan("", "") {
			if err == nil {
				seen++
				cancel()
			}
		}
		return nil // the failure of the scan is not to be lost
	})
	if !errors.Is(err, context.Canceled) || seen != 1 {
		return fmt.Errorf("View = %v after a Scan of %d entries, the first of which ended the context; want context.Canceled after one", err, seen)
	}
	return nil
}
