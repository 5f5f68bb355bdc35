package authcore

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

// One wrong code on each of five thousand people, from one address: the network is
// slowed, nobody is locked, no other network waits, and all is told once.
func TestSprayFromOneNetwork(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	home := b.from
	b.from.Address = netip.MustParseAddr("203.0.113.7")
	outcomes := map[Outcome]int{}
	for i := range 5000 {
		outcomes[b.guess(Identifier(fmt.Sprintf("person.%d", i))).Outcome]++
	}
	if outcomes[Denied] != networkBurst || outcomes[Slowed] != 5000-networkBurst {
		t.Errorf("of 5,000 guesses %v", outcomes)
	}
	if n := len(b.eventsOf(kindIs(LoginFlood))); n != 1 {
		t.Errorf("%d alerts, want one", n)
	}
	if e := b.eventsOf(kindIs(LoginFlood)); len(e) == 1 && (!e[0].Alert || e[0].Address != "203.0.113.7" || e[0].Holder != "") {
		t.Errorf("the alert is %+v", e[0])
	}
	r := b.want(b.guess("jdupont"), Slowed, AskPasscode)
	if r.Wait < floodWait || r.Wait > time.Minute {
		t.Errorf("to wait %s", r.Wait)
	}
	b.pass(r.Wait)
	b.denied(b.guess("jdupont"))
	b.from = home
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
}

// What a flood keeps from being looked at costs no look into the store, uses no
// code and counts for nobody.
func TestAFloodCostsNothing(t *testing.T) {
	b, v := newViewedBench(t)
	b.inService("jdupont", pin)
	for i := range networkBurst {
		b.denied(b.guess(Identifier(fmt.Sprintf("person.%d", i))))
	}
	before, views := b.dump(), v.views.Load()
	b.wait(1)
	b.pass(-time.Minute + time.Second)
	b.want(b.login("jdupont", pin+b.shows(0)), Slowed, AskPasscode)
	if v.views.Load() != views || b.dump() != before {
		t.Error("the store was read or written")
	}
}

// Thirty people behind one address, a fifth of whom mistype, all arrive.
func TestAClassBehindOneAddress(t *testing.T) {
	f, at := newFlood(), benchStart
	from := Source{Address: netip.MustParseAddr("192.0.2.9")}
	for person := range 3000 {
		if person%5 == 0 {
			f.count(from, 1, at)
		}
		if wait := f.wait(from, at); wait > 0 {
			t.Fatalf("person %d waits %s", person, wait)
		}
		f.count(from, -floodCredit, at)
		at = at.Add(600 * time.Millisecond)
	}
}

func TestFloodOfNeighbours(t *testing.T) {
	for name, tt := range map[string]struct {
		next  func(i int) string
		looks int // that are taken of 20,000 at once
	}{
		"one IPv4 address":             {func(int) string { return "192.0.2.1" }, networkBurst},
		"the same mapped into IPv6":    {func(int) string { return "::ffff:192.0.2.1" }, networkBurst},
		"one /64":                      {func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, networkBurst},
		"the same with zones":          {func(i int) string { return fmt.Sprintf("fe80::1%%eth%d", i) }, networkBurst},
		"the /64s of a /48":            {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, networkBurst},
		"no address":                   {func(int) string { return "" }, networkBurst},
		"each from another, everybody": {func(i int) string { return fmt.Sprintf("10.%d.%d.1", i>>8, i&0xff) }, allBurst},
	} {
		t.Run(name, func(t *testing.T) {
			f, looks := newFlood(), 0
			for i := range 20_000 {
				from := Source{}
				from.Address, _ = netip.ParseAddr(tt.next(i))
				if f.wait(from, benchStart) == 0 {
					looks++
					f.count(from, 1, benchStart)
				}
			}
			if looks != tt.looks {
				t.Errorf("%d are looked at, want %d", looks, tt.looks)
			}
		})
	}
}

// Whatever comes, in whichever order and with a clock that is set back, the
// failures looked at from one network stay within its burst and its pace, and it
// is not kept out once it has been quiet.
func TestFloodIsBoundedProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, at := newFlood(), benchStart
		from := Source{Address: netip.MustParseAddr("192.0.2.1")}
		looks, began, latest := 0, at, at
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(-2, 20).Draw(t, "seconds")) * time.Second)
			if at.After(latest) {
				latest = at
			}
			for range rapid.IntRange(0, 30).Draw(t, "guesses") {
				if f.wait(from, at) == 0 {
					looks++
					f.count(from, 1, at)
				}
			}
		}
		// A clock that goes to and fro counts the way there each time.
		if most := networkBurst + int(latest.Sub(began)/networkEvery)*2 + 400; looks > most {
			t.Errorf("%d are looked at within %s", looks, latest.Sub(began))
		}
		if f.wait(from, latest.Add(networkBurst*networkEvery)) != 0 {
			t.Error("kept out when long quiet")
		}
	})
}

// The memory is what it is, whoever comes, and who fills it does not make it
// forget who is kept out.
func TestFloodMemory(t *testing.T) {
	f := newFlood()
	if size := unsafe.Sizeof(*f); size > 1<<20+1<<10 {
		t.Errorf("it takes %d bytes", size)
	}
	guilty := Source{Address: netip.MustParseAddr("192.0.2.1")}
	for range networkBurst {
		f.count(guilty, 1, benchStart)
	}
	for i := range 200_000 {
		f.count(Source{Address: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, 1, benchStart)
	}
	f.all = bucket{} // which is full as well
	if f.wait(guilty, benchStart) == 0 {
		t.Error("others made it forget")
	}
}
