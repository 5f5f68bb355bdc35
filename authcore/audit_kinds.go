package authcore

// EventKind is what happened. The zero value is invalid.
type EventKind uint8

// The kinds of events, much as RSA's servers name them: what a holder
// did, then what became of sessions, then what administrators did.
const (
	LoginAccepted     EventKind = iota + 1 // "login-accepted"
	CodeUnmatched                          // "code-unmatched": no code of this person's keys
	CodeTooFar                             // "code-too-far": a code of the key, outside what is accepted
	CodeReused                             // "code-reused"
	PINWrong                               // "pin-wrong": good code, wrong PIN
	PINAsked                               // "pin-asked": good code, no PIN yet
	PINRefused                             // "pin-refused": by the policy
	PINStaged                              // "pin-staged": chosen, not yet in service
	PINDefined                             // "pin-defined": in service
	NextCodeAsked                          // "next-code-asked"
	NextCodeWrong                          // "next-code-wrong"
	KeyLocked                              // "key-locked": by wrong PINs
	KeyUnusable                            // "key-unusable": good code of a locked, lost, expired or unassigned key
	PersonUnknown                          // "person-unknown"
	PersonDisabled                         // "person-disabled": or the end of the account has come; the detail says which
	LoginBusy                              // "login-busy": too many PINs to judge at once
	SessionHandedOver                      // "session-handed-over": to an application's host
	SessionEnded                           // "session-ended"
	AccountAdded                           // "account-added"
	AccountChanged                         // "account-changed"
	KeyImported                            // "key-imported"
	KeyAssigned                            // "key-assigned"
	KeyUnlocked                            // "key-unlocked"
	PINCleared                             // "pin-cleared"
	KeyHandedOver                          // "key-handed-over"
	KeyLost                                // "key-lost"
	KeyFound                               // "key-found"
	KeyRetired                             // "key-retired"
	KeyResynchronised                      // "key-resynchronised"
	EmergencyGiven                         // "emergency-given": codes for a lost key
	EmergencyUsed                          // "emergency-used": a login with one
	KeyReturned                            // "key-returned": to stock
	AccountRemoved                         // "account-removed"
	LoginSlowed                            // "login-slowed": too many blind failures from there, nothing was tried
	PINChangeRequired                      // "pin-change-required": at the next login
	PINChangeAsked                         // "pin-change-asked": good PASSCODE, and another PIN is required
	ActivationGiven                        // "activation-given": a code to define the first PIN with
	ActivationWrong                        // "activation-wrong": good code, wrong activation code
	KeyReplaced                            // "key-replaced": by another
	DelegationGiven                        // "delegation-given": an application opened to a person for a time
	DelegationEnded                        // "delegation-ended": before its time
	AuditPurged                            // "audit-purged": entries older than a date are gone
	DataErased                             // "data-erased": somebody's data are gone, whose is not said
	FormKept                               // "form-kept": it came behind the end of its session
	FormSentAgain                          // "form-sent-again": as its holder wished
	FormDropped                            // "form-dropped": unsent
	PasskeyAdded                           // "passkey-added"
	PasskeyRenamed                         // "passkey-renamed"
	PasskeyRemoved                         // "passkey-removed": by its owner or an administrator
	PasskeyUsed                            // "passkey-used": a login with one
	PasskeyRefused                         // "passkey-refused": a response that is not accepted; the detail says why
	PasskeyCloned                          // "passkey-cloned": its counter went back; it opens nothing any more
	ClockDoubted                           // "clock-doubted": the server's clock was set back, or leapt ahead
	ClockAccepted                          // "clock-accepted": by an administrator, as it is; all sessions ended
	RequestSent                            // "request-sent": for assistance, by whoever it says; the reference is its own
	RequestRemoved                         // "request-removed": by an administrator, before its time
	StoreBackedUp                          // "store-backed-up"
	StoreRestored                          // "store-restored": from a backup; what was decided since is lost
	RoleGiven                              // "role-given"
	RoleEnded                              // "role-ended"
	ConfirmAsked                           // "confirmation-asked": an act waits for another operator
	ConfirmRefused                         // "confirmation-refused": by one, or taken back
	KeySent                                // "key-sent": to an establishment's stock
	KeyReceived                            // "key-received": there
	MessageSent                            // "message-sent": accepted for delivery; the detail says about what
	MessageGivenUp                         // "message-given-up": refused for good, or for days; the detail says why
	LoginFlood                             // "login-flood": more blind failures than are looked at came from one network, or from everywhere
	StoreMoved                             // "store-moved": here, from another place
)

var eventNames = words[EventKind]{what: "event", names: []string{"",
	"login-accepted", "code-unmatched", "code-too-far", "code-reused", "pin-wrong", "pin-asked", "pin-refused", "pin-staged", "pin-defined",
	"next-code-asked", "next-code-wrong", "key-locked", "key-unusable", "person-unknown", "person-disabled", "login-busy",
	"session-handed-over", "session-ended",
	"account-added", "account-changed", "key-imported", "key-assigned", "key-unlocked", "pin-cleared",
	"key-handed-over", "key-lost", "key-found", "key-retired", "key-resynchronised", "emergency-given", "emergency-used", "key-returned", "account-removed", "login-slowed",
	"pin-change-required", "pin-change-asked", "activation-given", "activation-wrong", "key-replaced", "delegation-given", "delegation-ended",
	"audit-purged", "data-erased", "form-kept", "form-sent-again", "form-dropped",
	"passkey-added", "passkey-renamed", "passkey-removed", "passkey-used", "passkey-refused", "passkey-cloned",
	"clock-doubted", "clock-accepted",
	"request-sent", "request-removed",
	"store-backed-up", "store-restored",
	"role-given", "role-ended", "confirmation-asked", "confirmation-refused", "key-sent", "key-received",
	"message-sent", "message-given-up", "login-flood", "store-moved"}}

// String gives the event's word.
func (k EventKind) String() string { return eventNames.name(k) }

// MarshalText gives the event's word; an unknown kind is an error.
func (k EventKind) MarshalText() ([]byte, error) { return eventNames.marshal(k) }

// UnmarshalText reads an event's word; anything else is an error.
func (k *EventKind) UnmarshalText(b []byte) error { return eventNames.unmarshal(k, b) }

// alarming reports what somebody should look at whenever it happens: that it takes
// the key in hand, and its holder knows the PIN, or was given the activation
// code. RSA tells operators to watch for "bad PIN, good tokencode".
// So does WebAuthn §6.1.1 with a counter that goes back.
func (k EventKind) alarming() bool {
	return k == PINWrong || k == KeyLocked || k == ActivationWrong || k == PasskeyCloned
}

// passing reports what a login's answer may end in without anything of the person
// having changed: those that can be sent a thousand times at once.
func (k EventKind) passing() bool {
	return k == CodeReused || k == KeyUnusable || k == PersonDisabled || k == LoginSlowed || k == PasskeyRefused
}
