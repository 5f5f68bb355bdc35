package authcore

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

const megabyte = 1 << 20

func TestParseIdentifier(t *testing.T) {
	tests := []struct {
		name, typed string
		want        Identifier
		err         error
	}{
		{"plain", "jdupont", "jdupont", nil},
		{"upper case and spaces around", "\t JDupont\n", "jdupont", nil},
		{"non-breaking spaces around", "\u00a0jdupont\u202f", "jdupont", nil},
		{"a partner's", "ext-Ab_12", "ext-ab_12", nil},
		{"an address", "Jeanne.Dupont@ac-example.fr", "jeanne.dupont@ac-example.fr", nil},
		{"one letter", "a", "a", nil},
		{"five digits", "12345", "12345", nil},
		{"digits and a letter", "1984654321a", "1984654321a", nil},
		{"64 characters", strings.Repeat("a", 64), Identifier(strings.Repeat("a", 64)), nil},

		{"nothing", "", "", ErrIdentifierMissing},
		{"spaces", " \t\u00a0\u202f\u3000", "", ErrIdentifierMissing},

		{"a code", "123456", "", ErrIdentifierIsPasscode},
		{"a PASSCODE", "1984654321", "", ErrIdentifierIsPasscode},
		{"a spaced PASSCODE", " 1984 654\u00a0321 ", "", ErrIdentifierIsPasscode},
		{"a PASSCODE with narrow spaces", "1984\u202f654\u2009321", "", ErrIdentifierIsPasscode},
		{"a hundred digits", strings.Repeat("7", 100), "", ErrIdentifierIsPasscode},
		{"1 MB of digits", strings.Repeat("7", megabyte), "", ErrIdentifierIsPasscode},

		{"65 characters", strings.Repeat("a", 65), "", ErrIdentifierShape},
		{"1 MB", strings.Repeat("a", megabyte), "", ErrIdentifierShape},
		{"a space inside", "jean dupont", "", ErrIdentifierShape},
		{"a line break inside", "jean\ndupont", "", ErrIdentifierShape},
		{"NUL", "jdupont\x00", "", ErrIdentifierShape},
		{"NUL alone", "\x00", "", ErrIdentifierShape},
		{"invalid UTF-8", "jdupont\xff", "", ErrIdentifierShape},
		{"an accent", "jérôme", "", ErrIdentifierShape},
		{"a slash", "key/1", "", ErrIdentifierShape},
		{"a comma", "a,b", "", ErrIdentifierShape},
		{"a hyphen first", "-dupont", "", ErrIdentifierShape},
		{"a dot first", ".dupont", "", ErrIdentifierShape},
		{"the stand-in's", string(nobody), "", ErrIdentifierShape},
		{"full-width letters", "ｊｄｕｐｏｎｔ", "", ErrIdentifierShape},
		{"full-width digits", "１２３４５６", "", ErrIdentifierShape},
		{"Arabic digits", "١٢٣٤٥٦", "", ErrIdentifierShape},
		{"a letter that becomes ASCII in lower case", "\u212aevin", "", ErrIdentifierShape},
		{"a letter that becomes two in lower case", "\u0130brahim", "", ErrIdentifierShape},
		{"a space of no width", "jdu\u200bpont", "", ErrIdentifierShape},
		{"a mark of direction", "\u202ejdupont", "", ErrIdentifierShape},
		{"escapes", "jdupont%00", "", ErrIdentifierShape},
		{"a header", "jdupont\r\nRemote-User: admin", "", ErrIdentifierShape},
	}
	for _, tt := range tests {
		got, err := ParseIdentifier(tt.typed)
		if got != tt.want || !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: got %.20q, %v; want %.20q, %v", tt.name, got, err, tt.want, tt.err)
		}
		wantSilent(t, tt.name, tt.typed, err)
	}
}

// wantSilent wants that an error shows nothing of what was typed: people type
// secrets into the wrong field.
func wantSilent(t *testing.T, name, typed string, err error) {
	t.Helper()
	if typed = strings.TrimSpace(typed); err != nil && len(typed) > 3 && strings.Contains(err.Error(), typed) || err != nil && len(err.Error()) > 200 {
		t.Errorf("%s: the error shows what was typed, or is long", name)
	}
}

func TestParseSerial(t *testing.T) {
	tests := []struct {
		typed string
		want  Serial
		ok    bool
	}{
		{"0123456789", "0123456789", true},
		{" fob-12ab ", "FOB-12AB", true},
		{"\u00a0123\u202f", "123", true},
		{strings.Repeat("9", 40), Serial(strings.Repeat("9", 40)), true},
		{"", "", false},
		{"  ", "", false},
		{"-1", "", false},
		{strings.Repeat("9", 41), "", false},
		{strings.Repeat("9", megabyte), "", false},
		{"12 34", "", false},
		{"12/34", "", false},
		{"12\x0034", "", false},
		{"12\xff", "", false},
		{"١٢٣", "", false},
		{"\u0131d", "", false},   // dotless i, I in upper case
		{"key\u017f", "", false}, // long s, S in upper case
		{string(nobodyKey), "", false},
	}
	for _, tt := range tests {
		got, err := ParseSerial(tt.typed)
		if got != tt.want || (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrSerialShape) {
			t.Errorf("%.20q: got %.20q, %v", tt.typed, got, err)
		}
	}
}

func TestSerialTail(t *testing.T) {
	for s, want := range map[Serial]string{"0123456789": "6789", "6789": "6789", "89": "89", "": ""} {
		if got := s.Tail(); got != want {
			t.Errorf("%q: got %q", s, got)
		}
	}
}

var canonical = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// What is accepted is canonical, names itself, and was typed in ASCII; what is
// refused is refused for one of three reasons.
func FuzzParseIdentifier(f *testing.F) {
	for _, typed := range []string{"jdupont", " JDupont ", "1984654321", "1984 654 321", "\u212aevin", "~nobody", "a\x00", "\xff", "", "j.d@ac-x.fr"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		id, err := ParseIdentifier(typed)
		if err != nil {
			if id != "" || !errors.Is(err, ErrIdentifierMissing) && !errors.Is(err, ErrIdentifierIsPasscode) && !errors.Is(err, ErrIdentifierShape) {
				t.Fatalf("got %q, %v", id, err)
			}
			return
		}
		again, err := ParseIdentifier(string(id))
		if err != nil || again != id || !canonical.MatchString(string(id)) || looksLikePasscode(string(id)) {
			t.Fatalf("%q becomes %q, and that %q (%v)", typed, id, again, err)
		}
		if trimmed := strings.TrimSpace(typed); len(trimmed) != utf8.RuneCountInString(trimmed) || !strings.EqualFold(trimmed, string(id)) {
			t.Fatalf("%q is taken for %q", typed, id)
		}
	})
}
