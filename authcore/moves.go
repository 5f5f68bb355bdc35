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

// passcodeJudged ends what passcode began, on the state as it is by now.
func (m move) passcodeJudged(h hashed) move {
	s := &m.scene
	k := s.key(m.challenge.Trial.Serial)
	if h.busy {
		if !m.challenge.Pair {
			k.WrongPIN = max(0, k.WrongPIN-1)
		}
		return m.noRoom()
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
	m.renew(k)
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
	followed, t, v := k.Follow(code, s.wall, m.challenge.Trial, s.policy)
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
	if !m.challenge.PINWrong {
		m.renew(k)
	}
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

// noRoom refuses an answer whose PIN nobody has looked at. Who sends it again is
// not told the same again, but tried again.
func (m move) noRoom() move {
	m.challenge.Last.Busy = true
	return m.deny(LoginBusy, m.challenge.Trial)
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
