package e2e

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pause stops the process, and returns when all of it has stopped, with what lets it
// go on.
func (s *server) pause() (goOn func()) {
	s.t.Helper()
	err := s.cmd.Process.Signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	for err == nil && !status.Stopped() {
		if _, err = syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); errors.Is(err, syscall.EINTR) {
			err = nil
		}
	}
	if err != nil {
		s.t.Fatalf("the process does not stop: %v", err)
	}
	return func() {
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			s.t.Error(err)
		}
	}
}

// cutOff reports that the server has ended a connection before it answered on it.
func cutOff(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) }

// TestStoppedAndGoingOn stops the process as a debugger, or a host that moves its
// guests, does, while people log in, and for longer than Caddy gives a request to
// come in (a minute). Who knocks while it stands is answered once it goes on. Who
// was at it when it stopped may find their connection cut: the time in which their
// request was to come is over by then. No code opens twice, what was acknowledged is
// there, and the server goes on.
func TestStoppedAndGoingOn(t *testing.T) {
	s, move := newClockedServer(t)
	var people []*holder
	for _, id := range []string{"late", "p1", "p2", "p3", "p4"} {
		s.person(id, "--group", "enseignants")
		h := s.holder(t, id)
		h.firstLogin(h.open(s.portal("/")))
		people = append(people, h)
	}
	pause := time.Duration(rounds(t, 75, 1)) * time.Second
	now := timeNow()
	ahead := now.Truncate(time.Minute).Add(4 * time.Minute).Sub(now) // the codes' minute begins
	move(ahead)
	typed, in, errs := make([]string, len(people)), make([]*browser, len(people)), make([]error, len(people))
	var work sync.WaitGroup
	login := func(i int) {
		g := s.keys[people[i].id]
		typed[i] = pin + g.Code(g.StepAt(now.Add(ahead)))
		work.Go(func() { in[i], errs[i] = people[i].opened(typed[i]) })
	}
	for i := range people[1:] {
		login(1 + i)
	}
	<-time.After(rand.N(100 * time.Millisecond)) // the instant, not a wait for something
	goOn := s.pause()
	login(0)
	<-time.After(pause) // the fault lasts that long
	goOn()
	work.Wait()

	if in[0] == nil {
		t.Error("who knocked while the process stood did not get in")
	}
	for i, h := range people {
		switch err := errs[i]; {
		case err == nil:
		case i == 0, pause < time.Minute, !cutOff(err):
			t.Errorf("the login of %s: %v", h.id, err)
		default:
			t.Logf("the login of %s was cut off: %v", h.id, err)
		}
		h.stands(0, typed[i], in[i], nil)
		if p := h.open(s.portal("/")); p.url.Path != "/" {
			t.Errorf("the session of before is at %v", p.url)
		}
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
