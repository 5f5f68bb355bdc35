package authcore

// grant opens the session: the only place that does.
func (m move) grant(kind EventKind) move {
	s := &m.scene
	m.event(kind, m.challenge.Trial.Serial)
	m.challenge.Question = Done
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Granted
	s.granted = &Session{
		ID: s.session, Holder: s.account.Identifier, Serial: m.challenge.Trial.Serial, Method: MethodOTP, Epoch: s.account.Epoch,
		Began: s.now, Seen: s.now, Idle: s.now.Add(s.policy.Idle), End: s.now.Add(s.policy.Absolute), Passkey: s.passkey.mark,
	}
	switch {
	case s.passkey.mark != "":
		// Guesses at a key's codes were none at a passkey: they still count (NIST SP
		// 800-63B-4 §3.2.2 forgets those of the authenticator that was used).
		s.granted.Method = MethodPasskey
		return m
	case m.challenge.Trial.Emergency:
		s.granted.Method = MethodEmergency
	}
	s.attempts.Blind, s.slow = 0, slow{}
	return m
}
