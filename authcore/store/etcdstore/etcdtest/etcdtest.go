// Package etcdtest runs clusters of etcd for tests: its own server, built from its
// module, in processes that can be killed, on loopback.
package etcdtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// patience is how long a cluster may take for what takes seconds.
const patience = 2 * time.Minute

// A Cluster is some members of etcd. They do not wait for the disk: here they are
// killed, and the machine is not.
type Cluster struct {
	t       testing.TB
	Members []*Member
}

// A Member is one process of etcd, or the place of one that was killed.
type Member struct {
	t      testing.TB
	URL    string // for clients
	tls    *tls.Config
	args   []string
	output *output
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts a cluster of n members on loopback, which ends with the test. Further
// arguments are for each of them. A server that cannot be built fails the test.
func Start(t testing.TB, n int, args ...string) *Cluster {
	t.Helper()
	return start(t, n, "http://127.0.0.1", nil, args)
}

// StartSecure is Start with TLS, at an address of this machine: an authority has
// made the members' certificates, and those that clients must have.
func StartSecure(t testing.TB, n int, a *Authority, host string) *Cluster {
	t.Helper()
	server, client := a.Issue(Server, host), a.Issue(Client)
	return start(t, n, "https://"+host, a.config(client), []string{
		"--cert-file", server.Cert, "--key-file", server.Key,
		"--trusted-ca-file", a.File, "--client-cert-auth",
	})
}

// start starts members that clients find at a place, and ask with that TLS.
func start(t testing.TB, n int, place string, with *tls.Config, args []string) *Cluster {
	t.Helper()
	binary, dir := build(t), t.TempDir()
	c := &Cluster{t: t}
	_, host, _ := strings.Cut(place, "://")
	var initial []string
	for i := range n {
		name, peer := fmt.Sprintf("m%d", i), "http://"+porttest.Address(t, "127.0.0.1")
		_, port, _ := net.SplitHostPort(porttest.Address(t, host))
		m := &Member{t: t, URL: place + ":" + port, tls: with, output: &output{}}
		m.args = append([]string{binary,
			"--name", name, "--data-dir", filepath.Join(dir, name),
			"--listen-client-urls", m.URL, "--advertise-client-urls", m.URL,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--unsafe-no-fsync", "--log-level", "error",
		}, args...)
		initial = append(initial, name+"="+peer)
		c.Members = append(c.Members, m)
	}
	for _, m := range c.Members {
		m.args = append(m.args, "--initial-cluster", strings.Join(initial, ","))
		m.Start()
	}
	t.Cleanup(c.stop)
	c.Await()
	return c
}

// URLs are the members' client addresses.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, m := range c.Members {
		urls = append(urls, m.URL)
	}
	return urls
}

// Await returns once every member that runs answers with a majority behind it.
func (c *Cluster) Await() {
	c.t.Helper()
	for _, m := range c.Members {
		if m.cmd != nil {
			m.await()
		}
	}
}

// Leader returns the member that leads, once there is one.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		for _, m := range c.Members {
			if m.cmd != nil && m.leads() {
				return m
			}
		}
	}
	c.t.Fatal("etcd has no leader")
	return nil
}

func (c *Cluster) stop() {
	for _, m := range c.Members {
		if m.cmd != nil {
			m.Kill()
		}
		if c.t.Failed() {
			c.t.Logf("etcd at %s said:\n%s", m.URL, m.output)
		}
	}
}

// Start starts the member, or starts it again after Kill with what it has on disk.
func (m *Member) Start() {
	m.t.Helper()
	cmd := exec.Command(m.args[0], m.args[1:]...) //nolint:gosec // what build made
	cmd.Stdout, cmd.Stderr = m.output, m.output
	if err := cmd.Start(); err != nil {
		m.t.Fatalf("starting etcd: %v", err)
	}
	m.cmd, m.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) {
		_ = cmd.Wait() // it is killed
		close(exited)
	}(m.exited)
}

// Kill ends the process, without a word to it, and waits for its end.
func (m *Member) Kill() {
	m.t.Helper()
	if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		m.t.Fatalf("killing etcd: %v", err)
	}
	<-m.exited
	m.cmd = nil
}

// Client returns a client of this member alone, closed with the test.
func (m *Member) Client() *clientv3.Client {
	m.t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{m.URL}, TLS: m.tls, Logger: zap.NewNop()})
	if err != nil {
		m.t.Fatal(err)
	}
	return client
}

func (m *Member) await() {
	m.t.Helper()
	client := m.Client()
	defer client.Close()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-m.exited:
			m.t.Fatalf("etcd ended by itself:\n%s", m.output)
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err = client.Get(ctx, "x")
		cancel()
		if err == nil {
			return
		}
	}
	m.t.Fatalf("etcd at %s does not answer: %v\n%s", m.URL, err, m.output)
}

func (m *Member) leads() bool {
	client := m.Client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	status, err := client.Status(ctx, m.URL)
	return err == nil && status.Leader == status.Header.MemberId
}

var built struct {
	sync.Once
	binary string
	err    error
}

// build makes the server of the module in .ci/etcd, once in a process.
func build(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		_, here, _, _ := runtime.Caller(0)
		module := filepath.Join(filepath.Dir(here), "..", "..", "..", "..", ".ci", "etcd")
		var dir string
		if dir, built.err = os.MkdirTemp("", "etcdtest-"); built.err != nil {
			return
		}
		built.binary = filepath.Join(dir, "etcd")
		cmd := exec.Command("go", "build", "-o", built.binary, ".") //nolint:gosec // a path of our own
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("etcd's server could not be built, and nothing can be said without it: %v", built.err)
	}
	return built.binary
}

// Main runs a package's tests and removes the server that they have built.
func Main(m *testing.M) int {
	code := m.Run()
	if built.binary != "" {
		_ = os.RemoveAll(filepath.Dir(built.binary))
	}
	return code
}

// output keeps what a process says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
