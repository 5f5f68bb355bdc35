package authcore

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Role is what somebody may do for others. The zero value is invalid.
type Role uint8

// The roles, and their words. Everybody is a holder; the others are given to an
// account, one at most.
const (
	RoleHolder   Role = iota + 1 // "holder": looks after what is their own
	RoleReferent                 // "referent": mends what is wrong with others' keys, within a scope
	RoleOperator                 // "operator": does so everywhere, and gives roles
	RoleAuditor                  // "auditor": looks, and changes nothing
)

var roleNames = words[Role]{what: "role", names: []string{"", "holder", "referent", "operator", "auditor"}}

// String gives the role's word.
func (r Role) String() string { return roleNames.name(r) }

// MarshalText gives the role's word; an unknown role is an error.
func (r Role) MarshalText() ([]byte, error) { return roleNames.marshal(r) }

// UnmarshalText reads a role's word; anything else is an error.
func (r *Role) UnmarshalText(b []byte) error { return roleNames.unmarshal(r, b) }

// Office is the role that was given to somebody, and over whom. The zero value is
// none: a holder's.
type Office struct {
	Role Role `json:"role"`
	// Establishments (UAI) and Groups of them are a referent's scope; operators and
	// auditors have none, and see all. What a group holds is configured: see
	// ConsoleRules.
	Establishments []string  `json:"establishments,omitempty"`
	Groups         []string  `json:"groups,omitempty"`
	By             string    `json:"by"` // who gave it
	Given          time.Time `json:"given"`
}

// An office's scope is entered in the index of every establishment in it, within
// one transaction.
const (
	maxScope       = 40
	maxScopeGroups = 10
)

// IsZero reports whether somebody has no office.
func (o Office) IsZero() bool { return o.Role == 0 }

// Check says in a sentence what is wrong with an office to be given, or nil.
func (o Office) Check() error {
	empty := len(o.Establishments)+len(o.Groups) == 0
	switch {
	case o.Role != RoleReferent && o.Role != RoleOperator && o.Role != RoleAuditor:
		return errors.New("a role is referent, operator or auditor")
	case o.Role != RoleReferent && !empty:
		return fmt.Errorf("the role %s is over all establishments, and takes none", o.Role)
	case o.Role == RoleReferent && empty:
		return errors.New("a referent has establishments, or groups of them")
	case len(o.Establishments) > maxScope || len(o.Groups) > maxScopeGroups:
		return fmt.Errorf("a referent has %d establishments and %d groups of them at most: more of them make a group", maxScope, maxScopeGroups)
	}
	for _, uai := range o.Establishments {
		if !ValidUAI(uai) {
			return fmt.Errorf("%.20q is no UAI: seven digits and the letter that checks them", uai)
		}
	}
	return nil
}

// scoped is the office with a scope in alphabetical order, each once.
func (o Office) scoped() Office {
	o.Establishments = slices.Compact(slices.Sorted(slices.Values(o.Establishments)))
	o.Groups = slices.Compact(slices.Sorted(slices.Values(o.Groups)))
	return o
}

// ConsoleRules is what is configured of roles and of the console.
type ConsoleRules struct {
	// Groups are establishments (UAI) under a name.
	Groups map[string][]string
	// Delegable are the applications that a referent may open to somebody for a time.
	Delegable []string
	FourEyes  FourEyes
}

// covers reports whether an office reaches one of these establishments.
func (c ConsoleRules) covers(o Office, establishments []string) bool {
	switch o.Role {
	case RoleOperator, RoleAuditor:
		return true
	case RoleReferent:
		return slices.ContainsFunc(establishments, func(uai string) bool {
			return slices.Contains(o.Establishments, uai) ||
				slices.ContainsFunc(o.Groups, func(group string) bool { return slices.Contains(c.Groups[group], uai) })
		})
	case RoleHolder:
	}
	return false
}

// Scope lists the establishments that an office reaches, in alphabetical order;
// none for a role that reaches all.
func (g *Gate) Scope(o Office) []string {
	if o.Role != RoleReferent {
		return nil
	}
	all := slices.Clone(o.Establishments)
	for _, group := range o.Groups {
		all = append(all, g.console.Groups[group]...)
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// delegable reports whether an application may be delegated in the console.
func (g *Gate) delegable(application string) bool {
	return slices.Contains(g.console.Delegable, application)
}

// WithConsole returns the same gate under these rules of roles and the console;
// New makes it without any.
func (g *Gate) WithConsole(c ConsoleRules) *Gate {
	with := *g
	with.console = c
	return &with
}
