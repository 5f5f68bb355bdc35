package caddymodule

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

func userCommands() []*cobra.Command {
	return []*cobra.Command{
		userAddCommand(),
		newCommand("list", "Lists everybody", cobra.NoArgs, func(c *client, _ []string) error {
			return ask(c, question{method: http.MethodGet, path: "/sesame/users"}, c.sayUsers)
		}),
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
				c.say("%s is enabled", string(u.ID))
			})
		}),
	}
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
	cmd := newCommand("add ID", "Adds a person", cobra.ExactArgs(1), func(c *client, args []string) error {
		id, err := authcore.ParseIdentifier(args[0])
		if err != nil {
			return err
		}
		u.ID = string(id)
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
			strings.Join(u.Functions, ","), strings.Join(u.Groups, ","), joined(u.Keys), userState(u),
		})
	}
	c.table([]string{"ID", "NAME", "ESTABLISHMENT", "FUNCTIONS", "GROUPS", "KEYS", "STATE"}, rows)
}

func (c *client) sayUser(u userView) {
	c.sheet([][2]string{
		{"identifier", string(u.ID)},
		{"given name", u.GivenName},
		{"surname", u.Surname},
		{"e-mail", u.Email},
		{"establishment", u.Establishment},
		{"functions", strings.Join(u.Functions, ", ")},
		{"groups", strings.Join(u.Groups, ", ")},
		{"keys", joined(u.Keys)},
		{"state", userState(u)},
		{"added", localTime(u.Added)},
	})
}

func userState(u userView) string {
	if u.Disabled {
		return "disabled"
	}
	return "enabled"
}

func joined[T ~string](list []T) string {
	texts := make([]string, 0, len(list))
	for _, v := range list {
		texts = append(texts, string(v))
	}
	return strings.Join(texts, ",")
}
