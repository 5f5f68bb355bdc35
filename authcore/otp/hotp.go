package otp

import (
	"crypto/hmac"
	"encoding/binary"
)

// hotpSequence gives HOTP's numbers before the reduction to digits: the
// truncation of HMAC over the counter, RFC 4226 section 5.3. A TOTP value is
// the HOTP value of the time step, RFC 6238 section 4.2, so that both kinds
// share it, and RFC 6238 section 1.2 puts SHA-256 or SHA-512 in SHA-1's place.
func hotpSequence(h Hash, seed []byte) func(Step) uint32 {
	mac := hmac.New(h.function(), seed)
	var counter [8]byte
	var sum []byte
	return func(s Step) uint32 {
		binary.BigEndian.PutUint64(counter[:], uint64(s))
		mac.Reset()
		mac.Write(counter[:])
		sum = mac.Sum(sum[:0])
		return truncate(sum)
	}
}

// truncate is the dynamic truncation of RFC 4226 section 5.3: the last four
// bits of the sum say where to take four bytes, whose sign bit is dropped.
func truncate(sum []byte) uint32 {
	offset := sum[len(sum)-1] & 0x0f
	return binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
}
