package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// importFlags are the flags of "key import", which the server knows as
// parameters of the same names.
var importFlags = []struct{ name, usage string }{
	{"format", "the file's format: auto, oath-csv and others; default auto"},
	{"encoding", "how the seeds are written, where it is not as the format has it: hex or base32"},
	{"kind", "the algorithm where the file does not say: totp or hotp"},
	{"digits", "the length of a code where the file does not say: 6 to 8"},
	{"period", "the period where the file does not say, in seconds: 30 or 60"},
	{"hash", "the hash function where the file does not say: sha1, sha256 or sha512"},
}

func keyImportCommand() *cobra.Command {
	cmd := newCommand("import FILE", "Puts a supplier's keys in stock (- is the standard input)", cobra.ExactArgs(1), func(c *client, args []string) error {
		file, err := readFile(c.cmd.InOrStdin(), args[0], maxImport)
		if err != nil {
			return err
		}
		return c.importKeys(question{method: http.MethodPost, path: "/sesame/keys/import", query: c.importQuery(), file: file})
	})
	f := cmd.Flags()
	for _, flag := range importFlags {
		f.String(flag.name, "", flag.usage)
	}
	f.Bool("dry-run", false, "check only, write nothing")
	f.Bool("partial", false, "import what is good, though other keys of the file are refused")
	return cmd
}

// importQuery gives the flags as the server's parameters.
func (c *client) importQuery() url.Values {
	query := make(url.Values)
	for _, name := range importParameters {
		if f := c.cmd.Flags().Lookup(strings.ReplaceAll(name, "_", "-")); f.Changed {
			query.Set(name, f.Value.String())
		}
	}
	return query
}

// readFile reads a file that the server would take: its size is looked at here,
// where there is still somebody to tell. limit is in bytes.
func readFile(stdin io.Reader, name string, limit int64) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("the file cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("the file is larger than %d MiB: cut it into several", limit>>20)
	case len(content) == 0:
		return nil, errors.New("the file is empty")
	}
	return content, nil
}

// importKeys sends the file and shows the report, which comes with a refusal
// too.
func (c *client) importKeys(q question) error {
	raw, err := c.send(q)
	if refusal, ok := errors.AsType[*serverRefusal](err); ok && json.Valid(refusal.body) {
		raw = refusal.body
	} else if err != nil {
		return err
	}
	var r importReport
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("the server's answer cannot be read: are server and command of one version? (%w)", err)
	}
	if c.json {
		err = errors.Join(err, c.printJSON(raw))
	} else {
		c.sayImport(r)
	}
	if err == nil && r.Refused > 0 {
		return fmt.Errorf("not everything was imported: %s refused", count(r.Refused, "key", "keys"))
	}
	return err
}

// sayImport shows what was refused, and what was done unless nothing was.
func (c *client) sayImport(r importReport) {
	for _, p := range r.Problems {
		if p.Serial == "" {
			c.say("line %d: %s", p.Line, p.Problem)
		} else {
			c.say("line %d, key %s: %s", p.Line, p.Serial, p.Problem)
		}
	}
	if r.MoreProblems > 0 {
		c.say("and %d more", r.MoreProblems)
	}
	switch {
	case r.DryRun && r.Error == "":
		c.say("%s can be imported; nothing was written", count(r.Good, "key", "keys"))
	case r.Imported > 0:
		c.say("%s imported: assign each with `sesame key assign SERIAL ID`", count(r.Imported, "key", "keys"))
	}
}
