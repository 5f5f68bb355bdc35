package authcore

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// refusals are logins that must all look the same. Each begins with a key in
// service and returns what is typed.
var refusals = []struct {
	name    string
	arrange func(b *bench) (Identifier, string)
	kind    EventKind
	judged  bool // the PIN is looked at, which only who holds the key can cause
}{
	{"unknown identifier", func(b *bench) (Identifier, string) { return "nobody.here", pin + b.shows(0) }, PersonUnknown, false},
	{"wrong code", func(b *bench) (Identifier, string) { return "jdupont", pin + b.shows(500) }, CodeUnmatched, false},
	{"code of somebody else's key", func(b *bench) (Identifier, string) {
		b.addKey("OTHER-1")
		b.addPerson("mmartin", "OTHER-1")
		return "mmartin", pin + b.shows(0)
	}, CodeUnmatched, false},
	{"person without a key", func(b *bench) (Identifier, string) {
		b.addPerson("mmartin")
		return "mmartin", pin + b.shows(0)
	}, CodeUnmatched, false},
	{"wrong PIN", func(b *bench) (Identifier, string) { return "jdupont", "8305" + b.shows(0) }, PINWrong, true},
	{"code without the PIN", func(b *bench) (Identifier, string) { return "jdupont", b.shows(0) }, PINWrong, true},
	{"consumed code", func(b *bench) (Identifier, string) { return "jdupont", pin + b.shows(-1) }, CodeReused, false},
	{"code too far away", func(b *bench) (Identifier, string) { return "jdupont", pin + b.shows(9) }, CodeTooFar, false},
	{"key locked", withKey(func(k *Key) { k.State = Locked }), KeyUnusable, false},
	{"key locked, wrong PIN", func(b *bench) (Identifier, string) {
		b.change("0123456789", func(k *Key) { k.State = Locked })
		return "jdupont", "8305" + b.shows(0)
	}, KeyUnusable, false},
	{"key lost", withKey(func(k *Key) { k.State = Lost }), KeyUnusable, false},
	{"key expired", withKey(func(k *Key) { k.Expires = benchStart }), KeyUnusable, false},
	{"key taken back", withKey(func(k *Key) { k.Holder = "" }), KeyUnusable, false},
	{"key given to somebody else", withKey(func(k *Key) { k.Holder = "mmartin" }), KeyUnusable, false},
	{"locked key without PIN", func(b *bench) (Identifier, string) {
		b.change("0123456789", func(k *Key) { k.State, k.PIN = Locked, "" })
		return "jdupont", b.shows(0)
	}, KeyUnusable, false},
	{"person shut out", func(b *bench) (Identifier, string) {
		b.must(b.DisableAccount(b.t.Context(), by, "jdupont"))
		return "jdupont", pin + b.shows(0)
	}, PersonDisabled, false},
	{"person whose account ended", func(b *bench) (Identifier, string) {
		b.must(b.SetAccount(b.t.Context(), by, Account{Identifier: "jdupont", End: b.clock()}, []AccountField{FieldEnd}))
		return "jdupont", pin + b.shows(0)
	}, PersonDisabled, false},
}

func withKey(f func(*Key)) func(b *bench) (Identifier, string) {
	return func(b *bench) (Identifier, string) {
		b.change("0123456789", f)
		return "jdupont", pin + b.shows(0)
	}
}

// face is all that a page can be made from.
type face struct {
	Outcome  Outcome
	Problem  PINProblem
	Token    Token
	Question Question
	Target   string
	Expires  time.Time
	Holder   Identifier
	Display  Display
	Error    string
}

func (b *bench) face(r Reply) face {
	f := face{Outcome: r.Outcome, Problem: r.Problem, Token: r.Token, Question: r.Challenge.Question, Target: r.Challenge.Target,
		Expires: r.Challenge.Expires, Holder: r.Challenge.Holder}
	var err error
	if f.Display, err = b.Display(b.t.Context(), r.Challenge); err != nil {
		f.Error = err.Error()
	}
	return f
}

// Whatever was wrong, the answer is one and the same but for its reference; the
// audit trail knows, under that reference.
func TestOneRefusal(t *testing.T) {
	reference := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			id, typed := tt.arrange(b)
			sessions := b.sessions()
			c := b.Begin("/siecle")
			want := face{Outcome: Denied, Question: AskPasscode, Target: "/siecle", Expires: b.clock().Add(b.Policy().Challenge),
				Holder: id, Error: ErrNoChallenge.Error()}
			r := b.answer(c, PasscodeAnswer{id, passcode(t, typed)})
			if diff := cmp.Diff(want, b.face(r)); diff != "" {
				t.Errorf("the refusal differs (-want +got):\n%s", diff)
			}
			if !reference.MatchString(string(r.Reference)) {
				t.Errorf("the reference is %q", r.Reference)
			}
			events := b.eventsOf(func(e Event) bool { return e.Reference == r.Reference })
			if len(events) != 1 || events[0].Kind != tt.kind {
				t.Errorf("under its reference is written down: %s; want %s", kinds(events), tt.kind)
			}
			if b.sessions() != sessions {
				t.Error("a session was opened")
			}
			again := b.answer(r.Challenge, PasscodeAnswer{id, passcode(t, "123"+typed)})
			if diff := cmp.Diff(want, b.face(again)); diff != "" {
				t.Errorf("the second refusal on the same page differs (-want +got):\n%s", diff)
			}
		})
	}
}

// Only a good code of a usable key makes a PIN be hashed: with no room for any
// hash, all else is refused as ever.
func TestGuessesAreNotHashed(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			id, typed := tt.arrange(b)
			defer b.fillQueue()()
			r, err := b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{id, passcode(t, typed)}, Source{})
			if tt.judged {
				if !errors.Is(err, ErrBusy) {
					t.Errorf("a PIN to judge: %s, %v; want %v", r.Outcome, err, ErrBusy)
				}
				return
			}
			if err != nil || r.Outcome != Denied {
				t.Errorf("got %s, %v", r.Outcome, err)
			}
		})
	}
	t.Run("a wrong next code", func(t *testing.T) {
		b := newBench(t)
		r := pending[AskNextCode](b)
		defer b.fillQueue()()
		b.denied(b.nextCode(r, b.shows(500)))
	})
	t.Run("the proof of a PIN, without a code", func(t *testing.T) {
		b := newBench(t)
		r := pending[AskNewPasscode](b)
		defer b.fillQueue()()
		b.want(b.newPasscode(r, pin+b.shows(500)), Denied, AskNewPasscode)
	})
	t.Run("a weak PIN", func(t *testing.T) {
		b := newBench(t)
		r := pending[AskNewPIN](b)
		defer b.fillQueue()()
		b.want(b.newPIN(r, "1111"), PINDenied, AskNewPIN)
	})
}

// Where there is no room to judge a PIN the attempt is not counted, and the code
// is burnt.
func TestBusy(t *testing.T) {
	for q := AskPasscode; q < AskNextCode; q++ {
		t.Run(q.String(), func(t *testing.T) {
			b := newBench(t)
			r := pending[q](b)
			b.wait(1)
			used := b.key1().Used
			release := b.fillQueue()
			busy, err := b.Answer(t.Context(), r.Challenge, b.rightAnswer(q), Source{})
			release()
			if !errors.Is(err, ErrBusy) || busy.Token != "" {
				t.Errorf("got %s, %v", busy.Outcome, err)
			}
			k := b.key1()
			if k.WrongPIN != 0 || b.count(LoginBusy) != 1 {
				t.Errorf("%d wrong PINs counted, %d entries of a busy gate", k.WrongPIN, b.count(LoginBusy))
			}
			if burnt := k.Used > used; burnt != (q != AskNewPIN) {
				t.Errorf("the code is burnt: %v", burnt)
			}
			b.wait(1)
			if r := b.answer(r.Challenge, b.rightAnswer(q)); r.Outcome != Granted && q != AskNewPIN || q == AskNewPIN && r.Challenge.Question != AskNewPasscode {
				t.Errorf("a minute later: %s, then %s", r.Outcome, r.Challenge.Question)
			}
		})
	}
}

// Who is told to try again sends the same form again at once: it is tried again.
// Where its code was burnt, it is told that, and the next one opens.
func TestBusySentAgain(t *testing.T) {
	for q, want := range map[Question]struct {
		outcome Outcome
		next    Question
	}{
		AskPasscode:    {Reused, AskPasscode},
		AskNewPIN:      {Asked, AskNewPasscode},
		AskNewPasscode: {Reused, AskNewPasscode},
	} {
		t.Run(q.String(), func(t *testing.T) {
			b := newBench(t)
			r := pending[q](b)
			b.wait(1)
			a := b.rightAnswer(q)
			release := b.fillQueue()
			for range 2 {
				if r, err := b.Answer(t.Context(), r.Challenge, a, Source{}); !errors.Is(err, ErrBusy) || r.Reference == "" {
					t.Errorf("with no room: %s, %v", r.Outcome, err)
				}
			}
			release()
			again := b.want(b.answer(r.Challenge, a), want.outcome, want.next)
			if k := b.key1(); k.WrongPIN != 0 || b.count(LoginBusy) != 2 {
				t.Errorf("%d wrong PINs counted, %d entries of a busy gate", k.WrongPIN, b.count(LoginBusy))
			}
			b.wait(1)
			b.want(b.answer(again.Challenge, b.rightAnswer(want.next)), Granted, Done)
		})
	}
}

// A wrong PIN that is sent again behind a busy gate is judged, and counts once.
func TestBusySentAgainWithAWrongPIN(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	c, a := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, "8305"+b.shows(0))}
	release := b.fillQueue()
	if _, err := b.Answer(t.Context(), c, a, Source{}); !errors.Is(err, ErrBusy) {
		t.Errorf("with no room: %v", err)
	}
	release()
	for range 2 {
		b.denied(b.answer(c, a))
	}
	if k := b.key1(); k.WrongPIN != 1 || b.count(PINWrong) != 1 {
		t.Errorf("%d wrong PINs counted, %d written down", k.WrongPIN, b.count(PINWrong))
	}
}

// Who leaves before the first transaction has done nothing; who leaves later is
// judged all the same.
func TestTheClientLeaves(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		b := newBench(t)
		b.inService("jdupont", pin)
		before := b.tally()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, err := b.Answer(ctx, b.Begin(""), b.rightAnswer(AskPasscode), Source{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if got := b.tally(); got != before || !b.fresh() {
			t.Errorf("it left %+v, before %+v; the code is fresh: %v", got, before, b.fresh())
		}
	})
	t.Run("in the queue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.inService("jdupont", pin)
			sessions := b.sessions()
			release := b.holdHashes()
			ctx, leave := context.WithCancel(t.Context())
			replies := make(chan Reply)
			go func() {
				r, err := b.Answer(ctx, b.Begin(""), b.rightAnswer(AskPasscode), Source{})
				if err != nil {
					t.Errorf("judged, although nobody waits for it: %v", err)
				}
				replies <- r
			}()
			synctest.Wait()
			leave()
			release()
			b.want(<-replies, Granted, Done)
			if n := len(b.shared.pins.waiting); n != 0 || b.sessions()-sessions != 1 {
				t.Errorf("%d places in the queue are still taken, %d sessions were opened", n, b.sessions()-sessions)
			}
		})
	})
	t.Run("once judged", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		var leaving *leaver
		b := newBenchOn(t, func(s store.Store) store.Store {
			leaving = &leaver{Store: s, updates: -1000, leave: leave}
			return leaving
		})
		b.inService("jdupont", pin)
		leaving.updates = -1
		b.want(mustAnswer(t, b, ctx), Granted, Done)
		if ctx.Err() == nil {
			t.Error("the client never left: the test shows nothing")
		}
	})
}

func mustAnswer(t *testing.T, b *bench, ctx context.Context) Reply {
	t.Helper()
	r, err := b.Answer(ctx, b.Begin(""), b.rightAnswer(AskPasscode), Source{})
	mustBeNil(t, err)
	return r
}

// leaver is a store at whose second Update, counted from -1, the client leaves.
type leaver struct {
	store.Store
	updates int
	leave   func()
}

func (l *leaver) Update(ctx context.Context, fn func(store.Writer) error) error {
	if l.updates++; l.updates == 1 {
		l.leave()
	}
	return l.Store.Update(ctx, fn)
}
