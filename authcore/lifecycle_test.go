package authcore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// TestLifeCycle plays each change of a key in each state: it leads where it
// should, or is refused and changes nothing.
func TestLifeCycle(t *testing.T) {
	pol := DefaultPolicy()
	changes := map[string]func(Key) (Key, error){
		"hand over": func(k Key) (Key, error) { return k.HandOver(tableNow) },
		"lost":      Key.ReportLost,
		"found":     func(k Key) (Key, error) { return k.Found(pol) },
		"retire":    Key.Retire,
		"unlock":    Key.Unlock,
		"clear PIN": Key.ClearPIN,
		"assign":    func(k Key) (Key, error) { return k.Assign("mmartin", tableNow) },
		"return":    func(k Key) (Key, error) { return k.Return(tableNow) },
	}
	allowed := map[string]map[State]State{
		"hand over": {PINToDefine: PINToDefine, ToSynchronise: ToSynchronise, Active: Active, Locked: Locked},
		"lost":      {PINToDefine: Lost, ToSynchronise: Lost, Active: Lost, Locked: Lost},
		"found":     {Lost: ToSynchronise},
		"retire":    {PINToDefine: Retired, ToSynchronise: Retired, Active: Retired, Locked: Retired, Lost: Retired},
		"unlock":    {Locked: Active},
		"clear PIN": {PINToDefine: PINToDefine, ToSynchronise: PINToDefine, Active: PINToDefine, Locked: Locked},
		"assign":    {},
		"return":    {PINToDefine: PINToDefine, ToSynchronise: PINToDefine, Active: PINToDefine, Locked: PINToDefine},
	}
	for name, change := range changes {
		for state := PINToDefine; state <= Retired; state++ {
			k := tableKey()
			k.State, k.Used = state, 1000
			after, err := change(k)
			want, ok := allowed[name][state]
			switch {
			case !ok && err == nil:
				t.Errorf("%s of a key that is %s is allowed", name, state)
			case ok && (err != nil || after.State != want):
				t.Errorf("%s of a key that is %s: %s, %v; want %s", name, state, after.State, err, want)
			case after.Used != 1000:
				t.Errorf("%s of a key that is %s gives used codes back", name, state)
			case !ok && (after.State != state || after.PIN != k.PIN || after.Holder != k.Holder):
				t.Errorf("%s of a key that is %s is refused and changes it", name, state)
			}
		}
	}
}

// A key that comes back to stock keeps what must never be forgotten of it, and
// nothing of whom it belonged to.
func TestReturn(t *testing.T) {
	k := tableKey()
	k.Used, k.Drift, k.WrongPIN, k.Expires, k.Imported, k.HandedOver, k.LastUsed = 1000, -3, 4, tableNow, tableNow, tableNow, tableNow
	k.Stock, k.Received = "0441550W", tableNow
	got, err := k.Return(tableNow)
	mustBeNil(t, err)
	want := Key{Serial: k.Serial, State: PINToDefine, Generator: k.Generator, Used: 1000, Drift: -3, Expires: tableNow, Imported: tableNow, Stock: "0441550W", Received: tableNow, Returned: tableNow}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a returned key (-want +got):\n%s", diff)
	}
	if _, err := got.Return(tableNow); !errors.Is(err, ErrState) {
		t.Errorf("a key in stock is returned: %v", err)
	}
	k.State, k.Emergency = Locked, emergency{Until: tableNow}
	if _, err := k.Return(tableNow); !errors.Is(err, ErrState) {
		t.Errorf("a lost key that was locked over its emergency codes is returned: %v", err)
	}
}

// TestFound shows where a lost key goes back to.
func TestFound(t *testing.T) {
	pol := DefaultPolicy()
	k := tableKey()
	k.State, k.WrongPIN = Lost, pol.LockAfter
	if k, err := k.Found(pol); err != nil || k.State != Locked {
		t.Errorf("a key that was locked is %s after it was lost and found, %v", k.State, err)
	}
	k.WrongPIN, k.PIN = 0, ""
	if k, err := k.Found(pol); err != nil || k.State != PINToDefine {
		t.Errorf("a key without a PIN is %s after it was lost and found, %v", k.State, err)
	}
}

func TestResync(t *testing.T) {
	base := tableKey()
	clock := base.Generator.StepAt(tableNow)
	base.Used = clock - 2*maxDrift
	for _, off := range []otp.Step{-maxDrift, -100, -1, 0, 1, 100, maxDrift - 1} {
		first, second := base.Generator.Code(clock+off), base.Generator.Code(clock+off+1)
		k, err := base.Resync(first, second, tableNow)
		if err != nil || k.Drift != off+1 || k.Used != clock+off+1 || k.State != base.State || k.PIN != base.PIN {
			t.Errorf("a key %d steps off: drift %d, used %d, %v", off, k.Drift, k.Used-clock, err)
		}
		if again, err := k.Resync(first, second, tableNow); !errors.Is(err, ErrNoPair) || again.Used != k.Used {
			t.Errorf("the same two codes again: %v", err)
		}
	}
	pair := func(a, b otp.Step) (string, string) {
		return base.Generator.Code(clock + a), base.Generator.Code(clock + b)
	}
	for name, steps := range map[string][2]otp.Step{
		"two apart": {5, 7}, "backwards": {6, 5}, "the same twice": {5, 5}, "too far ahead": {maxDrift + 1, maxDrift + 2}, "too far behind": {-maxDrift - 2, -maxDrift - 1},
	} {
		a, b := pair(steps[0], steps[1])
		if k, err := base.Resync(a, b, tableNow); !errors.Is(err, ErrNoPair) || k.Used != base.Used {
			t.Errorf("%s: %v", name, err)
		}
	}
	base.State = Retired
	a, b := pair(0, 1)
	if _, err := base.Resync(a, b, tableNow); !errors.Is(err, ErrState) {
		t.Errorf("a retired key: %v", err)
	}
}

func TestResyncOfACounter(t *testing.T) {
	k := tableKey()
	k.Generator.Kind, k.Generator.Period, k.Used = otp.HOTP, 0, 10
	k2, err := k.Resync(k.Generator.Code(700), k.Generator.Code(701), tableNow)
	if err != nil || k2.Used != 701 || k2.Drift != 0 {
		t.Errorf("used %d, drift %d, %v", k2.Used, k2.Drift, err)
	}
	if _, err := k.Resync(k.Generator.Code(9), k.Generator.Code(10), tableNow); !errors.Is(err, ErrNoPair) {
		t.Errorf("used codes: %v", err)
	}
}

// TestALostKey shows what a key reported lost takes with it, and what being found
// gives back.
func TestALostKey(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", "7294")
	if err := b.HandOverKey(t.Context(), by, "0123456789"); err != nil {
		t.Fatal(err)
	}
	if err := b.LoseKey(t.Context(), by, "0123456789"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Session(t.Context(), r.Token, "", false); !errors.Is(err, ErrNoSession) {
		t.Errorf("a session outlives the key that opened it: %v", err)
	}
	lost := b.shows(0)
	b.want(b.login("jdupont", "7294"+lost), Denied, AskPasscode)
	if err := b.FoundKey(t.Context(), by, "0123456789"); err != nil {
		t.Fatal(err)
	}
	b.want(b.login("jdupont", "7294"+lost), Denied, AskPasscode)
	b.wait(1)
	r = b.want(b.login("jdupont", "7294"+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	b.want(b.answer(r.Challenge, NextCodeAnswer{passcode(t, b.shows(0))}), Granted, Done)
	info, err := b.KeyInfo(t.Context(), "0123456789")
	if err != nil || info.HandedOver.IsZero() {
		t.Errorf("handed over %v, %v", info.HandedOver, err)
	}
}

// TestARetiredKey has no holder, opens nothing, and its serial and seed stay
// taken.
func TestARetiredKey(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", "7294")
	if err := b.RetireKey(t.Context(), by, "0123456789"); err != nil {
		t.Fatal(err)
	}
	b.want(b.login("jdupont", "7294"+b.shows(0)), Denied, AskPasscode)
	a, err := b.Account(t.Context(), "jdupont")
	if err != nil || len(a.Keys) != 0 {
		t.Errorf("the holder still has %d keys, %v", len(a.Keys), err)
	}
	if err := b.AssignKey(t.Context(), by, "0123456789", "jdupont"); !errors.Is(err, ErrState) {
		t.Errorf("assigned again: %v", err)
	}
	if err := b.ImportKey(t.Context(), by, NewKey{Serial: "9", Generator: b.key}); !errors.Is(err, ErrSeedExists) {
		t.Errorf("its seed under another serial: %v", err)
	}
}

func TestResyncAndWhich(t *testing.T) {
	b := newBench(t)
	b.addKey("0123456790")
	b.inService("jdupont", "7294")
	code := passcode(t, b.shows(2))
	found, err := b.WhichKeys(t.Context(), code)
	if err != nil || len(found) != 1 || found[0].Serial != "0123456789" {
		t.Fatalf("%d keys show the code, %v", len(found), err)
	}
	if err := b.ResyncKey(t.Context(), by, "0123456789", passcode(t, b.shows(60)), passcode(t, b.shows(61))); err != nil {
		t.Fatal(err)
	}
	b.want(b.login("jdupont", "7294"+b.shows(61)), Denied, AskPasscode)
	b.wait(1)
	b.want(b.login("jdupont", "7294"+b.shows(61)), Granted, Done)
	if err := b.ResyncKey(t.Context(), by, "none", code, code); !errors.Is(err, ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
}

// TestTooManyKeys of one person are refused: each looks at each code they type.
func TestTooManyKeys(t *testing.T) {
	b := newBench(t)
	for i := range maxKeys {
		serial := Serial("MANY-" + string(rune('A'+i)))
		b.addKey(serial)
		err := b.AssignKey(t.Context(), by, serial, "jdupont")
		if last := i == maxKeys-1; last != errors.Is(err, ErrTooManyKeys) {
			t.Errorf("key %d: %v", i+2, err)
		}
	}
}

// TestAClearedPINEndsSessions: whoever opened them may not be its holder.
func TestAClearedPINEndsSessions(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", "7294")
	b.must(b.ClearPIN(t.Context(), by, "0123456789"))
	if _, _, err := b.Session(t.Context(), r.Token, "", false); !errors.Is(err, ErrNoSession) {
		t.Errorf("a session outlives the PIN that opened it: %v", err)
	}
	b.want(b.login("jdupont", b.shows(1)), Asked, AskNewPIN)
}

// TestSecretsOfBefore are refused once newer ones were in use.
func TestSecretsOfBefore(t *testing.T) {
	b := newBench(t)
	old := b.secrets()
	rotated, err := old.Rotated()
	b.must(err)
	b.must(b.UseSecrets(t.Context(), rotated))
	if err := b.UseSecrets(t.Context(), old); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("the secrets of before: %v", err)
	}
	b.must(b.UseSecrets(t.Context(), rotated))
}
