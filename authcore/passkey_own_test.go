package authcore

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

func TestAddPasskey(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	a.Flags |= passkeytest.Eligible
	r := b.inService("jdupont", pin)
	p := b.addsPasskey(r.Token, a, "  Téléphone de Jeanne ")
	if p.Name != "Téléphone de Jeanne" || !p.Added.Equal(b.clock()) || !p.Synced || p.Cloned || !p.LastUsed.IsZero() || len(p.ID()) != 10 {
		t.Errorf("the passkey is %+v", p)
	}
	account := b.account("jdupont")
	if len(account.Passkeys) != 1 || account.Passkeys[0] != p || len(account.Handle) != 32 || !slices.Equal(a.Handle, account.Handle) {
		t.Errorf("the account has %+v and the handle %x", account.Passkeys, account.Handle)
	}
	if e := b.eventsOf(kindIs(PasskeyAdded)); len(e) != 1 || e[0].Holder != "jdupont" || e[0].Detail != p.text() || e[0].Address != "192.0.2.1" {
		t.Errorf("written down as %+v", e)
	}
	again := b.addsPasskey(r.Token, newAuthenticator(), "Téléphone de Jeanne")
	if again.Name != "Téléphone de Jeanne 2" || !slices.Equal(b.account("jdupont").Handle, account.Handle) {
		t.Errorf("the second is %+v", again)
	}
	if dump := b.dump(); strings.Contains(dump, "Téléphone") || strings.Contains(dump, string(a.ID)) {
		t.Error("the store shows a passkey")
	}
}

// A registration takes a PASSCODE of the last five minutes, of the key itself, in a
// session of the portal that lives.
func TestAddPasskeyFresh(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	r := b.inService("jdupont", pin)
	s := b.session(r.Token)
	b.setTime(s.Began.Add(Fresh - time.Nanosecond))
	b.addsPasskey(r.Token, a, "Phone")
	c, err := b.BeginPasskey(t.Context(), s, "Late")
	b.must(err)
	b.setTime(s.Began.Add(Fresh))
	if _, err := b.adds(r.Token, newAuthenticator(), "Late"); !errors.Is(err, ErrNotFresh) {
		t.Errorf("after five minutes: %v", err)
	}
	if _, err := b.AddPasskey(t.Context(), s, c.Sealed, newAuthenticator().Register(c.Options), b.from); !errors.Is(err, ErrNotFresh) {
		t.Errorf("begun in time, ended after five minutes: %v", err)
	}
	byPasskey := b.want(b.showsPasskey(a, ""), Granted, Done)
	if _, err := b.adds(byPasskey.Token, newAuthenticator(), "x"); !errors.Is(err, ErrNotFresh) {
		t.Errorf("by a passkey: %v", err)
	}
	forged := b.session(byPasskey.Token)
	forged.Method, forged.Began = MethodOTP, b.clock()
	if _, err := b.BeginPasskey(t.Context(), forged, "x"); !errors.Is(err, ErrNotFresh) {
		t.Errorf("a session that only says so: %v", err)
	}
	b.wait(1)
	r = b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	s = b.session(r.Token)
	c, err = b.BeginPasskey(t.Context(), s, "x")
	b.must(err)
	b.logout(r)
	if _, err := b.AddPasskey(t.Context(), s, c.Sealed, newAuthenticator().Register(c.Options), b.from); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the logout: %v", err)
	}
	if n := len(b.account("jdupont").Passkeys); n != 1 {
		t.Errorf("there are %d passkeys", n)
	}
}

func TestAddPasskeyByOthers(t *testing.T) {
	h := newHandover(t)
	h.redeem()
	h.addKey("OTHER-1")
	h.addPerson("mmartin", "OTHER-1")
	mine := h.key
	h.key = totpKey("OTHER-1")
	other := h.session(h.inService("mmartin", "5083").Token)
	h.key = mine
	s := h.session(h.want(h.login("jdupont", pin+h.shows(0)), Granted, Done).Token)
	c, err := h.BeginPasskey(t.Context(), s, "Phone")
	h.must(err)
	if _, err := h.AddPasskey(t.Context(), other, c.Sealed, newAuthenticator().Register(c.Options), h.from); !errors.Is(err, ErrCeremony) {
		t.Errorf("in the session of somebody else: %v", err)
	}
	host := s
	host.ID = "no session"
	if _, err := h.BeginPasskey(t.Context(), host, "Phone"); !errors.Is(err, ErrNoSession) {
		t.Errorf("in no session: %v", err)
	}
	all, err := h.ExportPerson(t.Context(), "jdupont")
	h.must(err)
	i := slices.IndexFunc(all.Sessions, func(s Session) bool { return s.Parent != "" })
	if i < 0 {
		t.Fatal("there is no session of an application's host")
	}
	if _, err := h.BeginPasskey(t.Context(), all.Sessions[i], "Phone"); !errors.Is(err, ErrNoSession) {
		t.Errorf("on an application's host: %v", err)
	}
}

// A ceremony registers once, and a refusal uses it up as well.
func TestAddPasskeyOnce(t *testing.T) {
	b := newBench(t)
	s := b.session(b.inService("jdupont", pin).Token)
	a := newAuthenticator()
	begin := func() Ceremony {
		c, err := b.BeginPasskey(t.Context(), s, "Phone")
		b.must(err)
		return c
	}
	c := begin()
	good := a.Register(c.Options)
	bad := newAuthenticator()
	bad.Flags = passkeytest.Present
	_, err := b.AddPasskey(t.Context(), s, c.Sealed, bad.Register(c.Options), b.from)
	if refusal, ok := errors.AsType[*passkey.Refusal](err); !ok || refusal.Reason != passkey.NotVerified || !errors.Is(err, ErrPasskeyRefused) {
		t.Errorf("nobody verified: %v", err)
	}
	wantRefusedPasskey(t, b, "verification")
	if _, err := b.AddPasskey(t.Context(), s, c.Sealed, good, b.from); !errors.Is(err, ErrCeremony) {
		t.Errorf("a second try: %v", err)
	}
	c = begin()
	response := a.Register(c.Options)
	_, err = b.AddPasskey(t.Context(), s, c.Sealed, response, b.from)
	b.must(err)
	if _, err := b.AddPasskey(t.Context(), s, c.Sealed, response, b.from); !errors.Is(err, ErrCeremony) {
		t.Errorf("sent again: %v", err)
	}
	c = begin()
	if _, err := b.AddPasskey(t.Context(), s, c.Sealed, a.Register(c.Options), b.from); !errors.Is(err, ErrPasskeyExists) {
		t.Errorf("the same authenticator: %v", err)
	}
	var o struct{ ExcludeCredentials []any }
	b.must(json.Unmarshal(c.Options, &o))
	if len(o.ExcludeCredentials) != 1 {
		t.Errorf("%d are left out", len(o.ExcludeCredentials))
	}
}

func TestTenPasskeys(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	for range MaxPasskeys {
		b.addsPasskey(r.Token, newAuthenticator(), "Key")
	}
	if _, err := b.adds(r.Token, newAuthenticator(), "One more"); !errors.Is(err, ErrTooManyPasskeys) {
		t.Errorf("an eleventh: %v", err)
	}
	b.must(b.RevokePasskey(t.Context(), by, "jdupont", "Key 10"))
	b.addsPasskey(r.Token, newAuthenticator(), "One more")
}

func TestPasskeyNames(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	p := b.addsPasskey(r.Token, newAuthenticator(), strings.Repeat("é", 60))
	q := b.addsPasskey(r.Token, newAuthenticator(), "Tablet")
	s := b.session(r.Token)
	for _, name := range []string{"", "  ", strings.Repeat("x", 61), "a\nb", "a\u2028b", "\xff"} {
		if _, err := b.BeginPasskey(t.Context(), s, name); !errors.Is(err, ErrPasskeyName) {
			t.Errorf("%q: %v", name, err)
		}
		if err := b.RenamePasskey(t.Context(), s, p.ID(), name, b.from); !errors.Is(err, ErrPasskeyName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	b.must(b.RenamePasskey(t.Context(), s, p.ID(), "Phone", b.from))
	b.must(b.RenamePasskey(t.Context(), s, p.ID(), "Phone", b.from))
	if err := b.RenamePasskey(t.Context(), s, q.ID(), "Phone", b.from); !errors.Is(err, ErrPasskeyNameTaken) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := b.RenamePasskey(t.Context(), s, "0000000000", "x", b.from); !errors.Is(err, ErrNotFound) {
		t.Errorf("a passkey that is not there: %v", err)
	}
	if a := b.account("jdupont"); a.Passkeys[0].Name != "Phone" || a.Passkeys[1].Name != "Tablet" || b.count(PasskeyRenamed) != 1 {
		t.Errorf("the account has %+v, %d changes of a name are written down", a.Passkeys, b.count(PasskeyRenamed))
	}
}

// What is removed by its owner: within five minutes of a login, and never the last
// means.
func TestRemovePasskey(t *testing.T) {
	b := newBench(t)
	a, other := newAuthenticator(), newAuthenticator()
	r := b.inService("jdupont", pin)
	p := b.addsPasskey(r.Token, a, "Phone")
	q := b.addsPasskey(r.Token, other, "Tablet")
	remove := func(token Token, id string, want error) {
		t.Helper()
		if err := b.RemovePasskey(t.Context(), b.session(token), id, b.from); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("removing %s: %v, want %v", id, err, want)
		}
	}
	b.pass(10 * time.Minute)
	remove(r.Token, p.ID(), ErrNotFresh)
	fresh := b.want(b.showsPasskey(other, ""), Granted, Done)
	byFirst := b.want(b.showsPasskey(a, ""), Granted, Done)
	remove(fresh.Token, "0000000000", ErrNotFound)
	remove(fresh.Token, p.ID(), nil)
	if b.opens(byFirst.Token, "", true) || !b.opens(fresh.Token, "", true) {
		t.Error("the session of the passkey removed goes on, or that of another does not")
	}
	b.denied(b.showsPasskey(a, ""))
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	fresh = b.want(b.showsPasskey(other, ""), Granted, Done)
	remove(fresh.Token, q.ID(), ErrLastMeans)
	b.want(b.showsPasskey(other, ""), Granted, Done)
	b.must(b.FoundKey(t.Context(), by, "0123456789"))
	fresh = b.want(b.showsPasskey(other, ""), Granted, Done)
	remove(fresh.Token, q.ID(), nil)
	if b.opens(fresh.Token, "", true) {
		t.Error("its own session goes on")
	}
	if b.named(passkeyPrefix) != 0 || len(b.account("jdupont").Passkeys) != 0 {
		t.Error("something is left of them")
	}
	if e := b.eventsOf(kindIs(PasskeyRemoved)); len(e) != 2 || e[0].Actor != "" || e[0].Detail == e[1].Detail || !slices.ContainsFunc(e, func(e Event) bool { return e.Detail == p.text() }) {
		t.Errorf("written down as %+v", e)
	}
}

// An administrator removes the last means too. A person who is removed leaves no
// passkey to whoever comes under their name.
func TestRevokePasskey(t *testing.T) {
	b := newBench(t)
	a, other := newAuthenticator(), newAuthenticator()
	r := b.inService("jdupont", pin)
	b.addsPasskey(r.Token, a, "Phone")
	q := b.addsPasskey(r.Token, other, "Tablet")
	s := b.want(b.showsPasskey(a, ""), Granted, Done)
	b.must(b.RevokePasskey(t.Context(), by, "jdupont", "Phone"))
	if b.opens(s.Token, "", true) {
		t.Error("the session that it opened goes on")
	}
	for what, id := range map[string]Identifier{"Phone": "jdupont", "": "jdupont", q.ID(): "nobody.here"} {
		if err := b.RevokePasskey(t.Context(), by, id, what); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q of %s: %v", what, id, err)
		}
	}
	b.must(b.RetireKey(t.Context(), by, "0123456789"))
	b.must(b.RevokePasskey(t.Context(), by, "jdupont", q.ID()))
	if e := b.eventsOf(kindIs(PasskeyRemoved)); len(e) != 2 || e[0].Actor != "test" || e[0].Holder != "jdupont" {
		t.Errorf("written down as %+v", e)
	}
	b = newBench(t)
	b.addsPasskey(b.inService("jdupont", pin).Token, a, "Phone")
	b.must(b.RemoveAccount(t.Context(), by, "jdupont", RetireKeys))
	b.addPerson("jdupont")
	if b.named(passkeyPrefix) != 0 || len(b.account("jdupont").Handle) != 0 {
		t.Error("the next jdupont has a passkey")
	}
	b.denied(b.showsPasskey(a, ""))
}
