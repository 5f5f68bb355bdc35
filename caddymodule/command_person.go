package caddymodule

import (
	"net/http"

	"github.com/spf13/cobra"
)

func userExportCommand() *cobra.Command {
	return newCommand("export ID", "Prints all that is held of a person, as JSON, for them to have", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := userPath(args[0], "export")
		if err != nil {
			return err
		}
		raw, err := c.send(question{method: http.MethodGet, path: path})
		if err != nil {
			return err
		}
		return c.printJSON(raw)
	})
}

func userEraseCommand() *cobra.Command {
	return newCommand("erase ID", "Erases what is left of a person whose account is removed, the audit trail's entries too", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := userPath(args[0], "erase")
		if err != nil {
			return err
		}
		return ask(c, question{method: http.MethodPost, path: path}, func(struct{}) {
			c.say("nothing is held of %s any more, but that somebody's data were erased", args[0])
		})
	})
}
