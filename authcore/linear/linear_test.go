package linear

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

func TestMain(m *testing.M) { os.Exit(etcdtest.Main(m)) }

const (
	serial = "0123456789"
	holder = authcore.Identifier("jdupont")
	pin    = "7294"
	// behind is how late a gate may be, and slack what a busy machine adds: a gate that
	// does not run looks at no clock.
	behind = 2 * time.Second
	slack  = time.Second
)

var (
	quiet = slog.New(slog.DiscardHandler)
	key   = otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("12345678901234567890")}
	by    = authcore.Actor{Name: "the test"}
)

// scene is some gates on one store, and a person with a key whose clock the test
// moves.
type scene struct {
	t     *testing.T
	gates []*authcore.Gate
	nanos atomic.Int64
	hist  *history
}

func (s *scene) now() time.Time { return time.Unix(0, s.nanos.Load()).UTC() }

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// newScene opens a gate over each store that open gives, which are one.
func newScene(t *testing.T, gates int, open func(i int, now func() time.Time) (store.Store, error)) *scene {
	t.Helper()
	s := &scene{t: t, hist: newHistory()}
	s.nanos.Store(time.Now().UnixNano())
	secrets, err := authcore.NewSecrets()
	s.must(err)
	for i := range gates {
		st, err := open(i, s.now)
		s.must(err)
		t.Cleanup(func() { _ = st.Close() })
		g, err := authcore.New(t.Context(), authcore.Config{Store: st, Secrets: secrets, Now: s.now})
		s.must(err)
		s.gates = append(s.gates, g)
	}
	s.enrol()
	return s
}

// enrol takes the person through the first login.
func (s *scene) enrol() {
	s.t.Helper()
	g, ctx := s.gates[0], s.t.Context()
	s.must(g.ImportKey(ctx, by, authcore.NewKey{Serial: serial, Generator: key}))
	s.must(g.AddAccount(ctx, by, authcore.Account{Identifier: holder}))
	s.must(g.AssignKey(ctx, by, serial, holder))
	p, err := authcore.ParsePIN(pin)
	s.must(err)
	r, err := s.post(g, s.code(""))
	s.must(err)
	r, err = g.Answer(ctx, r.Challenge, authcore.NewPINAnswer{PIN: p, Again: p}, from())
	s.must(err)
	r, err = g.Answer(ctx, r.Challenge, authcore.NewPasscodeAnswer{Passcode: s.code(pin)}, from())
	s.must(err)
	if r.Outcome != authcore.Granted {
		s.t.Fatalf("the first login was %s", r.Outcome)
	}
}

func from() authcore.Source {
	return authcore.Source{Address: netip.MustParseAddr("192.0.2.7"), Agent: "a browser"}
}

// code waits for the key's next code, behind a PIN.
func (s *scene) code(pin string) authcore.Passcode {
	s.t.Helper()
	s.nanos.Add(int64(time.Minute))
	p, err := authcore.ParsePasscode(pin + key.Code(key.StepAt(s.now())))
	s.must(err)
	return p
}

func (s *scene) post(g *authcore.Gate, p authcore.Passcode) (authcore.Reply, error) {
	return g.Answer(context.Background(), g.Begin(""), authcore.PasscodeAnswer{Identifier: holder, Passcode: p}, from())
}

// outcome is what an answer says of its code: one that asks for the next was
// consumed as well.
func outcome(r authcore.Reply, err error) answer {
	switch {
	case err != nil:
		return unknown
	case r.Outcome == authcore.Granted, r.Outcome == authcore.Asked:
		return yes
	}
	return no
}

// clients is how many act at once, over all gates.
const clients = 6

// round has every client post one code, and reads and revokes the session that one
// of them gets by it.
func (s *scene) round(n int) {
	code := s.code(pin)
	tokens := make(chan authcore.Token, clients)
	var all sync.WaitGroup
	for i := range clients {
		g := s.gates[i%len(s.gates)]
		all.Go(func() {
			s.hist.note(i, consume, 0, func() answer {
				r, err := s.post(g, code)
				if r.Token != "" {
					tokens <- r.Token
				}
				return outcome(r, err)
			}, fmt.Sprint("code ", n))
		})
	}
	all.Wait()
	if len(tokens) > 0 {
		s.session(fmt.Sprint("session ", n), <-tokens)
	}
}

// session has clients read a session, from the store and from their gate's memory,
// while the first gate revokes it. The store shows that a moment before it is
// acknowledged, and a memory may keep what was until then: of the two each is a
// register, with the same revocation. What memories of other gates say has no order
// among itself, but for each client: its register is its own.
func (s *scene) session(register string, token authcore.Token) {
	var all sync.WaitGroup
	first := s.gates[0]
	opened, err := first.Standing(context.Background(), token, "", false) // which it has in memory from now on
	if err != nil {
		return // the store does not answer
	}
	remembered := register + " remembered"
	registers := []string{register, remembered}
	for i := range clients {
		g, mine, stale := s.gates[i%len(s.gates)], remembered, time.Duration(0)
		if g != first {
			mine, stale = fmt.Sprint(register, " seen by ", i), behind+slack
			registers = append(registers, mine)
		}
		all.Go(func() {
			for range 8 {
				s.hist.note(i, read, 0, func() answer {
					_, _, err := g.Session(context.Background(), token, "", false)
					return found(err)
				}, register)
				s.hist.note(i, read, stale, func() answer {
					_, err := g.Standing(context.Background(), token, "", false)
					return found(err)
				}, mine)
			}
		})
	}
	all.Go(func() {
		s.hist.note(clients, revoke, 0, func() answer {
			if first.EndSession(context.Background(), by, opened.Session.ID) != nil {
				return unknown
			}
			return yes
		}, registers...)
	})
	all.Wait()
}

// found is what a reading says of its session.
func found(err error) answer {
	switch {
	case err == nil:
		return yes
	case errors.Is(err, authcore.ErrNoSession):
		return no
	}
	return unknown
}

// check wants an order, in a history that has shown something.
func (s *scene) check(rounds int) {
	s.t.Helper()
	s.t.Logf("%d acts: codes %d consumed, %d refused, %d unknown; sessions %d found, %d not, %d revoked, %d unknown", len(s.hist.acts),
		s.hist.count(consume, yes), s.hist.count(consume, no), s.hist.count(consume, unknown),
		s.hist.count(read, yes), s.hist.count(read, no), s.hist.count(revoke, yes), s.hist.count(revoke, unknown))
	if n := s.hist.count(consume, yes); n < rounds/2 || s.hist.count(consume, no) < rounds || s.hist.count(read, no) < rounds/2 || s.hist.count(read, yes) == 0 {
		s.t.Errorf("the history shows too little: %d of %d codes were consumed", n, rounds)
	}
	if !s.hist.linearizable(s.t) {
		s.t.Error("there is no order in which a register would have answered so")
	}
}

// One gate on the embedded store.
func TestBadger(t *testing.T) {
	s := newScene(t, 1, func(_ int, now func() time.Time) (store.Store, error) {
		return badgerstore.Open(filepath.Join(t.TempDir(), "store"), badgerstore.Options{Logger: quiet, Now: now})
	})
	const rounds = 12
	for n := range rounds {
		s.round(n)
	}
	s.check(rounds)
}

// Two gates on three members of etcd, of which the leader is killed, then a second
// one, and both are started again; and later the leader once more.
func TestEtcd(t *testing.T) {
	c := etcdtest.Start(t, 3)
	s := newScene(t, 2, func(_ int, now func() time.Time) (store.Store, error) {
		return etcdstore.Open(etcdstore.Options{Endpoints: c.URLs(), Logger: quiet, Now: now, Behind: behind, Timeout: 3 * time.Second})
	})
	const rounds = 18
	var cluster sync.WaitGroup
	var killed []*etcdtest.Member
	for n := range rounds {
		cluster.Wait()
		switch n { // beside what the clients do
		case 3, 5, 12: // with the second there is no majority
			next := c.Leader()
			killed = append(killed, next)
			cluster.Go(next.Kill)
		case 6, 15:
			for _, m := range killed {
				m.Start()
			}
			killed = nil
		}
		s.round(n)
	}
	s.check(rounds)
	if s.hist.count(consume, unknown) == 0 {
		t.Error("every act was answered: the cluster was not cut off")
	}
}

// A gate that looks in one transaction and writes in another is found out.
func TestAPlantedRace(t *testing.T) {
	s := newScene(t, 1, func(_ int, now func() time.Time) (store.Store, error) {
		return &racy{Store: store.NewMemory(now)}, nil
	})
	for n := range 6 {
		s.round(n)
		if !s.hist.linearizable(t) {
			return
		}
	}
	t.Errorf("a store that checks in a View and writes in an Update passes for linearizable (%d codes consumed in 6 rounds)", s.hist.count(consume, yes))
}

// racy is a store with the mistake that its contract names: it reads in a View, and
// what was read is not looked at again when it writes.
type racy struct {
	store.Store
	meeting atomic.Int64
}

func (s *racy) Update(ctx context.Context, fn func(store.Writer) error) error {
	var writes map[string]store.Write
	err := s.View(ctx, func(r store.Reader) (err error) {
		writes, err = store.RunUpdate(ctx, r.Get, fn)
		return err
	})
	if err != nil {
		return err
	}
	s.meet()
	return s.Store.Update(ctx, func(w store.Writer) error {
		for name, is := range writes {
			if is.Delete {
				err = errors.Join(err, w.Delete(name))
			} else {
				err = errors.Join(err, w.Put(name, is.Value, is.Expires))
			}
		}
		return err
	})
}

// meet waits a moment for others who have looked and not written yet.
func (s *racy) meet() {
	s.meeting.Add(1)
	defer s.meeting.Add(-1)
	for deadline := time.Now().Add(20 * time.Millisecond); s.meeting.Load() < 2 && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
}
