package authcore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// copyTo is Copy of the bench's store into another.
func (b *bench) copyTo(to store.Store, replace bool) (Copied, error) {
	return b.copyFrom(b.store, to, replace)
}

func (b *bench) copyFrom(from, to store.Store, replace bool) (Copied, error) {
	c := Config{Store: from, Secrets: b.secrets(), Now: b.clock}
	return Copy(context.Background(), c, CopyOrder{To: to, Source: "the first place", Target: "the second place", Replace: replace}, by)
}

// over is the bench over another store, as a server starts there.
func (b *bench) over(s store.Store) (*bench, error) {
	r := &bench{t: b.t, from: b.from, store: s, key: b.key}
	r.setTime(b.clock())
	var err error
	if r.Gate, err = New(b.t.Context(), Config{Store: s, Secrets: b.secrets(), Now: r.clock}); err != nil {
		return nil, err
	}
	r.shared.pins.cost = cheapPIN
	return r, nil
}

func (b *bench) mustOver(s store.Store) *bench {
	b.t.Helper()
	r, err := b.over(s)
	b.must(err)
	return r
}

// usedUp wants that a PASSCODE opens nothing any more.
func (b *bench) usedUp(typed string) {
	b.t.Helper()
	if r := b.login("jdupont", typed); r.Outcome != Reused && r.Outcome != Denied {
		b.t.Errorf("a code that was used before the move: %s", r.Outcome)
	}
}

// A store that has lived is the same in another place: its sessions go on, what was
// used stays used, and it answers nobody where it was.
func TestCopy(t *testing.T) {
	h := livedIn(t)
	b := h.bench
	b.wait(20)
	used := pin + b.shows(0)
	token := b.want(b.login("jdupont", used), Granted, Done).Token
	was := b.records()
	to := store.NewMemory(b.clock)
	done, err := b.copyTo(to, false)
	b.must(err)
	if done.Records != len(was) || done.Keys != 1 || done.People != 2 || done.Sessions == 0 || done.Faults != 0 || done.Store == "" {
		t.Errorf("of %d records: %+v", len(was), done)
	}
	is := (&bench{t: t, store: to}).records()
	for name, value := range was {
		if kindOf(name) != "chain" && !bytes.Equal(is[name], value) { // the move is an entry itself
			t.Errorf("a record of the kind %s is another one", kindOf(name))
		}
	}
	r := b.mustOver(to)
	r.sound()
	if e := r.eventsOf(kindIs(StoreMoved)); len(e) != 1 || !e[0].Alert || e[0].Actor != by.Name || !strings.Contains(e[0].Detail, "from the first place") {
		t.Errorf("of the move tell %+v", e)
	}
	if !r.opens(token, "", true) {
		t.Error("somebody was logged out")
	}
	r.usedUp(used)
	r.wait(1)
	r.want(r.login("jdupont", pin+r.shows(0)), Granted, Done)
	b.shut(token)
}

// shut wants a gate that answers nobody, and a store that none is made over.
func (b *bench) shut(token Token) {
	b.t.Helper()
	if _, err := b.Answer(b.t.Context(), b.Begin(""), b.rightAnswer(AskPasscode), b.from); !errors.Is(err, ErrMoved) {
		b.t.Errorf("a login in the store that was moved: %v", err)
	}
	if st, err := b.Standing(b.t.Context(), token, "", false); !errors.Is(err, ErrMoved) || st != nil {
		b.t.Errorf("a session of the store that was moved: %v", err)
	}
	if err := b.Health(b.t.Context()); !errors.Is(err, ErrMoved) {
		b.t.Errorf("its health: %v", err)
	}
	if _, err := b.over(b.store); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "to the second place: use the configuration of there") {
		b.t.Errorf("a start with it: %v", err)
	}
}

// There and back again, by the same two stores.
func TestCopyBack(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	there := store.NewMemory(b.clock)
	_, err := b.copyTo(there, false)
	b.must(err)
	r := b.mustOver(there)
	r.wait(1)
	used := pin + r.shows(0)
	r.want(r.login("jdupont", used), Granted, Done)
	if _, err := r.copyTo(b.store, false); !errors.Is(err, ErrTarget) || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("into a store that was moved: %v", err)
	}
	_, err = r.copyTo(b.store, true)
	r.must(err)
	r.shut(token)
	again := r.mustOver(b.store)
	again.sound()
	if !again.opens(token, "", false) {
		t.Error("somebody was logged out")
	}
	again.usedUp(used)
}

// A store is copied while people log in: whatever was answered there by the last
// moment counts here.
func TestCopyInUse(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for i := range 40 {
		id := Identifier(fmt.Sprintf("person%02d", i))
		serial := Serial(fmt.Sprintf("MANY-%02d", i))
		b.addKey(serial)
		b.addPerson(id, serial)
	}
	to := store.NewMemory(b.clock)
	var used []string
	var refused error
	var moved atomic.Bool
	entered := make(chan struct{})
	enter := sync.OnceFunc(func() { close(entered) })
	together(2, func(i int) {
		if i == 0 {
			<-entered // by now it is in use
			defer moved.Store(true)
			if _, err := b.copyTo(slowly{to}, false); err != nil {
				t.Error(err)
			}
			return
		}
		defer enter()
		for n, over := 0, false; refused == nil && !over; n++ {
			over = moved.Load() // then this one is the first behind the move, and is refused
			typed := pin + b.key.Code(b.key.StepAt(b.clock())+otp.Step(n))
			var r Reply
			if r, refused = b.Answer(context.Background(), b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, typed)}, Source{}); r.Outcome == Granted {
				used = append(used, typed)
				enter()
			}
			b.wait(1)
		}
	})
	if !errors.Is(refused, ErrMoved) || len(used) == 0 {
		t.Fatalf("%d codes were used, then: %v", len(used), refused)
	}
	r := b.mustOver(to)
	r.sound()
	for _, typed := range used {
		r.elsewhere()
		if got := r.login("jdupont", typed); got.Outcome == Granted || got.Outcome == Asked {
			t.Errorf("a code of before the move: %s", got.Outcome)
		}
	}
	if got := r.sessions(); got != len(used)+1 {
		t.Errorf("%d sessions have come along of %d", got, len(used)+1)
	}
}

// slowly takes its time over each page that is written.
type slowly struct{ store.Store }

func (s slowly) Update(ctx context.Context, fn func(store.Writer) error) error {
	for range 20 {
		if err := s.View(ctx, func(store.Reader) error { return nil }); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, fn)
}

// cut ends the stores of one process: from the n-th transaction on none is begun any
// more; the last that is may have been carried out without an answer.
type cut struct {
	left   int
	unsure bool
}

var errKilled = errors.New("the process is gone")

type cutStore struct {
	store.Store
	of *cut
}

func (m cutStore) View(ctx context.Context, fn func(store.Reader) error) error {
	if m.of.left--; m.of.left < 0 {
		return errKilled
	}
	return m.Store.View(ctx, fn)
}

func (m cutStore) Update(ctx context.Context, fn func(store.Writer) error) error {
	m.of.left--
	if m.of.left < 0 && (m.of.left < -1 || !m.of.unsure) {
		return errKilled
	}
	if err := m.Store.Update(ctx, fn); err != nil || m.of.left >= 0 {
		return err
	}
	return fmt.Errorf("%w (%w)", store.ErrFailed, errKilled)
}

// Cut off anywhere, the two stores are never both open, the one that is has all, and
// the next copy finishes or says that all is done.
func TestCopyCutOff(t *testing.T) {
	for _, unsure := range []bool{false, true} {
		for n := 0; ; n++ {
			if over := cutOff(t, n, unsure); over {
				if n < 15 {
					t.Errorf("a copy has %d transactions only", n)
				}
				break
			}
		}
	}
}

func cutOff(t *testing.T, n int, unsure bool) (over bool) {
	b := newBench(t)
	b.inService("jdupont", pin)
	used := pin + b.shows(0)
	b.want(b.login("jdupont", used), Granted, Done)
	life, to := &cut{left: n, unsure: unsure}, store.NewMemory(b.clock)
	_, err := b.copyFrom(cutStore{b.store, life}, cutStore{to, life}, false)
	here, errHere := b.over(b.store)
	there, errThere := openedCopy(b, to)
	switch {
	case errHere == nil && errThere == nil:
		t.Fatalf("cut off at %d (%v), both stores open", n, err)
	case errHere == nil:
		here.usedUp(used)
	case errThere == nil:
		there.usedUp(used)
	case !errors.Is(errHere, ErrMoved) || !errors.Is(errThere, ErrHalfCopied):
		t.Fatalf("cut off at %d: %v and %v", n, errHere, errThere)
	}
	if err == nil {
		return true
	}
	if _, err := b.copyTo(to, false); err != nil && (!errors.Is(err, ErrMoved) || errThere != nil) {
		t.Fatalf("cut off at %d, the next copy: %v", n, err)
	}
	there = b.mustOver(to)
	there.sound()
	there.usedUp(used)
	b.shut("")
	return false
}

// openedCopy starts a server with a target. One that nothing was written into yet
// is no store, and would be a new one.
func openedCopy(b *bench, to store.Store) (*bench, error) {
	if len((&bench{t: b.t, store: to}).records()) == 0 {
		return nil, ErrHalfCopied
	}
	return b.over(to)
}

// A failure before the target has opened leaves the source in service.
func TestCopyFails(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	to := &faulty{Store: store.NewMemory(b.clock)}
	failures := 0
	for n := 1; ; n++ {
		to.n = n
		if _, err := b.copyTo(to, false); err == nil {
			break
		}
		failures++
		if err := b.Health(t.Context()); err != nil {
			t.Fatalf("the target failed at operation %d, and the source is shut: %v", n, err)
		}
	}
	if failures < 50 {
		t.Errorf("the target had %d operations to fail at", failures)
	}
	b.mustOver(to.Store).sound()
}

func TestCopyRefuses(t *testing.T) {
	b := newBench(t)
	memory := func() store.Store { return store.NewMemory(b.clock) }
	half := memory()
	b.must((&copying{ctx: t.Context(), gate: b.Gate, id: "x"}).put(half, copyRecord{ID: "x", Other: "somewhere", Into: true}))
	before := maps.Clone(b.records())
	for _, c := range []struct {
		name     string
		from, to store.Store
		want     error
		says     string
	}{
		{"nothing", memory(), memory(), nil, "there is no store to copy"},
		{"half a copy", half, memory(), ErrHalfCopied, "copy somewhere into it again"},
		{"over another store", b.store, newBench(t).store, ErrTarget, "there is a store in it"},
		{"under another secret", newBench(t).store, memory(), ErrWrongSecret, ""},
	} {
		_, err := b.copyFrom(c.from, c.to, false)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if !maps.EqualFunc(before, b.records(), bytes.Equal) {
		t.Error("a copy that was refused has changed its source")
	}
	if _, err := Accept(t.Context(), Config{Store: half, Secrets: b.secrets(), Now: b.clock}, by, memory()); !errors.Is(err, ErrHalfCopied) {
		t.Errorf("half a copy is accepted: %v", err)
	}
	_, err := b.copyTo(memory(), false)
	b.must(err)
	if _, err := b.copyTo(memory(), true); !errors.Is(err, ErrMoved) {
		t.Errorf("a store that was moved is copied again: %v", err)
	}
	if _, err := b.Gate.Anchor(t.Context()); !errors.Is(err, ErrMoved) {
		t.Errorf("its anchor is written: %v", err)
	}
}

// Who has lost the store that theirs was moved to accepts the one that is left, as a
// restored one.
func TestAcceptMoved(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	lost := store.NewMemory(b.clock)
	_, err := b.copyTo(lost, false)
	b.must(err)
	r := b.mustOver(lost)
	used := pin + r.shows(0)
	r.want(r.login("jdupont", used), Granted, Done) // nothing left knows of it
	into := store.NewMemory(b.clock)
	_, err = Accept(t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock}, by, into)
	b.must(err)
	again := b.mustOver(into)
	again.usedUp(used)
	again.sound()
}

// The latch is read by every Update, by a View only until it is known to be absent,
// and again after every change that may be its.
func TestLatch(t *testing.T) {
	b := newBench(t)
	reads := 0
	l := latch(countGets{b.store, &reads}, b.secrets())
	view := func() { b.must(l.View(t.Context(), func(store.Reader) error { return nil })) }
	for range 3 {
		view()
	}
	if reads != 1 {
		t.Errorf("three Views have read it %d times", reads)
	}
	l.changed(store.Change{Lost: true})
	view()
	view()
	l.changed(store.Change{Keys: []string{"key/A"}})
	view()
	view()
	if reads != 4 {
		t.Errorf("after a loss of sight it was read %d times, want 4", reads)
	}
	b.must((&copying{ctx: t.Context(), gate: b.Gate, id: "x"}).put(b.store, copyRecord{ID: "x", Other: "there", Ended: b.clock()}))
	if err := l.View(t.Context(), func(store.Reader) error { return nil }); !errors.Is(err, ErrMoved) {
		t.Errorf("a View behind it: %v", err)
	}
	if err := l.Update(t.Context(), func(store.Writer) error { return nil }); !errors.Is(err, ErrMoved) {
		t.Errorf("an Update behind it: %v", err)
	}
	other, err := NewSecrets()
	b.must(err)
	if err := latch(b.store, other).View(t.Context(), func(store.Reader) error { return nil }); !errors.Is(err, ErrMoved) {
		t.Errorf("a View under later secrets: %v", err)
	}
}

// countGets counts what Views get.
type countGets struct {
	store.Store
	n *int
}

func (c countGets) View(ctx context.Context, fn func(store.Reader) error) error {
	return c.Store.View(ctx, func(r store.Reader) error { return fn(countedReader{r, c.n}) })
}

type countedReader struct {
	store.Reader
	n *int
}

func (r countedReader) Get(key string) ([]byte, error) { *r.n++; return r.Reader.Get(key) }

// Each kind of record that expires in a store in use may be forgotten in the copy
// too, and none earlier.
func TestCopiedExpiry(t *testing.T) {
	b, w := newWatchedBench(t)
	b.inService("jdupont", pin)
	b.guesses("jdupont", 3)
	p := &copying{gate: b.Gate, config: Config{}.withDefaults()}
	for kind, expires := range w.expires {
		at := p.expires(kind + "/x")
		if at.IsZero() == expires {
			t.Errorf("a record of the kind %s expires: %v, and in the copy %v", kind, expires, at)
		}
		if expires && at.Before(b.clock().Add(7*day+day)) {
			t.Errorf("a record of the kind %s may be gone at %s", kind, at.Format(time.RFC3339))
		}
	}
}
