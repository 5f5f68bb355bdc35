package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// raceCases are about many at once.
var raceCases = []Case{
	{"1000 consumptions of one number", checkConsume},
	{"1000 first consumptions", checkConsumeFirst},
	{"refusals are counted", checkRefusals},
	{"a counter is linear", checkCounter},
	{"the sum of the bank is constant", checkBank},
	{"an Update is seen whole", checkWhole},
}

// consumers is how many try to consume one number.
const consumers = 1000

func checkConsume(ctx context.Context, s store.Store) error {
	err := s.Update(ctx, func(w store.Writer) error { return putNumber(w, "used", 41) })
	if err != nil {
		return err
	}
	return consumeAtOnce(ctx, s)
}

func checkConsumeFirst(ctx context.Context, s store.Store) error {
	return consumeAtOnce(ctx, s)
}

// consumeAtOnce has all consumers read the number before any of them commits:
// started side by side, the first would be done before the last begins.
func consumeAtOnce(ctx context.Context, s store.Store) error {
	all := newBarrier(consumers)
	var won atomic.Int64
	err := together(consumers, func(int) error {
		var runs int
		var mine bool
		err := s.Update(ctx, func(w store.Writer) error {
			runs++
			used, err := number(w.Get, "used")
			if err != nil {
				return err
			}
			if runs == 1 {
				if err := all.wait(ctx); err != nil {
					return err
				}
			}
			if mine = used < 42; !mine {
				return nil
			}
			return putNumber(w, "used", 42)
		})
		if err == nil && mine {
			won.Add(1)
		}
		return err
	})
	if err == nil && won.Load() != 1 {
		err = fmt.Errorf("%d of %d consumed the number, want exactly one", won.Load(), consumers)
	}
	return err
}

// number reads a number, 0 if there is none.
func number(get func(string) ([]byte, error), key string) (uint64, error) {
	value, err := get(key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(value) != 8:
		return 0, fmt.Errorf("the value of %q has %d bytes, want the 8 that were written", key, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func putNumber(w store.Writer, key string, n uint64) error {
	return w.Put(key, binary.BigEndian.AppendUint64(nil, n), time.Time{})
}

// checkRefusals is a login as it is: one record holds the number and the
// failures, and everyone changes it. Engines may answer ErrBusy.
func checkRefusals(ctx context.Context, s store.Store) error {
	const callers = 64
	var won, refused, busy atomic.Int64
	err := together(callers, func(int) error {
		var mine bool
		err := s.Update(ctx, func(w store.Writer) error {
			used, err := number(w.Get, "used")
			if err != nil {
				return err
			}
			if mine = used < 42; mine {
				return putNumber(w, "used", 42)
			}
			failures, err := number(w.Get, "failures")
			return errors.Join(err, putNumber(w, "failures", failures+1))
		})
		switch {
		case errors.Is(err, store.ErrBusy):
			busy.Add(1)
			return nil
		case mine:
			won.Add(1)
		default:
			refused.Add(1)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.View(ctx, func(r store.Reader) error {
		failures, err := number(r.Get, "failures")
		if err == nil && (won.Load() != 1 || failures != uint64(refused.Load())) {
			err = fmt.Errorf("%d consumed the number, want one; %d failures are recorded, %d were acknowledged (%d busy)",
				won.Load(), failures, refused.Load(), busy.Load())
		}
		return err
	})
}

// An increment is one acknowledged Update of a counter: what it made of it, and
// when it was called and returned, by a clock that ticks at each of these.
type increment struct {
	value            uint64
	called, returned int64
}

// checkCounter checks a history of increments for linearizability. For a
// counter that is easy: ordered by value, no increment may have been called
// after a later one returned, and no value may occur twice or be missing.
func checkCounter(ctx context.Context, s store.Store) error {
	const workers, rounds = 8, 25
	var clock atomic.Int64
	var mu sync.Mutex
	var history []increment
	err := together(workers, func(int) error {
		for range rounds {
			inc := increment{called: clock.Add(1)}
			err := s.Update(ctx, func(w store.Writer) error {
				n, err := number(w.Get, "n")
				inc.value = n + 1
				return errors.Join(err, putNumber(w, "n", n+1))
			})
			inc.returned = clock.Add(1)
			switch {
			case errors.Is(err, store.ErrBusy):
				continue
			case err != nil:
				return err
			}
			mu.Lock()
			history = append(history, inc)
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return linear(history)
}

func linear(history []increment) error {
	slices.SortFunc(history, func(a, b increment) int { return int(a.value) - int(b.value) })
	var latest int64 // when the last of the calls so far was made
	for i, inc := range history {
		if inc.value != uint64(i+1) {
			return fmt.Errorf("increment %d of %d made the counter %d", i+1, len(history), inc.value)
		}
		if inc.returned < latest {
			return fmt.Errorf("the increment to %d returned before an earlier one was called", inc.value)
		}
		latest = max(latest, inc.called)
	}
	return nil
}

const (
	accounts       = 8
	initialBalance = 100
)

func account(i int) string { return fmt.Sprintf("account/%d", i) }

func checkBank(ctx context.Context, s store.Store) error {
	err := s.Update(ctx, func(w store.Writer) error {
		var errs []error
		for i := range accounts {
			errs = append(errs, putNumber(w, account(i), initialBalance))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	const tellers, transfers = 4, 40
	var working atomic.Int64
	working.Store(tellers)
	return together(tellers+2, func(i int) error {
		if i >= tellers {
			for working.Load() > 0 {
				if err := audit(ctx, s); err != nil {
					return err
				}
			}
			return audit(ctx, s)
		}
		defer working.Add(-1)
		for range transfers {
			if err := transfer(ctx, s, rand.IntN(accounts), rand.IntN(accounts)); err != nil {
				return err
			}
		}
		return nil
	})
}

// transfer moves half of what one account has to another.
func transfer(ctx context.Context, s store.Store, from, to int) error {
	if from == to {
		return nil
	}
	err := s.Update(ctx, func(w store.Writer) error {
		a, errA := number(w.Get, account(from))
		b, errB := number(w.Get, account(to))
		return errors.Join(errA, errB, putNumber(w, account(from), a-a/2), putNumber(w, account(to), b+a/2))
	})
	if errors.Is(err, store.ErrBusy) {
		return nil
	}
	return err
}

// audit sums up the accounts by Get and by Scan, and by Get in an Update.
func audit(ctx context.Context, s store.Store) error {
	const total = accounts * initialBalance
	sum := func(get func(string) ([]byte, error)) error {
		var sum uint64
		for i := range accounts {
			n, err := number(get, account(i))
			if err != nil {
				return err
			}
			sum += n
		}
		if sum != total {
			return fmt.Errorf("the accounts hold %d by Get, want %d", sum, total)
		}
		return nil
	}
	err := s.View(ctx, func(r store.Reader) error {
		var scanned uint64
		for entry, err := range r.Scan("account/", "") {
			if err != nil {
				return err
			}
			scanned += binary.BigEndian.Uint64(entry.Value)
		}
		if scanned != total {
			return fmt.Errorf("the accounts hold %d by Scan, want %d", scanned, total)
		}
		return sum(r.Get)
	})
	return errors.Join(err, s.Update(ctx, func(w store.Writer) error { return sum(w.Get) }))
}

// checkWhole writes as many keys at once as an Update may, again and again,
// while others look whether all are of one write.
func checkWhole(ctx context.Context, s store.Store) error {
	const rounds = 20
	var writing atomic.Bool
	writing.Store(true)
	return together(3, func(i int) error {
		if i > 0 {
			for writing.Load() {
				if err := s.View(ctx, sameEverywhere); err != nil {
					return err
				}
			}
			return s.View(ctx, sameEverywhere)
		}
		defer writing.Store(false)
		for round := range rounds {
			err := s.Update(ctx, func(w store.Writer) error {
				var errs []error
				for k := range store.MaxTouched {
					errs = append(errs, putNumber(w, fmt.Sprint(k), uint64(round)))
				}
				return errors.Join(errs...)
			})
			if err := errors.Join(err, s.View(ctx, sameEverywhere)); err != nil {
				return err
			}
		}
		return nil
	})
}

func sameEverywhere(r store.Reader) error {
	values := map[string]int{}
	for entry, err := range r.Scan("", "") {
		if err != nil {
			return err
		}
		values[string(entry.Value)]++
	}
	for _, n := range values {
		if len(values) > 1 || n != store.MaxTouched {
			return fmt.Errorf("an Update of %d keys is seen in part: %d different values, one of them %d times", store.MaxTouched, len(values), n)
		}
	}
	return nil
}
