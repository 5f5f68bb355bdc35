package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// TestCutOff loses all that passes between one of two gates and etcd: connections
// stay open, and nothing is heard.
func TestCutOff(t *testing.T) {
	useMovedBinary(t)
	c := etcdtest.Start(t, 3)
	var wires []*etcdtest.Proxy
	var through []string
	for _, m := range c.Members {
		wires = append(wires, m.Proxy(t))
		through = append(through, wires[len(wires)-1].URL)
	}
	each := func(do func(*etcdtest.Proxy)) func() {
		return func() {
			for _, w := range wires {
				do(w)
			}
		}
	}
	newPair(t, etcdAt(c.URLs()), etcdAt(through)).cutOff(each((*etcdtest.Proxy).Cut), each((*etcdtest.Proxy).Mend))
}

// cutOff cuts the second gate off from etcd. Within the bound it answers 503 to
// whatever takes a session, and to logins; public paths go on, and so does the other
// gate. Once mended it goes on by itself: what was ended meanwhile is ended there,
// and a code that was posted to it meanwhile opens once in all.
func (p *pair) cutOff(cut, mend func()) {
	t := p.t
	t.Helper()
	holders := p.people(4)
	stays, ended, enters, tries := holders[0], holders[1], holders[2], holders[3]
	for _, h := range holders {
		if err := h.known(p.b); err != nil {
			t.Fatalf("before the cut: %v", err)
		}
	}
	p.later(3*time.Minute, 0)
	atB, fresh := stays.to(p.b), newBrowser(t).to(p.b)
	form := fresh.open(p.b.portal("/.sesame/login"))
	entered, tried := p.passcode(enters.id), p.passcode(tries.id)

	cut()
	gone := ended.logout(p.a)
	began := time.Now()
	for asked := time.Since(began); atB.open(p.b.portal("/")).status != http.StatusServiceUnavailable; asked = time.Since(began) {
		if asked > 7*time.Second { // the bound of two, and a slow machine; that the connection is dead shows after ten
			t.Fatalf("a gate that was cut off takes a session %v after", asked)
		}
	}
	t.Logf("the first 503 came %v after the cut", time.Since(began).Round(time.Millisecond))
	if l := p.posts(enters.id, entered)(); !l[0].in() || l[1].in() {
		t.Errorf("a code posted to both gates, one of which is cut off, is answered %v and %v", l[0], l[1])
	}
	for name, got := range map[string]page{
		"a protected page":          atB.open(p.b.notes("/x")),
		"a session that was ended":  gone.to(p.b).open(p.b.portal("/")),
		"a login":                   fresh.submit(form, "identifier", tries.id, "passcode", tried),
		"the same code once more":   fresh.submit(form, "identifier", tries.id, "passcode", tried),
		"the health of such a gate": fresh.open(p.b.portal("/.sesame/health")),
	} {
		if got.status != http.StatusServiceUnavailable || hasSession(got) {
			t.Errorf("%s is answered %d by a gate that was cut off, want 503", name, got.status)
		}
	}
	if got := fresh.open(p.b.notes("/public/x")); got.status != http.StatusOK {
		t.Errorf("a public page is answered %d by a gate that was cut off", got.status)
	}
	if err := stays.known(p.a); err != nil {
		t.Errorf("at the gate beside one that was cut off: %v", err)
	}

	mend()
	began = time.Now()
	if err := stays.known(p.b); err != nil {
		t.Errorf("once mended: %v", err)
	}
	t.Logf("once mended, the gate took sessions again after %v", time.Since(began).Round(time.Millisecond))
	if gone.passes(p.b) >= patience {
		t.Error("a session that was ended during the cut passes once it is mended")
	}
	if l := p.posts(enters.id, entered)(); l[0].in() || l[1].in() {
		t.Errorf("a code that opened a gate during the cut opens again: %v and %v", l[0], l[1])
	}
	times := opened(p.posts(tries.id, tried)()) + opened(p.posts(tries.id, tried)())
	if times > 1 {
		t.Errorf("a code that was posted to the gate during the cut opened %d times", times)
	}
	p.later(3*time.Minute, 0)
	if l := p.posts(tries.id, p.passcode(tries.id))(); opened(l) != 1 {
		t.Errorf("once mended, a new code is answered %v and %v", l[0], l[1])
	}
	p.a.sesame("audit", "verify")
}
