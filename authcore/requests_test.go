package authcore

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesame-gateway/sesame/authcore/screenshot"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// picture is a screenshot that takes more than one part.
func picture(t tb) screenshot.Image {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 150, 100))
	for i := range m.Pix {
		m.Pix[i] = byte(i * i >> 5) //nolint:gosec // some pattern
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	mustBeNil(t, png.Encode(&b, m))
	s, err := screenshot.Clean(b.Bytes())
	mustBeNil(t, err)
	return s
}

func (b *bench) asks(form string, r Request, holder *Account) Request {
	b.t.Helper()
	sent, err := b.Ask(b.t.Context(), form, r, holder, b.from)
	b.must(err)
	return sent
}

// What somebody typed comes back byte for byte, with its screenshots, and with what
// the gate knows beside it.
func TestAsk(t *testing.T) {
	b := newBench(t)
	account, err := b.Account(t.Context(), "jdupont")
	b.must(err)
	account.Establishment = "0441550W"
	r := requestFor("jdupont")
	for _, f := range RequestFields() {
		if f != RequestEmail {
			*r.Text(f) = f.String() + "\r\n<b>\u202e\u2067é🔑\x00\"'{{.}}"
		}
	}
	r.Description = strings.Repeat("🔑é\r\n", 12_000)
	r.Screenshots = []screenshot.Image{picture(t), picture(t), picture(t)}
	sent := b.asks("nonce", r, &account)
	if !ValidReference(string(sent.Reference)) || sent.Holder != "jdupont" || sent.UAI != "0441550W" || !sent.Sent.Equal(b.clock()) || sent.Pictures != 3 {
		t.Errorf("sent: %+v", sent)
	}
	got, err := b.Request(t.Context(), sent.Reference)
	b.must(err)
	if diff := cmp.Diff(sent, got, cmpopts.IgnoreUnexported(screenshot.Image{})); diff != "" {
		t.Errorf("read back (-sent +got):\n%s", diff)
	}
	for _, f := range RequestFields() {
		if *got.Text(f) != *r.Text(f) {
			t.Errorf("%s came back as %.60q", f, *got.Text(f))
		}
	}
	for n := range 3 {
		s, err := b.Screenshot(t.Context(), sent.Reference, n+1)
		b.must(err)
		if s.Type() != "image/png" || !bytes.Equal(s.Bytes(), r.Screenshots[n].Bytes()) {
			t.Errorf("screenshot %d has %d bytes of %s", n+1, len(s.Bytes()), s.Type())
		}
	}
	for _, n := range []int{-1, 0, 4} {
		if _, err := b.Screenshot(t.Context(), sent.Reference, n); !errors.Is(err, ErrNotFound) {
			t.Errorf("screenshot %d: %v", n, err)
		}
	}
	trail, err := b.Events(t.Context(), AuditQuery{Reference: sent.Reference})
	b.must(err)
	if len(trail) != 1 || trail[0].Kind != RequestSent || trail[0].Holder != "jdupont" || trail[0].Detail != "3 screenshots" {
		t.Errorf("under the reference the trail has %+v", trail)
	}
}

// Whoever is not logged in is nobody, whatever they type.
func TestAskAsNobody(t *testing.T) {
	b := newBench(t)
	r := requestFor("jdupont")
	r.Establishment, r.Holder, r.UAI = "Collège, 0693045k", "jdupont", "0441550W"
	if sent := b.asks("nonce", r, nil); sent.Holder != "" || sent.UAI != "0693045K" {
		t.Errorf("holder %q of %q", sent.Holder, sent.UAI)
	}
	if _, err := b.Ask(t.Context(), "other", Request{}, nil, b.from); err == nil {
		t.Error("an empty request is kept")
	}
	r.Screenshots = []screenshot.Image{{}}
	if _, err := b.Ask(t.Context(), "other", r, nil, b.from); err == nil {
		t.Error("a screenshot that is none is kept")
	}
	r.Screenshots = slices.Repeat([]screenshot.Image{picture(t)}, 4)
	if _, err := b.Ask(t.Context(), "other", r, nil, b.from); err == nil {
		t.Error("four screenshots are kept")
	}
}

// The same form is one request, however often and however many at once.
func TestAskTwice(t *testing.T) {
	b := newBench(t)
	var all sync.WaitGroup
	references := make([]Reference, 8)
	for i := range references {
		all.Go(func() {
			sent, err := b.Ask(t.Context(), "nonce", requestFor("jdupont"), nil, Source{})
			if err != nil {
				t.Error(err)
			}
			references[i] = sent.Reference
		})
	}
	all.Wait()
	list, err := b.Requests(t.Context(), RequestQuery{}, "", 0)
	b.must(err)
	if len(slices.Compact(references)) != 1 || len(list) != 1 || b.count(RequestSent) != 1 {
		t.Errorf("references %v, %d requests", references, len(list))
	}
	if other := b.asks("another nonce", requestFor("jdupont"), nil); other.Reference == references[0] {
		t.Error("another form is the same request")
	}
}

// The sixth request of a day waits; a stranger slows neither who is logged in nor
// who is elsewhere.
func TestAdmitRequest(t *testing.T) {
	b := newBench(t)
	admit := func(holder Identifier) time.Duration {
		t.Helper()
		wait, err := b.AdmitRequest(t.Context(), holder, b.from)
		b.must(err)
		return wait
	}
	for range 5 {
		if wait := admit(""); wait != 0 {
			t.Fatalf("one of five waits %s", wait)
		}
	}
	if wait := admit(""); wait != 30*time.Second {
		t.Errorf("the sixth waits %s", wait)
	}
	b.pass(30 * time.Second)
	if admit("") != 0 || admit("") != time.Minute {
		t.Error("after the wait it is not let in, or the next wait is no longer")
	}
	if admit("jdupont") != 0 {
		t.Error("somebody logged in waits for a stranger")
	}
	b.elsewhere()
	if admit("") != 0 {
		t.Error("somebody elsewhere waits for a stranger")
	}
	b.pass(25 * time.Hour)
	for i := range maxAskedToday {
		b.elsewhere()
		if wait := admit(""); wait != 0 {
			t.Fatalf("stranger %d waits %s", i, wait)
		}
	}
	b.elsewhere()
	if wait, end := admit(""), b.clock().Truncate(day).Add(day).Sub(b.clock()); wait != end {
		t.Errorf("one stranger too many waits %s, not %s", wait, end)
	}
	if admit("mmartin") != 0 {
		t.Error("strangers keep out who is logged in")
	}
	b.pass(day)
	if admit("") != 0 {
		t.Error("the next day nobody is let in")
	}
}

// Requests are listed, the newest first, by the page, and by establishment.
func TestRequests(t *testing.T) {
	b := newBench(t)
	var want []Reference
	for i := range 7 {
		r := requestFor("jdupont")
		if i%3 == 0 {
			r.Establishment = "0693045K"
		}
		want = append(want, b.asks(fmt.Sprint(i), r, nil).Reference)
		b.pass(time.Second)
	}
	slices.Reverse(want)
	list := func(q RequestQuery, limit int) (refs []Reference) {
		t.Helper()
		after := Reference("")
		for {
			page, err := b.Requests(t.Context(), q, after, limit)
			b.must(err)
			for _, r := range page {
				refs = append(refs, r.Reference)
				if r.Description != "" || r.Screenshots != nil {
					t.Error("a list has descriptions")
				}
			}
			if len(page) < limit || limit == 0 {
				return refs
			}
			after = page[len(page)-1].Reference
		}
	}
	for limit := range 9 {
		if got := list(RequestQuery{}, limit); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", limit, got, want)
		}
	}
	if got := list(RequestQuery{Establishments: []string{"0441550W", "0693045K"}}, 2); !slices.Equal(got, []Reference{want[0], want[3], want[6]}) {
		t.Errorf("of the establishment: %v of %v", got, want)
	}
	if got := list(RequestQuery{Holder: "jdupont"}, 0); len(got) != 0 {
		t.Errorf("of somebody who was not logged in: %v", got)
	}
	if _, err := b.Requests(t.Context(), RequestQuery{}, "0000-0000", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("behind none: %v", err)
	}
}

// A request is gone at its time, or when somebody removes it, with every part.
func TestRequestsGo(t *testing.T) {
	b := newBench(t)
	before := len(b.records())
	r := requestFor("jdupont")
	r.Screenshots = []screenshot.Image{picture(t)}
	sent := b.asks("nonce", r, nil)
	b.pass(90*day - time.Nanosecond)
	_, err := b.Request(t.Context(), sent.Reference)
	b.must(err)
	b.must(b.RemoveRequest(t.Context(), by, sent.Reference))
	for name := range b.records() {
		if strings.HasPrefix(name, "request") || strings.HasPrefix(name, "asked") {
			t.Errorf("%s is left", kindOf(name))
		}
	}
	if err := b.RemoveRequest(t.Context(), by, sent.Reference); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if b.count(RequestRemoved) != 1 || before == 0 {
		t.Error("the trail does not say so")
	}
	sent = b.asks("another", r, nil)
	b.pass(90 * day)
	if _, err := b.Request(t.Context(), sent.Reference); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	if _, err := b.Screenshot(t.Context(), sent.Reference, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("its screenshot: %v", err)
	}
	if list, err := b.Requests(t.Context(), RequestQuery{}, "", 0); err != nil || len(list) != 0 {
		t.Errorf("listed: %v, %v", list, err)
	}
}

// What is held of a person has their requests, and goes with their data.
func TestRequestsOfAPerson(t *testing.T) {
	b := newBench(t)
	b.addPerson("mmartin")
	account, err := b.Account(t.Context(), "mmartin")
	b.must(err)
	theirs := b.asks("a", requestFor("mmartin"), &account)
	others := b.asks("b", requestFor("mmartin"), nil)
	data, err := b.ExportPerson(t.Context(), "mmartin")
	b.must(err)
	if len(data.Requests) != 1 || data.Requests[0].Reference != theirs.Reference {
		t.Errorf("exported: %+v", data.Requests)
	}
	b.must(b.RemoveAccount(t.Context(), by, "mmartin", KeepKeys))
	b.must(b.ErasePerson(t.Context(), by, "mmartin"))
	if _, err := b.Request(t.Context(), theirs.Reference); !errors.Is(err, ErrNotFound) {
		t.Errorf("after the erasure: %v", err)
	}
	if _, err := b.Request(t.Context(), others.Reference); err != nil {
		t.Errorf("a stranger's: %v", err)
	}
}

// Wherever the store breaks, either the whole request is there or none of it is seen.
func TestAskOnAFaultyStore(t *testing.T) {
	for _, unsure := range []bool{false, true} {
		done := false
		for n := 1; !done; n++ {
			f := &faulty{n: -1, unsure: unsure}
			b := newBenchOn(t, func(s store.Store) store.Store { f.Store = s; return f })
			r := requestFor("jdupont")
			r.Screenshots = []screenshot.Image{picture(t), picture(t)}
			f.n = n
			_, err := b.Ask(t.Context(), "nonce", r, nil, b.from)
			done = f.n > 0
			f.n = -1
			if (err == nil) != done {
				t.Fatalf("fault %d: %v", n, err)
			}
			list, err := b.Requests(t.Context(), RequestQuery{}, "", 0)
			b.must(err)
			if len(list) == 0 {
				continue
			}
			if !done && !unsure {
				t.Errorf("fault %d: the request is there", n)
			}
			got, err := b.Request(t.Context(), list[0].Reference)
			b.must(err)
			s, err := b.Screenshot(t.Context(), list[0].Reference, 2)
			b.must(err)
			if got.Description != r.Description || !bytes.Equal(s.Bytes(), r.Screenshots[1].Bytes()) || b.count(RequestSent) != 1 {
				t.Errorf("fault %d: the request is there in part", n)
			}
		}
	}
}

func TestValidReference(t *testing.T) {
	for range 100 {
		if r := NewReference(); !ValidReference(string(r)) {
			t.Errorf("%s is none", r)
		}
	}
	for _, bad := range []string{"", "7F3K", "7F3K-", "7F3KQ2M9", "7F3K-Q2M", "7F3K-Q2M99", "7f3k-q2m9", "7F3K-Q2MO", "7F3K-Q2M9-7F3K", "7F3K Q2M9", "<b>K-Q2M9"} {
		if ValidReference(bad) {
			t.Errorf("%q is one", bad)
		}
	}
}

// A request is handed on by messages of the same transaction, as many as there are
// ways, and of whoever is logged in they go with their data.
func TestRequestsAreHandedOn(t *testing.T) {
	b := newBench(t)
	b.Gate = b.WithDesk(Desk{Mail: "assistance@ac-example.fr", Hook: "https://help.example.org/"})
	b.addPerson("mmartin")
	account, err := b.Account(t.Context(), "mmartin")
	b.must(err)
	sent := b.asks("nonce", requestFor("mmartin"), &account)
	select {
	case <-b.Posted():
	default:
		t.Error("nobody is told that there are messages")
	}
	b.asks("nonce", requestFor("mmartin"), &account)
	due, _, err := b.DueMessages(t.Context(), 10)
	b.must(err)
	to := map[Way]string{}
	for _, m := range due {
		if to[m.Way] = m.Address; m.Request != sent.Reference || m.About != "mmartin" {
			t.Errorf("a message about %s, of %s", m.Request, m.About)
		}
	}
	if len(due) != 2 || to[ByMail] != "assistance@ac-example.fr" || to[ByWebhook] != "https://help.example.org/" {
		t.Errorf("%d messages: %v", len(due), to)
	}
	taken, err := b.TakeMessage(t.Context(), due[0])
	b.must(err)
	b.must(b.MessageDelivered(t.Context(), taken))
	if got := b.eventsOf(kindIs(MessageSent)); len(got) != 1 || !strings.Contains(got[0].Detail, "about request "+string(sent.Reference)) {
		t.Errorf("the trail says %+v", got)
	}
	b.must(b.RemoveAccount(t.Context(), by, "mmartin", KeepKeys))
	b.must(b.ErasePerson(t.Context(), by, "mmartin"))
	b.pass(day)
	if due, _, err := b.DueMessages(t.Context(), 10); err != nil || len(due) != 0 {
		t.Errorf("after the erasure there are %v, %v", due, err)
	}
}
