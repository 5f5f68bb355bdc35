package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// A place is where a broken engine keeps its entries while it is closed.
type place struct {
	entries map[string]record
	before  map[string]record // before the last commit
	deleted map[string]record
	dropped map[string]record
}

type record struct {
	value   []byte
	version int
	expires time.Time
}

// broken is an engine written to be simple rather than good, with one fault.
type broken struct {
	store.Followers

	fault fault
	place *place

	mu      sync.Mutex // guards what follows and place
	version int
	closed  bool
	fresh   []func()       // what takes effect at the end of the next transaction
	due     []func()       // what takes effect at the end of this one
	turn    sync.Mutex     // held by an Update, if serial
	users   sync.WaitGroup // transactions
	gate    sync.RWMutex   // held by transactions, if closeBlocks
}

func newBroken(f fault, p *place) *broken {
	b := &broken{fault: f, place: p}
	if p.entries == nil || f == emptiedAgain {
		p.entries, p.deleted, p.dropped = map[string]record{}, map[string]record{}, map[string]record{}
	}
	return b
}

func (b *broken) Close() error {
	b.mu.Lock()
	again := b.closed
	b.closed = b.fault != openForever
	b.mu.Unlock()
	if b.fault != closeMute {
		b.Tell(store.Change{Lost: true})
	}
	if b.fault == closeBlocks {
		b.gate.Lock()
		defer b.gate.Unlock()
	}
	if b.fault != closeHasty && b.fault != openForever {
		b.users.Wait()
	}
	if again {
		if b.fault == closeTwice {
			return errors.New("closed already")
		}
		return nil
	}
	b.lose()
	return nil
}

// lose plays what a restart brings to light.
func (b *broken) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.fault {
	case lastLost:
		b.place.entries = b.place.before
	case deletesLost:
		maps.Copy(b.place.entries, b.place.deleted)
	case droppedKept:
		maps.Copy(b.place.entries, b.place.dropped)
	}
}

// enter counts a transaction in.
func (b *broken) enter() error {
	if b.fault == closeBlocks {
		b.gate.RLock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		if b.fault == closeBlocks {
			b.gate.RUnlock()
		}
		return store.ErrClosed
	}
	b.users.Add(1)
	return nil
}

func (b *broken) leave() {
	if b.fault == closeBlocks {
		defer b.gate.RUnlock()
	}
	b.users.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, write := range b.due {
		write()
	}
	b.due, b.fresh = b.fresh, nil
}

func (b *broken) now() map[string]record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.place.entries)
}

func (b *broken) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := b.enter(); err != nil {
		return err
	}
	defer b.leave()
	t := &brokenTxn{b: b, ctx: ctx, entries: b.now()}
	defer t.end()
	if err := ctx.Err(); err != nil && b.fault != contextUnseen {
		return err
	}
	if err := fn(brokenReader{t}); err != nil {
		return b.wrap(err)
	}
	return t.doom
}

func (b *broken) wrap(err error) error {
	if b.fault == errorWrapped {
		return fmt.Errorf("broken: %w", err)
	}
	return err
}

func (b *broken) Update(ctx context.Context, fn func(store.Writer) error) (err error) {
	if err := b.enter(); err != nil {
		return err
	}
	defer b.leave()
	if b.fault == serial {
		b.turn.Lock()
		defer b.turn.Unlock()
	}
	runs := 100
	if b.fault == endless {
		runs = 1 << 30
	}
	var last *brokenTxn
	for n := range runs {
		if err := ctx.Err(); err != nil && b.fault != contextUnseen && (n == 0 || b.fault != contextFirst) {
			return err
		}
		t := &brokenTxn{b: b, ctx: ctx, entries: b.now(), read: map[string]int{}, writes: map[string]store.Write{}, touched: map[string]int{}}
		if last != nil && b.fault == keptWrites {
			t.writes = last.writes
		}
		last = t
		done, err := b.run(t, fn)
		if done || err != nil {
			return err
		}
	}
	return store.ErrBusy
}

// run runs fn once.
func (b *broken) run(t *brokenTxn, fn func(store.Writer) error) (done bool, err error) {
	defer func() {
		t.end()
		if done || b.fault != panicSwallowed && b.fault != panicKept {
			return
		}
		if p := recover(); p != nil {
			if b.fault == panicKept {
				b.apply(t)
				panic(p)
			}
			done, err = true, nil
		}
	}()
	if err := fn(brokenWriter{t}); err != nil {
		b.drop(t)
		return true, b.wrap(err)
	}
	if t.doom != nil {
		return true, t.doom
	}
	if err := t.ctx.Err(); err != nil && b.fault != contextUnseen && b.fault != contextFirst {
		return true, err
	}
	if b.fault == toldEarly {
		b.tell(t)
	}
	if b.apply(t) {
		b.tell(t)
		return true, nil
	}
	return b.fault == gaveUp, nil
}

// Follow adds a follower.
func (b *broken) Follow(changed func(store.Change)) {
	if b.fault == oneFollower {
		b.Followers = store.Followers{}
	}
	b.Followers.Follow(changed)
}

// tell tells the followers of what t wrote.
func (b *broken) tell(t *brokenTxn) {
	told := maps.Clone(t.writes)
	switch b.fault {
	case nobodyTold:
		return
	case toldLater:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.fresh = append(b.fresh, func() { b.TellWrites(told) })
		return
	case deletesMute:
		maps.DeleteFunc(told, func(_ string, w store.Write) bool { return w.Delete })
	}
	b.TellWrites(told)
}

// drop forgets the writes of t.
func (b *broken) drop(t *brokenTxn) {
	if b.fault == errorKept {
		b.apply(t)
	}
	if b.fault == droppedKept {
		b.mu.Lock()
		defer b.mu.Unlock()
		for key, w := range t.writes {
			b.place.dropped[key] = record{value: w.Value}
		}
	}
}

// apply commits t, unless there is a conflict.
func (b *broken) apply(t *brokenTxn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, version := range t.read {
		if b.conflict(t, key, version) && len(t.writes) > 0 {
			return false
		}
	}
	b.place.before = maps.Clone(b.place.entries)
	for _, key := range slices.Sorted(maps.Keys(t.writes)) {
		w := t.writes[key]
		if b.fault == late || b.fault == inPieces && len(b.fresh) == 0 {
			b.fresh = append(b.fresh, func() { b.set(key, w) })
			continue
		}
		b.set(key, w)
	}
	return true
}

func (b *broken) conflict(t *brokenTxn, key string, version int) bool {
	now := b.place.entries[key].version
	_, written := t.writes[key]
	switch {
	case b.fault == blindCommit,
		b.fault == onlyWritten && !written,
		b.fault == absentIgnored && version == 0,
		b.fault == deletedIgnored && now == 0:
		return false
	}
	return now != version
}

func (b *broken) set(key string, w store.Write) {
	b.version++
	if w.Delete {
		if b.fault != deleteForgotten {
			b.place.deleted[key] = b.place.entries[key]
			delete(b.place.entries, key)
		}
		return
	}
	if old, ok := b.place.entries[key]; ok && b.fault == expiryKept {
		w.Expires = old.expires
	}
	b.place.entries[key] = record{value: w.Value, version: b.version, expires: w.Expires}
}
