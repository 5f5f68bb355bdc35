package fredu

import (
	"errors"
	"fmt"
	"strings"
)

// Posting is where somebody works: one value of FrEduRne.
type Posting struct {
	UAI      string // of the establishment
	Type     string // UAJ
	Sector   string // PU or PR: public, private
	Function string // ADM, ENS, DIR…
	Unit     string // UAI of the administrative unit
	Level    string // T and the first digit of Nature
	Kind     string // LYC, LP, CLG, EREA…
	Nature   string // three digits: 300 lycée, 320 LP, 340 collège…
}

// ParsePosting reads a value of FrEduRne.
func ParsePosting(s string) (p Posting, err error) {
	err = split(s, "$", []part{
		{"establishment", &p.UAI, uai}, {"type", &p.Type, word}, {"sector", &p.Sector, sector}, {"function", &p.Function, word},
		{"unit", &p.Unit, uai}, {"level", &p.Level, level}, {"kind", &p.Kind, word}, {"nature", &p.Nature, nature},
	})
	return p, err
}

// String prints the value as it was read.
func (p Posting) String() string {
	return strings.Join([]string{p.UAI, p.Type, p.Sector, p.Function, p.Unit, p.Level, p.Kind, p.Nature}, "$")
}

// NoResponsibility is the value of FrEduRneResp that says "none". It stands
// alone.
const NoResponsibility = "X"

// Responsibility is an establishment that somebody is the head of: one value of
// FrEduRneResp.
type Responsibility struct {
	UAI      string
	Type     string // UAJ
	Sector   string // PU or PR
	Activity string // N as usual, A before its time, F until 31 August
	Level    string
	Kind     string
	Nature   string
}

// ParseResponsibility reads a value of FrEduRneResp other than X.
func ParseResponsibility(s string) (r Responsibility, err error) {
	err = split(s, "$", []part{
		{"establishment", &r.UAI, uai}, {"type", &r.Type, word}, {"sector", &r.Sector, sector}, {"activity", &r.Activity, activity},
		{"level", &r.Level, level}, {"kind", &r.Kind, word}, {"nature", &r.Nature, nature},
	})
	return r, err
}

// String prints the value as it was read.
func (r Responsibility) String() string {
	return strings.Join([]string{r.UAI, r.Type, r.Sector, r.Activity, r.Level, r.Kind, r.Nature}, "$")
}

func checkResponsibility(s string) error {
	if s == NoResponsibility {
		return nil
	}
	_, err := ParseResponsibility(s)
	return err
}

// Delegation is a resource that a head has opened to somebody for a time: one
// value of FrEduResDel. It is eight fields, each of which a bar ends.
type Delegation struct {
	Application string
	Resource    string // a path: /redirectionhub/redirect.jsp?applicationname=…
	From, To    Date   // both inclusive
	By          string // the identifier of who delegates
	// For are the establishments, as FrEduRneResp has them; nil where the field is
	// empty.
	For    []string
	Server string
	Value  string
}

const delegatedFor = "FrEduRneResp="

// ParseDelegation reads a value of FrEduResDel.
func ParseDelegation(s string) (d Delegation, err error) {
	var from, to, schools, end string
	err = split(s, "|", []part{
		{"application", &d.Application, word}, {"resource", &d.Resource, free}, {"begin", &from, free}, {"end", &to, free},
		{"who delegates", &d.By, free}, {"establishments", &schools, free}, {"server", &d.Server, free}, {"value", &d.Value, free},
		{"what follows the last bar", &end, nothing},
	})
	if err != nil {
		return d, err
	}
	if d.From, d.To, err = parsePeriod(from, to); err != nil {
		return d, err
	}
	d.For, err = parseDelegatedFor(schools)
	return d, err
}

func nothing(s string) error {
	if s != "" {
		return errors.New("there must be nothing")
	}
	return nil
}

func parseDelegatedFor(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	list, ok := strings.CutPrefix(s, delegatedFor)
	if !ok {
		return nil, fmt.Errorf("the establishments do not begin with %s", delegatedFor)
	}
	schools := strings.Split(list, ";")
	for _, school := range schools {
		if err := checkResponsibility(school); err != nil {
			return nil, fmt.Errorf("the establishment %.60q: %w", school, err)
		}
	}
	return schools, nil
}

// String prints the value as it was read.
func (d Delegation) String() string {
	schools := ""
	if d.For != nil {
		schools = delegatedFor + strings.Join(d.For, ";")
	}
	return strings.Join([]string{d.Application, d.Resource, d.From.String(), d.To.String(), d.By, schools, d.Server, d.Value, ""}, "|")
}

// Management is what somebody at a department's or an académie's office manages:
// one value of FrEduGestResp. Its days and its application are known; what stands
// between them (805 is the head of a department's office) is not public.
type Management struct {
	From, To    Date // both inclusive
	Between     []string
	Application string
}

// ParseManagement reads a value of FrEduGestResp.
func ParseManagement(s string) (m Management, err error) {
	if len(s) > maxValue {
		return m, fmt.Errorf("it is longer than %d bytes", maxValue)
	}
	fields := strings.Split(s, "$")
	if len(fields) < 3 {
		return m, fmt.Errorf("it has %d fields separated by $, and not 3 or more: begin, end, …, application", len(fields))
	}
	if m.From, m.To, err = parsePeriod(fields[0], fields[1]); err != nil {
		return m, err
	}
	m.Between, m.Application = fields[2:len(fields)-1], fields[len(fields)-1]
	for _, f := range m.Between {
		if err := free(f); err != nil {
			return m, err
		}
	}
	if err := word(m.Application); err != nil {
		return m, fmt.Errorf("application: %w", err)
	}
	return m, nil
}

// String prints the value as it was read.
func (m Management) String() string {
	fields := append([]string{m.From.String(), m.To.String()}, m.Between...)
	return strings.Join(append(fields, m.Application), "$")
}
