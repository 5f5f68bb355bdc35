// Package badgerstore keeps the gate's records in a directory, in a Badger
// database (github.com/dgraph-io/badger). It is the engine of a single server.
//
// What Update acknowledged survives a crash of the process and a power cut:
// each commit waits for the disk.
//
// # What it guards against
//
// Badger reports a failed write once and then accepts again, although the
// disk's state is unknown by then. Here the first failure ends all writing:
// this Update and all later ones return [store.ErrFailed], while View goes on.
//
// Badger may wait for ever when it is closed under a running read or on a disk
// that fails. Here Close lets the transactions end first and gives up at
// [Options.CloseTimeout]; the process should then exit.
//
// Badger ends the process when it opens a damaged table, and starts afresh when
// it has lost the list of its tables. Here Open looks at both first and returns
// [ErrDamaged]. A panic of Badger during a transaction becomes that error too.
//
// Badger ends the process when the disk is full, as it writes through mapped
// memory. Here writing stops before that, at [Options.MinFree], and goes on by
// itself.
//
// # What it does not
//
// A panic in one of Badger's own goroutines ends the process. A table that is
// damaged while the store is open can read as if entries were absent, and the
// write-ahead log is cut at its first damaged entry without a word: that records
// went missing is for their owner to notice. While a commit waits for the disk,
// the transactions begun after it wait with it, Views included.
package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/internal/drain"
	"github.com/sesame-gateway/sesame/authcore/store/internal/retry"
)

// What this engine may have to tell beside the errors of package store. Test
// with errors.Is.
var (
	// ErrLocked is returned by Open for a directory that is open already, in
	// this process or another.
	ErrLocked = errors.New("badgerstore: another server uses this directory; stop it or choose another directory")
	// ErrDamaged is returned by Open for files that are not, or no longer, a
	// store, and by a transaction that came upon such files.
	ErrDamaged = errors.New("badgerstore: the files are damaged; restore a backup")
	// ErrFull is returned by Open and Update when there is less free space than
	// Options.MinFree. Nothing was written. Update succeeds again by itself as
	// soon as there is space.
	ErrFull = errors.New("badgerstore: the disk is nearly full; make room on it")
	// ErrNotClosed is returned by Close when its deadline passed.
	ErrNotClosed = errors.New("badgerstore: could not close in time; exit the process, what was acknowledged is on disk")
)

// Options are the choices left to whoever opens a store. The zero value is
// ready for use.
type Options struct {
	// Logger receives what Badger has to say: its reports at debug level, its
	// warnings and errors at theirs. Nil means slog.Default.
	Logger *slog.Logger
	// Now is the clock by which callers set their expiries. Nil means time.Now.
	Now func() time.Time
	// CloseTimeout is how long Close waits for transactions to end and for
	// Badger to write out its tables. Zero means 10 seconds.
	CloseTimeout time.Duration
	// MinFree is the free space on the file system, in bytes, below which
	// nothing is written. Zero means LeastFree.
	MinFree uint64
}

// LeastFree is the free space, in bytes, below which nothing is written unless
// Options say otherwise: what Badger may take for its tables in memory before the
// next look, and as much again.
const LeastFree = 64 << 20

const defaultCloseTimeout = 10 * time.Second

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = defaultCloseTimeout
	}
	if o.MinFree == 0 {
		o.MinFree = LeastFree
	}
	return o
}

type engine struct {
	store.Followers
	db     *badger.DB
	dir    string
	opts   Options
	log    *badgerLog
	commit func(*badger.Txn) error // Txn.Commit, unless a test makes it fail

	users    drain.Drain
	closing  sync.Once
	closed   chan struct{} // closed once closeErr is set
	closeErr error
}

// Open opens the store in dir, which it creates with mode 0700 if it is absent.
// A directory that is there must be empty or hold a store, and gets that mode.
// Its error wraps ErrLocked or ErrDamaged where these apply.
func Open(dir string, opts Options) (store.Store, error) {
	e, err := open(dir, opts, func(o badger.Options) badger.Options { return o })
	if err != nil {
		return nil, err // not a Store that holds no engine
	}
	return e, nil
}

// open is Open, with Badger's options changed by tune.
func open(dir string, opts Options, tune func(badger.Options) badger.Options) (*engine, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	if err := room(dir, opts.MinFree); err != nil {
		return nil, err
	}
	log := &badgerLog{to: opts.Logger}
	db, err := openBadger(tune(badgerOptions(dir).WithLogger(log)))
	if err != nil {
		return nil, err
	}
	e := &engine{
		db: db, dir: dir, opts: opts, log: log,
		commit: (*badger.Txn).Commit, closed: make(chan struct{}),
	}
	if err := log.failure(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrDamaged, err), e.Close())
	}
	return e, nil
}

// badgerOptions departs from Badger's defaults where these are for large data
// that can be had again.
func badgerOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithSyncWrites(true). // the default acknowledges what a power cut loses
		WithDetectConflicts(true).
		WithChecksumVerificationMode(options.OnTableAndBlockRead).
		WithMetricsEnabled(false). // they are one set per process
		// What is sealed does not get smaller, and Badger keeps both forms of a
		// table in memory while it writes one.
		WithCompression(options.None).
		// One Update may write 1 MiB, Badger takes 15 % of a table. Values are
		// far below the threshold of 1 MiB, so the value log stays empty.
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithBlockCacheSize(16 << 20).
		WithValueLogFileSize(16 << 20)
}

func (e *engine) View(ctx context.Context, fn func(store.Reader) error) error {
	if !e.users.Enter() {
		return store.ErrClosed
	}
	defer e.users.Leave()
	s, err := e.begin(false)
	if err != nil {
		return err
	}
	defer s.discard()
	return store.RunView(ctx, s.get, s.scan, fn)
}

func (e *engine) Update(ctx context.Context, fn func(store.Writer) error) error {
	if !e.users.Enter() {
		return store.ErrClosed
	}
	defer e.users.Leave()
	return retry.Until(ctx, func() (settled bool, err error) { return e.run(ctx, fn) })
}

// run runs fn once. Unless another transaction got in the way, the matter is
// settled.
func (e *engine) run(ctx context.Context, fn func(store.Writer) error) (settled bool, err error) {
	if err := errors.Join(e.failed(), room(e.dir, e.opts.MinFree)); err != nil {
		return false, err
	}
	s, err := e.begin(true)
	if err != nil {
		return false, err
	}
	defer s.discard()
	writes, err := store.RunUpdate(ctx, s.get, fn)
	if err != nil || len(writes) == 0 {
		return true, err
	}
	if err := s.write(writes, e.opts.Now()); err != nil {
		return false, err
	}
	return e.settle(s, writes)
}

// settle commits s, and tells of what it may have written.
func (e *engine) settle(s *snapshot, writes map[string]store.Write) (settled bool, err error) {
	err = protect(func() error { return e.commit(s.txn) })
	switch {
	case errors.Is(err, badger.ErrConflict):
		return false, nil
	case errors.Is(err, badger.ErrTxnTooBig):
		return false, fmt.Errorf("%w (%w)", store.ErrTooLarge, err)
	case err != nil:
		e.log.fail(err)
	}
	e.TellWrites(writes)
	// An earlier write may have failed while this one was under way. What
	// follows a hole in the log does not survive a restart, so a success that
	// comes after a failure is none.
	return true, e.failed()
}

// failed returns what Update answers once a write has failed.
func (e *engine) failed() error {
	if err := e.log.failure(); err != nil {
		return fmt.Errorf("%w; nothing more is accepted: mend the cause and restart (%w)", store.ErrFailed, err)
	}
	return nil
}

// Close waits until no transaction is left and Badger has written out what it
// holds, but not longer than Options.CloseTimeout: then it returns
// ErrNotClosed, and the work goes on in the background.
func (e *engine) Close() error {
	e.closing.Do(func() {
		empty := e.users.Shut()
		e.Tell(store.Change{Lost: true})
		go func() {
			<-empty
			e.closeErr = protect(e.db.Close)
			close(e.closed)
		}()
	})
	deadline := time.NewTimer(e.opts.CloseTimeout)
	defer deadline.Stop()
	select {
	case <-e.closed:
		return e.closeErr
	case <-deadline.C:
		return fmt.Errorf("%w (waited %v)", ErrNotClosed, e.opts.CloseTimeout)
	}
}
