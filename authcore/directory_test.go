package authcore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

func TestAccounts(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	a := Account{Identifier: "mmartin", GivenName: "Marc", Surname: "Martin", Establishment: "0441550W",
		Keys: []Serial{"0123456789"}, Epoch: 7, Added: time.Unix(0, 0)}
	mustBeNil(t, b.AddAccount(ctx, Actor{Name: "RC"}, a))
	got, err := b.Account(ctx, "mmartin")
	mustBeNil(t, err)
	if got.Epoch == 7 {
		t.Error("the epoch is the caller's and not drawn")
	}
	a.Keys, a.Epoch, a.Added = nil, got.Epoch, b.clock()
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("the account as it is kept (-want +got):\n%s", diff)
	}
	if err := b.AddAccount(ctx, by, Account{Identifier: "mmartin", Surname: "Other"}); !errors.Is(err, ErrExists) {
		t.Errorf("the same again: %v", err)
	}
	if err := b.AddAccount(ctx, by, Account{Identifier: "x", Surname: "\n"}); err == nil {
		t.Error("an account that is not valid was added")
	}
	all, err := b.Accounts(ctx, "", 0)
	mustBeNil(t, err)
	var ids []string
	for _, a := range all {
		ids = append(ids, string(a.Identifier)+" "+a.Surname)
	}
	if want := []string{"jdupont Dupont", "mmartin Martin"}; !slices.Equal(ids, want) {
		t.Errorf("the accounts are %v, want %v", ids, want)
	}
	if e := b.eventsOf(kindIs(AccountAdded)); len(e) != 2 || e[1].Actor != "RC" && e[0].Actor != "RC" {
		t.Errorf("written down: %+v", e)
	}
}

// The stand-in is nobody: it cannot be seen, changed, added or given a key, and
// its key is no key.
func TestTheStandIn(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	_, errAccount := b.Account(ctx, nobody)
	_, errKey := b.KeyInfo(ctx, nobodyKey)
	b.addKey("SPARE-1")
	for what, err := range map[string]error{
		"reading it":         errAccount,
		"reading its key":    errKey,
		"shutting it out":    b.DisableAccount(ctx, by, nobody),
		"ending its session": b.EndSessions(ctx, by, nobody),
		"giving it a key":    b.AssignKey(ctx, by, "SPARE-1", nobody),
		"giving its key":     b.AssignKey(ctx, by, nobodyKey, "jdupont"),
		"unlocking its key":  b.UnlockKey(ctx, by, nobodyKey),
		"clearing its PIN":   b.ClearPIN(ctx, by, nobodyKey),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := b.AddAccount(ctx, by, Account{Identifier: nobody}); err == nil {
		t.Error("it was added")
	}
	keys, err := b.Keys(ctx, "", 0, everyKey)
	if err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v; want 2", len(keys), err)
	}
	// Even its own code, which nobody can know, opens nothing.
	var k Key
	for name, sealed := range b.records() {
		if name == keyName(nobodyKey) {
			var rec keyRecord
			mustBeNil(t, openRecord(b.secrets(), name, sealed, &rec))
			k = Key(rec)
		}
	}
	code := k.Generator.Code(k.Generator.StepAt(b.clock()))
	for _, id := range []Identifier{nobody, "nobody.here", "jdupont"} {
		b.denied(b.login(id, pin+code))
	}
	b.addPerson("mmartin")
	b.denied(b.login("mmartin", code))
}

func TestUnknownAccounts(t *testing.T) {
	b := newBench(t)
	_, err := b.Account(t.Context(), "nobody.here")
	n, errBlind := b.Blind(t.Context(), "nobody.here")
	for what, err := range map[string]error{
		"reading":  err,
		"shutting": b.DisableAccount(t.Context(), by, "nobody.here"),
		"opening":  b.EnableAccount(t.Context(), by, "nobody.here"),
		"ending":   b.EndSessions(t.Context(), by, "nobody.here"),
		"giving":   b.AssignKey(t.Context(), by, "0123456789", "nobody.here"),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n != 0 || errBlind != nil {
		t.Errorf("%d failures of somebody unknown, %v", n, errBlind)
	}
}

// Who is unknown is counted in few places, whoever it is, and is not written
// down by name.
func TestTheUnknownLeaveLittle(t *testing.T) {
	b := newBench(t)
	before := len(b.records())
	for n := range 300 {
		b.elsewhere()
		b.denied(b.login(Identifier(fmt.Sprintf("unknown.%d", n%3)), pin+b.shows(otp.Step(n))))
	}
	slots, marks := 0, map[string]int{}
	for name := range b.records() {
		if kindOf(name) == "attempts" {
			slots++
		}
	}
	for _, e := range b.eventsOf(kindIs(PersonUnknown)) {
		marks[e.Unknown]++
		if e.Holder != "" || len(e.Unknown) != 8 {
			t.Fatalf("somebody unknown is written down as %q, %q", e.Holder, e.Unknown)
		}
	}
	if slots < 1 || slots > 3 || len(marks) != 3 { // two may share one of the 4,096
		t.Errorf("three unknown identifiers have %d counters and %d marks", slots, len(marks))
	}
	if n := len(b.records()) - before; n != 300*4+slots { // a challenge, an entry, its reference and a delay for each, and the counters
		t.Errorf("300 refusals left %d records", n)
	}
	if a, c := attemptsName(b.secrets(), "unknown.0", false), attemptsName(b.secrets(), "unknown.0", true); a == c {
		t.Error("somebody unknown is counted under their name")
	}
}

func TestImportKey(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	twin := b.key
	twin.Serial = "another number"
	tests := []struct {
		name string
		key  NewKey
		want error
	}{
		{"the same number", NewKey{Serial: "0123456789", Generator: totpKey("other")}, ErrExists},
		{"the same seed", NewKey{Serial: "TWIN-1", Generator: twin}, ErrSeedExists},
		{"the stand-in's number", NewKey{Serial: nobodyKey, Generator: totpKey("other")}, ErrSerialShape},
		{"no number", NewKey{Generator: totpKey("other")}, ErrSerialShape},
		{"a number in lower case", NewKey{Serial: "abc", Generator: totpKey("other")}, ErrSerialShape},
		{"a number with a slash", NewKey{Serial: "A/B", Generator: totpKey("other")}, ErrSerialShape},
		{"no generator", NewKey{Serial: "NEW-1"}, nil},
	}
	for _, tt := range tests {
		before := b.dump()
		if err := b.ImportKey(ctx, by, tt.key); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if b.dump() != before {
			t.Errorf("%s: something was written", tt.name)
		}
	}
	expires := benchStart.AddDate(5, 0, 0)
	mustBeNil(t, b.ImportKey(ctx, by, NewKey{Serial: "HOTP-1", Generator: hotpKey("HOTP-1"), Counter: 40, Expires: expires}))
	info, err := b.KeyInfo(ctx, "HOTP-1")
	mustBeNil(t, err)
	want := KeyInfo{Serial: "HOTP-1", State: PINToDefine, Kind: otp.HOTP, Digits: 6, Expires: expires, Imported: benchStart}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("a key in stock (-want +got):\n%s", diff)
	}
	if k := b.stored("HOTP-1"); k.Used != 39 {
		t.Errorf("the last counter used is %d, want 39", k.Used)
	}
	if info, err := b.KeyInfo(ctx, "0123456789"); err != nil || info.Period != "1m0s" || info.Holder != "jdupont" || !info.Assigned.Equal(benchStart) {
		t.Errorf("a key that is assigned: %+v, %v", info, err)
	}
}

func TestAssignKey(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.addPerson("mmartin")
	if err := b.AssignKey(ctx, by, "0123456789", "mmartin"); !errors.Is(err, ErrAssigned) {
		t.Errorf("somebody's key: %v", err)
	}
	if err := b.AssignKey(ctx, by, "0123456789", "jdupont"); !errors.Is(err, ErrAssigned) {
		t.Errorf("one's own key again: %v", err)
	}
	if err := b.AssignKey(ctx, by, "NO-SUCH-KEY", "mmartin"); !errors.Is(err, ErrNotFound) {
		t.Errorf("no key: %v", err)
	}
	if a, err := b.Account(ctx, "mmartin"); err != nil || len(a.Keys) != 0 {
		t.Errorf("mmartin has %v, %v", a.Keys, err)
	}
	// In stock a key opens nothing, not even the definition of its PIN.
	b.key = b.addKey("SPARE-1")
	b.denied(b.login("mmartin", b.shows(0)))
	mustBeNil(t, b.AssignKey(ctx, by, "SPARE-1", "mmartin"))
	b.inService("mmartin", pin)
	if err := b.UnlockKey(ctx, by, "NO-SUCH-KEY"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unlocking no key: %v", err)
	}
	if err := b.ClearPIN(ctx, by, "NO-SUCH-KEY"); !errors.Is(err, ErrNotFound) {
		t.Errorf("clearing the PIN of no key: %v", err)
	}
}
