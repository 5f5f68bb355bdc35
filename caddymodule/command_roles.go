package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// roleCommands are the commands below "role".
func roleCommands() []*cobra.Command {
	return []*cobra.Command{
		roleAddCommand(),
		roleListCommand(),
		newCommand("remove ID", "Takes their role from a person", cobra.ExactArgs(1), func(c *client, args []string) error {
			path, err := userPath(args[0], "role")
			if err != nil {
				return err
			}
			return ask(c, question{method: http.MethodDelete, path: path}, func(struct{}) { c.say("%s has no role any more", args[0]) })
		}),
	}
}

func roleAddCommand() *cobra.Command {
	var order roleOrder
	cmd := newCommand("add ID ROLE", "Gives a person a role: referent, operator or auditor", cobra.ExactArgs(2), func(c *client, args []string) error {
		path, err := userPath(args[0], "role")
		if err != nil {
			return err
		}
		order.Role = args[1]
		return ask(c, question{method: http.MethodPut, path: path, body: order}, func(v roleView) {
			c.say("%s is now %s%s", string(v.User), v.Role, v.over())
		})
	})
	cmd.Long = `Gives a person a role, in place of the one they may have. A referent looks after
the people and the keys of their establishments, in the console on the portal;
an operator after everybody's there; an auditor looks and changes nothing.`
	f := cmd.Flags()
	f.StringSliceVar(&order.Establishments, "establishment", nil, "a referent's establishment (UAI); may be given several times")
	f.StringSliceVar(&order.Groups, "group", nil, "a referent's group of establishments, as the configuration names it; may be given several times")
	return cmd
}

// over says over what somebody is a referent.
func (v roleView) over() string {
	if v.Role != authcore.RoleReferent {
		return ""
	}
	return " of " + strings.Join(v.Scope, ", ")
}

func roleListCommand() *cobra.Command {
	var limit int
	cmd := newCommand("list", "Lists who has a role", cobra.NoArgs, func(c *client, _ []string) error {
		return askAll(c, question{method: http.MethodGet, path: "/sesame/roles"}, limit, c.sayRoles)
	})
	limitFlag(cmd, &limit)
	return cmd
}

func (c *client) sayRoles(list roleList) {
	if len(list.Roles) == 0 {
		c.say("nobody has a role: `sesame role add ID ROLE` gives one")
		return
	}
	rows := make([][]string, 0, len(list.Roles))
	for _, v := range list.Roles {
		rows = append(rows, []string{
			string(v.User), strings.TrimSpace(v.GivenName + " " + v.Surname), v.Role.String(), strings.Join(v.Scope, ","), localTime(v.Given), v.By,
		})
	}
	c.table([]string{"ID", "NAME", "ROLE", "ESTABLISHMENTS", "GIVEN", "BY"}, rows)
}

// keyStockCommand lists an establishment's keys.
func keyStockCommand() *cobra.Command {
	var asCSV bool
	cmd := newCommand("stock UAI", "Lists the keys of an establishment: sent, in the safe, handed over, returned, lost", cobra.ExactArgs(1), func(c *client, args []string) error {
		var failed error
		err := ask(c, question{method: http.MethodGet, path: "/sesame/stock/" + url.PathEscape(args[0])}, func(list stockList) {
			if asCSV {
				failed = list.writeCSV(c.out())
				return
			}
			c.sayStock(list)
		})
		return errors.Join(err, failed)
	})
	cmd.Flags().BoolVar(&asCSV, "csv", false, "print a file for a spreadsheet")
	cmd.MarkFlagsMutuallyExclusive("csv", "json")
	return cmd
}

func (c *client) sayStock(list stockList) {
	if len(list.Keys) == 0 {
		c.say("%s has no keys: `sesame key send SERIAL %s` sends one", list.Establishment, list.Establishment)
		return
	}
	rows := make([][]string, 0, len(list.Keys))
	for _, k := range list.Keys {
		expiring := ""
		if k.Expiring {
			expiring = "before " + list.SchoolYear.Format(time.DateOnly)
		}
		rows = append(rows, []string{string(k.Serial), k.Place.String(), string(k.Holder), day(k.HandedOver), day(k.Expires), expiring})
	}
	c.table([]string{"SERIAL", "PLACE", "HOLDER", "HANDED OVER", "EXPIRES", "TO REPLACE"}, rows)
}

// pendingCommands are the commands below "pending".
func pendingCommands() []*cobra.Command {
	return []*cobra.Command{
		newCommand("list", "Lists what waits for another operator", cobra.NoArgs, func(c *client, _ []string) error {
			return ask(c, question{method: http.MethodGet, path: "/sesame/pending"}, c.sayPending)
		}),
		newCommand("confirm NAME", "Does what another operator asked for", cobra.ExactArgs(1), func(c *client, args []string) error {
			return ask(c, question{method: http.MethodPost, path: pendingPath(args[0]) + "/confirm"}, func(p pendingView) {
				c.say("done, as %s asked: %s", p.By, p.what())
			})
		}),
		newCommand("refuse NAME", "Ends what waits, undone; whoever asked for it may as well", cobra.ExactArgs(1), func(c *client, args []string) error {
			return ask(c, question{method: http.MethodDelete, path: pendingPath(args[0])}, func(struct{}) { c.say("%s is refused", args[0]) })
		}),
	}
}

func pendingPath(name string) string { return "/sesame/pending/" + url.PathEscape(name) }

// what says what waits.
func (p pendingView) what() string {
	words := []string{p.Act.String(), string(p.User)}
	for _, word := range []string{string(p.Key), p.Passkey, p.Role} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func (c *client) sayPending(list pendingList) {
	if len(list.Pending) == 0 {
		c.say("nothing waits for another operator")
		return
	}
	rows := make([][]string, 0, len(list.Pending))
	for _, p := range list.Pending {
		rows = append(rows, []string{string(p.ID), p.what(), p.By, localTime(p.Asked), localTime(p.Until)})
	}
	c.table([]string{"NAME", "WHAT", "ASKED BY", "ASKED", "UNTIL"}, rows)
}

// sayAwaits says that nothing was done yet.
func (c *client) sayAwaits(p pendingView) {
	c.say("not done yet: another operator has to confirm it before %s with `sesame pending confirm %s`", localTime(p.Until), string(p.ID))
}
