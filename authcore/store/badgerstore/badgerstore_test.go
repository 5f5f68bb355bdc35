package badgerstore

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/storetest"
)

func quiet() Options { return Options{Logger: slog.New(slog.DiscardHandler)} }

func TestConforms(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := Open(filepath.Join(t.TempDir(), "store"), quiet())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestConformsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (store.Store, error) {
		dir := filepath.Join(t.TempDir(), "store")
		return func() (store.Store, error) { return Open(dir, quiet()) }
	})
}
