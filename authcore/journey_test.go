package authcore

import (
	"context"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// bench is a gate on a memory store with a clock that the test moves, and keys
// whose codes it computes as the holder would read them.
type bench struct {
	*Gate
	t    *testing.T
	time time.Time
	key  otp.Generator
}

var by = Actor{Name: "test"}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, time: time.Date(2026, 9, 1, 7, 58, 20, 0, time.UTC)}
	now := func() time.Time { return b.time }
	secrets, err := NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	b.Gate, err = New(t.Context(), Config{Store: store.NewMemory(now), Secrets: secrets, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	b.key = b.addKey("0123456789")
	b.addPerson("jdupont", "0123456789")
	return b
}

func (b *bench) addKey(serial Serial) otp.Generator {
	b.t.Helper()
	g := otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("seed of the key " + serial)}
	if err := b.ImportKey(b.t.Context(), by, NewKey{Serial: serial, Generator: g}); err != nil {
		b.t.Fatal(err)
	}
	return g
}

func (b *bench) addPerson(id Identifier, keys ...Serial) {
	b.t.Helper()
	a := Account{Identifier: id, GivenName: "Jeanne", Surname: "Dupont", Groups: []string{"enseignants"}}
	if err := b.AddAccount(b.t.Context(), by, a); err != nil {
		b.t.Fatal(err)
	}
	for _, k := range keys {
		if err := b.AssignKey(b.t.Context(), by, k, id); err != nil {
			b.t.Fatal(err)
		}
	}
}

// shows is what the key displays now, and n steps away.
func (b *bench) shows(n otp.Step) string { return b.key.Code(b.key.StepAt(b.time) + n) }

func (b *bench) wait(steps int) { b.time = b.time.Add(time.Duration(steps) * time.Minute) }

func passcode(t *testing.T, s string) Passcode {
	t.Helper()
	p, err := ParsePasscode(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (b *bench) answer(c Challenge, a Answer) Reply {
	b.t.Helper()
	r, err := b.Answer(context.Background(), c, a, Source{})
	if err != nil {
		b.t.Fatalf("answering %s: %v", c.Question, err)
	}
	return r
}

// login types identifier and PASSCODE into a fresh page.
func (b *bench) login(id Identifier, typed string) Reply {
	b.t.Helper()
	return b.answer(b.Begin(""), PasscodeAnswer{id, passcode(b.t, typed)})
}

func (b *bench) want(r Reply, o Outcome, q Question) Reply {
	b.t.Helper()
	if r.Outcome != o || r.Challenge.Question != q {
		b.t.Fatalf("got %s, then %s; want %s, then %s", r.Outcome, r.Challenge.Question, o, q)
	}
	if r.Reference == "" {
		b.t.Fatal("no reference")
	}
	return r
}

// inService takes a key through its first login.
func (b *bench) inService(id Identifier, pin string) Reply {
	b.t.Helper()
	r := b.want(b.login(id, b.shows(0)), Asked, AskNewPIN)
	p, _ := ParsePIN(pin)
	r = b.want(b.answer(r.Challenge, NewPINAnswer{p, p}), Asked, AskNewPasscode)
	b.wait(1)
	r = b.want(b.answer(r.Challenge, NewPasscodeAnswer{passcode(b.t, pin+b.shows(0))}), Granted, Done)
	b.wait(1)
	return r
}

func TestTheGuidesJourney(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", "7294")
	s, a, err := b.Session(t.Context(), r.Token, "", true)
	if err != nil || s.Holder != "jdupont" || a.Name() != "Jeanne Dupont" {
		t.Fatalf("session %+v of %q: %v", s, a.Name(), err)
	}
	b.want(b.login("jdupont", "7294"+b.shows(0)), Granted, Done)
	b.want(b.login("jdupont", "7294"+b.shows(0)), Denied, AskPasscode)
}
