package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var errDisk = errors.New("input/output error")

// TestWriteErrorLatches lets one commit fail as Badger reports it: the data may
// be written all the same, and the next commit succeeds.
func TestWriteErrorLatches(t *testing.T) {
	var log bytes.Buffer
	opts := Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	e := openEngine(t, newDir(t), opts, as)
	if err := put(e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	e.commit = func(txn *badger.Txn) error { return errors.Join(txn.Commit(), errDisk) }
	if err := put(e, "a", "2"); !errors.Is(err, store.ErrFailed) || !strings.Contains(err.Error(), errDisk.Error()) {
		t.Errorf("Update = %v when the disk fails, want ErrFailed and the cause", err)
	}
	e.commit = (*badger.Txn).Commit
	var runs int
	err := e.Update(t.Context(), func(store.Writer) error { runs++; return nil })
	if !errors.Is(err, store.ErrFailed) || runs > 0 {
		t.Errorf("Update = %v after a failure, with %d runs; want ErrFailed without a run", err, runs)
	}
	if value, err := get(e, "a"); err != nil {
		t.Errorf("Get = %q, %v after a failure; want either value", value, err)
	}
	if n := strings.Count(log.String(), "accepts no more writes"); n != 1 {
		t.Errorf("the failure is logged %d times, want once:\n%s", n, &log)
	}
}

// TestLateSuccessIsNone lets a commit succeed behind one that failed.
func TestLateSuccessIsNone(t *testing.T) {
	e := openEngine(t, newDir(t), quiet(), as)
	e.commit = func(txn *badger.Txn) error {
		e.log.Errorf("writeRequests: %v", errDisk) // what Badger does between the two
		return txn.Commit()
	}
	if err := put(e, "a", "1"); !errors.Is(err, store.ErrFailed) {
		t.Errorf("Update = %v behind a failed write, want ErrFailed", err)
	}
}

// TestNotEveryErrorLatches goes through the errors that leave the disk alone.
func TestNotEveryErrorLatches(t *testing.T) {
	for _, c := range []struct {
		name            string
		commit, fn, got error
	}{
		{"the function's error", nil, errDisk, errDisk},
		{"a conflict", badger.ErrConflict, nil, nil},
		{"a transaction too big", badger.ErrTxnTooBig, nil, store.ErrTooLarge},
	} {
		e := openEngine(t, newDir(t), quiet(), as)
		e.commit = func(txn *badger.Txn) error { // once
			e.commit = (*badger.Txn).Commit
			if c.commit != nil {
				return c.commit
			}
			return txn.Commit()
		}
		err := e.Update(t.Context(), func(w store.Writer) error { return errors.Join(w.Put("a", nil, time.Time{}), c.fn) })
		if !errors.Is(err, c.got) {
			t.Errorf("Update = %v after %s, want %v", err, c.name, c.got)
		}
		if err := put(e, "a", "1"); err != nil {
			t.Errorf("Update = %v after %s was over", err, c.name)
		}
	}
}

// TestErrorWhileOpening is what Badger does when it leaves out a table.
func TestErrorWhileOpening(t *testing.T) {
	dir := newDir(t)
	_, err := open(dir, quiet(), func(o badger.Options) badger.Options {
		o.Logger.Errorf("Ignoring table %s", "000001.sst")
		return o
	})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "000001.sst") {
		t.Errorf("Open = %v when Badger logs an error, want ErrDamaged and what it said", err)
	}
	openEngine(t, dir, quiet(), as) // it was closed
}

func TestPanicInCommitLatches(t *testing.T) {
	e := openEngine(t, newDir(t), quiet(), as)
	e.commit = func(*badger.Txn) error { panic("index out of range") }
	if err := put(e, "a", "1"); !errors.Is(err, store.ErrFailed) {
		t.Errorf("Update = %v when Badger panics, want ErrFailed", err)
	}
	e.commit = (*badger.Txn).Commit
	if err := put(e, "a", "1"); !errors.Is(err, store.ErrFailed) {
		t.Errorf("Update = %v after Badger panicked, want ErrFailed", err)
	}
}

// TestPanicInRead has Badger panic by closing it behind the engine's back.
func TestPanicInRead(t *testing.T) {
	e := openEngine(t, newDir(t), quiet(), as)
	if err := put(e, "a", "1"); err != nil {
		t.Fatal(err)
	}
	err := e.View(t.Context(), func(r store.Reader) error {
		if err := e.db.Close(); err != nil {
			return err
		}
		for range r.Scan("", "") {
		}
		return nil
	})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("View = %v when Badger panics in a Scan, want ErrDamaged", err)
	}
}

func TestProtect(t *testing.T) {
	err := protect(func() error { panic("\n== Recovering from initIndex crash ==\nmuch more\n") })
	if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "much more") {
		t.Errorf("protect = %v, want ErrDamaged and the first line", err)
	}
	if err := protect(func() error { return errDisk }); err != errDisk { //nolint:errorlint // as it is
		t.Errorf("protect = %v, want %v", err, errDisk)
	}
}

func TestLogLevels(t *testing.T) {
	var out bytes.Buffer
	l := &badgerLog{to: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	l.Debugf("dropped")
	l.Infof("opened %d tables\n", 3)
	l.Warningf("small %s", "cache")
	if err := l.failure(); err != nil {
		t.Errorf("failure = %v before any", err)
	}
	l.Errorf("first %d", 1)
	l.Errorf("second")
	if err := l.failure(); err == nil || err.Error() != "first 1" {
		t.Errorf("failure = %v, want the first", err)
	}
	for _, want := range []string{
		`level=DEBUG msg=badger message="opened 3 tables"`, `level=WARN msg=badger message="small cache"`,
		`level=ERROR msg=badger message="first 1"`, `level=ERROR msg=badger message=second`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "dropped") {
		t.Errorf("Badger's debug lines are logged:\n%s", &out)
	}
}

// TestCloseGivesUp closes while a transaction does not end.
func TestCloseGivesUp(t *testing.T) {
	opts := quiet()
	opts.CloseTimeout = 10 * time.Millisecond
	e, err := open(newDir(t), opts, as)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Update(context.Background(), func(w store.Writer) error {
		if err := e.Close(); !errors.Is(err, ErrNotClosed) {
			t.Errorf("Close = %v while a transaction runs, want ErrNotClosed", err)
		}
		return w.Put("a", []byte("1"), time.Time{})
	})
	if err != nil {
		t.Errorf("Update = %v; it had begun before Close gave up", err)
	}
	e.opts.CloseTimeout = defaultCloseTimeout
	if err := e.Close(); err != nil {
		t.Errorf("Close = %v after the transaction ended", err)
	}
	if !e.db.IsClosed() {
		t.Error("Badger is not closed")
	}
}
