package scale

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// engine is how long a store takes, in the simulation.
type engine struct {
	name   string
	read   time.Duration // one record, in an Update
	commit time.Duration // until it is acknowledged, when nobody else commits
	turn   time.Duration // for which it keeps the next one waiting
}

// The times that the mornings are played with, rounded up from what the benchmarks of
// this package and docs/store.md have measured.
var (
	embedded = engine{"embedded", 5 * time.Microsecond, 400 * time.Microsecond, 400 * time.Microsecond}
	cluster  = engine{"etcd, 3 members", 500 * time.Microsecond, 1500 * time.Microsecond, 250 * time.Microsecond}
)

const (
	hash    = 20 * time.Millisecond // of a PIN, on one core
	hashers = 2                     // at once on a gate
	waiting = 64                    // for them; whoever comes then is told to come again
	again   = time.Minute           // after which they do, or up to 20 seconds later, with another code
	hour    = time.Hour
)

// A morning is an hour of school: so many of the holders log in, more and more of
// them until its middle, fewer and fewer after it. Each opens one application five
// seconds later, and works for a quarter of an hour.
type morning struct {
	holders int
	share   float64 // of them log in
	gates   int
	engine
}

// played is what came of a morning.
type played struct {
	logins  int
	peak    int           // answers in the fullest second
	commits int           // of the store in the fullest second
	busiest float64       // of the store's time was taken, in the fullest second
	median  time.Duration // of a login, from the first answer to the page
	p99     time.Duration // all but one in a hundred took no longer
	longest time.Duration
	refused int // told to come again
}

// What happens next to somebody.
type step uint8

const (
	answers step = iota + 1 // types a PASSCODE
	hashes                  // the first Update is through
	hashed                  // the PIN is judged
	writes                  // one more Update, of which nobody waits for the answer
)

type event struct {
	at   time.Duration
	who  int
	step step
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.who < f.who }

// agenda is a heap of what is to happen, the earliest on top. That of the standard
// library allocates for each event, of which there are millions.
type agenda []event

func (a *agenda) push(e event) {
	*a = append(*a, e)
	h := *a
	for at := len(h) - 1; at > 0; {
		above := (at - 1) / 2
		if !h[at].before(h[above]) {
			return
		}
		h[at], h[above] = h[above], h[at]
		at = above
	}
}

func (a *agenda) pop() event {
	h := *a
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	*a = h
	for at := 0; ; {
		next := 2*at + 1
		if next >= last {
			return top
		}
		if next+1 < last && h[next+1].before(h[next]) {
			next++
		}
		if !h[next].before(h[at]) {
			return top
		}
		h[at], h[next] = h[next], h[at]
		at = next
	}
}

// play is a morning under way.
type play struct {
	morning
	costs  map[string]cost
	agenda agenda
	free   time.Duration   // when the store takes the next commit
	begun  []time.Duration // by person: when they typed
	queues [][]int         // by gate: who waits for a hash
	busy   []int           // by gate: hashes being made
	took   []time.Duration // by login
	typed  []int           // by second
	wrote  []int           // by second
	result played
}

// run plays the morning. The same morning is the same each time.
func (m morning) run(costs map[string]cost) played {
	p := &play{
		morning: m, costs: costs, queues: make([][]int, m.gates), busy: make([]int, m.gates),
	}
	p.result.logins = int(float64(m.holders) * m.share)
	p.begun = make([]time.Duration, p.result.logins)
	chance := rand.New(rand.NewPCG(1, uint64(m.holders)))
	for who := range p.result.logins {
		p.begun[who] = arrival(chance.Float64())
		p.agenda.push(event{p.begun[who], who, answers})
	}
	for len(p.agenda) > 0 {
		p.happens(p.agenda.pop())
	}
	return p.sum()
}

// arrival is when somebody comes, of a distribution that is a triangle over the hour.
func arrival(chance float64) time.Duration {
	if chance < 0.5 {
		return time.Duration(math.Sqrt(chance/2) * float64(hour))
	}
	return time.Duration((1 - math.Sqrt((1-chance)/2)) * float64(hour))
}

// tick counts one in that second.
func tick(by *[]int, at time.Duration) {
	second := int(at / time.Second)
	for len(*by) <= second {
		*by = append(*by, 0)
	}
	(*by)[second]++
}

// update is when so many Updates, which read so many records together, are through.
func (p *play) update(at time.Duration, updates, reads int) time.Duration {
	for range updates {
		at += time.Duration(reads/updates) * p.read
		at = max(at, p.free)
		p.free = at + p.turn
		tick(&p.wrote, at)
		at += p.commit
	}
	return at
}

func (p *play) then(at time.Duration, who int, s step) { p.agenda.push(event{at, who, s}) }

func (p *play) happens(e event) {
	gate := e.who % p.gates
	switch e.step {
	case answers:
		tick(&p.typed, e.at)
		p.then(p.update(e.at, 1, p.costs[login].reads/2), e.who, hashes)
	case hashes:
		switch {
		case p.busy[gate] < hashers:
			p.busy[gate]++
			p.then(e.at+hash, e.who, hashed)
		case len(p.queues[gate]) < waiting:
			p.queues[gate] = append(p.queues[gate], e.who)
		default:
			p.result.refused++
			p.then(e.at+again+time.Duration(e.who%20)*time.Second, e.who, answers)
		}
	case hashed:
		p.next(gate, e.at)
		done := p.update(e.at, 1, p.costs[login].reads/2)
		p.took = append(p.took, done-p.begun[e.who])
		p.works(done, e.who)
	case writes:
		p.update(e.at, 1, p.costs[touch].reads)
	}
}

// next has the gate judge the PIN of whoever waits first.
func (p *play) next(gate int, at time.Duration) {
	if len(p.queues[gate]) == 0 {
		p.busy[gate]--
		return
	}
	who := p.queues[gate][0]
	p.queues[gate] = p.queues[gate][1:]
	p.then(at+hash, who, hashed)
}

// works has somebody open an application, and use it for a quarter of an hour.
func (p *play) works(at time.Duration, who int) {
	for range p.costs[opened].updates {
		at += 5 * time.Second
		p.then(at, who, writes)
	}
	for n := 3 * time.Minute; n <= 15*time.Minute; n += 3 * time.Minute {
		p.then(at+n, who, writes)
	}
}

func (p *play) sum() played {
	r := p.result
	r.peak, r.commits = slices.Max(p.typed), slices.Max(p.wrote)
	r.busiest = min(1, float64(r.commits)*p.turn.Seconds())
	slices.Sort(p.took)
	r.median, r.p99, r.longest = p.took[len(p.took)/2], p.took[len(p.took)*99/100], p.took[len(p.took)-1]
	return r
}
