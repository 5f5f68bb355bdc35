package authcore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// several is a bench where jdupont has three sessions, from three browsers, and
// mmartin one.
type several struct {
	*bench
	mine  [3]Session
	other Session
}

func newSeveral(t tb) *several {
	t.Helper()
	b := &several{bench: newBench(t)}
	session := func(r Reply) Session {
		s, _, err := b.Session(t.Context(), r.Token, "", false)
		mustBeNil(t, err)
		return s
	}
	own := b.key
	b.addKey("OTHER-1")
	b.addPerson("mmartin", "OTHER-1")
	b.key = totpKey("OTHER-1")
	b.other = session(b.inService("mmartin", "5083"))
	b.key = own
	b.mine[0] = session(b.inService("jdupont", pin))
	for i := range 2 {
		b.wait(1)
		b.mine[i+1] = session(b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done))
	}
	return b
}

// own are the sessions that jdupont sees.
func (b *several) own() (ids []SessionID) {
	b.t.Helper()
	all, err := b.OwnSessions(b.t.Context(), b.mine[0])
	b.must(err)
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}

func TestOwnSessions(t *testing.T) {
	b := newSeveral(t)
	if diff := cmp.Diff([]SessionID{b.mine[2].ID, b.mine[1].ID, b.mine[0].ID}, b.own()); diff != "" {
		t.Errorf("the newest first (-want +got):\n%s", diff)
	}
	all, err := b.OwnSessions(t.Context(), b.mine[0])
	mustBeNil(t, err)
	if diff := cmp.Diff(b.mine[2], all[0]); diff != "" {
		t.Errorf("a session (-want +got):\n%s", diff)
	}
	mustBeNil(t, b.EndOwnSession(t.Context(), b.mine[0], b.mine[1].ID, Source{Agent: "Firefox"}))
	mustBeNil(t, b.EndOwnSession(t.Context(), b.mine[0], b.mine[1].ID, Source{})) // twice is once
	if diff := cmp.Diff([]SessionID{b.mine[2].ID, b.mine[0].ID}, b.own()); diff != "" {
		t.Errorf("one is ended (-want +got):\n%s", diff)
	}
	e := b.eventsOf(kindIs(SessionEnded))
	if len(e) != 1 || e[0].Holder != "jdupont" || e[0].Serial != "0123456789" || e[0].Agent != "Firefox" || e[0].Detail != "by its holder" || e[0].Actor != "" {
		t.Errorf("written down: %+v", e)
	}
	mustBeNil(t, b.EndOtherSessions(t.Context(), b.mine[2], Source{}))
	if diff := cmp.Diff([]SessionID{b.mine[2].ID}, b.own()); diff != "" {
		t.Errorf("the others are ended (-want +got):\n%s", diff)
	}
	if left, err := b.OwnSessions(t.Context(), b.other); err != nil || len(left) != 1 {
		t.Errorf("somebody else has %d sessions, %v", len(left), err)
	}
	b.pass(b.Policy().Idle)
	if left := b.own(); len(left) != 0 {
		t.Errorf("after their time: %v", left)
	}
}

// Nobody ends what is not theirs, nor learns whether it is there.
func TestEndOwnSessionOfAnother(t *testing.T) {
	b := newSeveral(t)
	h := &handover{bench: b.bench, portal: b.mine[0], nonce: NewNonce()}
	var err error
	h.ticket, err = b.Ticket(t.Context(), b.mine[0], appHost, VisitMark(h.nonce), "/siecle")
	mustBeNil(t, err)
	child := h.redeem()
	for what, id := range map[string]SessionID{"somebody else's": b.other.ID, "nobody's": "no-such-session", "none": "", "a host's own": child.id()} {
		if err := b.EndOwnSession(t.Context(), b.mine[0], id, Source{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if e := b.eventsOf(kindIs(SessionEnded)); len(e) > 0 || !h.opens(child, appHost, true) {
		t.Errorf("ended: %v", e)
	}
	if left, err := b.OwnSessions(t.Context(), b.other); err != nil || len(left) != 1 {
		t.Errorf("somebody else has %d sessions, %v", len(left), err)
	}
}

// What ends a person's sessions ends them in the list.
func TestOwnSessionsAfterTheyAreShutOut(t *testing.T) {
	b := newSeveral(t)
	mustBeNil(t, b.EndSessions(t.Context(), by, "jdupont"))
	if left := b.own(); len(left) != 0 {
		t.Errorf("listed: %v", left)
	}
}

// The list holds the newest sessions that are not over, each once.
func TestListedProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := benchStart
		var list []openSession
		for i := range rapid.IntRange(1, 3*maxOpen).Draw(t, "logins") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "pause")) * time.Minute)
			s := Session{ID: SessionID(fmt.Sprint(i - rapid.IntRange(0, 1).Draw(t, "again"))), End: now.Add(10 * time.Hour)}
			before := list
			list = listed(list, s, now)
			if last := list[len(list)-1]; len(list) > maxOpen || last.ID != s.ID || !last.End.Equal(s.End) {
				t.Fatalf("%d in the list, the last is %+v, want %+v", len(list), last, s)
			}
			seen := map[SessionID]bool{}
			for _, o := range list {
				if seen[o.ID] || !now.Before(o.End) {
					t.Fatalf("%+v is twice in the list, or over at %v", o, now)
				}
				seen[o.ID] = true
			}
			for _, o := range before {
				if !seen[o.ID] && now.Before(o.End) && len(list) < maxOpen {
					t.Fatalf("%+v is no longer in the list", o)
				}
			}
		}
	})
}
