package authcore

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// flood bounds the blind failures that are looked at, whoever they are about:
// from one network, which tries one code on each of many people, and from all
// networks together. What is over costs neither a look into the store nor a
// write. It stands in memory, in a fixed amount of it, and is forgotten with the
// process: what a key must remember, attempts and slow do.
//
// Failures alone count, and successes speak for a network: a school whose staff
// all come from one address in the morning is no flood.
type flood struct {
	seed maphash.Seed

	mu   sync.Mutex
	sets [floodSets][floodWays]bucket
	all  bucket
	told time.Time // of the last alert
}

const (
	floodSets, floodWays = 1 << 13, 4 // times 32 bytes: a megabyte

	// From one network a hundred at once and six a minute from then on are looked
	// at; of the neighbours of an IPv6 network, the 65,536 of a /48, eight times as
	// many (a site has a /48 to a /56: RFC 6177).
	networkBurst, networkEvery = 100, 10 * time.Second
	siteShare                  = 8
	// From everywhere five thousand at once, and twenty a second.
	allBurst, allEvery = 5000, time.Second / 20
	// floodCredit is how many failures of its network a success makes good.
	floodCredit = 10
	// floodWait is the least that a flood is told to wait.
	floodWait = 5 * time.Second
	// floodAlerts is how long after an alert another flood raises one.
	floodAlerts = 10 * time.Minute
)

// bucket fills with failures, and empties by itself.
type bucket struct {
	of    uint64 // whose, by hash; 0 is nobody's
	level float64
	at    time.Duration // since the epoch
}

// leak returns the bucket as it is now, when one failure leaves it in every.
func (b bucket) leak(now time.Time, every time.Duration) bucket {
	at := time.Duration(now.UnixNano())
	if passed := at - b.at; passed > 0 {
		b.level = max(0, b.level-float64(passed)/float64(every))
	}
	b.at = at
	return b
}

// full is how long until a bucket takes another failure; 0 is now.
func (b bucket) full(burst float64, every time.Duration) time.Duration {
	over := b.level - burst + 1
	if over <= 0 {
		return 0
	}
	return max(floodWait, time.Duration(over*float64(every)))
}

func newFlood() *flood { return &flood{seed: maphash.MakeSeed()} }

// share is a network that a failure counts for, and how many it may have.
type share struct {
	of    uint64
	every time.Duration
}

// shares are the networks of an address: its own, and of IPv6 the site's. Each
// may have networkBurst, at its own pace.
func (f *flood) shares(s Source) []share {
	of := func(text string) uint64 { return maphash.String(f.seed, text) | 1 }
	all := []share{{of(s.network()), networkEvery}}
	if a := s.Address.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(48); err == nil {
			all = append(all, share{of("site " + p.String()), networkEvery / siteShare})
		}
	}
	return all
}

// bucket finds the bucket of a network; of one that is not there, one that may be
// taken: the emptiest of four. mu is held.
func (f *flood) bucket(s share, now time.Time) *bucket {
	set := &f.sets[s.of%floodSets]
	best := &set[0]
	for i := range set {
		b := &set[i]
		if b.of == s.of {
			*b = b.leak(now, s.every)
			return b
		}
		if b.leak(now, s.every).level < best.leak(now, s.every).level {
			best = b
		}
	}
	return best
}

// wait is how long nothing from there is looked at; 0 is not at all.
func (f *flood) wait(from Source, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	longest := f.all.leak(now, allEvery).full(allBurst, allEvery)
	for _, s := range f.shares(from) {
		if b := f.bucket(s, now); b.of == s.of {
			longest = max(longest, b.full(networkBurst, s.every))
		}
	}
	return longest
}

// count counts a failure, or for a negative number makes good so many. It reports
// whether a bucket is full now that was not, and an alert is due.
func (f *flood) count(from Source, n float64, now time.Time) (alert bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add := func(b *bucket, burst float64, every time.Duration) {
		was := b.full(burst, every) > 0
		b.level = max(0, b.level+n)
		alert = alert || !was && b.full(burst, every) > 0
	}
	for _, s := range f.shares(from) {
		b := f.bucket(s, now)
		if b.of != s.of {
			*b = bucket{of: s.of, at: time.Duration(now.UnixNano())}
		}
		add(b, networkBurst, s.every)
	}
	f.all = f.all.leak(now, allEvery)
	if n > 0 {
		add(&f.all, allBurst, allEvery)
	}
	if !alert || !f.told.IsZero() && now.Sub(f.told) < floodAlerts {
		return false
	}
	f.told = now
	return true
}

// stem returns the reply to an answer that a flood keeps from being looked at, or
// nothing. Somebody who has logged in with that browser is not kept away.
func (g *Gate) stem(ctx context.Context, c Challenge, a Answer, from Source) (Reply, bool) {
	p, first := a.(PasscodeAnswer)
	if !first {
		return Reply{}, false
	}
	wait := g.shared.flood.wait(from, g.now())
	if wait == 0 || g.knows(ctx, from, p.Identifier) {
		return Reply{}, false
	}
	r := Reply{Challenge: c, Outcome: Slowed, Reference: NewReference(), Wait: wait}
	g.log.InfoContext(ctx, "an answer was not looked at: too many wrong ones came from its network, or from everywhere",
		slog.String("reference", string(r.Reference)), slog.String("address", from.Address.String()))
	return r, true
}

// weigh counts what came of an answer, and raises the alarm when a flood begins.
func (t *turn) weigh(ctx context.Context, m move) {
	f, n := t.gate.shared.flood, 0.0
	switch {
	case m.scene.guessed:
		n = 1
	case m.scene.granted != nil:
		n = -floodCredit
	}
	if n == 0 || !f.count(t.from, n, m.scene.now) {
		return
	}
	address, _ := t.from.text()
	err := t.gate.act(ctx, func(store.Writer, time.Time) ([]Event, error) {
		return []Event{{Kind: LoginFlood, Address: address, Alert: true}}, nil
	})
	if err != nil {
		t.gate.log.WarnContext(ctx, "the alert of a flood could not be written", slog.Any("error", err))
	}
}
