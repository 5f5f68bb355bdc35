package caddymodule

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/caddymodule/demo"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "sesame",
		Short: "Administers the gate: people, keys, sessions",
		Long: `Administers the gate of a running server through Caddy's admin endpoint.

Each command says in one line what it did, or with --json what the server
answered. It exits with 0 when it did it and with 1 when it did not.`,
		CobraFunc: addCommands,
	})
}

// addCommands puts the subcommands below "sesame".
func addCommands(root *cobra.Command) {
	root.Use, root.Args = "sesame", cobra.NoArgs
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.AddCommand(demo.Command())
}
