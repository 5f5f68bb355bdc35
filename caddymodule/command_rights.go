package caddymodule

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// delegationCommands are the commands below "delegation".
func delegationCommands() []*cobra.Command {
	return []*cobra.Command{
		delegationAddCommand(),
		newCommand("list ID", "Lists the delegations of a person that are running", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onUser(http.MethodGet, args[0], nil, c.sayDelegations)
		}),
		newCommand("end ID APPLICATION", "Ends a delegation before its time", cobra.ExactArgs(2), func(c *client, args []string) error {
			path, err := userPath(args[0], "delegations", args[1])
			if err != nil {
				return err
			}
			return ask(c, question{method: http.MethodDelete, path: path}, func(struct{}) {
				c.say("%s has no delegation for %s any more", args[0], args[1])
			})
		}),
	}
}

func delegationAddCommand() *cobra.Command {
	var order delegationOrder
	cmd := newCommand("add ID APPLICATION", "Opens an application to a person until a date", cobra.ExactArgs(2), func(c *client, args []string) error {
		path, err := userPath(args[0], "delegations")
		if err != nil {
			return err
		}
		order.Application = args[1]
		return ask(c, question{method: http.MethodPost, path: path, body: order}, func(d delegationView) {
			c.say("%s may open %s until %s", string(d.User), d.Application, endText(d.Until, time.DateOnly, "2006-01-02 15:04"))
		})
	})
	f := cmd.Flags()
	f.StringVar(&order.Until, "until", "", "the last day, needed: 2026-07-31 or 31/07/2026, in the server's time zone; a year from now at most")
	f.StringVar(&order.Reason, "reason", "", "why, needed; it stands in the audit trail")
	_ = cmd.MarkFlagRequired("until")  // they are defined above
	_ = cmd.MarkFlagRequired("reason") // likewise
	return cmd
}

func (c *client) sayDelegations(u userView) {
	rows := make([][]string, 0, len(u.Delegations))
	for _, d := range u.Delegations {
		if d.Running(time.Now()) {
			rows = append(rows, []string{d.Application, endText(d.Until, time.DateOnly, "2006-01-02 15:04"), d.Reason, d.By})
		}
	}
	if len(rows) == 0 {
		c.say("%s has no delegation", string(u.ID))
		return
	}
	c.table([]string{"APPLICATION", "UNTIL", "REASON", "BY"}, rows)
}

func explainCommand() *cobra.Command {
	var from string
	var age time.Duration
	var passkey bool
	cmd := newCommand("explain ID METHOD URL", "Says whether a person may do this, which rule decides, and why", cobra.ExactArgs(3), func(c *client, args []string) error {
		q := explainQuestion{User: args[0], Method: args[1], URL: args[2], From: from, CodeAge: int(age / time.Second), Passkey: passkey}
		return ask(c, question{method: http.MethodPost, path: "/sesame/explain", body: q}, func(e explanation) { c.say("%s", e.Sentence) })
	})
	cmd.Flags().StringVar(&from, "from", "", "the address that the person comes from")
	cmd.Flags().BoolVar(&passkey, "passkey", false, "they logged in with a passkey")
	cmd.Flags().DurationVar(&age, "code-age", 0, "how long ago they logged in, such as 20m")
	return cmd
}
