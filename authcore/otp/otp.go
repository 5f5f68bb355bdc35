// Package otp computes one-time codes: HOTP (RFC 4226), TOTP (RFC 6238) and the
// time-based tokencode of SecurID hardware keys (128-bit AES).
//
// A [Generator] is everything a key needs to compute its codes, and nothing
// else: it holds no clock, no counter, no PIN and no person. It is plain data
// that can be stored, compared and printed.
//
// A code stands at a [Step]. For an event-based key the step is the counter;
// for a time-based key it is the number of whole periods since 1 January 1970
// UTC. The caller asks for the step of a moment with [Generator.StepAt],
// widens it into a window, and hands the window to [Generator.Find], which
// says at which step of the window a code stands. Remembering that step is
// what makes a code usable once only:
//
//	now := g.StepAt(t) + drift
//	step, ok := g.Find(code, max(now-1, used+1), now+1)
//
// A Generator that [Generator.Validate] refuses, a negative step, and a moment
// after the year 9999 have no code: Code gives "" and Find finds nothing.
//
// # Seeds
//
// The seed is shown by no verb of package fmt and by no slog handler as long as
// the Generator stands in an exported field, a variable or an argument: fmt
// cannot reach the methods of what is kept in an unexported field.
// encoding/json does write the seed, because that is how a key is stored:
// encrypt what it gives, and do not log it.
package otp

import (
	"fmt"
	"log/slog"
	"time"
)

// Step is the place of a code in the sequence of a key: the counter of an
// event-based key (RFC 4226, C), or the number of whole periods since the Unix
// epoch for a time-based one (RFC 6238, T with T0 = 0). Negative steps exist in
// arithmetic only: no code stands there.
type Step int64

// Generator is a key's recipe for its codes. The zero value is invalid.
//
// Fields that an algorithm does not use are zero, so that two generators of the
// same codes are equal: Period for HOTP, Hash for SecurID.
type Generator struct {
	// Kind is the algorithm.
	Kind Kind `json:"kind"`
	// Seed is the shared secret: 16 to 64 bytes, exactly 16 for SecurID.
	Seed []byte `json:"seed"`
	// Serial is the number of the key as its back shows it. Its digits enter
	// the computation of SecurID; the other algorithms do not read it.
	Serial string `json:"serial,omitempty"`
	// Digits is the length of a code, 6 to 8.
	Digits int `json:"digits"`
	// Period is how long a code is shown: 30 or 60 seconds; 0 for HOTP.
	Period time.Duration `json:"period,omitempty"`
	// Hash is the hash function under HMAC; 0 for SecurID.
	Hash Hash `json:"hash,omitempty"`
}

// Code gives the code at step s: exactly g.Digits decimal digits. It gives ""
// where there is no code: g is invalid, s is negative or after the year 9999.
func (g Generator) Code(s Step) string {
	if g.Validate() != nil || !g.has(s) {
		return ""
	}
	return fmt.Sprintf("%0*d", g.Digits, g.sequence()(s)%g.modulus())
}

// String describes g without its seed.
func (g Generator) String() string {
	return fmt.Sprintf("otp.Generator{kind: %v, serial: %q, digits: %d, period: %v, hash: %v, seed: %d bytes, not shown}",
		g.Kind, g.Serial, g.Digits, g.Period, g.Hash, len(g.Seed))
}

// GoString describes g without its seed, for %#v.
func (g Generator) GoString() string { return g.String() }

// Format writes what String gives, whatever the verb: %x, %d and %s of a struct
// would otherwise reach the seed.
func (g Generator) Format(f fmt.State, _ rune) { fmt.Fprint(f, g.String()) }

// LogValue describes g to slog without its seed.
func (g Generator) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("kind", g.Kind.String()),
		slog.String("serial", g.Serial),
		slog.Int("digits", g.Digits),
		slog.Duration("period", g.Period),
		slog.String("hash", g.Hash.String()),
	)
}

// sequence gives the function from a step to its number, of which the code is
// the last decimal digits. g is valid and has the steps that are asked for. The
// function keeps state between calls: it is for one goroutine.
func (g Generator) sequence() func(Step) uint32 {
	if g.Kind == SecurID {
		return securIDSequence(g.Seed, g.Serial, g.seconds())
	}
	return hotpSequence(g.Hash, g.Seed)
}

// modulus gives 10 to the power of g.Digits.
func (g Generator) modulus() uint32 {
	m := uint32(1)
	for range g.Digits {
		m *= 10
	}
	return m
}
