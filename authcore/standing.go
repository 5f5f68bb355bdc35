package authcore

import (
	"context"
	"crypto/sha256"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Standing is what a cookie opens on a host: a session and its account, as
// Session returns them. It is the same value for request after request, until
// something of it changes: its readers change nothing of it but the Note.
type Standing struct {
	Session Session
	Account Account
	// Note is room for what its reader has made of it and wants to find again.
	Note atomic.Value

	assertion atomic.Pointer[signed] // of a moment ago

	root  Session
	day   fredu.Date // of the attributes
	read  uint64     // the count of changes before it was read
	marks [3]uint16  // of the records it was read from
}

// Standing returns what a cookie opens on a host ("" is the portal's), as Session
// does, and answers from memory as long as nothing of it has changed: what has
// ended, by whichever act, is not in it from when that act is acknowledged. Errors:
// ErrNoSession, the store's.
func (g *Gate) Standing(ctx context.Context, t Token, host string, active bool) (*Standing, error) {
	key, now := t.sum(), g.now()
	known := g.shared.standings
	st := known.get(key)
	if st == nil || st.Session.Host != host || !st.root.alive(st.Account, now) || st.day != fredu.DateOf(now) {
		var err error
		if st, err = g.readStanding(ctx, t, host, now); err != nil {
			return nil, err
		}
		known.put(key, st)
	}
	if !active || !g.touch(ctx, &st.root, now) || known.holds(st) {
		return st, nil
	}
	// What was good before that write may have ended while it was waited for.
	st, err := g.readStanding(ctx, t, host, g.now())
	if err == nil {
		known.put(key, st)
	}
	return st, err
}

// readStanding reads what a cookie opens from the store.
func (g *Gate) readStanding(ctx context.Context, t Token, host string, now time.Time) (*Standing, error) {
	st := &Standing{day: fredu.DateOf(now), read: g.shared.standings.changes.Load()}
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		st.Session, st.root, st.Account, err = readSession(g.secrets(), r, t, host, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	st.Account.Attributes = st.Account.Attributes.On(st.day)
	for i, name := range []string{sessionName(st.Session.ID), sessionName(st.root.ID), accountName(st.Account.Identifier)} {
		st.marks[i] = g.shared.standings.mark(name)
	}
	return st, nil
}

// maxStandings bounds what is kept, in all: at two kilobytes each, 32 MB. Whoever
// is not among them costs their reading.
const maxStandings = 16 << 10

// standings are the sessions in use, in memory. What a record's change makes of
// them is told by numbers and not by looking for them: every change has one, the
// last of each record is kept, under a mark that some records share, and what was
// read before the last change of its records is not used. So nobody waits for
// anybody, and whoever reads while a change is under way does not keep what was.
type standings struct {
	seed    maphash.Seed
	changes atomic.Uint64
	last    [1 << 12]atomic.Uint64 // the number of the last change, by mark
	all     atomic.Uint64          // that of the last one that may be of any record
	lost    atomic.Bool            // changes may be missing

	shards [64]standingShard
}

type standingShard struct {
	mu sync.RWMutex
	by map[[sha256.Size]byte]*Standing
}

// followStandings keeps what is read of a store for as long as it is true.
func followStandings(s store.Store) *standings {
	known := &standings{seed: maphash.MakeSeed()}
	s.Follow(known.changed)
	return known
}

// changed takes note of a change of the store.
func (n *standings) changed(c store.Change) {
	number := n.changes.Add(1)
	for _, name := range c.Keys {
		raise(&n.last[n.mark(name)], number)
	}
	if was := n.lost.Swap(c.Lost); was || c.Lost {
		raise(&n.all, number)
	}
}

// raise sets a number unless it is higher already: of two that come at once, the
// later may be the first here.
func raise(to *atomic.Uint64, number uint64) {
	for {
		old := to.Load()
		if old >= number || to.CompareAndSwap(old, number) {
			return
		}
	}
}

// mark is where the number of a record's last change stands.
func (n *standings) mark(name string) uint16 {
	return uint16(maphash.String(n.seed, name) % uint64(len(n.last)))
}

// holds reports whether nothing of what was read has changed since.
func (n *standings) holds(st *Standing) bool {
	if n.lost.Load() || n.all.Load() > st.read {
		return false
	}
	for _, mark := range st.marks {
		if n.last[mark].Load() > st.read {
			return false
		}
	}
	return true
}

// get returns what is known of a token, by its hash, or nil.
func (n *standings) get(key [sha256.Size]byte) *Standing {
	shard := &n.shards[int(key[0])%len(n.shards)]
	shard.mu.RLock()
	st := shard.by[key]
	shard.mu.RUnlock()
	if st == nil || !n.holds(st) {
		return nil
	}
	return st
}

// put keeps what was read. Where there is no more room, some other goes.
func (n *standings) put(key [sha256.Size]byte, st *Standing) {
	shard := &n.shards[int(key[0])%len(n.shards)]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.by == nil {
		shard.by = make(map[[sha256.Size]byte]*Standing)
	}
	if _, known := shard.by[key]; !known && len(shard.by) >= maxStandings/len(n.shards) {
		for some := range shard.by {
			delete(shard.by, some)
			break
		}
	}
	shard.by[key] = st
}
