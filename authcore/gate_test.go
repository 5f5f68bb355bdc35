package authcore

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// sealed is a login's cookie.
func (b *bench) sealed(c Challenge) string {
	b.t.Helper()
	cookie, err := b.Seal(c)
	b.must(err)
	return cookie
}

// reopened is a login as the next request finds it.
func (b *bench) reopened(c Challenge) Challenge {
	b.t.Helper()
	again, err := b.Challenge(b.t.Context(), b.sealed(c))
	b.must(err)
	return again
}

// Before its first answer a login is nothing but a cookie.
func TestAPageWritesNothing(t *testing.T) {
	b := newBench(t)
	before := b.dump()
	for range 100 {
		c := b.Begin("/siecle")
		again := b.reopened(c)
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("the login (-begun +reopened):\n%s", diff)
		}
	}
	if b.dump() != before {
		t.Error("something was written")
	}
}

func TestLoginCookie(t *testing.T) {
	b := newBench(t)
	c := b.Begin("/siecle?a=1")
	cookie := b.sealed(c)
	if strings.Contains(cookie, c.ID) || len(cookie) > 500 {
		t.Errorf("the cookie has %d characters, or shows its login", len(cookie))
	}
	form, err := b.FormToken(c.ID)
	mustBeNil(t, err)
	damaged := []byte(cookie)
	damaged[len(damaged)/2] ^= 1
	for name, bad := range map[string]string{
		"none": "", "the login's name": c.ID, "damaged": string(damaged), "cut": cookie[:len(cookie)-2], "longer": cookie + "AA", "no base64": "!" + cookie,
		"a form's token": form, "of another gate": newBench(t).sealed(c), "1 MB": strings.Repeat("A", megabyte),
	} {
		if got, err := b.Challenge(t.Context(), bad); !errors.Is(err, ErrNoChallenge) || got.ID != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.pass(b.Policy().Page - time.Second)
	b.reopened(c)
	b.pass(time.Second)
	if _, err := b.Challenge(t.Context(), cookie); !errors.Is(err, ErrNoChallenge) {
		t.Errorf("a page that lay open too long: %v", err)
	}
	if _, err := b.Answer(t.Context(), c, b.rightAnswer(AskPasscode), Source{}); !errors.Is(err, ErrNoChallenge) {
		t.Errorf("its answer: %v", err)
	}
	if k := b.key1(); k.Used != -1 {
		t.Error("its code was consumed")
	}
}

// From the first answer on a login has Policy.Challenge, and then begins again
// on the same page.
func TestLoginEnds(t *testing.T) {
	for _, q := range []Question{AskNewPIN, AskNewPasscode, AskNextCode} {
		t.Run(q.String(), func(t *testing.T) {
			b := newBench(t)
			r := pending[q](b)
			page := Challenge{ID: r.Challenge.ID, Expires: b.clock().Add(b.Policy().Page)}
			b.setTime(r.Challenge.Expires.Add(-time.Second))
			if c := b.reopened(page); c.Question != q {
				t.Errorf("a second before its end it asks for %s", c.Question)
			}
			b.pass(time.Second)
			c := b.reopened(page)
			if c.Question != AskPasscode || c.Holder != "" || c.Trial != (Trial{}) || !c.NewPIN.IsZero() || c.Salt != "" {
				t.Errorf("after its end it asks for %s, and remembers %q", c.Question, c.Holder)
			}
			used := b.key1().Used
			if _, err := b.Answer(t.Context(), page, b.rightAnswer(q), Source{}); !errors.Is(err, ErrWrongQuestion) {
				t.Errorf("its answer, too late: %v", err)
			}
			if b.key1().Used != used {
				t.Error("the code of the answer that came too late was consumed")
			}
			if r := b.answer(c, b.rightAnswer(AskPasscode)); r.Outcome == Denied {
				t.Errorf("the same page, begun again: %s", r.Outcome)
			}
		})
	}
}

// One page can be used for one login after the other, each with its own session.
func TestOnePageManyLogins(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	c := b.Begin("")
	var tokens []Token
	for range 3 {
		tokens = append(tokens, b.want(b.answer(b.reopened(c), b.rightAnswer(AskPasscode)), Granted, Done).Token)
		b.pass(b.Policy().Challenge)
	}
	if tokens[0] == tokens[1] || tokens[1] == tokens[2] {
		t.Error("two logins of one page have the same session")
	}
	b.logout(Reply{Token: tokens[0]})
	if b.opens(tokens[0], "", false) || !b.opens(tokens[1], "", false) {
		t.Error("want the first session ended, the second alive")
	}
}

// Each question takes its own answer only.
func TestWrongQuestion(t *testing.T) {
	for q := AskPasscode; q < Done; q++ {
		for other := AskPasscode; other < Done; other++ {
			if q == other {
				continue
			}
			b := newBench(t)
			r := pending[q](b)
			b.wait(1)
			before := b.dump()
			reply, err := b.Answer(t.Context(), r.Challenge, b.rightAnswer(other), Source{})
			if !errors.Is(err, ErrWrongQuestion) || reply.Outcome != 0 {
				t.Errorf("asked for %s, answered as if for %s: %s, %v", q, other, reply.Outcome, err)
			}
			if b.dump() != before {
				t.Errorf("asked for %s, answered as if for %s: something was written", q, other)
			}
		}
	}
}

// The key that a login is about leaves the account while the login goes on.
func TestTheKeyIsGone(t *testing.T) {
	for _, q := range []Question{AskNewPIN, AskNewPasscode, AskNextCode} {
		b := newBench(t)
		r := pending[q](b)
		b.wait(1)
		b.addKey("SPARE-1")
		b.must(b.changeAccount(t.Context(), by, "jdupont", "key taken back", func(a *Account) { a.Keys = []Serial{"SPARE-1"} }))
		b.denied(b.answer(r.Challenge, b.rightAnswer(q)))
	}
}

// Somebody else defines the PIN while one is being hashed.
func TestThePINIsDefinedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		r := pending[AskNewPIN](b)
		hash := b.hashOf("5083")
		release := b.holdHashes()
		reply := make(chan Reply)
		go func() { reply <- b.newPIN(r, pin) }()
		synctest.Wait()
		b.change("0123456789", func(k *Key) { k.State, k.PIN = Active, hash })
		release()
		b.denied(<-reply)
		if b.key1().PIN != hash {
			t.Error("the PIN that was defined first is lost")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		r := pending[AskNewPasscode](b)
		b.wait(1)
		hash := b.hashOf("5083")
		release := b.holdHashes()
		reply := make(chan Reply)
		go func() { reply <- b.newPasscode(r, pin+b.shows(0)) }()
		synctest.Wait()
		b.change("0123456789", func(k *Key) { k.State, k.PIN = Active, hash })
		release()
		b.denied(<-reply)
		if b.key1().PIN != hash {
			t.Error("the PIN that was defined first is lost")
		}
	})
}

// What proves a new PIN is a code of the clock that the first code showed.
func TestProofOfAPIN(t *testing.T) {
	for off, want := range map[otp.Step]Outcome{-1: Denied, 0: Reused, 1: Granted, 2: Denied, 5: Denied, 500: Denied} {
		b := newBench(t)
		b.wait(1)
		r := pending[AskNewPasscode](b)
		r = b.newPasscode(r, pin+b.shows(off))
		if r.Outcome != want {
			t.Errorf("%+d steps from the first code: %s, want %s", off, r.Outcome, want)
		}
		if want == Granted {
			continue
		}
		b.wait(6)
		b.want(b.newPasscode(r, pin+b.shows(0)), Granted, Done)
	}
}

func TestFormToken(t *testing.T) {
	b := newBench(t)
	c, other := b.Begin(""), b.Begin("")
	token, err := b.FormToken(c.ID)
	mustBeNil(t, err)
	empty, err := b.FormToken("")
	mustBeNil(t, err)
	second, err := b.FormToken(c.ID)
	mustBeNil(t, err)
	if !b.CheckForm(c.ID, token) || !b.CheckForm(c.ID, second) || token == second {
		t.Error("a form's token is refused, or two are equal")
	}
	foreign, err := newBench(t).FormToken(c.ID)
	mustBeNil(t, err)
	for name, tt := range map[string]struct{ bind, token string }{
		"another login":     {other.ID, token},
		"nothing":           {"", token},
		"nothing, for it":   {"", empty},
		"no token":          {c.ID, ""},
		"the bind itself":   {c.ID, c.ID},
		"a login's cookie":  {c.ID, b.sealed(c)},
		"cut":               {c.ID, token[:len(token)-2]},
		"longer":            {c.ID, token + "AA"},
		"of another gate":   {c.ID, foreign},
		"1 MB":              {c.ID, strings.Repeat("A", megabyte)},
		"a longer bind":     {c.ID + "x", token},
		"invalid UTF-8":     {c.ID, "\xff\xfe"},
		"for nothing, used": {c.ID, empty},
	} {
		if b.CheckForm(tt.bind, tt.token) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What the pages tell of a key, and only after a good code of it.
func TestDisplay(t *testing.T) {
	b := newBench(t)
	for q, known := range map[Question]bool{AskPasscode: false, AskNewPIN: true, AskNewPasscode: true, AskNextCode: true} {
		b := newBench(t)
		r := pending[q](b)
		got, err := b.Display(t.Context(), r.Challenge)
		want := Display{Serial: "0123456789", Digits: 6, Period: time.Minute, Remaining: 40 * time.Second}
		if known && (err != nil || got != want) || !known && !errors.Is(err, ErrNoChallenge) {
			t.Errorf("asked for %s: %+v, %v", q, got, err)
		}
	}
	h := counterBench(t)
	r := h.want(h.login("mmartin", pin+h.key.Code(20)), Asked, AskNextCode)
	if got, err := h.Display(t.Context(), r.Challenge); err != nil || got != (Display{Serial: "HOTP-1", Digits: 6}) {
		t.Errorf("of a counter-based key: %+v, %v", got, err)
	}
	if _, err := b.Display(t.Context(), Challenge{Question: AskNextCode, Trial: Trial{Serial: "NO-SUCH-KEY"}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no key: %v", err)
	}
}
