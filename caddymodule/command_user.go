package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/fredu"
)

func userCommands() []*cobra.Command {
	return []*cobra.Command{
		userAddCommand(),
		userListCommand(),
		newCommand("show ID", "Shows what is known of a person", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onUser(http.MethodGet, args[0], nil, c.sayUser)
		}),
		newCommand("disable ID", "Shuts a person out and ends their sessions", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onUser(http.MethodPost, args[0], []string{"disable"}, func(u userView) {
				c.say("%s is disabled and logged out everywhere", string(u.ID))
			})
		}),
		newCommand("enable ID", "Lets a person in again", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onUser(http.MethodPost, args[0], []string{"enable"}, func(u userView) {
				c.say("%s is enabled%s", string(u.ID), enabledStill(u, time.Now()))
			})
		}),
		userSetCommand(), userRemoveCommand(), userImportCommand(), userExportCommand(), userEraseCommand(),
	}
}

func userListCommand() *cobra.Command {
	var limit int
	cmd := newCommand("list", "Lists everybody", cobra.NoArgs, func(c *client, _ []string) error {
		return askAll(c, question{method: http.MethodGet, path: "/sesame/users"}, limit, c.sayUsers)
	})
	limitFlag(cmd, &limit)
	return cmd
}

// onUser asks for something that concerns one person.
func (c *client) onUser(method, id string, action []string, say func(userView)) error {
	path, err := userPath(id, action...)
	if err != nil {
		return err
	}
	return ask(c, question{method: method, path: path}, say)
}

func userAddCommand() *cobra.Command {
	var u newUser
	var attributes []string
	cmd := newCommand("add ID", "Adds a person", cobra.ExactArgs(1), func(c *client, args []string) error {
		id, err := authcore.ParseIdentifier(args[0])
		if err != nil {
			return err
		}
		u.ID = string(id)
		if u.Attributes, err = attributeFlags(attributes); err != nil {
			return err
		}
		return ask(c, question{method: http.MethodPost, path: "/sesame/users", body: u}, func(u userView) {
			c.say("%s is added: assign a key with `sesame key assign SERIAL %s`", nameOf(u), string(u.ID))
		})
	})
	f := cmd.Flags()
	f.StringVar(&u.GivenName, "given-name", "", "the given name")
	f.StringVar(&u.Surname, "surname", "", "the surname")
	f.StringVar(&u.Email, "email", "", "the e-mail address")
	f.StringSliceVar(&u.Groups, "group", nil, "a group; may be given several times")
	f.StringSliceVar(&u.Functions, "function", nil, "a function, such as DIR or ADJ; may be given several times")
	f.StringVar(&u.Establishment, "establishment", "", "the establishment's number (UAI)")
	f.StringVar(&u.End, "end", "", "the last day of the account: 2026-07-31 or 31/07/2026, in the server's time zone")
	f.StringArrayVar(&attributes, "attribute", nil, "NAME=VALUE, such as FrEduRneResp=X; may be given several times")
	return cmd
}

// enabledStill says that letting somebody in again was not enough.
func enabledStill(u userView, now time.Time) string {
	if !userEnded(u, now) {
		return ""
	}
	return ", but the account has ended: move its end with `sesame user set " + string(u.ID) + " --end DATE`"
}

func userSetCommand() *cobra.Command {
	cmd := newCommand("set ID", "Changes what is known of a person", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := userPath(args[0])
		if err != nil {
			return err
		}
		body, err := c.userChange()
		if err != nil {
			return err
		}
		return ask(c, question{method: http.MethodPatch, path: path, body: body}, func(u userView) {
			c.say("%s is changed", nameOf(u))
		})
	})
	cmd.Long = `Changes what is known of a person. What is not named stays as it is; an empty
value is none. Groups, functions and the values of one attribute are replaced as
a whole.`
	f := cmd.Flags()
	f.String("given-name", "", "the given name")
	f.String("surname", "", "the surname")
	f.String("email", "", "the e-mail address")
	f.StringSlice("group", nil, "a group; may be given several times")
	f.StringSlice("function", nil, "a function, such as DIR or ADJ; may be given several times")
	f.String("establishment", "", "the establishment's number (UAI)")
	f.String("end", "", "the last day of the account: 2026-07-31 or 31/07/2026, in the server's time zone; or never")
	f.StringArray("attribute", nil, "NAME=VALUE, such as FrEduRneResp=X; may be given several times")
	return cmd
}

// attributeFlags reads NAME=VALUE, several values of a name being given one by
// one; NAME= is none.
func attributeFlags(flags []string) (fredu.Change, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	c := make(fredu.Change, len(flags))
	for _, flag := range flags {
		name, value, ok := strings.Cut(flag, "=")
		if !ok {
			return nil, fmt.Errorf("--attribute takes NAME=VALUE, and not %q", flag)
		}
		var a fredu.Attribute
		if err := a.UnmarshalText([]byte(name)); err != nil {
			return nil, err
		}
		if c[a] == nil {
			c[a] = fredu.Texts{}
		}
		if value != "" {
			c[a] = append(c[a], value)
		}
	}
	return c, nil
}

// userChange gives the flags that were given.
func (c *client) userChange() (u userChange, err error) {
	f := c.cmd.Flags()
	for name, to := range map[string]**string{
		"given-name": &u.GivenName, "surname": &u.Surname, "email": &u.Email, "establishment": &u.Establishment, "end": &u.End,
	} {
		if f.Changed(name) {
			value, _ := f.GetString(name) // it is defined as a string above
			*to = &value
		}
	}
	for name, to := range map[string]**[]string{"group": &u.Groups, "function": &u.Functions} {
		if f.Changed(name) {
			list, _ := f.GetStringSlice(name) // likewise
			list = append([]string{}, list...)
			*to = &list
		}
	}
	if u.End != nil && *u.End == "never" {
		*u.End = ""
	}
	attributes, _ := f.GetStringArray("attribute") // likewise
	if u.Attributes, err = attributeFlags(attributes); err != nil {
		return u, err
	}
	if !slices.ContainsFunc([]string{"given-name", "surname", "email", "group", "function", "establishment", "end", "attribute"}, f.Changed) {
		err = errors.New("there is nothing to change: --help shows what can be")
	}
	return u, err
}

func userRemoveCommand() *cobra.Command {
	var retire, giveBack bool
	cmd := newCommand("remove ID", "Removes a person and ends their sessions", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := userPath(args[0])
		if err != nil {
			return err
		}
		q := question{method: http.MethodDelete, path: path, query: make(url.Values)}
		switch {
		case retire:
			q.query.Set("keys", authcore.RetireKeys.String())
		case giveBack:
			q.query.Set("keys", authcore.ReturnKeys.String())
		}
		return ask(c, q, func(struct{}) { c.say("%s is removed", args[0]) })
	})
	cmd.Long = `Removes a person and ends their sessions. The audit trail keeps what it has of
them. Who has keys is not removed, unless it is said what becomes of these.`
	f := cmd.Flags()
	f.BoolVar(&retire, "retire-keys", false, "retire their keys for good")
	f.BoolVar(&giveBack, "return-keys", false, "put their keys back in stock")
	cmd.MarkFlagsMutuallyExclusive("retire-keys", "return-keys")
	return cmd
}

// nameOf is a person for people to read: "jdupont (Jeanne Dupont)".
func nameOf(u userView) string {
	if name := strings.TrimSpace(u.GivenName + " " + u.Surname); name != "" {
		return string(u.ID) + " (" + name + ")"
	}
	return string(u.ID)
}

func (c *client) sayUsers(list userList) {
	if len(list.Users) == 0 {
		c.say("there is nobody yet: `sesame user add ID` adds somebody")
		return
	}
	rows := make([][]string, 0, len(list.Users))
	for _, u := range list.Users {
		rows = append(rows, []string{
			string(u.ID), strings.TrimSpace(u.GivenName + " " + u.Surname), u.Establishment,
			strings.Join(u.Functions, ","), strings.Join(u.Groups, ","), joined(u.Keys), userState(u, time.Now()),
		})
	}
	c.table([]string{"ID", "NAME", "ESTABLISHMENT", "FUNCTIONS", "GROUPS", "KEYS", "STATE"}, rows)
}

func (c *client) sayUser(u userView) {
	lines := [][2]string{
		{"identifier", string(u.ID)},
		{"given name", u.GivenName},
		{"surname", u.Surname},
		{"e-mail", u.Email},
		{"establishment", u.Establishment},
		{"functions", strings.Join(u.Functions, ", ")},
		{"groups", strings.Join(u.Groups, ", ")},
		{"keys", joined(u.Keys)},
		{"role", u.role()},
		{"state", userState(u, time.Now())},
		{"last day", endText(u.End, time.DateOnly, "2006-01-02 15:04")},
		{"added", localTime(u.Added)},
	}
	for _, a := range fredu.Attributes() {
		for _, value := range u.Attributes.Values(a) {
			lines = append(lines, [2]string{a.String(), value})
		}
	}
	c.sheet(lines)
	if len(u.Delegations) > 0 {
		c.sayDelegations(u)
	}
}

// role is somebody's role with its scope, "" for a holder.
func (u userView) role() string {
	if u.Office.IsZero() {
		return ""
	}
	return strings.TrimSpace(u.Office.Role.String() + " " + strings.Join(append(slices.Clone(u.Office.Establishments), u.Office.Groups...), ","))
}

func userState(u userView, now time.Time) string {
	switch {
	case u.Disabled:
		return "disabled"
	case userEnded(u, now):
		return "ended"
	}
	return "enabled"
}

func userEnded(u userView, now time.Time) bool { return !u.End.IsZero() && !now.Before(u.End) }

// endText is the end of an account for people to read: the last day where it
// ends with one here, or else the instant; "" for never.
func endText(end time.Time, day, instant string) string {
	local := end.Local()
	switch {
	case end.IsZero():
		return ""
	case local.Equal(time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.Local)):
		return local.AddDate(0, 0, -1).Format(day)
	}
	return local.Format(instant)
}

func joined[T ~string](list []T) string {
	texts := make([]string, 0, len(list))
	for _, v := range list {
		texts = append(texts, string(v))
	}
	return strings.Join(texts, ",")
}
