package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func doctorCommand() *cobra.Command {
	var server string
	cmd := newCommand("doctor", "Looks for what is wrong with the gate and around it, and says what to do", cobra.NoArgs, func(c *client, _ []string) error {
		q := question{method: http.MethodGet, path: "/sesame/doctor"}
		if server != "" {
			q.query = url.Values{"ntp": {server}}
		}
		raw, err := c.send(q)
		if err != nil {
			return err
		}
		var d diagnosis
		if err := json.Unmarshal(raw, &d); err != nil {
			return unreadable(err)
		}
		if c.json {
			err = c.printJSON(raw)
		} else {
			c.sayDiagnosis(d)
		}
		if err == nil && d.Wrong > 0 {
			err = errors.New(count(d.Wrong, "thing is wrong", "things are wrong"))
		}
		return err
	})
	cmd.Long = `Has the running server look at itself: its store and the disk below it, the
anchor, the clock, the secret file, the admin endpoint, the configuration, and
what waits for somebody. There is a line for each, and what to do. The command
exits with 1 when something is wrong, and with 0 when there are warnings only.`
	cmd.Flags().StringVar(&server, "ntp", "", "the time server, HOST or HOST:PORT, to compare the server's clock with, if not the configured one")
	return cmd
}

func (c *client) sayDiagnosis(d diagnosis) {
	for _, f := range d.Findings {
		if f.Do == "" {
			c.say("%-7s  %s: %s", f.State, f.Check, f.Says)
		} else {
			c.say("%-7s  %s: %s; %s", f.State, f.Check, f.Says, f.Do)
		}
	}
}
