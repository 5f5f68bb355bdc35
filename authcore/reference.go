package authcore

import (
	"crypto/rand"
	"strings"
)

// Reference is what a page shows with a refusal and what the help desk looks it
// up by: eight characters without I, L, O, U in two groups, "7F3K-Q2M9". It is
// no secret and opens nothing.
type Reference string

const referenceAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's base 32

// NewReference draws a reference: 40 random bits.
func NewReference() Reference {
	var b [8]byte
	rand.Read(b[:])
	return referenceOf(b)
}

// referenceOf writes 40 of those bits.
func referenceOf(b [8]byte) Reference {
	out := make([]byte, 0, 9)
	for i, c := range b {
		if i == 4 {
			out = append(out, '-')
		}
		out = append(out, referenceAlphabet[c%32])
	}
	return Reference(out)
}

// ValidReference reports whether a text has the form of a reference, whatever it may
// be one of.
func ValidReference(text string) bool {
	first, second, ok := strings.Cut(text, "-")
	part := func(s string) bool {
		return len(s) == 4 && strings.Trim(s, referenceAlphabet) == ""
	}
	return ok && part(first) && part(second)
}
