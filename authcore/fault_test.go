package authcore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var errFault = errors.New("the disk is gone")

// faulty is a store whose n-th operation fails: a beginning, a reading, a
// writing or a commit. With unsure, a commit that fails has been written.
type faulty struct {
	store.Store
	n      int // operations until the fault; negative when there is none to come
	unsure bool
}

func (f *faulty) fails() bool {
	f.n--
	return f.n == 0
}

func (f *faulty) Update(ctx context.Context, fn func(store.Writer) error) error {
	if f.fails() {
		return errFault
	}
	commit := false
	err := f.Store.Update(ctx, func(w store.Writer) error {
		if err := fn(faultyWriter{w, f}); err != nil {
			return err
		}
		if commit = f.fails(); commit && !f.unsure {
			return errFault
		}
		return nil
	})
	if err == nil && commit {
		return fmt.Errorf("%w (%w)", store.ErrFailed, errFault)
	}
	return err
}

func (f *faulty) View(ctx context.Context, fn func(store.Reader) error) error {
	if f.fails() {
		return errFault
	}
	return f.Store.View(ctx, func(r store.Reader) error { return fn(faultyReader{r, f}) })
}

type faultyReader struct {
	store.Reader
	f *faulty
}

func (r faultyReader) Get(key string) ([]byte, error) {
	if r.f.fails() {
		return nil, errFault
	}
	return r.Reader.Get(key)
}

func (r faultyReader) Scan(prefix, after string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range r.Reader.Scan(prefix, after) {
			if r.f.fails() {
				e, err = store.Entry{}, errFault
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

type faultyWriter struct {
	store.Writer
	f *faulty
}

func (w faultyWriter) Get(key string) ([]byte, error) {
	if w.f.fails() {
		return nil, errFault
	}
	return w.Writer.Get(key)
}

func (w faultyWriter) Put(key string, value []byte, expires time.Time) error {
	if w.f.fails() {
		return errFault
	}
	return w.Writer.Put(key, value, expires)
}

func newFaultyBench(t tb) (*bench, *faulty) {
	var f *faulty
	b := newBenchOn(t, func(s store.Store) store.Store {
		f = &faulty{Store: s, n: -1}
		return f
	})
	return b, f
}

// whole wants that what the store holds makes sense, whatever failed.
func (b *bench) whole() {
	b.t.Helper()
	grants := b.count(LoginAccepted) + b.count(PINDefined)
	if n := b.sessions(); n != grants {
		b.t.Errorf("%d sessions, %d logins written down", n, grants)
	}
	k := b.key1()
	if k.PIN.IsZero() != (k.State == PINToDefine) {
		b.t.Errorf("the key is %s, and has a PIN: %v", k.State, !k.PIN.IsZero())
	}
}

// TestTheStoreFails fails each operation of a login in turn. No login is granted
// without its trace, no code opens twice, nothing is left half done, and with
// the next code all is as before.
func TestTheStoreFails(t *testing.T) {
	for q := AskPasscode; q < Done; q++ {
		for _, unsure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unsure %v", q, unsure), func(t *testing.T) {
				n := 1
				for failOnce(t, q, n, unsure) {
					n++
				}
				if n < 10 {
					t.Errorf("only %d operations failed: the test shows nothing", n-1)
				}
			})
		}
	}
}

// failOnce fails the n-th operation of the right answer to q, and reports
// whether there was one.
func failOnce(t *testing.T, q Question, n int, unsure bool) bool {
	b, f := newFaultyBench(t)
	r := pending[q](b)
	b.wait(1)
	sessions, answer := b.sessions(), b.rightAnswer(q)
	f.n, f.unsure = n, unsure
	reply, err := b.Answer(t.Context(), r.Challenge, answer, Source{})
	failed := f.n <= 0
	f.n = -1
	if !failed {
		mustBeNil(t, err)
		return false
	}
	if !errors.Is(err, errFault) || reply.Token != "" || reply.Outcome != 0 {
		t.Errorf("operation %d failed: %s, %v; want no reply and the store's error", n, reply.Outcome, err)
	}
	b.whole()

	// The person clicks again, and an attacker types the same elsewhere.
	if again, err := b.Answer(t.Context(), r.Challenge, answer, Source{}); err != nil || again.Outcome == Denied {
		t.Errorf("operation %d failed, then the form was sent again: %s, %v; it goes on, or says that the code was used", n, again.Outcome, err)
	}
	b.whole()
	if a, ok := answer.(PasscodeAnswer); ok {
		b.denied(b.answer(b.Begin(""), a))
	}
	if got := b.sessions() - sessions; got > 1 {
		t.Errorf("operation %d failed: %d sessions with one code", n, got)
	}
	if w := b.key1().WrongPIN; w > 1 {
		t.Errorf("operation %d failed: %d wrong PINs counted", n, w)
	}
	b.wait(2)
	if next := b.login("jdupont", pin+b.shows(0)); next.Outcome == Denied {
		t.Errorf("operation %d failed, and the next code is denied", n)
	}
	b.whole()
	return true
}

// A click after the fault, or a twin of the form, ends what was begun.
func TestTheSecondHalfFails(t *testing.T) {
	b, f := newFaultyBench(t)
	b.inService("jdupont", pin)
	c, a := b.Begin(""), b.rightAnswer(AskPasscode)
	calls := 0
	f.Store = updateHook{f.Store, func() error {
		if calls++; calls == 2 {
			return errFault
		}
		return nil
	}}
	if _, err := b.Answer(t.Context(), c, a, Source{}); !errors.Is(err, errFault) {
		t.Fatalf("got %v", err)
	}
	if b.fresh() || b.key1().WrongPIN != 1 {
		t.Errorf("before the verdict: the code is fresh: %v, %d wrong PINs charged", b.fresh(), b.key1().WrongPIN)
	}
	b.want(b.answer(c, a), Granted, Done)
	if n := b.key1().WrongPIN; n != 0 {
		t.Errorf("%d wrong PINs charged after the success", n)
	}
}

type updateHook struct {
	store.Store
	before func() error
}

func (h updateHook) Update(ctx context.Context, fn func(store.Writer) error) error {
	if err := h.before(); err != nil {
		return err
	}
	return h.Store.Update(ctx, fn)
}

// A closed store lets nobody in and keeps nobody's session.
func TestTheStoreIsClosed(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	cookie, err := b.Seal(b.Begin(""))
	mustBeNil(t, err)
	mustBeNil(t, b.store.Close())
	_, answered := b.Answer(t.Context(), b.Begin(""), b.rightAnswer(AskPasscode), Source{})
	_, _, opened := b.Session(t.Context(), r.Token, "", true)
	_, begun := b.Challenge(t.Context(), cookie)
	for what, err := range map[string]error{"a login": answered, "a session": opened, "a page": begun, "health": b.Health(t.Context())} {
		if !errors.Is(err, store.ErrClosed) || errors.Is(err, ErrNoSession) || errors.Is(err, ErrWrongSecret) {
			t.Errorf("%s on a closed store: %v", what, err)
		}
	}
}

// repeating is a store whose transactions run twice, the first time in vain, as
// after a conflict. In between, other may change the store.
type repeating struct {
	store.Store
	other func()
}

func (s *repeating) Update(ctx context.Context, fn func(store.Writer) error) error {
	conflict := errors.New("conflict")
	err := s.Store.Update(ctx, func(w store.Writer) error { return errors.Join(fn(w), conflict) })
	if !errors.Is(err, conflict) {
		return err
	}
	if other := s.other; other != nil {
		s.other = nil
		other()
	}
	return s.Store.Update(ctx, fn)
}

// A transaction that runs twice leaves what it leaves when it runs once.
func TestTransactionsRunAgain(t *testing.T) {
	play := func(b *bench) (all []any) {
		r := b.inService("jdupont", pin)
		b.denied(b.login("jdupont", "8305"+b.shows(0)))
		b.denied(b.login("nobody.here", pin+b.shows(0)))
		b.denied(b.login("jdupont", pin+b.shows(500)))
		b.wait(1)
		next := b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
		b.wait(1)
		b.want(b.nextCode(next, b.shows(3)), Granted, Done)
		s, _, err := b.Session(b.t.Context(), r.Token, "", true)
		b.must(err)
		nonce := NewNonce()
		ticket, err := b.Ticket(b.t.Context(), s, "app.test", VisitMark(nonce), "/")
		b.must(err)
		token, _, err := b.Redeem(b.t.Context(), ticket, "app.test", nonce, Source{})
		b.must(err)
		_, _, err = b.Session(b.t.Context(), token, "app.test", true)
		b.must(err)
		b.must(b.End(b.t.Context(), s, Source{}))
		b.must(b.ClearPIN(b.t.Context(), by, "0123456789"))
		count := map[EventKind]int{}
		for _, e := range b.events() {
			count[e.Kind]++
		}
		return append(all, b.key1(), b.tally(), count)
	}
	once := play(newBench(t))
	twice := play(newBenchOn(t, func(s store.Store) store.Store { return &repeating{Store: s} }))
	if diff := cmp.Diff(once, twice, cmpopts.IgnoreFields(Key{}, "PIN"), cmp.AllowUnexported(tally{})); diff != "" {
		t.Errorf("run twice, the store differs (-once +twice):\n%s", diff)
	}
}

// What another transaction changed between two runs counts in the second.
func TestAnotherTransactionComesFirst(t *testing.T) {
	others := map[string]func(b *bench){
		"the same code":   func(b *bench) { b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done) },
		"the key locked":  func(b *bench) { b.change("0123456789", func(k *Key) { k.State = Locked }) },
		"person shut out": func(b *bench) { b.must(b.DisableAccount(b.t.Context(), by, "jdupont")) },
	}
	for name, other := range others {
		t.Run(name, func(t *testing.T) {
			var s *repeating
			b := newBenchOn(t, func(inner store.Store) store.Store {
				s = &repeating{Store: inner}
				return s
			})
			b.inService("jdupont", pin)
			s.other = func() { other(b) }
			b.denied(b.login("jdupont", pin+b.shows(0)))
			if s.other != nil {
				t.Error("nothing came in between: the test shows nothing")
			}
		})
	}
}

// A store that fails is not mistaken for an answer: it is neither "no session"
// nor "no ticket", which would send people to log in again for nothing.
func TestReadingFails(t *testing.T) {
	reads := map[string]func(h *handover, child Token) error{
		"a session": func(h *handover, child Token) error {
			_, _, err := h.Session(h.t.Context(), child, appHost, false)
			return err
		},
		"a ticket": func(h *handover, _ Token) error {
			other, err := h.Ticket(h.t.Context(), h.portal, appHost, VisitMark(h.nonce), "/")
			if err == nil {
				_, _, err = h.Redeem(h.t.Context(), other, appHost, h.nonce, Source{})
			}
			return err
		},
		"a logout":      func(h *handover, _ Token) error { return h.End(h.t.Context(), h.portal, Source{}) },
		"an unlocking":  func(h *handover, _ Token) error { return h.ClearPIN(h.t.Context(), by, "0123456789") },
		"an assignment": func(h *handover, _ Token) error { return h.AssignKey(h.t.Context(), by, "SPARE-1", "jdupont") },
		"an import": func(h *handover, _ Token) error {
			return h.ImportKey(h.t.Context(), by, NewKey{Serial: "NEW-1", Generator: totpKey("NEW-1")})
		},
		"a file of keys": func(h *handover, _ Token) error { _, err := h.importAll(newKeys(2)); return err },
		"a new account":  func(h *handover, _ Token) error { return h.AddAccount(h.t.Context(), by, Account{Identifier: "new"}) },
		"a list of keys": func(h *handover, _ Token) error { _, err := h.Keys(h.t.Context(), "", 0, everyKey); return err },
		"of people":      func(h *handover, _ Token) error { _, err := h.Accounts(h.t.Context(), "", 0); return err },
		"of sessions":    func(h *handover, _ Token) error { _, err := h.Sessions(h.t.Context(), "", "", 0); return err },
		"of events": func(h *handover, _ Token) error {
			_, err := h.Events(h.t.Context(), AuditQuery{Kinds: []EventKind{PINWrong}})
			return err
		},
		"a tally":       func(h *handover, _ Token) error { _, err := h.Blind(h.t.Context(), "jdupont"); return err },
		"a key":         func(h *handover, _ Token) error { _, err := h.KeyInfo(h.t.Context(), "0123456789"); return err },
		"other secrets": func(h *handover, _ Token) error { return h.UseSecrets(h.t.Context(), h.secrets()) },
		"another gate": func(h *handover, _ Token) error {
			_, err := New(h.t.Context(), Config{Store: h.store, Secrets: h.secrets()})
			return err
		},
		"a login's cookie": func(h *handover, _ Token) error { return h.openCookie() },
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				h, f := newFaultyHandover(t)
				child := h.redeem()
				h.addKey("SPARE-1")
				f.n = n
				err := read(h, child)
				if f.n > 0 {
					mustBeNil(t, err)
					if n == 1 {
						t.Error("nothing failed: the test shows nothing")
					}
					return
				}
				wrong := []error{ErrNoSession, ErrNoTicket, ErrNoChallenge, ErrNotFound, ErrExists, ErrSeedExists, ErrWrongSecret, ErrBusy}
				for _, w := range wrong {
					if !errors.Is(err, errFault) || errors.Is(err, w) {
						t.Fatalf("operation %d failed: got %v, want the store's error alone", n, err)
					}
				}
			}
		})
	}
}

// A store that is not read is ill; one that takes no write, for want of room, is
// not, since sessions go on.
func TestHealth(t *testing.T) {
	for n, want := range map[int]error{1: nil, 2: nil, 3: nil, 4: errFault, 5: errFault, 100: nil} {
		h, f := newFaultyHandover(t)
		f.n = n
		if err := h.Health(t.Context()); !errors.Is(err, want) {
			t.Errorf("operation %d failed: %v, want %v", n, err, want)
		}
	}
}

// openCookie reads a login from its cookie, as a request would.
func (b *bench) openCookie() error {
	b.t.Helper()
	cookie, err := b.Seal(b.Begin(""))
	b.must(err)
	_, err = b.Challenge(b.t.Context(), cookie)
	return err
}

// A store that has failed a write is not in health though it can be read; one that
// has no room is.
func TestHealthOfAFailedStore(t *testing.T) {
	for _, c := range []struct{ fault, want error }{{store.ErrFailed, store.ErrFailed}, {errFault, nil}} {
		failing := false
		b := newBenchOn(t, func(s store.Store) store.Store {
			return updateHook{s, func() error {
				if failing {
					return c.fault
				}
				return nil
			}}
		})
		failing = true
		if err := b.Health(t.Context()); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("after %v the health is %v", c.fault, err)
		}
	}
}
