package caddymodule

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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

func auditCommand() *cobra.Command {
	var of, serial, reference, since string
	cmd := newCommand("audit", "Shows what happened: logins, refusals, changes", cobra.NoArgs, func(c *client, _ []string) error {
		query, err := auditQuery(of, serial, since)
		if err != nil {
			return err
		}
		if reference != "" {
			query.Set("reference", reference)
		}
		return ask(c, question{method: http.MethodGet, path: "/sesame/audit", query: query}, c.sayEvents)
	})
	f := cmd.Flags()
	f.StringVar(&of, "user", "", "only what concerns this person")
	f.StringVar(&serial, "key", "", "only what concerns this key")
	f.StringVar(&reference, "reference", "", "only what has this reference, as the refused person read it")
	f.StringVar(&since, "since", "", "only what is not older: 90m, 24h, 7d, 2026-09-01, or 2026-09-01T08:00")
	return cmd
}

func auditQuery(of, serial, since string) (url.Values, error) {
	query := make(url.Values)
	if of != "" {
		id, err := authcore.ParseIdentifier(of)
		if err != nil {
			return nil, err
		}
		query.Set("user", string(id))
	}
	if serial != "" {
		s, err := authcore.ParseSerial(serial)
		if err != nil {
			return nil, err
		}
		query.Set("key", string(s))
	}
	if since != "" {
		t, err := readSince(since, time.Now())
		if err != nil {
			return nil, err
		}
		query.Set("since", t.UTC().Format(time.RFC3339Nano))
	}
	return query, nil
}

// readSince reads a moment as people give it: how long ago, or a date, or a
// date and a time, in the zone of now.
func readSince(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("--since takes how long ago (90m, 24h, 7d), a date (2026-09-01) or a time (2026-09-01T08:00)")
}

func (c *client) sayEvents(list eventList) {
	if len(list.Events) == 0 {
		c.say("nothing of the kind happened")
		return
	}
	rows := make([][]string, 0, len(list.Events))
	for _, e := range list.Events {
		who := string(e.Holder)
		if who == "" && e.Unknown != "" {
			who = "unknown " + e.Unknown
		}
		rows = append(rows, []string{
			e.Time.Local().Format(time.DateTime), e.Kind.String(), who, string(e.Serial), string(e.Reference), e.Actor, e.Address, e.Detail,
		})
	}
	c.table([]string{"TIME", "EVENT", "HOLDER", "KEY", "REFERENCE", "BY", "ADDRESS", "DETAIL"}, rows)
}
