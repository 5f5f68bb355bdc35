package caddymodule

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/peoplefile"
)

// delegationOrder opens an application to a person for a time.
type delegationOrder struct {
	Application string `json:"application"`
	Until       string `json:"until"` // the last day, or an instant
	Reason      string `json:"reason"`
}

// delegationView is a delegation and whose it is.
type delegationView struct {
	User        authcore.Identifier `json:"user"`
	Application string              `json:"application"`
	Until       time.Time           `json:"until"`
	Reason      string              `json:"reason"`
	By          string              `json:"by"`
	Given       time.Time           `json:"given"`
}

func giveDelegation(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	var order delegationOrder
	if err := c.decode(&order); err != nil {
		return nil, err
	}
	if err := c.knownApplication(order.Application); err != nil {
		return nil, err
	}
	until, err := peoplefile.ParseEnd(order.Until, time.Local)
	if err != nil || until.IsZero() {
		return nil, adminRefusal(http.StatusBadRequest, "until is the last day, 2026-07-31 or 31/07/2026, in the server's time zone, or an instant (RFC 3339)")
	}
	d := authcore.Delegation{Application: order.Application, Until: until, Reason: strings.TrimSpace(order.Reason)}
	if err := c.gate.Delegate(c.Context(), c.by, id, d); err != nil {
		return nil, noSuch("user", id, err)
	}
	return c.delegation(id, d.Application)
}

// delegation is what the gate now has of one.
func (c *adminCall) delegation(id authcore.Identifier, application string) (any, error) {
	a, err := c.gate.Account(c.Context(), id)
	if err != nil {
		return nil, noSuch("user", id, err)
	}
	for _, d := range a.Delegations {
		if d.Application == application {
			return delegationView{id, d.Application, d.Until, d.Reason, d.By, d.Given}, nil
		}
	}
	return nil, adminRefusal(http.StatusNotFound, "%s has no delegation for %s", id, application)
}

func endDelegation(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	application := c.PathValue("application")
	if !applicationID.MatchString(application) {
		return nil, adminRefusal(http.StatusBadRequest, "this is no application's name: lower case letters, digits and hyphens")
	}
	if _, err := c.gate.Account(c.Context(), id); err != nil {
		return nil, noSuch("user", id, err)
	}
	return nil, c.gate.EndDelegation(c.Context(), c.by, id, application)
}

func (c *adminCall) knownApplication(id string) error {
	names := make([]string, 0, len(c.app.sites))
	for _, s := range c.app.sites {
		if s.id == id {
			return nil
		}
		names = append(names, s.id)
	}
	return adminRefusal(http.StatusBadRequest, "there is no application %q: there are %s", id, strings.Join(names, ", "))
}

// explainQuestion is what somebody tries to do.
type explainQuestion struct {
	User    string `json:"user"`
	Method  string `json:"method"`
	URL     string `json:"url"`
	From    string `json:"from,omitempty"`     // the address; default: one that no network holds
	CodeAge int    `json:"code_age,omitempty"` // seconds since the last code, or passkey
	Passkey bool   `json:"passkey,omitempty"`  // they logged in with one, and not with a code
}

// explanation says which rule decides, and why.
type explanation struct {
	Application string              `json:"application"`
	User        authcore.Identifier `json:"user"`
	Decision    explained           `json:"decision"`
	Why         authcore.Why        `json:"why,omitzero"`   // not where the path is public
	Rule        *authcore.Rule      `json:"rule,omitempty"` // that fits
	Part        string              `json:"part,omitempty"` // the path of the part that decides
	Sentence    string              `json:"sentence"`
}

// explained is a decision, as the API has it.
type explained string

const (
	explainedAllow  explained = "allow"
	explainedPublic explained = "public"
	explainedStepUp explained = "step-up"
	explainedDeny   explained = "deny"
)

// explain answers what would become of a request: with the very function that
// decides over requests, for a person who has just logged in, or did so a while
// ago.
func explain(c *adminCall) (any, error) {
	var q explainQuestion
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	id, err := readIdentifier(q.User)
	if err != nil {
		return nil, err
	}
	to, u, err := c.siteOf(q.URL)
	if err != nil {
		return nil, err
	}
	what := authcore.Access{Paths: pathReadings(u.EscapedPath()), Methods: []string{strings.ToUpper(q.Method)}}
	if q.From != "" {
		if what.Address, err = netip.ParseAddr(q.From); err != nil {
			return nil, adminRefusal(http.StatusBadRequest, "from is an IP address")
		}
	}
	if q.Method == "" || q.CodeAge < 0 {
		return nil, adminRefusal(http.StatusBadRequest, "a question needs a method, such as GET; code_age is a number of seconds")
	}
	a, err := c.gate.Account(c.Context(), id)
	if err != nil {
		return nil, noSuch("user", id, err)
	}
	if to.public.has(u.EscapedPath()) {
		return explanation{Application: to.id, User: id, Decision: explainedPublic, Sentence: fmt.Sprintf("anybody may, without logging in: the path is public in %s", to.id)}, nil
	}
	at := c.gate.Now()
	began, end := at.Add(-time.Duration(q.CodeAge)*time.Second), at.Add(time.Minute)
	s := authcore.Session{Method: authcore.MethodOTP, Holder: id, Epoch: a.Epoch, Began: began, Seen: at, Idle: end, End: end}
	if q.Passkey {
		s.Method = authcore.MethodPasskey
	}
	return newExplanation(to, a, q, to.requirement.Decide(s, a, what, at)), nil
}

// siteOf finds the application that an address belongs to.
func (c *adminCall) siteOf(address string) (*site, *url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, nil, adminRefusal(http.StatusBadRequest, "url is a whole address, such as https://notes.example.org/page")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	from, err := originOf(u)
	if err != nil {
		return nil, nil, adminRefusal(http.StatusBadRequest, "url: %w", err)
	}
	for _, s := range c.app.sites {
		if s.origin == from {
			return s, u, nil
		}
	}
	return nil, nil, adminRefusal(http.StatusNotFound, "no application of this gate is at %s", from)
}

func newExplanation(to *site, a authcore.Account, q explainQuestion, r authcore.Ruling) explanation {
	e := explanation{Application: to.id, User: a.Identifier, Why: r.Why, Part: r.Part, Decision: explainedDeny}
	switch r.Decision {
	case authcore.Allow:
		e.Decision = explainedAllow
	case authcore.StepUp:
		e.Decision = explainedStepUp
	case authcore.Deny:
	}
	if r.Rule.Kind != 0 {
		e.Rule = &r.Rule
	}
	e.Sentence = e.sentence(to, a, q)
	return e
}

func (e explanation) sentence(to *site, a authcore.Account, q explainQuestion) string {
	where := to.id
	if e.Part != "" {
		where += " (path " + e.Part + ")"
	}
	switch e.Why {
	case authcore.ByRule:
		return fmt.Sprintf("%s may: %s has %s", a.Identifier, where, allowLine(*e.Rule))
	case authcore.ByDelegation:
		return fmt.Sprintf("%s may: no rule of %s fits, but a delegation is running", a.Identifier, where)
	case authcore.WrongNetwork:
		from := q.From
		if from == "" {
			from = "an unknown address"
		}
		return fmt.Sprintf("%s may not from %s: %s opens from some networks only", a.Identifier, from, where)
	case authcore.CodeTooOld:
		return fmt.Sprintf("%s may after a fresh code: %s has a max_age", a.Identifier, where)
	case authcore.PasskeyWanted:
		if len(a.Passkeys) == 0 {
			return fmt.Sprintf("%s may after a login by passkey, and has none: %s requires one", a.Identifier, where)
		}
		return fmt.Sprintf("%s may after a login by passkey: %s requires one", a.Identifier, where)
	case authcore.ShutOut:
		return fmt.Sprintf("%s may not: the account is closed", a.Identifier)
	case authcore.NoRule:
	}
	return fmt.Sprintf("%s may not: no rule of %s fits (groups: %s; functions: %s; establishment: %s), and no delegation is running",
		a.Identifier, where, orNone(list(a.Groups)), orNone(list(a.Functions)), orNone(a.Establishment))
}

func allowLine(r authcore.Rule) string {
	return strings.Join(append([]string{"allow", r.Kind.String()}, r.Values...), " ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
