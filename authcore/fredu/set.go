package fredu

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// MaxValues is how many values an attribute can have: an inspector's or a
// rector's schools.
const MaxValues = 500

// maxSet is how much all values may be, in bytes: a store reads them with each
// request.
const maxSet = 48 << 10

// Set is what is said of one person. The zero value is nothing, and takes no
// place in JSON with omitzero. A Set is a value: what changes it returns another.
type Set struct {
	values map[Attribute][]string // each checked when it was put; never empty
}

// IsZero reports whether nothing is said.
func (s Set) IsZero() bool { return len(s.values) == 0 }

// Equal reports whether two sets say the same, in the same order.
func (s Set) Equal(o Set) bool {
	return maps.EqualFunc(s.values, o.values, slices.Equal)
}

// Values returns the values of an attribute, nil where there are none. They are
// not the caller's to change.
func (s Set) Values(a Attribute) []string { return slices.Clip(s.values[a]) }

// Value returns the value of an attribute that has one, "" where there is none.
func (s Set) Value(a Attribute) string {
	if v := s.values[a]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// With returns the set with other values for one attribute; none removes it. The
// error is a sentence that says what is wrong with which value.
func (s Set) With(a Attribute, values ...string) (Set, error) {
	if !a.valid() {
		return s, fmt.Errorf("%s", a)
	}
	if err := a.checkAll(values); err != nil {
		return s, fmt.Errorf("%s: %w", a, err)
	}
	next := s.Like(Set{map[Attribute][]string{a: slices.Clone(values)}}, a)
	if err := next.Bounded(); err != nil {
		return s, err
	}
	return next, nil
}

// Like returns the set with one attribute as another set has it.
func (s Set) Like(o Set, a Attribute) Set {
	next := Set{maps.Clone(s.values)}
	if next.values == nil {
		next.values = make(map[Attribute][]string)
	}
	if delete(next.values, a); len(o.values[a]) > 0 {
		next.values[a] = o.values[a]
	}
	return next
}

// Bounded says in a sentence that there is more than a store keeps of a person,
// or nil.
func (s Set) Bounded() error {
	if n := s.size(); n > maxSet {
		return fmt.Errorf("all values together are %d bytes, and %d at most can be kept", n, maxSet)
	}
	return nil
}

func (s Set) size() (n int) {
	for _, values := range s.values {
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

func (a Attribute) checkAll(values []string) error {
	switch {
	case len(values) > 1 && !a.Multiple():
		return fmt.Errorf("there are %d values, and one at most is possible", len(values))
	case len(values) > MaxValues:
		return fmt.Errorf("there are %d values, and %d at most are possible", len(values), MaxValues)
	case a == RneResp && len(values) > 1 && slices.Contains(values, NoResponsibility):
		return errors.New("X says that there is none, and stands alone")
	}
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if err := attributes[a].check(v); err != nil {
			return fmt.Errorf("%.80q: %w", v, err)
		}
		if seen[v] {
			return fmt.Errorf("%.80q stands there twice", v)
		}
		seen[v] = true
	}
	return nil
}

// On returns the set as it is on one day: without delegations and management
// that have not begun or that are over.
func (s Set) On(day Date) Set {
	next := s
	for a, in := range map[Attribute]func(string) (Date, Date){ResDel: delegationPeriod, GestResp: managementPeriod} {
		over := func(v string) bool { from, to := in(v); return day < from || to < day }
		values := s.values[a]
		if !slices.ContainsFunc(values, over) {
			continue
		}
		next.values = maps.Clone(next.values)
		if kept := slices.DeleteFunc(slices.Clone(values), over); len(kept) > 0 {
			next.values[a] = kept
		} else {
			delete(next.values, a)
		}
	}
	return next
}

// delegationPeriod is when a delegation is in force; what cannot be read never is.
func delegationPeriod(v string) (from, to Date) {
	d, err := ParseDelegation(v)
	if err != nil {
		return 1, 0
	}
	return d.From, d.To
}

func managementPeriod(v string) (from, to Date) {
	m, err := ParseManagement(v)
	if err != nil {
		return 1, 0
	}
	return m.From, m.To
}

// MarshalJSON gives an object: arrays of strings for what may have several
// values, strings for the others.
func (s Set) MarshalJSON() ([]byte, error) {
	all := make(map[Attribute]any, len(s.values))
	for a, values := range s.values {
		if all[a] = any(values); !a.Multiple() {
			all[a] = values[0]
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads what MarshalJSON wrote. The values are taken as they are:
// they were checked when they were put.
func (s *Set) UnmarshalJSON(b []byte) error {
	var c Change
	if err := json.Unmarshal(b, &c); err != nil {
		return err
	}
	*s = Set{}
	for a, values := range c {
		if len(values) == 0 {
			return fmt.Errorf("%s has no value", a)
		}
		if s.values == nil {
			s.values = make(map[Attribute][]string)
		}
		s.values[a] = values
	}
	return nil
}

// Change is what becomes of some attributes, as JSON that people write: an
// object whose members are a string or an array of strings each. An empty one
// removes the attribute.
type Change map[Attribute]Texts

// Texts is a string or an array of strings in JSON; "" is none.
type Texts []string

// UnmarshalJSON reads either form; null is none as well.
func (t *Texts) UnmarshalJSON(b []byte) error {
	var one string
	var several []string
	var err error
	switch b[0] {
	case '[':
		err = json.Unmarshal(b, &several)
	default:
		if err = json.Unmarshal(b, &one); one != "" {
			several = []string{one}
		}
	}
	if err != nil {
		return errors.New("an attribute is a string or an array of strings")
	}
	*t = several
	return nil
}

// Apply returns the set with a change made to it. The error is a sentence about
// the first wrong value, in the order of the attributes.
func (s Set) Apply(c Change) (Set, error) {
	for _, a := range slices.Sorted(maps.Keys(c)) {
		var err error
		if s, err = s.With(a, c[a]...); err != nil {
			return s, err
		}
	}
	return s, nil
}
