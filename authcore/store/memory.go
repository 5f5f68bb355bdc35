package store

import (
	"bytes"
	"context"
	"iter"
	"runtime"
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
	Followers
	now   func() time.Time
	users drain.Drain
	root  atomic.Pointer[tree]

	commit sync.Mutex // held to move root, and for what follows
	size   int        // entries in root
	due    int        // commits until the next sweep
}

// An item is never changed: that two are the same pointer means that the entry
// was not touched in between. Nil stands for an absent entry.
type item struct {
	value   []byte
	expires time.Time
}

func (m *memory) Close() error {
	empty := m.users.Shut()
	m.Tell(Change{Lost: true})
	<-empty
	return nil
}

func (m *memory) View(ctx context.Context, fn func(Reader) error) error {
	if !m.users.Enter() {
		return ErrClosed
	}
	defer m.users.Leave()
	root := m.root.Load()
	get := func(key string) ([]byte, error) { return root.get(key).read() }
	return RunView(ctx, get, root.scan, fn)
}

func (m *memory) Update(ctx context.Context, fn func(Writer) error) error {
	if !m.users.Enter() {
		return ErrClosed
	}
	defer m.users.Leave()
	for range memoryRuns {
		root, read := m.root.Load(), map[string]*item{}
		get := func(key string) ([]byte, error) {
			read[key] = root.get(key)
			return read[key].read()
		}
		writes, err := RunUpdate(ctx, get, fn)
		if err != nil {
			return err
		}
		if m.apply(read, writes) {
			m.TellWrites(writes)
			return nil
		}
		runtime.Gosched()
	}
	return ErrBusy
}

// apply commits the writes, unless an entry that was read has changed since.
func (m *memory) apply(read map[string]*item, writes map[string]Write) bool {
	if len(writes) == 0 {
		return true
	}
	m.commit.Lock()
	defer m.commit.Unlock()
	root := m.root.Load()
	for key, it := range read {
		if root.get(key) != it {
			return false
		}
	}
	for key, w := range writes {
		root = m.set(root, key, w)
	}
	m.root.Store(m.sweep(root))
	return true
}

// set returns root after the write of key.
func (m *memory) set(root *tree, key string, w Write) *tree {
	had := root.get(key) != nil
	switch {
	case w.Delete && !had:
		return root
	case w.Delete:
		m.size--
		return root.remove(key)
	case !had:
		m.size++
	}
	return root.put(key, &item{value: w.Value, expires: w.Expires})
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
		root = m.set(root, key, Write{Delete: true})
	}
	m.due = m.size
	return root
}

// read returns what Get answers, a copy of the value.
func (it *item) read() ([]byte, error) {
	if it == nil {
		return nil, ErrNotFound
	}
	return bytes.Clone(it.value), nil
}

// scan yields copies of the entries whose keys begin with prefix, from the key
// from on.
func (t *tree) scan(prefix, from string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		t.ascend(from, func(key string, it *item) bool {
			return strings.HasPrefix(key, prefix) &&
				yield(Entry{Key: key, Value: bytes.Clone(it.value)}, nil)
		})
	}
}
