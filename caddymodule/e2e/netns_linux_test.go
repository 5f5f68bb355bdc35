package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// namespace is a network of its own on this machine, with two wires to it: one for
// etcd, which can be cut, and one for browsers and applications. Its addresses are
// of those set aside for trials of networks (RFC 2544, appendix C.2.2).
type namespace struct {
	name         string
	etcd         string // the machine's address on the first wire
	apps, inside string // the machine's, and the network's own, on the second
}

// newNamespace makes one; false where this machine may not, which is said.
func newNamespace(t *testing.T) (n namespace, ok bool) {
	t.Helper()
	id := os.Getpid() % 250
	at := func(i int) string { return fmt.Sprintf("198.18.%d.%d", id, i) }
	n = namespace{name: fmt.Sprintf("sesame-%d", os.Getpid()), etcd: at(1), apps: at(5), inside: at(6)}
	first, second := fmt.Sprintf("sesE%d", id), fmt.Sprintf("sesA%d", id)
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n.name).Run() }) // the wires go with it
	for _, args := range [][]string{
		{"netns", "add", n.name},
		{"-n", n.name, "link", "set", "lo", "up"},
		{"link", "add", first, "type", "veth", "peer", "name", "etcd", "netns", n.name},
		{"link", "add", second, "type", "veth", "peer", "name", "apps", "netns", n.name},
		{"addr", "add", n.etcd + "/30", "dev", first},
		{"addr", "add", n.apps + "/30", "dev", second},
		{"-n", n.name, "addr", "add", at(2) + "/30", "dev", "etcd"},
		{"-n", n.name, "addr", "add", n.inside + "/30", "dev", "apps"},
		{"link", "set", first, "up"},
		{"link", "set", second, "up"},
		{"-n", n.name, "link", "set", "etcd", "up"},
		{"-n", n.name, "link", "set", "apps", "up"},
	} {
		if err := ip(args...); err != nil {
			t.Logf("NOT PLAYED: a gate cut off from etcd in a network of its own. That takes root, ip(8) and network namespaces: %v", err)
			return n, false
		}
	}
	return n, true
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// set sets the wire to etcd up, or down.
func (n namespace) set(t *testing.T, how string) func() {
	return func() {
		t.Helper()
		if err := ip("-n", n.name, "link", "set", "etcd", how); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCutOffNetwork runs one of two gates in a network of its own, and takes its wire
// to etcd down.
func TestCutOffNetwork(t *testing.T) {
	n, ok := newNamespace(t)
	if !ok {
		return
	}
	useMovedBinary(t)
	trust := etcdtest.NewAuthority(t)
	c := etcdtest.StartSecure(t, 3, trust, n.etcd)
	own := trust.Issue(etcdtest.Client)
	line := etcdAt(c.URLs()) + fmt.Sprintf(" {\n\tca %s\n\tcert %s\n\tkey %s\n}", trust.File, own.Cert, own.Key)

	p := &pair{t: t}
	p.a = p.start(0, "127.0.0.1", line, nil)
	p.b = p.start(1, n.inside, line, func(s *server, config string) string {
		s.under = []string{"ip", "netns", "exec", n.name}
		return strings.ReplaceAll(config, s.app.Listener.Addr().String(), n.forward(t, s.app))
	})
	p.cutOff(n.set(t, "down"), n.set(t, "up"))
}

// forward has an application listen on the wire for applications too.
func (n namespace) forward(t *testing.T, app *echo) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(n.apps, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: app.Config.Handler}
	go server.Serve(l)
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}
