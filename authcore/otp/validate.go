package otp

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The bounds of a Generator.
const (
	MinSeed   = 16 // bytes: RFC 4226 section 4, R6, asks for at least 128 bits
	MaxSeed   = 64 // bytes: the length of HMAC-SHA-512's output, RFC 6238 section 3, R6 and appendix B
	MinDigits = 6  // RFC 4226 section 4, R4
	MaxDigits = 8
)

// Validate says in a sentence why g can compute no code, or gives nil. The
// sentence never shows the seed.
func (g Generator) Validate() error {
	if !known(kindNames[:], uint8(g.Kind)) {
		return errors.New("the algorithm of the key is not given: it is hotp, totp or securid")
	}
	if g.Digits < MinDigits || g.Digits > MaxDigits {
		return fmt.Errorf("a code of %d digits is not supported: a code has %d to %d digits", g.Digits, MinDigits, MaxDigits)
	}
	if err := g.validatePeriod(); err != nil {
		return err
	}
	if g.Kind == SecurID {
		return g.validateSecurID()
	}
	return g.validateHMAC()
}

func (g Generator) validatePeriod() error {
	switch {
	case g.Kind == HOTP && g.Period != 0:
		return errors.New("an event-based key (hotp) has no period: leave it out")
	case g.Kind != HOTP && g.Period != 30*time.Second && g.Period != time.Minute:
		return fmt.Errorf("a period of %v is not supported: a time-based key changes its code every 30 or 60 seconds", g.Period)
	}
	return nil
}

func (g Generator) validateHMAC() error {
	if !known(hashNames[:], uint8(g.Hash)) {
		return errors.New("the hash function of the key is not given: it is sha1, sha256 or sha512")
	}
	if len(g.Seed) < MinSeed || len(g.Seed) > MaxSeed {
		return fmt.Errorf("a seed of %d bytes is not supported: a seed has %d to %d bytes (RFC 4226 asks for at least 128 bits)",
			len(g.Seed), MinSeed, MaxSeed)
	}
	return nil
}

func (g Generator) validateSecurID() error {
	if g.Hash != 0 {
		return errors.New("a SecurID key has no hash function: leave it out")
	}
	if len(g.Seed) != securIDSeed {
		return fmt.Errorf("a seed of %d bytes is not supported: a SecurID key of the 128-bit AES kind has %d bytes", len(g.Seed), securIDSeed)
	}
	if n := len(g.Serial); n < 1 || n > securIDSerial || strings.Trim(g.Serial, "0123456789") != "" {
		return fmt.Errorf("the serial number %.20q is not one of a SecurID key: it has 1 to %d digits, which enter the computation of the code",
			g.Serial, securIDSerial)
	}
	return nil
}
