package authcore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// doubleClicks are forms sent twice, at each question. Each returns the page
// and the answer that is on its way.
var doubleClicks = []struct {
	name    string
	arrange func(b *bench) (Challenge, Answer)
	outcome Outcome
}{
	{"a good PASSCODE", func(b *bench) (Challenge, Answer) {
		b.inService("jdupont", pin)
		return b.Begin("/siecle"), PasscodeAnswer{"jdupont", passcode(b.t, pin+b.shows(0))}
	}, Granted},
	{"a wrong PIN", func(b *bench) (Challenge, Answer) {
		b.inService("jdupont", pin)
		return b.Begin(""), PasscodeAnswer{"jdupont", passcode(b.t, "8305"+b.shows(0))}
	}, Denied},
	{"a code of no key", func(b *bench) (Challenge, Answer) {
		b.inService("jdupont", pin)
		return b.Begin(""), PasscodeAnswer{"jdupont", passcode(b.t, pin+b.shows(500))}
	}, Denied},
	{"an identifier of nobody", func(b *bench) (Challenge, Answer) {
		return b.Begin(""), PasscodeAnswer{"nobody.here", passcode(b.t, pin+b.shows(0))}
	}, Denied},
	{"a drifted code", func(b *bench) (Challenge, Answer) {
		b.inService("jdupont", pin)
		return b.Begin(""), PasscodeAnswer{"jdupont", passcode(b.t, pin+b.shows(3))}
	}, Asked},
	{"the next code", func(b *bench) (Challenge, Answer) {
		b.inService("jdupont", pin)
		r := b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
		b.wait(1)
		return r.Challenge, NextCodeAnswer{passcode(b.t, b.shows(3))}
	}, Granted},
	{"a wrong next code", func(b *bench) (Challenge, Answer) {
		b.inService("jdupont", pin)
		r := b.want(b.login("jdupont", pin+b.shows(3)), Asked, AskNextCode)
		return r.Challenge, NextCodeAnswer{passcode(b.t, b.shows(500))}
	}, Denied},
	{"the code of a key without PIN", func(b *bench) (Challenge, Answer) {
		return b.Begin(""), PasscodeAnswer{"jdupont", passcode(b.t, b.shows(0))}
	}, Asked},
	{"a weak PIN", func(b *bench) (Challenge, Answer) {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		return r.Challenge, NewPINAnswer{PIN: PIN{"1111"}, Again: PIN{"1111"}}
	}, PINDenied},
	{"a new PIN", func(b *bench) (Challenge, Answer) {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		return r.Challenge, NewPINAnswer{PIN: PIN{pin}, Again: PIN{pin}}
	}, Asked},
	{"the proof of a new PIN", func(b *bench) (Challenge, Answer) {
		r := b.want(b.login("jdupont", b.shows(0)), Asked, AskNewPIN)
		r = b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
		b.wait(1)
		return r.Challenge, NewPasscodeAnswer{passcode(b.t, pin+b.shows(0))}
	}, Granted},
}

// tally is what an attempt leaves behind.
type tally struct{ sessions, events, wrongPIN, blind int }

func (b *bench) tally() tally {
	b.t.Helper()
	n, err := b.Blind(b.t.Context(), "jdupont")
	b.must(err)
	return tally{b.sessions(), len(b.events()), b.key1().WrongPIN, n}
}

// The same form sent again is the same attempt: one after the other, then fifty
// at once.
func TestDoubleClick(t *testing.T) {
	for _, tt := range doubleClicks {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			c, a := tt.arrange(b)
			r := b.answer(c, a)
			if r.Outcome != tt.outcome {
				t.Fatalf("got %s, want %s", r.Outcome, tt.outcome)
			}
			left := b.tally()
			b.pass(b.Policy().Repeat - time.Nanosecond)
			for _, page := range []Challenge{c, r.Challenge} {
				if again := b.answer(page, a); !sameReply(again, r) {
					t.Errorf("sent again: %s at %s, want %s at %s and the same reference and token",
						again.Outcome, again.Challenge.Question, r.Outcome, r.Challenge.Question)
				}
			}
			if got := b.tally(); got != left {
				t.Errorf("sent again it left %+v, before %+v", got, left)
			}
		})
		t.Run(tt.name+", at once", func(t *testing.T) {
			b := newBench(t)
			c, a := tt.arrange(b)
			before := b.tally()
			replies := make([]Reply, 50)
			together(len(replies), func(i int) { replies[i] = b.answer(c, a) })
			for _, r := range replies {
				if r.Outcome != tt.outcome || !sameReply(r, replies[0]) {
					t.Fatalf("replies differ: %s at %s and %s at %s", r.Outcome, r.Challenge.Question, replies[0].Outcome, replies[0].Challenge.Question)
				}
			}
			after := b.tally()
			if after.events != before.events+1 || after.wrongPIN > before.wrongPIN+1 || after.blind > before.blind+1 || after.sessions > before.sessions+1 {
				t.Errorf("fifty at once left %+v, before %+v: want one attempt", after, before)
			}
		})
	}
}

func sameReply(a, b Reply) bool {
	return a.Outcome == b.Outcome && a.Problem == b.Problem && a.Reference == b.Reference && a.Token == b.Token &&
		a.Challenge.Question == b.Challenge.Question
}

// The second click comes while the first one's PIN is being judged.
func TestDoubleClickWhileJudging(t *testing.T) {
	for _, typed := range []string{pin, "8305"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, typed+b.shows(0))}
			release := b.holdHashes()
			replies := make(chan Reply, 2)
			for range 2 {
				go func() { replies <- b.answer(c, a) }()
				synctest.Wait()
			}
			if n := len(b.shared.pins.waiting); n != 2 || b.key1().WrongPIN != 1 {
				t.Errorf("%d PINs wait, charged %d times; want 2 and once", n, b.key1().WrongPIN)
			}
			release()
			first, second := <-replies, <-replies
			if !sameReply(first, second) || (first.Outcome == Granted) != (typed == pin) {
				t.Errorf("got %s and %s", first.Outcome, second.Outcome)
			}
		})
	}
}

// A browser that sends a form again gives up the first request, which may still
// wait for its turn: the second one arrives all the same.
func TestDoubleClickGivesUpTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.inService("jdupont", pin)
		sessions := b.sessions()
		c, a := b.Begin(""), b.rightAnswer(AskPasscode)
		release := b.holdHashes()
		ctx, giveUp := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan Reply, 1)
		go func() {
			_, err := b.Answer(ctx, c, a, Source{})
			first <- err
		}()
		synctest.Wait()
		giveUp()
		synctest.Wait()
		go func() { second <- b.answer(c, a) }()
		synctest.Wait()
		release()
		r := b.want(<-second, Granted, Done)
		<-first
		if !b.opens(r.Token, "", true) || b.sessions()-sessions != 1 {
			t.Errorf("%d sessions were opened", b.sessions()-sessions)
		}
	})
}

// The second click finds the queue full: it is told so, and the first one, which
// has its place, is judged.
func TestDoubleClickInAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.inService("jdupont", pin)
		c, a := b.Begin(""), b.rightAnswer(AskPasscode)
		release := b.holdHashes()
		first := make(chan Reply, 1)
		go func() { first <- b.answer(c, a) }()
		synctest.Wait()
		room := b.shared.pins.waiting
		others := cap(room) - len(room)
		for range others {
			room <- struct{}{}
		}
		if r, err := b.Answer(t.Context(), c, a, Source{}); !errors.Is(err, ErrBusy) || r.Token != "" {
			t.Errorf("the second click: %s, %v", r.Outcome, err)
		}
		for range others {
			<-room
		}
		release()
		b.want(<-first, Granted, Done)
	})
}

// afterUpdate does something behind each transaction that was committed.
type afterUpdate struct {
	store.Store
	after func()
}

func (s afterUpdate) Update(ctx context.Context, fn func(store.Writer) error) error {
	err := s.Store.Update(ctx, fn)
	s.after()
	return err
}

// The second click has its place in the queue, and the first one finds it full:
// their code is burnt by then, and both are told to come again.
func TestDoubleClickWhereTheFirstHasNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := func() {}
		b := newBenchOn(t, func(s store.Store) store.Store { return afterUpdate{s, func() { after() }} })
		b.inService("jdupont", pin)
		c, a := b.Begin(""), b.rightAnswer(AskPasscode)
		type answered struct {
			Reply
			err error
		}
		replies := make(chan answered, 2)
		click := func() {
			r, err := b.Answer(t.Context(), c, a, Source{})
			replies <- answered{r, err}
		}
		release, goOn := b.holdHashes(), make(chan struct{})
		var held atomic.Bool
		after = func() {
			if held.CompareAndSwap(false, true) { // the first half of the first click
				<-goOn
			}
		}
		go click()
		synctest.Wait()
		go click()
		synctest.Wait()
		room := b.shared.pins.waiting
		others := cap(room) - len(room)
		for range others {
			room <- struct{}{}
		}
		close(goOn)
		synctest.Wait()
		for range others {
			<-room
		}
		release()
		first, second := <-replies, <-replies
		for _, r := range []answered{first, second} {
			if !errors.Is(r.err, ErrBusy) || r.Token != "" || r.Reference != first.Reference {
				t.Errorf("%s under %s, %v", r.Outcome, r.Reference, r.err)
			}
		}
		b.want(b.answer(c, a), Reused, AskPasscode)
	})
}

// A form sent again opens nothing once the session it opened has ended.
func TestRepeatAfterTheEnd(t *testing.T) {
	ends := map[string]func(b *bench, r Reply){
		"logout":              func(b *bench, r Reply) { b.logout(r) },
		"every session ended": func(b *bench, r Reply) { b.must(b.EndSessions(b.t.Context(), by, "jdupont")) },
		"person shut out":     func(b *bench, r Reply) { b.must(b.DisableAccount(b.t.Context(), by, "jdupont")) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(0))}
			r := b.want(b.answer(c, a), Granted, Done)
			end(b, r)
			for _, page := range []Challenge{c, r.Challenge} {
				if r, err := b.Answer(t.Context(), page, a, Source{}); !errors.Is(err, ErrNoChallenge) || r.Token != "" {
					t.Errorf("the form sent again after the end: %s, %v; want %v", r.Outcome, err, ErrNoChallenge)
				}
			}
		})
	}
}

// Later than Policy.Repeat the same form is another attempt, and is counted.
func TestRepeatTooLate(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, "8305"+b.shows(0))}
	first := b.denied(b.answer(c, a))
	b.pass(b.Policy().Repeat)
	second := b.denied(b.answer(c, a))
	if got := b.key1().WrongPIN; got != 2 || first.Reference == second.Reference {
		t.Errorf("after the delay: %d wrong PINs, want 2, each with its own reference", got)
	}
	b.wait(1)
	c, a = b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(0))}
	b.want(b.answer(c, a), Granted, Done)
	b.pass(b.Policy().Repeat)
	if r, err := b.Answer(t.Context(), c, a, Source{}); !errors.Is(err, ErrWrongQuestion) || r.Token != "" {
		t.Errorf("a PASSCODE that opened, sent again after the delay: %s, %v; want %v", r.Outcome, err, ErrWrongQuestion)
	}
}

// Another answer in between makes the first one's repetition a new attempt: an
// attacker cannot ask about one code twice for one charge.
func TestRepeatAfterAnotherAnswer(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	c := b.Begin("")
	for i, typed := range []string{"8305", "8306", "8305"} {
		b.denied(b.answer(c, PasscodeAnswer{"jdupont", passcode(t, typed+b.shows(0))}))
		if got := b.key1().WrongPIN; got != i+1 {
			t.Errorf("after %d wrong PINs with one code: %d counted", i+1, got)
		}
	}
}

// Who corrects the identifier and sends the same PASSCODE at once sends another
// form: it gets in.
func TestTheIdentifierIsCorrected(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	r := b.denied(b.login("jdupond", pin+b.shows(0)))
	b.want(b.answer(r.Challenge, b.rightAnswer(AskPasscode)), Granted, Done)
}

// A thousand browsers send one good PASSCODE at once: one gets in.
func TestOneCodeOneSession(t *testing.T) {
	const browsers = 1000
	b := newBench(t)
	b.inService("jdupont", pin)
	sessions := b.sessions()
	a := PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(0))}
	want := b.key.StepAt(b.clock())
	var granted, denied, others atomic.Int64
	together(browsers, func(int) {
		r, err := b.Answer(t.Context(), b.Begin(""), a, Source{})
		switch {
		case err == nil && r.Outcome == Granted:
			granted.Add(1)
		case err == nil && r.Outcome == Denied:
			denied.Add(1)
		default:
			others.Add(1)
			t.Errorf("%s, %v", r.Outcome, err)
		}
	})
	if granted.Load() != 1 || denied.Load() != browsers-1 {
		t.Errorf("%d got in, %d were denied, %d neither; want 1, %d, 0", granted.Load(), denied.Load(), others.Load(), browsers-1)
	}
	if n := b.sessions() - sessions; n != 1 {
		t.Errorf("%d sessions were opened", n)
	}
	if k := b.key1(); k.Used != want || k.WrongPIN != 0 {
		t.Errorf("the key remembers step %d and %d wrong PINs, want %d and none", k.Used, k.WrongPIN, want)
	}
	if a, r := b.count(LoginAccepted), b.count(CodeReused); a != 1 || r != browsers-1 {
		t.Errorf("written down: %d accepted, %d reused; want 1, %d", a, r, browsers-1)
	}
}
