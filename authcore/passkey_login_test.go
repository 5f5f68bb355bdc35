package authcore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

func TestPasskeyLogin(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	p := b.addsPasskey(b.inService("jdupont", pin).Token, a, "Security key")
	for _, who := range []Identifier{"", "jdupont"} {
		b.pass(time.Hour)
		r := b.want(b.showsPasskey(a, who), Granted, Done)
		s, account, err := b.Session(t.Context(), r.Token, "", true)
		b.must(err)
		if s.Method != MethodPasskey || s.Holder != "jdupont" || s.Passkey != p.Mark || s.Serial != "" || !s.Began.Equal(b.clock()) {
			t.Errorf("the session is %+v", s)
		}
		if got := account.Passkeys[0]; !got.LastUsed.Equal(b.clock()) || b.credential(got).Credential.Count != a.Count {
			t.Errorf("the passkey is %+v, its counter %d, the authenticator's %d", got, b.credential(got).Credential.Count, a.Count)
		}
		e := b.eventsOf(kindIs(PasskeyUsed))
		if last := e[len(e)-1]; last.Holder != "jdupont" || last.Detail != p.ID()+" Security key" || last.Address != "192.0.2.1" || last.Chain != "jdupont" || last.Alert {
			t.Errorf("written down as %+v", last)
		}
	}
}

// Whatever has become of the key, the passkey opens; what counts the guesses at the
// key's codes stays as it was.
func TestPasskeyBesideAKeyInTrouble(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	b.addsPasskey(b.inService("jdupont", pin).Token, a, "Phone")
	for range b.Policy().SlowAfter + 1 {
		b.login("jdupont", pin+b.shows(500))
	}
	was, err := b.Blind(t.Context(), "jdupont")
	b.must(err)
	b.want(b.login("jdupont", pin+b.shows(0)), Slowed, AskPasscode)
	b.want(b.showsPasskey(a, "jdupont"), Granted, Done)
	b.want(b.login("jdupont", pin+b.shows(0)), Slowed, AskPasscode)
	if is, err := b.Blind(t.Context(), "jdupont"); err != nil || is != was || was == 0 {
		t.Errorf("%d guesses were counted, and after a login by passkey %d (%v)", was, is, err)
	}
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	b.want(b.showsPasskey(a, ""), Granted, Done)
	b.must(b.RetireKey(t.Context(), by, "0123456789"))
	r := b.want(b.showsPasskey(a, ""), Granted, Done)
	b.must(b.DisableAccount(t.Context(), by, "jdupont"))
	if b.opens(r.Token, "", true) {
		t.Error("the session goes on")
	}
	b.denied(b.showsPasskey(a, ""))
	if e := b.eventsOf(kindIs(PersonDisabled)); len(e) != 1 || e[0].Detail != "disabled" {
		t.Errorf("written down as %+v", e)
	}
}

// What is refused, each for its reason, which only the audit trail has. Whatever it
// is, nothing opens, and the ceremony is used up.
func TestPasskeyRefusals(t *testing.T) {
	misbehaves := func(do func(*passkeytest.Authenticator)) func(*bench, *passkeytest.Authenticator, Challenge, Ceremony) (Challenge, PasskeyAnswer) {
		return func(_ *bench, a *passkeytest.Authenticator, c Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			do(a)
			return c, PasskeyAnswer{made.Sealed, a.Login(made.Options)}
		}
	}
	for _, x := range []struct {
		name, who, reason string
		play              func(*bench, *passkeytest.Authenticator, Challenge, Ceremony) (Challenge, PasskeyAnswer)
	}{
		{"from another site", "", "origin", misbehaves(func(a *passkeytest.Authenticator) { a.Origin = "https://portail.test.evil" })},
		{"from a host beside", "", "origin", misbehaves(func(a *passkeytest.Authenticator) { a.Origin = "https://app.portail.test" })},
		{"for another RP ID", "jdupont", "relying-party", misbehaves(func(a *passkeytest.Authenticator) { a.Host = "test" })},
		{"without user verification", "", "verification", misbehaves(func(a *passkeytest.Authenticator) { a.Flags = passkeytest.Present })},
		{"of another authenticator with the same ID", "", "signature", misbehaves(func(a *passkeytest.Authenticator) { a.Sign = newAuthenticator().Sign })},
		{"of a credential that nobody has", "", "credential", misbehaves(func(a *passkeytest.Authenticator) { a.ID = []byte("nobody's credential") })},
		{"of a handle that nobody has", "", "person", misbehaves(func(a *passkeytest.Authenticator) { a.Handle = []byte("somebody else") })},
		{"of a handle that nobody has, jdupont asked", "jdupont", "person", misbehaves(func(a *passkeytest.Authenticator) { a.Handle = []byte("somebody else") })},
		{"without a handle", "", "person", misbehaves(func(a *passkeytest.Authenticator) { a.Silent = true })},
		{"of jdupont, mmartin asked", "mmartin", "credential", misbehaves(func(*passkeytest.Authenticator) {})},
		{"of jdupont, somebody unknown asked", "nobody.here", "credential", misbehaves(func(*passkeytest.Authenticator) {})},
		{"that is none", "", "malformed", func(_ *bench, _ *passkeytest.Authenticator, c Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			return c, PasskeyAnswer{made.Sealed, []byte("{}")}
		}},
		{"to another ceremony of this login", "", "challenge", func(b *bench, a *passkeytest.Authenticator, c Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			other, err := b.BeginPasskeyLogin(b.t.Context(), c, "")
			b.must(err)
			return c, PasskeyAnswer{made.Sealed, a.Login(other.Options)}
		}},
		{"in another login", "", "ceremony", func(b *bench, a *passkeytest.Authenticator, _ Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			return b.Begin(""), PasskeyAnswer{made.Sealed, a.Login(made.Options)}
		}},
		{"after five minutes", "", "ceremony", func(b *bench, a *passkeytest.Authenticator, c Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			b.pass(5 * time.Minute)
			return c, PasskeyAnswer{made.Sealed, a.Login(made.Options)}
		}},
		{"without a ceremony", "", "ceremony", func(_ *bench, a *passkeytest.Authenticator, c Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			return c, PasskeyAnswer{"", a.Login(made.Options)}
		}},
		{"of a passkey that was removed", "jdupont", "credential", func(b *bench, a *passkeytest.Authenticator, c Challenge, made Ceremony) (Challenge, PasskeyAnswer) {
			b.must(b.RevokePasskey(b.t.Context(), by, "jdupont", "Phone"))
			return c, PasskeyAnswer{made.Sealed, a.Login(made.Options)}
		}},
		{"of a registration", "", "ceremony", func(b *bench, a *passkeytest.Authenticator, c Challenge, _ Ceremony) (Challenge, PasskeyAnswer) {
			s := b.session(b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done).Token)
			other, err := b.BeginPasskey(b.t.Context(), s, "Another")
			b.must(err)
			return c, PasskeyAnswer{other.Sealed, a.Register(other.Options)}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			b := newBench(t)
			a := newAuthenticator()
			b.addPerson("mmartin")
			b.addsPasskey(b.inService("jdupont", pin).Token, a, "Phone")
			good := *a
			c, made := b.ceremony(Identifier(x.who))
			c, answer := x.play(b, a, c, made)
			before := b.sessions()
			b.denied(b.answer(c, answer))
			wantRefusedPasskey(t, b, x.reason)
			if b.sessions() != before {
				t.Error("a session was made")
			}
			*a = good
			r := b.answer(c, PasskeyAnswer{answer.Ceremony, a.Login(made.Options)})
			b.denied(r)
		})
	}
}

// wantRefusedPasskey wants the last entry to say why, in nobody's own chain.
func wantRefusedPasskey(t *testing.T, b *bench, reason string) {
	t.Helper()
	e := b.eventsOf(kindIs(PasskeyRefused))
	if len(e) == 0 || e[len(e)-1].Detail != reason {
		t.Fatalf("written down: %+v; want the reason %s", e, reason)
	}
	if last := e[len(e)-1]; !strings.HasPrefix(string(last.Chain), "~") || last.Holder == "mmartin" && reason != "credential" {
		t.Errorf("written down as %+v", last)
	}
}

// A ceremony opens one session, whatever is sent at once, and none afterwards.
func TestPasskeyCeremonyOnce(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	a.Step = 0 // it does not count: the counter stops no replay
	b.addsPasskey(b.inService("jdupont", pin).Token, a, "Phone")
	c, made := b.ceremony("")
	answer := PasskeyAnswer{made.Sealed, a.Login(made.Options)}
	before := b.sessions()
	var granted atomic.Int32
	together(40, func(int) {
		r, err := b.Answer(t.Context(), c, answer, b.from)
		if err == nil && r.Outcome == Granted {
			granted.Add(1)
		} else if err != nil && !errors.Is(err, ErrWrongQuestion) {
			t.Error(err)
		}
	})
	if granted.Load() != 1 || b.sessions() != before+1 {
		t.Errorf("%d logins were granted, %d sessions made", granted.Load(), b.sessions()-before)
	}
	if _, err := b.Answer(t.Context(), c, answer, b.from); !errors.Is(err, ErrWrongQuestion) {
		t.Errorf("sent again: %v", err)
	}
	b.denied(b.answer(b.Begin(""), answer))
}

// A counter that goes back: refused, an alert, what it opened ends, and neither of
// the two opens anything any more.
func TestClonedPasskey(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	p := b.addsPasskey(b.inService("jdupont", pin).Token, a, "Phone")
	twin := a.Clone()
	r := b.want(b.showsPasskey(a, ""), Granted, Done)
	b.denied(b.showsPasskey(twin, ""))
	if e := b.eventsOf(kindIs(PasskeyCloned)); len(e) != 1 || !e[0].Alert || e[0].Holder != "jdupont" || e[0].Detail != p.text() || e[0].Chain != "jdupont" {
		t.Errorf("written down as %+v", e)
	}
	if b.opens(r.Token, "", true) {
		t.Error("the session of a passkey that was cloned goes on")
	}
	for _, who := range []Identifier{"", "jdupont"} {
		b.denied(b.showsPasskey(a, who))
		wantRefusedPasskey(t, b, "cloned")
	}
	if got := b.account("jdupont").Passkeys; len(got) != 1 || !got[0].Cloned {
		t.Errorf("the account has %+v", got)
	}
}

// What is asked of somebody unknown looks as what is asked of somebody known, and
// stays the same.
func TestPasskeyOfTheUnknown(t *testing.T) {
	b := newBench(t)
	b.addPerson("mmartin")
	b.addsPasskey(b.inService("jdupont", pin).Token, newAuthenticator(), "Phone")
	seen := map[string]bool{}
	lengths := map[int]bool{}
	shape := ""
	for _, who := range []Identifier{"jdupont", "mmartin", "nobody.here", "nobody.there", "x1", "x2", "x3", "x4"} {
		first, id := askedOf(t, b, who)
		if again, same := askedOf(t, b, who); again != first || !bytes.Equal(id, same) {
			t.Errorf("%s is asked for %x, then for %x", who, id, same)
		}
		if shape == "" {
			shape = first
		}
		if first != shape {
			t.Errorf("of %s: %s\nof others: %s", who, first, shape)
		}
		if seen[string(id)] {
			t.Errorf("%s is asked for somebody else's", who)
		}
		seen[string(id)], lengths[len(id)] = true, true
	}
	if len(lengths) < 3 {
		t.Errorf("the credentials have the lengths %v", lengths)
	}
}

// askedOf gives the options of a login without challenge and ID, and the ID.
func askedOf(t *testing.T, b *bench, who Identifier) (shape string, id []byte) {
	t.Helper()
	before := b.records()
	_, made := b.ceremony(who)
	if after := b.records(); len(after) != len(before) {
		t.Error("a login that has only begun is written")
	}
	var o map[string]any
	mustBeNil(t, json.Unmarshal(made.Options, &o))
	allowed := o["allowCredentials"].([]any)
	c := allowed[0].(map[string]any)
	id = []byte(c["id"].(string))
	c["id"], o["challenge"] = "", ""
	if len(allowed) != 1 {
		t.Errorf("%d credentials are asked of %s", len(allowed), who)
	}
	return fmt.Sprint(o), id
}

// After a rotation of the secrets the passkeys of before still open, and what began
// before can be finished.
func TestPasskeyAfterARotation(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	p := b.addsPasskey(b.inService("jdupont", pin).Token, a, "Phone")
	c, made := b.ceremony("")
	next, err := b.secrets().Rotated()
	b.must(err)
	b.must(b.UseSecrets(t.Context(), next))
	b.want(b.answer(c, PasskeyAnswer{made.Sealed, a.Login(made.Options)}), Granted, Done)
	b.want(b.showsPasskey(a, "jdupont"), Granted, Done)
	r := b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	if _, err := b.adds(r.Token, a, "The same"); !errors.Is(err, ErrPasskeyExists) {
		t.Errorf("the same passkey again: %v", err)
	}
	if b.named(passkeyPrefix) != 1 || b.account("jdupont").Passkeys[0].Mark != p.Mark {
		t.Error("it is there twice, or under another name")
	}
}

// A gate without passkeys has no ceremony, and lets nobody in by one.
func TestNoPasskeys(t *testing.T) {
	b := newBench(t)
	a := newAuthenticator()
	r := b.inService("jdupont", pin)
	b.addsPasskey(r.Token, a, "Phone")
	c, made := b.ceremony("")
	s := b.session(r.Token)
	b.Gate = b.WithPasskeys(nil)
	_, errLogin := b.BeginPasskeyLogin(t.Context(), c, "")
	_, errBegin := b.BeginPasskey(t.Context(), s, "x")
	_, errAdd := b.AddPasskey(t.Context(), s, made.Sealed, nil, b.from)
	_, errAnswer := b.Answer(t.Context(), c, PasskeyAnswer{made.Sealed, a.Login(made.Options)}, b.from)
	for _, err := range []error{errLogin, errBegin, errAdd, errAnswer} {
		if !errors.Is(err, ErrNoPasskeys) {
			t.Errorf("%v", err)
		}
	}
	if b.HasPasskeys() {
		t.Error("it says it has")
	}
	if _, err := NewPasskeys(PasskeyConfig{Origin: "https://192.0.2.1", Name: "x"}); !errors.Is(err, ErrNoPasskeys) {
		t.Errorf("a portal on an IP address: %v", err)
	}
	if _, err := NewPasskeys(PasskeyConfig{Origin: "nowhere", Name: "x"}); err == nil || errors.Is(err, ErrNoPasskeys) {
		t.Errorf("a portal nowhere: %v", err)
	}
}
