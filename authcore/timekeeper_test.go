package authcore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// boot starts another server on the bench's store, when the clock says that.
func (b *bench) boot(at time.Time, log *slog.Logger) {
	b.t.Helper()
	b.setTime(at)
	g, err := New(b.t.Context(), Config{Store: b.store, Secrets: b.secrets(), Now: b.clock, Logger: log})
	b.must(err)
	g.shared.pins.cost = cheapPIN
	b.Gate = g
}

// judged is what is held of the clock.
func (b *bench) judged() Clock {
	b.t.Helper()
	c, err := b.Clock(b.t.Context())
	b.must(err)
	return c
}

// leapt sets the clock ahead without any time passing: the bench's has no
// monotonic reading that would tell.
func (b *bench) leapt(d time.Duration) {
	b.Now()
	k := b.shared.time
	k.mu.Lock()
	defer k.mu.Unlock()
	b.pass(d)
	k.last = k.last.Add(d)
}

// Whatever ended by time has ended, though the clock is set back before that:
// sessions, accounts, delays, logins under way, and what the store held of them.
func TestAClockSetBackRevivesNothing(t *testing.T) {
	for _, back := range []time.Duration{3 * time.Second, 2 * time.Hour, 24 * time.Hour, 365 * day} {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarted %v", back, restarted), func(t *testing.T) {
				b := newBench(t)
				r := b.inService("jdupont", pin)
				b.setEnd(b.clock().Add(b.Policy().Idle))
				page := b.Begin("")
				cookie := b.sealed(page)
				b.pass(max(b.Policy().Absolute, b.Policy().Page))
				b.must(b.KeepTime(t.Context()))
				if b.opens(r.Token, "", false) {
					t.Fatal("the session has not ended: the test shows nothing")
				}
				at := b.clock().Add(-back)
				if b.setTime(at); restarted {
					b.boot(at, nil)
				}
				if b.opens(r.Token, "", true) {
					t.Error("its session is alive again")
				}
				if _, err := b.Challenge(t.Context(), cookie); !errors.Is(err, ErrNoChallenge) {
					t.Errorf("its login under way: %v", err)
				}
				if a, err := b.Account(t.Context(), "jdupont"); err != nil || !a.Closed(b.Now()) {
					t.Errorf("the account that had ended is open again (%v)", err)
				}
				if b.Now().Before(at.Add(back)) {
					t.Errorf("the gate measures by %s", b.Now())
				}
			})
		}
	}
}

// TestUsedCodesStayUsed sets the clock anywhere, with and without a restart,
// while the holder logs in. No step is accepted twice, and none that is not
// beyond all that were accepted.
func TestUsedCodesStayUsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(t)
		b.inService("jdupont", pin)
		highest := b.key1().Used
		for range rapid.IntRange(1, 25).Draw(t, "acts") {
			switch rapid.IntRange(0, 4).Draw(t, "act") {
			case 0:
				b.setTime(b.clock().Add(time.Duration(rapid.Int64Range(-int64(3*time.Hour), 0).Draw(t, "back"))))
			case 1:
				b.must(b.KeepTime(t.Context()))
				b.boot(b.clock().Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "down"))), nil)
			default:
				b.wait(rapid.IntRange(0, 3).Draw(t, "minutes"))
				b.elsewhere()
				step := b.key.StepAt(b.clock()) + otp.Step(rapid.IntRange(-1, 1).Draw(t, "shown"))
				r, err := b.Answer(t.Context(), b.Begin(""), b.passcodeAt(step), b.from)
				switch {
				case errors.Is(err, ErrClock):
				case err != nil:
					t.Fatal(err)
				case r.Outcome == Granted && step <= highest:
					t.Fatalf("the code of step %d opens, and %d was used", step, highest)
				}
				if used := b.key1().Used; used < highest {
					t.Fatalf("the highest step went back from %d to %d", highest, used)
				} else {
					highest = used
				}
			}
		}
	})
}

// passcodeAt answers with the PIN and the code of a step.
func (b *bench) passcodeAt(step otp.Step) Answer {
	return PasscodeAnswer{Identifier: "jdupont", Passcode: passcode(b.t, pin+b.key.Code(step))}
}

// While the clock is set back the holder logs in with the codes that the key
// shows by it, once they are beyond those used.
func TestLoginsGoOnBehind(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.wait(5)
	b.Now()
	b.pass(-2 * time.Minute)
	if c := b.judged(); c.State != ClockBehind || !c.Logins {
		t.Fatalf("the clock is %s", c.State)
	}
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
	b.denied(b.login("jdupont", pin+b.shows(0)))
}

// A start with a clock before the time kept last lets nobody in and consumes
// nothing, until the clock is right or an operator says that it is.
func TestAnEarlyStartRefuses(t *testing.T) {
	for name, settle := range map[string]func(*bench){
		"put right": func(b *bench) { b.leapt(2*time.Hour + 10*time.Minute) },
		"accepted":  func(b *bench) { b.must(b.AcceptClock(b.t.Context(), by)); b.pass(2*time.Hour + 10*time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			r := b.inService("jdupont", pin)
			b.must(b.KeepTime(t.Context()))
			var log bytes.Buffer
			was := b.clock()
			b.boot(was.Add(-2*time.Hour), slog.New(slog.NewTextHandler(&log, nil)))
			for _, at := range []time.Time{was, was.Add(-2 * time.Hour)} {
				if !strings.Contains(log.String(), at.Format(time.RFC3339)) || !strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("the log does not name %s:\n%s", at, &log)
				}
			}
			used, before := b.key1().Used, b.dump()
			if _, err := b.Answer(t.Context(), b.Begin(""), b.passcodeAt(used+1), b.from); !errors.Is(err, ErrClock) {
				t.Errorf("a login: %v", err)
			}
			if b.dump() != before {
				t.Error("a login that was refused has written something")
			}
			if !b.opens(r.Token, "", false) {
				t.Error("the session that had not ended is closed")
			}
			settle(b)
			if c := b.judged(); c.State != ClockSound || !c.Logins {
				t.Fatalf("the clock is %s", c.State)
			}
			b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
		})
	}
}

// Who accepts an earlier time ends all sessions, which had ended by the later one
// or would last beyond their time, and the trail names who it was.
func TestAcceptEndsSessions(t *testing.T) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	b.must(b.KeepTime(t.Context()))
	b.boot(b.clock().Add(-time.Hour), nil)
	b.must(b.AcceptClock(t.Context(), by))
	if b.opens(r.Token, "", false) {
		t.Error("a session is open")
	}
	if all := b.eventsOf(kindIs(ClockAccepted)); len(all) != 1 || all[0].Actor != by.Name || all[0].Detail != b.clock().Format(time.RFC3339) {
		t.Errorf("the trail has %+v", all)
	}
	if !b.Now().Equal(b.clock()) {
		t.Errorf("the gate measures by %s, the clock says %s", b.Now(), b.clock())
	}
	b.boot(b.clock(), nil)
	if c := b.judged(); c.State != ClockSound {
		t.Errorf("after the next start the clock is %s", c.State)
	}
	before := b.dump()
	b.must(b.AcceptClock(t.Context(), by))
	if b.dump() != before {
		t.Error("a clock that is sound was accepted")
	}
}

// The alarm comes once for each time that the clock goes wrong: in the log at
// once, then as one entry of the trail, which is an alert.
func TestTheAlarmComesOnce(t *testing.T) {
	var log bytes.Buffer
	b := newBench(t)
	b.boot(b.clock(), slog.New(slog.NewTextHandler(&log, nil)))
	told := 0
	b.shared.onAlert = func(k EventKind) {
		if k == ClockDoubted {
			told++
		}
	}
	for n := 1; n <= 3; n++ {
		b.pass(time.Hour)
		b.Now()
		b.pass(-time.Minute)
		for range 10 {
			b.Now()
			b.must(b.KeepTime(t.Context()))
		}
		if lines := strings.Count(log.String(), "level=ERROR"); lines != n || b.count(ClockDoubted) != n || told != n {
			t.Errorf("the %d. time: %d lines, %d entries, %d alerts", n, lines, b.count(ClockDoubted), told)
		}
	}
}

// The time is kept once a minute at most, and only what goes forward.
func TestTimeIsKeptOnceAMinute(t *testing.T) {
	b := newBench(t)
	kept := func() string { b.must(b.KeepTime(t.Context())); return string(b.records()[clockName]) }
	first := kept()
	for range 59 {
		b.pass(time.Second)
		if kept() != first {
			t.Fatal("it was kept again within a minute")
		}
	}
	b.pass(time.Second)
	if kept() == first {
		t.Fatal("it was not kept after a minute")
	}
	for range 100 {
		b.login("jdupont", pin+"123456")
	}
	if now := kept(); now != kept() {
		t.Error("logins write it")
	}
}

// A clock that leaps into another century does not have the whole trail removed
// as too old, nor its time kept.
func TestALeapPoisonsNothing(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	b.must(b.KeepTime(t.Context()))
	entries := len(b.events())
	for _, running := range []bool{true, false} {
		if running {
			b.leapt(60 * 365 * day)
		} else {
			b.boot(benchStart.AddDate(60, 0, 0), nil)
		}
		if c := b.judged(); c.State != ClockAhead || c.Logins {
			t.Fatalf("running %v: the clock is %s", running, c.State)
		}
		if _, err := b.Answer(t.Context(), b.Begin(""), b.passcodeAt(b.key.StepAt(b.clock())), b.from); !errors.Is(err, ErrClock) {
			t.Errorf("running %v: a login: %v", running, err)
		}
		if n, err := b.Expire(t.Context()); n != 0 || err != nil {
			t.Errorf("running %v: %d entries removed (%v)", running, n, err)
		}
		b.must(b.KeepTime(t.Context()))
		b.boot(benchStart.Add(time.Hour), nil)
		if c := b.judged(); c.State != ClockSound || c.Believed.After(benchStart.Add(time.Hour)) {
			t.Errorf("running %v: back in its time the clock is %s, at %s", running, c.State, c.Believed)
		}
	}
	if n := len(b.events()); n < entries {
		t.Errorf("%d entries of %d are left", n, entries)
	}
	b.verified()
}

// Faults of the store are told, and the next call catches up.
func TestKeepTimeFails(t *testing.T) {
	b, f := newFaultyBench(t)
	b.Now()
	b.pass(-time.Minute)
	for n := 1; n < 100; n++ {
		f.n = n
		err := b.KeepTime(t.Context())
		if f.n > 0 {
			break
		}
		if f.n = -1; !errors.Is(err, errFault) {
			t.Fatalf("fault %d: %v", n, err)
		}
		if b.count(ClockDoubted) != 0 {
			t.Fatalf("fault %d: the alarm is in the trail", n)
		}
	}
	if f.n = -1; b.count(ClockDoubted) != 1 {
		t.Errorf("%d alarms in the trail", b.count(ClockDoubted))
	}
}

// However the clock is set, the gate's time does not go back.
func TestNowFollowsNoSetting(t *testing.T) {
	b := newBench(t)
	before := b.Now()
	for _, d := range []time.Duration{-time.Hour, time.Second, -24 * time.Hour, 365 * day, -2 * time.Second} {
		b.pass(d)
		if now := b.Now(); now.Before(before) {
			t.Fatalf("set by %s, the gate's time went back from %s to %s", d, before, now)
		} else {
			before = now
		}
	}
}
