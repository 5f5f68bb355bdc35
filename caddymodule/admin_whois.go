package caddymodule

import (
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// whoisCause is what stands between a person and their applications.
type whoisCause string

// The causes, as the API gives them.
const (
	causeNone    whoisCause = "none"
	causeAccount whoisCause = "account" // it is disabled, or has ended
	causeKey     whoisCause = "key"     // there is none, or it is lost, expired or to synchronise
	causePIN     whoisCause = "pin"     // it is not defined
	causeLock    whoisCause = "lock"    // after wrong PINs
	causeRights  whoisCause = "rights"  // no application is open to this person
)

// whois is all that the help desk asks first about a person: is it the key, the
// PIN, the lock or the rights?
type whois struct {
	Cause         whoisCause         `json:"cause"`
	User          userView           `json:"user"`
	Keys          []authcore.KeyInfo `json:"keys"`
	Applications  []string           `json:"applications"`    // those open to this person
	Unmatched     int                `json:"unmatched"`       // answers in a row that showed no code of theirs
	NextCodeAfter int                `json:"next_code_after"` // failures, wrong PINs counted in
}

func showWhois(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	a, err := c.gate.Account(c.Context(), id)
	if err != nil {
		return nil, noSuch("user", id, err)
	}
	unmatched, err := c.gate.Blind(c.Context(), id)
	if err != nil {
		return nil, err
	}
	keys := make([]authcore.KeyInfo, 0, len(a.Keys))
	for _, serial := range a.Keys {
		k, err := c.gate.KeyInfo(c.Context(), serial)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	w := newWhois(a, keys, c.app.sites, time.Now())
	w.Unmatched, w.NextCodeAfter = unmatched, c.gate.Policy().NextCodeAfter
	return w, nil
}

// newWhois puts together what is known of a person.
func newWhois(a authcore.Account, keys []authcore.KeyInfo, sites []*site, now time.Time) whois {
	w := whois{User: viewUser(a), Keys: keys, Applications: []string{}}
	for _, s := range sites {
		if wouldOpen(s.requirement, a, now) {
			w.Applications = append(w.Applications, s.id)
		}
	}
	w.Cause = w.cause(now)
	return w
}

// wouldOpen reports whether an application would let this person in, had they
// just logged in. That the account is closed is no matter of this application.
func wouldOpen(r authcore.Requirement, a authcore.Account, now time.Time) bool {
	a.Disabled, a.End = false, time.Time{}
	soon := now.Add(time.Minute)
	s := authcore.Session{Holder: a.Identifier, Epoch: a.Epoch, Began: now, Seen: now, Idle: soon, End: soon}
	ruling := r.Decide(s, a, authcore.Access{}, now)
	return ruling.Decision != authcore.Deny || ruling.Why == authcore.WrongNetwork
}

// cause finds what stands in this person's way first. Of several keys the most
// useful one counts: the others are of no importance as long as it works.
func (w whois) cause(now time.Time) whoisCause {
	if w.User.Disabled || userEnded(w.User, now) {
		return causeAccount
	}
	best, found := causeKey, 0
	for _, k := range w.Keys {
		if cause, rank := keyCause(k, now); rank > found {
			best, found = cause, rank
		}
	}
	if best == causeNone && len(w.Applications) == 0 {
		return causeRights
	}
	return best
}

// keyCause says what is in the way of a key's holder, and how useful the key is
// beside others.
func keyCause(k authcore.KeyInfo, now time.Time) (cause whoisCause, rank int) {
	switch {
	case keyOver(k, now):
		return causeKey, 1
	case k.State == authcore.Active:
		return causeNone, 5
	case k.State == authcore.ToSynchronise:
		return causeKey, 4
	case k.State == authcore.PINToDefine:
		return causePIN, 3
	case k.State == authcore.Locked:
		return causeLock, 2
	}
	return causeKey, 1
}

// keyOver reports whether a key's time is over, whatever its state.
func keyOver(k authcore.KeyInfo, now time.Time) bool {
	return keyExpired(k, now) || keyReplaced(k, now)
}

func keyExpired(k authcore.KeyInfo, now time.Time) bool {
	return !k.Expires.IsZero() && !now.Before(k.Expires)
}
