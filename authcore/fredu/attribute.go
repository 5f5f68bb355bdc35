package fredu

import (
	"fmt"
	"strings"
)

// Attribute is one thing that is said of a person. The zero value is invalid.
type Attribute uint8

// The attributes, and the names under which applications read them.
const (
	Rne            Attribute = iota + 1 // FrEduRne: where somebody works
	RneResp                             // FrEduRneResp: what they are the head of, or X
	ResDel                              // FrEduResDel: what was delegated to them
	GestResp                            // FrEduGestResp: what they manage
	FonctAdm                            // FrEduFonctAdm: the administrative function, such as DIR
	Academy                             // codaca: the académie's three digits
	Title                               // title
	Grade                               // grade
	Discipline                          // discipline
	FonctM                              // fonctm
	TypEnsi                             // typensi
	EmployeeNumber                      // employeeNumber: the NUMEN
	BirthDate                           // datenaissance
	Civility                            // civilite
	CivilityCode                        // codecivilite
)

// attributes says what each one is.
var attributes = [...]struct {
	name     string
	multiple bool
	staff    bool
	check    func(string) error
}{
	Rne:            {"FrEduRne", true, false, check(ParsePosting)},
	RneResp:        {"FrEduRneResp", true, false, checkResponsibility},
	ResDel:         {"FrEduResDel", true, false, check(ParseDelegation)},
	GestResp:       {"FrEduGestResp", true, false, check(ParseManagement)},
	FonctAdm:       {"FrEduFonctAdm", false, false, word},
	Academy:        {"codaca", false, false, academy},
	Title:          {"title", false, true, text},
	Grade:          {"grade", false, true, text},
	Discipline:     {"discipline", false, true, text},
	FonctM:         {"fonctm", false, true, text},
	TypEnsi:        {"typensi", false, true, text},
	EmployeeNumber: {"employeeNumber", false, true, word},
	BirthDate:      {"datenaissance", false, true, text},
	Civility:       {"civilite", false, true, text},
	CivilityCode:   {"codecivilite", false, true, text},
}

// check is a parser as what says whether a value is one.
func check[T any](parse func(string) (T, error)) func(string) error {
	return func(s string) error { _, err := parse(s); return err }
}

// Attributes lists every attribute.
func Attributes() []Attribute {
	list := make([]Attribute, 0, len(attributes)-1)
	for a := Rne; int(a) < len(attributes); a++ {
		list = append(list, a)
	}
	return list
}

func (a Attribute) valid() bool { return a != 0 && int(a) < len(attributes) }

// String gives the name under which applications read the attribute.
func (a Attribute) String() string {
	if !a.valid() {
		return fmt.Sprintf("unknown attribute %d", uint8(a))
	}
	return attributes[a].name
}

// Multiple reports whether there may be several values.
func (a Attribute) Multiple() bool { return a.valid() && attributes[a].multiple }

// Staff reports whether the attribute is about somebody as an employee and not
// about what they may do: an application gets it only where the operator names
// it (GDPR, article 5(1)(c), data minimisation).
func (a Attribute) Staff() bool { return a.valid() && attributes[a].staff }

// MarshalText gives the name; an unknown attribute is an error.
func (a Attribute) MarshalText() ([]byte, error) {
	if !a.valid() {
		return nil, fmt.Errorf("%d is no attribute", uint8(a))
	}
	return []byte(attributes[a].name), nil
}

// UnmarshalText reads a name, upper and lower case being one, as header names
// are; anything else is an error that lists the names.
func (a *Attribute) UnmarshalText(b []byte) error {
	names := make([]string, 0, len(attributes))
	for _, is := range Attributes() {
		if strings.EqualFold(is.String(), string(b)) {
			*a = is
			return nil
		}
		names = append(names, is.String())
	}
	return fmt.Errorf("%.40q is no attribute: there are %s", b, strings.Join(names, ", "))
}
