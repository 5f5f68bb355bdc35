package e2e

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// outages are what befalls a cluster: which members are killed at once.
var outages = []struct {
	name    string
	victims func(c *etcdtest.Cluster) []*etcdtest.Member
}{
	{"a member killed", func(c *etcdtest.Cluster) []*etcdtest.Member { return followers(c)[:1] }},
	{"the leader killed", func(c *etcdtest.Cluster) []*etcdtest.Member { return []*etcdtest.Member{c.Leader()} }},
	{"all but the leader killed", followers},
	{"all killed", func(c *etcdtest.Cluster) []*etcdtest.Member { return c.Members }},
}

// followers are the members that do not lead.
func followers(c *etcdtest.Cluster) (all []*etcdtest.Member) {
	leader := c.Leader()
	for _, m := range c.Members {
		if m != leader {
			all = append(all, m)
		}
	}
	return all
}

// TestOutagesOfEtcd kills members under people who log in, each posting one code to
// both gates at once, whose clocks are two seconds apart, and under one who logs out
// of one of them. No code opens twice, whether its answer came or not; once the
// cluster answers again, both gates go on by themselves, and what was acknowledged
// holds: sessions that were opened, and one that was ended.
func TestOutagesOfEtcd(t *testing.T) {
	useMovedBinary(t)
	c := etcdtest.Start(t, 3)
	p := newPair(t, etcdAt(c.URLs()), etcdAt(c.URLs()))
	const people = 10
	holders := p.people(people)
	apart := []time.Duration{2 * time.Second, -2 * time.Second}
	var sum struct{ opened, unheard, ends int }
	leaving := holders[0].browser
	for round := range rounds(t, 1000, 40) / people {
		outage := outages[round%len(outages)]
		p.later(3*time.Minute, apart[round%2])
		before, ended := leaving.cookies(p.a), false
		logins := make([][2]login, people)
		typed := make([]string, people)
		var work sync.WaitGroup
		work.Go(func() {
			atOnce(people, 4, func(i int) {
				typed[i] = p.passcode(holders[i].id)
				logins[i] = p.posts(holders[i].id, typed[i])()
			})
		})
		work.Go(func() { ended = leaving.leaves(p.a) })
		strike(c, outage.victims(c))
		work.Wait()
		c.Await()

		for i, h := range holders {
			for _, l := range logins[i] {
				if !l.in() {
					continue
				}
				sum.opened++
				leaving = l.b
				for _, s := range p.both() {
					if err := l.b.known(s); err != nil {
						t.Fatalf("round %d, %s: a session that was acknowledged is not good at %s: %v", round, outage.name, s.host, err)
					}
				}
			}
			again := p.posts(h.id, typed[i])()
			times := opened(logins[i]) + opened(again)
			sum.unheard += opened(again)
			if times > 1 {
				t.Fatalf("round %d, %s: one code opened %d times: %v, then %v", round, outage.name, times, logins[i], again)
			}
		}
		for _, s := range p.both() {
			if ended && before.passes(s) >= patience {
				t.Fatalf("round %d, %s: a session passes at %s whose end was acknowledged", round, outage.name, s.host)
			}
		}
		sum.ends += count(ended)
	}
	t.Logf("%d logins and %d logouts were acknowledged, and hold; %d codes opened only when they were posted again", sum.opened, sum.ends, sum.unheard)
	if sum.opened == 0 || sum.ends == 0 {
		t.Error("nothing was acknowledged under any outage: the test shows nothing")
	}
	p.a.sesame("audit", "verify")
}

// strike kills members at an instant, and starts them again at a later one.
func strike(c *etcdtest.Cluster, victims []*etcdtest.Member) {
	<-time.After(rand.N(150 * time.Millisecond)) // the instant, not a wait for something
	for _, m := range victims {
		m.Kill()
	}
	<-time.After(rand.N(2 * time.Second)) // the outage lasts that long
	for _, m := range victims {
		m.Start()
	}
}

// opened counts the logins that opened.
func opened(logins [2]login) (n int) {
	for _, l := range logins {
		n += count(l.in())
	}
	return n
}
