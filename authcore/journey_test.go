package authcore

import (
	"strings"
	"testing"
)

// The holder's guide, page by page, at the cost that PINs have in service.
func TestTheGuidesJourney(t *testing.T) {
	b := newBench(t)
	b.shared.pins.cost = newPINJudge(1, 0).cost
	r := b.inService("jdupont", "7294")
	if h := string(b.key1().PIN); !strings.HasPrefix(h, "$argon2id$v=19$m=12288,t=3,p=1,keyid=") {
		t.Errorf("the PIN is hashed at another cost than 12 MiB, 3 passes: %.40s", h)
	}
	s, a, err := b.Session(t.Context(), r.Token, "", true)
	if err != nil || s.Holder != "jdupont" || a.Name() != "Jeanne Dupont" {
		t.Fatalf("session %+v of %q: %v", s, a.Name(), err)
	}
	b.want(b.login("jdupont", "7294"+b.shows(0)), Granted, Done)
	b.denied(b.login("jdupont", "7294"+b.shows(0)))
}
