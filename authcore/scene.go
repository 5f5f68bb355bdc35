package authcore

import "time"

// hashed is what comes back from the PIN's hash, which is too slow for a
// transaction: the second half of an answer.
type hashed struct {
	right  bool    // the PIN matched
	judged PINHash // what it was compared with
	made   PINHash // or: the hash of the new PIN, unless it matched the old one
	busy   bool    // or: there was no room to hash at all
}

// work is the hash that an answer needs before it can be decided. The zero
// value is none.
type work struct {
	judge PINHash // compare with this one
	make  bool    // make a new one, unless it matches that
	pin   PIN
}

// scene is what a login plays in: all that is read for one answer, and all that
// it may change.
type scene struct {
	now     time.Time // that validities are measured by
	wall    time.Time // that codes stand at
	policy  Policy
	session SessionID // what the session would be named, were it granted

	account  Account
	known    bool // the account is a person's and not the stand-in
	attempts attempts
	slow     slow // over this identifier, where the answer came from
	// browserSeen: both are those of a browser in which the person logged in then.
	browserSeen time.Time

	keys    []Key
	granted *Session

	activation []activationMark // what the activation code typed may be kept as
	passkey    shown            // what the passkey that answered came to
	guessed    bool             // the answer was a failure that anybody can cause
}

// attempts counts, for an identifier, the answers in a row in which no code of
// theirs was seen, or one too far away. Anybody can raise it, so it never locks
// anything: it only makes the next good PASSCODE be followed by the next code,
// and looks for it in the large window, where a key whose clock has drifted is.
type attempts struct {
	Blind int `json:"blind"`
}

// try lets every key look at the code. Which of them it is decides in this
// order: a fresh code of a usable key, a fresh one, a used one. All of them look
// whatever comes of it, so that the time tells nothing.
func (s *scene) try(p Passcode) (index int, pin PIN, t Trial, v Verdict) {
	v = Refused
	best := 0
	for i, k := range s.keys {
		kpin, code, ok := p.split(k.Generator.Digits)
		if !ok {
			code = ""
		}
		k, kt, kv := k.Try(code, s.wall, s.attempts.Blind+k.WrongPIN, s.policy)
		if k2, epin, et, found := k.tryEmergency(p, s.now); found {
			k, kpin, kt, kv = k2, epin, et, PINWanted
		}
		k.WrongPIN = s.keys[i].WrongPIN // charged below, to the one whose PIN is judged
		s.keys[i] = k
		if rank := s.rank(k, kt); rank > best {
			best, index, pin, t, v = rank, i, kpin, kt, kv
		}
	}
	if v == PINWanted && s.opens(s.keys[index], t) && !s.paired(t) {
		s.keys[index].WrongPIN++
	}
	return index, pin, t, v
}

// paired reports whether the PIN behind a trial is told right or wrong only with
// the next code: after so many blind failures one code that fits may be luck.
// Emergency codes have no next one.
func (s *scene) paired(t Trial) bool {
	return s.attempts.Blind >= s.policy.PairAfter && !t.Emergency
}

// blind counts a failure that anybody can cause.
func (s *scene) blind() {
	s.guessed = true
	s.attempts.Blind++
	s.slow = s.slow.failed(s.now, s.policy)
}

// slowed reports whether nothing is to be tried yet.
func (s *scene) slowed() bool { return s.now.Before(s.slow.Until) }

func (s *scene) rank(k Key, t Trial) int {
	switch {
	case !t.matched():
		return 0
	case t.Used:
		return 1
	case !s.opens(k, t):
		return 2
	}
	return 3
}

// opens reports whether a trial of a key may open anything in this scene: it is
// usable, and the key's holder is the person, who is known and whose account is
// not closed. Every path of a login asks here.
func (s *scene) opens(k Key, t Trial) bool {
	return s.known && !s.account.Closed(s.now) && k.Holder == s.account.Identifier && k.usable(t, s.now)
}

// key returns the scene's key of that serial, to be changed in place. A key that
// is gone is a key that nothing opens.
func (s *scene) key(serial Serial) *Key {
	for i := range s.keys {
		if s.keys[i].Serial == serial {
			return &s.keys[i]
		}
	}
	return &Key{}
}
