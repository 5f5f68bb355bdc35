package authcore

// The moves that define a PIN: the first, or another in the place of a known one.

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

// renew has the key ask for another PIN, where the login was begun for that and has
// just shown the one of before.
func (m move) renew(k *Key) {
	if t := m.challenge.Trial; m.challenge.Renew && !t.Emergency && !t.Used && !k.PIN.IsZero() {
		k.ChangePIN = true
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
		return m.noRoom()
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
	followed, t, v := k.Follow(code, s.wall, m.challenge.Trial, s.policy)
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
		return m.noRoom()
	case !h.right:
		return m.deny(PINWrong, t)
	case t.Used:
		return m.reused()
	}
	*k = k.DefinePIN(m.challenge.NewPIN, t, m.scene.now)
	m.challenge.NewPIN, m.challenge.Activation = "", ""
	return m.grant(PINDefined)
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
