package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// binary is the server, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sesame-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "caddy")
		if out, err := exec.Command("go", "build", "-o", binary, "../../xcaddy").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "the server does not build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// echo is an application that answers with what reached it.
type echo struct {
	*httptest.Server
	mu   sync.Mutex
	seen int
}

// reached is what the application saw of a request.
type reached struct {
	Method, Target string
	Header         http.Header
	Trailer        http.Header
	Body           string
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.seen++
		e.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(reached{r.Method, r.RequestURI, r.Header, r.Trailer, string(body)})
	}))
	t.Cleanup(e.Close)
	return e
}

// requests is how many requests came through.
func (e *echo) requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

// server is a gate before an application: a process of its own.
type server struct {
	t          *testing.T
	dir        string
	port       string
	admin      string
	config     string // the Caddyfile
	cmd        *exec.Cmd
	exited     chan struct{}
	log        *lockedBuffer
	app, other *echo
	keys       map[string]otp.Generator // by holder
	host       string                   // the address that the server listens at
	env        []string                 // of its process, beside ours
	under      []string                 // the command that runs it, if any
}

// lockedBuffer is the server's log, readable while it grows.
type lockedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{} // closed when something was written, for who waits
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return l.b.Write(p)
}

// await waits until the log says something.
func (l *lockedBuffer) await(t *testing.T, says func(string) bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		l.mu.Lock()
		if says(l.b.String()) {
			l.mu.Unlock()
			return
		}
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("the log does not say what is waited for:\n%s", l)
		}
	}
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newServer writes a configuration and starts it: a portal, the application
// "notes" for teachers with a public corner, the application "autre" for heads.
func newServer(t *testing.T) *server {
	t.Helper()
	return newServerWith(t, (*server).caddyfile)
}

// newBareServer is the same application behind the same Caddy without a gate: what
// the gate is measured against.
func newBareServer(t *testing.T, options string) *server {
	t.Helper()
	return newServerWith(t, func(s *server) string {
		return fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n\tauto_https off\n\thttp_port %s\n\tstorage file_system %q\n}\n%s {\n\tbind 127.0.0.1\n\treverse_proxy %s%s\n}\n",
			s.admin, s.port, s.dir, s.notes(""), s.app.Listener.Addr(), options)
	})
}

func newServerWith(t *testing.T, config func(*server) string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), log: &lockedBuffer{}, app: newEcho(t), other: newEcho(t), keys: map[string]otp.Generator{}, host: "127.0.0.1"}
	_, s.port, _ = net.SplitHostPort(porttest.Address(t, "127.0.0.1"))
	s.admin = porttest.Address(t, "127.0.0.1")
	s.config = filepath.Join(s.dir, "Caddyfile")
	s.write(s.config, config(s))
	s.start()
	return s
}

// caddyfile is the configuration.
func (s *server) caddyfile() string {
	return fmt.Sprintf(`{
	admin %[1]s
	persist_config off
	auto_https off
	http_port %[2]s
	storage file_system %[3]q
	sesame {
		portal      %[4]s
		store       badger %[3]s/store
		secret_file %[3]s/secret
		application notes {
			name   "Carnet de notes"
			url    %[5]s
			allow  group enseignants
			public /public/*
		}
		application autre {
			name  "Base élèves"
			url   %[6]s
			allow function DIR
		}
	}
}
%[4]s {
	bind 127.0.0.1
	sesame portal
}
%[5]s {
	bind 127.0.0.1
	sesame notes
	reverse_proxy %[7]s
}
%[6]s {
	bind 127.0.0.1
	sesame autre
	reverse_proxy %[8]s
}
`, s.admin, s.port, s.dir, s.portal(""), s.notes(""), s.autre(""), s.app.Listener.Addr(), s.other.Listener.Addr())
}

func (s *server) portal(path string) string { return "http://portail.localhost:" + s.port + path }
func (s *server) notes(path string) string  { return "http://notes.localhost:" + s.port + path }
func (s *server) autre(path string) string  { return "http://autre.localhost:" + s.port + path }

func (s *server) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the server until it says that it serves.
func (s *server) start() {
	s.t.Helper()
	if _, served := s.trial(); !served {
		s.t.Fatalf("the server did not start:\n%s", s.log)
	}
}

// trial runs the server until it says that it serves, or ends, and returns what
// it has said by then.
func (s *server) trial() (said string, served bool) {
	s.t.Helper()
	before := len(s.log.String())
	args := append(slices.Clone(s.under), binary, "run", "--config", s.config)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir), s.env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd, s.exited = cmd, make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(s.exited)
		var once sync.Once
		lines := bufio.NewReader(stderr)
		for {
			line, err := lines.ReadString('\n')
			io.WriteString(s.log, line)
			if strings.Contains(line, "serving initial configuration") {
				once.Do(func() { close(ready) })
			}
			if err != nil {
				break
			}
		}
		cmd.Wait()
	}()
	s.t.Cleanup(s.kill)
	select {
	case <-ready:
		served = true
	case <-s.exited:
	case <-time.After(time.Minute):
		s.t.Fatalf("the server did not say that it serves:\n%s", s.log)
	}
	return s.log.String()[before:], served
}

// kill is kill -9.
func (s *server) kill() {
	s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.exited
}

// stop is what systemd sends.
func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.exited
}

// reload loads the configuration anew, whatever it is. Caddy replaces its admin
// endpoint too, and a connection that came just before is reset: it is made again,
// as an operator would.
func (s *server) reload() error {
	config, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	for range 5 {
		var refusal string
		if refusal, err = s.load(config); err == nil && refusal != "" {
			return errors.New(refusal)
		}
		if err == nil {
			return s.alone()
		}
	}
	return err
}

// load posts a configuration to the admin endpoint. Its error is the
// connection's; what the server has against the configuration is the refusal.
func (s *server) load(config []byte) (refusal string, err error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.admin+"/load", bytes.NewReader(config))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	req.Header.Set("Cache-Control", "must-revalidate")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		return fmt.Sprintf("%s: %s", resp.Status, answer), nil
	}
	return "", nil
}

// command runs a command of the binary beside the server.
func (s *server) command(args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), binary, args...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// sesame runs one of our commands against the server, which must succeed.
func (s *server) sesame(args ...string) string {
	s.t.Helper()
	out, err := s.command(append(append([]string{"sesame"}, args...), "--address", s.admin)...)
	if err != nil {
		s.t.Fatalf("sesame %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// person adds an account with a key, through the command line as an operator
// does.
func (s *server) person(id string, flags ...string) {
	s.t.Helper()
	seed := []byte(fmt.Sprintf("%-20s", "seed of "+id))
	s.keys[id] = otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: seed}
	serial := fmt.Sprintf("9%05d", len(s.keys))
	file := filepath.Join(s.dir, serial+".csv")
	s.write(file, fmt.Sprintf("%s,%x,totp,6,60\n", serial, seed))
	s.sesame(append([]string{"user", "add", id, "--given-name", "Jeanne", "--surname", "Dupont", "--email", id + "@ac-exemple.fr"}, flags...)...)
	s.sesame("key", "import", file)
	s.sesame("key", "assign", serial, id)
}
