package authcore

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"reflect"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Reply is what comes of an answer.
type Reply struct {
	Challenge Challenge
	Outcome   Outcome
	Problem   PINProblem // with PINDenied
	Reference Reference  // of this answer, in the audit trail, the log and the page
	Token     Token      // with Granted
	// Browser, with Granted by codes, is what the browser is to keep for BrowserAge
	// and to bring with each answer: see Source.
	Browser Token
	// Wait, with Slowed, is how long nothing will be tried from there.
	Wait time.Duration
}

// token is the session that a login may open: made from the login's ID and salt
// under the secrets, so that a double click gets one session and no token is
// stored.
func (s *Secrets) token(c Challenge) Token {
	return Token(base64.RawURLEncoding.EncodeToString(s.derive("session", c.ID+c.Salt)))
}

// digest tells one answer from another without keeping it.
func (s *Secrets) digest(c Challenge, a Answer) []byte {
	text := c.ID + "\x00" + a.answers().String()
	switch a := a.(type) {
	case PasscodeAnswer:
		text += "\x00" + string(a.Identifier) + "\x00" + a.Passcode.digits
	case NewPINAnswer:
		text += "\x00" + a.PIN.digits + "\x00" + a.Again.digits + "\x00" + a.Activation.digits
	case NewPasscodeAnswer:
		text += "\x00" + a.Passcode.digits
	case NextCodeAnswer:
		text += "\x00" + a.Code.digits
	case PasskeyAnswer:
		return nil // its ceremony is answered once, and nobody sends it twice by a click
	}
	return s.derive("answer", text)
}

// Answer is the one write path of a login. In a first transaction the answer is
// charged, its code consumed, durably; then the PIN is hashed, where one is to
// be, outside any transaction; then a second one reads the state again and
// writes the verdict. The same answer given again within Policy.Repeat is the
// same attempt and gets the same reply; behind ErrBusy it is a new one.
//
// Errors: ErrNoChallenge (expired), ErrWrongQuestion, ErrClock, ErrBusy, the store's.
// After ErrBusy or an error of the store a code must be considered used.
func (g *Gate) Answer(ctx context.Context, c Challenge, a Answer, from Source) (Reply, error) {
	if err := g.checkClock(); err != nil {
		return Reply{}, err
	}
	if reply, over := g.stem(ctx, c, a, from); over {
		return reply, nil
	}
	turn := turn{gate: g, secrets: g.secrets(), begun: c, answer: a, from: from, reference: NewReference(), salt: NewNonce()}
	turn.digest = turn.secrets.digest(c, a)
	todo, reply, err := turn.play(ctx, nil)
	if err != nil || todo == (work{}) {
		return reply, err
	}
	// What was begun is ended, whether the client stays or not: a browser that
	// sends a form again leaves its first request, and waits for the same answer.
	ctx = context.WithoutCancel(ctx)
	h, err := g.hash(ctx, g.secrets(), todo)
	if err != nil && (turn.twin || !errors.Is(err, ErrBusy)) {
		return Reply{}, err // of twins, the one that has its place is judged
	}
	_, reply, err2 := turn.play(ctx, &h)
	if reply.Challenge.Last.Busy {
		err = ErrBusy // or its twin's: that had no room, and was faster
	}
	return reply, errors.Join(err, err2)
}

// hash does the slow work between the two transactions.
func (g *Gate) hash(ctx context.Context, s *Secrets, todo work) (h hashed, err error) {
	if h.judged = todo.judge; !h.judged.IsZero() {
		h.right, err = g.shared.pins.matches(ctx, s, h.judged, todo.pin)
	}
	if todo.make && !h.right && err == nil {
		h.made, err = g.shared.pins.hash(ctx, s, todo.pin)
	}
	h.busy = errors.Is(err, ErrBusy)
	return h, err
}

// turn is one answer on its way through its transactions.
type turn struct {
	gate      *Gate
	secrets   *Secrets  // of its beginning, which name the answer and the session
	newest    *Secrets  // of the transaction, which open what others wrote meanwhile
	begun     Challenge // as the browser brought it
	answer    Answer
	digest    []byte
	from      Source
	reference Reference
	twin      bool   // the answer waits for its hash already, in another request
	salt      string // of the session, should this be the first answer
}

// play is one transaction of an answer: read everything, one pure step, write
// everything. Its first half has no h; its second brings the hash.
func (t *turn) play(ctx context.Context, h *hashed) (work, Reply, error) {
	var m move
	err := t.gate.shared.store.Update(ctx, func(w store.Writer) error {
		t.newest, t.twin = t.gate.secrets(), false
		before, c, err := t.read(w)
		if err != nil {
			return err
		}
		m = move{challenge: c, scene: before}
		switch t.place(c, before, h) {
		case told:
			return t.checkRepeat(w, m)
		case twin:
			t.twin = true
			if m.work = t.again(c, before); m.work == (work{}) {
				return ErrWrongQuestion
			}
			return nil
		case late:
			return ErrWrongQuestion
		case first:
			c.Last = Taken{Digest: t.digest, At: before.now, Reference: t.reference}
			if c.Question == AskPasscode { // another try may be for another application
				c.Target = t.begun.Target
			}
		case half: // the answer is there already, its hash comes now
		}
		m = c.next(before, t.answer, h)
		return t.save(w, before, &m)
	})
	if err != nil {
		return work{}, Reply{}, err
	}
	t.gate.logEvents(ctx, m.events)
	t.gate.told(m.events)
	t.weigh(ctx, m)
	return m.work, t.reply(m), nil
}

// place is where an answer stands among those of its login.
type place uint8

const (
	first place = iota + 1 // a new answer to the question asked
	half                   // the hash of the answer that waits for it
	twin                   // the answer that waits for its hash, sent again
	told                   // an answer that has had its reply, sent again
	late                   // to another question, or overtaken by another answer
)

func (t *turn) place(c Challenge, s scene, h *hashed) place {
	same := len(c.Last.Digest) > 0 && subtle.ConstantTimeCompare(c.Last.Digest, t.digest) == 1
	switch {
	case h != nil && same && c.Last.Judging:
		return half
	case h != nil && same:
		return told // a twin was faster
	case h != nil:
		return late
	case same && s.now.Sub(c.Last.At) < s.policy.Repeat && c.Last.Judging:
		return twin
	case same && s.now.Sub(c.Last.At) < s.policy.Repeat && !c.Last.Busy && (c.Last.Outcome != Slowed || s.slowed()):
		return told
	case c.Question != t.answer.answers():
		return late
	}
	return first
}

// read reads the login, and the scene for whoever the answer or the login names,
// or for the stand-in. Error: ErrNoChallenge when the login has expired.
func (t *turn) read(w store.Writer) (scene, Challenge, error) {
	line := t.gate.shared.time.look()
	now := line.now()
	c, err := currentChallenge(t.newest, w, t.begun, now)
	if err != nil {
		return scene{}, c, err
	}
	if !now.Before(c.Expires) {
		return scene{}, c, ErrNoChallenge
	}
	if c.Salt == "" {
		c.Salt, c.Expires = t.salt, now.Add(t.gate.policy.Challenge)
	}
	s := scene{now: now, wall: line.wall, policy: t.gate.policy, session: t.secrets.token(c).id()}
	if a, ok := t.answer.(PasskeyAnswer); ok {
		return s, c, t.readPasskey(w, a, c, &s)
	}
	who := c.Holder
	if a, ok := t.answer.(PasscodeAnswer); ok {
		who = a.Identifier
	}
	if a, ok := t.answer.(NewPINAnswer); ok {
		s.activation = a.Activation.marks(t.newest, c.Trial.Serial)
	}
	if err := errors.Join(t.readAccount(w, who, &s), t.readCounters(w, who, &s)); err != nil {
		return scene{}, c, err
	}
	return s, c, t.readKeys(w, &s)
}

func (t *turn) readAccount(w store.Writer, who Identifier, s *scene) error {
	standIn, err := read[accountRecord](t.newest, w, accountName(nobody)) // for who is known as well: to the same cost
	if err != nil {
		return err
	}
	account, err := read[accountRecord](t.newest, w, accountName(who))
	if s.known = err == nil && who != nobody; errors.Is(err, store.ErrNotFound) {
		account, err = standIn, nil
	}
	s.account = Account(account)
	return err
}

// readKeys reads the keys of the scene's account; somebody without any is tried
// on the stand-in's, to the same cost and to no avail.
func (t *turn) readKeys(w store.Writer, s *scene) error {
	serials := s.account.Keys
	if len(serials) == 0 {
		serials = []Serial{nobodyKey}
	}
	for _, serial := range serials {
		k, err := read[keyRecord](t.newest, w, keyName(serial))
		if err != nil {
			return err
		}
		s.keys = append(s.keys, Key(k))
	}
	return nil
}

// again is the work of an answer whose first half another request did; none
// when the PIN to judge was cleared meanwhile.
func (t *turn) again(c Challenge, s scene) work {
	k := s.key(c.Trial.Serial)
	switch a := t.answer.(type) {
	case PasscodeAnswer:
		digits := k.Generator.Digits
		if c.Trial.Emergency {
			digits = emergencyDigits
		}
		if pin, _, _ := a.Passcode.split(digits); !k.PIN.IsZero() {
			return work{judge: k.PIN, pin: pin}
		}
	case NewPasscodeAnswer:
		pin, _, _ := a.Passcode.split(k.Generator.Digits)
		return work{judge: c.NewPIN, pin: pin}
	case NewPINAnswer:
		return work{make: true, pin: a.PIN, judge: c.Judged}
	}
	return work{}
}

// checkRepeat lets a repeated answer into its session only while that lives: a
// form sent again after the logout opens nothing.
func (t *turn) checkRepeat(w store.Writer, m move) error {
	if m.challenge.Last.Outcome != Granted {
		return nil
	}
	rec, err := read[sessionRecord](t.newest, w, sessionName(m.scene.session))
	if errors.Is(err, store.ErrNotFound) || err == nil && !Session(rec).alive(m.scene.account, m.scene.now) {
		return ErrNoChallenge
	}
	return err
}

// save writes what a step changed, and its audit entries with it.
func (t *turn) save(w store.Writer, before scene, m *move) error {
	var errs []error
	put := func(name string, record any, expires time.Time) {
		errs = append(errs, write(t.newest, w, name, record, expires))
	}
	c, after := m.challenge, m.scene
	put(challengeName(c.ID), challengeRecord(c), c.Expires)
	for i, k := range after.keys {
		if !reflect.DeepEqual(k, before.keys[i]) {
			put(keyName(k.Serial), keyRecord(k), time.Time{})
		}
	}
	errs = append(errs, t.saveCounters(w, before, after, c))
	t.savePasskey(after, before.account, put)
	if s := after.granted; s != nil {
		s.Address, s.Agent = t.from.text()
		put(sessionName(s.ID), sessionRecord(*s), s.End.Add(day))
		list, err := openSessions(t.newest, w, s.Holder)
		errs = append(errs, err)
		put(openName(s.Holder), listed(list, *s, after.now), s.End.Add(day))
	}
	t.sign(m)
	return errors.Join(append(errs, writeEvents(t.newest, w, m.events), t.gate.tell(t.newest, w, m.events))...)
}

// sign completes the events of a step. Of somebody unknown it keeps a mark only.
func (t *turn) sign(m *move) {
	address, agent := t.from.text()
	for i := range m.events {
		e := &m.events[i]
		e.Time, e.Reference, e.Address, e.Agent = m.scene.now, m.challenge.Last.Reference, address, agent
		if m.scene.known {
			e.Holder = m.challenge.Holder
		} else if m.challenge.Holder != "" {
			e.Unknown = t.newest.mark(m.challenge.Holder)
		}
		if e.Kind.passing() || !m.scene.known {
			e.Chain = t.newest.slotOf(m.challenge)
		}
	}
}

// reply is what the caller is told of a step. While a PIN is being judged there
// is nothing to tell.
func (t *turn) reply(m move) Reply {
	r := Reply{Challenge: m.challenge, Outcome: m.challenge.Last.Outcome, Problem: m.challenge.Last.Problem, Reference: m.challenge.Last.Reference}
	if r.Outcome == Granted {
		r.Token = t.secrets.token(m.challenge)
		if _, ok := t.answer.(PasskeyAnswer); !ok {
			r.Browser = t.browser(m.challenge)
		}
	}
	if r.Outcome == Slowed {
		r.Wait = m.scene.slow.Until.Sub(m.scene.now)
	}
	return r
}
