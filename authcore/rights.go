package authcore

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// RuleKind is what a rule looks at. The zero value is invalid.
type RuleKind uint8

// The kinds of rules, and their words in the configuration.
const (
	Everyone        RuleKind = iota + 1 // "everyone": anybody who has logged in
	ToPerson                            // "person": identifiers
	ToGroup                             // "group"
	ToFunction                          // "function"
	ToEstablishment                     // "establishment": UAI
)

var ruleNames = words[RuleKind]{what: "rule", names: []string{"", "everyone", "person", "group", "function", "establishment"}}

// String gives the kind's word.
func (k RuleKind) String() string { return ruleNames.name(k) }

// MarshalText gives the kind's word; an unknown kind is an error.
func (k RuleKind) MarshalText() ([]byte, error) { return ruleNames.marshal(k) }

// UnmarshalText reads a kind's word; anything else is an error.
func (k *RuleKind) UnmarshalText(b []byte) error { return ruleNames.unmarshal(k, b) }

// Rule opens an application to whoever has one of its values.
type Rule struct {
	Kind   RuleKind `json:"kind"`
	Values []string `json:"values,omitempty"`
}

// matches reports whether the rule speaks of that person. An unknown kind
// speaks of nobody.
func (r Rule) matches(a Account) bool {
	has := func(v string) bool { return slices.Contains(r.Values, v) }
	switch r.Kind {
	case Everyone:
		return true
	case ToPerson:
		return has(string(a.Identifier))
	case ToGroup:
		return slices.ContainsFunc(a.Groups, has)
	case ToFunction:
		return slices.ContainsFunc(a.Functions, has)
	case ToEstablishment:
		return a.Establishment != "" && has(a.Establishment)
	}
	return false
}

// Terms are what must be fulfilled to be let in.
type Terms struct {
	// Allow: one of the rules must fit, or a delegation be running.
	Allow []Rule `json:"allow,omitempty"`
	// Networks: the request must come from one of them; none is from anywhere.
	Networks []netip.Prefix `json:"networks,omitempty"`
	// MaxAge: the last code, or passkey, must not be older; 0 is any of the session.
	MaxAge time.Duration `json:"maxAge,omitempty"`
	// Passkey: the session must have been opened with one.
	Passkey bool `json:"passkey,omitempty"`
}

// Part is a part of an application with terms of its own. What its terms leave
// out is as the whole application has it.
type Part struct {
	// Paths are /exact, or /prefix/* which stands for /prefix as well.
	Paths []string
	// Methods that it is about, in capitals; none is all. GET stands for HEAD too.
	Methods []string
	Terms
}

// Requirement is what an application asks of a person. Without rules it opens
// to nobody.
type Requirement struct {
	Application string // as delegations name it
	Terms
	// Parts: the one whose path says most about a request decides over it; of two
	// that say the same, one that names its method.
	Parts []Part
}

// Access is what of a request a requirement looks at. The zero value is a look
// at the application as a whole, from nowhere.
type Access struct {
	// Address is the client's; the zero value is in no network.
	Address netip.Addr
	// Paths are all the ways in which a server may read the path, and Methods
	// those of the method: whoever is let in fulfils the terms of each.
	Paths, Methods []string
}

// Decision is what a requirement comes to. The zero value is Deny.
type Decision uint8

// The decisions, from the worst to the best.
const (
	Deny   Decision = iota
	StepUp          // a fresh code, or a passkey, would open it: Why says which
	Allow
)

// Why is the reason of a decision. The zero value is invalid.
type Why uint8

// The reasons, and their words in the API.
const (
	ByRule        Why = iota + 1 // "rule": one fits
	ByDelegation                 // "delegation": none fits, but a delegation is running
	NoRule                       // "no-rule": none fits
	WrongNetwork                 // "network": the request comes from elsewhere
	CodeTooOld                   // "code-too-old": MaxAge
	ShutOut                      // "shut-out": the account is closed or the session over
	PasskeyWanted                // "passkey": the session was opened by other means
)

var whyNames = words[Why]{what: "reason", names: []string{"", "rule", "delegation", "no-rule", "network", "code-too-old", "shut-out", "passkey"}}

// String gives the reason's word.
func (w Why) String() string { return whyNames.name(w) }

// MarshalText gives the reason's word; an unknown reason is an error.
func (w Why) MarshalText() ([]byte, error) { return whyNames.marshal(w) }

// UnmarshalText reads a reason's word; anything else is an error.
func (w *Why) UnmarshalText(b []byte) error { return whyNames.unmarshal(w, b) }

// Ruling is a decision with its reason.
type Ruling struct {
	Decision Decision
	Why      Why
	Rule     Rule   // the one that fits, with ByRule, CodeTooOld and PasskeyWanted
	Part     string // the path of the part that decided, or "" for the application as a whole
}

// Decide says whether this person, in this session, may do this now. Where a
// path or a method can be read in several ways, the worst ruling counts.
func (r Requirement) Decide(s Session, a Account, what Access, now time.Time) Ruling {
	if a.Closed(now) || s.Holder == "" || s.Holder != a.Identifier || !s.alive(a, now) {
		return Ruling{Why: ShutOut}
	}
	if len(r.Parts) == 0 || len(what.Paths) == 0 {
		return r.judge(section{Terms: r.Terms}, s, a, what.Address, now)
	}
	worst := Ruling{Decision: Allow + 1}
	for _, path := range what.Paths {
		for _, method := range what.Methods {
			if ruling := r.judge(r.at(path, method), s, a, what.Address, now); ruling.worse(worst) {
				worst = ruling
			}
		}
	}
	if worst.Decision > Allow {
		return Ruling{Why: NoRule} // no method at all
	}
	return worst
}

// worse reports whether a ruling counts more than another: of two that would be
// opened, the one that takes a passkey, which is a fresh login as well.
func (r Ruling) worse(than Ruling) bool {
	return r.Decision < than.Decision || r.Decision == than.Decision && r.Why == PasskeyWanted && than.Why != PasskeyWanted
}

// section is the terms that decide over one reading of a request.
type section struct {
	Terms
	part  string // the path by which they do, or "" for the application as a whole
	rules bool   // the part has rules of its own
}

// at finds what decides over one reading of a path and a method.
func (r Requirement) at(path, method string) section {
	found, best, named := section{Terms: r.Terms}, 0, false
	for _, p := range r.Parts {
		if !p.takes(method) {
			continue
		}
		for _, pattern := range p.Paths {
			long := fits(pattern, path)
			if long > best || long == best && long > 0 && len(p.Methods) > 0 && !named {
				found = section{Terms: p.Terms.over(r.Terms), part: pattern, rules: len(p.Allow) > 0}
				best, named = long, len(p.Methods) > 0
			}
		}
	}
	return found
}

// takes reports whether a part is about a method.
func (p Part) takes(method string) bool {
	return len(p.Methods) == 0 || slices.Contains(p.Methods, method) || method == "HEAD" && slices.Contains(p.Methods, "GET")
}

// fits says how much a pattern says about a path: 0 is nothing, and an exact
// path says more than a prefix of the same length.
func fits(pattern, path string) int {
	prefix, isPrefix := strings.CutSuffix(pattern, "/*")
	switch {
	case !isPrefix && path == pattern:
		return 2*len(pattern) + 2
	case isPrefix && (path == prefix || strings.HasPrefix(path, prefix+"/")):
		return 2*len(prefix) + 1
	}
	return 0
}

// over fills in what a part leaves out.
func (t Terms) over(whole Terms) Terms {
	if len(t.Allow) == 0 {
		t.Allow = whole.Allow
	}
	if len(t.Networks) == 0 {
		t.Networks = whole.Networks
	}
	if t.MaxAge == 0 {
		t.MaxAge = whole.MaxAge
	}
	t.Passkey = t.Passkey || whole.Passkey
	return t
}

// judge holds terms to a person and where they are. A delegation opens what the
// application opens as a whole, and no part that has rules of its own.
func (r Requirement) judge(t section, s Session, a Account, from netip.Addr, now time.Time) Ruling {
	ruling := Ruling{Why: NoRule, Part: t.part}
	if i := slices.IndexFunc(t.Allow, func(rule Rule) bool { return rule.matches(a) }); i >= 0 {
		ruling.Why, ruling.Rule = ByRule, t.Allow[i]
	} else if !t.rules && a.delegated(r.Application, now) {
		ruling.Why = ByDelegation
	}
	switch {
	case ruling.Why == NoRule:
	case len(t.Networks) > 0 && !contains(t.Networks, from):
		ruling.Why = WrongNetwork
	case t.Passkey && s.Method != MethodPasskey:
		ruling.Decision, ruling.Why = StepUp, PasskeyWanted
	case t.MaxAge > 0 && now.Sub(s.Began) >= t.MaxAge:
		ruling.Decision, ruling.Why = StepUp, CodeTooOld
	default:
		ruling.Decision = Allow
	}
	return ruling
}

func contains(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}
