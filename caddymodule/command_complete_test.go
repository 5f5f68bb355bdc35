package caddymodule

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// Every place of every command is one that proposals know of, and every flag that
// has proposals is one of a command's.
func TestProposalsKnowEveryPlace(t *testing.T) {
	root := &cobra.Command{Use: "sesame"}
	addCommands(root)
	flags := map[string]bool{}
	for _, cmd := range leaves(root) {
		for _, place := range strings.Fields(cmd.Use)[1:] {
			if cmd.ValidArgsFunction != nil && !slices.Contains([]string{"SERIAL", "OLD", "NEW", "ID", "FILE", "CODE", "APPLICATION", "METHOD", "URL", "PASSKEY", "UAI", "NAME", "ROLE", "REFERENCE", "DIRECTORY"}, place) {
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

// The reference of a request is completed from the requests there are, also when it
// is typed in small letters, and the directory of an export from directories.
func TestRequestsAreProposed(t *testing.T) {
	b := newAdminBench(t)
	var sent []authcore.Request
	for _, form := range []string{"first", "second"} {
		r, err := b.gate.Ask(t.Context(), form, nasty(t), nil, authcore.Source{})
		b.must(err)
		sent = append(sent, r)
		b.clock = b.clock.Add(time.Minute)
	}
	root := &cobra.Command{Use: "sesame"}
	addCommands(root)
	export, _, err := root.Find([]string{"assistance", "export"})
	b.must(err)
	b.must(export.Flags().Set("address", b.listen()))
	all, _ := completeArgs(export, nil, "")
	if len(all) != 2 || !strings.HasPrefix(all[0], string(sent[1].Reference)+"\t"+localTime(sent[1].Sent)+", ") {
		t.Errorf("proposed: %q", all)
	}
	if one, _ := completeArgs(export, nil, strings.ToLower(string(sent[0].Reference[:6]))); len(one) != 1 || !strings.HasPrefix(one[0], string(sent[0].Reference)) {
		t.Errorf("proposed for the first: %q", one)
	}
	if none, directive := completeArgs(export, []string{"x"}, ""); none != nil || directive != cobra.ShellCompDirectiveFilterDirs {
		t.Errorf("for the directory: %q, %d", none, directive)
	}
}
