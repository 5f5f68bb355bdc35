package badgerstore

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/storetest"
)

// quiet are the options of tests that do not look at the log.
func quiet() Options { return Options{Logger: slog.New(slog.DiscardHandler)} }

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "store") }

func as(o badger.Options) badger.Options { return o }

// openEngine opens dir and closes it at the end of the test.
func openEngine(t testing.TB, dir string, opts Options, tune func(badger.Options) badger.Options) *engine {
	t.Helper()
	e, err := open(dir, opts, tune)
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

func put(s store.Store, key, value string) error {
	return s.Update(context.Background(), func(w store.Writer) error {
		return w.Put(key, []byte(value), time.Time{})
	})
}

func get(s store.Store, key string) (value string, err error) {
	err = s.View(context.Background(), func(r store.Reader) error {
		v, err := r.Get(key)
		value = string(v)
		return err
	})
	return value, err
}

func TestConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := Open(newDir(t), quiet())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestConformsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (store.Store, error) {
		dir := newDir(t)
		return func() (store.Store, error) { return Open(dir, quiet()) }
	})
}

// TestSuiteFindsLackOfConflictDetection plants the mistake that is one option
// away.
func TestSuiteFindsLackOfConflictDetection(t *testing.T) {
	mustFind := []string{
		"lost update (P4)", "write skew (A5B)", "an absent entry that appears is a conflict",
		"a deleted entry is a conflict", "1000 consumptions of one number", "1000 first consumptions",
		"conflicts without end are given up",
	}
	blind := func(o badger.Options) badger.Options { return o.WithDetectConflicts(false) }
	var found []string
	for _, c := range storetest.Cases() {
		if !slices.Contains(mustFind, c.Name) {
			continue
		}
		s, err := open(newDir(t), quiet(), blind)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Run(t.Context(), s); err != nil {
			found = append(found, c.Name)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(found)
	slices.Sort(mustFind)
	if !slices.Equal(found, mustFind) {
		t.Errorf("found by %q, want %q", found, mustFind)
	}
}

// TestOptions holds what no test on a sound machine would miss: the wait for
// the disk shows only in a power cut.
func TestOptions(t *testing.T) {
	o := openEngine(t, newDir(t), quiet(), as).db.Opts()
	for name, ok := range map[string]bool{
		"waits for the disk":         o.SyncWrites,
		"detects conflicts":          o.DetectConflicts,
		"verifies tables and blocks": o.ChecksumVerificationMode == options.OnTableAndBlockRead,
		"keeps values in the tables": o.ValueThreshold > store.MaxValue,
		"locks its directory":        !o.BypassLockGuard,
		"has no metrics":             !o.MetricsEnabled,
		"takes the largest Update":   o.MemTableSize*15/100 > store.MaxWritten*11/10,
	} {
		if !ok {
			t.Errorf("it is not so that it %s", name)
		}
	}
}

func TestSweepTime(t *testing.T) {
	second := uint64(time.Now().Unix())
	for _, c := range []struct {
		left             time.Duration
		earliest, latest uint64
	}{
		{0, second + 60, second + 66},
		{time.Millisecond, second + 60, second + 66},
		{time.Hour, second + 3660, second + 3666},
		{-time.Hour, second - 3600, second - 3530},
		{math.MinInt64, 1, 1},
		{math.MaxInt64, second + 9e9, second + 1e10},
	} {
		if got := sweepTime(c.left); got < c.earliest || got > c.latest {
			t.Errorf("sweepTime(%v) = %d, want from %d to %d", c.left, got, c.earliest, c.latest)
		}
	}
}

// TestExpiryByTheCallersClock stores what has expired by the wall clock, though
// not by the clock that set the expiry.
func TestExpiryByTheCallersClock(t *testing.T) {
	past := time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC)
	opts := quiet()
	opts.Now = func() time.Time { return past }
	e := openEngine(t, newDir(t), opts, as)
	err := e.Update(t.Context(), func(w store.Writer) error { return w.Put("a", []byte("1"), past.Add(time.Hour)) })
	if err != nil {
		t.Fatal(err)
	}
	if value, err := get(e, "a"); value != "1" || err != nil {
		t.Errorf("Get = %q, %v; want it there for an hour", value, err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := newDir(t)
	everything := quiet()
	everything.MinFree = math.MaxUint64
	if _, err := Open(dir, everything); !errors.Is(err, ErrFull) {
		t.Errorf("Open on a full disk = %v, want ErrFull", err)
	}
	e := openEngine(t, dir, quiet(), as)
	if err := put(e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	sound := e.opts.MinFree
	e.opts.MinFree = math.MaxUint64
	if err := put(e, "a", "2"); !errors.Is(err, ErrFull) {
		t.Errorf("Update on a full disk = %v, want ErrFull", err)
	}
	if value, err := get(e, "a"); value != "1" || err != nil {
		t.Errorf("Get on a full disk = %q, %v", value, err)
	}
	e.opts.MinFree = sound
	if err := put(e, "a", "3"); err != nil {
		t.Errorf("Update when there is room again = %v", err)
	}
}
