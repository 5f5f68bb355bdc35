package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// newGate is a server on a store in etcd, with the secret file of another gate
// where there is one.
func newGate(t *testing.T, endpoints []string, first *server) *server {
	t.Helper()
	return newServerWith(t, func(s *server) string {
		if first != nil {
			secret, err := os.ReadFile(filepath.Join(first.dir, "secret"))
			if err != nil {
				t.Fatal(err)
			}
			s.write(filepath.Join(s.dir, "secret"), string(secret))
		}
		return strings.Replace(s.caddyfile(), "badger "+s.dir+"/store", "etcd "+strings.Join(endpoints, " "), 1)
	})
}

// TestTwoGates has two gates share a store of three members: one code posted to
// both at once opens one of them, a session that was ended on one ends on the
// other within the bound, and a gate that was cut off lets nobody pass.
func TestTwoGates(t *testing.T) {
	c := etcdtest.Start(t, 3)
	var wires []*etcdtest.Proxy
	var through []string
	for _, m := range c.Members {
		wires = append(wires, m.Proxy(t))
		through = append(through, wires[len(wires)-1].URL)
	}
	a := newGate(t, c.URLs(), nil)
	b := newGate(t, through, a)
	a.person("jdupont", "--group", "enseignants")
	on := a.holder(t, "jdupont")
	on.firstLogin(on.open(a.portal("/")))

	typed := pin + on.next()
	gates := []*server{a, b}
	in := make([]*browser, 2)
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i, gate := range gates {
		h := &holder{browser: newBrowser(t), s: gate, id: "jdupont"}
		both.Go(func() { in[i], errs[i] = h.opened(typed) })
	}
	both.Wait()
	if errs[0] != nil || errs[1] != nil || (in[0] == nil) == (in[1] == nil) {
		t.Fatalf("one code posted to two gates at once opened the first: %v (%v), the second: %v (%v); want one",
			in[0] != nil, errs[0], in[1] != nil, errs[1])
	}

	// on has a session by the first gate; both know it.
	if p := on.open(b.portal("/")); p.status != http.StatusOK || p.url.Path != "/" {
		t.Fatalf("a session of one gate is not known to the other: %d at %v", p.status, p.url)
	}
	a.sesame("user", "disable", "jdupont")
	ended := time.Now()
	for {
		if p := on.open(b.portal("/")); p.url.Path != "/" {
			break
		}
		if late := time.Since(ended); late > 3*time.Second { // the bound of two, and a slow machine
			t.Fatalf("what was ended on one gate passes on the other after %v", late)
		}
	}
	for _, w := range wires {
		w.Cut()
	}
	if p := on.open(b.portal("/")); p.status != http.StatusServiceUnavailable {
		t.Errorf("a gate that was cut off answers %d, want 503", p.status)
	}
	if p := on.open(a.portal("/.sesame/login")); p.status != http.StatusOK {
		t.Errorf("the gate beside one that was cut off answers %d", p.status)
	}
}
