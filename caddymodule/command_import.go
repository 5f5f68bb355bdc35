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
	"golang.org/x/term"

	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

// importFlags are the flags of "key import", which the server knows as
// parameters of the same names.
var importFlags = []struct{ name, usage string }{
	{"format", "the file's format; default auto, which recognises it"},
	{"encoding", "how the seeds are written, where it is not as the format has it: hex or base32"},
	{"kind", "the algorithm where the file does not say: totp or hotp"},
	{"digits", "the length of a code where the file does not say: 6 to 8"},
	{"period", "the period where the file does not say, in seconds: 30 or 60"},
	{"hash", "the hash function where the file does not say: sha1, sha256 or sha512"},
	{"serial", "the serial number of the one key of an otpauth file, which has none"},
}

// importOrder is one run of "key import".
type importOrder struct {
	*client
	file                      string
	passwordFile, preSharedIn string
	upload                    upload
}

func keyImportCommand() *cobra.Command {
	var o importOrder
	cmd := newCommand("import FILE", "Puts a supplier's keys in stock (- is the standard input)", cobra.ExactArgs(1), func(c *client, args []string) error {
		o.client, o.file = c, args[0]
		return o.run()
	})
	cmd.Long = `Puts the keys of a supplier's file in stock; - is the standard input. It is all
or nothing: where one key is refused none is imported, unless --partial is given.
A key that is here already stays as it is, and is refused.

A file that has a key a line is without headings:

	serial, seed, totp or hotp, digits, period or counter, hash function

The seed is in hexadecimal digits. What a line leaves out is hotp, 6, 30 or 0,
and sha1, or what --kind, --digits, --period and --hash say. The other formats
are recognised, or named with --format: ` + strings.Join(wordsFrom(keyfile.Entra), ", ") + `.`
	f := cmd.Flags()
	for _, flag := range importFlags {
		f.String(flag.name, "", flag.usage)
	}
	f.Bool("dry-run", false, "check only, write nothing")
	f.Bool("partial", false, "import what is good, though other keys of the file are refused")
	f.Bool("progress", false, "show how far it is, as is done on a terminal")
	f.StringVar(&o.passwordFile, "password-file", "", "a file that holds the password of the keys' file; without it you are asked for it if it is needed")
	f.StringVar(&o.preSharedIn, "key-file", "", "a file that holds the pre-shared key, in hexadecimal digits; without it you are asked for it if it is needed")
	return cmd
}

// run sends the file; once more, with what opens it, when the server says that
// it needs that and there is somebody to ask.
func (o *importOrder) run() error {
	if err := o.prepare(); err != nil {
		return err
	}
	r, err := o.post()
	if err == nil && r.Needs != "" {
		if err := o.askFor(r.Needs); err != nil {
			return err
		}
		r, err = o.post()
	}
	if err != nil {
		return err
	}
	return o.tell(r)
}

// prepare looks at the files, while there is still somebody to tell.
func (o *importOrder) prepare() (err error) {
	inputs := 0
	for _, name := range []string{o.file, o.passwordFile, o.preSharedIn} {
		if name == "-" {
			inputs++
		}
	}
	if inputs > 1 {
		return errors.New("only one of the files can be the standard input (-)")
	}
	stdin := o.cmd.InOrStdin()
	if o.upload.password, err = readSecretFile(stdin, o.passwordFile); err != nil {
		return err
	}
	if o.upload.key, err = readSecretFile(stdin, o.preSharedIn); err != nil {
		return err
	}
	o.upload.open = func() (io.ReadCloser, error) { return openKeyFile(o.file) }
	if o.file == "-" {
		o.upload.open = func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }
	}
	return nil
}

// openKeyFile opens a file that the server would take.
func openKeyFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("the file cannot be read: %w", err)
	case info.IsDir():
		err = fmt.Errorf("the file cannot be read: %s is a directory", name)
	case info.Size() > maxImport:
		err = fmt.Errorf("the file is larger than %d MiB: cut it into several", maxImport>>20)
	case info.Size() == 0 && info.Mode().IsRegular():
		err = errors.New("the file is empty")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readSecretFile reads what a person wrote into a file, without the line break
// that editors put at its end; nil without a file.
func readSecretFile(stdin io.Reader, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("the file with the secret cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, maxImportSecret+1))
	secret := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file with the secret cannot be read: %w", err)
	case len(secret) == 0:
		return nil, errors.New("the file with the secret is empty")
	case len(secret) > maxImportSecret:
		return nil, fmt.Errorf("the file with the secret is longer than %d bytes: is it the right one?", maxImportSecret)
	}
	return []byte(secret), nil
}

// askFor asks for the secret that the server needs, without echo.
func (o *importOrder) askFor(needs importSecret) error {
	into, flag, prompt := &o.upload.password, "--password-file", "password of the file"
	if needs == needsKey {
		into, flag, prompt = &o.upload.key, "--key-file", "pre-shared key, in hexadecimal digits"
	}
	stdin, ok := o.cmd.InOrStdin().(*os.File)
	if !ok || o.file == "-" || *into != nil || !term.IsTerminal(int(stdin.Fd())) {
		return fmt.Errorf("nothing was imported: the file is protected, give its secret (%s) by %s", needs, flag)
	}
	fmt.Fprintf(o.cmd.ErrOrStderr(), "%s: ", prompt)
	typed, err := term.ReadPassword(int(stdin.Fd()))
	fmt.Fprintln(o.cmd.ErrOrStderr())
	if err != nil || len(typed) == 0 {
		return errors.Join(fmt.Errorf("nothing was imported: the %s is missing", needs), err)
	}
	*into = typed
	return nil
}

// query gives the flags as the server's parameters.
func (o *importOrder) query() url.Values {
	query := make(url.Values)
	for _, name := range importParameters {
		if f := o.cmd.Flags().Lookup(strings.ReplaceAll(name, "_", "-")); f.Changed {
			query.Set(name, f.Value.String())
		}
	}
	if stderr, ok := o.cmd.ErrOrStderr().(*os.File); ok && term.IsTerminal(int(stderr.Fd())) && !query.Has("progress") {
		query.Set("progress", "true")
	}
	return query
}

// importAnswer is the report, as the server sent it.
type importAnswer struct {
	importReport
	raw []byte
}

// post sends the file and returns the report, which comes with a refusal too.
func (o *importOrder) post() (a importAnswer, err error) {
	q := question{method: http.MethodPost, path: "/sesame/keys/import", query: o.query(), upload: &o.upload}
	show := newStepLine(o.cmd.ErrOrStderr())
	defer show.end()
	body, _, err := o.open(q)
	if refusal, ok := errors.AsType[*serverRefusal](err); ok {
		a.raw = refusal.body
		if json.Unmarshal(a.raw, &a.importReport) != nil {
			return a, err
		}
		return a, nil
	}
	if err != nil {
		return a, err
	}
	defer body.Close()
	for d := json.NewDecoder(body); ; {
		var raw json.RawMessage
		var line progressLine
		if err := errors.Join(d.Decode(&raw), json.Unmarshal(raw, &line)); err != nil {
			return a, unreadable(err)
		}
		if line.Progress == nil {
			a.raw = raw
			return a, json.Unmarshal(raw, &a.importReport)
		}
		show.step(*line.Progress)
	}
}

// tell shows the report, and is an error when not everything was imported.
func (o *importOrder) tell(a importAnswer) error {
	if !o.json {
		o.sayImport(a.importReport)
	} else if err := o.printJSON(a.raw); err != nil {
		return err
	}
	switch {
	case a.Error != "":
		return errors.New(clean(a.Error))
	case a.Refused > 0:
		return fmt.Errorf("not everything was imported: %s refused", count(a.Refused, "key", "keys"))
	}
	return nil
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
	for _, note := range r.Notes {
		c.say("%s", note)
	}
	switch {
	case r.DryRun && r.Error == "":
		c.say("%s can be imported; nothing was written", count(r.Good, "key", "keys"))
	case r.Imported > 0:
		c.say("%s imported: assign each with `sesame key assign SERIAL ID`", count(r.Imported, "key", "keys"))
	}
}
