//go:build load

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// loginsOfARound is how many people log in at each server in one round, each once in
// all: who has logged in has no further code for a minute, and a clock that can be
// moved costs more than much of what is measured.
const loginsOfARound = 15

// TestLoadEtcd compares the gate on a store in etcd, of three members on this
// machine, with the gate on an embedded one, and that with itself: requests in a
// session, then logins one after the other, in rounds in which they take turns. It
// asserts nothing but that every request was answered, and everybody got in.
func TestLoadEtcd(t *testing.T) {
	c := etcdtest.Start(t, 3)
	var gates []*timed
	for _, g := range []struct{ name, line string }{{"embedded", ""}, {"embedded again", ""}, {"etcd", etcdAt(c.URLs())}} {
		gates = append(gates, newTimed(t, g.name, g.line))
	}
	for n := range loadRounds {
		inTurn(t, []*candidate{gates[0].c, gates[1].c, gates[2].c})
		for _, g := range gates {
			g.enter(g.people[n*loginsOfARound:][:loginsOfARound])
		}
	}
	first := gates[0]
	for _, g := range gates {
		var requests, logins, cost []float64
		for n := range loadRounds {
			requests = append(requests, float64(g.c.rounds[n].answers)/float64(first.c.rounds[n].answers))
			cost = append(cost, g.c.rounds[n].cost()/first.c.rounds[n].cost())
			logins = append(logins, float64(first.logins[n])/float64(g.logins[n]))
		}
		rate := each(g.c.rounds, func(r round) float64 { return float64(r.answers) / loadRound.Seconds() })
		var took []float64
		for _, d := range g.logins {
			took = append(took, float64(d)/loginsOfARound)
		}
		if g != first {
			t.Logf("figure %q %.3f", g.c.name+": requests in session: rate, ratio to the embedded store", median(requests))
			t.Logf("figure %q %.3f", g.c.name+": requests in session: processor, ratio to the embedded store", median(cost))
			t.Logf("figure %q %.3f", g.c.name+": logins one after the other: rate, ratio to the embedded store", median(logins))
		}
		t.Logf("%s: %.0f requests a second, %s a login", g.c.name, median(rate), time.Duration(median(took)).Round(100*time.Microsecond))
	}
}

// cost is the processor time that a request took, in seconds.
func (r round) cost() float64 { return r.cpu.Seconds() / float64(r.answers) }

// timed is a gate whose requests and logins are measured.
type timed struct {
	c      *candidate
	p      *pair
	people []*holder
	logins []time.Duration // by round
}

// newTimed starts one, on the store of that line or on an embedded one, with people
// who have logged in; the first one's session is the one that is measured.
func newTimed(t *testing.T, name, line string) *timed {
	t.Helper()
	p := &pair{t: t}
	p.a = p.start(0, "127.0.0.1", line, func(s *server, config string) string {
		if line == "" {
			return strings.Replace(config, "store       \n", "store       badger "+s.dir+"/store\n", 1)
		}
		return config
	})
	p.a.app.Config.Handler = http.HandlerFunc(answerOneKilobyte)
	g := &timed{p: p, people: p.people(loadRounds * loginsOfARound), c: &candidate{name: name, s: p.a}}
	h := g.people[0]
	h.open(p.a.notes("/"))
	var cookies []string
	for _, c := range h.client.Jar.Cookies(get(p.a.notes("/")).URL) {
		cookies = append(cookies, c.String())
	}
	g.c.cookie = "Cookie: " + strings.Join(cookies, "; ") + "\r\n"
	return g
}

// enter has some log in, one after the other.
func (g *timed) enter(people []*holder) {
	t := g.p.t
	t.Helper()
	began := time.Now()
	for _, h := range people {
		h.last = max(h.last, g.p.a.keys[h.id].StepAt(timeNow())-1)
		b := newBrowser(t)
		form := b.open(g.p.a.portal("/.sesame/login"))
		h.at(b.submit(form, "identifier", h.id, "passcode", pin+h.next()), "/")
		b.leave()
	}
	g.logins = append(g.logins, time.Since(began))
}
