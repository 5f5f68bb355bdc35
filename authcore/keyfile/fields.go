package keyfile

import (
	"cmp"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

const (
	maxSerial = 64  // characters of a serial number
	maxLabel  = 100 // characters of a text for people to read
)

var (
	serialShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+/-]*$`)
	// scientific is a number as a spreadsheet rewrites one of more than eleven
	// digits, with the decimal comma of French ones: 2,60E+12.
	scientific = regexp.MustCompile(`^[0-9]+([.,][0-9]*)?[eE][+-]?[0-9]+$`)
	// seedLike is what is too long for a number on the back of a key and could
	// be a seed.
	seedLike = regexp.MustCompile(`^(?:[0-9A-Fa-f]{32,}|[A-Za-z2-7]{26,}=*)$`)
)

var errSpreadsheetSerial = errors.New("a spreadsheet has replaced the serial number by a rounded one (2,60E+12): " +
	"the number is lost; import the supplier's own file, not one saved by the spreadsheet")

var errSpreadsheetSeed = errors.New("a spreadsheet has replaced the seed by a rounded number (3,13E+39): " +
	"the seed is lost; import the supplier's own file, not one saved by the spreadsheet")

var errZeroSeed = errors.New("every byte of the seed is zero: the file was made without its secrets, or is damaged")

// serialOf gives a serial number that can be shown and stored, or says what is
// wrong with it. What may be a seed in the wrong column is refused and not
// shown.
func serialOf(field string) (string, error) {
	switch {
	case field == "":
		return "", errors.New("the serial number is missing")
	case seedLike.MatchString(field):
		return "", errors.New("a seed stands where the serial number belongs: the columns are in another order than in this format")
	case scientific.MatchString(field) && strings.ContainsAny(field, ".,+"):
		return "", errSpreadsheetSerial
	case len(field) > maxSerial:
		return "", fmt.Errorf("the serial number has %d characters: at most %d are read", len(field), maxSerial)
	case !serialShape.MatchString(field):
		return "", errors.New("the serial number has characters that no key shows: it has letters and digits, and . _ : @ + / - between them")
	}
	return field, nil
}

// seedOf gives the bytes of a seed written in e. Its errors say nothing of the
// seed but its length.
func seedOf(field string, e Encoding) ([]byte, error) {
	if field == "" {
		return nil, errors.New("the seed is missing")
	}
	if scientific.MatchString(field) && strings.ContainsAny(field, ".,+") {
		return nil, errSpreadsheetSeed
	}
	seed, err := decodeSeed(field, e)
	if err != nil {
		return nil, err
	}
	if isZero(seed) {
		return nil, errZeroSeed
	}
	return seed, nil
}

func decodeSeed(field string, e Encoding) ([]byte, error) {
	if e == Base32 {
		return decodeBase32(strings.ToUpper(strings.TrimRight(field, "=")))
	}
	seed, err := hex.DecodeString(field)
	switch {
	case errors.Is(err, hex.ErrLength):
		return nil, fmt.Errorf("the seed has %d hexadecimal digits, an odd number: one was lost", len(field))
	case err != nil:
		return nil, errors.New("the seed is not in hexadecimal digits: if the supplier says that seeds are in Base32, give the encoding base32")
	}
	return seed, nil
}

// decodeBase32 reads Base32 without its padding (RFC 4648 section 6). Bits that
// are left over behind the last byte are dropped, as every authenticator does:
// suppliers make seeds by drawing letters.
func decodeBase32(text string) ([]byte, error) {
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		return nil, errors.New("the seed is not in Base32, which has the letters A to Z and the digits 2 to 7: " +
			"if the supplier says that seeds are hexadecimal, give the encoding hex")
	}
	switch len(text) % 8 {
	case 1, 3, 6: // no number of bytes takes so many
		return nil, fmt.Errorf("the seed has %d characters, which is no length in Base32: some are missing", len(text))
	}
	return seed, nil
}

// kindOf reads the name of an algorithm, otherwise the default.
func kindOf(field string, otherwise otp.Kind) (otp.Kind, error) {
	switch strings.ToLower(field) {
	case "":
		return otherwise, nil
	case "hotp":
		return otp.HOTP, nil
	case "totp":
		return otp.TOTP, nil
	}
	if h, err := hashOf(field); err == nil && h != 0 {
		return 0, fmt.Errorf("%s is a hash function, and stands where the algorithm belongs: hotp or totp", quote(field))
	}
	return 0, fmt.Errorf("the algorithm %s is not supported: it is hotp or totp", quote(field))
}

// hashOf reads the name of a hash function in the spellings that suppliers
// use; "" gives 0.
func hashOf(field string) (otp.Hash, error) {
	name := strings.ToLower(field)
	name = strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(name, "hmac"), "-"), "-", "")
	switch name {
	case "":
		if field == "" {
			return 0, nil
		}
	case "sha1":
		return otp.SHA1, nil
	case "sha256":
		return otp.SHA256, nil
	case "sha512":
		return otp.SHA512, nil
	}
	return 0, fmt.Errorf("the hash function %s is not supported: it is sha1, sha256 or sha512", quote(field))
}

// digitsOf reads the length of a code, otherwise the default.
func digitsOf(field string, otherwise int) (int, error) {
	if field == "" {
		return otherwise, nil
	}
	if len(field) == 1 && field[0] >= '0'+otp.MinDigits && field[0] <= '0'+otp.MaxDigits {
		return int(field[0] - '0'), nil
	}
	return 0, fmt.Errorf("the length %s of a code is not supported: a code has %d to %d digits", quote(field), otp.MinDigits, otp.MaxDigits)
}

// periodOf reads a period in seconds, otherwise the default.
func periodOf(field string, otherwise time.Duration) (time.Duration, error) {
	switch field {
	case "":
		return otherwise, nil
	case "30":
		return 30 * time.Second, nil
	case "60":
		return time.Minute, nil
	}
	return 0, fmt.Errorf("the period %s is not supported: it is 30 or 60 seconds", quote(field))
}

// counterOf reads a counter; "" gives 0.
func counterOf(field string) (otp.Step, error) {
	if field == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(field, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("the counter %s is not a number from 0 up", quote(field))
	}
	return otp.Step(n), nil
}

// labelOf gives a text for people to read: without control characters, at most
// maxLabel characters.
func labelOf(field string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(field) {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			continue
		}
		if n++; n > maxLabel {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// hashFor reads the hash function that goes with a seed of the given length. A
// seed of 32 or 64 bytes without a hash function is refused unless the options
// name one: some take SHA-256 or SHA-512 from the length of the seed where
// others take SHA-1, and the codes differ.
func hashFor(field string, seed int, o Options) (otp.Hash, error) {
	h, err := hashOf(field)
	if err != nil || h != 0 {
		return h, err
	}
	if o.Hash == 0 && (seed == 32 || seed == 64) {
		return 0, errors.New("the file does not say which hash function goes with a seed of this length: ask the supplier, and give the hash, sha1, sha256 or sha512")
	}
	return cmp.Or(o.Hash, otp.SHA1), nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
