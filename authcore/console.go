package authcore

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Deed is what somebody does for another in the console. The zero value is invalid.
type Deed uint8

// The deeds, and their words.
const (
	DeedLook          Deed = iota + 1 // "look": at a person, their keys, their story
	DeedStock                         // "stock": look at an establishment's keys
	DeedClearPIN                      // "clear-pin"
	DeedUnlock                        // "unlock"
	DeedLose                          // "lost": declare a key lost, and give emergency codes
	DeedAssign                        // "assign": a key of the establishment's stock
	DeedHandOver                      // "hand-over"
	DeedReturn                        // "return"
	DeedReceive                       // "receive": a key that was sent to the establishment
	DeedDelegate                      // "delegate": open an application for a time
	DeedUndelegate                    // "end-delegation"
	DeedRevokePasskey                 // "revoke-passkey"
	DeedConfirm                       // "confirm": what another operator asked for, or refuse it
)

var deedNames = words[Deed]{what: "deed", names: []string{"", "look", "stock", "clear-pin", "unlock", "lost", "assign", "hand-over", "return", "receive",
	"delegate", "end-delegation", "revoke-passkey", "confirm"}}

// String gives the deed's word.
func (d Deed) String() string { return deedNames.name(d) }

// MarshalText gives the deed's word; an unknown deed is an error.
func (d Deed) MarshalText() ([]byte, error) { return deedNames.marshal(d) }

// UnmarshalText reads a deed's word; anything else is an error.
func (d *Deed) UnmarshalText(b []byte) error { return deedNames.unmarshal(d, b) }

// Deeds lists every deed.
func Deeds() (all []Deed) {
	for d := DeedLook; int(d) < len(deedNames.names); d++ {
		all = append(all, d)
	}
	return all
}

// looks reports whether a deed changes nothing.
func (d Deed) looks() bool { return d == DeedLook || d == DeedStock }

// Bar is what stands between somebody and a deed. The zero value is invalid.
type Bar uint8

// The bars, in the order in which they are looked at, and their words.
const (
	NoBar      Bar = iota + 1 // "none": it is allowed
	BarShut                   // "shut": the session is over or the account closed
	BarRole                   // "role": theirs, or the lack of one, does not go that far
	BarScope                  // "scope": the person or the key is another establishment's
	BarOneself                // "oneself": nobody acts on their own account
	BarOffice                 // "office": who has a role is an operator's to mend
	BarStale                  // "stale": the last proof of who acts is too old, see Session.Recent
)

var barNames = words[Bar]{what: "bar", names: []string{"", "none", "shut", "role", "scope", "oneself", "office", "stale"}}

// String gives the bar's word.
func (b Bar) String() string { return barNames.name(b) }

// MarshalText gives the bar's word; an unknown bar is an error.
func (b Bar) MarshalText() ([]byte, error) { return barNames.marshal(b) }

// UnmarshalText reads a bar's word; anything else is an error.
func (b *Bar) UnmarshalText(text []byte) error { return barNames.unmarshal(b, text) }

// BarredError is a deed that is refused. Nothing was changed.
type BarredError struct{ Bar Bar }

// Error says which bar it is.
func (e *BarredError) Error() string { return "this is not allowed in the console: " + e.Bar.String() }

// Subject is what a deed is done to: a person, or a key in stock.
type Subject struct {
	Holder         Identifier // "" is a key in stock
	Establishments []string   // of the person, or whose stock it is
	Office         Office     // of the person
}

// SubjectOf is a person as what a deed is done to.
func SubjectOf(a Account) Subject {
	return Subject{Holder: a.Identifier, Establishments: a.Establishments(), Office: a.Office}
}

// Judge says whether somebody, in their session on the portal, may do something to
// somebody. It is the one place that does.
func (c ConsoleRules) Judge(s Session, a Account, d Deed, on Subject, now time.Time) Bar {
	switch {
	case a.Closed(now) || s.Parent != "" || s.Holder == "" || s.Holder != a.Identifier || !s.alive(a, now):
		return BarShut
	case !a.Office.Role.may(d):
		return BarRole
	case !c.covers(a.Office, on.Establishments):
		return BarScope
	case d.looks():
		return NoBar
	case on.Holder == a.Identifier:
		return BarOneself
	case a.Office.Role == RoleReferent && !on.Office.IsZero():
		return BarOffice
	case !s.Recent(now):
		return BarStale
	}
	return NoBar
}

// may reports how far a role goes.
func (r Role) may(d Deed) bool {
	switch r {
	case RoleAuditor:
		return d.looks()
	case RoleReferent:
		return d >= DeedLook && d < DeedConfirm
	case RoleOperator:
		return d >= DeedLook && d <= DeedConfirm
	case RoleHolder:
	}
	return false
}

// clerk is the authority of an Actor in the console: what was said of it when the
// deed began is looked at again in the transaction that does it.
type clerk struct {
	session Session
	from    Source
	deed    Deed
	expects Identifier // whose key it was on the page that was confirmed
	stock   string     // whose safe a key goes to that comes back
}

// permit reports in an error why an Actor of the console may not do this to a
// person, "" being a key in stock, that of the establishments given. An Actor of the
// admin endpoint may do all. Errors: *BarredError, ErrState when the person is not
// the one expected, the store's.
func (g *Gate) permit(from getter, by Actor, holder Identifier, now time.Time, establishments ...string) error {
	if by.clerk == nil {
		return nil
	}
	on := Subject{Establishments: establishments}
	if holder != "" {
		a, err := g.accountIn(from, holder)
		if err != nil {
			return err
		}
		on = SubjectOf(a)
	}
	if err := g.judge(from, by.clerk.session, by.clerk.deed, on, now); err != nil {
		return err
	}
	if holder != by.clerk.expects {
		return fmt.Errorf("the key is %q's by now: %w", holder, ErrState)
	}
	return nil
}

// permitKey is permit for a key, whoever has it.
func (g *Gate) permitKey(from getter, by Actor, k Key, now time.Time) error {
	return g.permit(from, by, k.Holder, now, k.Stock)
}

// judge is Judge for a session as it is now.
func (g *Gate) judge(from getter, s Session, d Deed, on Subject, now time.Time) error {
	current, a, err := g.own(from, s, now)
	if errors.Is(err, ErrNoSession) {
		return &BarredError{BarShut}
	}
	if err != nil {
		return err
	}
	if bar := g.console.Judge(current, a, d, on, now); bar != NoBar {
		return &BarredError{bar}
	}
	return nil
}

// looksAt reads what a deed of looking may see; an account that there is not, and
// one out of scope, are one and the same. Errors: *BarredError, the store's.
func (g *Gate) looksAt(from getter, s Session, id Identifier, now time.Time) (Account, error) {
	a, err := g.accountIn(from, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return a, err
	}
	missing := err != nil
	err = g.judge(from, s, DeedLook, SubjectOf(a), now)
	if err == nil && missing {
		err = &BarredError{BarScope}
	}
	return a, err
}

// Establishments of an account that stand in somebody's scope, or all of them where
// the role has none.
func (g *Gate) within(o Office, establishments []string) []string {
	return slices.DeleteFunc(slices.Clone(establishments), func(uai string) bool { return !g.console.covers(o, []string{uai}) })
}
