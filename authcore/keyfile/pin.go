package keyfile

import (
	"fmt"
	"log/slog"
)

// PINPolicy is what a file says of the PIN that goes with a key. Zero values
// mean that it says nothing.
type PINPolicy struct {
	Usage       PINUsage
	Min, Max    int // length of the PIN, in characters
	MaxFailures int // wrong PINs in a row before the key is to be locked
	// Initial is the PIN that the supplier gave the key. Whoever has the file
	// knows it: the holder must change it before anything else.
	Initial Secret `json:"-"`
}

// PINUsage is where the PIN of a key goes (RFC 6030 section 5, PINUsageMode). The
// zero value says nothing.
type PINUsage uint8

// The usages, and their text forms.
const (
	LocalPIN       PINUsage = iota + 1 // "local": the key asks for it; it never reaches the server
	PrependPIN                         // "prepend": typed before the code, as SecurID's PASSCODE
	AppendPIN                          // "append": typed behind the code
	AlgorithmicPIN                     // "algorithmic": the key computes it into the code, as SecurID's software tokens do
)

var pinUsageNames = [...]string{LocalPIN: "local", PrependPIN: "prepend", AppendPIN: "append", AlgorithmicPIN: "algorithmic"}

// String gives the text form of u, "" for the zero value.
func (u PINUsage) String() string {
	if int(u) >= len(pinUsageNames) {
		return fmt.Sprintf("PINUsage(%d)", u)
	}
	return pinUsageNames[u]
}

// Secret is a text that nothing prints, neither package fmt, nor slog, nor an
// encoder.
type Secret string

const notShown = "(not shown)"

// String gives a text in place of the secret.
func (s Secret) String() string { return notShown }

// Format writes a text in place of the secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, notShown) }

// LogValue gives slog a text in place of the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(notShown) }

// MarshalText gives an encoder a text in place of the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(notShown), nil }
