package caddymodule

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// clockCommands are about the server's clock, not this machine's.
func clockCommands() []*cobra.Command {
	accept := newCommand("accept", "Believes the server's clock as it is; all sessions end", cobra.NoArgs, func(c *client, _ []string) error {
		return ask(c, question{method: http.MethodPost, path: "/sesame/clock/accept"}, c.sayClock)
	})
	accept.Long = `Has the gate believe the server's clock as it is, once you have seen that it is
right. It is for a server that refuses logins because its clock is earlier than
the time kept last, or far ahead: where the clock itself is wrong, put that
right, and nothing else is needed. All sessions end, since some had ended by the
time believed before. Of a clock that is not in doubt it changes nothing.`
	return []*cobra.Command{
		newCommand("show", "Shows the server's clock, and whether it is believed", cobra.NoArgs, func(c *client, _ []string) error {
			return ask(c, question{method: http.MethodGet, path: "/sesame/clock"}, c.sayClock)
		}),
		accept,
	}
}

func (c *client) sayClock(k authcore.Clock) {
	if k.State == authcore.ClockSound {
		c.say("the server's clock says %s, and is believed", localTime(k.Clock))
		return
	}
	c.say("%s", k.Why)
}
