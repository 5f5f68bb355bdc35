package authcore

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// model is what a simple mind expects of the gate: it watches every answer that
// is given in a random life of three people, and holds the store to what it saw.
type model struct {
	*bench
	people  []Identifier
	pins    map[Identifier]string // the PIN in service
	pages   []page                // logins under way
	granted map[Identifier][]otp.Step
	tokens  []Token
	ended   map[Token]bool
	before  map[Identifier]Key

	activation map[Identifier]string // the code given last
}

// page is a browser's login: who answers in it, its cookie, and the PIN chosen.
type page struct {
	who    Identifier
	cookie string
	chosen string
}

var modelPINs = []string{"7294", "5083", "405172"}

func newModel(t *rapid.T) *model {
	m := &model{bench: newBench(t), people: []Identifier{"anna", "bela"}, pins: map[Identifier]string{},
		granted: map[Identifier][]otp.Step{}, ended: map[Token]bool{}, before: map[Identifier]Key{}, activation: map[Identifier]string{}}
	for _, id := range m.people {
		m.addKey(m.serial(id))
		m.addPerson(id, m.serial(id))
	}
	m.people = append(m.people, "cleo") // whom nobody knows
	strict := DefaultPolicy()
	strict.NextCodeAfter, strict.LockAfter = 2, 2
	m.Gate = m.With(strict, m.log)
	m.key = totpKey(m.serial("anna"))
	m.tokens = append(m.tokens, m.inService("anna", modelPINs[0]).Token)
	m.pins["anna"] = modelPINs[0]
	code, err := m.GiveActivation(t.Context(), by, m.serial("bela")) // her key came by post
	m.must(err)
	m.activation["bela"] = code
	for _, id := range m.people[:2] {
		m.before[id] = m.keyOf(id)
	}
	return m
}

func (m *model) serial(id Identifier) Serial { return Serial("KEY-" + strings.ToUpper(string(id))) }

func (m *model) keyOf(id Identifier) Key { m.t.Helper(); return m.stored(m.serial(id)) }

// code is what the person reads, a few steps early or late, or nothing like it.
func (m *model) code(t *rapid.T, id Identifier) (string, otp.Step) {
	g := totpKey(m.serial(id))
	if rapid.IntRange(0, 3).Draw(t, "patience") > 0 {
		m.wait(1)
	}
	off := rapid.SampledFrom([]otp.Step{0, 0, 0, 0, 0, 0, 0, 1, -1, -2, 3, 7, -9, 400}).Draw(t, "off")
	step := g.StepAt(m.clock()) + off
	return g.Code(step), step
}

func (m *model) person(t *rapid.T) Identifier {
	return m.people[rapid.SampledFrom([]int{0, 0, 0, 1, 1, 1, 2}).Draw(t, "who")]
}

func (m *model) typedPIN(t *rapid.T, right string) string {
	return rapid.SampledFrom([]string{right, right, right, right, "", "8305", modelPINs[0]}).Draw(t, "PIN")
}

// send gives an answer to a login, perhaps twice.
func (m *model) send(t *rapid.T, p *page, c Challenge, a Answer, step otp.Step) {
	from := Source{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(1, 3).Draw(t, "network"))})}
	r, err := m.Answer(t.Context(), c, a, from)
	if err != nil {
		t.Fatalf("answering %s: %v", c.Question, err)
	}
	if rapid.IntRange(0, 4).Draw(t, "clicks") == 0 {
		again, err := m.Answer(t.Context(), c, a, from)
		if err != nil || !sameReply(again, r) {
			t.Fatalf("the second click: %s (%v), the first: %s", again.Outcome, err, r.Outcome)
		}
	}
	if new, ok := a.(NewPINAnswer); ok && r.Challenge.Question == AskNewPasscode {
		p.chosen = new.PIN.digits
	}
	if r.Outcome == Granted {
		m.opened(t, *p, c.Question, r, step)
	}
}

// opened holds a grant to what the model knows.
func (m *model) opened(t *rapid.T, p page, asked Question, r Reply, step otp.Step) {
	if p.who == "cleo" {
		t.Fatal("somebody whom nobody knows got in")
	}
	if steps := m.granted[p.who]; len(steps) > 0 && step <= steps[len(steps)-1] {
		t.Fatalf("%s got in with step %d after step %d", p.who, step, steps[len(steps)-1])
	}
	if was := m.before[p.who]; step <= was.Used || !slices.Contains([]State{PINToDefine, ToSynchronise, Active}, was.State) {
		t.Fatalf("%s got in with step %d of a key that was %s and had used step %d", p.who, step, was.State, was.Used)
	}
	m.granted[p.who] = append(m.granted[p.who], step)
	if m.before[p.who].ChangePIN && asked != AskNewPasscode {
		t.Fatalf("%s got in without the PIN that was required", p.who)
	}
	if asked == AskNewPasscode {
		m.pins[p.who] = p.chosen
	}
	if slices.Contains(m.tokens, r.Token) {
		t.Fatal("two logins have one session")
	}
	m.tokens = append(m.tokens, r.Token)
	if !m.opens(r.Token, "", false) {
		t.Fatal("a session that was granted does not open")
	}
	if n := m.count(LoginAccepted) + m.count(PINDefined); n != len(m.tokens) {
		t.Fatalf("%d logins were granted, %d are written down", len(m.tokens), n)
	}
}

// begins opens a login page.
func (m *model) begins(t *rapid.T) {
	cookie, err := m.Seal(m.Begin(""))
	mustBeNil(t, err)
	m.pages = append(m.pages, page{who: m.person(t), cookie: cookie})
}

// next is the next thing that somebody does on a page, more often on the newest.
func (m *model) next(t *rapid.T) {
	if len(m.pages) == 0 {
		t.Skip("no page is open")
	}
	i := len(m.pages) - 1 - min(len(m.pages)-1, rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "page"))
	p := &m.pages[i]
	who := p.who
	if who == "cleo" {
		who = "anna"
	}
	code, step := m.code(t, who)
	c, err := m.Challenge(t.Context(), p.cookie)
	if err != nil && !errors.Is(err, ErrNoChallenge) {
		t.Fatal(err)
	}
	switch c.Question {
	case AskPasscode:
		m.send(t, p, c, PasscodeAnswer{p.who, passcode(t, m.typedPIN(t, m.pins[p.who])+code)}, step)
	case AskNewPIN:
		chosen := PIN{rapid.SampledFrom(append(modelPINs, "1234")).Draw(t, "chosen")}
		typed := rapid.SampledFrom([]string{m.activation[p.who], m.activation[p.who], "", "00000000"}).Draw(t, "activation code")
		m.send(t, p, c, NewPINAnswer{PIN: chosen, Again: chosen, Activation: Activation{typed}}, step)
	case AskNewPasscode:
		m.send(t, p, c, NewPasscodeAnswer{passcode(t, m.typedPIN(t, p.chosen)+code)}, step)
	case AskNextCode:
		m.send(t, p, c, NextCodeAnswer{passcode(t, code)}, step)
	default: // done, or the page is too old
		m.pages = slices.Delete(m.pages, i, i+1)
	}
}

// check holds the store to what must be true after every action. admin says
// that an administrator acted on a person's key just now.
func (m *model) check(t *rapid.T, admin Identifier) {
	for _, id := range m.people[:2] {
		was, is := m.before[id], m.keyOf(id)
		m.before[id] = is
		n, grew := len(m.granted[id]), !is.LastUsed.Equal(was.LastUsed)
		switch {
		case is.Used < was.Used:
			t.Fatalf("%s: the memory of used codes went from %d to %d", id, was.Used, is.Used)
		case is.WrongPIN < was.WrongPIN && !grew && admin != id:
			t.Fatalf("%s: wrong PINs went from %d to %d without a success", id, was.WrongPIN, is.WrongPIN)
		case was.State == Locked && is.State != Locked && admin != id:
			t.Fatalf("%s: a locked key became %s", id, is.State)
		case is.PIN.IsZero() != (is.State == PINToDefine) && is.State != Locked:
			t.Fatalf("%s: a key that is %s, with a PIN: %v", id, is.State, !is.PIN.IsZero())
		case abs(is.Drift-was.Drift) > 11:
			t.Fatalf("%s: the drift went from %d to %d", id, was.Drift, is.Drift)
		case n > 0 && m.granted[id][n-1] > is.Used:
			t.Fatalf("%s: step %d opened, but %d is the last that is remembered", id, m.granted[id][n-1], is.Used)
		case is.WrongPIN > m.Policy().LockAfter:
			t.Fatalf("%s: %d wrong PINs, and the key is %s", id, is.WrongPIN, is.State)
		}
	}
	if n := m.sessions(); n > len(m.tokens) {
		t.Fatalf("%d sessions of %d logins", n, len(m.tokens))
	}
	for token, ended := range m.ended {
		if ended && m.opens(token, "", false) {
			t.Fatal("a session that ended opens again")
		}
	}
}

func seldom(t *rapid.T) bool { return rapid.IntRange(0, 9).Draw(t, "seldom") == 0 }

// TestARandomLife lets people log in, mistype, click twice, give up and wait,
// and administrators lock out, unlock and clear PINs, in any order.
func TestARandomLife(t *testing.T) {
	seen := map[EventKind]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		var admin Identifier
		known := func(t *rapid.T) Identifier {
			admin = rapid.SampledFrom(m.people[:2]).Draw(t, "whose")
			return admin
		}
		t.Repeat(map[string]func(*rapid.T){
			"opens a page":             m.begins,
			"opens a page and answers": func(t *rapid.T) { m.begins(t); m.next(t) },
			"answers":                  m.next,
			"answers again":            m.next,
			"and again":                m.next,
			"waits": func(t *rapid.T) {
				m.pass(rapid.SampledFrom([]time.Duration{11 * time.Second, time.Minute, time.Minute, 2 * time.Minute}).Draw(t, "for"))
			},
			"goes home": func(t *rapid.T) {
				if seldom(t) {
					m.pass(14 * time.Hour)
					m.pages = nil
				}
			},
			"logs out": func(t *rapid.T) {
				if len(m.tokens) == 0 {
					t.Skip("nobody is logged in")
				}
				token := rapid.SampledFrom(m.tokens).Draw(t, "session")
				if m.opens(token, "", true) {
					m.logout(Reply{Token: token})
				}
				m.ended[token] = true
			},
			"is unlocked": func(t *rapid.T) {
				if id := known(t); m.keyOf(id).State == Locked {
					m.must(m.UnlockKey(t.Context(), by, m.serial(id)))
				}
			},
			"has the PIN cleared": func(t *rapid.T) {
				if !seldom(t) {
					return
				}
				id := known(t)
				m.must(m.ClearPIN(t.Context(), by, m.serial(id)))
				delete(m.pins, id)
			},
			"must choose another PIN": func(t *rapid.T) {
				if id := known(t); rapid.Bool().Draw(t, "now") && !m.keyOf(id).PIN.IsZero() {
					m.must(m.RequirePIN(t.Context(), by, m.serial(id)))
				}
			},
			"is given an activation code": func(t *rapid.T) {
				if seldom(t) {
					id := known(t)
					code, err := m.GiveActivation(t.Context(), by, m.serial(id))
					m.must(err)
					m.activation[id] = code
				}
			},
			"": func(t *rapid.T) { m.check(t, admin); admin = "" },
		})
		for _, e := range m.events() {
			seen[e.Kind]++
		}
	})
	t.Logf("seen: %v", seen)
	for _, k := range []EventKind{LoginAccepted, PINDefined, PINWrong, CodeReused, NextCodeAsked, PINChangeAsked, ActivationWrong} {
		if seen[k] == 0 {
			t.Errorf("in no life there was a %s: the test shows little; there were %v", k, seen)
		}
	}
}
