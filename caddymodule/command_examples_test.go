package caddymodule

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Each example is of its own command, or of one that comes before it, and that
// takes its words and its flags.
func TestExamples(t *testing.T) {
	for path := range examples {
		root := &cobra.Command{Use: "sesame"}
		addCommands(root)
		of, _, err := root.Find(strings.Fields(path))
		if err != nil || of.Example == "" || of.CommandPath() != "sesame "+path {
			t.Errorf("%s: the command has not its example, %v", path, err)
			continue
		}
		shown := false
		for line := range strings.Lines(of.Example) {
			words, ok := strings.CutPrefix(strings.TrimSpace(line), "caddy sesame ")
			cmd, rest, err := root.Find(shellWords(words))
			if !ok || err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
				continue
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
			if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
			if err := cmd.ValidateRequiredFlags(); err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
			shown = shown || cmd == of
		}
		if !shown {
			t.Errorf("%s is in none of its examples", path)
		}
	}
}

// shellWords cuts a line at its spaces, but for those between double quotes.
func shellWords(line string) (words []string) {
	quoted := false
	for _, word := range strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	}) {
		words = append(words, strings.ReplaceAll(word, `"`, ""))
	}
	return words
}
