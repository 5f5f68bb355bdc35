package caddymodule

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The operator's page names commands and flags that there are, and every
// command there is.
func TestAdministrationPage(t *testing.T) {
	page, err := os.ReadFile("../docs/administration.md")
	if err != nil {
		t.Fatal(err)
	}
	root := &cobra.Command{Use: "sesame"}
	addCommands(root)
	named := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)caddy sesame ([^`\n|]*)").FindAllStringSubmatch(string(page), -1) {
		words := strings.Fields(m[1])
		if words[0] == "…" {
			continue
		}
		cmd, _, err := root.Find(words)
		if err != nil || cmd == root || !does(cmd) {
			t.Errorf("there is no command %q", m[1])
			continue
		}
		named[cmd.CommandPath()] = true
		for _, w := range words {
			if flag, ok := strings.CutPrefix(w, "--"); ok && cmd.Flags().Lookup(flag) == nil {
				t.Errorf("%q has no flag %s", cmd.CommandPath(), w)
			}
		}
	}
	for _, cmd := range leaves(root) {
		if !named[cmd.CommandPath()] {
			t.Errorf("the page does not name %q", cmd.CommandPath())
		}
		if cmd.Short == "" {
			t.Errorf("%q does not say what it does", cmd.CommandPath())
		}
	}
}

// does tells whether a command does something itself, with subcommands below it or
// not: it has flags of its own then.
func does(cmd *cobra.Command) bool { return !cmd.HasSubCommands() || cmd.LocalFlags().HasFlags() }

// leaves are the commands that do something.
func leaves(cmd *cobra.Command) (found []*cobra.Command) {
	if does(cmd) {
		found = append(found, cmd)
	}
	for _, c := range cmd.Commands() {
		found = append(found, leaves(c)...)
	}
	return found
}
