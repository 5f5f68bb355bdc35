package badgerstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

func TestDirectoryIsOursAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	e := openEngine(t, dir, quiet(), as)
	if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("a new directory: %v, %v; want mode 0700", info.Mode(), err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // that is what is to be mended
		t.Fatal(err)
	}
	openEngine(t, dir, quiet(), as)
	if info, err := os.Stat(dir); err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("an open store: %v, %v; want mode 0700", info.Mode(), err)
	}
}

func TestDirectoriesAccepted(t *testing.T) {
	for _, files := range [][]string{{}, {"LOCK"}, {"LOCK", "MANIFEST-REWRITE"}, {"lost+found"}} {
		dir := t.TempDir()
		touch(t, dir, files...)
		openEngine(t, dir, quiet(), as)
	}
}

func TestDirectoriesRefused(t *testing.T) {
	for _, files := range [][]string{{"000001.sst"}, {"00001.mem"}, {"KEYREGISTRY"}, {"LOCK", "home"}, {"lost+found", "passwd"}} {
		dir := t.TempDir()
		touch(t, dir, files...)
		s, err := Open(dir, quiet())
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("Open of a directory with %q = %v, %v; want ErrDamaged", files, s, err)
		}
		left, _ := os.ReadDir(dir)
		if info, _ := os.Stat(dir); len(left) != len(files) || info.Mode().Perm() == 0o700 {
			t.Errorf("a directory with %q was changed: it has %v and mode %v", files, left, info.Mode())
		}
	}
}

// TestLostManifest takes the manifest from a store. Badger would start afresh
// and remove the tables.
func TestLostManifest(t *testing.T) {
	dir := newDir(t)
	filled(t, dir)
	if err := os.Remove(filepath.Join(dir, badger.ManifestFilename)); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, quiet()); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open = %v, %v; want ErrDamaged", s, err)
	}
}

func touch(t *testing.T, dir string, files ...string) {
	t.Helper()
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectoryIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	touch(t, filepath.Dir(file), "file")
	for _, dir := range []string{file, filepath.Join(file, "store")} {
		if s, err := Open(dir, quiet()); err == nil || s != nil {
			t.Errorf("Open of a file = %v, %v; want nil and an error", s, err)
		}
	}
}

func TestSecondOpenInTheProcess(t *testing.T) {
	dir := newDir(t)
	e := openEngine(t, dir, quiet(), as)
	_, err := Open(dir, quiet())
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second Open = %v, want ErrLocked and the directory", err)
	}
	_, err = openBadger(badgerOptions(dir).WithLogger(nil)) // when it comes between our look and Badger's
	if !errors.Is(err, ErrLocked) {
		t.Errorf("a second Open of Badger = %v, want ErrLocked", err)
	}
	if err := put(e, "a", "1"); err != nil {
		t.Errorf("the first is disturbed: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	openEngine(t, dir, quiet(), as)
}
