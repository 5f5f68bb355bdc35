package caddymodule

import (
	"cmp"
	"encoding"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

// What a shell proposes: the words of a command's Use say what stands at each
// place. A proposal comes from the server, and where none answers there is none:
// whoever presses the tabulator wants a word, not a sentence.

const (
	maxProposals = 50
	proposalTime = 2 * time.Second
)

// proposal says where the names for a place come from, and how a name is read.
type proposal struct {
	collection string // of the API
	list       string // the field of its answer; "" is the collection's name
	name       string // the field of an entry that is its name
	query      url.Values
	// canonical is nil where lists are not in the order of the names.
	canonical func(string) (string, error)
	keep      func(json.RawMessage) bool // nil: all
	describe  func(json.RawMessage) string
}

var (
	proposeKeys  = proposal{collection: "keys", name: "serial", canonical: canonicalSerial, describe: describeKey}
	proposeStock = proposal{collection: "keys", name: "serial", query: url.Values{"stock": {"true"}}, canonical: canonicalSerial, keep: inStock, describe: describeKey}
	proposeUsers = proposal{collection: "users", name: "id", canonical: canonicalIdentifier, describe: describeUser}
	proposeOpen  = proposal{collection: "sessions", name: "id", describe: describeSession}
	proposeAsked = proposal{collection: "assistance", list: "requests", name: "reference", describe: describeRequest}
)

// completeArgs proposes what may stand at the place where a command is being
// typed.
func completeArgs(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	places := strings.Fields(cmd.Use)[1:]
	if len(args) >= len(places) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	switch place := places[len(args)]; {
	case place == "FILE":
		return nil, cobra.ShellCompDirectiveDefault
	case place == "DIRECTORY":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case place == "REFERENCE":
		return propose(cmd, proposeAsked, strings.ToUpper(typed))
	case place == "NEW", cmd.Name() == "assign" && place == "SERIAL":
		return propose(cmd, proposeStock, typed)
	case place == "SERIAL", place == "OLD":
		return propose(cmd, proposeKeys, typed)
	case place == "ID" && below(cmd, "session"):
		return propose(cmd, proposeOpen, typed)
	case place == "ID" && !(below(cmd, "user") && cmd.Name() == "add"):
		return propose(cmd, proposeUsers, typed)
	case place == "ROLE":
		return wordsFrom(authcore.RoleReferent), cobra.ShellCompDirectiveNoFileComp
	case place == "METHOD":
		return []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// below reports whether a command is one of a group's.
func below(cmd *cobra.Command, group string) bool {
	return cmd.HasParent() && cmd.Parent().Name() == group
}

// flagProposals are the flags whose values can be proposed.
var flagProposals = map[string]cobra.CompletionFunc{
	"user":     completeFlag(proposeUsers),
	"holder":   completeFlag(proposeUsers),
	"key":      completeFlag(proposeKeys),
	"state":    fixedWords(wordsFrom(authcore.PINToDefine)...),
	"absent":   fixedWords(wordsFrom(authcore.KeepAbsent)...),
	"format":   fixedWords(wordsFrom(keyfile.Auto)...),
	"encoding": fixedWords(wordsFrom(keyfile.Prescribed)...),
	"kind":     fixedWords("totp", "hotp"),
	"digits":   fixedWords("6", "7", "8"),
	"period":   fixedWords("30", "60"),
	"hash":     fixedWords("sha1", "sha256", "sha512"),
}

// completeFlags registers the proposals for the flags of a command and of those
// below it.
func completeFlags(cmd *cobra.Command) {
	for name, complete := range flagProposals {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, complete) // it fails only without such a flag, or for the second time
		}
	}
	for _, below := range cmd.Commands() {
		completeFlags(below)
	}
}

func completeFlag(p proposal) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return propose(cmd, p, typed)
	}
}

func fixedWords(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// wordsFrom gives the words of an enumeration from its first value on.
func wordsFrom[T interface {
	~uint8
	encoding.TextMarshaler
}](first T) (all []string) {
	for v := first; ; v++ {
		word, err := v.MarshalText()
		if err != nil {
			return all
		}
		all = append(all, string(word))
	}
}

// propose asks the server for names that begin with what is typed. Names are
// listed in their order, so these come right behind it.
func propose(cmd *cobra.Command, p proposal, typed string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp
	c := &client{cmd: cmd}
	flags := cmd.Flags()
	c.address, _ = flags.GetString("address") // newCommand gave it these flags
	c.config, _ = flags.GetString("config")
	c.adapter, _ = flags.GetString("adapter")
	found := make(chan []string, 1) // nobody may be left to take it
	go func() { found <- p.ask(c, typed) }()
	select {
	case names := <-found:
		return names, directive
	case <-time.After(proposalTime):
		return nil, directive
	}
}

// ask gives the proposals; none when something goes wrong. What cannot be the
// beginning of a name is not sent: people type codes anywhere, and addresses are
// logged.
func (p proposal) ask(c *client, typed string) []string {
	query := url.Values{"limit": {strconv.Itoa(maxProposals)}}
	for name, values := range p.query {
		query[name] = values
	}
	var names []string
	switch {
	case typed == "":
	case p.canonical == nil:
		query.Set("limit", strconv.Itoa(maxPage))
	default:
		name, err := p.canonical(typed)
		if err != nil || name != typed {
			return nil
		}
		names = p.exact(c, name)
		query.Set("after", name)
	}
	return append(names, p.begins(c, query, typed)...)
}

// exact gives the name itself, if it is one: a list begins behind it.
func (p proposal) exact(c *client, name string) []string {
	raw, err := c.send(question{method: http.MethodGet, path: apiPath(p.collection, name, nil)})
	if err != nil || p.keep != nil && !p.keep(raw) {
		return nil
	}
	return []string{p.word(raw)}
}

// begins gives the names on a page of the list that begin with what is typed.
func (p proposal) begins(c *client, query url.Values, typed string) (names []string) {
	raw, err := c.send(question{method: http.MethodGet, path: "/sesame/" + p.collection, query: query})
	var lists map[string][]json.RawMessage
	if err != nil || json.Unmarshal(raw, &lists) != nil {
		return nil
	}
	for _, entry := range lists[cmp.Or(p.list, p.collection)] {
		if word := p.word(entry); word != "" && strings.HasPrefix(word, typed) {
			names = append(names, word)
		}
	}
	return names
}

// word is a name with what a shell shows beside it.
func (p proposal) word(entry json.RawMessage) string {
	var fields map[string]json.RawMessage
	var name string
	if json.Unmarshal(entry, &fields) != nil || json.Unmarshal(fields[p.name], &name) != nil {
		return ""
	}
	if text := p.describe(entry); text != "" {
		return cobra.CompletionWithDesc(clean(name), clean(text))
	}
	return clean(name)
}

func canonicalSerial(typed string) (string, error) {
	s, err := authcore.ParseSerial(typed)
	return string(s), err
}

func canonicalIdentifier(typed string) (string, error) {
	id, err := authcore.ParseIdentifier(typed)
	return string(id), err
}

func inStock(entry json.RawMessage) bool {
	k, err := decoded[authcore.KeyInfo](entry)
	return err == nil && keyInStock(k)
}

func describeKey(entry json.RawMessage) string {
	k, err := decoded[authcore.KeyInfo](entry)
	if err != nil || k.Holder == "" {
		return keyState(k, time.Now())
	}
	return keyState(k, time.Now()) + ", " + string(k.Holder)
}

func describeUser(entry json.RawMessage) string {
	u, _ := decoded[userView](entry) // at worst there is no name
	return strings.TrimSpace(u.GivenName + " " + u.Surname)
}

func describeSession(entry json.RawMessage) string {
	s, _ := decoded[sessionView](entry) // as above
	return string(s.Holder) + " since " + localTime(s.Began)
}

func describeRequest(entry json.RawMessage) string {
	r, _ := decoded[requestView](entry) // as above
	return localTime(r.Sent) + ", " + r.Subject
}

func decoded[T any](entry json.RawMessage) (v T, err error) {
	err = json.Unmarshal(entry, &v)
	return v, err
}
