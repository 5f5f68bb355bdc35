package caddymodule

import (
	"fmt"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/caddymodule/demo"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:      "sesame",
		Usage:     "<command>",
		Short:     "Administers the gate: people, keys, sessions",
		CobraFunc: addCommands,
	})
}

// addCommands puts the subcommands below "sesame".
func addCommands(root *cobra.Command) {
	root.Long = `Administers the gate of a running server through Caddy's admin endpoint.

Each command says in one line what it did, or with --json what the server
answered. It exits with 0 when it did it and with 1 when it did not.`
	root.Args = cobra.NoArgs
	root.FParseErrWhitelist.UnknownFlags = true
	root.RunE = showHelp
	root.AddCommand(
		commandGroup("user", "People: add, import, list, show, set, disable, enable, remove", userCommands()...),
		commandGroup("key", "Keys: from the supplier's file to the holder's hand, and what becomes of them", keyCommands()...),
		commandGroup("session", "Sessions: list, end", sessionCommands()...),
		commandGroup("passkey", "Passkeys of people: list, revoke", passkeyCommands()...),
		commandGroup("delegation", "Delegations: an application, this colleague, until that date", delegationCommands()...),
		commandGroup("role", "Roles: referents of establishments, operators and auditors", roleCommands()...),
		commandGroup("pending", "What waits for another operator: list, confirm, refuse", pendingCommands()...),
		commandGroup("assistance", "Requests for assistance: list, show, export, remove", assistanceCommands()...),
		commandGroup("clock", "The server's clock: show, accept", clockCommands()...),
		commandGroup("store", "The store itself: accept", storeCommands()...),
		commandGroup("secret", "The secret file: rotate", secretCommands()...),
		whoisCommand(), explainCommand(), auditCommand(), backupCommand(), restoreCommand(), copyCommand(), doctorCommand(), demo.Command())
	addExamples(root)
	completeFlags(root)
}

// commandGroup is a command that does nothing without one of its subcommands.
func commandGroup(name, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, RunE: showHelp}
	group.FParseErrWhitelist.UnknownFlags = true // a misspelt command is told as that, and not by its flags
	group.AddCommand(commands...)
	return group
}

// showHelp shows what a group has. A word that is none of its commands does not
// come here: cobra.NoArgs refuses it.
func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// wanted says what a command takes where it was given something else.
func wanted(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if args(cmd, given) == nil {
			return nil
		}
		return fmt.Errorf("%s given, but it is: %s", count(len(given), "word", "words"), strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
}

// newCommand is a command that talks to the server.
func newCommand(use, short string, args cobra.PositionalArgs, run func(c *client, args []string) error) *cobra.Command {
	c := new(client)
	cmd := &cobra.Command{Use: use, Short: short, Args: wanted(args), RunE: func(_ *cobra.Command, args []string) error {
		return run(c, args)
	}}
	c.cmd = cmd
	cmd.ValidArgsFunction = completeArgs
	f := cmd.Flags()
	f.BoolVar(&c.json, "json", false, "print what the server answers, as JSON")
	f.StringVar(&c.address, "address", "", "the admin endpoint, such as localhost:2019 or unix//run/caddy.sock")
	f.StringVarP(&c.config, "config", "c", "", "the configuration file that names the admin endpoint, if --address is not used")
	f.StringVarP(&c.adapter, "adapter", "a", "", "the config adapter for --config")
	return cmd
}
