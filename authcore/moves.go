package authcore

import "slices"

// move is the outcome of one step of a login: everything to save and to say.
type move struct {
	challenge Challenge
	scene     scene
	work      work
	events    []Event
}

// next takes one answer, or its second half when its hash is known (h not nil):
// the whole login is here. It knows no clock, no store, no randomness, and hashes
// nothing.
//
//	AskPasscode ──code, no PIN yet──► AskNewPIN ──PIN twice──► AskNewPasscode ──PIN + new code──► Done
//	     │                               ▲                      (AskNewPasscode and AskNextCode fall
//	     ├──PASSCODE──► Done             └─no PIN yet─┐          back to AskPasscode when the key is
//	     └──drifted, or after failures──► AskNextCode ┴► Done    no longer what it was)
//
// Where another PIN is required, what would lead to Done leads to AskNewPIN. A
// passkey leads from AskPasscode to Done.
func (c Challenge) next(s scene, a Answer, h *hashed) move {
	s.keys = slices.Clone(s.keys)
	m := move{challenge: c, scene: s}
	switch a := a.(type) {
	case PasscodeAnswer:
		if h == nil {
			return m.passcode(a)
		}
		return m.passcodeJudged(*h)
	case NewPINAnswer:
		if h == nil {
			return m.newPIN(a)
		}
		return m.newPINHashed(*h)
	case NewPasscodeAnswer:
		if h == nil {
			return m.newPasscode(a)
		}
		return m.newPasscodeJudged(*h)
	case NextCodeAnswer:
		return m.nextCode(a)
	case PasskeyAnswer:
		return m.passkey()
	}
	panic("authcore: an answer outside the closed set")
}

// passcode takes identifier and PASSCODE: every key of the person looks at the
// code, and what matched is consumed before anything else is asked.
func (m move) passcode(a PasscodeAnswer) move {
	s := &m.scene
	if m.challenge.Holder != a.Identifier {
		m.challenge.Holder, m.challenge.Trial = a.Identifier, Trial{}
	}
	if s.slowed() {
		return m.slowed()
	}
	m.challenge.Judged, m.challenge.Pair, m.challenge.PINWrong = "", false, false
	i, pin, t, v := s.try(a.Passcode)
	switch {
	case !t.matched():
		return m.blind()
	case !s.known:
		return m.deny(PersonUnknown, Trial{})
	case s.account.Closed(s.now):
		return m.shutOut(t)
	case !s.opens(s.keys[i], t):
		return m.deny(KeyUnusable, t)
	case v == CodeUsed && m.challenge.Trial.of(t) && s.keys[i].State != PINToDefine && !s.paired(t):
		// The very code that this login consumed: the person corrects the PIN
		// and has not waited. They may be told, if the PIN is right now; and it
		// counts as any judgement of a PIN.
		s.keys[i].WrongPIN++
	case v == CodeUsed:
		return m.deny(CodeReused, t)
	case v == Refused:
		s.blind()
		return m.deny(CodeTooFar, t)
	}
	m.challenge.Trial = t
	if v == NewPINWanted {
		return m.newPINWanted()
	}
	m.challenge.Pair = s.paired(t)
	if k := &s.keys[i]; k.WrongPIN > s.policy.LockAfter {
		// As many PINs as may be wrong still wait for their verdicts: guesses
		// sent all at once must be no more than those sent in turn.
		k.State = Locked
		m.event(KeyLocked, k.Serial)
		return m.deny(KeyUnusable, t)
	}
	m.work = work{judge: s.keys[i].PIN, pin: pin}
	m.challenge.Last.Judging = true
	return m
}

// newPINWanted goes on to the definition of the first PIN. Its one code is all
// that stands before it: after failures, which may have been guesses, the next
// one must stand there too.
func (m move) newPINWanted() move {
	if m.scene.attempts.Blind < m.scene.policy.NextCodeAfter {
		return m.ask(AskNewPIN, PINAsked)
	}
	m.challenge.Pair = true
	return m.ask(AskNextCode, NextCodeAsked)
}

// passcodeJudged ends what passcode began, on the state as it is by now.
func (m move) passcodeJudged(h hashed) move {
	s := &m.scene
	k := s.key(m.challenge.Trial.Serial)
	if h.busy {
		if !m.challenge.Pair {
			k.WrongPIN = max(0, k.WrongPIN-1)
		}
		return m.deny(LoginBusy, m.challenge.Trial)
	}
	if s.account.Closed(s.now) {
		return m.shutOut(m.challenge.Trial)
	}
	if !s.opens(*k, m.challenge.Trial) || k.PIN != h.judged {
		return m.deny(KeyUnusable, m.challenge.Trial) // or its PIN was cleared
	}
	m.challenge.Judged = h.judged
	if m.challenge.Pair {
		m.challenge.PINWrong = !h.right
		return m.ask(AskNextCode, NextCodeAsked)
	}
	if !h.right {
		return m.wrongPIN(k)
	}
	judged, v := k.Judge(m.challenge.Trial, true, s.now, s.policy)
	*k = judged
	switch v {
	case Accepted:
		if m.challenge.Trial.Emergency {
			return m.grant(EmergencyUsed)
		}
		return m.grant(LoginAccepted)
	case NextCodeWanted:
		return m.ask(AskNextCode, NextCodeAsked)
	case NewPINWanted:
		return m.ask(AskNewPIN, PINChangeAsked)
	case CodeUsed:
		return m.reused()
	default: // opens said so before
		return m.deny(KeyUnusable, m.challenge.Trial)
	}
}

// newPIN takes the PIN being defined; the policy's refusals leave everything as
// it was. A first PIN needs the activation code, where the key has one; another
// one was preceded by the old.
func (m move) newPIN(a NewPINAnswer) move {
	k := m.scene.key(m.challenge.Trial.Serial)
	if !m.definable(k) {
		return m.fallBack()
	}
	code := k.Generator.Code(m.challenge.Trial.Step)
	if p := m.scene.policy.problem(a.PIN, a.Again, k.Serial, code); p != 0 {
		return m.denyPIN(PINRefused, p)
	}
	if !m.challenge.Change() {
		judged, p := k.activate(m.scene.activation, m.scene.policy)
		*k = judged
		switch {
		case k.State == Locked:
			m.event(KeyLocked, k.Serial)
			return m.fallBackFor(ActivationWrong)
		case p == PINActivationWrong:
			return m.denyPIN(ActivationWrong, p)
		case p != 0:
			return m.denyPIN(PINRefused, p)
		}
	}
	m.work = work{make: true, pin: a.PIN, judge: m.challenge.Judged}
	m.challenge.Activation = k.Activation
	m.challenge.Last.Judging = true
	return m
}

// denyPIN says what is wrong with what was typed for a new PIN.
func (m move) denyPIN(kind EventKind, p PINProblem) move {
	m.event(kind, m.challenge.Trial.Serial)
	m.challenge.Last.Judging, m.challenge.Last.Outcome, m.challenge.Last.Problem = false, PINDenied, p
	return m
}

func (m move) newPINHashed(h hashed) move {
	if h.busy {
		return m.deny(LoginBusy, m.challenge.Trial)
	}
	if !m.provable(m.scene.key(m.challenge.Trial.Serial)) {
		return m.fallBack()
	}
	if h.right {
		return m.denyPIN(PINRefused, PINUnchanged)
	}
	m.challenge.NewPIN = h.made
	return m.ask(AskNewPasscode, PINStaged)
}

// newPasscode takes the new PIN with a new code: the proof that puts the key
// into service.
func (m move) newPasscode(a NewPasscodeAnswer) move {
	s := &m.scene
	if s.slowed() {
		return m.slowed()
	}
	k := s.key(m.challenge.Trial.Serial)
	if !m.provable(k) {
		return m.fallBack()
	}
	pin, code, _ := a.Passcode.split(k.Generator.Digits)
	followed, t, v := k.Follow(code, s.now, m.challenge.Trial, s.policy)
	*k = followed
	switch {
	case v == CodeUsed && t.Step == m.challenge.Trial.Step:
		// The code of the step before, typed again with the new PIN: the one
		// mistake everybody makes here, worth its own words once the PIN is
		// known to be right.
		m.challenge.Trial.Used = true
	case v == CodeUsed:
		return m.deny(CodeReused, t)
	case v == Refused && t.matched():
		return m.deny(CodeTooFar, t)
	case v == Refused:
		return m.blind()
	default:
		m.challenge.Trial = t
	}
	m.work = work{judge: m.challenge.NewPIN, pin: pin}
	m.challenge.Last.Judging = true
	return m
}

func (m move) newPasscodeJudged(h hashed) move {
	k := m.scene.key(m.challenge.Trial.Serial)
	t := m.challenge.Trial
	m.challenge.Trial.Used = false
	switch {
	case !m.provable(k):
		return m.fallBack()
	case h.busy:
		return m.deny(LoginBusy, t)
	case !h.right:
		return m.deny(PINWrong, t)
	case t.Used:
		return m.reused()
	}
	*k = k.DefinePIN(m.challenge.NewPIN, t, m.scene.now)
	m.challenge.NewPIN, m.challenge.Activation = "", ""
	return m.grant(PINDefined)
}

// nextCode takes the code after the one of the PASSCODE. There is one chance; a
// person who did not wait and typed the same code again has not used it.
func (m move) nextCode(a NextCodeAnswer) move {
	s := &m.scene
	k := s.key(m.challenge.Trial.Serial)
	if k.PIN != m.challenge.Judged || k.State != ToSynchronise && !m.challenge.Pair || !s.opens(*k, m.challenge.Trial) {
		return m.fallBack()
	}
	// Who types the PIN here as well, by habit, has shown it right before.
	_, code, _ := a.Code.split(k.Generator.Digits)
	followed, t, v := k.Follow(code, s.now, m.challenge.Trial, s.policy)
	*k = followed
	switch {
	case v == Accepted:
		m.challenge.Trial = t
		return m.twoCodes(k)
	case v == CodeUsed && t.Step == m.challenge.Trial.Step:
		return m.reused()
	}
	s.blind()
	m.challenge.Question = AskPasscode
	return m.deny(NextCodeWrong, m.challenge.Trial)
}

// twoCodes goes on behind two codes in a row of a key, which are no accident:
// what was kept back of its PIN may be told, and counts.
func (m move) twoCodes(k *Key) move {
	s := &m.scene
	switch {
	case m.challenge.PINWrong:
		k.WrongPIN++
		m.challenge.Question = AskPasscode
		return m.wrongPIN(k)
	case k.PIN.IsZero():
		return m.ask(AskNewPIN, PINAsked)
	case k.ChangePIN:
		*k = k.Synchronised(m.challenge.Trial)
		return m.ask(AskNewPIN, PINChangeAsked)
	}
	*k = k.Confirm(m.challenge.Trial, s.now)
	return m.grant(LoginAccepted)
}

// wrongPIN refuses a good code with a wrong PIN, the last of which locks the key.
func (m move) wrongPIN(k *Key) move {
	*k, _ = k.Judge(m.challenge.Trial, false, m.scene.now, m.scene.policy)
	if k.State == Locked {
		m.event(KeyLocked, k.Serial)
	}
	return m.deny(PINWrong, m.challenge.Trial)
}

// definable reports that the key still waits for its first PIN, or still has the
// one that this login has shown right and will replace: another browser may have
// defined one meanwhile, or somebody may have locked the key.
func (m move) definable(k *Key) bool {
	state := PINToDefine
	if m.challenge.Change() {
		state = Active
	}
	return k.State == state && k.PIN == m.challenge.Judged && m.scene.opens(*k, m.challenge.Trial)
}

// provable reports that the PIN chosen may be put into service: nobody has given
// the key another activation code since.
func (m move) provable(k *Key) bool {
	return m.definable(k) && k.Activation == m.challenge.Activation
}

// blind refuses an answer in which no code was seen.
func (m move) blind() move {
	m.scene.blind()
	kind := CodeUnmatched
	if !m.scene.known {
		kind = PersonUnknown
	}
	return m.deny(kind, Trial{})
}

// fallBack sends a login back to its beginning because the key is no longer
// what it was when the question was asked.
func (m move) fallBack() move { return m.fallBackFor(KeyUnusable) }

func (m move) fallBackFor(kind EventKind) move {
	m.challenge.Question = AskPasscode
	m.challenge.NewPIN, m.challenge.Activation = "", ""
	return m.deny(kind, m.challenge.Trial)
}

func (m move) deny(kind EventKind, t Trial) move {
	m.event(kind, t.Serial)
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Denied
	return m
}

// slowed refuses to look at an answer at all: too many guesses came from there.
// Nothing is used, nothing is counted.
func (m move) slowed() move {
	m.event(LoginSlowed, "")
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Slowed
	return m
}

// shutOut refuses a person whose account is closed, and writes down by what.
func (m move) shutOut(t Trial) move {
	m = m.deny(PersonDisabled, t)
	m.events[len(m.events)-1].Detail = m.scene.account.closedBy()
	return m
}

func (m move) reused() move {
	m.event(CodeReused, m.challenge.Trial.Serial)
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Reused
	return m
}

func (m move) ask(q Question, kind EventKind) move {
	m.event(kind, m.challenge.Trial.Serial)
	m.challenge.Question = q
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Asked
	return m
}

// event adds an event. A lost key whose code is good is in somebody's hand, which
// is nobody's ordinary day.
func (m *move) event(kind EventKind, serial Serial) {
	found := kind == KeyUnusable && m.scene.key(serial).State == Lost
	m.events = append(m.events, Event{Kind: kind, Serial: serial, Alert: kind.alarming() || found})
}
