package authcore

import (
	"encoding/base64"
	"net/netip"
	"time"
)

// slow is how one network is slowed down over one identifier, known or not: after
// some blind failures each further one makes it wait, longer and longer. It is
// kept for each network, so that a stranger's guesses never keep the holder, who
// sits elsewhere, from their key.
type slow struct {
	Failures int       `json:"failures"`
	Until    time.Time `json:"until,omitzero"` // nothing is tried before
	Last     time.Time `json:"last"`           // failure
}

// slowMemory is how long after its last failure a network's are forgotten. What
// makes a key ask for the next code (attempts) is not forgotten by time.
const slowMemory = day

// forget returns what still counts now.
func (s slow) forget(now time.Time) slow {
	if !now.Before(s.Last.Add(slowMemory)) {
		return slow{}
	}
	return s
}

// failed counts a failure: the Policy.SlowAfter-th begins to slow down, and each
// one doubles the delay up to Policy.SlowMost.
func (s slow) failed(now time.Time, pol Policy) slow {
	s = slow{Failures: s.Failures + 1, Last: now}
	if doublings := s.Failures - pol.SlowAfter; doublings >= 0 {
		delay := pol.SlowFirst
		for ; doublings > 0 && delay < pol.SlowMost; doublings-- {
			delay *= 2
		}
		s.Until = now.Add(min(delay, pol.SlowMost))
	}
	return s
}

// slowName names the record of an identifier and a network by a keyed hash: of
// people who are unknown, and of where anybody is, the names tell nothing.
func slowName(s *Secrets, id Identifier, network string) string {
	return "slow/" + base64.RawURLEncoding.EncodeToString(s.derive("slow", string(id)+"\x00"+network))
}

// network is what the source shares with its neighbours: the address of IPv4, of
// IPv6 the first 64 bits, which is what one subscriber has (RFC 6177, RFC 4291
// §2.5.4). Whoever has no address shares one network.
func (s Source) network() string {
	bits := 64
	a := s.Address.Unmap().WithZone("")
	if a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}.String()
	}
	return p.String()
}
