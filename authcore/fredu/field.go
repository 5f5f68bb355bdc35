package fredu

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxField = 200     // bytes of a field, a function, a title
	maxValue = 8 << 10 // bytes of one value: a delegation for 200 schools
)

// ValidUAI reports whether s is the number of an establishment: seven digits and
// a letter, which is their remainder by 23 in an alphabet without I, O and Q.
func ValidUAI(s string) bool {
	const letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
	if len(s) != 8 || !digits(s[:7]) {
		return false
	}
	n := 0
	for _, c := range s[:7] {
		n = n*10 + int(c-'0')
	}
	return s[7] == letters[n%len(letters)]
}

func uai(s string) error {
	if !ValidUAI(s) {
		return fmt.Errorf("%.20q is no UAI: seven digits and the letter that checks them", s)
	}
	return nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// word takes a code: visible ASCII without what separates values and fields.
func word(s string) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case len(s) > maxField:
		return fmt.Errorf("it is longer than %d bytes", maxField)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || strings.IndexByte(",;$|", c) >= 0 {
			return fmt.Errorf("%.40q is no code: letters, digits and signs without accents or spaces, and none of , ; $ |", s)
		}
	}
	return nil
}

// free takes a field of a delegation: ASCII that can be printed, or nothing.
func free(s string) error {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == ',' || c == '|' {
			return fmt.Errorf("%.40q holds a comma, a control character or a letter with an accent", s)
		}
	}
	return nil
}

// text takes what people read: one line in UTF-8.
func text(s string) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case len(s) > maxField:
		return fmt.Errorf("it is longer than %d bytes", maxField)
	case !utf8.ValidString(s):
		return errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }):
		return errors.New("it holds a control character")
	}
	return nil
}

func academy(s string) error {
	if len(s) != 3 || !digits(s) {
		return fmt.Errorf("%.20q is no code of an académie: three digits, such as 017", s)
	}
	return nil
}

// oneOf returns a check for a closed list of words.
func oneOf(what string, words ...string) func(string) error {
	return func(s string) error {
		for _, w := range words {
			if s == w {
				return nil
			}
		}
		return fmt.Errorf("%.20q is no %s: there are %s", s, what, strings.Join(words, ", "))
	}
}

var (
	sector   = oneOf("sector", "PU", "PR")
	activity = oneOf("activity", "N", "A", "F")
)

// level takes T and the first digit of the nature.
func level(s string) error {
	if len(s) != 2 || s[0] != 'T' || !digits(s[1:]) {
		return fmt.Errorf("%.20q is no level: T and a digit, such as T3", s)
	}
	return nil
}

func nature(s string) error {
	if len(s) != 3 || !digits(s) {
		return fmt.Errorf("%.20q is no nature of an establishment: three digits, such as 340", s)
	}
	return nil
}

// part is one field of a value: what it is called, where it goes, what it may be.
type part struct {
	what  string
	to    *string
	check func(string) error
}

// split parts a value at a separator into its fields, each of which must be
// what it should.
func split(s, separator string, parts []part) error {
	if len(s) > maxValue {
		return fmt.Errorf("it is longer than %d bytes", maxValue)
	}
	fields := strings.Split(s, separator)
	if len(fields) != len(parts) {
		return fmt.Errorf("it has %d fields separated by %s, and not %d", len(fields), separator, len(parts))
	}
	for i, p := range parts {
		if err := p.check(fields[i]); err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
		*p.to = fields[i]
	}
	return nil
}

// Date is a day of the calendar, as a number that sorts: 20240303. The zero value
// is no day.
type Date int

// dateLayout is 03/03/2024.
const dateLayout = "02/01/2006"

// DateOf is the day that a time falls on, in its location.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date(year*10000 + int(month)*100 + day)
}

// ParseDate reads dd/mm/yyyy. 31/12/9999 is a day like any other: for ever.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(dateLayout, s)
	if err != nil || t.Year() == 0 {
		return 0, fmt.Errorf("%.20q is no day: write it as 31/12/2027", s)
	}
	return DateOf(t), nil
}

// String prints dd/mm/yyyy.
func (d Date) String() string {
	return fmt.Sprintf("%02d/%02d/%04d", d%100, d/100%100, d/10000)
}

// parsePeriod reads the first and the last day of something.
func parsePeriod(first, last string) (from, to Date, err error) {
	if from, err = ParseDate(first); err != nil {
		return 0, 0, fmt.Errorf("begin: %w", err)
	}
	if to, err = ParseDate(last); err != nil {
		return 0, 0, fmt.Errorf("end: %w", err)
	}
	if to < from {
		return 0, 0, fmt.Errorf("it ends on %s, before it begins on %s", to, from)
	}
	return from, to, nil
}
