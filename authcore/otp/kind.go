package otp

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
)

// Kind is the algorithm of a key. The zero value is invalid.
type Kind uint8

// The algorithms, and their text forms.
const (
	HOTP    Kind = iota + 1 // "hotp": event-based, RFC 4226
	TOTP                    // "totp": time-based, RFC 6238
	SecurID                 // "securid": time-based, 128-bit AES tokencode
)

var kindNames = [...]string{HOTP: "hotp", TOTP: "totp", SecurID: "securid"}

// String gives the text form of k, or Kind(n) for a value that is none.
func (k Kind) String() string { return nameOf("Kind", kindNames[:], uint8(k)) }

// MarshalText gives the text form of k; an unknown value is an error.
func (k Kind) MarshalText() ([]byte, error) {
	return marshalName("algorithm", kindNames[:], uint8(k))
}

// UnmarshalText reads the exact text form of an algorithm; anything else is an
// error and leaves k unchanged.
func (k *Kind) UnmarshalText(text []byte) error {
	i, err := unmarshalName("algorithm", kindNames[:], text)
	if err != nil {
		return err
	}
	*k = Kind(i)
	return nil
}

// Hash is the hash function under HMAC. The zero value is invalid where a hash
// is needed.
type Hash uint8

// The hash functions that RFC 6238 section 1.2 allows, and their text forms.
const (
	SHA1   Hash = iota + 1 // "sha1"
	SHA256                 // "sha256"
	SHA512                 // "sha512"
)

var hashNames = [...]string{SHA1: "sha1", SHA256: "sha256", SHA512: "sha512"}

// String gives the text form of h, or Hash(n) for a value that is none.
func (h Hash) String() string { return nameOf("Hash", hashNames[:], uint8(h)) }

// MarshalText gives the text form of h; an unknown value is an error.
func (h Hash) MarshalText() ([]byte, error) {
	return marshalName("hash function", hashNames[:], uint8(h))
}

// UnmarshalText reads the exact text form of a hash function; anything else is
// an error and leaves h unchanged.
func (h *Hash) UnmarshalText(text []byte) error {
	i, err := unmarshalName("hash function", hashNames[:], text)
	if err != nil {
		return err
	}
	*h = Hash(i)
	return nil
}

// function gives the constructor of h, nil for a value that is none.
func (h Hash) function() func() hash.Hash {
	switch h {
	case SHA1:
		return sha1.New
	case SHA256:
		return sha256.New
	case SHA512:
		return sha512.New
	}
	return nil
}

func nameOf(typeName string, names []string, i uint8) string {
	if !known(names, i) {
		return fmt.Sprintf("%s(%d)", typeName, i)
	}
	return names[i]
}

func marshalName(what string, names []string, i uint8) ([]byte, error) {
	if !known(names, i) {
		return nil, fmt.Errorf("the %s number %d is unknown and cannot be written", what, i)
	}
	return []byte(names[i]), nil
}

func unmarshalName(what string, names []string, text []byte) (uint8, error) {
	for i := 1; i < len(names); i++ {
		if names[i] == string(text) {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("the %s %.20q is unknown: give one of %v", what, text, names[1:])
}

func known(names []string, i uint8) bool { return i > 0 && int(i) < len(names) }
