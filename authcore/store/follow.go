package store

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Change is what a follower of a store is told.
type Change struct {
	// Keys are those that were written or deleted, each once, in any order. They
	// belong to the engine: a follower changes nothing of them.
	Keys []string
	// Lost says that the engine has lost sight of what others write: from now until
	// the next Change without it, any entry may have changed.
	Lost bool
}

// Followers are those who follow one store, for whoever writes an engine. The
// zero value is ready for use; it is safe for use by several goroutines.
type Followers struct {
	mu  sync.Mutex // held to add one
	all atomic.Pointer[[]func(Change)]
}

// Follow has changed called from now on.
func (f *Followers) Follow(changed func(Change)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Concat(f.list(), []func(Change){changed})
	f.all.Store(&all)
}

// Tell calls the followers, one after the other.
func (f *Followers) Tell(c Change) {
	for _, changed := range f.list() {
		changed(c)
	}
}

// TellWrites tells of what an Update wrote.
func (f *Followers) TellWrites(writes map[string]Write) {
	if len(writes) == 0 || len(f.list()) == 0 {
		return
	}
	keys := make([]string, 0, len(writes))
	for key := range writes {
		keys = append(keys, key)
	}
	f.Tell(Change{Keys: keys})
}

func (f *Followers) list() []func(Change) {
	if all := f.all.Load(); all != nil {
		return *all
	}
	return nil
}
