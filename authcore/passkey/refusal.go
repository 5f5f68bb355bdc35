package passkey

// Reason is why a ceremony came to nothing. The zero value is invalid.
type Reason uint8

// The reasons, and their words, which are for operators: whoever logs in is told
// nothing of them.
const (
	Malformed        Reason = iota + 1 // "malformed": too large, or no response at all
	WrongKind                          // "kind": a login's response to a registration, or the reverse
	WrongChallenge                     // "challenge": the response to another ceremony
	WrongOrigin                        // "origin": from a page that is not the portal's
	Embedded                           // "embedded": from a page inside another site's
	WrongParty                         // "relying-party": for another host
	NotPresent                         // "presence": nobody touched the authenticator
	NotVerified                        // "verification": it did not verify the person
	OddBackup                          // "backup": flags that contradict each other, or the registration
	WrongKey                           // "algorithm": a public key that was not asked for, or is none
	WrongSignature                     // "signature"
	WrongAttestation                   // "attestation"
	WrongModel                         // "model": not one of Config.Models
	WrongCredential                    // "credential": not one that was asked for
	WrongPerson                        // "person": the credential of somebody else
)

var reasons = [...]string{"", "malformed", "kind", "challenge", "origin", "embedded", "relying-party", "presence", "verification",
	"backup", "algorithm", "signature", "attestation", "model", "credential", "person"}

// String gives the reason's word.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasons) {
		return "unknown"
	}
	return reasons[r]
}

// Refusal is the error of a response that is not accepted. It shows nothing of
// the response.
type Refusal struct{ Reason Reason }

// Error gives a sentence with the reason's word.
func (r *Refusal) Error() string {
	return "the authenticator's response is refused: " + r.Reason.String()
}

func refused(r Reason) error { return &Refusal{r} }
