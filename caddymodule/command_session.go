package caddymodule

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

func sessionCommands() []*cobra.Command {
	return []*cobra.Command{
		sessionListCommand(),
		newCommand("end ID", "Ends a session, on the portal and in every application", cobra.ExactArgs(1), func(c *client, args []string) error {
			if _, ok := readSessionID(args[0]); !ok {
				return errors.New("this is not the ID of a session: `sesame session list` shows them")
			}
			return ask(c, question{method: http.MethodDelete, path: "/sesame/sessions/" + args[0]}, func(struct{}) {
				c.say("the session has ended")
			})
		}),
	}
}

func sessionListCommand() *cobra.Command {
	var of string
	var limit int
	cmd := newCommand("list", "Lists the sessions that are open", cobra.NoArgs, func(c *client, _ []string) error {
		query := make(url.Values)
		if of != "" {
			id, err := authcore.ParseIdentifier(of)
			if err != nil {
				return err
			}
			query.Set("user", string(id))
		}
		return askAll(c, question{method: http.MethodGet, path: "/sesame/sessions", query: query}, limit, c.saySessions)
	})
	cmd.Flags().StringVar(&of, "user", "", "only the sessions of this person")
	limitFlag(cmd, &limit)
	return cmd
}

func (c *client) saySessions(list sessionList) {
	if len(list.Sessions) == 0 {
		c.say("no session is open")
		return
	}
	slices.SortFunc(list.Sessions, func(a, b sessionView) int {
		return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.ID, b.ID))
	})
	rows := make([][]string, 0, len(list.Sessions))
	for _, s := range list.Sessions {
		end := s.End
		if s.Idle.Before(end) {
			end = s.Idle
		}
		rows = append(rows, []string{
			s.ID, string(s.Holder), string(s.Serial), localTime(s.Began), localTime(s.Seen), localTime(end), s.Address, s.Agent,
		})
	}
	c.table([]string{"ID", "HOLDER", "KEY", "BEGAN", "LAST SEEN", "ENDS UNUSED", "ADDRESS", "BROWSER"}, rows)
}
