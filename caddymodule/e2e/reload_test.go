package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// TestAHundredReloadsUnderLoad reloads while people work in the application and
// others log in: nobody gets an error, nobody is logged out, no code revives.
func TestAHundredReloadsUnderLoad(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	spent := pin + h.same()

	l := newLoad(t)
	l.works(h.browser, s)
	l.goes(func() (page, error) {
		b := newBrowser(t)
		p, err := b.try(get(s.portal("/.sesame/login")))
		if err != nil || p.form == nil {
			return p, err
		}
		return b.try(b.request(p, "identifier", h.id, "passcode", spent))
	}, func(p page) bool { return p.status == http.StatusForbidden && contains(p.text, refusal) })
	l.reloads(s, 100)
	t.Logf("100 reloads with the gate: %s", l)
	bare := newBareServer(t, "")
	b := newLoad(t)
	b.works(newBrowser(t), bare)
	b.reloads(bare, 100)
	t.Logf("100 reloads of Caddy alone: %s", b)
	h.arrived(h.open(s.notes("/after")), s.notes("/after"))
	if contains(s.log.String(), "panic") {
		t.Error("the log tells of a panic")
	}
}

// load is requests over and over, until done. Caddy closes kept connections when
// it changes its listeners; a client whose connection was closed asks again, as
// browsers do, and is not given a wrong answer by that.
type load struct {
	sync.WaitGroup
	t                   *testing.T
	done                chan struct{}
	served, wrong, lost atomic.Int64
}

func newLoad(t *testing.T) *load { return &load{t: t, done: make(chan struct{})} }

func (l *load) String() string {
	return fmt.Sprintf("%d answers, %d of them wrong; %d connections closed under a request", l.served.Load(), l.wrong.Load(), l.lost.Load())
}

// works has eight people work in the application.
func (l *load) works(b *browser, s *server) {
	for range 8 {
		l.goes(func() (page, error) { return b.try(get(s.notes("/work"))) },
			func(p page) bool { return p.status == http.StatusOK && p.url.Path == "/work" })
	}
}

// reloads reloads n times under the load, which ends with it.
func (l *load) reloads(s *server, n int) {
	for i := range n {
		if err := s.reload(); err != nil {
			l.t.Errorf("reload %d: %v", i+1, err)
			break
		}
	}
	close(l.done)
	l.Wait()
	if l.served.Load() < int64(n) {
		l.t.Errorf("only %d requests were answered: the load was none", l.served.Load())
	}
}

func (l *load) goes(request func() (page, error), right func(page) bool) {
	l.Go(func() {
		for {
			select {
			case <-l.done:
				return
			default:
			}
			p, err := request()
			if err != nil {
				l.lost.Add(1)
				continue
			}
			l.served.Add(1)
			if !right(p) {
				l.wrong.Add(1)
				l.t.Errorf("under load: %d at %v:\n%.300s", p.status, p.url, p.text)
				return
			}
		}
	})
}

func get(address string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		panic(err)
	}
	return req
}

// TestOtherProgramsBesideTheServer: validate is harmless, a second server on the
// same directory gets one clear sentence, a broken configuration changes nothing.
func TestOtherProgramsBesideTheServer(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))

	if out, err := s.command("validate", "--config", s.config); err != nil {
		t.Errorf("validate beside the server: %v\n%s", err, out)
	}

	second := filepath.Join(s.dir, "Second")
	text := strings.NewReplacer(s.admin, porttest.Address(t, "127.0.0.1"), "http_port "+s.port, "http_port "+portOf(porttest.Address(t, "127.0.0.1")), ":"+s.port, ":"+portOf(porttest.Address(t, "127.0.0.1"))).Replace(s.caddyfile())
	s.write(second, text)
	out, err := s.command("run", "--config", second, "--adapter", "caddyfile")
	if exited := new(exec.ExitError); !errors.As(err, &exited) || !contains(out, "another server") {
		t.Errorf("a second server on the same directory: %v\n%s", err, out)
	}

	good := s.caddyfile()
	for name, broken := range map[string]string{
		"another directory's file": strings.Replace(good, "/store\n", "/store-of-another\n", 1) + "broken {",
		"an unknown option":        strings.Replace(good, "secret_file", "secret_fill", 1),
		"no such application":      strings.Replace(good, "sesame notes", "sesame nots", 1),
	} {
		s.write(s.config, broken)
		if err := s.reload(); err == nil {
			t.Errorf("%s was loaded", name)
		}
		h.arrived(h.open(s.notes("/still")), s.notes("/still"))
	}
	s.write(s.config, good)
	if err := s.reload(); err != nil {
		t.Errorf("the good configuration, after the broken ones: %v", err)
	}
	h.arrived(h.open(s.notes("/again")), s.notes("/again"))
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// alone waits until the servers of one configuration alone listen. Caddy says that
// it has reloaded when those of the one before are about to shut down: one of them
// that still takes a connection closes it without an answer, whatever is posted.
func (s *server) alone() error {
	port, err := strconv.ParseUint(s.port, 10, 16)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", s.cmd.Process.Pid))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another system than Linux, or the server has ended
		}
		if err != nil || listensOnce(string(table), port) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a minute after a reload the servers of before still listen:\n%s", table)
		}
	}
}

// listensOnce reports whether no address with the port is listened at twice in
// Linux's table of sockets (proc_pid_net(5)), which SO_REUSEPORT lets Caddy's
// configurations do.
func listensOnce(table string, port uint64) bool {
	ends, seen := fmt.Sprintf(":%04X", port), map[string]bool{}
	for line := range strings.Lines(table) {
		const address, state = 1, 3
		if f := strings.Fields(line); len(f) > state && f[state] == "0A" && strings.HasSuffix(f[address], ends) {
			if seen[f[address]] {
				return false
			}
			seen[f[address]] = true
		}
	}
	return true
}

func TestListensOnce(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue\n"
	const old, other, taken = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n", "   1: 0100007F:1F91 00000000:0000 0A 00000000:00000000\n", "   2: 0100007F:1F90 0100007F:C001 01 00000000:00000000\n"
	for table, want := range map[string]bool{head: true, head + old + other + taken + other: true, head + old + other + taken + old: false} {
		if got := listensOnce(table, 8080); got != want {
			t.Errorf("%v for\n%s", got, table)
		}
	}
}
