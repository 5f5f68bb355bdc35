package authcore

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReferences(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)
	seen := map[Reference]bool{}
	letters := map[rune]bool{}
	for range 10_000 {
		r := NewReference()
		if !form.MatchString(string(r)) || seen[r] {
			t.Fatalf("%q, seen before: %v", r, seen[r])
		}
		seen[r] = true
		for _, c := range string(r) {
			letters[c] = true
		}
	}
	if len(letters) != 33 {
		t.Errorf("10,000 references are made of %d characters, want 32 and the hyphen", len(letters))
	}
}

func TestSource(t *testing.T) {
	tests := []struct {
		source         Source
		address, agent string
	}{
		{Source{}, "", ""},
		{Source{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Firefox"}, "192.0.2.7", "Firefox"},
		{Source{Address: netip.MustParseAddr("::ffff:192.0.2.7")}, "192.0.2.7", ""},
		{Source{Address: netip.MustParseAddr("fe80::1%eth0")}, "fe80::1", ""},
		{Source{Address: netip.MustParseAddr("2001:db8:0:0::7")}, "2001:db8::7", ""},
		{Source{Agent: strings.Repeat("x", 8<<10)}, "", strings.Repeat("x", 200)},
		{Source{Agent: strings.Repeat("x", 199) + "é"}, "", strings.Repeat("x", 199)},
		{Source{Agent: "a\xff\xfeb"}, "", "ab"},
	}
	for _, tt := range tests {
		address, agent := tt.source.text()
		if address != tt.address || agent != tt.agent || !utf8.ValidString(agent) {
			t.Errorf("%v, %.20q: %q and %.20q", tt.source.Address, tt.source.Agent, address, agent)
		}
	}
}

// A login is written down with who, when, where from and with what; and the log
// repeats it, each entry on its line, once it is written.
func TestTheTrail(t *testing.T) {
	var out bytes.Buffer
	b := newBench(t)
	b.Gate = b.With(b.Policy(), slog.New(slog.NewJSONHandler(&out, nil)))
	b.inService("jdupont", pin)
	from := Source{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Firefox\n{\"level\":\"error\"}\x1b[2J"}
	b.pass(123456 * time.Microsecond)
	out.Reset()
	r, err := b.Answer(t.Context(), b.Begin(""), b.rightAnswer(AskPasscode), from)
	mustBeNil(t, err)
	_, agent := from.text()
	want := []Event{{Time: b.clock(), Kind: LoginAccepted, Reference: r.Reference, Holder: "jdupont", Serial: "0123456789", Address: "192.0.2.7", Agent: agent, Chain: "jdupont", Number: 6}}
	if diff := cmp.Diff(want, b.eventsOf(kindIs(LoginAccepted)), cmpopts.IgnoreFields(Event{}, "MAC")); diff != "" {
		t.Errorf("the entry (-want +got):\n%s", diff)
	}
	var line struct{ Msg, Reference, Holder, Serial, Address string }
	if n := strings.Count(out.String(), "\n"); n != 1 || json.Unmarshal(out.Bytes(), &line) != nil {
		t.Fatalf("%d lines of log: %q", n, out.String())
	}
	if line.Msg != "login-accepted" || line.Reference != string(r.Reference) || line.Holder != "jdupont" || line.Serial != "0123456789" || line.Address != "192.0.2.7" {
		t.Errorf("the log says %+v", line)
	}
	s, _, err := b.Session(t.Context(), r.Token, "", false)
	if err != nil || s.Address != "192.0.2.7" || s.Agent != agent {
		t.Errorf("the session comes from %q, %q (%v)", s.Address, s.Agent, err)
	}
}

// Entries come back in the order of time, and are none of them lost when many
// happen at once.
func TestTheTrailIsWhole(t *testing.T) {
	b := newBench(t)
	before := len(b.events())
	together(100, func(int) { b.login("jdupont", pin+b.shows(500)) })
	for range 20 {
		b.pass(-time.Second)
		b.login("jdupont", pin+b.shows(500))
	}
	all := b.events()
	if n := len(all) - before; n != 120 {
		t.Errorf("120 refusals left %d entries", n)
	}
	for i := 1; i < len(all); i++ {
		if all[i].Time.Before(all[i-1].Time) {
			t.Fatalf("entry %d is of %v, the one before of %v", i, all[i].Time, all[i-1].Time)
		}
	}
	if none := b.eventsOf(func(Event) bool { return false }); len(none) != 0 {
		t.Errorf("%d entries that nobody wanted", len(none))
	}
}
