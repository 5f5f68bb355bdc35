package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// holdings are what a process holds on to: goroutines and file descriptors.
type holdings struct{ goroutines, files int }

// holdings counts them, on connections that end with each question.
func (s *server) holdings() (h holdings) {
	s.t.Helper()
	req := get("http://" + s.admin + "/debug/pprof/goroutine?debug=1")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := fmt.Fscanf(resp.Body, "goroutine profile: total %d", &h.goroutines); err != nil {
		s.t.Fatalf("the count of goroutines: %v", err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	h.files = len(files)
	return h
}

// goroutines tells what most of them do.
func (s *server) goroutines() string {
	resp, err := http.Get("http://" + s.admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 6000))
	return string(text)
}

// slack is what one count may differ by from another of the same server at rest:
// a connection that is being closed, a timer that has just run. What a hundred
// reloads leave behind each is far more.
const slack = 5

// backTo waits until the server holds no more than it did, give or take slack,
// and fails when that does not come. The applications close their connections
// first: Caddy's proxy keeps those of its old configurations, too, for two minutes
// unless they do.
func (s *server) backTo(base holdings) {
	s.t.Helper()
	s.app.CloseClientConnections()
	s.other.CloseClientConnections()
	deadline, look := time.After(time.Minute), time.NewTicker(200*time.Millisecond)
	defer look.Stop()
	for {
		now := s.holdings()
		if now.goroutines <= base.goroutines+slack && now.files <= base.files+slack {
			s.t.Logf("goroutines and files: %d and %d, before %d and %d", now.goroutines, now.files, base.goroutines, base.files)
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			s.t.Errorf("%d goroutines and %d files are held, and were %d and %d:\n%s", now.goroutines, now.files, base.goroutines, base.files, s.goroutines())
			return
		}
	}
}

// failingReloads are configurations that Caddy gives up at different depths: when
// it reads them, when the gate checks them, when the gate asks for its store, and
// when another part of the server starts behind or before the gate.
func failingReloads(s *server, taken net.Listener) []string {
	good := s.caddyfile()
	return []string{
		good + "broken {",
		strings.Replace(good, "portal      http://portail.", "portal      http://notes.", 1), // the host of an application
		strings.Replace(good, "/secret\n", "/secret-of-another\n", 1),
		good + "http://taken.localhost:" + portOf(taken.Addr().String()) + " {\n\tbind 127.0.0.1\n\tsesame notes\n}\n",
	}
}

// TestFailedReloadsUnderLoad has every third reload fail while people work: nobody
// gets an error, used codes stay used, and nothing is left behind by any.
func TestFailedReloadsUnderLoad(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	spent := pin + h.same()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	bad := failingReloads(s, taken)
	if err := s.reload(); err != nil { // what is made once is made
		t.Fatal(err)
	}
	h.client.CloseIdleConnections()
	base := s.holdings()

	l := newLoad(t)
	l.works(h.browser, s)
	for n := range rounds(t, 50, 8) {
		s.write(s.config, bad[n%len(bad)])
		if err := s.reload(); err == nil {
			t.Fatalf("a configuration that cannot be was loaded:\n%s", bad[n%len(bad)])
		}
		s.write(s.config, s.caddyfile())
		for range 2 {
			if err := s.reload(); err != nil {
				t.Fatalf("a good reload behind a failed one: %v", err)
			}
		}
	}
	l.reloads(s, 1)
	t.Logf("reloads, one of three failed: %s", l)
	h.refused("after the reloads", spent)
	h.arrived(h.open(s.notes("/after")), s.notes("/after"))
	h.client.CloseIdleConnections()
	s.backTo(base)
	if strings.Contains(s.log.String(), "panic") {
		t.Error("the log tells of a panic")
	}
	s.sesame("audit", "verify")
}

// TestNothingIsLeftBehind: what a server holds after a flood of logins, and after
// kill -9, is what it held before.
func TestNothingIsLeftBehind(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	s.stop()
	s.start()
	h.open(s.notes("/"))
	h.client.CloseIdleConnections()
	base := s.holdings()
	for range rounds(t, 10, 2) {
		var people sync.WaitGroup
		for range 40 {
			people.Go(func() { _, _ = h.opened(pin + h.same()) })
		}
		people.Wait()
		s.backTo(base)
		s.kill()
		s.start()
		h.arrived(h.open(s.notes("/again")), s.notes("/again"))
		h.client.CloseIdleConnections()
		s.backTo(base)
	}
	s.sesame("audit", "verify")
}
