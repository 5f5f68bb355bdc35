package keyfile

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// The columns of the file that Microsoft Entra imports, as its first line names
// them, and those that some suppliers add.
const (
	entraHolder       = "upn"
	entraSerial       = "serial number"
	entraSeed         = "secret key"
	entraPeriod       = "time interval"
	entraManufacturer = "manufacturer"
	entraModel        = "model"
	entraHash         = "hash function"
	entraDigits       = "digits"
)

var entraColumns = map[string]bool{
	entraHolder: true, entraSerial: true, entraSeed: true, entraPeriod: true,
	entraManufacturer: true, entraModel: true, entraHash: true, entraDigits: true,
}

// isEntra tells whether the fields are the names of the columns.
func isEntra(fields []string) bool {
	names := entraNames(fields)
	_, serial := names[entraSerial]
	_, seed := names[entraSeed]
	return serial && seed
}

// entraNames gives the place of each column by its name.
func entraNames(fields []string) map[string]int {
	names := make(map[string]int, len(fields))
	for i, field := range fields {
		names[strings.ToLower(strings.Join(strings.Fields(field), " "))] = i
	}
	return names
}

// entraParser reads the file that Microsoft Entra imports, and that Token2 and
// Deepnet sell their keys with. Its first line names the columns:
//
//	upn,serial number,secret key,time interval,manufacturer,model
//
// The keys are time-based. Microsoft prescribes Base32 for the seeds, and some
// suppliers write hexadecimal digits instead: a seed that can be read as both
// is refused until the options name the encoding.
func entraParser(c textfile.Separator, heading string, o Options) (lineParser, error) {
	fields, err := c.Split(heading)
	if err != nil {
		return nil, err
	}
	if !isEntra(fields) {
		return nil, errors.New("the line does not name the columns of this format, as its first line must: " +
			"upn, serial number, secret key, time interval, manufacturer, model")
	}
	names := entraNames(fields)
	for name, i := range names {
		if !entraColumns[name] {
			return nil, fmt.Errorf("column %d has a name that is not known in this format: take the column out of the file if no code depends on it", i+1)
		}
	}
	if len(names) != len(fields) {
		return nil, errors.New("two columns have the same name")
	}
	first := true
	return func(line string) (Record, error) {
		if first {
			first = false
			return Record{}, errNoKey
		}
		rec := Record{Format: Entra}
		fields, err := c.Split(line)
		if err != nil {
			return rec, err
		}
		if len(fields) > len(names) {
			return rec, errors.New("the line has more columns than the first line names")
		}
		err = entraRecord(&rec, func(name string) string {
			if i, named := names[name]; named {
				return at(fields, i)
			}
			return ""
		}, o)
		return rec, err
	}, nil
}

func entraRecord(rec *Record, field func(name string) string, o Options) (err error) {
	if rec.Serial, err = serialOf(field(entraSerial)); err != nil {
		return err
	}
	rec.Holder = labelOf(field(entraHolder))
	rec.Manufacturer, rec.Model = labelOf(field(entraManufacturer)), labelOf(field(entraModel))
	g := &rec.Generator
	g.Kind = otp.TOTP
	if g.Seed, err = entraSeedOf(field(entraSeed), o.Encoding); err != nil {
		return err
	}
	if g.Period, err = periodOf(field(entraPeriod), cmp.Or(o.Period, 30*time.Second)); err != nil {
		return err
	}
	if g.Digits, err = digitsOf(field(entraDigits), cmp.Or(o.Digits, 6)); err != nil {
		return err
	}
	g.Hash, err = hashFor(field(entraHash), len(g.Seed), o)
	return err
}

// eitherEncoding is what can be read both as hexadecimal digits and as Base32,
// and gives a seed of at least 16 bytes both ways.
var eitherEncoding = regexp.MustCompile(`^(?:[2-7A-Fa-f]{2}){16,}$`)

func entraSeedOf(field string, e Encoding) ([]byte, error) {
	if e != Prescribed {
		return seedOf(field, e)
	}
	if eitherEncoding.MatchString(field) {
		return nil, errors.New("the seed can be read both in Base32 and in hexadecimal digits: " +
			"ask the supplier, give the encoding, hex or base32, and try one code of the key")
	}
	return seedOf(field, Base32)
}
