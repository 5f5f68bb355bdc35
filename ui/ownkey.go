package ui

import "time"

// OwnKey is one key as its holder sees it.
type OwnKey struct {
	Serial string // what FieldSerial says
	Tail   string // the end of the number, as it is shown
	State  KeyState
	// Since is when the key came to its holder, LastUsed the last login with it, Expires
	// when it ends, Replaced until when it opens beside the one that takes its place; in
	// the location in which they are to be read. Zero: never, or not known.
	Since, LastUsed, Expires, Replaced time.Time
	// ChangePIN: another PIN is asked for at the next login.
	ChangePIN bool
}

// KeyState is what a key is to its holder. The zero value is invalid.
type KeyState uint8

// The states.
const (
	KeyInService   KeyState = iota + 1 // it opens
	KeyNew                             // it waits for its first PIN
	KeyToSync                          // it opens, with one code more
	KeyLocked                          // by wrong PINs
	KeyLost                            // as somebody said
	KeyOver                            // it has expired, or another has replaced it
	keyStateNumber                     // how many there are, and one
)

var keyStates = [...]string{KeyInService: "inService", KeyNew: "new", KeyToSync: "toSync", KeyLocked: "locked", KeyLost: "lost", KeyOver: "over"}

// KeyState says what a key is, in a sentence.
func (s *screen) KeyState(k OwnKey) string {
	if k.State == 0 || k.State >= keyStateNumber {
		return s.say("account.key.") // there is no such text: the page is an error
	}
	return s.say("account.key." + keyStates[k.State])
}

// Over reports whether the key is over, be it that it has expired.
func (k OwnKey) Over() bool { return k.State == KeyOver }

// CanChange reports whether the holder can change the PIN: the key opens.
func (k OwnKey) CanChange() bool { return k.State == KeyInService || k.State == KeyToSync }

// CanLose reports whether the holder can report the key lost: it opens, or may again.
func (k OwnKey) CanLose() bool { return k.CanChange() || k.State == KeyNew || k.State == KeyLocked }

// AccountPIN says how to change the PIN. It posts nothing but FieldCSRF to
// PathAccountPIN, from where the login goes on.
type AccountPIN struct{}

// AccountLost asks whether to report a key lost. It posts FieldSerial to PathAccountLost.
type AccountLost struct {
	Serial string // what FieldSerial says
	Tail   string // the end of the number, as it is shown
	// Passkeys: the person has passkeys, which go on.
	Passkeys bool
}

// AccountLostDone says that a key was reported lost, to somebody who is logged out by
// that.
type AccountLostDone struct {
	Tail     string
	Passkeys bool
}

func (AccountPIN) view() view      { return view{name: "accountPIN"} }
func (AccountLost) view() view     { return view{name: "accountLost"} }
func (AccountLostDone) view() view { return view{name: "accountLostDone"} }
