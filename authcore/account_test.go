package authcore

import (
	"strings"
	"testing"
)

func TestValidUAI(t *testing.T) {
	for _, uai := range strings.Fields("0441550W 0693045K 0380083J 0291101P 0490910Y 0492285T 0291591X 0290072W 0290070U") {
		if !ValidUAI(uai) {
			t.Errorf("%s is refused", uai)
		}
		for _, letter := range "ABCDEFGHJKLMNPRSTUVWXYZIOQ0wk " {
			if other := uai[:7] + string(letter); other != uai && ValidUAI(other) {
				t.Errorf("%s passes for %s", other, uai)
			}
		}
		for i := range 7 {
			digits := []byte(uai)
			digits[i] = '0' + (digits[i]-'0'+1)%10
			if ValidUAI(string(digits)) {
				t.Errorf("%s passes for %s", digits, uai)
			}
		}
	}
	for _, bad := range []string{"", "0441550", "0441550w", "441550W", "00441550W", "X441550W", "０441550W", "0441550W ", "044155٠W", "٠٠٠W", strings.Repeat("0", 100)} {
		if ValidUAI(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestAccountValidate(t *testing.T) {
	good := Account{Identifier: "jdupont", GivenName: "Ève", Surname: "D'Été-Müller", Email: "eve@ac-example.fr",
		Groups: []string{"enseignants", "siecle admin"}, Functions: []string{"DIR"}, Establishment: "0441550W"}
	mustBeNil(t, good.Validate())
	mustBeNil(t, Account{Identifier: "a"}.Validate())
	tests := []struct {
		name string
		set  func(*Account)
		says string
	}{
		{"no identifier", func(a *Account) { a.Identifier = "" }, "identifier"},
		{"the stand-in's", func(a *Account) { a.Identifier = nobody }, "identifier"},
		{"not canonical", func(a *Account) { a.Identifier = "JDupont" }, "identifier"},
		{"spaces around", func(a *Account) { a.Identifier = " jdupont" }, "identifier"},
		{"a PASSCODE", func(a *Account) { a.Identifier = "1984654321" }, "identifier"},
		{"a line break in the name", func(a *Account) { a.Surname = "Dupont\r\nX-Admin: 1" }, "surname"},
		{"NUL in the given name", func(a *Account) { a.GivenName = "\x00" }, "given name"},
		{"a line separator", func(a *Account) { a.GivenName = "a\u2028b" }, "given name"},
		{"an escape", func(a *Account) { a.Surname = "\x1b[2J" }, "surname"},
		{"invalid UTF-8", func(a *Account) { a.Email = "\xff@x" }, "e-mail"},
		{"a long name", func(a *Account) { a.Surname = strings.Repeat("x", 201) }, "surname"},
		{"a group with a comma", func(a *Account) { a.Groups = []string{"a,b"} }, "groups"},
		{"an empty group", func(a *Account) { a.Groups = []string{""} }, "groups"},
		{"a group with a tab", func(a *Account) { a.Groups = []string{"a\tb"} }, "groups"},
		{"too many groups", func(a *Account) { a.Groups = make([]string, 201) }, "groups"},
		{"a function with a comma", func(a *Account) { a.Functions = []string{"DIR,ADJ"} }, "functions"},
		{"a wrong UAI", func(a *Account) { a.Establishment = "0441550X" }, "establishment"},
	}
	for _, tt := range tests {
		a := good
		tt.set(&a)
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\r\n\x00\x1b") {
			t.Errorf("%s: %q", tt.name, err)
		}
	}
}

func TestAccountName(t *testing.T) {
	for want, a := range map[string]Account{
		"Jeanne Dupont": {Identifier: "x", GivenName: "Jeanne", Surname: "Dupont"},
		"Dupont":        {Identifier: "x", Surname: "Dupont"},
		"Jeanne":        {Identifier: "x", GivenName: "Jeanne"},
		"x":             {Identifier: "x"},
	} {
		if got := a.Name(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
