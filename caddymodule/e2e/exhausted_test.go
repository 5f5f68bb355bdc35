package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestOutOfFiles: a server that may have 256 files open, and twice as many connections
// that say nothing. Who comes then waits or is refused; who was there goes on, what
// they were answered holds, and with the connections all is as before by itself.
func TestOutOfFiles(t *testing.T) {
	s := newServerWith(t, func(s *server) string {
		s.under = []string{"sh", "-c", `ulimit -n 256 && exec "$@"`, "sh"}
		return s.caddyfile()
	})
	s.person("jdupont", "--group", "enseignants")
	s.person("hmartin", "--group", "enseignants")
	h, other := s.holder(t, "jdupont"), s.holder(t, "hmartin")
	h.arrived(h.firstLogin(h.open(s.notes("/"))), s.notes("/"))
	base := s.holdings()
	form := other.open(s.portal("/.sesame/login")) // whose connection is kept open

	var connections []net.Conn
	for range 512 {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+s.port, patience)
		if err != nil {
			break // the kernel's own queue is full
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: notes.localhost\r\nX-A: ")
		connections = append(connections, c)
	}
	s.exhausted(t, 250)
	for range 20 {
		if p := h.open(s.portal("/")); p.url.Path != "/" || p.status != http.StatusOK {
			t.Fatalf("somebody who was there is answered with %d at %s", p.status, p.url)
		}
	}
	// A login may succeed or not; its code is used, or was never looked at.
	typed := other.next()
	p, err := other.try(other.request(form, "identifier", "hmartin", "passcode", typed))
	t.Logf("%d connections; a login meanwhile: %d at %v, %v", len(connections), p.status, p.url, err)
	if err == nil && p.status != http.StatusServiceUnavailable && p.url.Path != "/.sesame/pin" {
		t.Errorf("a login is answered with %d at %s", p.status, p.url)
	}
	for _, c := range connections {
		c.Close()
	}
	s.recovers(t)
	h.arrived(h.open(s.notes("/after")), s.notes("/after"))
	if err == nil && p.url.Path == "/.sesame/pin" {
		b, again := other.fresh()
		if again = b.submit(again, "identifier", "hmartin", "passcode", typed); again.status != http.StatusForbidden {
			t.Errorf("the code of that login is answered with %d at %s", again.status, again.url)
		}
	}
	h.client.CloseIdleConnections()
	other.client.CloseIdleConnections()
	s.backTo(base)
	s.sesame("audit", "verify")
}

// exhausted waits until the server has so many files open.
func (s *server) exhausted(t *testing.T, many int) {
	t.Helper()
	deadline, look := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer look.Stop()
	for {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= many {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("only %d files are open", len(files))
		}
	}
}

// recovers waits until somebody new is served again, for a minute.
func (s *server) recovers(t *testing.T) {
	t.Helper()
	deadline, look := time.After(time.Minute), time.NewTicker(200*time.Millisecond)
	defer look.Stop()
	for {
		b := newBrowser(t)
		b.client.Timeout = 5 * time.Second
		p, err := b.try(get(s.portal("/.sesame/login")))
		b.client.CloseIdleConnections()
		if err == nil && p.status == http.StatusOK {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("nobody new is served a minute later: %d, %v", p.status, err)
		}
	}
}
