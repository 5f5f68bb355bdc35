package authcore

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// anchored opens a store with an anchor.
func (b *bench) anchored(s store.Store, a *Anchor) error {
	b.t.Helper()
	_, err := New(b.t.Context(), Config{Store: s, Secrets: b.secrets(), Now: b.clock, Anchor: func() (*Anchor, error) { return a, nil }})
	return err
}

func (b *bench) anchor() Anchor {
	b.t.Helper()
	a, err := b.Anchor(b.t.Context())
	b.must(err)
	return a
}

// copied is another store with the same records.
func (b *bench) copied() store.Store {
	b.t.Helper()
	other := &bench{t: b.t, store: store.NewMemory(b.clock)}
	for name, value := range b.records() {
		other.put(name, value)
	}
	return other.store
}

// A store that is what its anchor says opens; one that was emptied, exchanged, put
// back or cut does not, and nothing is written into it.
func TestAnchor(t *testing.T) {
	b := newBench(t)
	b.addKey("STOCK-1")
	first := b.anchor()
	old := b.copied()
	last := b.anchor()
	b.must(b.anchored(b.store, &first))
	b.must(b.anchored(b.store, &last))
	b.must(b.anchored(b.store, nil))
	if !last.Newer(first) || first.Newer(last) || last.Newer(last) {
		t.Error("which anchor is newer is not told")
	}
	cut := &bench{t: t, store: b.copied()}
	cut.must(cut.store.Update(t.Context(), func(w store.Writer) error { return w.Delete(keyName("STOCK-1")) }))
	fewer := last
	fewer.Keys++
	for what, c := range map[string]struct {
		store  store.Store
		anchor *Anchor
		says   string
	}{
		"an empty store":             {store.NewMemory(b.clock), &last, "it is empty, and at 2026-"},
		"an older store":             {old, &last, "it is an older one"},
		"a store without a key":      {cut.store, &last, "1 of its 2 keys are there"},
		"that, without an anchor":    {cut.store, nil, "1 of its 2 keys are there"},
		"a store that had more keys": {b.store, &fewer, "it has fewer keys"},
	} {
		before := (&bench{t: t, store: c.store}).dump()
		err := b.anchored(c.store, c.anchor)
		if !errors.Is(err, ErrAnchor) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "sesame store accept") {
			t.Errorf("%s: %v", what, err)
		}
		if (&bench{t: t, store: c.store}).dump() != before {
			t.Errorf("%s: something was written", what)
		}
	}
	strange := newBench(t)
	if _, err := New(t.Context(), Config{Store: strange.store, Secrets: strange.secrets(), Now: b.clock, Anchor: func() (*Anchor, error) { return &last, nil }}); !errors.Is(err, ErrAnchor) || !strings.Contains(err.Error(), "it is another one") {
		t.Errorf("another store: %v", err)
	}
}

// A store that was restored opens with the anchor of before: its epoch says that
// it was meant.
func TestAnchorOfARestoredStore(t *testing.T) {
	b := newBench(t)
	file := b.backup()
	b.anchor()
	last := b.anchor()
	b.must(b.anchored(b.restoredStore(file), &last))
}

// An anchor that was written is read again under its secrets, also once these were
// rotated, and not once anything of it was changed.
func TestParseAnchor(t *testing.T) {
	b := newBench(t)
	a := b.anchor()
	text, err := json.Marshal(a)
	b.must(err)
	rotated, err := b.secrets().Rotated()
	b.must(err)
	for _, s := range []*Secrets{b.secrets(), rotated} {
		if got, err := s.ParseAnchor(text); err != nil || got.canonical() != a.canonical() {
			t.Errorf("read back: %+v, %v", got, err)
		}
	}
	for i, change := range []func(*Anchor){
		func(a *Anchor) { a.Store += "x" }, func(a *Anchor) { a.Epoch++ }, func(a *Anchor) { a.Version-- },
		func(a *Anchor) { a.Time = a.Time.Add(time.Second) }, func(a *Anchor) { a.Keys-- }, func(a *Anchor) { a.MAC = nil },
	} {
		bad := a
		change(&bad)
		text, err := json.Marshal(bad)
		b.must(err)
		if _, err := b.secrets().ParseAnchor(text); err == nil {
			t.Errorf("change %d is not seen", i)
		}
	}
	if _, err := newSecretsFor(t).ParseAnchor(text); err == nil {
		t.Error("other secrets read it")
	}
	if _, err := b.secrets().ParseAnchor(text[:20]); err == nil {
		t.Error("half of it is read")
	}
}

// What is accepted is what is there, as after a restore: no code of before opens,
// nobody is logged in, and the anchor of before lets it open.
func TestAccept(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	old := b.copied()
	b.wait(1)
	typed := pin + b.shows(0)
	b.want(b.login("jdupont", typed), Granted, Done)
	last := b.anchor()
	for what, s := range map[string]store.Store{"an older store": old, "an empty store": store.NewMemory(b.clock)} {
		into := store.NewMemory(b.clock)
		found, err := Accept(t.Context(), Config{Store: s, Secrets: b.secrets(), Now: b.clock}, by, into)
		b.must(err)
		b.must(b.anchored(into, &last))
		r := &bench{t: t, store: into, key: b.key}
		r.setTime(b.clock())
		r.Gate, err = New(t.Context(), Config{Store: into, Secrets: b.secrets(), Now: b.clock})
		b.must(err)
		r.sound()
		if e := r.eventsOf(kindIs(StoreRestored)); len(e) != 1 || !e[0].Alert {
			t.Errorf("%s: of the acceptance tell %+v", what, e)
		}
		if r.sessions() != 0 {
			t.Errorf("%s: there are sessions", what)
		}
		if found.Keys == 1 {
			r.denied(r.login("jdupont", typed))
		}
	}
	half := store.NewMemory(b.clock)
	(&bench{t: t, store: half}).put("seed/x", []byte("x"))
	if _, err := Accept(t.Context(), Config{Store: half, Secrets: b.secrets(), Now: b.clock}, by, store.NewMemory(b.clock)); err == nil {
		t.Error("a store that has lost its beginning is accepted as empty")
	}
}
