package authcore

import (
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

const pin = "7294"

// consumptions are the ways in which a code is consumed. Each returns a code
// that must never do anything again, and the page on which it was typed last.
var consumptions = []struct {
	name    string
	consume func(b *bench) (code string, page Reply)
	then    Question // where the next fresh PASSCODE leads
}{
	{"after a success", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		return b.shows(0), b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	}, Done},
	{"after a success and a logout", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		r := b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
		b.logout(r)
		return b.shows(0), r
	}, Done},
	{"after a wrong PIN", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		return b.shows(0), b.denied(b.login("jdupont", "8305"+b.shows(0)))
	}, Done},
	{"after the code alone, where a PIN is due", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		return b.shows(0), b.denied(b.login("jdupont", b.shows(0)))
	}, Done},
	{"after a wrong PIN, corrected on the same page", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		r := b.denied(b.login("jdupont", "8305"+b.shows(0)))
		return b.shows(0), b.want(b.again(r, pin+b.shows(0)), Reused, AskPasscode)
	}, Done},
	{"a lower step that nobody ever typed", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		b.wait(2)
		return b.shows(-1), b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	}, Done},
	{"a code too far away to be accepted", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		return b.shows(8), b.denied(b.login("jdupont", pin+b.shows(8)))
	}, Done},
	{"the code that asked for the next one, abandoned", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		return b.shows(3), b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
	}, AskNextCode},
	{"a next code that came too late", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		r := b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
		return b.shows(7), b.denied(b.nextCode(r, b.shows(7)))
	}, AskNextCode},
	{"the code that opened the definition of a PIN, abandoned", func(b *bench) (string, Reply) {
		return b.shows(0), b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
	}, AskNewPIN},
	{"after a PIN was refused", func(b *bench) (string, Reply) {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		return b.shows(0), b.want(b.newPIN(r, "1234"), PINDenied, AskNewPIN)
	}, AskNewPIN},
	{"after a PIN was chosen, not proved", func(b *bench) (string, Reply) {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		return b.shows(0), b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
	}, AskNewPIN},
	{"a new code with another PIN than the new one", func(b *bench) (string, Reply) {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
		b.wait(1)
		return b.shows(0), b.want(b.newPasscode(r, "8305"+b.shows(0)), Denied, AskNewPasscode)
	}, AskNewPIN},
	{"the proof of a new PIN", func(b *bench) (string, Reply) {
		r := b.inService("jdupont", pin)
		return b.shows(-1), r
	}, Done},
	{"after five wrong PINs and an unlocking", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		r := b.lock()
		b.must(b.UnlockKey(b.t.Context(), by, "0123456789"))
		return b.shows(-1), r
	}, Done},
	{"typed while the key was locked", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		b.lock()
		r := b.denied(b.login("jdupont", pin+b.shows(0)))
		b.must(b.UnlockKey(b.t.Context(), by, "0123456789"))
		return b.shows(0), r
	}, Done},
	{"typed while the person was shut out", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		b.must(b.DisableAccount(b.t.Context(), by, "jdupont"))
		r := b.denied(b.login("jdupont", pin+b.shows(0)))
		b.must(b.EnableAccount(b.t.Context(), by, "jdupont"))
		return b.shows(0), r
	}, Done},
	{"before the PIN was cleared", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		r := b.denied(b.login("jdupont", "8305"+b.shows(0)))
		b.must(b.ClearPIN(b.t.Context(), by, "0123456789"))
		return b.shows(0), r
	}, AskNewPIN},
	{"while there was no room to judge its PIN", func(b *bench) (string, Reply) {
		b.inService("jdupont", pin)
		release := b.fillQueue()
		c := b.Begin("")
		r, err := b.Answer(b.t.Context(), c, PasscodeAnswer{"jdupont", passcode(b.t, pin+b.shows(0))}, Source{})
		release()
		if err == nil {
			b.t.Fatal("a PIN was judged without room for it")
		}
		return b.shows(0), r
	}, Done},
}

// logout ends the session of a reply.
func (b *bench) logout(r Reply) {
	b.t.Helper()
	s, _, err := b.Session(b.t.Context(), r.Token, "", false)
	b.must(err)
	b.must(b.End(b.t.Context(), s, Source{}))
}

// lock types five wrong PINs, a minute apart.
func (b *bench) lock() (r Reply) {
	b.t.Helper()
	for range b.Policy().LockAfter {
		r = b.denied(b.login("jdupont", "8305"+b.shows(0)))
		b.wait(1)
	}
	if s := b.key1().State; s != Locked {
		b.t.Fatalf("after %d wrong PINs the key is %s", b.Policy().LockAfter, s)
	}
	return r
}

// burnt wants that a code opens nothing and asks nothing, however it is spelt
// and wherever it is typed.
func (b *bench) burnt(code string, page Reply) {
	b.t.Helper()
	sessions, used := b.sessions(), b.key1().Used
	for _, typed := range []string{pin + code, code, "8305" + code, pin + " " + code[:3] + "\u202f" + code[3:]} {
		b.denied(b.login("jdupont", typed))
	}
	if page.Challenge.Question == AskPasscode {
		if r := b.again(page, pin+code); r.Outcome != Denied && r.Outcome != Reused {
			b.t.Errorf("typed again on the same page: %s", r.Outcome)
		}
	}
	if b.sessions() != sessions {
		b.t.Error("a session was opened")
	}
	if b.key1().Used != used {
		b.t.Error("the memory of used codes moved")
	}
}

// TestTheGoldenRule shows that a code that matched is never accepted again,
// whatever became of it, also by another browser, after a restart and under
// another policy. (RFC 6238 section 5.2 asks it after a success only.)
func TestTheGoldenRule(t *testing.T) {
	for _, tt := range consumptions {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			code, page := tt.consume(b)
			b.burnt(code, page)

			restarted, err := New(t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock})
			mustBeNil(t, err)
			first := b.Gate
			b.Gate = restarted
			b.burnt(code, page)
			wide := DefaultPolicy()
			wide.Small, wide.Medium, wide.Large = 10, 20, 60
			b.Gate = first.With(wide, b.log)
			b.burnt(code, page)
			b.Gate = first

			for !b.fresh() {
				b.wait(1)
			}
			if r := b.login("jdupont", pin+b.shows(0)); r.Challenge.Question != tt.then {
				t.Errorf("the next code, %s, leads to %s, want %s", r.Outcome, r.Challenge.Question, tt.then)
			}
		})
	}
}

// fresh reports whether the key shows a code that was never consumed.
func (b *bench) fresh() bool { return b.key.StepAt(b.clock()) > b.key1().Used }

// A clock that goes back brings no code back.
func TestTheClockGoesBack(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	for _, back := range []time.Duration{10 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
		b.pass(-back)
		for n := otp.Step(-1); n <= 0; n++ {
			b.denied(b.login("jdupont", pin+b.shows(n)))
		}
		b.pass(back)
		b.wait(1)
	}
}
