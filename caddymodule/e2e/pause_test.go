package e2e

import (
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestStoppedAndGoingOn stops the process as a debugger, or a host that moves its
// guests, does, under a login, and lets it go on: the login has its answer, its
// code opens once, and sessions are as they were.
func TestStoppedAndGoingOn(t *testing.T) {
	s, move := newClockedServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	pause := time.Duration(rounds(t, 60, 1)) * time.Second
	move(3 * time.Minute)
	g := s.keys["jdupont"]
	typed := pin + g.Code(g.StepAt(timeNow().Add(3*time.Minute)))
	s.cmd.Process.Signal(syscall.SIGSTOP)
	opened := 0
	var login sync.WaitGroup
	login.Go(func() {
		if b, err := h.opened(typed); err != nil {
			t.Errorf("a login while the process is stopped: %v", err)
		} else if b != nil {
			opened++
		}
	})
	<-time.After(pause) // the fault lasts that long
	s.cmd.Process.Signal(syscall.SIGCONT)
	login.Wait()
	if again, err := h.opened(typed); err != nil || again != nil {
		t.Errorf("the same code opens again, or: %v", err)
	}
	if opened != 1 {
		t.Errorf("the code of that login opened %d times", opened)
	}
	if p := h.open(s.portal("/")); p.url.Path != "/" {
		t.Errorf("the session of before is at %v", p.url)
	}
	s.sesame("audit", "verify")
}

// TestClockSteps moves the clock back and forth under people who log in: a code
// that was used is refused whenever its time comes again.
func TestClockSteps(t *testing.T) {
	s, move := newClockedServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	g := s.keys["jdupont"]
	var used []string
	for _, ahead := range []time.Duration{10 * time.Minute, time.Hour, 2 * time.Hour} {
		move(ahead)
		typed := pin + g.Code(g.StepAt(timeNow().Add(ahead)))
		if b, err := h.opened(typed); err != nil || b == nil {
			t.Fatalf("%s ahead nobody gets in: %v", ahead, err)
		}
		used = append(used, typed)
	}
	for _, ahead := range []time.Duration{2 * time.Hour, time.Hour, 10 * time.Minute, 2 * time.Hour} {
		move(ahead)
		for _, typed := range used {
			if b, err := h.opened(typed); err != nil || b != nil {
				t.Errorf("with the clock at %s again a used code opens, or: %v", ahead, err)
			}
		}
	}
	if log := s.log.String(); !strings.Contains(log, "the server's clock is in doubt") {
		t.Error("the log has no alarm of the clock")
	}
	s.sesame("audit", "verify")
}
