package caddymodule

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// roleOrder gives a role to somebody.
type roleOrder struct {
	Role           string   `json:"role"`
	Establishments []string `json:"establishments,omitempty"` // a referent's, by UAI
	Groups         []string `json:"groups,omitempty"`         // a referent's, of the configuration
}

// roleView is a person with a role.
type roleView struct {
	User           authcore.Identifier `json:"user"`
	GivenName      string              `json:"given_name,omitempty"`
	Surname        string              `json:"surname,omitempty"`
	Email          string              `json:"email,omitempty"`
	Role           authcore.Role       `json:"role"`
	Establishments []string            `json:"establishments,omitempty"`
	Groups         []string            `json:"groups,omitempty"`
	// Scope are all establishments of a referent, those of the groups among them.
	Scope []string  `json:"scope,omitempty"`
	By    string    `json:"by"`
	Given time.Time `json:"given"`
}

// roleList is the answer to GET /sesame/roles.
type roleList struct {
	Roles []roleView `json:"roles"`
}

// pendingView is what waits for another operator.
type pendingView struct {
	ID      authcore.Reference  `json:"id"`
	Act     authcore.PendingAct `json:"act"`
	User    authcore.Identifier `json:"user"`
	Key     authcore.Serial     `json:"key,omitempty"`
	Passkey string              `json:"passkey,omitempty"`
	Role    string              `json:"role,omitempty"` // with the scope
	By      string              `json:"by"`
	Asked   time.Time           `json:"asked"`
	Until   time.Time           `json:"until"` // it can be confirmed before
}

// pendingList is the answer to GET /sesame/pending.
type pendingList struct {
	Pending []pendingView `json:"pending"`
}

func viewRole(g *authcore.Gate, a authcore.Account) roleView {
	o := a.Office
	return roleView{
		User: a.Identifier, GivenName: a.GivenName, Surname: a.Surname, Email: a.Email, Role: o.Role,
		Establishments: o.Establishments, Groups: o.Groups, Scope: g.Scope(o), By: o.By, Given: o.Given,
	}
}

func viewPending(p authcore.Pending) pendingView {
	v := pendingView{ID: p.ID, Act: p.Act, User: p.Holder, Key: p.Serial, Passkey: p.Passkey, By: p.By, Asked: p.Asked, Until: p.Until}
	if p.Act == authcore.PendingRole {
		v.Role = strings.Join(append([]string{p.Office.Role.String()}, append(p.Office.Establishments, p.Office.Groups...)...), " ")
	}
	return v
}

func giveRole(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	var order roleOrder
	if err := c.decode(&order); err != nil {
		return nil, err
	}
	o := authcore.Office{Establishments: order.Establishments, Groups: order.Groups}
	if err := o.Role.UnmarshalText([]byte(order.Role)); err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "a role is referent, operator or auditor")
	}
	if err := o.Check(); err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	if err := c.gate.GiveRole(c.Context(), c.by, id, o); err != nil {
		return nil, noSuch("user", id, err)
	}
	a, err := c.gate.Account(c.Context(), id)
	return viewRole(c.gate, a), noSuch("user", id, err)
}

func endRole(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	if _, err := c.gate.Account(c.Context(), id); err != nil {
		return nil, noSuch("user", id, err)
	}
	return nil, c.gate.EndRole(c.Context(), c.by, id)
}

func listRoles(c *adminCall) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	from, err := after(c, readIdentifier)
	if err != nil {
		return nil, err
	}
	officers, err := c.gate.Officers(c.Context(), from, limit+1)
	officers = cutPage(c, officers, limit, func(a authcore.Account) string { return string(a.Identifier) })
	list := roleList{Roles: make([]roleView, 0, len(officers))}
	for _, a := range officers {
		list.Roles = append(list.Roles, viewRole(c.gate, a))
	}
	return list, err
}

func listPending(c *adminCall) (any, error) {
	all, err := c.gate.Pendings(c.Context())
	list := pendingList{Pending: make([]pendingView, 0, len(all))}
	for _, p := range all {
		list.Pending = append(list.Pending, viewPending(p))
	}
	return list, err
}

func confirmPending(c *adminCall) (any, error) {
	id, err := c.pendingID()
	if err != nil {
		return nil, err
	}
	p, err := c.gate.Confirm(c.Context(), c.by, id)
	return viewPending(p), err
}

func withdrawPending(c *adminCall) (any, error) {
	id, err := c.pendingID()
	if err != nil {
		return nil, err
	}
	return nil, c.gate.Withdraw(c.Context(), c.by, id)
}

// pendingID reads the path's name of what waits.
func (c *adminCall) pendingID() (authcore.Reference, error) {
	if err := c.noBody(); err != nil {
		return "", err
	}
	return readReference(c.PathValue("pending"))
}

// pendingHeader tells that nothing was done yet, and under which name it waits.
const pendingHeader = "Sesame-Pending"

// awaits answers 202 to what another operator has to confirm, and reports whether
// that was it.
func (c *adminCall) awaits(err error) (pendingView, bool) {
	waits, ok := errors.AsType[*authcore.AwaitsError](err)
	if !ok {
		return pendingView{}, false
	}
	c.status = http.StatusAccepted
	c.w.Header().Set(pendingHeader, string(waits.Pending.ID))
	return viewPending(waits.Pending), true
}
