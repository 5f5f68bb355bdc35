// Package drain lets a store close only once nobody uses it any more.
package drain

import "sync"

// A Drain counts those inside and, once shut, tells when the last has left.
// The zero value is open and empty. Unlike an RWMutex whose writer waits, it
// turns newcomers away at once instead of holding them up.
type Drain struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // not nil once shut; closed when nobody is inside
}

// Enter reports whether the caller may go in; if so it must Leave.
func (d *Drain) Enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.empty != nil {
		return false
	}
	d.inside++
	return true
}

// Leave undoes one successful Enter.
func (d *Drain) Leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside--
	if d.inside == 0 && d.empty != nil {
		close(d.empty)
	}
}

// Shut makes every later Enter fail. The channel it returns, the same at each
// call, is closed when the last one inside has left.
func (d *Drain) Shut() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.empty == nil {
		d.empty = make(chan struct{})
		if d.inside == 0 {
			close(d.empty)
		}
	}
	return d.empty
}
