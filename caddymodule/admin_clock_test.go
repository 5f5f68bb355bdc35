package caddymodule

import (
	"net/http"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// The clock is shown as it is, and accepted once it is in doubt, which ends all
// sessions.
func TestAdminClock(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.firstLogin("jdupont", "0123456789", "7294")
	var list sessionList
	var k authcore.Clock
	b.want(b.ask(http.MethodGet, "/sesame/clock", ""), http.StatusOK, &k)
	if k.State != authcore.ClockSound || !k.Logins || !k.Clock.Equal(b.clock) || k.Why != "" {
		t.Errorf("at first it is %+v", k)
	}
	was := b.clock
	b.clock = was.Add(-time.Minute)
	b.want(b.ask(http.MethodGet, "/sesame/clock", ""), http.StatusOK, &k)
	if k.State != authcore.ClockBehind || !k.Logins || !k.Believed.Equal(was) || k.Why == "" {
		t.Errorf("set back it is %+v", k)
	}
	b.want(b.ask(http.MethodGet, "/sesame/sessions", ""), http.StatusOK, &list)
	if len(list.Sessions) != 1 {
		t.Errorf("%d sessions, want 1", len(list.Sessions))
	}
	if a := b.ask(http.MethodPost, "/sesame/clock/accept", "{}", "Content-Type: application/json"); a.status != http.StatusBadRequest {
		t.Errorf("with a body: %d", a.status)
	}
	k = authcore.Clock{}
	b.want(b.ask(http.MethodPost, "/sesame/clock/accept", ""), http.StatusOK, &k)
	if k.State != authcore.ClockSound || !k.Believed.Equal(b.clock) || !k.Kept.Equal(b.clock) {
		t.Errorf("accepted it is %+v", k)
	}
	b.want(b.ask(http.MethodGet, "/sesame/sessions", ""), http.StatusOK, &list)
	if len(list.Sessions) != 0 {
		t.Errorf("%d sessions are open", len(list.Sessions))
	}
}
