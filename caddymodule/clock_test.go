package caddymodule

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// keepLater has the store of a server that is stopped told a time that far ahead,
// as a server with such a clock would have, and returns it.
func (s *testServer) keepLater(d time.Duration) (kept time.Time) {
	s.t.Helper()
	open, err := openPlace(place{dir: s.storeDir(), secret: s.dir + "/secret"}, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	st := open.(*openStore)
	_, secrets, err := loadSecrets(s.dir + "/secret")
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, later := context.Background(), func() time.Time { return now().Add(d) }
	g, err := authcore.New(ctx, authcore.Config{Store: st.store, Secrets: secrets, Now: later})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := g.KeepTime(ctx); err != nil {
		s.t.Fatal(err)
	}
	held, err := g.Clock(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := st.Destruct(); err != nil {
		s.t.Fatal(err)
	}
	return held.Kept
}

// TestAnEarlyClockRefusesLogins starts the server earlier than the time that its
// store was told last. A PASSCODE is answered 503 and consumes nothing, the log
// names both times, sessions and public pages go on; once the clock is accepted
// the same code opens.
func TestAnEarlyClockRefusesLogins(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	kept := s.keepLater(10 * time.Minute)
	s.run("", "")

	b := newBrowser(t)
	page := b.open(s.at("portail", "/"))
	typed := testPIN + s.newCode("edupont")
	a := b.submit(page, "identifier", "edupont", "passcode", typed)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("a login: %s, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
	log := s.log()
	for _, want := range []string{kept.UTC().Format(time.RFC3339), "sesame clock accept", `"level":"error"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not have %q", want)
		}
	}
	if a := in.open(s.at("portail", "/")); a.url().Path != "/" {
		t.Errorf("who is logged in comes to %s", a.url())
	}
	if err := s.gate().AcceptClock(t.Context(), authcore.Actor{Name: "test"}); err != nil {
		t.Fatal(err)
	}
	if a := in.open(s.at("portail", "/")); a.url().Path == "/" {
		t.Error("a session is left once the clock was accepted")
	}
	page = b.open(s.at("portail", "/"))
	if a := b.submit(page, "identifier", "edupont", "passcode", typed); a.StatusCode != http.StatusOK || a.url().Path != "/" {
		t.Errorf("the same code, once the clock is accepted: %s at %s", a.Status, a.url())
	}
}
