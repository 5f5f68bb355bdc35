package authcore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

func TestParseActivation(t *testing.T) {
	for typed, want := range map[string]string{
		"": "", "  ": "", "-": "", "4821": "4821", " 4821 7395 ": "48217395", "4821-7395": "48217395", "4821\u00a07395": "48217395",
		strings.Repeat("7", maxActivation): strings.Repeat("7", maxActivation),
	} {
		if a, err := ParseActivation(typed); err != nil || a.digits != want {
			t.Errorf("%q is read as %d digits, %v", typed, len(a.digits), err)
		}
	}
	for _, typed := range []string{"482", "abcd", "4821x", strings.Repeat("7", maxActivation+1), "４８２１"} {
		if a, err := ParseActivation(typed); !errors.Is(err, ErrActivationShape) || a != (Activation{}) {
			t.Errorf("%q is read, %v", typed, err)
		}
	}
}

// activated is a bench whose key waits for its PIN and an activation code.
func activated(t tb) (*bench, Activation) {
	t.Helper()
	b := newBench(t)
	return b, b.activation("0123456789")
}

func (b *bench) activation(serial Serial) Activation {
	b.t.Helper()
	code, err := b.GiveActivation(b.t.Context(), by, serial)
	b.must(err)
	if len(code) != emergencyDigits {
		b.t.Fatalf("an activation code of %d digits", len(code))
	}
	a, err := ParseActivation(code)
	b.must(err)
	return a
}

func (b *bench) activate(r Reply, pin string, a Activation) Reply {
	b.t.Helper()
	return b.answer(r.Challenge, NewPINAnswer{PIN: PIN{pin}, Again: PIN{pin}, Activation: a})
}

// wrong is another code than a, and another for each n.
func (a Activation) wrong(n int) Activation {
	first := (int(a.digits[0]-'0') + 1 + n) % 10
	return Activation{fmt.Sprint(first) + a.digits[1:]}
}

func (b *bench) wantProblem(r Reply, p PINProblem) {
	b.t.Helper()
	if b.want(r, PINDenied, AskNewPIN); r.Problem != p {
		b.t.Fatalf("the problem is %s, want %s", r.Problem, p)
	}
}

// A key with an activation code is worth nothing to whoever takes it out of the
// post.
func TestAPINIsDefinedWithTheActivationCodeOnly(t *testing.T) {
	b, code := activated(t)
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	d, err := b.Display(t.Context(), r.Challenge)
	if err != nil || !d.Activation {
		t.Errorf("the page does not ask for the code, %v", err)
	}
	b.wantProblem(b.newPIN(r, "7294"), PINActivationMissing)
	b.wantProblem(b.activate(r, "7294", code.wrong(0)), PINActivationWrong)
	b.wantProblem(b.activate(r, "1234", code.wrong(1)), PINSequence) // a weak PIN is no attempt at the code
	if k := b.key1(); k.WrongPIN != 1 || b.count(ActivationWrong) != 1 {
		t.Errorf("%d wrong, %d written down", k.WrongPIN, b.count(ActivationWrong))
	}
	r = b.want(b.activate(r, "7294", code), Asked, AskNewPasscode)
	if k := b.key1(); k.Activation == "" {
		t.Error("the code is gone before a PIN is defined")
	}
	b.wait(1)
	b.want(b.newPasscode(r, "7294"+b.shows(0)), Granted, Done)
	info, err := b.KeyInfo(t.Context(), "0123456789")
	if err != nil || info.Activation || info.WrongPIN != 0 {
		t.Errorf("after the PIN: %+v, %v", info, err)
	}
}

// Five wrong ones lock the key, as wrong PINs do; the code outlives the lock.
func TestWrongActivationCodesLockTheKey(t *testing.T) {
	b, code := activated(t)
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	for n := range b.Policy().LockAfter - 1 {
		b.wantProblem(b.activate(r, "7294", code.wrong(n)), PINActivationWrong)
	}
	b.denied(b.activate(r, "7294", code.wrong(7)))
	if k := b.key1(); k.State != Locked || b.count(KeyLocked) != 1 {
		t.Fatalf("the key is %s", k.State)
	}
	b.wait(1)
	b.denied(b.login("jdupont", b.shows(0)))
	b.must(b.UnlockKey(t.Context(), by, "0123456789"))
	b.wait(1)
	r = b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	b.wantProblem(b.newPIN(r, "7294"), PINActivationMissing)
	b.want(b.activate(r, "7294", code), Asked, AskNewPasscode)
}

// Guesses count over logins: another page is not another five.
func TestWrongActivationCodesCountTogether(t *testing.T) {
	b, code := activated(t)
	for n := range b.Policy().LockAfter {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		b.activate(r, "7294", code.wrong(n))
		b.wait(1)
	}
	if k := b.key1(); k.State != Locked {
		t.Errorf("the key is %s", k.State)
	}
}

// A code given while somebody is choosing a PIN stops what was begun without it,
// at every point.
func TestAnActivationCodeGivenMeanwhile(t *testing.T) {
	t.Run("before the PIN is chosen", func(t *testing.T) {
		b := newBench(t)
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		b.activation("0123456789")
		b.wantProblem(b.newPIN(r, "7294"), PINActivationMissing)
	})
	t.Run("before the PIN is proved", func(t *testing.T) {
		b := newBench(t)
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		r = b.want(b.newPIN(r, "7294"), Asked, AskNewPasscode)
		b.activation("0123456789")
		b.wait(1)
		b.denied(b.newPasscode(r, "7294"+b.shows(0)))
	})
	t.Run("in the place of another", func(t *testing.T) {
		b, code := activated(t)
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		r = b.want(b.activate(r, "7294", code), Asked, AskNewPasscode)
		b.activation("0123456789")
		b.wait(1)
		b.denied(b.newPasscode(r, "7294"+b.shows(0)))
	})
	if k := newBench(t).key1(); k.Activation != "" {
		t.Error("a key has an activation code that nobody gave")
	}
}

// A code that was given goes on after the secrets were rotated, and is another
// for another key.
func TestActivationCodesAndSecrets(t *testing.T) {
	b, code := activated(t)
	kept := b.key1().Activation
	rotated, err := b.secrets().Rotated()
	b.must(err)
	b.must(b.UseSecrets(t.Context(), rotated))
	if now := code.mark(b.secrets(), "0123456789"); now == kept {
		t.Error("the derivation did not change with the secrets")
	}
	if !slices.Contains(code.marks(b.secrets(), "0123456789"), kept) || slices.Contains(code.marks(b.secrets(), "OTHER-1"), kept) {
		t.Error("the code's marks are not those of its key")
	}
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	b.want(b.activate(r, "7294", code), Asked, AskNewPasscode)
	if dump := b.dump(); strings.Contains(dump, code.digits) {
		t.Error("the store shows the code")
	}
}

// A key may come with a code from its supplier, which lasts over its assignment.
func TestAKeyImportedWithAnActivationCode(t *testing.T) {
	b := newBench(t)
	n := NewKey{Serial: "PSKC-1", Generator: totpKey("PSKC-1"), Activation: Activation{"4821"}}
	b.must(b.ImportKey(t.Context(), by, n))
	b.addPerson("mmartin", "PSKC-1")
	b.key = n.Generator
	r := b.want(b.login("mmartin", b.shows(0)), Asked, AskNewPIN)
	b.wantProblem(b.newPIN(r, "7294"), PINActivationMissing)
	b.want(b.activate(r, "7294", Activation{"4821"}), Asked, AskNewPasscode)
}

// Given before the PIN is cleared, a code leaves no moment in which the key alone
// is enough.
func TestAnActivationCodeForAKeyInService(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", "7294")
	code := b.activation("0123456789")
	b.want(b.login("jdupont", "7294"+b.shows(0)), Granted, Done)
	b.must(b.ClearPIN(t.Context(), by, "0123456789"))
	b.wait(1)
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	b.wantProblem(b.newPIN(r, "5083"), PINActivationMissing)
	b.want(b.activate(r, "5083", code), Asked, AskNewPasscode)
}

func TestActivationCodesAreRefused(t *testing.T) {
	b := newBench(t)
	b.must(b.RetireKey(t.Context(), by, "0123456789"))
	for serial, want := range map[Serial]error{"0123456789": ErrState, "NONE": ErrNotFound, nobodyKey: ErrNotFound} {
		if code, err := b.GiveActivation(t.Context(), by, serial); !errors.Is(err, want) || code != "" {
			t.Errorf("for key %s: %v", serial, err)
		}
	}
	if n := b.count(ActivationGiven); n != 0 {
		t.Errorf("%d are written down", n)
	}
}

// The answer's second click is the same attempt: it costs the holder one, not two.
func TestAWrongActivationCodeClickedTwice(t *testing.T) {
	b, code := activated(t)
	r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	for range 3 {
		b.wantProblem(b.activate(r, "7294", code.wrong(0)), PINActivationWrong)
	}
	b.want(b.activate(r, "7294", code), Asked, AskNewPasscode) // and another code another answer
	if k := b.key1(); k.WrongPIN != 1 {
		t.Errorf("%d wrong", k.WrongPIN)
	}
}

// activate compares with every derivation, whichever is right.
func TestActivate(t *testing.T) {
	k := Key{State: PINToDefine, Activation: "b", Used: otp.Step(7)}
	for _, c := range []struct {
		typed []activationMark
		want  PINProblem
	}{
		{nil, PINActivationMissing}, {[]activationMark{"b"}, 0}, {[]activationMark{"a", "b"}, 0}, {[]activationMark{"b", "a"}, 0},
		{[]activationMark{"a", "bb", ""}, PINActivationWrong},
	} {
		if got, p := k.activate(c.typed, DefaultPolicy()); p != c.want || (got.WrongPIN == 1) != (p == PINActivationWrong) || got.Used != 7 {
			t.Errorf("%d marks: %v", len(c.typed), p)
		}
	}
}
