//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the lock that Badger takes on dir, so that the files can be looked
// at before Badger opens them. Badger's own comes after unlock.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("badgerstore: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		// A process that is started at this moment holds the file as well until it
		// runs its program: closing would not unlock it.
		return func() {
			_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) // closing does as well, or later
			f.Close()
		}, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, lockedError(dir)
	}
	return nil, fmt.Errorf("badgerstore: locking %s: %w", dir, err)
}
