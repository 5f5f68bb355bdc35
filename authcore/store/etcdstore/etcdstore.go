// Package etcdstore keeps the gate's records in etcd (https://etcd.io), which
// several gates share: a code that was accepted by one is dead on the others.
//
// A transaction reads one revision of etcd. An Update remembers which revision
// each key it read was last changed at (0 for an absent one), and commits with one
// etcd transaction that writes if all of them are as they were. All reads are
// linearizable: a member that has lost the others answers nothing.
//
// # What it guards against
//
// A commit is sent once. When no answer comes, it may be carried out yet, and a
// second one would count the first as somebody else's, or undo what came between
// the two. So Update returns [store.ErrFailed], and goes on with the next: the
// cluster stands for its own disks. etcd's client would send it again where a
// server's deadline comes before its own; it is told not to.
//
// That a database is out of space etcd says of a write which it has carried out as
// well as of one which it has not. This too is [store.ErrFailed].
//
// What others write is heard through a watch. How far that has come is compared
// with the cluster's revision, read from a majority: a member that was cut off
// with us tells nothing new, and would say that all is well. Behind by more than
// [Options.Behind], followers are told that changes may be missing, whatever the
// reason, and again when the watch has caught up.
//
// # What it does not
//
// A View that takes longer than etcd keeps old revisions
// (--auto-compaction-retention) ends with [ErrCompacted]. A machine that was
// suspended goes on for an instant with what it knew, until its clock has told that
// time has passed. etcd's own users see keys and sealed values; what its
// administrator can change, a gate cannot tell from what another gate wrote.
package etcdstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/internal/drain"
	"github.com/sesame-gateway/sesame/authcore/store/internal/retry"
)

// What this engine may have to tell beside the errors of package store. Test
// with errors.Is.
var (
	// ErrUnavailable is returned when no member answered in time, or each said that
	// it has no majority. Nothing was written.
	ErrUnavailable = errors.New("etcdstore: etcd does not answer; see that most of its members run and can be reached")
	// ErrRefused is returned for what etcd has refused, such as a wrong password or
	// a prefix that is not this user's. Nothing was written.
	ErrRefused = errors.New("etcdstore: etcd refuses; mend the cause that it gives")
	// ErrCompacted is returned by a View whose revision etcd no longer has.
	ErrCompacted = errors.New("etcdstore: what was being read has been compacted away; begin again, and have etcd keep its revisions longer than the longest reading takes")
	// ErrNotClosed is returned by Close when its deadline passed.
	ErrNotClosed = errors.New("etcdstore: could not close in time; exit the process, what was acknowledged is in etcd")
)

// Options say where etcd is and how it is spoken to.
type Options struct {
	// Endpoints are the members' client addresses, one or more: https://host:port,
	// or http://host:port, all the same.
	Endpoints []string
	// TLS is what the members are spoken to with. Nil means the system's
	// authorities and no certificate of our own.
	TLS *tls.Config
	// Username and Password are those of a user of etcd; both empty means none.
	Username, Password string
	// Prefix begins every key that is written. Nobody but the gates that share this
	// store may use what is below. It has up to 128 bytes. Empty means "sesame/".
	Prefix string

	// Logger hears when what others write is lost sight of, and found again. Nil
	// means slog.Default.
	Logger *slog.Logger
	// Now is the clock by which callers set their expiries. Nil means time.Now.
	Now func() time.Time
	// Timeout bounds each question put to etcd and each commit. It should exceed
	// the time in which the members elect a leader. Zero means 5 seconds.
	Timeout time.Duration
	// Behind is how long after a change by another gate followers may go without
	// having been told of it, or that changes may be missing. Zero means 2 seconds.
	Behind time.Duration
	// CloseTimeout is how long Close waits for transactions to end. Zero means 10
	// seconds.
	CloseTimeout time.Duration
}

const (
	// DefaultPrefix begins the keys where no other prefix is given.
	DefaultPrefix = "sesame/"
	// MaxPrefix is the length of the longest prefix, in bytes. With it the largest
	// Update stays below etcd's default of 1.5 MiB for a request.
	MaxPrefix = 128

	defaultTimeout      = 5 * time.Second
	defaultBehind       = 2 * time.Second
	defaultCloseTimeout = 10 * time.Second
)

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Behind == 0 {
		o.Behind = defaultBehind
	}
	if o.CloseTimeout == 0 {
		o.CloseTimeout = defaultCloseTimeout
	}
	return o
}

type engine struct {
	*watch
	members
	space  string // what a record's key begins with in etcd
	opts   Options
	leases *leases

	users    drain.Drain
	closing  sync.Once
	closed   chan struct{} // closed once closeErr is set
	closeErr error
}

// Open connects to etcd, which must answer within Options.Timeout. Its error wraps
// ErrUnavailable or ErrRefused.
func Open(opts Options) (store.Store, error) {
	e, err := open(opts)
	if err != nil {
		return nil, err // not a Store that holds no engine
	}
	return e, nil
}

func open(opts Options) (*engine, error) {
	opts = opts.withDefaults()
	if n := len(opts.Prefix); n > MaxPrefix {
		return nil, fmt.Errorf("etcdstore: a prefix of %d bytes, the most is %d", n, MaxPrefix)
	}
	client, err := connect(opts)
	if err != nil {
		return nil, explain(opts, err)
	}
	e := &engine{
		members: members{client: client, timeout: opts.Timeout, anonymous: opts.Username == ""},
		space:   opts.Prefix + space, opts: opts, closed: make(chan struct{}),
	}
	e.leases = newLeases(e.grant)
	at := time.Now()
	now, err := e.revision(context.Background(), e.space)
	if err != nil {
		return nil, errors.Join(explain(opts, err), client.Close())
	}
	e.watch = newWatch(e.members, e.space, opts, mark{revision: now, at: at})
	return e, nil
}

// space begins every record's key after the prefix, and leaves room for what is
// none.
const space = "r"

// connect makes a client of etcd. With a user it waits until that is let in, by one
// member or another.
func connect(opts Options) (client *clientv3.Client, err error) {
	for range attempts {
		if client, err = clientv3.New(config(opts)); err == nil {
			return client, nil
		}
		if refused(err) && !passing(err) {
			break
		}
	}
	return nil, meaning(err)
}

func config(opts Options) clientv3.Config {
	return clientv3.Config{
		Endpoints: opts.Endpoints, TLS: opts.TLS,
		Username: opts.Username, Password: opts.Password,
		DialTimeout: opts.Timeout / attempts,
		// A connection through which nothing comes back is given up. gRPC asks after
		// 10 seconds at the earliest, and servers take that for an attack below 5.
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		// Once and no more, whatever the answer: what may be asked again is asked again
		// here. The client's zero means a hundred times.
		MaxUnaryRetries: 1,
		Logger:          zap.NewNop(), // it tells of each attempt; errors are returned
	}
}

func (e *engine) View(ctx context.Context, fn func(store.Reader) error) error {
	if !e.users.Enter() {
		return store.ErrClosed
	}
	defer e.users.Leave()
	s := &snapshot{engine: e, ctx: ctx}
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
	s := &snapshot{engine: e, ctx: ctx, read: map[string]int64{}}
	writes, err := store.RunUpdate(ctx, s.get, fn)
	switch {
	case s.compacted: // whatever came of it: a run afresh reads a newer revision
		return false, nil
	case err != nil || len(writes) == 0:
		return true, err
	}
	return e.commit(ctx, s.read, writes)
}

// Close waits until no transaction is left, but not longer than
// Options.CloseTimeout: then it returns ErrNotClosed, and the work goes on in the
// background.
func (e *engine) Close() error {
	e.closing.Do(func() {
		empty := e.users.Shut()
		e.watch.stop()
		go func() {
			<-empty
			e.closeErr = e.client.Close()
			e.watch.running.Wait()
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
