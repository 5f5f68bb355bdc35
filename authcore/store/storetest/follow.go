package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// followCases are about those who keep what they have read.
var followCases = []Case{
	{"followers are told of what was written", checkFollowersTold},
	{"what followers are told of can be read", checkFollowersSee},
	{"followers are told of each of many", checkFollowersOfMany},
	{"followers are told of Close", checkFollowersOfClose},
}

// notebook is a follower that writes down what it is told.
type notebook struct {
	mu   sync.Mutex
	told map[string]int
}

func (n *notebook) changed(c store.Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told == nil {
		n.told = map[string]int{}
	}
	for _, key := range c.Keys {
		n.told[key]++
	}
}

func (n *notebook) want(keys ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range keys {
		if n.told[key] == 0 {
			return fmt.Errorf("when Update returned, a follower had not been told of %q, but of %v", key, n.told)
		}
	}
	n.told = nil
	return nil
}

func checkFollowersTold(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, untouched); err != nil {
		return err
	}
	var first, second notebook
	s.Follow(first.changed)
	s.Follow(second.changed)
	if err := s.Update(ctx, halfway); err != nil {
		return err
	}
	if err := errors.Join(first.want("new", "old", "gone"), second.want("new", "old", "gone")); err != nil {
		return err
	}
	return errors.Join(put(ctx, s, "new", "2"), first.want("new"), second.want("new"))
}

// checkFollowersSee begins a View when it is told. It does not wait for its end,
// as an engine may tell while it holds a lock, but gives it time to come first
// where it can.
func checkFollowersSee(ctx context.Context, s store.Store) error {
	seen := make(chan error, 1)
	s.Follow(func(c store.Change) {
		if !slices.Contains(c.Keys, "a") {
			return
		}
		done := make(chan struct{})
		go func() {
			seen <- s.View(ctx, func(r store.Reader) error { return wantGet(r.Get, "a", "1") })
			close(done)
		}()
		early := time.NewTimer(100 * time.Millisecond)
		defer early.Stop()
		select {
		case <-done:
		case <-early.C:
		}
	})
	if err := put(ctx, s, "a", "1"); err != nil {
		return err
	}
	select {
	case err := <-seen:
		return err
	case <-ctx.Done():
		return errors.New("a follower was not told")
	case <-time.After(stall):
		return errors.New("a follower was not told")
	}
}

func checkFollowersOfMany(ctx context.Context, s store.Store) error {
	const writers, each = 16, 16
	var n notebook
	s.Follow(n.changed)
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				key := fmt.Sprintf("%d/%d", i, j)
				if errs[i] = put(ctx, s, key, "1"); errs[i] != nil {
					return
				}
				n.mu.Lock()
				told := n.told[key]
				n.mu.Unlock()
				if told == 0 {
					errs[i] = fmt.Errorf("when Update returned, a follower had not been told of %q", key)
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func checkFollowersOfClose(ctx context.Context, s store.Store) error {
	var lost atomic.Bool
	s.Follow(func(c store.Change) { lost.Store(c.Lost) })
	if err := put(ctx, s, "a", "1"); err != nil {
		return err
	}
	if lost.Load() {
		return errors.New("a follower was told that changes may be missing, after one that it was told of")
	}
	if err := s.Close(); err != nil {
		return err
	}
	if !lost.Load() {
		return errors.New("the store is closed, and a follower was not told")
	}
	return nil
}
