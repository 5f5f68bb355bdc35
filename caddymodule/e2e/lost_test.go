package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestALostKey is lost, replaced by codes for a while, and found.
func TestALostKey(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	serial := "900001"

	s.sesame("key", "lost", serial)
	h.at(h.open(s.notes("/")), "/.sesame/login") // the sessions are over
	h.refused("a lost key", pin+h.next())

	var given struct{ Codes []string }
	answer := s.sesame("key", "emergency", serial, "--codes", "2", "--reason", "left in a train", "--json")
	if err := json.Unmarshal([]byte(answer), &given); err != nil || len(given.Codes) != 2 {
		t.Fatalf("%d codes, %v", len(given.Codes), err)
	}
	p := h.submit(h.open(s.notes("/")), "identifier", h.id, "passcode", pin+given.Codes[0])
	h.arrived(p, s.notes("/"))
	h.refused("an emergency code again", pin+given.Codes[0])
	h.refused("an emergency code without the PIN", given.Codes[1])

	s.sesame("key", "found", serial)
	h.refused("an emergency code after the key was found", pin+given.Codes[1])
	b, p := h.fresh()
	p = b.submit(p, "identifier", h.id, "passcode", pin+h.next())
	h.at(p, "/.sesame/next-code")
	h.at(b.submit(p, "code", h.next()), "/")

	trail := s.sesame("audit", "--key", serial, "--json")
	for _, code := range given.Codes {
		if strings.Contains(trail, code) || strings.Contains(s.log.String(), code) {
			t.Error("an emergency code stands in the audit trail or the log")
		}
	}
	for _, want := range []string{"key-lost", "emergency-given", "left in a train", "emergency-used", "key-found"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the audit trail does not say %q", want)
		}
	}
}
