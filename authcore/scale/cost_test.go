package scale

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Cost is what an act does to a store.
type cost struct {
	updates int // transactions that write, each with one sync, or one commit of etcd
	reads   int // records read in them, one after the other
	views   int // transactions that read
	viewed  int // records read in those
	records int // written; each is one event of etcd's watch for every other gate
	bytes   int // of their names and values
	kept    int // bytes of the audit trail, which stay for as long as that is kept
}

func (c cost) minus(d cost) cost {
	return cost{c.updates - d.updates, c.reads - d.reads, c.views - d.views, c.viewed - d.viewed, c.records - d.records, c.bytes - d.bytes, c.kept - d.kept}
}

// counting is a store that counts.
type counting struct {
	store.Store
	cost
}

func (s *counting) Update(ctx context.Context, fn func(store.Writer) error) error {
	var last *countingWriter
	err := s.Store.Update(ctx, func(w store.Writer) error {
		last = &countingWriter{Writer: w, written: map[string]int{}}
		return fn(last)
	})
	s.reads += last.reads
	if len(last.written) > 0 {
		s.updates++
	}
	for name, n := range last.written {
		s.records++
		s.bytes += len(name) + n
		if strings.HasPrefix(name, "audit/") || strings.HasPrefix(name, "index/") {
			s.kept += len(name) + n
		}
	}
	return err
}

func (s *counting) View(ctx context.Context, fn func(store.Reader) error) error {
	s.views++
	return s.Store.View(ctx, func(r store.Reader) error { return fn(countingReader{r, &s.viewed}) })
}

type countingReader struct {
	store.Reader
	n *int
}

func (r countingReader) Get(name string) ([]byte, error) { *r.n++; return r.Reader.Get(name) }

type countingWriter struct {
	store.Writer
	reads   int
	written map[string]int
}

func (w *countingWriter) Get(name string) ([]byte, error) { w.reads++; return w.Writer.Get(name) }

func (w *countingWriter) Put(name string, value []byte, expires time.Time) error {
	w.written[name] = len(value)
	return w.Writer.Put(name, value, expires)
}

func (w *countingWriter) Delete(name string) error {
	w.written[name] = 0
	return w.Writer.Delete(name)
}

// life is a gate whose people live on a clock that is moved.
type life struct {
	testing.TB
	gate  *authcore.Gate
	nanos atomic.Int64
}

var (
	by = authcore.Actor{Name: "the test"}
	// start has all digits of a fraction, so that records are as long as they get, and
	// the same at each measurement.
	start = time.Date(2026, 9, 1, 7, 30, 0, 123456789, time.UTC)
)

const (
	pin  = "7294"
	host = "notes.example.org" // an application's
)

func newLife(t testing.TB, open func(now func() time.Time) (store.Store, error)) *life {
	t.Helper()
	l := &life{TB: t}
	l.nanos.Store(start.UnixNano())
	st, err := open(l.now)
	l.must(err)
	secrets, err := authcore.NewSecrets()
	l.must(err)
	l.gate, err = authcore.New(context.Background(), authcore.Config{Store: st, Secrets: secrets, Now: l.now})
	l.must(err)
	return l
}

func (l *life) now() time.Time       { return time.Unix(0, l.nanos.Load()).UTC() }
func (l *life) pass(d time.Duration) { l.nanos.Add(int64(d)) }

func (l *life) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func from() authcore.Source {
	return authcore.Source{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
}

func keyOf(serial authcore.Serial) otp.Generator {
	return otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte(fmt.Sprintf("seed%16s", serial))}
}

func serialOf(n int) authcore.Serial         { return authcore.Serial(fmt.Sprintf("%010d", n)) }
func identifierOf(n int) authcore.Identifier { return authcore.Identifier(fmt.Sprintf("jdupont%d", n)) }

// add makes a person with a key.
func (l *life) add(n int) {
	l.Helper()
	ctx := context.Background()
	l.must(l.gate.ImportKey(ctx, by, authcore.NewKey{Serial: serialOf(n), Generator: keyOf(serialOf(n))}))
	l.must(l.gate.AddAccount(ctx, by, authcore.Account{
		Identifier: identifierOf(n), GivenName: "Jeanne", Surname: "Dupont", Email: string(identifierOf(n)) + "@ac-exemple.fr",
		Groups: []string{"enseignants"}, Functions: []string{"DIR"}, Establishment: "0441550W",
	}))
	l.must(l.gate.AssignKey(ctx, by, serialOf(n), identifierOf(n)))
}

func (l *life) passcode(n int, pin string) authcore.Passcode {
	l.Helper()
	for {
		l.pass(time.Minute)
		g := keyOf(serialOf(n))
		if p, err := authcore.ParsePasscode(pin + g.Code(g.StepAt(l.now()))); err == nil {
			return p
		}
	}
}

func (l *life) login(n int, pin string) authcore.Reply {
	l.Helper()
	r, err := l.gate.Answer(context.Background(), l.gate.Begin(""), authcore.PasscodeAnswer{Identifier: identifierOf(n), Passcode: l.passcode(n, pin)}, from())
	l.must(err)
	return r
}

// enrol takes a person through the first login.
func (l *life) enrol(n int) {
	l.Helper()
	ctx := context.Background()
	p, err := authcore.ParsePIN(pin)
	l.must(err)
	r := l.login(n, "")
	r, err = l.gate.Answer(ctx, r.Challenge, authcore.NewPINAnswer{PIN: p, Again: p}, from())
	l.must(err)
	r, err = l.gate.Answer(ctx, r.Challenge, authcore.NewPasscodeAnswer{Passcode: l.passcode(n, pin)}, from())
	l.must(err)
	if r.Outcome != authcore.Granted {
		l.Fatalf("the first login was %s", r.Outcome)
	}
}

// enters logs a person in.
func (l *life) enters(n int) authcore.Token {
	l.Helper()
	r := l.login(n, pin)
	if r.Outcome != authcore.Granted {
		l.Fatalf("the login was %s", r.Outcome)
	}
	return r.Token
}

// What people do, in the order of the page.
const (
	add     = "a holder is added, with a key"
	first   = "the first login, three answers"
	login   = "a login"
	opened  = "an application is opened: the ticket to its host, and its session there"
	request = "a request in session"
	touch   = "one such request in three minutes"
	logout  = "a logout"
	wrong   = "a PASSCODE without any code of the key"
)

var acts = []string{add, first, login, opened, request, touch, logout, wrong}

// measured are the costs of each act, on the memory engine: what is written is the
// gate's choice, and the same on all engines.
func measured(t testing.TB) map[string]cost {
	t.Helper()
	var s *counting
	l := newLife(t, func(now func() time.Time) (store.Store, error) {
		s = &counting{Store: store.NewMemory(now)}
		return s, nil
	})
	costs := map[string]cost{}
	measure := func(what string, act func()) {
		before := s.cost
		act()
		costs[what] = s.minus(before)
	}
	var token authcore.Token
	l.add(1) // names of records are longer from the second on
	measure(add, func() { l.add(2) })
	measure(first, func() { l.enrol(2) })
	l.enters(2)
	measure(login, func() { token = l.enters(2) })
	measure(opened, func() { l.opens(token) })
	l.uses(token)
	measure(request, func() { l.uses(token) })
	l.pass(l.gate.Policy().Idle / 20)
	measure(touch, func() { l.uses(token) })
	measure(logout, func() { l.leaves(token) })
	measure(wrong, func() { l.guesses(2) })
	return costs
}

// opens opens an application in a session of the portal.
func (l *life) opens(token authcore.Token) {
	l.Helper()
	ctx := context.Background()
	st, err := l.gate.Standing(ctx, token, "", true)
	l.must(err)
	nonce := authcore.NewNonce()
	ticket, err := l.gate.Ticket(ctx, st.Session, host, authcore.VisitMark(nonce), "/")
	l.must(err)
	_, _, err = l.gate.Redeem(ctx, ticket, host, nonce, from())
	l.must(err)
}

func (l *life) uses(token authcore.Token) {
	l.Helper()
	_, err := l.gate.Standing(context.Background(), token, "", true)
	l.must(err)
}

func (l *life) leaves(token authcore.Token) {
	l.Helper()
	st, err := l.gate.Standing(context.Background(), token, "", false)
	l.must(err)
	l.must(l.gate.End(context.Background(), st.Session, from()))
}

func (l *life) guesses(n int) {
	l.Helper()
	p, err := authcore.ParsePasscode("000000000000")
	l.must(err)
	r, err := l.gate.Answer(context.Background(), l.gate.Begin(""), authcore.PasscodeAnswer{Identifier: identifierOf(n), Passcode: p}, from())
	l.must(err)
	if r.Outcome != authcore.Denied {
		l.Fatalf("a blind guess was %s", r.Outcome)
	}
}
