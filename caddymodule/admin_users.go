package caddymodule

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/peoplefile"
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
	End           time.Time           `json:"end,omitzero"`
	Attributes    fredu.Set           `json:"attributes,omitzero"`
	// Delegations, those included that have ended.
	Delegations []authcore.Delegation `json:"delegations,omitempty"`
	Passkeys    []passkeyView         `json:"passkeys"`
	Office      authcore.Office       `json:"office,omitzero"`
}

func viewUser(a authcore.Account) userView {
	return userView{
		ID: a.Identifier, GivenName: a.GivenName, Surname: a.Surname, Email: a.Email,
		Groups: append([]string{}, a.Groups...), Functions: append([]string{}, a.Functions...),
		Establishment: a.Establishment, Disabled: a.Disabled,
		Keys: append([]authcore.Serial{}, a.Keys...), Added: a.Added, End: a.End, Attributes: a.Attributes, Delegations: a.Delegations,
		Passkeys: viewPasskeys(a.Passkeys), Office: a.Office,
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
	End           string   `json:"end,omitempty"`

	Attributes fredu.Change `json:"attributes,omitempty"`
}

func (u newUser) account() (authcore.Account, error) {
	id, err := readIdentifier(u.ID)
	if err != nil {
		return authcore.Account{}, err
	}
	end, err := readEnd(u.End)
	if err != nil {
		return authcore.Account{}, err
	}
	attributes, err := readAttributes(u.Attributes)
	if err != nil {
		return authcore.Account{}, err
	}
	a := authcore.Account{
		Identifier: id, GivenName: u.GivenName, Surname: u.Surname, Email: u.Email,
		Groups: u.Groups, Functions: u.Functions, Establishment: u.Establishment, End: end, Attributes: attributes,
	}
	if err := a.Validate(); err != nil {
		return a, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	return a, nil
}

// userChange is what to change of a person; what is not given stays.
type userChange struct {
	GivenName     *string   `json:"given_name,omitempty"`
	Surname       *string   `json:"surname,omitempty"`
	Email         *string   `json:"email,omitempty"`
	Groups        *[]string `json:"groups,omitempty"`
	Functions     *[]string `json:"functions,omitempty"`
	Establishment *string   `json:"establishment,omitempty"`
	End           *string   `json:"end,omitempty"`

	// Attributes that are not named stay.
	Attributes fredu.Change `json:"attributes,omitempty"`
}

// values gives what to set, and which fields that is.
func (u userChange) values() (a authcore.Account, fields []authcore.AccountField, err error) {
	set(&a.GivenName, u.GivenName, authcore.FieldGivenName, &fields)
	set(&a.Surname, u.Surname, authcore.FieldSurname, &fields)
	set(&a.Email, u.Email, authcore.FieldEmail, &fields)
	set(&a.Groups, u.Groups, authcore.FieldGroups, &fields)
	set(&a.Functions, u.Functions, authcore.FieldFunctions, &fields)
	set(&a.Establishment, u.Establishment, authcore.FieldEstablishment, &fields)
	if u.End != nil {
		a.End, err = readEnd(*u.End)
		fields = append(fields, authcore.FieldEnd)
	}
	if err == nil {
		a.Attributes, err = readAttributes(u.Attributes)
	}
	for _, name := range slices.Sorted(maps.Keys(u.Attributes)) {
		fields = append(fields, authcore.AttributeField(name))
	}
	if err == nil && len(fields) == 0 {
		err = adminRefusal(http.StatusBadRequest, "there is nothing to change: give given_name, surname, email, groups, functions, establishment, end or attributes")
	}
	return a, fields, err
}

// readAttributes reads the values of attributes, each by its grammar.
func readAttributes(c fredu.Change) (fredu.Set, error) {
	all, err := fredu.Set{}.Apply(c)
	if err != nil {
		return all, adminRefusal(http.StatusBadRequest, "attributes: %w", err)
	}
	return all, nil
}

func set[T any](to, from *T, f authcore.AccountField, fields *[]authcore.AccountField) {
	if from != nil {
		*to, *fields = *from, append(*fields, f)
	}
}

// readEnd reads the end of an account. A day ends in the zone of the server.
func readEnd(text string) (time.Time, error) {
	end, err := peoplefile.ParseEnd(text, time.Local)
	if err != nil {
		return end, adminRefusal(http.StatusBadRequest, "end: %w", err)
	}
	return end, nil
}

// userList is the answer to GET /sesame/users.
type userList struct {
	Users []userView `json:"users"`
}

func listUsers(c *adminCall) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	from, err := after(c, readIdentifier)
	if err != nil {
		return nil, err
	}
	accounts, err := c.gate.Accounts(c.Context(), from, limit+1)
	accounts = cutPage(c, accounts, limit, func(a authcore.Account) string { return string(a.Identifier) })
	list := userList{Users: make([]userView, 0, len(accounts))}
	for _, a := range accounts {
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

func setUser(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	var u userChange
	if err := c.decode(&u); err != nil {
		return nil, err
	}
	a, fields, err := u.values()
	if err != nil {
		return nil, err
	}
	was, err := c.gate.Account(c.Context(), id)
	if err != nil {
		return nil, noSuch("user", id, err)
	}
	if err := was.With(a, fields).Validate(); err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	a.Identifier = id
	if err := c.gate.SetAccount(c.Context(), c.by, a, fields); err != nil {
		return nil, noSuch("user", id, err)
	}
	return c.user(id)
}

func removeUser(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	keys, err := c.keyFate()
	if err != nil {
		return nil, err
	}
	err = c.gate.RemoveAccount(c.Context(), c.by, id, keys)
	switch {
	case errors.Is(err, authcore.ErrHasKeys):
		return nil, adminRefusal(http.StatusConflict, "%w: return or retire them first, or with the person by --return-keys or --retire-keys (over HTTP keys=return or keys=retire)", err)
	case errors.Is(err, authcore.ErrState):
		return nil, adminRefusal(http.StatusConflict, "%w: what nobody has in hand cannot be returned; declare it found, or retire it", err)
	}
	return nil, noSuch("user", id, err)
}

// keyFate reads what becomes of the keys of somebody who is removed.
func (c *adminCall) keyFate() (authcore.KeyFate, error) {
	fate := authcore.KeepKeys
	if text := c.query.Get("keys"); text != "" {
		if err := fate.UnmarshalText([]byte(text)); err != nil {
			return fate, adminRefusal(http.StatusBadRequest, "the parameter keys is keep, retire or return")
		}
	}
	return fate, nil
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
