package authcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// newKeys are n keys of a file.
func newKeys(n int) []NewKey {
	keys := make([]NewKey, n)
	for i := range keys {
		serial := Serial(fmt.Sprintf("FILE-%04d", i))
		keys[i] = NewKey{Serial: serial, Generator: totpKey(serial)}
	}
	return keys
}

// importAll imports keys as one file.
func (b *bench) importAll(keys []NewKey) (Reference, error) {
	b.t.Helper()
	ctx := b.t.Context()
	i, err := b.BeginImport(ctx, by, false)
	if err != nil {
		return "", err
	}
	for line, n := range keys {
		if err := i.Add(ctx, line+1, n); err != nil {
			return "", errors.Join(err, i.Cancel(ctx))
		}
	}
	return i.Commit(ctx, nil)
}

// imported is which keys of a file are in stock.
func (b *bench) imported() (serials []Serial) {
	b.t.Helper()
	keys, err := b.Keys(b.t.Context(), "", 0, func(k KeyInfo) bool { return strings.HasPrefix(string(k.Serial), "FILE-") })
	b.must(err)
	for _, k := range keys {
		serials = append(serials, k.Serial)
	}
	return serials
}

// settled wants that nothing of an import is left but its keys, each with its
// mark and one entry of the audit trail.
func (b *bench) settled(keys int) {
	b.t.Helper()
	records := b.records()
	for name := range records {
		if kind := kindOf(name); kind == "import" || kind == "staged" {
			b.t.Errorf("a record %s is left", kind)
		}
	}
	serials := b.imported()
	var told []Serial
	for _, e := range b.eventsOf(kindIs(KeyImported)) {
		if strings.HasPrefix(string(e.Serial), "FILE-") {
			told = append(told, e.Serial)
		}
	}
	slices.Sort(told)
	if len(serials) != keys || !slices.Equal(told, serials) {
		b.t.Errorf("%d keys are in stock and the trail tells of %d, want %d", len(serials), len(told), keys)
	}
	for _, serial := range serials {
		k := b.stored(serial)
		if _, known := records[seedName(b.secrets().derive("seed", string(k.Generator.Seed)))]; !known {
			b.t.Errorf("the seed of %s has no mark", serial)
			return
		}
	}
}

// A file of several chunks is there as its lines have it, under one reference.
func TestImport(t *testing.T) {
	b := newBench(t)
	keys := newKeys(2*chunkKeys + groupKeys + 1)
	keys[3].Generator = hotpKey(keys[3].Serial)
	keys[3].Counter = 42
	keys[4].Expires = benchStart.AddDate(3, 0, 0)
	keys[5].Activation = Activation{"40271958"}
	ctx := t.Context()
	i, err := b.BeginImport(ctx, Actor{Name: "RC"}, false)
	mustBeNil(t, err)
	for line, n := range keys {
		mustBeNil(t, i.Add(ctx, line+1, n))
	}
	if n := b.imported(); len(n) > 0 {
		t.Errorf("before it is committed, %d keys are there", len(n))
	}
	var heard [][2]int
	reference, err := i.Commit(ctx, func(written, of int) { heard = append(heard, [2]int{written, of}) })
	mustBeNil(t, err)
	b.settled(len(keys))
	for _, n := range keys {
		want := Key{Serial: n.Serial, State: PINToDefine, Generator: n.Generator, Used: n.Counter - 1, Expires: n.Expires,
			Activation: n.Activation.mark(b.secrets(), n.Serial)}
		got := b.stored(n.Serial)
		if got.Imported.Sub(benchStart) > time.Microsecond {
			t.Errorf("imported at %v", got.Imported)
		}
		got.Imported = time.Time{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the key (-want +got):\n%s", diff)
		}
	}
	events := b.eventsOf(func(e Event) bool { return e.Reference == reference })
	if len(events) != len(keys) || events[0].Actor != "RC" || events[0].Serial != keys[0].Serial {
		t.Errorf("%d entries under the reference, the first %+v", len(events), events[0])
	}
	want := [][2]int{{0, len(keys)}}
	for n := groupKeys; n < len(keys); n += groupKeys {
		want = append(want, [2]int{n, len(keys)})
	}
	if diff := cmp.Diff(append(want, [2]int{len(keys), len(keys)}), heard); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// A key that is there, twice in the file, or no key is refused, and the others
// of the file are not touched by it.
func TestImportRefusals(t *testing.T) {
	for _, dry := range []bool{false, true} {
		b := newBench(t)
		ctx := t.Context()
		i, err := b.BeginImport(ctx, by, dry)
		mustBeNil(t, err)
		keys := newKeys(4)
		refused := []struct {
			n    NewKey
			is   error
			says string
		}{
			{NewKey{Serial: "0123456789", Generator: totpKey("new")}, ErrExists, "key 0123456789: exists already"},
			{NewKey{Serial: "FILE-8000", Generator: b.key}, ErrSeedExists, "another key has the same seed: key 0123456789"},
			{NewKey{Serial: keys[0].Serial, Generator: totpKey("other")}, ErrRefused, "the key on line 1 has the same serial number"},
			{NewKey{Serial: "FILE-8001", Generator: keys[1].Generator}, ErrRefused, "the key on line 2 has the same seed"},
			{NewKey{Serial: "file-8002", Generator: totpKey("x")}, ErrSerialShape, ""},
			{NewKey{Serial: "FILE-8003", Generator: otp.Generator{Kind: otp.TOTP}}, ErrRefused, ""},
		}
		for line, n := range keys {
			mustBeNil(t, i.Add(ctx, line+1, n))
		}
		for _, r := range refused {
			err := i.Add(ctx, 9, r.n)
			if !errors.Is(err, ErrRefused) || !errors.Is(err, r.is) || !strings.Contains(err.Error(), r.says) {
				t.Errorf("%s: %v", r.n.Serial, err)
			}
		}
		if i.Good() != len(keys) {
			t.Errorf("%d keys are good, want %d", i.Good(), len(keys))
		}
		_, err = i.Commit(ctx, nil)
		mustBeNil(t, err)
		b.settled(map[bool]int{false: len(keys), true: 0}[dry])
	}
}

// A refused key leaves no trace in the memory of an import: the same serial may
// come again with a good seed.
func TestImportForgetsWhatItRefused(t *testing.T) {
	b := newBench(t)
	i, err := b.BeginImport(t.Context(), by, true)
	mustBeNil(t, err)
	if err := i.Add(t.Context(), 1, NewKey{Serial: "FILE-1", Generator: b.key}); !errors.Is(err, ErrSeedExists) {
		t.Fatal(err)
	}
	mustBeNil(t, i.Add(t.Context(), 2, NewKey{Serial: "FILE-1", Generator: totpKey("FILE-1")}))
}

// The widest keys there are fit into a chunk, and a group of them into a
// transaction.
func TestImportOfTheWidestKeys(t *testing.T) {
	b := newBench(t)
	keys := make([]NewKey, chunkKeys+1)
	for i := range keys {
		serial := Serial(fmt.Sprintf("FILE-%0*d", maxSerial-5, i))
		seed := fmt.Appendf(nil, "%0*d", otp.MaxSeed, i)
		keys[i] = NewKey{Serial: serial, Activation: Activation{strings.Repeat("7", maxActivation)}, Counter: 1<<53 - 1, Expires: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
			Generator: otp.Generator{Kind: otp.HOTP, Hash: otp.SHA512, Digits: 8, Seed: seed, Serial: string(serial)}}
	}
	_, err := b.importAll(keys)
	mustBeNil(t, err)
	b.settled(len(keys))
}

// One import at a time; a single key does not come in between either. Whoever
// cancels lets the next begin.
func TestOneImportAtATime(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	i, err := b.BeginImport(ctx, by, false)
	mustBeNil(t, err)
	for line, n := range newKeys(chunkKeys) {
		mustBeNil(t, i.Add(ctx, line+1, n))
	}
	if _, err := b.BeginImport(ctx, by, false); !errors.Is(err, ErrImporting) {
		t.Errorf("a second import: %v", err)
	}
	if err := b.ImportKey(ctx, by, NewKey{Serial: "ONE", Generator: totpKey("ONE")}); !errors.Is(err, ErrImporting) {
		t.Errorf("a single key: %v", err)
	}
	dry, err := b.BeginImport(ctx, by, true)
	mustBeNil(t, err)
	mustBeNil(t, dry.Add(ctx, 1, NewKey{Serial: "ONE", Generator: totpKey("ONE")}))
	mustBeNil(t, dry.Cancel(ctx))
	mustBeNil(t, i.Cancel(ctx))
	b.settled(0)
	mustBeNil(t, i.Cancel(ctx)) // once more does nothing, not even to the next one
	reference, err := b.importAll(newKeys(3))
	if err != nil || reference == "" {
		t.Errorf("the next import: %v", err)
	}
	b.settled(3)
}

// Another server of the same store is not disturbed while it lives, and not
// waited for when it does not.
func TestImportOfAnotherServer(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	other := &bench{t: t, store: b.store}
	other.Gate = &Gate{shared: &shared{store: b.store, time: newTimekeeper(b.clock, func(timeline) {}), onAlert: func(EventKind) {}, pins: b.shared.pins, process: "other"}, policy: b.policy, log: b.log}
	other.shared.secrets.Store(b.secrets())
	i, err := other.BeginImport(ctx, by, false)
	mustBeNil(t, err)
	stage := func() {
		for line, n := range newKeys(chunkKeys) {
			mustBeNil(t, i.Add(ctx, line+1, n))
		}
	}
	stage()
	b.pass(importStale - 1)
	if _, err := b.BeginImport(ctx, by, false); !errors.Is(err, ErrImporting) {
		t.Errorf("while it lives: %v", err)
	}
	b.pass(1)
	if _, err := b.importAll(newKeys(2)); err != nil {
		t.Errorf("when it does not: %v", err)
	}
	if _, err := i.Commit(ctx, nil); !errors.Is(err, errEnded) {
		t.Errorf("it comes back to life and commits: %v", err)
	}
	b.settled(2)
}

// What one has committed another may finish at the same time; each key comes
// once.
func TestImportFinishedByTwo(t *testing.T) {
	b := newBench(t)
	keys := newKeys(2 * chunkKeys)
	b.committed(keys)
	errs := make([]error, 4)
	together(len(errs), func(i int) { errs[i] = b.finishImport(t.Context(), nil) })
	mustBeNil(t, errors.Join(errs...))
	b.settled(len(keys))
}

// Between the runs of one's transaction the other applies the last keys, and
// removes them all.
func TestImportFinishedByAnother(t *testing.T) {
	keys := newKeys(groupKeys)
	var s *repeating
	b := newBenchOn(t, func(inner store.Store) store.Store {
		s = &repeating{Store: inner}
		return s
	})
	b.committed(keys)
	s.other = func() {
		rec, err := b.currentImport(t.Context())
		mustBeNil(t, err)
		mustBeNil(t, b.applyGroup(t.Context(), rec))
	}
	mustBeNil(t, b.finishImport(t.Context(), nil))
	b.settled(len(keys))
}

// Who is about to remove an import that seems dead does not, when it commits at
// that moment; and who has begun to remove it leaves it nothing to commit.
func TestImportIsCommittedOrRemoved(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	var was importRecord
	keys := newKeys(2 * chunkKeys)
	begin := func() *Import {
		i, err := b.BeginImport(ctx, by, false)
		mustBeNil(t, err)
		for line, n := range keys {
			mustBeNil(t, i.Add(ctx, line+1, n))
		}
		was, err = b.currentImport(ctx)
		mustBeNil(t, err)
		return i
	}
	setRecord := func(rec importRecord) {
		b.must(b.store.Update(ctx, func(w store.Writer) error { return write(b.secrets(), w, importName, rec, time.Time{}) }))
	}

	i := begin()
	committed := was
	committed.Committed = b.clock()
	setRecord(committed)
	if err := b.removeImport(ctx, was); !errors.Is(err, ErrImporting) {
		t.Errorf("removing it behind its commit: %v", err)
	}
	i.keys = append(i.keys, newKeys(2*chunkKeys + 1)[2*chunkKeys].staged(b.secrets()))
	if err := i.stage(ctx); !errors.Is(err, errEnded) {
		t.Errorf("one more chunk behind the commit: %v", err)
	}
	mustBeNil(t, b.finishImport(ctx, nil))
	b.settled(len(keys))
	i.end()

	for n := range keys {
		keys[n].Serial += "-B"
		keys[n].Generator = totpKey(keys[n].Serial)
	}
	i = begin()
	removing := was
	removing.Staged--
	setRecord(removing)
	if _, err := i.Commit(ctx, nil); !errors.Is(err, errEnded) {
		t.Errorf("committing while it is removed: %v", err)
	}
	if n := len(b.imported()); n != len(keys) {
		t.Errorf("%d keys are there, want those of the first import only", n)
	}
}

// committed leaves a committed import behind of which nothing is applied.
func (b *bench) committed(keys []NewKey) {
	b.t.Helper()
	stopped := errors.New("stopped")
	inner := b.shared.store
	calls := 0
	b.shared.store = updateHook{inner, func() error {
		// begin, the chunks, commit
		if calls++; calls > 2+(len(keys)+chunkKeys-1)/chunkKeys {
			return stopped
		}
		return nil
	}}
	if _, err := b.importAll(keys); !errors.Is(err, ErrUnfinished) || !errors.Is(err, stopped) {
		b.t.Fatalf("the import was to stop behind its commit: %v", err)
	}
	b.shared.store = inner
	if n := len(b.imported()); n != 0 {
		b.t.Fatalf("%d keys are there already", n)
	}
}

// The next import first finishes what was committed.
func TestImportFinishesTheOneBefore(t *testing.T) {
	b := newBench(t)
	keys := newKeys(chunkKeys + 5)
	b.committed(keys[:chunkKeys])
	_, err := b.importAll(keys[chunkKeys:])
	mustBeNil(t, err)
	b.settled(len(keys))
}

// What was committed under the secrets of before is finished under new ones, and
// a seed of before is still known.
func TestImportOverARotation(t *testing.T) {
	b := newBench(t)
	keys := newKeys(groupKeys + 1)
	b.committed(keys)
	rotated, err := b.secrets().Rotated()
	mustBeNil(t, err)
	mustBeNil(t, b.UseSecrets(t.Context(), rotated))
	mustBeNil(t, b.finishImport(t.Context(), nil))
	b.settled(len(keys))
	twin := NewKey{Serial: "TWIN", Generator: b.key}
	if _, err := b.importAll([]NewKey{twin}); !errors.Is(err, ErrSeedExists) {
		t.Errorf("a seed from before the rotation: %v", err)
	}
}

// What is staged and was altered is not put in stock.
func TestImportOfAnAlteredChunk(t *testing.T) {
	b := newBench(t)
	b.committed(newKeys(chunkKeys + 1))
	rec, err := b.currentImport(t.Context())
	mustBeNil(t, err)
	first, second := chunkName(rec.ID, 0), chunkName(rec.ID, 1)
	whole := b.records()
	b.put(second, whole[first]) // a chunk in the place of another
	if err := b.finishImport(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("got %v", err)
	}
	if n := len(b.imported()); n != chunkKeys {
		t.Errorf("%d keys are there, want %d", n, chunkKeys)
	}
	b.must(b.store.Update(t.Context(), func(w store.Writer) error { return w.Delete(second) }))
	if err := b.finishImport(t.Context(), nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// Nothing is left of the context of a caller that has gone.
func TestImportIsCancelledWithItsCaller(t *testing.T) {
	b := newBench(t)
	ctx, leave := context.WithCancel(t.Context())
	i, err := b.BeginImport(ctx, by, false)
	mustBeNil(t, err)
	mustBeNil(t, i.Add(ctx, 1, newKeys(1)[0]))
	leave()
	if _, err := i.Commit(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("committed for nobody: %v", err)
	}
	_, err = b.importAll(newKeys(1))
	mustBeNil(t, err)
	b.settled(1)
}
