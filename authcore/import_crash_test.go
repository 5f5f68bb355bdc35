package authcore

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var errDead = errors.New("the process is dead")

// mortal is the store of a process that dies at its n-th Update: before the
// commit, or behind it, where the process has not heard of its success. From
// then on nothing reaches the store.
type mortal struct {
	store.Store
	left   int // Updates that it lives through
	behind bool
	dead   bool
}

func (m *mortal) View(ctx context.Context, fn func(store.Reader) error) error {
	if m.dead {
		return errDead
	}
	return m.Store.View(ctx, fn)
}

func (m *mortal) Update(ctx context.Context, fn func(store.Writer) error) error {
	if m.dead {
		return errDead
	}
	if m.left--; m.left >= 0 {
		return m.Store.Update(ctx, fn)
	}
	m.dead = true
	if m.behind {
		if err := m.Store.Update(ctx, fn); err != nil {
			return err
		}
	}
	return errDead
}

// reopen starts a server on what another left in the store.
func (b *bench) reopen(s store.Store) error {
	g, err := New(b.t.Context(), Config{Store: s, Secrets: b.secrets(), Now: b.clock})
	if err == nil {
		g.shared.pins.cost = cheapPIN
		b.Gate = g
	}
	return err
}

// TestImportDies kills the process at each Update of an import in turn, before
// its commit and behind it, and starts another: there is nothing or everything,
// and the second try succeeds.
func TestImportDies(t *testing.T) {
	keys := newKeys(3*chunkKeys + 1)
	for _, behind := range []bool{false, true} {
		none, all := 0, 0
		for n := 0; ; n++ {
			b := newBench(t)
			m := &mortal{Store: b.store, left: n, behind: behind}
			b.shared.store = m
			_, err := b.importAll(keys)
			if !m.dead {
				mustBeNil(t, err)
				break
			}
			if !errors.Is(err, errDead) {
				t.Fatalf("dead at update %d: %v", n, err)
			}
			mustBeNil(t, b.reopen(b.store))
			switch there := len(b.imported()); there {
			case 0:
				none++
				if errors.Is(err, ErrUnfinished) {
					t.Fatalf("dead at update %d, none is there, and the import was said to be decided", n)
				}
				b.settled(0)
				_, err := b.importAll(keys)
				mustBeNil(t, err)
			case len(keys):
				all++
				if _, err := b.importAll(keys[len(keys)-1:]); !errors.Is(err, ErrExists) {
					t.Fatalf("dead at update %d, all are there, and the last one comes again: %v", n, err)
				}
			default:
				t.Fatalf("dead at update %d (behind its commit: %v): %d of %d keys are there", n, behind, there, len(keys))
			}
			b.settled(len(keys))
		}
		// To begin, four chunks, to commit; thirteen groups, to remove.
		if want := map[bool][2]int{false: {6, 14}, true: {5, 15}}[behind]; want != [2]int{none, all} {
			t.Errorf("behind the commits: %v: nothing was there %d times and everything %d times, want %v", behind, none, all, want)
		}
	}
}

// The server that finishes the work of a dead one may die as well, and the one
// after it.
func TestImportDiesAgain(t *testing.T) {
	keys := newKeys(2 * chunkKeys)
	b := newBench(t)
	b.committed(keys)
	deaths := 0
	for n := 0; ; n = (n + 1) % 4 { // one that lives through none does not get on
		m := &mortal{Store: b.store, left: n, behind: n%2 == 1}
		if err := b.reopen(m); err == nil {
			break
		} else if !errors.Is(err, errDead) {
			t.Fatal(err)
		}
		deaths++
	}
	if deaths < 5 {
		t.Errorf("only %d servers died: the test shows little", deaths)
	}
	b.settled(len(keys))
}

// Until a server has finished, nobody is served: New does not return before. A
// deadline of whoever starts it does not stop it halfway.
func TestNewFinishesBeforeItServes(t *testing.T) {
	b := newBench(t)
	keys := newKeys(chunkKeys)
	b.committed(keys)
	ctx, cancel := context.WithCancel(t.Context())
	hook := updateHook{b.store, func() error {
		if len(b.imported()) > 0 {
			cancel()
		}
		return nil
	}}
	g, err := New(ctx, Config{Store: hook, Secrets: b.secrets(), Now: b.clock})
	mustBeNil(t, err)
	if ctx.Err() == nil {
		t.Error("the context did not end meanwhile: the test shows nothing")
	}
	b.Gate = g
	b.settled(len(keys))
}

// TestImportsAreUnits plays imports of keys that are there or not, with servers
// that die anywhere. Each file is there whole or not at all, and no key is ever
// another than the first that came under its serial.
func TestImportsAreUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t)
		known := map[Serial]string{} // the seed of each
		for range rapid.IntRange(1, 8).Draw(t, "files") {
			b.importOnMortal(t, known)
			for serial, seed := range known {
				if got := string(b.stored(serial).Generator.Seed); got != seed {
					t.Fatalf("key %s has another seed than it came with", serial)
				}
			}
			b.settled(len(known))
		}
	})
}

// importOnMortal imports a file with a server that may die, starts another, and
// adds what is there then to what is known.
func (b *bench) importOnMortal(t *rapid.T, known map[Serial]string) {
	file := drawFile(t)
	m := &mortal{Store: b.store, left: rapid.IntRange(0, 30).Draw(t, "lives through"), behind: rapid.Bool().Draw(t, "behind")}
	b.shared.store = m
	_, err := b.importAll(file)
	mustBeNil(t, b.reopen(b.store))
	before, there := 0, 0
	for _, n := range file {
		if _, ok := known[n.Serial]; ok {
			before++
		} else if _, err := b.KeyInfo(b.t.Context(), n.Serial); err == nil {
			there++
		}
	}
	whole := before == 0 && there == len(file)
	switch {
	case err == nil && !whole, there > 0 && !whole, !m.dead && before == 0 && err != nil:
		t.Fatalf("%d of %d keys are there, %d were before: %v", there, len(file), before, err)
	case whole:
		for _, n := range file {
			known[n.Serial] = string(n.Generator.Seed)
		}
	}
}

// drawFile draws a file whose keys may be in other files too, under the same
// seed or another.
func drawFile(t *rapid.T) []NewKey {
	size := rapid.SampledFrom([]int{1, 1, 2, 3, 5, groupKeys, groupKeys + 1, chunkKeys + 1}).Draw(t, "size")
	first := rapid.IntRange(0, 40).Draw(t, "first")
	seeds := rapid.SampledFrom([]string{"one", "other"}).Draw(t, "seeds")
	keys := make([]NewKey, size)
	for i := range keys {
		serial := Serial(fmt.Sprintf("FILE-%04d", first+i))
		keys[i] = NewKey{Serial: serial, Generator: totpKey(serial + Serial(seeds))}
	}
	return keys
}
