package caddymodule

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// userView is what the API shows of a person.
type userView struct {
	ID            authcore.Identifier `json:"id"`
	GivenName     string              `json:"given_name,omitempty"`
	Surname       string              `json:"surname,omitempty"`
	Email         string              `json:"email,omitempty"`
	Groups        []string            `json:"groups"`
	Functions     []string            `json:"functions"`
	Establishment string              `json:"establishment,omitempty"`
	Disabled      bool                `json:"disabled"`
	Keys          []authcore.Serial   `json:"keys"`
	Added         time.Time           `json:"added"`
}

func viewUser(a authcore.Account) userView {
	return userView{
		ID: a.Identifier, GivenName: a.GivenName, Surname: a.Surname, Email: a.Email,
		Groups: append([]string{}, a.Groups...), Functions: append([]string{}, a.Functions...),
		Establishment: a.Establishment, Disabled: a.Disabled,
		Keys: append([]authcore.Serial{}, a.Keys...), Added: a.Added,
	}
}

// newUser is a person to add. What the gate itself keeps of a person (keys,
// whether they are disabled) has no field here.
type newUser struct {
	ID            string   `json:"id"`
	GivenName     string   `json:"given_name,omitempty"`
	Surname       string   `json:"surname,omitempty"`
	Email         string   `json:"email,omitempty"`
	Groups        []string `json:"groups,omitempty"`
	Functions     []string `json:"functions,omitempty"`
	Establishment string   `json:"establishment,omitempty"`
}

func (u newUser) account() (authcore.Account, error) {
	id, err := readIdentifier(u.ID)
	if err != nil {
		return authcore.Account{}, err
	}
	a := authcore.Account{
		Identifier: id, GivenName: u.GivenName, Surname: u.Surname, Email: u.Email,
		Groups: u.Groups, Functions: u.Functions, Establishment: u.Establishment,
	}
	if err := a.Validate(); err != nil {
		return a, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	return a, nil
}

// userList is the answer to GET /sesame/users.
type userList struct {
	Users []userView `json:"users"`
}

func listUsers(c *adminCall) (any, error) {
	all, err := c.gate.Accounts(c.Context())
	list := userList{Users: make([]userView, 0, len(all))}
	for _, a := range all {
		list.Users = append(list.Users, viewUser(a))
	}
	return list, err
}

func addUser(c *adminCall) (any, error) {
	var u newUser
	if err := c.decode(&u); err != nil {
		return nil, err
	}
	a, err := u.account()
	if err != nil {
		return nil, err
	}
	if err := c.gate.AddAccount(c.Context(), c.by, a); err != nil {
		return nil, err
	}
	c.status = http.StatusCreated
	c.w.Header().Set("Location", "/sesame/users/"+url.PathEscape(string(a.Identifier)))
	return c.user(a.Identifier)
}

func showUser(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	return c.user(id)
}

func disableUser(c *adminCall) (any, error) { return c.changeUser(c.gate.DisableAccount) }

func enableUser(c *adminCall) (any, error) { return c.changeUser(c.gate.EnableAccount) }

func (c *adminCall) changeUser(change func(context.Context, authcore.Actor, authcore.Identifier) error) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	if err := change(c.Context(), c.by, id); err != nil {
		return nil, noSuch("user", id, err)
	}
	return c.user(id)
}

// user is a person as the gate knows them now.
func (c *adminCall) user(id authcore.Identifier) (any, error) {
	a, err := c.gate.Account(c.Context(), id)
	return viewUser(a), noSuch("user", id, err)
}
