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
		manifest, end, err := badger.ReplayManifestFile(f, 0, badgerOptions(dir))
		if err != nil {
			return err
		}
		if err := verifyEnd(f, end, manifest); err != nil {
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

// verifyEnd refuses a manifest that goes on behind its last whole entry while
// there are tables it does not name: Badger would cut it there and remove them,
// and with them perhaps all there is. A power cut can leave such a manifest too,
// with a table whose content is still in the log; it cannot be told apart.
func verifyEnd(manifest *os.File, end int64, m badger.Manifest) error {
	info, err := manifest.Stat()
	if err != nil || info.Size() == end {
		return err
	}
	files, err := os.ReadDir(filepath.Dir(manifest.Name()))
	if err != nil {
		return err
	}
	for _, f := range files {
		id, ok := table.ParseFileID(f.Name())
		if _, named := m.Tables[id]; ok && !named {
			return fmt.Errorf("%s has lost its end, which named %s", badger.ManifestFilename, f.Name())
		}
	}
	return nil
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
