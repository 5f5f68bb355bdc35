package caddymodule

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// passkeyCommands are the commands below "passkey".
func passkeyCommands() []*cobra.Command {
	return []*cobra.Command{
		newCommand("list ID", "Lists the passkeys of a person", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onUser(http.MethodGet, args[0], nil, c.sayPasskeys)
		}),
		newCommand("revoke ID PASSKEY", "Takes a passkey, by its name or its ID, from a person and ends what it opened", cobra.ExactArgs(2), func(c *client, args []string) error {
			path, err := userPath(args[0], "passkeys", url.PathEscape(args[1]))
			if err != nil {
				return err
			}
			return ask(c, question{method: http.MethodDelete, path: path}, func(struct{}) {
				c.say("%s has no passkey %s any more", args[0], args[1])
			})
		}),
	}
}

func (c *client) sayPasskeys(u userView) {
	if len(u.Passkeys) == 0 {
		c.say("%s has no passkey", string(u.ID))
		return
	}
	rows := make([][]string, 0, len(u.Passkeys))
	for _, p := range u.Passkeys {
		rows = append(rows, []string{p.ID, p.Name, localTime(p.Added), localTime(p.LastUsed), p.kind()})
	}
	c.table([]string{"ID", "NAME", "ADDED", "LAST USED", "KIND"}, rows)
}

// kind says in a few words what a passkey is.
func (p passkeyView) kind() string {
	words := []string{"of one device"}
	if p.Synced {
		words[0] = "of several devices"
	}
	if p.Attested {
		words = append(words, "attested")
	}
	if p.Cloned {
		words = append(words, "shut: it may have been copied")
	}
	return strings.Join(words, ", ")
}
