package caddymodule

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// trap has the tests' clock panic where the gate reads it for an answer to a login.
var trap atomic.Bool

// sprung panics once, when the trap is set and the login's answer is what asks.
func sprung() {
	if !trap.Load() {
		return
	}
	stack := make([]byte, 32<<10)
	if strings.Contains(string(stack[:runtime.Stack(stack, false)]), "authcore.(*Gate).Answer(") && trap.CompareAndSwap(true, false) {
		panic("planted")
	}
}

// TestAPanicShowsNothing: a fault of the program, while a PASSCODE is looked at, ends
// that request and no other; the trace in the log shows neither the PASSCODE nor a
// cookie, and whoever sent it has not got in.
func TestAPanicShowsNothing(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	browser := newBrowser(t)
	login := browser.open(s.at("portail", "/.sesame/login"))
	passcode := testPIN + s.newCode("edupont")
	trap.Store(true)
	resp, err := browser.client.Do(browser.post(login, "identifier", "edupont", "passcode", passcode))
	if trap.Swap(false) {
		t.Fatal("nothing has panicked")
	}
	if err == nil {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode < http.StatusInternalServerError {
			t.Errorf("the request that panicked is answered with %s", resp.Status)
		}
		if strings.Contains(string(body), "planted") || strings.Contains(string(body), "goroutine") {
			t.Errorf("the answer shows the fault: %s", body)
		}
	}
	if browser.own(s.at("portail", "/"), "sesame") != "" {
		t.Error("a panic has opened a session")
	}
	log := s.log()
	if !strings.Contains(log, "planted") {
		t.Fatal("the log does not tell of the panic")
	}
	cookie := b.own(s.at("portail", "/"), "sesame")
	for what, secret := range map[string]string{"PASSCODE": passcode, "session": cookie, "session on a host": b.own(s.at("notes", "/"), "sesame"), "seed": string(s.seeds["edupont"].Seed)} {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("the log shows the %s", what)
		}
	}
	if a := b.open(s.at("notes", "/")); a.body != "ok" {
		t.Errorf("then another's session: %s", a.Status)
	}
	// Whether its code was used is not known; the next one opens.
	again := newBrowser(t)
	if a := again.submit(again.open(s.at("portail", "/.sesame/login")), "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); a.url().Path != "/" {
		t.Errorf("the next PASSCODE: %s", a.Status)
	}
}
