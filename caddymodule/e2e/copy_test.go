package e2e

import (
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// moved is a server that has its store in a directory, and two files: its own
// configuration and the same one with the store in etcd.
type moved struct {
	*server
	etcd, badger string // the files
}

func newMoved(t *testing.T, endpoints []string) *moved {
	t.Helper()
	m := &moved{server: newServer(t)}
	m.badger, m.etcd = filepath.Join(m.dir, "badger.caddyfile"), filepath.Join(m.dir, "etcd.caddyfile")
	own := m.caddyfile()
	m.write(m.badger, own)
	m.write(m.etcd, strings.Replace(own, "badger "+m.dir+"/store", "etcd "+strings.Join(endpoints, " "), 1))
	return m
}

// use gives the server the other configuration, as an operator does.
func (m *moved) use(config string) {
	m.t.Helper()
	m.config = config
	if err := m.reload(); err != nil {
		m.t.Fatal(err)
	}
}

// copying runs the command without the flag for the endpoint, which is in --from.
func (m *moved) copying(from, to string, flags ...string) *exec.Cmd {
	cmd := exec.Command(binary, append([]string{"sesame", "copy", "--from", from, "--to", to}, flags...)...)
	cmd.Env = append(cmd.Environ(), "HOME="+m.dir, "XDG_DATA_HOME="+m.dir, "XDG_CONFIG_HOME="+m.dir)
	return cmd
}

func (m *moved) copied(from, to string, flags ...string) {
	m.t.Helper()
	if out, err := m.copying(from, to, flags...).CombinedOutput(); err != nil || !strings.Contains(string(out), "each read back and compared") {
		m.t.Fatalf("%v\n%s", err, out)
	}
}

// goesOn wants that a session is open, and that codes used by now open nothing.
func (m *moved) goesOn(on *holder, used ...string) {
	m.t.Helper()
	if p := on.open(m.portal("/")); p.status != http.StatusOK || p.url.Path != "/" {
		m.t.Fatalf("the session of before: %d at %v", p.status, p.url)
	}
	for _, code := range used {
		if in, err := on.opened(code); err != nil || in != nil {
			m.t.Fatalf("a code of before opens: %v, %v", in != nil, err)
		}
	}
}

// shut wants that a server answers nobody.
func (m *moved) shut(on *holder, passcode string) {
	m.t.Helper()
	if p := on.open(m.portal("/")); p.status != http.StatusServiceUnavailable {
		m.t.Fatalf("behind the move a session is answered %d at %v", p.status, p.url)
	}
	if in, _ := on.opened(passcode); in != nil {
		m.t.Fatal("behind the move a code opens the store that was left")
	}
}

// TestCopyToEtcdAndBack moves the store of a running server into etcd, and back out
// of it, while it runs: the sessions of before go on, and what was used is used.
func TestCopyToEtcdAndBack(t *testing.T) {
	m := newMoved(t, etcdtest.Start(t, 1).URLs())
	m.person("jdupont", "--group", "enseignants")
	on := m.holder(t, "jdupont")
	on.firstLogin(on.open(m.portal("/")))
	first := pin + on.next()
	if in, err := on.opened(first); err != nil || in == nil {
		t.Fatalf("a login: %v", err)
	}

	m.copied(m.badger, m.etcd)
	second := pin + on.next()
	m.shut(on, second)
	m.use(m.etcd)
	m.goesOn(on, first)
	if in, err := on.opened(second); err != nil || in == nil {
		t.Fatalf("a code that was shown to the store that was left, and not used there: %v", err)
	}
	m.sesame("backup", filepath.Join(m.dir, "of-etcd.backup"))

	if out, err := m.copying(m.etcd, m.badger).CombinedOutput(); err == nil || !strings.Contains(string(out), "--replace has that go") {
		t.Fatalf("over the store that was left: %v\n%s", err, out)
	}
	m.copied(m.etcd, m.badger, "--replace")
	third := pin + on.next()
	m.shut(on, third)
	m.use(m.badger)
	m.goesOn(on, first, second)
	if said := m.sesame("audit", "--alerts"); strings.Count(said, "store-moved") != 2 {
		t.Errorf("of two moves the audit trail tells:\n%s", said)
	}
	m.sesame("audit", "verify")
}

// TestCopyKilled kills the server while it copies its store into etcd, and the
// command while it copies it back, at random instants: the next copy finishes, and
// nothing that was used revives.
func TestCopyKilled(t *testing.T) {
	m := newMoved(t, etcdtest.Start(t, 1).URLs())
	m.person("jdupont", "--group", "enseignants")
	on := m.holder(t, "jdupont")
	on.firstLogin(on.open(m.portal("/")))
	used := pin + on.next()
	if in, err := on.opened(used); err != nil || in == nil {
		t.Fatalf("a login: %v", err)
	}
	rounds := 3
	for range rounds {
		cmd := m.copying(m.badger, m.etcd)
		m.interrupt(cmd, m.kill)
		m.settle(on, m.badger, m.etcd, used)
		cmd = m.copying(m.etcd, m.badger, "--replace")
		m.interrupt(cmd, func() { _ = cmd.Process.Kill() }) // it may have ended
		m.settle(on, m.etcd, m.badger, used)
	}
}

// interrupt starts a copy and does something to it.
func (m *moved) interrupt(cmd *exec.Cmd, what func()) {
	m.t.Helper()
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	<-time.After(time.Duration(rand.IntN(600)) * time.Millisecond) // a command takes about 150 to begin
	what()
	_ = cmd.Wait() // whatever came of it
}

// settle finishes a copy that was cut off, and has the server go on with it.
func (m *moved) settle(on *holder, from, to, used string) {
	m.t.Helper()
	if m.running() {
		m.stop()
	}
	out, err := m.copying(from, to, "--replace").CombinedOutput()
	if err != nil && !strings.Contains(string(out), "this store was moved") {
		m.t.Fatalf("the next copy: %v\n%s", err, out)
	}
	m.config = to
	m.start()
	m.goesOn(on, used)
}

// running reports whether the server has not been killed.
func (m *moved) running() bool {
	select {
	case <-m.exited:
		return false
	default:
		return true
	}
}
