package badgerstore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// filled makes a store in dir that has tables, and returns their files.
func filled(t *testing.T, dir string) []string {
	t.Helper()
	e, err := open(dir, quiet(), as)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		err := e.Update(t.Context(), func(w store.Writer) error {
			for j := range 100 {
				key := fmt.Sprintf("key/%d", 100*i+j)
				if err := w.Put(key, value(key), time.Time{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables in %s: %v", dir, err)
	}
	return tables
}

// value is what a filled store has for key: it looks random, as sealed records
// do, so that a damage does not vanish in the compression.
func value(key string) []byte {
	seed := sha256.Sum256([]byte(key))
	value := make([]byte, 300)
	_, _ = rand.NewChaCha8(seed).Read(value) // never fails
	return value
}

// harmless returns an error unless a copy of dir opens and is still filled. Not
// every bit matters: the compression leaves several ways to say the same.
func harmless(t *testing.T, dir string) error {
	t.Helper()
	clone := newDir(t)
	if err := os.CopyFS(clone, os.DirFS(dir)); err != nil {
		return err
	}
	s, err := Open(clone, quiet())
	if err != nil {
		return err
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		var n int
		for entry, err := range r.Scan("key/", "") {
			if err != nil || !bytes.Equal(entry.Value, value(entry.Key)) {
				return fmt.Errorf("entry %q is not what it was (%v)", entry.Key, err)
			}
			n++
		}
		if n != 2000 {
			return fmt.Errorf("there are %d entries, want 2000", n)
		}
		return nil
	})
	return errors.Join(err, s.Close())
}

// TestDamagedTables flips a bit, or cuts the end off, and looks at the store. In
// none of the places may that go unnoticed, and in none may the process end.
func TestDamagedTables(t *testing.T) {
	dir := newDir(t)
	file := filled(t, dir)[0]
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(dir); err != nil {
		t.Fatalf("a sound store: %v", err)
	}
	damaged := func(what string, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		err := verify(dir)
		if err == nil {
			err = harmless(t, dir)
		} else if errors.Is(err, ErrDamaged) {
			err = nil
		}
		if err != nil {
			t.Errorf("with %s: %v, want ErrDamaged", what, err)
		}
	}
	flip := func(at int) {
		data := slices.Clone(sound)
		data[at] ^= 1 << rand.IntN(8)
		damaged(fmt.Sprintf("a bit of byte %d of %d flipped", at, len(data)), data)
	}
	for range 150 {
		flip(rand.IntN(len(sound)))
	}
	for i := range 64 { // the index's checksum and the lengths
		flip(len(sound) - 1 - i)
	}
	for _, n := range []int{0, 1, 3, 4, 8, len(sound) / 2, len(sound) - 1} {
		damaged(fmt.Sprintf("%d of %d bytes left", n, len(sound)), sound[:n])
	}
	damaged("zeros for the last page", append(slices.Clone(sound[:len(sound)-4096]), make([]byte, 4096)...))
	if s, err := Open(dir, quiet()); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open = %v, %v; want ErrDamaged", s, err)
	}
}

func TestMissingTable(t *testing.T) {
	dir := newDir(t)
	if err := os.Remove(filled(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, quiet()); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open = %v, %v; want ErrDamaged", s, err)
	}
}

func TestDamagedManifest(t *testing.T) {
	dir := newDir(t)
	filled(t, dir)
	file := filepath.Join(dir, badger.ManifestFilename)
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := range sound {
		data := slices.Clone(sound)
		data[at] ^= 0x10
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := verify(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("with byte %d of %d changed: %v, want ErrDamaged", at, len(sound), err)
		}
	}
	for _, lost := range []int{1, 3, len(sound) - 17} {
		if err := os.WriteFile(file, sound[:len(sound)-lost], 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(dir, quiet()); !errors.Is(err, ErrDamaged) {
			t.Errorf("Open = %v, %v with the last %d bytes lost, want ErrDamaged", s, err, lost)
		}
	}
}

// TestTornManifest is what a power cut leaves of a first start, with no table
// in want of the lost end.
func TestTornManifest(t *testing.T) {
	dir := newDir(t)
	if err := openEngine(t, dir, quiet(), as).Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, badger.ManifestFilename)
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(sound, 0, 0, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	openEngine(t, dir, quiet(), as)
}

// TestDamagedRegistry changes each byte of the file that Badger keeps for its own
// encryption, which we do not use: it opens as it was, or is found damaged.
func TestDamagedRegistry(t *testing.T) {
	dir := newDir(t)
	filled(t, dir)
	file := filepath.Join(dir, badger.KeyRegistryFileName)
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for at := range sound {
		data := slices.Clone(sound)
		data[at] ^= 0x10
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		switch err := harmless(t, dir); {
		case errors.Is(err, ErrDamaged):
			found++
		case err != nil:
			t.Errorf("with byte %d of %d changed: %v, want ErrDamaged", at, len(sound), err)
		}
	}
	if found == 0 {
		t.Error("no change was found")
	}
}
