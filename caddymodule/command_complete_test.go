package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every place of every command is one that proposals know of, and every flag that
// has proposals is one of a command's.
func TestProposalsKnowEveryPlace(t *testing.T) {
	root := &cobra.Command{Use: "sesame"}
	addCommands(root)
	flags := map[string]bool{}
	for _, cmd := range leaves(root) {
		for _, place := range strings.Fields(cmd.Use)[1:] {
			if cmd.ValidArgsFunction != nil && !slices.Contains([]string{"SERIAL", "OLD", "NEW", "ID", "FILE", "CODE", "APPLICATION", "METHOD", "URL", "PASSKEY", "UAI", "NAME", "ROLE"}, place) {
				t.Errorf("%s: nothing is known of the place %s", cmd.CommandPath(), place)
			}
		}
		for name := range flagProposals {
			if _, has := cmd.GetFlagCompletionFunc(name); has {
				flags[name] = true
			}
		}
	}
	if len(flags) != len(flagProposals) {
		t.Errorf("of %d flags with proposals %d are some command's", len(flagProposals), len(flags))
	}
}

// What is proposed for a flag is what the server takes.
func TestProposedValuesAreTaken(t *testing.T) {
	for _, name := range []string{"format", "encoding", "kind", "digits", "period", "hash"} {
		values, _ := flagProposals[name](nil, nil, "")
		if len(values) < 2 {
			t.Errorf("for %s are proposed %q", name, values)
		}
		for _, v := range values {
			c := &adminCall{Request: &http.Request{}, query: url.Values{name: {v}}}
			if _, err := c.importOptions(); err != nil {
				t.Errorf("%s %s: %v", name, v, err)
			}
		}
	}
	for name, check := range map[string]func(*adminCall) error{
		"state":  func(c *adminCall) error { _, err := c.keyFilter(); return err },
		"absent": func(c *adminCall) error { _, err := c.rosterOptions(); return err },
	} {
		values, _ := flagProposals[name](nil, nil, "")
		for _, v := range values {
			if err := check(&adminCall{Request: &http.Request{}, query: url.Values{name: {v}}}); err != nil {
				t.Errorf("%s %s: %v", name, v, err)
			}
		}
	}
}
