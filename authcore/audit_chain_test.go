package authcore

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chains gives the numbers of each chain, in order.
func (b *bench) chains() map[Chain][]uint64 {
	b.t.Helper()
	all := map[Chain][]uint64{}
	for _, e := range b.events() {
		all[e.Chain] = append(all[e.Chain], e.Number)
	}
	for _, numbers := range all {
		slices.Sort(numbers)
	}
	return all
}

// happens makes an entry about jdupont.
func (b *bench) happens() { b.t.Helper(); b.must(b.EnableAccount(b.t.Context(), by, "jdupont")) }

var slotForm = regexp.MustCompile(`^~[0-3][0-9a-f]$`)

// verified wants a trail without fault.
func (b *bench) verified() Verification {
	b.t.Helper()
	v, err := b.VerifyAudit(b.t.Context())
	b.must(err)
	if v.Wrong != 0 || len(v.Faults) != 0 {
		b.t.Fatalf("the trail is not whole: %q", v.Faults)
	}
	return v
}

// Entries are numbered in the chain of whom they are about: a person, the stock,
// a slot for whoever is unknown, the gate.
func TestChains(t *testing.T) {
	b := newBench(t)
	b.denied(b.login("jdupont", pin+b.shows(500)))
	b.denied(b.login("nobody.here", pin+b.shows(0)))
	b.denied(b.login("nobody.here", pin+b.shows(1)))
	b.addKey("SPARE-1")
	b.pass(48 * time.Hour)
	if n, err := b.PurgeAudit(t.Context(), by, b.clock().Add(-72*time.Hour)); n != 0 || err != nil {
		t.Fatalf("%d entries purged, %v", n, err)
	}
	got := b.chains()
	for _, e := range b.eventsOf(kindIs(PersonUnknown)) {
		if _, err := ParseIdentifier(string(e.Chain)); err == nil || !slotForm.MatchString(string(e.Chain)) {
			t.Errorf("the unknown are written into %q", e.Chain)
		}
		delete(got, e.Chain)
	}
	want := map[Chain][]uint64{"jdupont": {1, 2, 3}, "~stock": {1, 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("chains (-want +got):\n%s", diff)
	}
	b.verified()
}

// A thousand answers at once, and acts of administrators between them, are all
// numbered, each once.
func TestChainsUnderLoad(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	before := len(b.events())
	r := passcode(t, pin+b.shows(0))
	together(1000, func(i int) {
		var err error
		switch i % 10 {
		case 8:
			err = b.EnableAccount(t.Context(), by, "jdupont")
		case 9:
			_, err = b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{"nobody.here", r}, Source{})
		default:
			_, err = b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{"jdupont", r}, Source{})
		}
		if err != nil {
			t.Errorf("act %d: %v", i, err)
		}
	})
	if n := len(b.events()) - before; n != 1000 {
		t.Errorf("%d entries for 1000 acts", n)
	}
	b.verified()
}

// The MAC is over every field but itself.
func TestTheMACIsOverAll(t *testing.T) {
	whole := goldenRecords["audit"].(Event)
	v := reflect.ValueOf(whole)
	seen := map[string]string{whole.canonical(): "all of it"}
	for i := range v.NumField() {
		changed := reflect.New(v.Type()).Elem()
		changed.Set(v)
		changed.Field(i).SetZero()
		text, name := changed.Interface().(Event).canonical(), v.Type().Field(i).Name
		if other, there := seen[text]; there != (name == "MAC") {
			t.Errorf("without %s it reads like %s: %v", name, other, there)
		}
		seen[text] = name
	}
	// What is in one field cannot be read as two.
	a, b := Event{Actor: "x\naddress 1 y"}, Event{Actor: "x", Address: "y"}
	if a.canonical() == b.canonical() {
		t.Error("an actor's name reads like an address")
	}
}

// An answer that changes nothing of a person has no place in their chain: who
// sends many keeps nobody waiting. Slots are used evenly.
func TestSlots(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	used := pin + b.shows(0)
	b.want(b.login("jdupont", used), Granted, Done)
	for range 640 {
		b.denied(b.login("jdupont", used))
	}
	used640 := map[Chain]int{}
	for _, e := range b.eventsOf(kindIs(CodeReused)) {
		if e.Holder != "jdupont" || !slotForm.MatchString(string(e.Chain)) {
			t.Fatalf("%s of %s stands in the chain %s", e.Kind, e.Holder, e.Chain)
		}
		used640[e.Chain]++
	}
	if len(used640) < 60 {
		t.Errorf("640 answers went into %d slots", len(used640))
	}
	for range 20 {
		b.login("jdupont", pin+b.shows(500))
	}
	for kind, own := range map[EventKind]bool{LoginSlowed: false, CodeUnmatched: true, LoginAccepted: true, PINDefined: true} {
		for _, e := range b.eventsOf(kindIs(kind)) {
			if (e.Chain == "jdupont") != own {
				t.Errorf("%s stands in the chain %s", e.Kind, e.Chain)
			}
		}
	}
	if got, err := b.Events(t.Context(), AuditQuery{User: "jdupont", Kinds: []EventKind{CodeReused}}); err != nil || len(got) != 640 {
		t.Errorf("%d found by the person, %v", len(got), err)
	}
	b.verified()
}

// A rotation keeps the MACs of before, as long as the earlier keys are kept.
func TestTheMACAfterARotation(t *testing.T) {
	b := newBench(t)
	before := b.verified()
	rotated, err := b.secrets().Rotated()
	mustBeNil(t, err)
	mustBeNil(t, b.UseSecrets(t.Context(), rotated))
	b.denied(b.login("jdupont", pin+b.shows(500)))
	after := b.verified()
	if after.Entries != before.Entries+1 {
		t.Errorf("%d entries, then %d", before.Entries, after.Entries)
	}
	e := b.events()[0]
	if e.genuine(newSecretsFor(t)) || !e.genuine(rotated) {
		t.Error("an entry is genuine under other secrets, or not under its own")
	}
}

// Where an entry cannot get its number, nothing is granted and nobody is told
// anything.
func TestNoNumberNoGrant(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	sessions := b.sessions()
	b.put(chainName("jdupont"), []byte("no head at all"))
	r, err := b.Answer(t.Context(), b.Begin(""), b.rightAnswer(AskPasscode), Source{})
	if err == nil || r.Outcome != 0 || r.Token != "" || b.sessions() != sessions {
		t.Errorf("%s, %v; %d sessions opened", r.Outcome, err, b.sessions()-sessions)
	}
	if !strings.Contains(err.Error(), "chain") {
		t.Errorf("the error does not say what is wrong: %v", err)
	}
}

// What only somebody with the key in hand can do without the PIN is an alert, in
// the entry and to whoever listens.
func TestAlerts(t *testing.T) {
	b := newBench(t)
	told := map[EventKind]int{}
	b.shared.onAlert = func(k EventKind) { told[k]++ }
	b.inService("jdupont", pin)
	b.denied(b.login("jdupont", pin+b.shows(500)))
	for range b.Policy().LockAfter {
		b.denied(b.login("jdupont", "8305"+b.shows(0)))
		b.wait(1)
	}
	b.denied(b.login("jdupont", pin+b.shows(0))) // the code of a locked key
	b.wait(1)
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	b.denied(b.login("jdupont", pin+b.shows(0))) // the code of a lost one
	want := map[EventKind]int{PINWrong: b.Policy().LockAfter, KeyLocked: 1, KeyUnusable: 1}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
	got := map[EventKind]int{}
	alerts, err := b.Events(t.Context(), AuditQuery{Alerts: true})
	mustBeNil(t, err)
	for _, e := range alerts {
		got[e.Kind]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries that are alerts (-want +got):\n%s", diff)
	}
}
