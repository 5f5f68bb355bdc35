package caddymodule

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// anchorBench is a store that is opened as the server does.
func anchorBench(t *testing.T, dir string, log *slog.Logger) *openStore {
	t.Helper()
	v, err := openPlace(place{dir: filepath.Join(dir, "store"), secret: filepath.Join(dir, "secret"), anchor: anchorFile(filepath.Join(dir, "kept", "anchor"))}, log)
	if err != nil {
		t.Fatal(err)
	}
	return v.(*openStore)
}

// Whichever of the two files is damaged, the other one still speaks; without both
// the store is opened, and with both damaged it is not.
func TestAnchorGenerations(t *testing.T) {
	dir := t.TempDir()
	s := anchorBench(t, dir, quietLog)
	s.keepAnchor()
	f := s.where.anchor
	read := func() (*authcore.Anchor, error) {
		t.Helper()
		_, secrets, err := loadSecrets(s.where.secret)
		if err != nil {
			t.Fatal(err)
		}
		return f.read(secrets)
	}
	last, err := read()
	if err != nil || last.Version != 2 {
		t.Fatalf("read: %+v, %v", last, err)
	}
	newer, err := os.ReadFile(string(f))
	if err != nil {
		t.Fatal(err)
	}
	damage := func(name string) {
		t.Helper()
		if err := os.WriteFile(name, newer[:len(newer)/2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage(string(f))
	if a, err := read(); err != nil || a.Version != 1 {
		t.Errorf("with the newer one damaged: %+v, %v", a, err)
	}
	damage(f.earlier())
	if a, err := read(); err == nil || a != nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("with both damaged: %+v, %v", a, err)
	}
	if err := os.WriteFile(f.earlier(), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := read(); err != nil || a.Version != 2 {
		t.Errorf("with the newer one in the other's place: %+v, %v", a, err)
	}
	if err := s.Destruct(); err != nil {
		t.Fatal(err)
	}
	if a, err := read(); err != nil || a.Version != 3 {
		t.Errorf("after the stop: %+v, %v", a, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "kept", "*"))
	if hidden, _ := filepath.Glob(filepath.Join(dir, "kept", ".*")); err != nil || len(left) != 2 || len(hidden) != 0 {
		t.Errorf("there are %q and %q", left, hidden)
	}
}

// An anchor that cannot be written stops nobody, and is complained of.
func TestAnchorThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	s := anchorBench(t, dir, slog.New(slog.NewTextHandler(&log, nil)))
	kept := filepath.Join(dir, "kept")
	if err := errors.Join(os.RemoveAll(kept), os.WriteFile(kept, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.Destruct(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "anchor could not be written") {
		t.Errorf("the log says %s", &log)
	}
}
