package authcore

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// withMail has the bench write notices, to a jdupont who has an address.
func (b *bench) withMail() {
	b.t.Helper()
	b.Gate = b.WithMail(true)
	b.must(b.SetAccount(b.t.Context(), by, Account{Identifier: "jdupont", Email: "jeanne.dupont@ac-example.fr"}, []AccountField{FieldEmail}))
}

// outbox is all that is in the outbox, the first due first.
func (b *bench) outbox() (all []Message) {
	b.t.Helper()
	b.must(b.store.View(b.t.Context(), func(r store.Reader) (err error) {
		all, err = collect(b.secrets(), r, outboxPrefix, func(Message) (bool, error) { return true, nil })
		return err
	}))
	return all
}

// oneMessage is the only message that there is.
func (b *bench) oneMessage() Message {
	b.t.Helper()
	all := b.outbox()
	if len(all) != 1 {
		b.t.Fatalf("there are %d messages", len(all))
	}
	return all[0]
}

// due is what is due, and when the next is.
func (b *bench) due() ([]Message, time.Time) {
	b.t.Helper()
	due, next, err := b.DueMessages(b.t.Context(), 100)
	b.must(err)
	return due, next
}

// newMailBench is a bench with one message, about a key that was lost.
func newMailBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.withMail()
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	return b
}

// fails takes a message and has its attempt fail.
func (b *bench) fails(m Message, why string, forGood bool) (givenUp bool) {
	b.t.Helper()
	taken, err := b.TakeMessage(b.t.Context(), m)
	b.must(err)
	givenUp, err = b.MessageFailed(b.t.Context(), taken, why, forGood)
	b.must(err)
	return givenUp
}

func TestMessage(t *testing.T) {
	b := newMailBench(t)
	select {
	case <-b.Posted():
	default:
		t.Error("nobody was told that there is a message")
	}
	m := b.oneMessage()
	if len(m.ID) < 20 || strings.Contains(m.ID, "jdupont") {
		t.Errorf("the ID is %q", m.ID)
	}
	e := b.eventsOf(kindIs(KeyLost))[0]
	want := Message{
		ID: m.ID, Way: ByMail, Address: "jeanne.dupont@ac-example.fr", About: "jdupont", Written: benchStart, Due: benchStart,
		Notice: Notice{What: KeyLost, At: benchStart, Reference: e.Reference, Name: "Jeanne Dupont", Serial: "0123456789", Operator: true},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("the message differs (-want +got):\n%s", diff)
	}
	if dump := b.dump(); strings.Contains(dump, "jeanne.dupont") {
		t.Error("the store shows the address")
	}
}

// A message is tried after one, two, four minutes, and so on up to an hour, for five
// days; then it is given up, and somebody is alerted.
func TestPauses(t *testing.T) {
	b := newMailBench(t)
	id := b.oneMessage().ID
	var pauses []time.Duration
	for {
		due, _ := b.due()
		if len(due) != 1 || due[0].ID != id {
			t.Fatalf("after %v: %d are due", pauses, len(due))
		}
		if b.fails(due[0], "451 4.7.1 later", false) {
			break
		}
		due, next := b.due()
		if len(due) != 0 {
			t.Fatalf("after %v: it is due at once", pauses)
		}
		pauses = append(pauses, next.Sub(b.clock()))
		b.setTime(next)
	}
	minutes := []time.Duration{1, 2, 4, 8, 16, 32}
	for i, p := range pauses {
		want := time.Hour
		if i < len(minutes) {
			want = minutes[i] * time.Minute
		}
		if p != want {
			t.Errorf("pause %d is %v, want %v", i, p, want)
		}
	}
	if took := b.clock().Sub(benchStart); took < 5*day || took > 5*day+time.Hour {
		t.Errorf("it was given up after %v", took)
	}
	e := b.eventsOf(kindIs(MessageGivenUp))
	if len(e) != 1 || !e[0].Alert || e[0].Holder != "jdupont" || e[0].Detail != "mail about key-lost: 451 4.7.1 later" || len(b.outbox()) != 0 {
		t.Errorf("%d left, written down as %+v", len(b.outbox()), e)
	}
}

func TestMessageRefusedForGood(t *testing.T) {
	b := newMailBench(t)
	if !b.fails(b.oneMessage(), "550 5.1.1 no\r\nsuch\u2028user "+strings.Repeat("é", 200), true) {
		t.Error("it is not given up")
	}
	e := b.eventsOf(kindIs(MessageGivenUp))
	if len(e) != 1 || !strings.HasPrefix(e[0].Detail, "mail about key-lost: 550 5.1.1 no  such user é") || len(e[0].Detail) > 230 || !utf8.ValidString(e[0].Detail) {
		t.Errorf("written down as %+v", e)
	}
}

// Who takes a message charges its attempt first: whoever comes second finds it taken,
// and whoever breaks off leaves it for later, under the same ID.
func TestTakeMessage(t *testing.T) {
	b := newMailBench(t)
	m := b.oneMessage()
	taken, err := b.TakeMessage(t.Context(), m)
	mustBeNil(t, err)
	if taken.Attempts != 1 || !taken.Due.Equal(b.clock().Add(time.Minute)) || taken.ID != m.ID {
		t.Errorf("taken as %+v", taken)
	}
	if _, err := b.TakeMessage(t.Context(), m); !errors.Is(err, ErrNotFound) {
		t.Errorf("taken twice: %v", err)
	}
	b.pass(time.Minute)
	due, _ := b.due()
	if len(due) != 1 || due[0].ID != m.ID || due[0].Attempts != 1 {
		t.Fatalf("what is due is %+v", due)
	}
	again, err := b.TakeMessage(t.Context(), due[0])
	mustBeNil(t, err)
	if err := b.MessageDelivered(t.Context(), taken); !errors.Is(err, ErrNotFound) {
		t.Errorf("the one that broke off: %v", err)
	}
	if _, err := b.MessageFailed(t.Context(), taken, "", true); !errors.Is(err, ErrNotFound) {
		t.Errorf("the one that broke off fails: %v", err)
	}
	mustBeNil(t, b.MessageDelivered(t.Context(), again))
	if err := b.MessageDelivered(t.Context(), again); !errors.Is(err, ErrNotFound) {
		t.Errorf("delivered twice: %v", err)
	}
	e := b.eventsOf(kindIs(MessageSent))
	if len(e) != 1 || e[0].Holder != "jdupont" || e[0].Detail != "mail about key-lost" || e[0].Alert || len(b.outbox()) != 0 {
		t.Errorf("%d left, written down as %+v", len(b.outbox()), e)
	}
}

func TestDueMessages(t *testing.T) {
	b := newMailBench(t)
	b.pass(time.Second)
	b.must(b.FoundKey(t.Context(), by, "0123456789"))
	b.pass(time.Second)
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	kinds := func(all []Message) (kinds []EventKind) {
		for _, m := range all {
			kinds = append(kinds, m.Notice.What)
		}
		return kinds
	}
	due, next := b.due()
	if got := kinds(due); !slices.Equal(got, []EventKind{KeyLost, KeyFound, KeyLost}) || !next.IsZero() {
		t.Errorf("due are %v, then %v", got, next)
	}
	some, next, err := b.DueMessages(t.Context(), 2)
	if got := kinds(some); !slices.Equal(got, []EventKind{KeyLost, KeyFound}) || !next.IsZero() || err != nil {
		t.Errorf("the first two are %v, then %v, %v", got, next, err)
	}
	b.fails(due[0], "later", false)
	left, next := b.due()
	if len(left) != 2 || !next.Equal(b.clock().Add(time.Minute)) || left[0].ID != due[1].ID {
		t.Errorf("%d are due, the next at %v", len(left), next)
	}
}

// A message is written with what it tells, or neither is.
func TestMessageIsOfItsTransaction(t *testing.T) {
	b, f := newFaultyBench(t)
	b.withMail()
	for n := 1; ; n++ {
		f.n = n
		err := b.LoseKey(t.Context(), by, "0123456789")
		f.n = -1
		lost, messages := b.key1().State == Lost, len(b.outbox())
		if lost != (messages == 1) || lost != (err == nil) {
			t.Fatalf("fault %d: lost %v, %d messages, %v", n, lost, messages, err)
		}
		if err == nil {
			return
		}
	}
}

// What waits for delivery about a person is theirs to read, and no other's; of a web
// hook its address is not.
func TestExportedMessages(t *testing.T) {
	b := newMailBench(t)
	account := b.account("jdupont")
	b.Gate = b.WithDesk(Desk{Mail: "assistance@ac-example.fr", Hook: "https://hook.example/secret"})
	request := b.asks("form", requestFor("jdupont"), &account)
	b.asks("other", requestFor("jdupont"), nil)
	d, err := b.ExportPerson(t.Context(), "jdupont")
	mustBeNil(t, err)
	got := map[string]Message{}
	for _, m := range d.Messages {
		if m.About != "jdupont" {
			t.Errorf("there is one about %q", m.About)
		}
		got[m.Way.String()+" "+m.Notice.What.String()+string(m.Request)] = m
	}
	told, mailed, hooked := got["mail key-lost"], got["mail "+EventKind(0).String()+string(request.Reference)], got["webhook "+EventKind(0).String()+string(request.Reference)]
	if len(d.Messages) != 3 || told.Address != "jeanne.dupont@ac-example.fr" || mailed.Address != "assistance@ac-example.fr" || hooked.ID == "" || hooked.Address != "" {
		t.Errorf("exported are %+v", d.Messages)
	}
}

// With an erased person go the messages about them, those too that are under way.
func TestErasedMessages(t *testing.T) {
	b := newMailBench(t)
	taken, err := b.TakeMessage(t.Context(), b.oneMessage())
	mustBeNil(t, err)
	b.must(b.RemoveAccount(t.Context(), by, "jdupont", RetireKeys))
	b.oneMessage()
	b.must(b.ErasePerson(t.Context(), by, "jdupont"))
	if all := b.outbox(); len(all) != 0 {
		t.Errorf("%d messages are left", len(all))
	}
	if err := b.MessageDelivered(t.Context(), taken); !errors.Is(err, ErrNotFound) {
		t.Errorf("the one under way: %v", err)
	}
	if got := b.eventsOf(func(e Event) bool { return e.Holder == "jdupont" }); len(got) != 0 {
		t.Errorf("the trail tells of them again: %+v", got)
	}
}
