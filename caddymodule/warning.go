package caddymodule

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// sessionState is what a page's script is told of the session.
type sessionState struct {
	SecondsLeft    int  `json:"seconds_left"`    // until it ends
	WarningSeconds int  `json:"warning_seconds"` // how long before that somebody should be told
	Extendable     bool `json:"extendable"`      // a use now would let it last longer
	KeepsForms     bool `json:"keeps_forms"`     // one that is sent behind the end is kept
}

// The warning comes so long before the end: WCAG 2.2.1 wants twenty seconds at
// the least to answer it.
const (
	warningLongest  = 5 * time.Minute
	warningShortest = 20 * time.Second
)

// stateOf is the state of a session under a policy.
func stateOf(s authcore.Session, idle time.Duration, now time.Time) sessionState {
	warning := min(max(idle/4, warningShortest), warningLongest)
	end := s.Idle
	if s.End.Before(end) {
		end = s.End
	}
	return sessionState{
		SecondsLeft:    int(math.Max(0, math.Floor(end.Sub(now).Seconds()))),
		WarningSeconds: int(warning.Seconds()),
		Extendable:     s.End.Sub(s.Idle) > warning,
	}
}

// showSession tells a page's script how long the session lasts. Asking is no use
// of it.
func (x *exchange) showSession() error {
	s, _, err := x.session(false)
	if errors.Is(err, authcore.ErrNoSession) {
		return x.loginRequired()
	}
	if err != nil {
		return x.refuse(unavailable, err)
	}
	state := stateOf(s, x.gate.Policy().Idle, x.gate.Now())
	state.KeepsForms = !x.site.isPortal()
	return x.json(http.StatusOK, "application/json; charset=utf-8", state)
}

// takeSession extends the session at somebody's wish, from a page of this host,
// and tells how long it lasts now. It takes no body: one that is announced is not
// waited for.
func (x *exchange) takeSession() error {
	if !x.fromHere() {
		x.dismiss()
		return x.refuse(crossSite, nil)
	}
	if x.r.ContentLength != 0 {
		x.dismiss()
		return x.refuse(badRequest, nil)
	}
	if _, _, err := x.session(true); err != nil && !errors.Is(err, authcore.ErrNoSession) {
		return x.refuse(unavailable, err)
	}
	return x.showSession()
}

// fromHere tells whether a browser says that a page of this host sent the request.
func (x *exchange) fromHere() bool {
	site := x.r.Header.Get("Sec-Fetch-Site")
	return site == "same-origin" || site == "" && x.r.Header.Get("Origin") == x.site.origin.String()
}

// scriptTag names what the script says, for caches.
var scriptTag = func() string {
	sum := sha256.Sum256(ui.SessionScript())
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}()

// showScript serves the script that warns before the end of a session, for pages
// of the host: they need not wait for the store.
func (x *exchange) showScript() error {
	x.protect(bareCSP)
	h := x.w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", scriptTag)
	h.Del("Vary")
	http.ServeContent(x.w, x.r, "", time.Time{}, bytes.NewReader(ui.SessionScript()))
	return nil
}
