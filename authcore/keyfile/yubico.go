package keyfile

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// The columns of the YubiKey Personalization Tool's log in its traditional
// format, which says what was programmed: event, time, slot, public identity,
// private identity, key, two access codes, three flags, digits, counter.
const (
	logEvent   = 0
	logPublic  = 3
	logSeed    = 5
	logDigits  = 11
	logCounter = 12
)

// yubicoEvents is how the lines of such a log begin.
var yubicoEvents = []string{"logging start", "oath-hotp", "yubico otp", "static password", "challenge-response"}

func isYubicoLog(fields []string) bool {
	event := strings.ToLower(at(fields, logEvent))
	for _, e := range yubicoEvents {
		if strings.HasPrefix(event, e) {
			return true
		}
	}
	return false
}

// yubicoLogParser reads the traditional format. A line of it gives an
// event-based key if it says OATH-HOTP; its serial number is the public
// identity, which the key types before the code.
func yubicoLogParser(c textfile.Separator, o Options) lineParser {
	return func(line string) (Record, error) {
		rec := Record{Format: YubicoLog}
		fields, err := c.Split(line)
		if err != nil {
			return rec, err
		}
		switch event := strings.ToLower(at(fields, logEvent)); {
		case event == "logging start":
			return rec, errNoKey
		case event != "oath-hotp":
			return rec, errors.New("the line is about another function of the YubiKey than OATH-HOTP: take it out of the file")
		case at(fields, logPublic) == "":
			return rec, errors.New("the line has no public identity, which is the serial number in this format: program the key with one, or write its number into the fourth column")
		}
		if rec.Serial, err = serialOf(fields[logPublic]); err != nil {
			return rec, err
		}
		rec.Manufacturer = "Yubico"
		g := &rec.Generator
		g.Kind, g.Hash = otp.HOTP, otp.SHA1
		if g.Seed, err = seedOf(at(fields, logSeed), o.Encoding); err != nil {
			return rec, err
		}
		if g.Digits, err = digitsOf(at(fields, logDigits), cmp.Or(o.Digits, 6)); err != nil {
			return rec, err
		}
		rec.Counter, err = counterOf(at(fields, logCounter))
		return rec, err
	}
}

// The columns of the same log in the Yubico format: serial, public identity,
// private identity, key, access code, time of programming.
const (
	yubicoSerial  = 0
	yubicoPrivate = 2
	yubicoSeed    = 3
	yubicoTime    = 5
)

var yubicoNumber = regexp.MustCompile(`^[0-9]+$`)

func isYubico(fields []string) bool {
	_, err := time.Parse("2006-01-02T15:04:05", at(fields, yubicoTime))
	return err == nil && yubicoNumber.MatchString(at(fields, yubicoSerial))
}

// yubicoParser reads the Yubico format. The private identity of an event-based
// key is 0 in it, and of no other function; how long its codes are is not in
// the file: 6 digits unless the options say otherwise.
func yubicoParser(c textfile.Separator, o Options) lineParser {
	return func(line string) (Record, error) {
		rec := Record{Format: Yubico}
		fields, err := c.Split(line)
		if err != nil {
			return rec, err
		}
		if rec.Serial, err = serialOf(at(fields, yubicoSerial)); err != nil {
			return rec, err
		}
		if !isYubico(fields) {
			return rec, errors.New("the line has not the columns of this format: serial, public identity, 0, key, access code, time")
		}
		if at(fields, yubicoPrivate) != "0" {
			return rec, errors.New("the line is about another function of the YubiKey than OATH-HOTP: take it out of the file")
		}
		rec.Manufacturer = "Yubico"
		rec.Generator = otp.Generator{Kind: otp.HOTP, Hash: otp.SHA1, Digits: cmp.Or(o.Digits, 6)}
		rec.Generator.Seed, err = seedOf(at(fields, yubicoSeed), o.Encoding)
		return rec, err
	}
}
