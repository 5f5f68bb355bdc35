package authcore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// openedAgain makes another gate over the bench's store.
func (b *bench) openedAgain() error {
	_, err := New(b.t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock})
	return err
}

// setIdentity rewrites what the store says of itself; nil removes it.
func (b *bench) setIdentity(id *identityRecord) {
	b.t.Helper()
	b.must(b.store.Update(b.t.Context(), func(w store.Writer) error {
		if id == nil {
			return w.Delete(identityName)
		}
		return write(b.secrets(), w, identityName, *id, time.Time{})
	}))
}

// A store of before there were identities is brought forward, once.
func TestBringForward(t *testing.T) {
	b := newBench(t)
	b.addKey("STOCK-1")
	b.setIdentity(nil)
	b.must(b.openedAgain())
	id, _, err := b.identity(t.Context())
	b.must(err)
	if id.ID == "" || id.Schema != schema || id.Keys != 2 {
		t.Errorf("it is %+v", id)
	}
	b.must(b.openedAgain())
	if again, _, err := b.identity(t.Context()); err != nil || again != id {
		t.Errorf("opened again it is %+v (%v)", again, err)
	}
	if len(migrations) != schema {
		t.Errorf("%d migrations lead to schema %d", len(migrations), schema)
	}
}

// A store that a later program has written is refused, and nothing is written.
func TestNewerStore(t *testing.T) {
	b := newBench(t)
	id, _, err := b.identity(t.Context())
	b.must(err)
	id.Schema = schema + 1
	b.setIdentity(&id)
	before := b.dump()
	if err := b.openedAgain(); !errors.Is(err, ErrNewerStore) || !strings.Contains(err.Error(), "its schema is 3, this program knows up to 2") {
		t.Errorf("it is opened: %v", err)
	}
	if b.dump() != before {
		t.Error("something was written")
	}
}

// The number of keys is kept by every way in which keys come.
func TestKeysAreCounted(t *testing.T) {
	b := newBench(t)
	b.addKey("STOCK-1")
	in, err := b.BeginImport(t.Context(), by, false)
	b.must(err)
	const file = groupKeys + 3
	for i := range file {
		serial := Serial("FILE-" + strings.Repeat("I", i+1))
		b.must(in.Add(t.Context(), i+1, NewKey{Serial: serial, Generator: totpKey(serial)}))
	}
	_, err = in.Commit(t.Context(), nil)
	b.must(err)
	id, _, err := b.identity(t.Context())
	b.must(err)
	if n, err := b.countKeys(t.Context()); err != nil || id.Keys != file+2 || n != id.Keys {
		t.Errorf("%d keys are noted, and %d there (%v), of %d", id.Keys, n, err, file+2)
	}
}
