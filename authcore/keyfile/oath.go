package keyfile

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// oathParser reads the lines that LinOTP and privacyIDEA import:
//
//	serial, seed[, hotp|totp[, digits[, period or counter[, sha1|sha256|sha512]]]]
//
// and those of vendors' text files, in which the counter follows the seed:
//
//	serial, seed[, counter]
//
// Seeds are hexadecimal. A line that leaves them out is of hotp, 6 digits, 30
// seconds. LinOTP takes the hash function from the length of the seed where
// privacyIDEA takes SHA-1: see hashFor.
//
// In privacyIDEA's second version, which a comment announces, the user, the
// resolver and the realm stand before the serial.
func oathParser(c textfile.Separator, holders bool, o Options) lineParser {
	return func(line string) (Record, error) {
		rec := Record{Format: OATH}
		fields, err := c.Split(line)
		if err != nil {
			return rec, err
		}
		if holders && len(fields) > 3 {
			rec.Holder = labelOf(fields[0])
			fields = fields[3:]
		}
		err = oathRecord(&rec, fields, o)
		return rec, err
	}
}

const (
	oathSerial = iota
	oathSeed
	oathKind
	oathDigits
	oathStep // the period of totp, the counter of hotp
	oathHash
	oathColumns
)

// oathNames are the columns, for messages.
const oathNames = "serial, seed, hotp or totp, digits, period or counter, hash function, in this order"

// isOATHHeading tells whether what stands where the seed does is a column's name.
func isOATHHeading(field string) bool {
	return slices.Contains([]string{"seed", "secret", "secret key", "key", "graine", "secret_key"}, strings.ToLower(field))
}

func oathRecord(rec *Record, fields []string, o Options) (err error) {
	if rec.Serial, err = serialOf(at(fields, oathSerial)); err != nil {
		return err
	}
	if len(fields) < 2 {
		return errors.New("the line has one column: a serial number and a seed are needed, separated as on the first line")
	}
	if len(fields) > oathColumns {
		return errors.New("the line has more columns than this format, which are " + oathNames)
	}
	if isOATHHeading(fields[oathSeed]) {
		return errors.New("the line names columns, which this format does not: take it out; the columns are " + oathNames)
	}
	g := &rec.Generator
	if g.Seed, err = seedOf(fields[oathSeed], o.Encoding); err != nil {
		return err
	}
	if len(fields) == 3 && isNumber(fields[oathKind]) {
		fields = []string{oathKind: "hotp", oathStep: fields[2]}
	}
	if g.Kind, err = kindOf(at(fields, oathKind), cmp.Or(o.Kind, otp.HOTP)); err != nil {
		return err
	}
	if g.Digits, err = digitsOf(at(fields, oathDigits), cmp.Or(o.Digits, 6)); err != nil {
		return err
	}
	if err := oathMoving(rec, at(fields, oathStep), o); err != nil {
		return err
	}
	g.Hash, err = hashFor(at(fields, oathHash), len(g.Seed), o)
	return err
}

// oathMoving reads the column that is a period or a counter.
func oathMoving(rec *Record, field string, o Options) (err error) {
	if rec.Generator.Kind == otp.HOTP {
		rec.Counter, err = counterOf(field)
		return err
	}
	rec.Generator.Period, err = periodOf(field, cmp.Or(o.Period, 30*time.Second))
	return err
}

func isNumber(field string) bool {
	_, err := counterOf(field)
	return field != "" && err == nil
}
