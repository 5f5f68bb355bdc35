package authcore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// tardy is a session of jdupont on the application's host that has run out, and
// the one of the login behind it.
type tardy struct {
	*handover
	token   Token
	former  Session
	current Session
}

func newTardy(t tb) *tardy {
	t.Helper()
	return tardyOn(newHandover(t))
}

func tardyOn(h *handover) *tardy {
	t := h.t
	t.Helper()
	l := &tardy{handover: h, token: h.redeem()}
	h.pass(h.Policy().Idle)
	var err error
	l.former, err = h.Former(t.Context(), l.token, appHost)
	mustBeNil(t, err)
	l.current = l.again()
	return l
}

// again logs jdupont in and hands the session over to the application's host.
func (l *tardy) again() Session {
	l.t.Helper()
	l.pass(time.Minute)
	r := l.want(l.login("jdupont", pin+l.shows(0)), Granted, Done)
	portal, _, err := l.Session(l.t.Context(), r.Token, "", false)
	l.must(err)
	ticket, err := l.Ticket(l.t.Context(), portal, appHost, VisitMark(l.nonce), "/")
	l.must(err)
	token, _, err := l.Redeem(l.t.Context(), ticket, appHost, l.nonce, Source{})
	l.must(err)
	s, _, err := l.Session(l.t.Context(), token, appHost, false)
	l.must(err)
	return s
}

// aForm is one of n bytes.
func aForm(n int) Form {
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(i * i / 7)
	}
	return Form{Address: "https://app.test/save?id=1", Page: "https://app.test/edit", ContentType: "multipart/form-data; boundary=x", Body: body}
}

// keep keeps a form under the former session.
func (l *tardy) keep(n int) string {
	l.t.Helper()
	name, err := l.Keep(l.t.Context(), l.former, aForm(n), Source{Agent: "Firefox"})
	l.must(err)
	return name
}

// kept counts the records of forms.
func (b *bench) kept() (records int) {
	b.t.Helper()
	for name := range b.records() {
		if kind := kindOf(name); kind == "kept" || kind == "part" {
			records++
		}
	}
	return records
}

// A form comes out as it went in, whatever its length, and leaves nothing behind.
func TestKeptForm(t *testing.T) {
	l := newTardy(t)
	for _, n := range []int{0, 1, keptPart - 1, keptPart, keptPart + 1, partsAtOnce*keptPart + 1, MaxForm - 1, MaxForm} {
		name, sent := l.keep(n), l.clock()
		k, err := l.Kept(t.Context(), name, l.current)
		mustBeNil(t, err)
		if diff := cmp.Diff(Kept{Address: "https://app.test/save?id=1", Page: "https://app.test/edit", Sent: sent, Until: sent.Add(10 * time.Minute)}, k); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", n, diff)
		}
		f, err := l.TakeForm(t.Context(), name, l.current, Source{Agent: "Chrome"})
		mustBeNil(t, err)
		if want := aForm(n); f.Address != want.Address || f.Page != want.Page || f.ContentType != want.ContentType || !bytes.Equal(f.Body, want.Body) {
			t.Errorf("%d bytes come out as %d", n, len(f.Body))
		}
		_, errKept := l.Kept(t.Context(), name, l.current)
		_, errTake := l.TakeForm(t.Context(), name, l.current, Source{})
		if errDrop := l.DropForm(t.Context(), name, l.current, Source{}); !errors.Is(errKept, ErrNotKept) || !errors.Is(errTake, ErrNotKept) || !errors.Is(errDrop, ErrNotKept) {
			t.Errorf("%d bytes, a second time: %v, %v, %v", n, errKept, errTake, errDrop)
		}
		if left := l.kept(); left != 0 {
			t.Errorf("%d bytes leave %d records", n, left)
		}
	}
	if _, err := l.Keep(t.Context(), l.former, aForm(MaxForm+1), Source{}); !errors.Is(err, ErrFormTooLarge) || l.kept() != 0 {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := l.Keep(t.Context(), l.portal, aForm(1), Source{}); !errors.Is(err, ErrNoSession) || l.kept() != 0 {
		t.Errorf("of the portal: %v", err)
	}
}

// What happened to a form is written down, and not what is in it.
func TestKeptFormIsWrittenDown(t *testing.T) {
	l := newTardy(t)
	name := l.keep(1)
	l.wait(1)
	mustBeNil2(l.TakeForm(t.Context(), name, l.current, Source{Agent: "Chrome"}))(t)
	l.wait(1)
	name = l.keep(1)
	l.wait(1)
	mustBeNil(t, l.DropForm(t.Context(), name, l.current, Source{Agent: "Chrome"}))
	var told []string
	for _, e := range l.eventsOf(func(e Event) bool { return e.Kind >= FormKept && e.Kind <= FormDropped }) {
		told = append(told, fmt.Sprintf("%s %s %s %s %s", e.Kind, e.Holder, e.Serial, e.Agent, e.Detail))
	}
	want := []string{
		"form-kept jdupont 0123456789 Firefox app.test", "form-sent-again jdupont 0123456789 Chrome app.test",
		"form-kept jdupont 0123456789 Firefox app.test", "form-dropped jdupont 0123456789 Chrome app.test",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("written down (-want +got):\n%s", diff)
	}
}

func mustBeNil2[T any](_ T, err error) func(tb) {
	return func(t tb) { t.Helper(); mustBeNil(t, err) }
}

// Of a hundred who take a form at once, one gets it.
func TestKeptFormIsTakenOnce(t *testing.T) {
	l := newTardy(t)
	name := l.keep(2 * keptPart)
	var got atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			f, err := l.TakeForm(t.Context(), name, l.current, Source{})
			switch {
			case err == nil && len(f.Body) == 2*keptPart:
				got.Add(1)
			case !errors.Is(err, ErrNotKept) || f.Body != nil:
				t.Errorf("%d bytes, %v", len(f.Body), err)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Errorf("%d got it", got.Load())
	}
}

// A form is its holder's, on its host, for ten minutes.
func TestKeptFormIsForOne(t *testing.T) {
	l := newTardy(t)
	name := l.keep(1)
	other, elsewhere := l.current, l.current
	other.Holder, other.Serial, elsewhere.Host = "mmartin", "OTHER-1", "app2.test"
	for what, tt := range map[string]struct {
		name string
		s    Session
		want error
	}{
		"somebody else":        {name, other, ErrAnothers},
		"on another host":      {name, elsewhere, ErrNotKept},
		"on the portal":        {name, l.portal, ErrNotKept},
		"another name":         {NewNonce(), l.current, ErrNotKept},
		"no name":              {"", l.current, ErrNotKept},
		"the hash of the name": {hashName(name), l.current, ErrNotKept},
	} {
		k, err := l.Kept(t.Context(), tt.name, tt.s)
		f, errTake := l.TakeForm(t.Context(), tt.name, tt.s, Source{})
		if !errors.Is(err, tt.want) || !errors.Is(errTake, tt.want) || k != (Kept{}) || f.Address != "" || f.Body != nil {
			t.Errorf("%s: %v, %v", what, err, errTake)
		}
	}
	l.pass(keptTime - time.Second)
	mustBeNil2(l.Kept(t.Context(), name, l.current))(t)
	l.pass(time.Second)
	if _, err := l.Kept(t.Context(), name, l.current); !errors.Is(err, ErrNotKept) {
		t.Errorf("after ten minutes: %v", err)
	}
	if _, err := l.TakeForm(t.Context(), name, l.current, Source{}); !errors.Is(err, ErrNotKept) {
		t.Errorf("after ten minutes: %v", err)
	}
	// Whoever has the name may have it forgotten; the key is not theirs.
	name = l.keep(1)
	mustBeNil(t, l.DropForm(t.Context(), name, other, Source{}))
	e := l.eventsOf(kindIs(FormDropped))
	if len(e) != 1 || e[0].Holder != "jdupont" || e[0].Serial != "" || l.kept() != 0 {
		t.Errorf("dropped by another: %+v, %d records", e, l.kept())
	}
}

// Who a late form belongs to is known as long as the person may log in, however
// their session ended.
func TestFormer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after func(h *handover, token Token)
		want  error
	}{
		{"alive", func(*handover, Token) {}, nil},
		{"unused for long", func(h *handover, _ Token) { h.pass(h.Policy().Idle) }, nil},
		{"at its end", func(h *handover, _ Token) { h.pass(h.Policy().Absolute) }, nil},
		{"logged out", func(h *handover, _ Token) { h.must(h.End(h.t.Context(), h.portal, Source{})) }, nil},
		{"ended by an operator", func(h *handover, _ Token) { h.must(h.EndSessions(h.t.Context(), by, "jdupont")) }, nil},
		{"shut out", func(h *handover, _ Token) { h.must(h.DisableAccount(h.t.Context(), by, "jdupont")) }, ErrNoSession},
		{"removed", func(h *handover, _ Token) { h.must(h.RemoveAccount(h.t.Context(), by, "jdupont", RetireKeys)) }, ErrNoSession},
		{"forgotten by the store", func(h *handover, token Token) { h.delete(sessionName(token.id())) }, ErrNoSession},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHandover(t)
			token := h.redeem()
			tt.after(h, token)
			s, err := h.Former(t.Context(), token, appHost)
			if !errors.Is(err, tt.want) || err == nil && (s.Holder != "jdupont" || s.Host != appHost) || err != nil && s != (Session{}) {
				t.Errorf("a session of %q on %q, %v", s.Holder, s.Host, err)
			}
			if _, err := h.Former(t.Context(), token, "app2.test"); !errors.Is(err, ErrNoSession) {
				t.Errorf("on another host: %v", err)
			}
			if _, err := h.Former(t.Context(), Token(NewNonce()), appHost); !errors.Is(err, ErrNoSession) {
				t.Errorf("of no session: %v", err)
			}
		})
	}
}

// A later form takes the place of an earlier one of the same session, and the
// fifth of a person that of the first.
func TestKeptFormsOfOnePerson(t *testing.T) {
	l := newTardy(t)
	first := l.keep(3 * keptPart)
	second := l.keep(2 * keptPart)
	if _, err := l.Kept(t.Context(), first, l.current); !errors.Is(err, ErrNotKept) || l.kept() != 3 {
		t.Errorf("two of one session: %v, %d records", err, l.kept())
	}
	names := []string{second}
	for i := range maxKeptOf {
		l.former.ID = SessionID(fmt.Sprint(i))
		names = append(names, l.keep(1))
	}
	for i, name := range names {
		if _, err := l.Kept(t.Context(), name, l.current); errors.Is(err, ErrNotKept) != (i == 0) {
			t.Errorf("form %d of %d: %v", i, len(names), err)
		}
	}
	if l.kept() != 2*maxKeptOf {
		t.Errorf("%d records", l.kept())
	}
}

// There is room for so many, until they expire.
func TestKeptFormsOfEverybody(t *testing.T) {
	l := newTardy(t)
	keep := func(i int) error {
		_, err := l.Keep(t.Context(), Session{ID: SessionID(fmt.Sprint(i)), Host: appHost, Holder: Identifier(fmt.Sprint("person", i))}, aForm(1), Source{})
		return err
	}
	for i := range maxKept {
		mustBeNil(t, keep(i))
	}
	if err := keep(maxKept); !errors.Is(err, ErrTooManyForms) || l.kept() != 2*maxKept {
		t.Errorf("one more: %v, %d records", err, l.kept())
	}
	mustBeNil(t, keep(0)) // in the place of its own
	l.pass(keptTime)
	mustBeNil(t, keep(maxKept))
	if l.kept() != 2 {
		t.Errorf("%d records after the others have expired", l.kept())
	}
}

// Two forms of one session at once: at most one is kept, and its bytes are whole.
func TestKeptFormsAtOnce(t *testing.T) {
	l := newTardy(t)
	names := make([]string, 8)
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			name, err := l.Keep(t.Context(), l.former, aForm(2*keptPart), Source{})
			if err != nil && !errors.Is(err, ErrTooManyForms) {
				t.Error(err)
			}
			names[i] = name
		})
	}
	wg.Wait()
	found := 0
	for _, name := range names {
		f, err := l.TakeForm(t.Context(), name, l.current, Source{})
		if err == nil && !bytes.Equal(f.Body, aForm(2*keptPart).Body) {
			t.Error("its bytes are not whole")
		}
		if err == nil {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d forms of one session are kept", found)
	}
}

// makeRoom keeps the newest, in their order.
func TestMakeRoomProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := benchStart
		draw := func(label string) keptSlot {
			return keptSlot{
				Form:   rapid.StringMatching(`[a-z]{8}`).Draw(t, label+" form"),
				Holder: Identifier(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, label+" holder")), Session: SessionID(rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"}).Draw(t, label+" session")),
				Until: now.Add(time.Duration(rapid.IntRange(-2, 5).Draw(t, label+" until")) * time.Minute),
			}
		}
		var all []keptSlot
		for i := range rapid.IntRange(0, 20).Draw(t, "slots") {
			all = append(all, draw(fmt.Sprint(i)))
		}
		slot := draw("new")
		stay, gone := makeRoom(slices.Clone(all), slot, now)
		if len(stay)+len(gone) != len(all) {
			t.Fatalf("%d stay and %d go of %d", len(stay), len(gone), len(all))
		}
		mine, at := 0, 0
		for _, k := range stay {
			for all[at] != k {
				at++ // panics when the order is another
			}
			at++
			if !now.Before(k.Until) || k.Session == slot.Session {
				t.Fatalf("%+v stays beside %+v", k, slot)
			}
			if k.Holder == slot.Holder {
				mine++
			}
		}
		for _, k := range gone {
			if now.Before(k.Until) && k.Session != slot.Session && (k.Holder != slot.Holder || mine < maxKeptOf-1) {
				t.Fatalf("%+v goes for %+v, of whose holder %d stay", k, slot, mine)
			}
		}
		if mine > maxKeptOf-1 {
			t.Fatalf("%d of one person stay beside the new one", mine)
		}
	})
}

// Whatever write fails: there is no form of which a part is missing, and one that
// was given out is not given out again.
func TestKeptFormsUnderFaults(t *testing.T) {
	for fails := range 8 {
		h, f := newFaultyHandover(t)
		l := tardyOn(h)
		earlier := l.keep(3 * keptPart)
		n := 0
		f.Store = updateHook{f.Store, func() error {
			if n++; n == fails+1 {
				return errFault
			}
			return nil
		}}
		name, err := l.Keep(t.Context(), l.former, aForm(20*keptPart), Source{})
		if err == nil {
			_, err = l.TakeForm(t.Context(), name, l.current, Source{})
		}
		n = 1 << 20 // no more faults
		form, errAgain := l.TakeForm(t.Context(), name, l.current, Source{})
		switch {
		case err == nil && !errors.Is(errAgain, ErrNotKept):
			t.Errorf("write %d fails: given out twice (%v)", fails, errAgain)
		case errAgain == nil && !bytes.Equal(form.Body, aForm(20*keptPart).Body):
			t.Errorf("write %d fails: the form is not whole", fails)
		case errAgain != nil && !errors.Is(errAgain, ErrNotKept):
			t.Errorf("write %d fails: %v", fails, errAgain)
		}
		if form, err := l.TakeForm(t.Context(), earlier, l.current, Source{}); err == nil && !bytes.Equal(form.Body, aForm(3*keptPart).Body) {
			t.Errorf("write %d fails: the earlier form is not whole", fails)
		}
	}
}

// The store alone shows nothing of a form, its address, nor its name; and forgets
// what nobody fetches.
func TestKeptFormIsSealed(t *testing.T) {
	l := newTardy(t)
	f := aForm(0)
	f.Address, f.Body = "https://app.test/save?eleve=Lea", []byte("nom=L%C3%A9a&note=12&secret=canary")
	name, err := l.Keep(t.Context(), l.former, f, Source{})
	mustBeNil(t, err)
	seen := 0
	for key, value := range l.records() {
		if kindOf(key) != "kept" && kindOf(key) != "part" {
			continue
		}
		seen++
		for _, part := range []string{name, "Lea", "canary", "note", "app.test"} {
			if strings.Contains(key, part) || bytes.Contains(value, []byte(part)) {
				t.Errorf("a %s record shows %q", kindOf(key), part)
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d records", seen)
	}
}

// putHook is a store that tells of each record that is written.
type putHook struct {
	store.Store
	put func(key string, expires time.Time)
}

func (h putHook) Update(ctx context.Context, fn func(store.Writer) error) error {
	return h.Store.Update(ctx, func(w store.Writer) error { return fn(putWriter{w, h.put}) })
}

type putWriter struct {
	store.Writer
	put func(key string, expires time.Time)
}

func (w putWriter) Put(key string, value []byte, expires time.Time) error {
	w.put(key, expires)
	return w.Writer.Put(key, value, expires)
}

// Each record of a form has an end by which the store may forget it.
func TestKeptFormIsSwept(t *testing.T) {
	var ends []time.Time
	h := handoverOn(newBenchOn(t, func(s store.Store) store.Store {
		return putHook{s, func(key string, expires time.Time) {
			if kind := kindOf(key); kind == "kept" || kind == "part" {
				ends = append(ends, expires)
			}
		}}
	}))
	l := tardyOn(h)
	l.keep(2 * keptPart)
	if len(ends) != 3 {
		t.Fatalf("%d records were written", len(ends))
	}
	for _, end := range ends {
		if !end.Equal(l.clock().Add(keptTime + time.Hour)) {
			t.Errorf("a record may be forgotten at %v, it is %v", end, l.clock())
		}
	}
}
