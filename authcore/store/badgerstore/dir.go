package badgerstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
)

// prepare makes dir ready to be opened by Badger: there, ours alone, and sound.
func prepare(dir string) error {
	if err := create(dir); err != nil {
		return fmt.Errorf("badgerstore: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := inspect(dir); err != nil {
		return err
	}
	// Badger writes its files with mode 0644 less the umask; the directory is
	// what keeps others out.
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("badgerstore: %w", err)
	}
	return verify(dir)
}

// Lock keeps everybody from opening the store in dir, which exists, until unlock
// is called: for who puts another in its place. Error: ErrLocked, the system's.
func Lock(dir string) (unlock func(), err error) { return lock(dir) }

// create makes dir, durably: records whose directory is lost in a power cut
// would be lost with it.
func create(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// inspect refuses a directory in which Badger would start afresh beside files
// that are there: those of a store that has lost its manifest, which Badger
// would remove, or somebody else's.
func inspect(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("badgerstore: %w", err)
	}
	var other string
	for _, f := range files {
		switch f.Name() {
		case badger.ManifestFilename:
			return nil
		case "LOCK", "MANIFEST-REWRITE": // a first start that was cut short
		case "lost+found": // the root of a file system
		default:
			other = f.Name()
		}
	}
	if other != "" {
		return fmt.Errorf("%w: %s has no %s, but %s", ErrDamaged, dir, badger.ManifestFilename, other)
	}
	return nil
}

// room returns ErrFull if dir has less than so many bytes of free space.
func room(dir string, least uint64) error {
	left, err := Free(dir)
	if err == nil && left < least {
		return fmt.Errorf("%w: %d MiB are free, %d MiB are wanted", ErrFull, left>>20, least>>20)
	}
	return err
}

// openBadger opens the database and gives its errors a meaning.
func openBadger(opts badger.Options) (db *badger.DB, err error) {
	err = protect(func() error {
		db, err = badger.Open(opts)
		return err
	})
	switch {
	case err == nil:
		return db, nil
	case strings.Contains(err.Error(), "Another process is using this Badger database"):
		return nil, lockedError(opts.Dir)
	}
	if _, system := errors.AsType[syscall.Errno](err); !system {
		err = fmt.Errorf("%w: %w", ErrDamaged, err) // what the system did not refuse, Badger does not like
	}
	return nil, fmt.Errorf("badgerstore: opening %s: %w", opts.Dir, err)
}

func lockedError(dir string) error {
	return fmt.Errorf("%w: %s", ErrLocked, dir)
}
