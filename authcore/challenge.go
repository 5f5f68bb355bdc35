package authcore

import (
	"slices"
	"time"
)

// Question is what a login asks for next, which is the page to show. The zero
// value is invalid.
type Question uint8

// The questions, and their words.
const (
	AskPasscode    Question = iota + 1 // "passcode": identifier and PASSCODE (or the code alone before a PIN exists)
	AskNewPIN                          // "new-pin": the PIN to define, twice
	AskNewPasscode                     // "new-passcode": the new PIN with a new code
	AskNextCode                        // "next-code": the next code alone
	Done                               // "done": logged in
)

var questionNames = words[Question]{what: "question", names: []string{"", "passcode", "new-pin", "new-passcode", "next-code", "done"}}

// String gives the question's word.
func (q Question) String() string { return questionNames.name(q) }

// MarshalText gives the question's word; an unknown question is an error.
func (q Question) MarshalText() ([]byte, error) { return questionNames.marshal(q) }

// UnmarshalText reads a question's word; anything else is an error.
func (q *Question) UnmarshalText(b []byte) error { return questionNames.unmarshal(q, b) }

// Outcome is how an answer was taken. The zero value is invalid.
type Outcome uint8

// The outcomes, and their words.
const (
	Asked     Outcome = iota + 1 // "asked": go on, to Challenge.Question
	Granted                      // "granted": logged in
	Denied                       // "denied": the one refusal, whatever was wrong
	Reused                       // "reused": all was right but the code had been consumed
	PINDenied                    // "pin-denied": the policy refuses the new PIN, Reply.Problem says why
)

var outcomeNames = words[Outcome]{what: "outcome", names: []string{"", "asked", "granted", "denied", "reused", "pin-denied"}}

// String gives the outcome's word.
func (o Outcome) String() string { return outcomeNames.name(o) }

// MarshalText gives the outcome's word; an unknown outcome is an error.
func (o Outcome) MarshalText() ([]byte, error) { return outcomeNames.marshal(o) }

// UnmarshalText reads an outcome's word; anything else is an error.
func (o *Outcome) UnmarshalText(b []byte) error { return outcomeNames.unmarshal(o, b) }

// Challenge is one login under way. Before its first answer it lives in the
// browser's cookie alone, sealed; from then on in the store, under the hash of
// its ID.
type Challenge struct {
	ID       string // 256 bits of base64url; only the browser keeps it
	Question Question
	Target   string // where the person wanted to go; the caller validates it
	// Expires ends the login: Policy.Page after its page was made, then
	// Policy.Challenge after its first answer.
	Expires time.Time
	// Salt makes the token of the session that this login may open, with ID and
	// the secrets. It is drawn at the first answer.
	Salt string

	Holder Identifier // who the first good code said it is
	Trial  Trial      // the code this login consumed last
	NewPIN PINHash    // chosen, not yet in service

	Last Taken // how the last answer was taken
}

// Taken is the memory of one answer, so that the same form sent twice is one
// attempt.
type Taken struct {
	Digest    []byte     `json:"digest,omitempty"` // of the answer, keyed
	At        time.Time  `json:"at,omitzero"`
	Judging   bool       `json:"judging,omitempty"` // it waits for its PIN's hash
	Outcome   Outcome    `json:"outcome,omitzero"`
	Problem   PINProblem `json:"problem,omitzero"`
	Reference Reference  `json:"reference,omitempty"`
}

// Answer is what a person typed, one type for each question: a closed set.
type Answer interface{ answers() Question }

// PasscodeAnswer answers AskPasscode.
type PasscodeAnswer struct {
	Identifier Identifier
	Passcode   Passcode
}

// NewPINAnswer answers AskNewPIN.
type NewPINAnswer struct{ PIN, Again PIN }

// NewPasscodeAnswer answers AskNewPasscode.
type NewPasscodeAnswer struct{ Passcode Passcode }

// NextCodeAnswer answers AskNextCode: the code alone.
type NextCodeAnswer struct{ Code Passcode }

func (PasscodeAnswer) answers() Question    { return AskPasscode }
func (NewPINAnswer) answers() Question      { return AskNewPIN }
func (NewPasscodeAnswer) answers() Question { return AskNewPasscode }
func (NextCodeAnswer) answers() Question    { return AskNextCode }

// hashed is what comes back from the PIN's hash, which is too slow for a
// transaction: the second half of an answer.
type hashed struct {
	right  bool    // the PIN matched
	judged PINHash // what it was compared with
	made   PINHash // or: the hash of the new PIN
	busy   bool    // or: there was no room to hash at all
}

// work is the hash that an answer needs before it can be decided. The zero
// value is none.
type work struct {
	judge PINHash // compare with this one
	make  bool    // or make a new one
	pin   PIN
}

// scene is what a login plays in: all that is read for one answer, and all that
// it may change.
type scene struct {
	now     time.Time
	policy  Policy
	session SessionID // what the session would be named, were it granted

	account  Account
	known    bool // the account is a person's and not the stand-in
	attempts attempts
	keys     []Key
	granted  *Session
}

// attempts counts, for an identifier, the answers in a row in which no code of
// theirs was seen, or one too far away. Anybody can raise it, so it never locks
// anything: it only makes the next good PASSCODE be followed by the next code,
// and looks for it in the large window, where a key whose clock has drifted is.
type attempts struct {
	Blind int `json:"blind"`
}

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
//	     │                                                      (AskNewPasscode and AskNextCode fall
//	     ├──PASSCODE──► Done                                     back to AskPasscode when the key is
//	     └──PASSCODE, drifted or after failures──► AskNextCode   no longer what it was) ──► Done
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
	i, pin, t, v := s.try(a.Passcode)
	switch {
	case !t.matched():
		return m.blind()
	case !s.known:
		return m.deny(PersonUnknown, Trial{})
	case s.account.Disabled:
		return m.deny(PersonDisabled, t)
	case !s.opens(s.keys[i]):
		return m.deny(KeyUnusable, t)
	case v == CodeUsed && t.Step == m.challenge.Trial.Step && t.Serial == m.challenge.Trial.Serial && s.keys[i].State != PINToDefine:
		// The very code that this login consumed: the person corrects the PIN
		// and has not waited. They may be told, if the PIN is right now; and it
		// counts as any judgement of a PIN.
		s.keys[i].WrongPIN++
	case v == CodeUsed:
		return m.deny(CodeReused, t)
	case v == Refused:
		s.attempts.Blind++
		return m.deny(CodeTooFar, t)
	}
	m.challenge.Trial = t
	if v == NewPINWanted {
		return m.ask(AskNewPIN, PINAsked)
	}
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
		k, kt, kv := k.Try(code, s.now, s.attempts.Blind+k.WrongPIN, s.policy)
		k.WrongPIN = s.keys[i].WrongPIN // charged below, to the one whose PIN is judged
		s.keys[i] = k
		if rank := s.rank(k, kt); rank > best {
			best, index, pin, t, v = rank, i, kpin, kt, kv
		}
	}
	if v == PINWanted && s.opens(s.keys[index]) {
		s.keys[index].WrongPIN++
	}
	return index, pin, t, v
}

func (s *scene) rank(k Key, t Trial) int {
	switch {
	case !t.matched():
		return 0
	case t.Used:
		return 1
	case !s.opens(k):
		return 2
	}
	return 3
}

// opens reports whether a key may open anything in this scene: it is usable, and
// its holder is the person, who is known and not disabled. Every path of a login
// asks here.
func (s *scene) opens(k Key) bool {
	return s.known && !s.account.Disabled && k.Holder == s.account.Identifier && k.usable(s.now)
}

// passcodeJudged ends what passcode began, on the state as it is by now.
func (m move) passcodeJudged(h hashed) move {
	s := &m.scene
	k := s.key(m.challenge.Trial.Serial)
	if h.busy {
		k.WrongPIN = max(0, k.WrongPIN-1)
		return m.deny(LoginBusy, m.challenge.Trial)
	}
	if s.account.Disabled {
		return m.deny(PersonDisabled, m.challenge.Trial)
	}
	if !s.opens(*k) || k.PIN != h.judged {
		return m.deny(KeyUnusable, m.challenge.Trial) // or its PIN was cleared
	}
	judged, v := k.Judge(m.challenge.Trial, h.right, s.now, s.policy)
	*k = judged
	switch v {
	case Accepted:
		return m.grant(LoginAccepted)
	case NextCodeWanted:
		return m.ask(AskNextCode, NextCodeAsked)
	case CodeUsed:
		return m.reused()
	default:
		if judged.State == Locked {
			m.event(KeyLocked, judged.Serial)
		}
		return m.deny(PINWrong, m.challenge.Trial)
	}
}

// newPIN takes the PIN being defined; the policy's refusals leave everything as
// it was.
func (m move) newPIN(a NewPINAnswer) move {
	k := m.scene.key(m.challenge.Trial.Serial)
	if !m.definable(k) {
		return m.fallBack()
	}
	code := k.Generator.Code(m.challenge.Trial.Step)
	if p := m.scene.policy.problem(a.PIN, a.Again, k.Serial, code); p != 0 {
		m.event(PINRefused, k.Serial)
		m.challenge.Last.Outcome, m.challenge.Last.Problem = PINDenied, p
		return m
	}
	m.work = work{make: true, pin: a.PIN}
	m.challenge.Last.Judging = true
	return m
}

func (m move) newPINHashed(h hashed) move {
	if h.busy {
		return m.deny(LoginBusy, m.challenge.Trial)
	}
	if !m.definable(m.scene.key(m.challenge.Trial.Serial)) {
		return m.fallBack()
	}
	m.challenge.NewPIN = h.made
	return m.ask(AskNewPasscode, PINStaged)
}

// newPasscode takes the new PIN with a new code: the proof that puts the key
// into service.
func (m move) newPasscode(a NewPasscodeAnswer) move {
	s := &m.scene
	k := s.key(m.challenge.Trial.Serial)
	if !m.definable(k) {
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
	case !m.definable(k):
		return m.fallBack()
	case h.busy:
		return m.deny(LoginBusy, t)
	case !h.right:
		return m.deny(PINWrong, t)
	case t.Used:
		return m.reused()
	}
	*k = k.DefinePIN(m.challenge.NewPIN, t, m.scene.now)
	m.challenge.NewPIN = ""
	return m.grant(PINDefined)
}

// nextCode takes the code after the one of the PASSCODE. There is one chance; a
// person who did not wait and typed the same code again has not used it.
func (m move) nextCode(a NextCodeAnswer) move {
	s := &m.scene
	k := s.key(m.challenge.Trial.Serial)
	if k.State != ToSynchronise || !s.opens(*k) {
		return m.fallBack()
	}
	// Who types the PIN here as well, by habit, has shown it right before.
	_, code, _ := a.Code.split(k.Generator.Digits)
	followed, t, v := k.Follow(code, s.now, m.challenge.Trial, s.policy)
	*k = followed
	switch {
	case v == Accepted:
		*k = k.Confirm(t, s.now)
		m.challenge.Trial = t
		return m.grant(LoginAccepted)
	case v == CodeUsed && t.Step == m.challenge.Trial.Step:
		return m.reused()
	}
	s.attempts.Blind++
	m.challenge.Question = AskPasscode
	return m.deny(NextCodeWrong, m.challenge.Trial)
}

// definable reports that the key still waits for its first PIN: another browser
// may have defined one meanwhile, or somebody may have locked the key.
func (m move) definable(k *Key) bool {
	return k.State == PINToDefine && m.scene.opens(*k)
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

// blind refuses an answer in which no code was seen.
func (m move) blind() move {
	m.scene.attempts.Blind++
	kind := CodeUnmatched
	if !m.scene.known {
		kind = PersonUnknown
	}
	return m.deny(kind, Trial{})
}

// fallBack sends a login back to its beginning because the key is no longer
// what it was when the question was asked.
func (m move) fallBack() move {
	m.challenge.Question, m.challenge.NewPIN = AskPasscode, ""
	return m.deny(KeyUnusable, m.challenge.Trial)
}

func (m move) deny(kind EventKind, t Trial) move {
	m.event(kind, t.Serial)
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Denied
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

// grant opens the session: the only place that does.
func (m move) grant(kind EventKind) move {
	s := &m.scene
	m.event(kind, m.challenge.Trial.Serial)
	m.challenge.Question = Done
	m.challenge.Last.Judging, m.challenge.Last.Outcome = false, Granted
	s.attempts.Blind = 0
	s.granted = &Session{
		ID: s.session, Holder: s.account.Identifier, Serial: m.challenge.Trial.Serial, Method: "otp", Epoch: s.account.Epoch,
		Began: s.now, Seen: s.now, Idle: s.now.Add(s.policy.Idle), End: s.now.Add(s.policy.Absolute),
	}
	return m
}

func (m *move) event(kind EventKind, serial Serial) {
	m.events = append(m.events, Event{Kind: kind, Serial: serial})
}
