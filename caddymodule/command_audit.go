package caddymodule

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// auditFlags are the filters of the command audit, as they were typed.
type auditFlags struct {
	user, key, reference, since, until string
	kinds                              []string
	alerts, follow                     bool
}

func auditCommand() *cobra.Command {
	var flags auditFlags
	cmd := newCommand("audit", "Shows what happened: logins, refusals, changes", cobra.NoArgs, func(c *client, _ []string) error {
		query, err := flags.query(time.Now())
		if err != nil {
			return err
		}
		return c.readTrail(query, flags.follow)
	})
	f := cmd.Flags()
	f.StringVar(&flags.user, "user", "", "only what concerns this person")
	f.StringVar(&flags.key, "key", "", "only what concerns this key")
	f.StringVar(&flags.reference, "reference", "", "only what has this reference, as the refused person read it")
	f.StringVar(&flags.since, "since", "", "only what is not older: 90m, 24h, 7d, 2026-09-01, or 2026-09-01T08:00")
	f.StringVar(&flags.until, "until", "", "only what came before; as --since")
	f.StringSliceVar(&flags.kinds, "kind", nil, "only these events, such as pin-wrong; may be given several times")
	f.BoolVar(&flags.alerts, "alerts", false, "only alerts: what somebody should look at")
	f.BoolVar(&flags.follow, "follow", false, "go on with what comes, until interrupted")
	f.Lookup("json").Usage = "print one JSON value a line"
	cmd.AddCommand(auditVerifyCommand(), auditPurgeCommand())
	return cmd
}

// query makes of the flags the parameters of the API.
func (f auditFlags) query(now time.Time) (url.Values, error) {
	query := make(url.Values)
	for _, p := range []struct {
		name, text string
		read       func(string) (string, error)
	}{
		{"user", f.user, func(text string) (string, error) {
			id, err := authcore.ParseIdentifier(text)
			return string(id), err
		}},
		{"key", f.key, func(text string) (string, error) {
			s, err := authcore.ParseSerial(text)
			return string(s), err
		}},
		{"reference", f.reference, func(text string) (string, error) { return text, nil }},
		{"since", f.since, func(text string) (string, error) { return momentParameter("--since", text, now) }},
		{"until", f.until, func(text string) (string, error) { return momentParameter("--until", text, now) }},
		{"kind", strings.Join(f.kinds, ","), func(text string) (string, error) { return text, nil }},
	} {
		if p.text == "" {
			continue
		}
		value, err := p.read(p.text)
		if err != nil {
			return nil, err
		}
		query.Set(p.name, value)
	}
	if f.alerts {
		query.Set("alerts", "true")
	}
	if f.follow {
		query.Set("follow", "true")
	}
	return query, nil
}

// momentParameter is a moment as the API reads it.
func momentParameter(flag, text string, now time.Time) (string, error) {
	t, err := readMomentOf(flag, text, now)
	return t.UTC().Format(time.RFC3339Nano), err
}

// readMomentOf reads a moment as people give it: how long ago, or a date, or a
// date and a time, in the zone of now.
func readMomentOf(flag, text string, now time.Time) (time.Time, error) {
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
	return time.Time{}, fmt.Errorf("%s takes how long ago (90m, 24h, 7d), a date (2026-09-01) or a time (2026-09-01T08:00)", flag)
}

// readTrail prints entries as they come, however many there are.
func (c *client) readTrail(query url.Values, follow bool) error {
	body, _, err := c.open(question{method: http.MethodGet, path: "/sesame/audit", query: query, accept: ndjson})
	if err != nil {
		return err
	}
	defer body.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, func() { body.Close() })
	lines, n := bufio.NewScanner(body), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := c.sayEntry(lines.Bytes(), n == 0); err != nil {
			return err
		}
		n++
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case lines.Err() != nil:
		return brokenOff(lines.Err())
	case follow:
		return errors.New("the server has stopped or changed its configuration: follow again")
	case n == 0 && !c.json:
		c.say("nothing of the kind happened")
	}
	return nil
}

// entryForm sets the columns of an entry: where a value is longer than usual the
// rest of its line moves, and nothing has to be kept to set it right.
const entryForm = "%-19s  %-20s  %-16s  %-12s  %-9s  %-24s  %-15s  %s"

// sayEntry prints one line of the server's.
func (c *client) sayEntry(line []byte, first bool) error {
	if c.json {
		fmt.Fprintln(c.out(), escapeUnprintable(string(line)))
		return nil
	}
	var e authcore.Event
	if err := json.Unmarshal(line, &e); err != nil {
		return unreadable(err)
	}
	if first {
		c.say(entryForm, "TIME", "EVENT", "HOLDER", "KEY", "REFERENCE", "BY", "ADDRESS", "DETAIL")
	}
	event, who := e.Kind.String(), string(e.Holder)
	if e.Alert {
		event += " !"
	}
	if who == "" && e.Unknown != "" {
		who = "unknown " + e.Unknown
	}
	cells := []any{e.Time.Local().Format(time.DateTime), event, who, string(e.Serial), string(e.Reference), e.Actor, e.Address, e.Detail}
	for i, cell := range cells {
		if cell == "" {
			cells[i] = "-"
		}
	}
	c.say(entryForm, cells...)
	return nil
}

func auditVerifyCommand() *cobra.Command {
	return newCommand("verify", "Looks for entries of the audit trail that were changed or are missing", cobra.NoArgs, func(c *client, _ []string) error {
		var found authcore.Verification
		raw, err := c.send(question{method: http.MethodGet, path: "/sesame/audit/verify"})
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &found); err != nil {
			return unreadable(err)
		}
		if c.json {
			err = c.printJSON(raw)
		} else {
			c.sayVerification(found)
		}
		if err == nil && found.Wrong > 0 {
			err = fmt.Errorf("the audit trail is not as it was written: %s", count(found.Wrong, "fault", "faults"))
		}
		return err
	})
}

func (c *client) sayVerification(v authcore.Verification) {
	for _, fault := range v.Faults {
		c.say("%s", fault)
	}
	if v.Wrong > len(v.Faults) {
		c.say("and %d more", v.Wrong-len(v.Faults))
	}
	if v.Wrong == 0 {
		c.say("the audit trail is as it was written: %s in %s, %s to %s", count(v.Entries, "entry", "entries"),
			count(v.Chains, "chain", "chains"), localTime(v.Oldest), localTime(v.Newest))
	}
}

func auditPurgeCommand() *cobra.Command {
	var before string
	cmd := newCommand("purge", "Removes the entries of the audit trail that are older than a date", cobra.NoArgs, func(c *client, _ []string) error {
		if before == "" {
			return errors.New("say what to remove with --before, such as --before 2026-01-01")
		}
		t, err := readMomentOf("--before", before, time.Now())
		if err != nil {
			return err
		}
		return ask(c, question{method: http.MethodPost, path: "/sesame/audit/purge", body: purgeOrder{t.UTC()}}, func(r purgeReport) {
			c.say("%s removed: those before %s", count(r.Removed, "entry", "entries"), localTime(t))
		})
	})
	cmd.Flags().StringVar(&before, "before", "", "a date (2026-01-01), a time, or how long ago (400d)")
	return cmd
}
