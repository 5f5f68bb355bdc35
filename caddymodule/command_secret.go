package caddymodule

import (
	"fmt"

	"github.com/spf13/cobra"
)

// secretCommands work on the secret file itself and need no server.
func secretCommands() []*cobra.Command {
	rotate := &cobra.Command{
		Use:   "rotate FILE",
		Short: "Adds new keys to a secret file, for everything written from now on",
		Long: `Adds a new key to each keyset of a secret file, for everything written from now
on. The earlier keys stay, for everything that is there already: nothing has to
be written again, nobody is logged out, and a copy of the earlier file goes on
opening what it opened. Assertions are signed with the key that was published
beforehand, and the one of after the next rotation is published: leave at least
five minutes between two rotations, for which applications may keep the set.

The server reads the file again when it is reloaded:

	caddy sesame secret rotate /etc/sesame/secret
	caddy reload --force --config /etc/caddy/Caddyfile

Run it as the user that the server runs as, and keep a copy of the new file.`,
		Args: wanted(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := rotateSecrets(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s has new keys; reload the server (caddy reload --force), and keep a copy of the file\n", args[0])
			return err
		},
	}
	return []*cobra.Command{rotate}
}

// rotateSecrets replaces a secret file by one with new primary keys. Whatever
// happens, a whole file stands there.
func rotateSecrets(path string) error {
	_, secrets, err := loadSecrets(path)
	if err != nil {
		return err
	}
	if secrets, err = secrets.Rotated(); err != nil {
		return err
	}
	_, err = replaceSecrets(path, secrets)
	return err
}
