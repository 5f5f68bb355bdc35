package e2e

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// TestOneCodeTwoGates posts a code to two gates at once, over and over: it opens one
// of them, and the session that it opens is known to both.
func TestOneCodeTwoGates(t *testing.T) {
	useMovedBinary(t)
	c := etcdtest.Start(t, 3)
	p := newPair(t, etcdAt(c.URLs()), etcdAt(c.URLs()))
	const people = 10
	holders := p.people(people)
	n := rounds(t, 1000, 20)
	var opened [2]atomic.Int64
	for range n / people {
		p.later(3*time.Minute, 0)
		atOnce(people, 2, func(i int) {
			id := holders[i].id
			logins := p.posts(id, p.passcode(id))()
			if logins[0].in() == logins[1].in() {
				t.Errorf("one code posted to two gates at once is answered %v and %v; want one of them to open", logins[0], logins[1])
				return
			}
			for k, l := range logins {
				switch {
				case l.in():
					opened[k].Add(1)
					for _, s := range p.both() {
						if err := l.b.known(s); err != nil {
							t.Errorf("the session is not good at the gate at %s: %v", s.host, err)
						}
					}
				case l.answer.status != http.StatusForbidden || !contains(l.answer.text, refusal):
					t.Errorf("where a code did not open, the answer is %v", l)
				}
			}
		})
	}
	t.Logf("%d codes posted to both gates at once: %d opened the first, %d the second, none both", n, opened[0].Load(), opened[1].Load())
	if got := opened[0].Load() + opened[1].Load(); got != int64(n) {
		t.Errorf("%d of %d codes opened", got, n)
	}
	p.a.sesame("audit", "verify")
}

// TestClocksApart has two gates whose clocks differ by two minutes, or by ten, either
// way. A code that one has taken opens neither again; the session that it opened is
// good at both at once, and over at both once it was ended at either.
func TestClocksApart(t *testing.T) {
	useMovedBinary(t)
	c := etcdtest.Start(t, 3)
	p := newPair(t, etcdAt(c.URLs()), etcdAt(c.URLs()))
	aparts := []time.Duration{2 * time.Minute, -2 * time.Minute, 10 * time.Minute, -10 * time.Minute}
	for i, h := range p.people(len(aparts)) {
		p.later(30*time.Minute, aparts[i])
		typed := p.passcode(h.id)
		in, err := h.opened(typed)
		if err != nil || in == nil {
			t.Fatalf("%s apart: the gate whose clock the key has does not open, %v", aparts[i], err)
		}
		for _, s := range p.both() {
			if err := in.known(s); err != nil {
				t.Errorf("%s apart: a session is not good at %s: %v", aparts[i], s.host, err)
			}
		}
		if again := p.posts(h.id, typed)(); opened(again) > 0 {
			t.Errorf("%s apart: a code opened twice: %v", aparts[i], again)
		}
		before := in.logout(p.both()[i%2])
		for _, s := range p.both() {
			if before.passes(s) >= patience {
				t.Errorf("%s apart: a session that was ended passes at %s", aparts[i], s.host)
			}
		}
		if again := p.posts(h.id, typed)(); opened(again) > 0 {
			t.Errorf("%s apart: a code opened behind the logout: %v", aparts[i], again)
		}
	}
	p.a.sesame("audit", "verify")
}

// TestStalledWatch has one of two gates hear nothing of what the other writes,
// although etcd answers it. What is ended on the other passes there no longer than
// the bound; from then on it asks etcd for each request, and lets nobody pass when
// that does not answer either.
func TestStalledWatch(t *testing.T) {
	c := etcdtest.Start(t, 3)
	var stalls []*etcdtest.Stall
	var through []string
	for _, m := range c.Members {
		stalls = append(stalls, m.Stall(t))
		through = append(through, stalls[len(stalls)-1].URL)
	}
	p := newPair(t, etcdAt(c.URLs()), etcdAt(through))
	holders := p.people(3)
	ended, next, stays := holders[0], holders[1], holders[2]
	for _, h := range holders {
		if err := h.known(p.b); err != nil {
			t.Fatalf("a session of one gate is not good at the other: %v", err)
		}
	}
	for _, s := range stalls {
		s.Hold()
	}
	gone := []*browser{ended.logout(p.a)}
	took := gone[0].passes(p.b)
	t.Logf("a session that was ended on one gate was refused by the other, whose watch is stalled, after %v", took.Round(time.Millisecond))
	const bound = 2 * time.Second
	if took > bound+time.Second { // for a slow machine
		t.Errorf("what was ended on one gate passed on the other for %v, the bound is %v", took, bound)
	}

	p.b.log.await(t, func(log string) bool { return contains(log, "what other gates write is not heard") })
	if err := stays.known(p.b); err != nil {
		t.Errorf("a session that goes on, at a gate that asks etcd for each request: %v", err)
	}
	gone = append(gone, next.logout(p.a))
	if got := gone[1].to(p.b).open(p.b.portal("/")); got.url.Path == "/" {
		t.Error("at a gate that asks etcd for each request, a session passes that was ended before")
	}

	for _, m := range c.Members {
		m.Kill()
	}
	for name, address := range map[string]string{"a page of the portal": p.b.portal("/"), "a protected page": p.b.notes("/x")} {
		if got := stays.to(p.b).open(address); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d at %v without etcd, want 503", name, got.status, got.url)
		}
	}
	if got := stays.to(p.b).open(p.b.notes("/public/x")); got.status != http.StatusOK {
		t.Errorf("a public page is answered %d without etcd", got.status)
	}
	for _, m := range c.Members {
		m.Start()
	}
	c.Await()
	for _, s := range stalls {
		s.Release()
	}
	for _, s := range p.both() {
		if err := stays.known(s); err != nil {
			t.Errorf("a session that goes on, once etcd answers again: %v", err)
		}
		for _, b := range gone {
			if b.passes(s) >= patience {
				t.Error("a session that was ended is not")
			}
		}
	}
	p.b.log.await(t, func(log string) bool { return contains(log, "what other gates write is heard again") })
}
