package store

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/internal/drain"
)

// memoryRuns bounds the runs of one Update. A run is lost only when another
// one won, so all that run at once make progress.
const memoryRuns = 100

// NewMemory returns an empty store that lives in memory and dies with the
// process: for tests and demonstrations. It keeps the whole contract but
// durability. Transactions are optimistic: they read a snapshot and are
// checked at the commit. The entries that have expired by the clock now are
// removed once there were as many commits as entries were left the time before.
// Update never returns ErrFailed; Close has no deadline.
func NewMemory(now func() time.Time) Store {
	return &memory{now: now}
}

type memory struct {
	now   func() time.Time
	users drain.Drain
	root  atomic.Pointer[tree]

	commit sync.Mutex // held to move root, and for what follows
	size   int        // entries in root
	due    int        // commits until the next sweep
}

// An item is never changed: that two are the same pointer means that the entry
// was not touched in between.
type item struct {
	value   []byte
	expires time.Time
}

func (m *memory) Close() error {
	<-m.users.Shut()
	return nil
}

func (m *memory) View(ctx context.Context, fn func(Reader) error) error {
	if !m.users.Enter() {
		return ErrClosed
	}
	defer m.users.Leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &memoryReader{ctx: ctx, root: m.root.Load()}
	defer func() { r.over = true }()
	return firstError(fn(r), r.failed)
}

func (m *memory) Update(ctx context.Context, fn func(Writer) error) error {
	if !m.users.Enter() {
		return ErrClosed
	}
	defer m.users.Leave()
	for range memoryRuns {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := m.run(ctx, fn)
		if done || err != nil {
			return err
		}
		runtime.Gosched()
	}
	return ErrBusy
}

// run runs fn once and reports whether its writes took effect.
func (m *memory) run(ctx context.Context, fn func(Writer) error) (done bool, err error) {
	w := &memoryWriter{root: m.root.Load(), read: map[string]*item{}, written: map[string]*item{}}
	defer func() { w.over = true }()
	if err := firstError(fn(w), w.failed); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return len(w.written) == 0 || m.apply(w), nil
}

// apply commits w, unless an entry that it read has changed since.
func (m *memory) apply(w *memoryWriter) bool {
	m.commit.Lock()
	defer m.commit.Unlock()
	root := m.root.Load()
	for key, it := range w.read {
		if root.get(key) != it {
			return false
		}
	}
	for key, it := range w.written {
		root = m.set(root, key, it)
	}
	m.root.Store(m.sweep(root))
	return true
}

// set returns root with the item of key set, or removed if it is nil.
func (m *memory) set(root *tree, key string, it *item) *tree {
	had := root.get(key) != nil
	switch {
	case it == nil && had:
		m.size--
		return root.remove(key)
	case it == nil:
		return root
	case !had:
		m.size++
	}
	return root.put(key, it)
}

// sweep removes the expired entries once there were as many commits as the
// last sweep left entries, so that it costs each commit a constant.
func (m *memory) sweep(root *tree) *tree {
	m.due--
	if m.due > 0 {
		return root
	}
	now := m.now()
	var old []string
	root.ascend("", func(key string, it *item) bool {
		if !it.expires.IsZero() && it.expires.Before(now) {
			old = append(old, key)
		}
		return true
	})
	for _, key := range old {
		root = m.set(root, key, nil)
	}
	m.due = m.size
	return root
}

type memoryReader struct {
	ctx    context.Context
	root   *tree
	failed error
	over   bool
}

func (r *memoryReader) Get(key string) ([]byte, error) {
	if r.over {
		return nil, ErrClosed
	}
	if err := CheckKey(key); err != nil {
		r.failed = firstError(r.failed, err)
		return nil, err
	}
	return r.root.get(key).read()
}

func (r *memoryReader) Scan(prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if r.over {
			yield(Entry{}, ErrClosed)
			return
		}
		r.root.ascend(prefix, func(key string, it *item) bool {
			if !strings.HasPrefix(key, prefix) {
				return false
			}
			if err := r.ctx.Err(); err != nil {
				r.failed = firstError(r.failed, err)
				yield(Entry{}, err)
				return false
			}
			return yield(Entry{Key: key, Value: it.copy()}, nil)
		})
	}
}

type memoryWriter struct {
	root    *tree
	read    map[string]*item // as found in root; nil for an absent one
	written map[string]*item // nil for a deletion
	limits  Limits
	failed  error
	over    bool
}

// begin says whether an operation may go on, given what limits think of it.
func (w *memoryWriter) begin(limit error) error {
	if w.over {
		return ErrClosed
	}
	w.failed = firstError(w.failed, limit)
	return limit
}

func (w *memoryWriter) Get(key string) ([]byte, error) {
	if err := w.begin(w.limits.Read(key)); err != nil {
		return nil, err
	}
	if it, ok := w.written[key]; ok {
		return it.read()
	}
	it := w.root.get(key)
	w.read[key] = it
	return it.read()
}

func (w *memoryWriter) Put(key string, value []byte, expires time.Time) error {
	if err := w.begin(w.limits.Write(key, len(value))); err != nil {
		return err
	}
	w.written[key] = &item{value: slices.Clone(value), expires: expires}
	return nil
}

func (w *memoryWriter) Delete(key string) error {
	if err := w.begin(w.limits.Write(key, 0)); err != nil {
		return err
	}
	w.written[key] = nil
	return nil
}

// read returns what Get answers for it; nil stands for an absent entry.
func (it *item) read() ([]byte, error) {
	if it == nil {
		return nil, ErrNotFound
	}
	return it.copy(), nil
}

// copy returns the value as the caller's own, never nil.
func (it *item) copy() []byte {
	return append([]byte{}, it.value...)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
