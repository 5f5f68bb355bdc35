package authcore

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestParsePasscode(t *testing.T) {
	tests := []struct {
		name, typed string
		want        string
		err         error
	}{
		{"a code", "123456", "123456", nil},
		{"a PASSCODE", "7294123456", "7294123456", nil},
		{"in groups", "7294 123 456", "7294123456", nil},
		{"spaces around", " 7294123456\r\n", "7294123456", nil},
		{"non-breaking spaces", "7294\u00a0123\u202f456", "7294123456", nil},
		{"all kinds of spaces", "7\u20002\u20039\u20054\u2009123\u3000456\t", "7294123456", nil},
		{"leading zeros", "0000 000123", "0000000123", nil},
		{"20 digits", strings.Repeat("7", 20), strings.Repeat("7", 20), nil},
		{"1 MB of spaces around", strings.Repeat(" ", megabyte) + "123456", "123456", nil},

		{"nothing", "", "", ErrPasscodeMissing},
		{"spaces", " \u00a0\u202f\t", "", ErrPasscodeMissing},

		{"5 digits", "12345", "", ErrPasscodeLength},
		{"21 digits", strings.Repeat("7", 21), "", ErrPasscodeLength},
		{"1 MB of digits", strings.Repeat("7", megabyte), "", ErrPasscodeLength},

		{"a letter", "7294l23456", "", ErrPasscodeNotDigits},
		{"letter O", "7294O23456", "", ErrPasscodeNotDigits},
		{"a hyphen", "7294-123456", "", ErrPasscodeNotDigits},
		{"a plus", "7294+123456", "", ErrPasscodeNotDigits},
		{"a sign", "+7294123456", "", ErrPasscodeNotDigits},
		{"a decimal point", "7294.123456", "", ErrPasscodeNotDigits},
		{"NUL", "7294\x00123456", "", ErrPasscodeNotDigits},
		{"NUL behind", "7294123456\x00", "", ErrPasscodeNotDigits},
		{"invalid UTF-8", "7294\xff123456", "", ErrPasscodeNotDigits},
		{"half a space", "7294\xc2123456", "", ErrPasscodeNotDigits},
		{"Arabic digits", "٧٢٩٤١٢٣٤٥٦", "", ErrPasscodeNotDigits},
		{"Devanagari digits", "७२९४१२३४५६", "", ErrPasscodeNotDigits},
		{"full-width digits", "７２９４１２３４５６", "", ErrPasscodeNotDigits},
		{"mathematical digits", "𝟟𝟚𝟡𝟜𝟙𝟚𝟛𝟜𝟝𝟞", "", ErrPasscodeNotDigits},
		{"one foreign digit", "729412345６", "", ErrPasscodeNotDigits},
		{"a superscript", "729412345²", "", ErrPasscodeNotDigits},
		{"a space of no width", "7294\u200b123456", "", ErrPasscodeNotDigits},
		{"a byte order mark", "\ufeff7294123456", "", ErrPasscodeNotDigits},
		{"a mark of direction", "\u202e7294123456", "", ErrPasscodeNotDigits},
		{"the identifier", "jdupont", "", ErrPasscodeNotDigits},
		{"1 MB of letters", strings.Repeat("x", megabyte), "", ErrPasscodeNotDigits},
	}
	for _, tt := range tests {
		got, err := ParsePasscode(tt.typed)
		if got.digits != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: got %d digits, %v; want %v", tt.name, len(got.digits), err, tt.err)
		}
		wantSilent(t, tt.name, tt.typed, err)
	}
}

func TestParsePIN(t *testing.T) {
	tests := []struct {
		name, typed, want string
		err               error
	}{
		{"four digits", "7294", "7294", nil},
		{"in groups", " 40 51\u00a072 ", "405172", nil},
		{"one digit, for the policy to refuse", "7", "7", nil},
		{"64 digits, for the policy to refuse", strings.Repeat("7", 64), strings.Repeat("7", 64), nil},
		{"nothing", "", "", ErrPINMissing},
		{"spaces", " \u202f", "", ErrPINMissing},
		{"letters", "abcd", "", ErrPINNotDigits},
		{"full-width digits", "７２９４", "", ErrPINNotDigits},
		{"NUL", "7294\x00", "", ErrPINNotDigits},
		{"invalid UTF-8", "7294\xff", "", ErrPINNotDigits},
	}
	for _, tt := range tests {
		got, err := ParsePIN(tt.typed)
		if got.digits != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: got %d digits, %v; want %v", tt.name, len(got.digits), err, tt.err)
		}
		wantSilent(t, tt.name, tt.typed, err)
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		digits    string
		n         int
		pin, code string
		ok        bool
	}{
		{"1984654321", 6, "1984", "654321", true},
		{"1984654321", 8, "19", "84654321", true},
		{"654321", 6, "", "654321", true},
		{"654321", 7, "", "", false},
		{"1984654321", 5, "", "", false},
		{"1984654321", 9, "", "", false},
		{"1984654321", 0, "", "", false},
		{"1984654321", -6, "", "", false},
		{"", 6, "", "", false},
	}
	for _, tt := range tests {
		p, code, ok := Passcode{tt.digits}.split(tt.n)
		if p.digits != tt.pin || code != tt.code || ok != tt.ok {
			t.Errorf("%q at %d: %q, %q, %v", tt.digits, tt.n, p.digits, code, ok)
		}
	}
}

// FuzzParsePasscode: what is accepted is the digits that were typed, in their
// order, and its two parts are the whole again.
func FuzzParsePasscode(f *testing.F) {
	for _, typed := range []string{"7294123456", "7294 123\u202f456", "123456", "12345", "٧٢٩٤١٢٣٤٥٦", "7294\x00123456", "\xff", "", strings.Repeat("7", 21)} {
		f.Add(typed, 6)
	}
	f.Add("729412345678", 8)
	f.Fuzz(func(t *testing.T, typed string, n int) {
		p, err := ParsePasscode(typed)
		if err != nil {
			if p != (Passcode{}) || !errors.Is(err, ErrPasscodeMissing) && !errors.Is(err, ErrPasscodeNotDigits) && !errors.Is(err, ErrPasscodeLength) {
				t.Fatalf("got %d digits, %v", len(p.digits), err)
			}
			return
		}
		bare := strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) {
				return -1
			}
			return r
		}, typed)
		if p.digits != bare || len(bare) < 6 || len(bare) > 20 || strings.Trim(bare, "0123456789") != "" {
			t.Fatalf("%q is taken for %q", typed, p.digits)
		}
		pin, code, ok := p.split(n)
		if ok != (n >= 6 && n <= 8 && n <= len(bare)) {
			t.Fatalf("%q is cut at %d: %v", bare, n, ok)
		}
		if ok && (pin.digits+code != bare || len(code) != n) || !ok && pin.digits+code != "" {
			t.Fatalf("%q is cut at %d into %q and %q", bare, n, pin.digits, code)
		}
	})
}
