package authcore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// viewed counts the Views of a store, and calls during within each of them.
type viewed struct {
	store.Store
	views  atomic.Int64
	during func()
}

func (v *viewed) View(ctx context.Context, fn func(store.Reader) error) error {
	v.views.Add(1)
	return v.Store.View(ctx, func(r store.Reader) error {
		err := fn(r)
		if v.during != nil {
			v.during()
		}
		return err
	})
}

// newViewedBench is a bench whose Views are counted.
func newViewedBench(t *testing.T) (*bench, *viewed) {
	v := &viewed{}
	b := newBenchOn(t, func(s store.Store) store.Store { v.Store = s; return v })
	return b, v
}

// standing is what a token opens, from memory or not.
func (b *bench) standing(token Token) *Standing {
	b.t.Helper()
	st, err := b.Standing(b.t.Context(), token, "", false)
	b.must(err)
	return st
}

// handedOver is a session on an application's host that hangs on the portal's.
func (b *bench) handedOver(portal Token) Token {
	b.t.Helper()
	nonce := NewNonce()
	ticket, err := b.Ticket(b.t.Context(), b.session(portal), "app.test", VisitMark(nonce), "https://app.test/")
	b.must(err)
	token, _, err := b.Redeem(b.t.Context(), ticket, "app.test", nonce, Source{})
	b.must(err)
	return token
}

func TestStandingIsReadOnce(t *testing.T) {
	b, v := newViewedBench(t)
	token := b.inService("jdupont", pin).Token
	first := b.standing(token)
	first.Note.Store("seen")
	before := v.views.Load()
	for range 100 {
		if st := b.standing(token); st.Note.Load() != "seen" {
			t.Fatal("another value, though nothing has changed")
		}
	}
	if n := v.views.Load() - before; n != 0 {
		t.Errorf("the store was asked %d times for what is known", n)
	}
	if _, err := b.Standing(t.Context(), token, "app.test", false); !errors.Is(err, ErrNoSession) {
		t.Errorf("on another host it opens: %v", err)
	}
}

// Whatever ends a session, or changes what is known of its person, is seen by
// the next request: on the portal, and on a host that the session was handed to.
func TestStandingEndsWithWhatItStandsOn(t *testing.T) {
	set := func(a Account, fields ...AccountField) func(*bench, Token) error {
		return func(b *bench, _ Token) error {
			a.Identifier = "jdupont"
			return b.SetAccount(b.t.Context(), by, a, fields)
		}
	}
	for name, tt := range map[string]struct {
		act  func(*bench, Token) error
		left bool // the session lives, and its person is another
	}{
		"logout":           {act: func(b *bench, token Token) error { return b.End(b.t.Context(), b.session(token), Source{}) }},
		"ended by another": {act: func(b *bench, token Token) error { return b.EndSession(b.t.Context(), by, token.id()) }},
		"account disabled": {act: func(b *bench, _ Token) error { return b.DisableAccount(b.t.Context(), by, "jdupont") }},
		"account removed":  {act: func(b *bench, _ Token) error { return b.RemoveAccount(b.t.Context(), by, "jdupont", RetireKeys) }},
		"key lost":         {act: func(b *bench, _ Token) error { return b.LoseKey(b.t.Context(), by, "0123456789") }},
		"account over":     {act: func(b *bench, _ Token) error { return set(Account{End: b.clock()}, FieldEnd)(b, "") }},
		"groups":           {act: set(Account{Groups: []string{"other"}}, FieldGroups), left: true},
		"attributes":       {act: set(Account{Attributes: attributesOf(fredu.Change{fredu.Academy: {"017"}})}, AttributeField(fredu.Academy)), left: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			portal := b.inService("jdupont", pin).Token
			app := b.handedOver(portal)
			b.opens(portal, "", false)
			b.opens(app, "app.test", false)
			before := b.standing(portal).Account
			b.must(tt.act(b, portal))
			if b.opens(portal, "", false) != tt.left || b.opens(app, "app.test", false) != tt.left {
				t.Errorf("a session is alive: %v, want %v", !tt.left, tt.left)
			}
			if tt.left && fmt.Sprint(b.standing(portal).Account) == fmt.Sprint(before) {
				t.Error("the person is who they were")
			}
		})
	}
}

// A change that is acknowledged while a request reads is not lost on the next.
func TestStandingReadDuringAChange(t *testing.T) {
	b, v := newViewedBench(t)
	token := b.inService("jdupont", pin).Token
	v.during = func() {
		v.during = nil
		b.must(b.DisableAccount(t.Context(), by, "jdupont"))
	}
	if _, err := b.Standing(t.Context(), token, "", false); err != nil {
		t.Fatalf("read before the change: %v", err)
	}
	if b.opens(token, "", false) {
		t.Error("what was read before the change was kept behind it")
	}
}

// A session that is ended while a request waits for its use to be saved is not good
// for that request; nor is one of which nothing can be known any more by then.
func TestStandingEndedDuringTheTouch(t *testing.T) {
	for name, write := range map[string]error{"saved": nil, "not saved": store.ErrFailed} {
		for _, cached := range []bool{true, false} {
			t.Run(fmt.Sprint(name, cached), func(t *testing.T) {
				hook := &updateHook{before: func() error { return nil }}
				b := newBenchOn(t, func(s store.Store) store.Store { hook.Store = s; return hook })
				token := b.inService("jdupont", pin).Token
				id := b.session(token).ID
				b.opens(token, "", false)
				b.pass(b.policy.Idle / 2)
				hook.before = func() error {
					hook.before = func() error { return nil }
					b.must(b.EndSession(t.Context(), by, id))
					return write
				}
				ask := func() error { _, _, err := b.Session(t.Context(), token, "", true); return err }
				if cached {
					ask = func() error { _, err := b.Standing(t.Context(), token, "", true); return err }
				}
				if err := ask(); !errors.Is(err, ErrNoSession) {
					t.Errorf("it opens although it was ended meanwhile: %v", err)
				}
			})
		}
	}
}

// Readers and a writer at once: what was acknowledged is what is read.
func TestStandingUnderChanges(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	var written atomic.Int64
	done := make(chan struct{})
	failed := make(chan string, 4)
	for range 4 {
		go func() {
			wrong := ""
			for wrong == "" {
				least := written.Load()
				st, err := b.Standing(context.Background(), token, "", false)
				var n int64
				if err == nil {
					_, _ = fmt.Sscan(st.Account.Surname, &n)
				}
				if err != nil || n < least {
					wrong = fmt.Sprintf("number %d is read after %d was acknowledged: %v", n, least, err)
				}
				select {
				case <-done:
					failed <- wrong
					return
				default:
				}
			}
			failed <- wrong
		}()
	}
	for n := int64(1); n <= 2000; n++ {
		b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont", Surname: fmt.Sprint(n)}, []AccountField{FieldSurname}))
		written.Store(n)
	}
	close(done)
	for range 4 {
		if wrong := <-failed; wrong != "" {
			t.Error(wrong)
		}
	}
}

// Attributes are those of the day, and a session that is over is over, though
// nobody wrote anything.
func TestStandingGoesByTheClock(t *testing.T) {
	b := newBench(t)
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont", Attributes: attributesOf(fredu.Change{
		fredu.ResDel: {"a||" + fredu.DateOf(b.clock()).String() + "|" + fredu.DateOf(b.clock()).String() + "|x||||"},
	})}, []AccountField{AttributeField(fredu.ResDel)}))
	b.setTime(time.Date(2026, 9, 1, 23, 50, 20, 0, time.UTC))
	token := b.inService("jdupont", pin).Token
	if n := len(b.standing(token).Account.Attributes.Values(fredu.ResDel)); n != 1 {
		t.Fatalf("%d delegations on their day", n)
	}
	b.pass(15 * time.Minute)
	if n := len(b.standing(token).Account.Attributes.Values(fredu.ResDel)); n != 0 {
		t.Errorf("%d delegations behind midnight", n)
	}
	b.pass(b.Policy().Idle)
	if b.opens(token, "", false) {
		t.Error("alive when its time is over")
	}
}

// Where changes may be missing, nothing is answered from memory, nor what was
// read meanwhile afterwards; and nothing of a store that is closed.
func TestStandingWithoutSight(t *testing.T) {
	b, v := newViewedBench(t)
	token := b.inService("jdupont", pin).Token
	b.standing(token)
	asked := func() bool {
		before := v.views.Load()
		b.standing(token)
		return v.views.Load() > before
	}
	b.shared.standings.changed(store.Change{Lost: true})
	for range 2 {
		if !asked() {
			t.Error("answered from memory while changes may be missing")
		}
	}
	b.shared.standings.changed(store.Change{})
	if !asked() {
		t.Error("answered from memory what was read while changes may have been missing")
	}
	if asked() {
		t.Error("nothing is kept any more")
	}
	b.must(b.store.Close())
	if _, err := b.Standing(t.Context(), token, "", false); !errors.Is(err, store.ErrClosed) {
		t.Errorf("of a closed store: %v", err)
	}
}

func TestStandingsAreBounded(t *testing.T) {
	n := followStandings(store.NewMemory(time.Now))
	for i := range 3 * maxStandings {
		n.put([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, &Standing{})
	}
	kept := 0
	for i := range n.shards {
		kept += len(n.shards[i].by)
	}
	if kept != maxStandings {
		t.Errorf("%d are kept, want %d", kept, maxStandings)
	}
}
