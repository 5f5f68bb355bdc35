package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// mailbox is where a carrier carries to, while it is there.
type mailbox struct {
	mu    sync.Mutex
	away  bool
	taken []string // the IDs
	tries int
}

var errAway = errors.New("nobody answers")

func (b *mailbox) carry(_ context.Context, m authcore.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.away {
		return undelivered{errAway, false, true}
	}
	b.taken = append(b.taken, m.ID)
	return nil
}

func (b *mailbox) set(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// all is what was taken, and how often it was tried.
func (b *mailbox) all() (taken []string, tries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken), b.tries
}

// has wants that many messages in the box, each of them once.
func (b *mailbox) has(t *testing.T, n int) {
	t.Helper()
	taken, _ := b.all()
	once := slices.Compact(slices.Sorted(slices.Values(taken)))
	if len(once) != n || len(taken) != n {
		t.Errorf("%d messages were taken, %d of them different; want %d", len(taken), len(once), n)
	}
}

// mailGate is a gate with mail over a store in memory, within a synctest bubble.
func mailGate(t *testing.T) *authcore.Gate {
	t.Helper()
	secrets, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	g, err := authcore.New(t.Context(), authcore.Config{Store: store.NewMemory(time.Now), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	by := authcore.Actor{Name: "test"}
	if err := g.AddAccount(t.Context(), by, authcore.Account{Identifier: "edupont", Email: "edupont@ac-exemple.fr"}); err != nil {
		t.Fatal(err)
	}
	return g.WithMail(true)
}

// told writes a notice: a key that is assigned, of that number.
func told(t *testing.T, g *authcore.Gate, serial authcore.Serial) {
	t.Helper()
	by := authcore.Actor{Name: "test"}
	for _, err := range []error{
		g.ImportKey(t.Context(), by, authcore.NewKey{Serial: serial, Generator: otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("seed of the key " + serial)}}),
		g.AssignKey(t.Context(), by, serial, "edupont"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (b *mailbox) carrier() *carrier { return &carrier{b.carry, slog.New(slog.DiscardHandler)} }

// A server that is away for an hour: nothing is lost, and all is delivered, once.
func TestCourierServerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, box := mailGate(t), &mailbox{away: true}
		c := startCourier(g)
		defer c.stop()
		c.join(box.carrier())
		for _, serial := range []authcore.Serial{"KEY-0001", "KEY-0002", "KEY-0003"} {
			told(t, g, serial)
			time.Sleep(20 * time.Minute)
		}
		box.has(t, 0)
		if _, tries := box.all(); tries < 10 || tries > 60 {
			t.Errorf("it was tried %d times within the hour", tries)
		}
		box.set(false)
		time.Sleep(time.Hour)
		box.has(t, 3)
		if due, next, err := g.DueMessages(t.Context(), 10); len(due) != 0 || !next.IsZero() || err != nil {
			t.Errorf("there are %d messages left, %v, %v", len(due), next, err)
		}
		_, tries := box.all()
		time.Sleep(48 * time.Hour)
		if _, after := box.all(); after != tries {
			t.Error("something was carried again")
		}
	})
}

// A message is carried as soon as it is written.
func TestCourierIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, box := mailGate(t), &mailbox{}
		c := startCourier(g)
		defer c.stop()
		c.join(box.carrier())
		synctest.Wait()
		told(t, g, "KEY-0001")
		synctest.Wait()
		box.has(t, 1)
	})
}

// A process that is killed between the acceptance of a message and its mark: the
// message comes again, under the same ID.
func TestCourierKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, box := mailGate(t), &mailbox{}
		told(t, g, "KEY-0001")
		due, _, err := g.DueMessages(t.Context(), 10)
		if err != nil || len(due) != 1 {
			t.Fatalf("%d are due, %v", len(due), err)
		}
		taken, err := g.TakeMessage(t.Context(), due[0])
		if err != nil || box.carry(t.Context(), taken) != nil {
			t.Fatal("it was not accepted")
		}
		// The next process.
		c := startCourier(g)
		defer c.stop()
		c.join(box.carrier())
		time.Sleep(30 * time.Second)
		box.has(t, 1)
		time.Sleep(time.Minute)
		if taken, _ := box.all(); len(taken) != 2 || taken[0] != taken[1] {
			t.Errorf("taken were %v, want the same twice", taken)
		}
		time.Sleep(24 * time.Hour)
		if taken, _ := box.all(); len(taken) != 2 {
			t.Errorf("it came %d times", len(taken))
		}
	})
}

// The newest configuration with mail says where messages go; when it ends, the one
// before. Without any they wait.
func TestCourierOverConfigurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, one, two := mailGate(t), &mailbox{away: true}, &mailbox{}
		c := startCourier(g)
		defer c.stop()
		told(t, g, "KEY-0001")
		time.Sleep(24 * time.Hour)
		leaveOne := c.join(one.carrier())
		time.Sleep(time.Minute)
		leaveTwo := c.join(two.carrier())
		time.Sleep(time.Hour)
		two.has(t, 1)
		leaveTwo()
		one.set(false)
		told(t, g, "KEY-0002")
		synctest.Wait()
		one.has(t, 1)
		leaveOne()
		told(t, g, "KEY-0003")
		time.Sleep(24 * time.Hour)
		one.has(t, 1)
		two.has(t, 1)
		if due, _, err := g.DueMessages(t.Context(), 10); len(due) != 1 || err != nil {
			t.Errorf("%d wait, %v", len(due), err)
		}
	})
}

// Where the server stops while a message is being taken, it is written down as taken.
func TestCourierStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := mailGate(t)
		begun, end := make(chan struct{}), make(chan struct{})
		c := startCourier(g)
		c.join(&carrier{func(context.Context, authcore.Message) error { close(begun); <-end; return nil }, slog.New(slog.DiscardHandler)})
		told(t, g, "KEY-0001")
		<-begun
		c.cancel()
		close(end)
		c.stop()
		if due, next, err := g.DueMessages(t.Context(), 10); len(due) != 0 || !next.IsZero() || err != nil {
			t.Errorf("%d are due, the next %v, %v", len(due), next, err)
		}
	})
}

// A message that is refused for good is given up with an alert, and does not keep the
// next one.
func TestCourierRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, box := mailGate(t), &mailbox{}
		refuse := true
		c := startCourier(g)
		defer c.stop()
		told(t, g, "KEY-0001")
		told(t, g, "KEY-0002")
		c.join(&carrier{func(ctx context.Context, m authcore.Message) error {
			if refuse {
				refuse = false
				return undelivered{errors.New("no such person"), true, false}
			}
			return box.carry(ctx, m)
		}, slog.New(slog.DiscardHandler)})
		synctest.Wait()
		box.has(t, 1)
		all, err := g.Events(t.Context(), authcore.AuditQuery{Kinds: []authcore.EventKind{authcore.MessageGivenUp}, Alerts: true})
		if err != nil || len(all) != 1 || all[0].Detail != "mail about key-assigned: no such person" {
			t.Errorf("written down as %+v, %v", all, err)
		}
	})
}

// The text of each notice exists.
func TestEveryNoticeHasItsMail(t *testing.T) {
	for _, k := range authcore.NoticeKinds() {
		if mailKinds[k] == 0 {
			t.Errorf("there is no mail for %s", k)
		}
	}
	if len(mailKinds) != len(authcore.NoticeKinds()) {
		t.Errorf("there are %d mails for %d notices", len(mailKinds), len(authcore.NoticeKinds()))
	}
}
