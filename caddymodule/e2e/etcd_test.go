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
	ids := p.people(people)
	n := rounds(t, 1000, 20)
	var opened [2]atomic.Int64
	for range n / people {
		p.later(3*time.Minute, 0)
		atOnce(people, 2, func(i int) {
			logins := p.posts(ids[i], p.passcode(ids[i]))()
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
