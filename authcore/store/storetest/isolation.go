package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// isolationCases put transactions side by side in a set order, so that each
// shows its anomaly whenever the engine has it. The names in brackets are those
// of Berenson et al., "A Critique of ANSI SQL Isolation Levels" (1995).
var isolationCases = []Case{
	{"a View sees one snapshot", checkViewSnapshot},
	{"a Scan sees one snapshot", checkScanSnapshot},
	{"a run of Update sees one snapshot", checkUpdateSnapshot},
	{"uncommitted writes are not seen", checkDirtyRead},
	{"lost update (P4)", checkLostUpdate},
	{"write skew (A5B)", checkWriteSkew},
	{"an absent entry that appears is a conflict", checkAbsentConflict},
	{"a deleted entry is a conflict", checkDeletedConflict},
	{"an earlier run leaves no trace", checkRerun},
	{"functions do not wait for one another", checkNoWaiting},
	{"conflicts without end are given up", checkBusy},
	{"committed is visible at once", checkVisible},
}

func checkViewSnapshot(ctx context.Context, s store.Store) error {
	before := map[string]string{"a": "1", "b": "1", "gone": "1"}
	if err := putAll(ctx, s, before); err != nil {
		return err
	}
	err := s.View(ctx, func(r store.Reader) error {
		if err := wantGet(r.Get, "a", "1"); err != nil {
			return err
		}
		if err := meanwhile(func() error { return s.Update(ctx, changeAll) }); err != nil {
			return err
		}
		got, err := collect(r, "")
		if err == nil && !maps.Equal(got, before) {
			err = fmt.Errorf("Scan yields %q, want %q", got, before)
		}
		return errors.Join(err, wantGet(r.Get, "a", "1"), wantGet(r.Get, "b", "1"),
			wantGet(r.Get, "gone", "1"), wantGet(r.Get, "new", ""))
	})
	if err != nil {
		return fmt.Errorf("a View during which another transaction committed: %w", err)
	}
	return want(ctx, s, map[string]string{"a": "2", "b": "2", "new": "2"})
}

// changeAll is what happens behind the back of a reader.
func changeAll(w store.Writer) error {
	return errors.Join(w.Put("a", []byte("2"), time.Time{}), w.Put("b", []byte("2"), time.Time{}),
		w.Put("new", []byte("2"), time.Time{}), w.Delete("gone"))
}

func checkScanSnapshot(ctx context.Context, s store.Store) error {
	before := map[string]string{"a": "1", "b": "1", "gone": "1"}
	if err := putAll(ctx, s, before); err != nil {
		return err
	}
	got := map[string]string{}
	err := s.View(ctx, func(r store.Reader) error {
		for entry, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			got[entry.Key] = string(entry.Value)
			if entry.Key != "a" {
				continue
			}
			if err := meanwhile(func() error { return s.Update(ctx, changeAll) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !maps.Equal(got, before) {
		err = fmt.Errorf("a Scan during which another transaction committed yields %q, want %q", got, before)
	}
	return err
}

func checkUpdateSnapshot(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"a": "1", "b": "1"}); err != nil {
		return err
	}
	var runs int
	return s.Update(ctx, func(w store.Writer) error {
		runs++
		a, err := w.Get("a")
		if err != nil {
			return err
		}
		if runs == 1 {
			err := meanwhile(func() error { return putAll(ctx, s, map[string]string{"a": "2", "b": "2"}) })
			if err != nil {
				return err
			}
		}
		b, err := w.Get("b")
		if err == nil && string(a) != string(b) {
			err = fmt.Errorf("run %d reads a = %s and b = %s, which never stood together", runs, a, b)
		}
		return errors.Join(err, w.Put("c", nil, time.Time{}))
	})
}

func checkDirtyRead(ctx context.Context, s store.Store) error {
	if err := put(ctx, s, "a", "1"); err != nil {
		return err
	}
	err := s.Update(ctx, func(w store.Writer) error {
		err := errors.Join(w.Put("a", []byte("2"), time.Time{}), w.Put("b", []byte("2"), time.Time{}))
		if err != nil {
			return err
		}
		seen := meanwhile(func() error { return want(ctx, s, map[string]string{"a": "1"}) })
		return errors.Join(seen, errWanted)
	})
	if err != nil && err.Error() != errWanted.Error() {
		return fmt.Errorf("beside an uncommitted Update: %w", err)
	}
	return want(ctx, s, map[string]string{"a": "1"})
}

// race runs two Updates of which each has read before either commits. It
// returns how often each was run.
func race(ctx context.Context, s store.Store, read, write func(i int, w store.Writer) error) (runs [2]int, err error) {
	both := newBarrier(2)
	err = together(2, func(i int) error {
		return s.Update(ctx, func(w store.Writer) error {
			runs[i]++
			if err := read(i, w); err != nil {
				return err
			}
			if runs[i] == 1 {
				if err := both.wait(ctx); err != nil {
					return err
				}
			}
			return write(i, w)
		})
	})
	return runs, err
}

func checkLostUpdate(ctx context.Context, s store.Store) error {
	if err := put(ctx, s, "n", "0"); err != nil {
		return err
	}
	var read [2]string
	_, err := race(ctx, s,
		func(i int, w store.Writer) error {
			n, err := w.Get("n")
			read[i] = string(n)
			return err
		},
		func(i int, w store.Writer) error { return w.Put("n", []byte(read[i]+"+1"), time.Time{}) })
	if err != nil {
		return err
	}
	return want(ctx, s, map[string]string{"n": "0+1+1"})
}

func checkWriteSkew(ctx context.Context, s store.Store) error {
	// Two on duty: each may leave only if the other one stays.
	if err := putAll(ctx, s, map[string]string{"0": "on", "1": "on"}); err != nil {
		return err
	}
	var on [2]bool
	_, err := race(ctx, s,
		func(i int, w store.Writer) error {
			zero, err0 := w.Get("0")
			one, err1 := w.Get("1")
			on[i] = string(zero) == "on" && string(one) == "on"
			return errors.Join(err0, err1)
		},
		func(i int, w store.Writer) error {
			if !on[i] {
				return nil
			}
			return w.Put(string(rune('0'+i)), []byte("off"), time.Time{})
		})
	if err != nil {
		return err
	}
	return s.View(ctx, func(r store.Reader) error {
		got, err := collect(r, "")
		if err == nil && (got["0"] == "on") == (got["1"] == "on") {
			err = fmt.Errorf("exactly one may have left, but the store holds %q", got)
		}
		return err
	})
}

func checkAbsentConflict(ctx context.Context, s store.Store) error {
	var absent [2]bool
	_, err := race(ctx, s,
		func(i int, w store.Writer) error {
			_, err := w.Get("name")
			if absent[i] = errors.Is(err, store.ErrNotFound); absent[i] {
				return nil
			}
			return err
		},
		func(i int, w store.Writer) error {
			if !absent[i] {
				return nil
			}
			return w.Put("name", []byte{byte(i)}, time.Time{})
		})
	if err == nil && absent[0] == absent[1] {
		err = fmt.Errorf("both created what must exist once")
	}
	return err
}

func checkDeletedConflict(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"ticket": "valid"}); err != nil {
		return err
	}
	var present [2]bool
	_, err := race(ctx, s,
		func(i int, w store.Writer) error {
			_, err := w.Get("ticket")
			if present[i] = err == nil; errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		},
		func(i int, w store.Writer) error {
			if !present[i] {
				return nil
			}
			return errors.Join(w.Delete("ticket"), w.Put("used/"+string(rune('0'+i)), nil, time.Time{}))
		})
	if err == nil && present[0] == present[1] {
		err = errors.New("both took what was there once")
	}
	return err
}

func checkRerun(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"a": "1", "kept": "1"}); err != nil {
		return err
	}
	var runs int
	err := s.Update(ctx, func(w store.Writer) error {
		runs++
		if _, err := w.Get("a"); err != nil {
			return err
		}
		if runs > 1 {
			return errors.Join(wantGet(w.Get, "trace", ""), wantGet(w.Get, "kept", "1"),
				w.Put("last", []byte("2"), time.Time{}))
		}
		return errors.Join(w.Put("trace", []byte("2"), time.Time{}), w.Delete("kept"),
			meanwhile(func() error { return put(ctx, s, "a", "2") }))
	})
	if err != nil || runs < 2 {
		return fmt.Errorf("Update = %v after %d runs; want two runs, as another transaction changed what it had read", err, runs)
	}
	return want(ctx, s, map[string]string{"a": "2", "kept": "1", "last": "2"})
}

func checkNoWaiting(ctx context.Context, s store.Store) error {
	return s.Update(ctx, func(w store.Writer) error {
		if err := w.Put("a", []byte("1"), time.Time{}); err != nil {
			return err
		}
		return meanwhile(func() error {
			return errors.Join(put(ctx, s, "b", "1"), s.View(ctx, func(r store.Reader) error {
				return wantGet(r.Get, "b", "1")
			}))
		})
	})
}

func checkBusy(ctx context.Context, s store.Store) error {
	const many = 10_000 // more than any engine may try
	if err := put(ctx, s, "a", "0"); err != nil {
		return err
	}
	var runs int
	err := s.Update(ctx, func(w store.Writer) error {
		if runs++; runs > many {
			return errWanted
		}
		_, err := w.Get("a")
		return errors.Join(err, w.Put("b", []byte("1"), time.Time{}),
			meanwhile(func() error { return put(ctx, s, "a", fmt.Sprint(runs)) }))
	})
	if !errors.Is(err, store.ErrBusy) {
		return fmt.Errorf("Update = %v after %d runs, each in conflict; want ErrBusy", err, runs)
	}
	return want(ctx, s, map[string]string{"a": fmt.Sprint(runs)})
}

func checkVisible(ctx context.Context, s store.Store) error {
	for i := range 100 {
		value := fmt.Sprint(i)
		if err := put(ctx, s, "a", value); err != nil {
			return err
		}
		err := meanwhile(func() error {
			return errors.Join(
				s.View(ctx, func(r store.Reader) error { return wantGet(r.Get, "a", value) }),
				s.Update(ctx, func(w store.Writer) error { return wantGet(w.Get, "a", value) }))
		})
		if err != nil {
			return fmt.Errorf("after it was committed: %w", err)
		}
	}
	return nil
}
