package authcore

import "time"

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
	Slowed                       // "slowed": too many guesses from there, nothing was tried or used; Reply.Wait says how long
)

var outcomeNames = words[Outcome]{what: "outcome", names: []string{"", "asked", "granted", "denied", "reused", "pin-denied", "slowed"}}

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
	// Activation is what the key had for activation code when NewPIN was chosen.
	Activation activationMark

	// Judged is what the PIN was compared with before the next code or another PIN
	// was asked for; zero where the key has none yet.
	Judged PINHash
	// Pair: the next code is asked for before anything is told or done. PINWrong
	// is what will be told then.
	Pair, PINWrong bool
	// Renew: the person asked for another PIN, see BeginPINChange.
	Renew bool

	Last Taken // how the last answer was taken
}

// Change reports whether the PIN that the login asks for takes the place of one
// that it has shown right, and is not the key's first.
func (c Challenge) Change() bool { return !c.Judged.IsZero() }

// Taken is the memory of one answer, so that the same form sent twice is one
// attempt.
type Taken struct {
	Digest    []byte     `json:"digest,omitempty"` // of the answer, keyed
	At        time.Time  `json:"at,omitzero"`
	Judging   bool       `json:"judging,omitempty"` // it waits for its PIN's hash
	Busy      bool       `json:"busy,omitempty"`    // there was no room for that: see ErrBusy
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

// NewPINAnswer answers AskNewPIN. The activation code is looked at where the key
// has one.
type NewPINAnswer struct {
	PIN, Again PIN
	Activation Activation
}

// NewPasscodeAnswer answers AskNewPasscode.
type NewPasscodeAnswer struct{ Passcode Passcode }

// NextCodeAnswer answers AskNextCode: the code alone.
type NextCodeAnswer struct{ Code Passcode }

// PasskeyAnswer answers AskPasscode as well: what the authenticator responded to
// the options of BeginPasskeyLogin, in JSON, with the ceremony that came with them.
// Each ceremony is answered once; the same answer sent again is refused.
type PasskeyAnswer struct {
	Ceremony string
	Response []byte
}

func (PasscodeAnswer) answers() Question    { return AskPasscode }
func (NewPINAnswer) answers() Question      { return AskNewPIN }
func (NewPasscodeAnswer) answers() Question { return AskNewPasscode }
func (NextCodeAnswer) answers() Question    { return AskNextCode }
func (PasskeyAnswer) answers() Question     { return AskPasscode }
