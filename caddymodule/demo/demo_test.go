package demo

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestPrepare makes the cast, finds it again, and leaves foreign directories
// alone.
func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	keys, err := prepare(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != len(cast) {
		t.Fatalf("%d keys for %d people", len(keys), len(cast))
	}
	again, err := prepare(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 9, 1, 7, 58, 20, 0, time.UTC)
	for i := range keys {
		code, left := keys[i].shows(now)
		if other, _ := again[i].shows(now); other != code {
			t.Errorf("the key of %s is another one the second time", keys[i].Holder)
		}
		if left != 40*time.Second {
			t.Errorf("the display of %s changes in %s", keys[i].Holder, left)
		}
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.odt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(t.Context(), foreign); err == nil {
		t.Error("a directory that holds something else was taken")
	}
}

func TestLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:8080", "example.org:80", "127.0.0.1", ""} {
		if got, err := loopback(address, true); err == nil {
			t.Errorf("%q was taken, as %s", address, got)
		}
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "127.9.8.7:0"} {
		if _, err := loopback(address, true); err != nil {
			t.Errorf("%q was refused: %v", address, err)
		}
	}
}
