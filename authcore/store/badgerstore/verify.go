package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// verify reads every table that the manifest of dir names and checks all its
// checksums. Badger does so as well when it opens them, but in goroutines of
// its own, in which a damaged table ends the process instead of being reported.
func verify(dir string) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, os.ErrNotExist) {
		return nil // a new store
	}
	if err != nil {
		return fmt.Errorf("badgerstore: %w", err)
	}
	defer f.Close()
	err = protect(func() error {
		manifest, _, err := badger.ReplayManifestFile(f, 0, badgerOptions(dir))
		if err != nil {
			return err
		}
		for id, t := range manifest.Tables {
			if err := verifyTable(dir, id, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

func verifyTable(dir string, id uint64, m badger.TableManifest) error {
	data, err := os.ReadFile(table.NewFilename(id, dir))
	if err != nil {
		return err
	}
	if !plausibleFooter(data) {
		return fmt.Errorf("table %d has lost its end", id)
	}
	t, err := table.OpenInMemoryTable(data, id, &table.Options{Compression: m.Compression})
	if err != nil {
		return err
	}
	return t.VerifyChecksum()
}

// plausibleFooter reports whether the lengths at the end of a table lie within
// it: index, its length, its checksum, the length of that. Badger ends the
// process where they do not.
func plausibleFooter(data []byte) bool {
	for range 2 {
		if len(data) < 4 {
			return false
		}
		length := uint64(binary.BigEndian.Uint32(data[len(data)-4:]))
		data = data[:len(data)-4]
		if length > uint64(len(data)) {
			return false
		}
		data = data[:uint64(len(data))-length]
	}
	return true
}
