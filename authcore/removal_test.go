package authcore

import (
	"errors"
	"strings"
	"testing"
)

func TestRemoveAccount(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	b.addKey("SECOND-1")
	mustBeNil(t, b.AssignKey(ctx, by, "SECOND-1", "jdupont"))
	before := b.dump()
	for _, fate := range []KeyFate{0, KeepKeys, 99} {
		if err := b.RemoveAccount(ctx, by, "jdupont", fate); !errors.Is(err, ErrHasKeys) || !strings.Contains(err.Error(), "0123456789, SECOND-1") {
			t.Errorf("somebody with two keys, %s: %v", fate, err)
		}
	}
	for _, id := range []Identifier{"nobody.here", nobody} {
		if err := b.RemoveAccount(ctx, by, id, RetireKeys); !errors.Is(err, ErrNotFound) {
			t.Errorf("removing %s: %v", id, err)
		}
	}
	if b.dump() != before {
		t.Error("a removal that was refused wrote something")
	}
	mustBeNil(t, b.LoseKey(ctx, by, "SECOND-1"))
	before = b.dump()
	if err := b.RemoveAccount(ctx, by, "jdupont", ReturnKeys); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "key SECOND-1 is lost") {
		t.Errorf("a lost key is returned: %v", err)
	}
	if b.dump() != before {
		t.Error("one key of two was returned")
	}
	mustBeNil(t, b.RemoveAccount(ctx, by, "jdupont", RetireKeys))
	for _, serial := range []Serial{"0123456789", "SECOND-1"} {
		if k := b.stored(serial); k.State != Retired || k.Holder != "" {
			t.Errorf("key %s is %s, of %q", serial, k.State, k.Holder)
		}
	}
	if _, err := b.Account(ctx, "jdupont"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the account: %v", err)
	}
	if n := b.count(KeyRetired); n != 2 || b.count(AccountRemoved) != 1 || b.count(AccountAdded) != 1 {
		t.Errorf("%d keys retired, %d accounts removed and %d added are written down", n, b.count(AccountRemoved), b.count(AccountAdded))
	}
}

// Whoever is added under the identifier of somebody removed inherits nothing:
// no session, no login under way, no failure, no PIN, and no code a second time.
func TestAddedAgain(t *testing.T) {
	for range 20 { // the epoch is drawn
		b := newBench(t)
		ctx := t.Context()
		token := b.inService("jdupont", pin).Token
		former, err := b.Account(ctx, "jdupont")
		mustBeNil(t, err)
		b.denied(b.login("jdupont", pin+b.shows(500)))
		waits := b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
		used := b.key1().Used

		mustBeNil(t, b.RemoveAccount(ctx, by, "jdupont", ReturnKeys))
		if b.opens(token, "", false) {
			t.Fatal("a session outlives its account")
		}
		b.wait(1)
		b.denied(b.login("jdupont", pin+b.shows(9)))
		b.addPerson("jdupont", "0123456789")
		if b.opens(token, "", false) {
			t.Fatal("a session of the former holder opens")
		}
		if alive, err := b.Sessions(ctx, "", "", 10); err != nil || len(alive) != 0 {
			t.Fatalf("%d sessions, %v", len(alive), err)
		}
		if n, err := b.Blind(ctx, "jdupont"); n != 0 || err != nil {
			t.Fatalf("%d failures of the former holder, %v", n, err)
		}
		if a, err := b.Account(ctx, "jdupont"); err != nil || a.Epoch == former.Epoch {
			t.Fatalf("the epoch is the former's: %v", err)
		}
		if k := b.key1(); k.State != PINToDefine || !k.PIN.IsZero() || k.Used < used {
			t.Fatalf("the key is %s, PIN defined: %v, used %d after %d", k.State, !k.PIN.IsZero(), k.Used, used)
		}
		b.setTime(b.key.EndOf(used)) // the next code after the one the former showed
		b.denied(b.nextCode(waits, b.shows(0)))
		b.denied(b.login("jdupont", b.shows(-1)))
	}
}

// A key that is returned ends its holder's sessions, and opens nothing from
// stock; its next holder defines a PIN.
func TestReturnKey(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	token := b.inService("jdupont", pin).Token
	mustBeNil(t, b.ReturnKey(ctx, by, "0123456789"))
	if b.opens(token, "", false) {
		t.Error("a session outlives the return of its key")
	}
	b.denied(b.login("jdupont", pin+b.shows(0)))
	if e := b.eventsOf(kindIs(KeyReturned)); len(e) != 1 || e[0].Holder != "jdupont" || e[0].Serial != "0123456789" {
		t.Errorf("written down: %+v", e)
	}
	if err := b.ReturnKey(ctx, by, "0123456789"); !errors.Is(err, ErrState) {
		t.Errorf("a key in stock: %v", err)
	}
	b.addPerson("mmartin", "0123456789")
	b.wait(1)
	b.inService("mmartin", "5083")
	b.denied(b.login("jdupont", pin+b.shows(0)))
}
