package authcore

import (
	"iter"
)

// AbsentFate is what becomes of people who are here and not on a roster. The zero
// value is invalid.
type AbsentFate uint8

// The fates, and their words.
const (
	KeepAbsent    AbsentFate = iota + 1 // "keep": they stay as they are
	DisableAbsent                       // "disable": see DisableAccount
	RemoveAbsent                        // "remove": see RemoveAccount
)

var absentFateNames = words[AbsentFate]{what: "fate of absent people", names: []string{"", "keep", "disable", "remove"}}

// String gives the fate's word.
func (f AbsentFate) String() string { return absentFateNames.name(f) }

// MarshalText gives the fate's word; an unknown fate is an error.
func (f AbsentFate) MarshalText() ([]byte, error) { return absentFateNames.marshal(f) }

// UnmarshalText reads a fate's word; anything else is an error.
func (f *AbsentFate) UnmarshalText(b []byte) error { return absentFateNames.unmarshal(f, b) }

// Roster is a list of people from outside, such as an office keeps, which those
// who are here are to agree with.
type Roster struct {
	// People gives everybody on the list, each once, valid, and in the same order
	// each time: it is run once for a plan and twice to apply one. Its error ends
	// that.
	People iter.Seq2[Account, error]
	// Fields are what the list says of people. Nothing else of anybody is changed.
	Fields []AccountField
	// Absent is what becomes of those who are here and not on the list.
	Absent AbsentFate
	// Keys is what becomes of the keys of those who are removed.
	Keys KeyFate
	// Force applies a plan although it is Sweeping.
	Force bool
}

// StepKind is what becomes of one person. The zero value is invalid.
type StepKind uint8

// The kinds of steps, and their words.
const (
	StepAdd     StepKind = iota + 1 // "add"
	StepChange                      // "change"
	StepDisable                     // "disable"
	StepRemove                      // "remove"
)

var stepNames = words[StepKind]{what: "step", names: []string{"", "add", "change", "disable", "remove"}}

// String gives the step's word.
func (k StepKind) String() string { return stepNames.name(k) }

// MarshalText gives the step's word; an unknown step is an error.
func (k StepKind) MarshalText() ([]byte, error) { return stepNames.marshal(k) }

// UnmarshalText reads a step's word; anything else is an error.
func (k *StepKind) UnmarshalText(b []byte) error { return stepNames.unmarshal(k, b) }

// Step is what becomes of one person when a roster is applied.
type Step struct {
	Kind        StepKind     `json:"kind"`
	Holder      Identifier   `json:"id"`
	Differences []Difference `json:"differences,omitempty"` // with StepAdd what they have
	Keys        []Serial     `json:"keys,omitempty"`        // with StepRemove those taken from them
	// Problem says why a step cannot be taken; nothing of the roster is applied
	// then.
	Problem string `json:"problem,omitempty"`
}

// RosterPlan is what applying a roster comes to.
type RosterPlan struct {
	Here      int // people before
	Added     int
	Changed   int
	Unchanged int
	Absent    int // here and not on the list
	Disabled  int // of these, to disable
	Removed   int // of these, to remove
	// Shut counts those on the list who are disabled, and stay so: a list does not
	// say that somebody is to be let in again.
	Shut    int
	Refused int // steps with a Problem
	// Digest names the plan: two plans with the same steps have the same. It is
	// hexadecimal SHA-256.
	Digest string

	marks  []mark // of the people on the list, in their order; zero where nothing is to do
	absent []Identifier
}

// mark tells one step from another: the beginning of its SHA-256.
type mark [8]byte

// Sweeping reports whether a plan shuts out or removes so many people that the
// list may be the wrong one: more than ten, and more than a fifth of all.
func (p *RosterPlan) Sweeping() bool {
	gone := p.Disabled + p.Removed
	return gone > 10 && gone*5 > p.Here
}
