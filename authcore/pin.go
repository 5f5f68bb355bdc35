package authcore

import (
	"strings"
	"time"
)

// PINProblem is why the policy refuses a new PIN: said to the holder, who is
// choosing it and is entitled to know. The zero value is no problem.
type PINProblem uint8

// The problems, in the order in which they are looked for.
const (
	PINTooShort   PINProblem = iota + 1 // "too-short"
	PINTooLong                          // "too-long"
	PINRepeats                          // "repeats": 1111, 1212, 123123
	PINSequence                         // "sequence": 1234, 9876, 2468
	PINDate                             // "date": 1984, 1407, 140784, 14071984
	PINCommon                           // "common": 2580, 1379…
	PINFromSerial                       // "from-serial": stands in the key's number
	PINFromCode                         // "from-code": stands in the code just typed, or holds it
	PINMismatch                         // "mismatch": the two entries differ

	PINActivationMissing // "activation-missing": the key has an activation code, and none was typed
	PINActivationWrong   // "activation-wrong": not the key's
	PINUnchanged         // "unchanged": the PIN to be replaced
)

var pinProblemNames = words[PINProblem]{what: "PIN problem", names: []string{"", "too-short", "too-long", "repeats", "sequence", "date", "common", "from-serial", "from-code", "mismatch", "activation-missing", "activation-wrong", "unchanged"}}

// String gives the problem's word.
func (p PINProblem) String() string { return pinProblemNames.name(p) }

// MarshalText gives the problem's word; the zero value is an error.
func (p PINProblem) MarshalText() ([]byte, error) { return pinProblemNames.marshal(p) }

// UnmarshalText reads a problem's word; anything else is an error.
func (p *PINProblem) UnmarshalText(b []byte) error { return pinProblemNames.unmarshal(p, b) }

// problem returns the first reason to refuse a new PIN by itself, for a key that
// has just shown that code, or 0. Four digits leave 10,000 choices of which people take a
// few dozen: what they take matters more than how long it is.
func (p Policy) problem(pin, again PIN, serial Serial, code string) PINProblem {
	d := pin.digits
	switch {
	case len(d) < p.PINMin:
		return PINTooShort
	case len(d) > p.PINMax:
		return PINTooLong
	case repeats(d):
		return PINRepeats
	case sequence(d):
		return PINSequence
	case isDate(d):
		return PINDate
	case common[d]:
		return PINCommon
	case strings.Contains(string(serial), d):
		return PINFromSerial
	case strings.Contains(code, d) || code != "" && strings.Contains(d, code):
		return PINFromCode
	case again.digits != d:
		return PINMismatch
	}
	return 0
}

// repeats reports a group of one to three digits said again to the end: 1111,
// 12121, 123123.
func repeats(d string) bool {
	for period := 1; period <= 3 && 2*period <= len(d); period++ {
		if d[period:] == d[:len(d)-period] {
			return true
		}
	}
	return false
}

// sequence reports digits that go up or down by one or two, over 9 and 0 too.
func sequence(d string) bool {
	step := (int(d[1]) - int(d[0]) + 10) % 10
	if step != 1 && step != 2 && step != 8 && step != 9 {
		return false
	}
	for i := 2; i < len(d); i++ {
		if (int(d[i])-int(d[i-1])+10)%10 != step {
			return false
		}
	}
	return true
}

// isDate reports a year of our lives, a day, or a day with its year, as a
// birthday is written.
func isDate(d string) bool {
	switch len(d) {
	case 4:
		return strings.HasPrefix(d, "19") || strings.HasPrefix(d, "20") || parses(d+"2000", "02012006")
	case 6:
		return parses(d, "020106") || parses(d, "060102")
	case 8:
		return ourTimes(d, "02012006") || ourTimes(d, "20060102")
	}
	return false
}

func parses(d, layout string) bool {
	_, err := time.Parse(layout, d)
	return err == nil
}

func ourTimes(d, layout string) bool {
	t, err := time.Parse(layout, d)
	return err == nil && t.Year() >= 1900 && t.Year() < 2100
}

// common holds the PINs that people choose most and that no rule above catches:
// columns, diagonals and corners of the keypad, pairs, and favourites.
var common = set(`
	2580 0852 1470 0741 3690 0963 1478 1236 1245 1346 1379 1397 1793 1937 3179 3197 3971 7139 7193 7391 7931 9137 9173 9317 9713
	1590 1593 1597 3570 3575 7530 7532 9510 2589 2587 1258 1254 4569 4561 7896 7894 3698 3214 6547 9874 9632 7412 1475
	1122 2211 1133 1144 1155 1166 1177 1188 1199 2233 3322 3344 4455 5544 5566 6655 6677 7788 8877 8899 9988 9900 1001
	1221 1331 1441 1551 1661 1771 1881 1991 2112 2332 2442 2552 3113 3223 4224 4334 5225 5445 5665 6556 6776 7667 7887 8778 8998 9889
	1112 1113 1114 1115 1222 1333 1444 1555 2223 2221 5556 6665 7778 9998 8889 0001 0007 0009 1000 2000 3000 4000 5000 6000 7000 8000 9000
	4938 1004 4200 5150 5683 6969 1313 4711 1789 1515 4321 7410 8520 9630
	112233 121314 123321 123654 124578 147147 147258 147852 147896 159357 159753 258369 258456 258852 321654 357159 369258 369852
	456123 456789 456852 654321 741852 753159 753951 789123 789456 789654 852456 852963 951753 963852 963258 987654
	100000 111222 222333 333222 445566 556677 667788 778899 123789 321321 102030 010203 142536 415263 159159
	12344321 11223344 14725836 12121212 13572468 24681357 15935700 78945612 45612378 14789632 32147896 25802580 74108520 10203040
	147258369 963852741 789456123 159357258 112233445566 123456654321`)

func set(words string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}
