package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var closeCases = []Case{
	{"closed is closed", checkClosed},
	{"Close waits for a View", checkCloseWaitsForView},
	{"Close waits for an Update", checkCloseWaitsForUpdate},
	{"Close under load", checkCloseUnderLoad},
}

func checkClosed(ctx context.Context, s store.Store) error {
	if err := errors.Join(put(ctx, s, "a", "1"), s.Close()); err != nil {
		return err
	}
	if err := closed(ctx, s); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("closing again: %w", err)
	}
	return closed(ctx, s)
}

// closed returns an error unless s refuses what it is asked.
func closed(ctx context.Context, s store.Store) error {
	var runs int
	view := s.View(ctx, func(store.Reader) error { runs++; return nil })
	update := s.Update(ctx, func(store.Writer) error { runs++; return nil })
	if !errors.Is(view, store.ErrClosed) || !errors.Is(update, store.ErrClosed) || runs != 0 {
		return fmt.Errorf("after Close, View = %v and Update = %v, with %d runs; want ErrClosed without a run", view, update, runs)
	}
	return nil
}

func checkCloseWaitsForView(ctx context.Context, s store.Store) error {
	if err := put(ctx, s, "a", "1"); err != nil {
		return err
	}
	return closeDuring(ctx, s, func(during func() error) error {
		return s.View(ctx, func(r store.Reader) error {
			return errors.Join(during(), wantGet(r.Get, "a", "1"))
		})
	})
}

func checkCloseWaitsForUpdate(ctx context.Context, s store.Store) error {
	return closeDuring(ctx, s, func(during func() error) error {
		return s.Update(ctx, func(w store.Writer) error {
			return errors.Join(w.Put("a", []byte("1"), time.Time{}), during(), wantGet(w.Get, "a", "1"))
		})
	})
}

// closeDuring calls Close from within a transaction, in another goroutine, and
// checks that newcomers are turned away while Close waits.
func closeDuring(ctx context.Context, s store.Store, transaction func(during func() error) error) error {
	result := make(chan error, 1)
	var over atomic.Bool
	err := transaction(func() error {
		go func() {
			err := s.Close()
			if !over.Load() {
				err = errors.New("Close returned while a transaction was running")
			}
			result <- err
		}()
		refused := func() error { return closed(ctx, s) }
		for deadline := time.Now().Add(stall); ; runtime.Gosched() {
			err := meanwhile(refused)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("while Close waits: %w", err)
			}
		}
		select { // give a Close that does not wait the time to show it
		case err := <-result:
			return err
		case <-time.After(20 * time.Millisecond):
		}
		over.Store(true)
		return nil
	})
	over.Store(true)
	if err != nil {
		return fmt.Errorf("a transaction that ran when Close was called: %w", err)
	}
	return <-result
}

func checkCloseUnderLoad(ctx context.Context, s store.Store) error {
	const workers, closers = 8, 4
	var begun atomic.Int64
	return together(workers+closers, func(i int) error {
		if i >= workers {
			for begun.Load() < 10*workers {
				runtime.Gosched()
			}
			return errors.Join(s.Close(), closed(ctx, s))
		}
		for {
			begun.Add(1)
			err := errors.Join(put(ctx, s, fmt.Sprint(i), "1"), s.View(ctx, func(r store.Reader) error {
				_, err := collect(r, "")
				return err
			}))
			switch {
			case errors.Is(err, store.ErrClosed):
				return closed(ctx, s)
			case err != nil:
				begun.Add(10 * workers) // let the others end
				return err
			}
		}
	})
}
