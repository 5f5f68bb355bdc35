package otp

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"strings"
	"time"
)

const (
	securIDSeed   = 16 // bytes, one AES-128 key
	securIDSerial = 12 // digits, leading zeros included
	securIDCodes  = 4  // codes in one block: four minutes of a 60 s key, two of a 30 s one
)

// securIDSequence gives the numbers of SecurID's time-based AES tokencode. Four
// consecutive codes come from one AES block, which is kept between calls: a
// walk over neighbouring steps computes each block once.
//
// No standard describes the algorithm; what follows from the step is: an hour
// has a whole number of blocks, so that the code's place in its block is the
// step modulo four, for both periods.
func securIDSequence(seed []byte, serial string, period int64) func(Step) uint32 {
	tail := securIDSerialBlock(serial)
	var block [aes.BlockSize]byte
	held := Step(-1)
	return func(s Step) uint32 {
		if first := s - s%securIDCodes; first != held {
			block = securIDBlock(seed, tail, time.Unix(int64(first)*period, 0).UTC())
			held = first
		}
		return binary.BigEndian.Uint32(block[4*(s%securIDCodes):])
	}
}

// securIDBlock computes the block that begins at t: five AES encryptions, each
// under the result of the one before, of the time known to the year, the
// month, the day, the hour and the minute.
func securIDBlock(seed []byte, tail [8]byte, t time.Time) [aes.BlockSize]byte {
	clock := [8]byte{
		bcd(t.Year() / 100), bcd(t.Year() % 100), bcd(int(t.Month())), bcd(t.Day()),
		bcd(t.Hour()), bcd(t.Minute()),
	}
	key := [aes.BlockSize]byte(seed)
	for _, n := range [...]int{2, 3, 4, 5, 8} {
		var in [aes.BlockSize]byte
		copy(in[:], clock[:n])
		copy(in[n:8], "\xaa\xaa\xaa\xaa\xaa\xaa")
		copy(in[8:], tail[:])
		key = aesEncrypt(key, in)
	}
	return key
}

// securIDSerialBlock gives the second half of each plaintext: the last eight
// of the serial's twelve digits, two a byte, then filling.
func securIDSerialBlock(serial string) [8]byte {
	digits := strings.Repeat("0", securIDSerial-len(serial)) + serial
	digits = digits[securIDSerial-8:]
	var b [8]byte
	for i := range 4 {
		b[i] = (digits[2*i]-'0')<<4 | (digits[2*i+1] - '0')
	}
	copy(b[4:], bytes.Repeat([]byte{0xbb}, 4))
	return b
}

// bcd gives the two decimal digits of n, 0 to 99, one in each half of a byte.
func bcd(n int) byte { return byte(n/10<<4 | n%10) }

// aesEncrypt encrypts one block with AES-128.
func aesEncrypt(key, in [aes.BlockSize]byte) (out [aes.BlockSize]byte) {
	c, err := aes.NewCipher(key[:])
	if err != nil {
		panic("otp: AES-128 refused a key of 16 bytes: " + err.Error()) // impossible by the type of key
	}
	c.Encrypt(out[:], in[:])
	return out
}
