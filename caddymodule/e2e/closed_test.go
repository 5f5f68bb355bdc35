package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// attempt starts a server that may refuse to start, and tells whether it serves.
func (s *server) attempt(t *testing.T, config string) (serves bool) {
	t.Helper()
	s.write(s.config, config)
	s.log = &lockedBuffer{}
	cmd := exec.Command(binary, "run", "--config", s.config)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	const served = "serving initial configuration"
	s.log.await(t, func(log string) bool {
		return strings.Contains(log, served) || strings.Contains(log, `"level":"error"`)
	})
	return strings.Contains(s.log.String(), served)
}

// TestNothingIsServedUnprotected: whatever is wrong with a configuration, its order,
// its secret or its store, the server does not start, or the application is closed.
func TestNothingIsServedUnprotected(t *testing.T) {
	for _, tt := range []struct {
		name   string
		starts bool
		change func(s *server, config string) string
	}{
		{"the gate written behind the application", true, func(s *server, c string) string {
			return strings.Replace(c, "\tsesame notes\n\treverse_proxy "+s.app.Listener.Addr().String(), "\treverse_proxy "+s.app.Listener.Addr().String()+"\n\tsesame notes", 1)
		}},
		{"nobody is allowed", true, func(_ *server, c string) string { return strings.Replace(c, "allow  group enseignants\n", "\n", 1) }},
		{"an unknown group", true, func(_ *server, c string) string {
			return strings.Replace(c, "allow  group enseignants", "allow group personne", 1)
		}},
		{"an unknown kind of right", false, func(_ *server, c string) string { return strings.Replace(c, "allow  group", "allow groupe", 1) }},
		{"an application that is not configured", false, func(_ *server, c string) string { return strings.Replace(c, "sesame notes", "sesame note", 1) }},
		{"the portal's gate before the application", true, func(_ *server, c string) string { return strings.Replace(c, "sesame notes", "sesame portal", 1) }},
		{"another application's gate", true, func(_ *server, c string) string { return strings.Replace(c, "sesame notes", "sesame autre", 1) }},
		{"no global option", false, func(_ *server, c string) string {
			return strings.Replace(c, c[strings.Index(c, "\tsesame {"):strings.Index(c, "\n}\n")], "", 1)
		}},
		{"a secret that is none", false, func(s *server, c string) string { s.write(s.dir+"/secret", "too short"); return c }},
		{"a secret that is a directory", false, func(s *server, c string) string { os.Mkdir(s.dir+"/secret", 0o700); return c }},
		{"a store that is a file", false, func(s *server, c string) string { s.write(s.dir+"/store", "x"); return c }},
		{"a store of rubbish", false, func(s *server, c string) string {
			os.Mkdir(s.dir+"/store", 0o700)
			s.write(s.dir+"/store/MANIFEST", strings.Repeat("x", 4096))
			return c
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &server{t: t, dir: t.TempDir(), app: newEcho(t), other: newEcho(t)}
			_, s.port, _ = net.SplitHostPort(porttest.Address(t, "127.0.0.1"))
			s.admin = porttest.Address(t, "127.0.0.1")
			s.config = filepath.Join(s.dir, "Caddyfile")
			serves := s.attempt(t, tt.change(s, s.caddyfile()))
			if serves != tt.starts {
				t.Errorf("the server starts: %v\n%s", serves, s.log)
			}
			b := newBrowser(t)
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			for _, path := range []string{"/", "/admin/x"} {
				req, err := http.NewRequest(http.MethodGet, s.notes(path), nil)
				if err != nil {
					t.Fatal(err)
				}
				if p, err := b.try(req); err == nil && p.status < 300 {
					t.Errorf("%s is answered with %d", path, p.status)
				}
			}
			if n := s.app.requests(); n > 0 {
				t.Errorf("%d requests reached the application", n)
			}
		})
	}
}

// TestSlowClients: hundreds of connections on which a header never ends, and as many
// forms that trickle, keep nobody else waiting.
func TestSlowClients(t *testing.T) {
	s := newServer(t)
	const each = 250
	for i := range 2 * each {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i < each {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: notes.localhost\r\nX-A: ")
			continue
		}
		fmt.Fprintf(c, "POST /.sesame/login HTTP/1.1\r\nHost: portail.localhost:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nidentifier=", s.port)
	}
	s.othersAreServed(t)
}

// othersAreServed fails unless somebody else gets the login's page within a second,
// ninety-nine times of a hundred.
func (s *server) othersAreServed(t *testing.T) {
	t.Helper()
	b, took := newBrowser(t), make([]time.Duration, 200)
	for i := range took {
		began := time.Now()
		if p := b.open(s.portal("/.sesame/login")); p.status != http.StatusOK {
			t.Fatalf("somebody else is answered with %d", p.status)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	if late := took[len(took)*99/100]; late > time.Second {
		t.Errorf("others wait for %s", late)
	}
}

// TestSlowReaders: hundreds of connections that ask for pages without end, and take
// nothing of what they are sent, keep nobody else waiting, and leave nothing behind.
func TestSlowReaders(t *testing.T) {
	s := newServer(t)
	s.othersAreServed(t)
	http.DefaultClient.CloseIdleConnections()
	base, before := s.holdings(), s.watchMemory()
	const readers, pages = 250, 500
	// Without these the kernel takes megabytes for each: that would be a flood, of pages
	// that are made.
	narrow := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) {
			err = errors.Join(syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096), syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536))
		})
		return err
	}}
	ask := strings.Repeat("GET /.sesame/login HTTP/1.1\r\nHost: portail.localhost:"+s.port+"\r\n\r\n", pages)
	var connections []net.Conn
	for range readers {
		c, err := narrow.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // from when on nothing of it is read either
		io.WriteString(c, ask)
		connections = append(connections, c)
	}
	s.othersAreServed(t)
	_, most := s.memory()
	t.Logf("%d MiB before, %d at most", before, most)
	if most-before > 128 {
		t.Errorf("the memory grew from %d to %d MiB", before, most)
	}
	for _, c := range connections {
		c.Close()
	}
	s.backTo(base)
}
