package authcore

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// tb is what tests, benchmarks and rapid's checks have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Context() context.Context
}

// bench is a gate on a memory store with a clock that the test moves, and keys
// whose codes it computes as the holder would read them.
type bench struct {
	*Gate
	t     tb
	store store.Store
	key   otp.Generator // the one that shows and login use
	nanos atomic.Int64  // the time; atomic, since goroutines of a test read it
	from  Source        // where its answers come from
}

var by = Actor{Name: "test"}

const portalOrigin = "https://portail.test"

// benchStart is 20 seconds into a minute, so that a test may move some seconds
// without a new code.
var benchStart = time.Date(2026, 9, 1, 7, 58, 20, 0, time.UTC)

// cheapPIN is a cost that hashes in microseconds, for tests that log in often.
var cheapPIN = pinCost{memory: 8, time: 1, threads: 1}

// newBench makes a gate with a person, jdupont, who has one key without a PIN.
func newBench(t tb) *bench {
	t.Helper()
	return newBenchOn(t, func(s store.Store) store.Store { return s })
}

// newBenchOn does so on a store that wrap puts around the memory engine.
func newBenchOn(t tb, wrap func(store.Store) store.Store) *bench {
	t.Helper()
	b := &bench{t: t, from: Source{Address: netip.MustParseAddr("192.0.2.1")}}
	b.setTime(benchStart)
	b.store = wrap(store.NewMemory(b.clock))
	secrets, err := NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	b.Gate, err = New(t.Context(), Config{Store: b.store, Secrets: secrets, Now: b.clock})
	if err != nil {
		t.Fatal(err)
	}
	b.shared.pins.cost = cheapPIN
	passkeys, err := NewPasskeys(PasskeyConfig{Origin: portalOrigin, Name: "Sésame"})
	mustBeNil(t, err)
	b.Gate = b.WithPasskeys(passkeys)
	b.key = b.addKey("0123456789")
	b.addPerson("jdupont", "0123456789")
	return b
}

func (b *bench) clock() time.Time        { return time.Unix(0, b.nanos.Load()).UTC() }
func (b *bench) setTime(at time.Time)    { b.nanos.Store(at.UnixNano()) }
func (b *bench) pass(d time.Duration)    { b.nanos.Add(int64(d)) }
func (b *bench) elsewhere()              { b.from.Address = b.from.Address.Next() }
func (b *bench) wait(steps int)          { b.pass(time.Duration(steps) * time.Minute) }
func (b *bench) must(err error)          { b.t.Helper(); mustBeNil(b.t, err) }
func (b *bench) key1() Key               { b.t.Helper(); return b.stored("0123456789") }
func (b *bench) events() []Event         { b.t.Helper(); return b.eventsOf(func(Event) bool { return true }) }
func (b *bench) count(k EventKind) int   { b.t.Helper(); return len(b.eventsOf(kindIs(k))) }
func (b *bench) shows(n otp.Step) string { return b.key.Code(b.key.StepAt(b.clock()) + n) }

func kindIs(k EventKind) func(Event) bool { return func(e Event) bool { return e.Kind == k } }

func mustBeNil(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// totpKey is the key of a serial, with a seed of its own.
func totpKey(serial Serial) otp.Generator {
	return otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("seed of the key " + serial)}
}

// hotpKey is a counter-based one.
func hotpKey(serial Serial) otp.Generator {
	return otp.Generator{Kind: otp.HOTP, Hash: otp.SHA1, Digits: 6, Seed: []byte("seed of the key " + serial)}
}

func (b *bench) addKey(serial Serial) otp.Generator {
	b.t.Helper()
	g := totpKey(serial)
	b.must(b.ImportKey(b.t.Context(), by, NewKey{Serial: serial, Generator: g}))
	return g
}

func (b *bench) addPerson(id Identifier, keys ...Serial) {
	b.t.Helper()
	a := Account{Identifier: id, GivenName: "Jeanne", Surname: "Dupont", Groups: []string{"enseignants"}}
	b.must(b.AddAccount(b.t.Context(), by, a))
	for _, k := range keys {
		b.must(b.AssignKey(b.t.Context(), by, k, id))
	}
}

// stored is a key as the store has it.
func (b *bench) stored(serial Serial) (k Key) {
	b.t.Helper()
	b.must(b.store.View(b.t.Context(), func(r store.Reader) (err error) {
		k, err = b.keyIn(r, serial)
		return err
	}))
	return k
}

// change rewrites a key in the store, as no administrator could.
func (b *bench) change(serial Serial, f func(*Key)) {
	b.t.Helper()
	b.must(b.store.Update(b.t.Context(), func(w store.Writer) error {
		k, err := b.keyIn(w, serial)
		if err != nil {
			return err
		}
		f(&k)
		return write(b.secrets(), w, keyName(serial), keyRecord(k), time.Time{})
	}))
}

func (b *bench) eventsOf(keep func(Event) bool) []Event {
	b.t.Helper()
	all, err := b.Events(b.t.Context(), AuditQuery{})
	b.must(err)
	return slices.DeleteFunc(all, func(e Event) bool { return !keep(e) })
}

// sessions counts the records of sessions, whatever their state.
func (b *bench) sessions() (n int) {
	b.t.Helper()
	b.must(b.store.View(b.t.Context(), func(r store.Reader) error {
		n = 0
		for _, err := range r.Scan(sessionPrefix, "") {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

func passcode(t tb, s string) Passcode {
	t.Helper()
	p, err := ParsePasscode(s)
	mustBeNil(t, err)
	return p
}

// answer answers; an error fails the test and gives no reply. It may be called
// in any goroutine.
func (b *bench) answer(c Challenge, a Answer) Reply {
	b.t.Helper()
	r, err := b.Answer(context.Background(), c, a, b.from)
	if err != nil {
		b.t.Errorf("answering %s: %v", c.Question, err)
	}
	return r
}

// login types identifier and PASSCODE into a fresh page.
func (b *bench) login(id Identifier, typed string) Reply {
	b.t.Helper()
	return b.answer(b.Begin(""), PasscodeAnswer{id, passcode(b.t, typed)})
}

// again types identifier and PASSCODE into the page of a reply.
func (b *bench) again(r Reply, typed string) Reply {
	b.t.Helper()
	return b.answer(r.Challenge, PasscodeAnswer{r.Challenge.Holder, passcode(b.t, typed)})
}

func (b *bench) newPIN(r Reply, pin string) Reply {
	b.t.Helper()
	return b.answer(r.Challenge, NewPINAnswer{PIN: PIN{pin}, Again: PIN{pin}})
}

func (b *bench) newPasscode(r Reply, typed string) Reply {
	b.t.Helper()
	return b.answer(r.Challenge, NewPasscodeAnswer{passcode(b.t, typed)})
}

func (b *bench) nextCode(r Reply, typed string) Reply {
	b.t.Helper()
	return b.answer(r.Challenge, NextCodeAnswer{passcode(b.t, typed)})
}

func (b *bench) want(r Reply, o Outcome, q Question) Reply {
	b.t.Helper()
	if r.Outcome != o || r.Challenge.Question != q {
		b.t.Fatalf("got %s, then %s; want %s, then %s", r.Outcome, r.Challenge.Question, o, q)
	}
	if r.Reference == "" {
		b.t.Fatal("no reference")
	}
	if (r.Token != "") != (o == Granted) {
		b.t.Fatalf("%s, and a token is given: %v", o, r.Token != "")
	}
	return r
}

// denied wants the one refusal.
func (b *bench) denied(r Reply) Reply {
	b.t.Helper()
	return b.want(r, Denied, AskPasscode)
}

// inService takes a key through its first login.
func (b *bench) inService(id Identifier, pin string) Reply {
	b.t.Helper()
	r := b.want(b.login(id, b.shows(0)), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	b.wait(1)
	r = b.want(b.newPasscode(r, pin+b.shows(0)), Granted, Done)
	b.wait(1)
	return r
}

// together calls f in n goroutines that begin at once, and waits for all.
func together(n int, f func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-start
			f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// fillQueue takes every place of the PIN queue, so that a hash would be ErrBusy,
// and returns what gives them back.
func (b *bench) fillQueue() (release func()) {
	p := b.shared.pins
	for range cap(p.waiting) {
		p.waiting <- struct{}{}
	}
	return func() {
		for range cap(p.waiting) {
			<-p.waiting
		}
	}
}

// holdHashes lets no hash begin until release is called; those that come wait.
func (b *bench) holdHashes() (release func()) {
	p := b.shared.pins
	for range cap(p.running) {
		p.running <- struct{}{}
	}
	return func() {
		for range cap(p.running) {
			<-p.running
		}
	}
}

var _ tb = (*testing.T)(nil)

// hashOf is a PIN's hash as a login makes it.
func (b *bench) hashOf(pin string) PINHash {
	b.t.Helper()
	h, err := b.shared.pins.hash(b.t.Context(), b.secrets(), PIN{pin})
	b.must(err)
	return h
}

// dump is everything in the store, as who steals it has it.
func (b *bench) dump() string {
	b.t.Helper()
	var all strings.Builder
	b.must(b.store.View(b.t.Context(), func(r store.Reader) error {
		all.Reset()
		for e, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			all.WriteString(e.Key)
			all.Write(e.Value)
		}
		return nil
	}))
	return all.String()
}
