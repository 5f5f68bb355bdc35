package caddymodule

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/peoplefile"
)

// peopleOrder are the flags of "user import".
type peopleOrder struct {
	absent               string
	dryRun, yes, force   bool
	retireKeys, giveBack bool
}

func userImportCommand() *cobra.Command {
	var o peopleOrder
	cmd := newCommand("import FILE", "Makes people agree with a list (- is the standard input)", cobra.ExactArgs(1), func(c *client, args []string) error {
		if err := c.mayAsk(o, args[0]); err != nil {
			return err
		}
		file, err := readFile(c.cmd.InOrStdin(), args[0], peoplefile.MaxBytes)
		if err != nil {
			return err
		}
		return c.importPeople(o, file)
	})
	cmd.Long = `Compares a list of people, a CSV file whose first line names its columns, with
those who are here, shows what would be added and changed, and does it when that
is confirmed. A column that the list does not have leaves that field as it is.
People who are not on the list stay as they are unless --absent says otherwise.`
	f := cmd.Flags()
	f.StringVar(&o.absent, "absent", "", "what becomes of people who are not on the list: keep, disable or remove; default keep")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the differences only")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.force, "force", false, "though more than a fifth of the people would be shut out or removed")
	f.BoolVar(&o.retireKeys, "retire-keys", false, "with --absent remove: retire their keys for good")
	f.BoolVar(&o.giveBack, "return-keys", false, "with --absent remove: put their keys back in stock")
	cmd.MarkFlagsMutuallyExclusive("retire-keys", "return-keys")
	cmd.MarkFlagsMutuallyExclusive("dry-run", "yes")
	return cmd
}

// mayAsk finds out before anything is sent that nobody could be asked.
func (c *client) mayAsk(o peopleOrder, name string) error {
	const instead = "--dry-run shows the differences, --yes applies them without asking"
	switch in, isFile := c.cmd.InOrStdin().(*os.File); {
	case o.dryRun || o.yes:
		return nil
	case c.json:
		return errors.New("with --json nobody is asked: " + instead)
	case name == "-":
		return errors.New("the list comes from the standard input, so nobody can be asked: " + instead)
	case !isFile || !term.IsTerminal(int(in.Fd())):
		return errors.New("there is no terminal on which to ask: " + instead)
	}
	return nil
}

// query gives the flags as the server's parameters.
func (o peopleOrder) query() url.Values {
	q := make(url.Values)
	if o.absent != "" {
		q.Set("absent", o.absent)
	}
	if o.force {
		q.Set("force", "true")
	}
	switch {
	case o.retireKeys:
		q.Set("keys", authcore.RetireKeys.String())
	case o.giveBack:
		q.Set("keys", authcore.ReturnKeys.String())
	}
	return q
}

// importPeople shows what a list comes to, and applies it once that is confirmed:
// that and nothing else. Where somebody changes people meanwhile, what it comes
// to now is shown, and confirmed again.
func (c *client) importPeople(o peopleOrder, file []byte) error {
	q := question{method: http.MethodPost, path: "/sesame/users/import", query: o.query(), file: file}
	if !o.yes {
		q.query.Set("dry_run", "true")
	}
	r, err := c.askPeople(q)
	answers := bufio.NewReader(c.cmd.InOrStdin())
	for !o.yes && !o.dryRun && (err == nil || r.changed()) {
		switch {
		case r.steps() == 0:
			return nil
		case r.Sweeping && !o.force:
			return errors.New(sweepingSentence(r))
		}
		if err := c.confirm(answers); err != nil {
			return err
		}
		q.query.Del("dry_run")
		q.query.Set("plan", r.Plan)
		if r, err = c.askPeople(q); err == nil {
			return nil
		}
		if r.changed() {
			fmt.Fprintln(c.cmd.ErrOrStderr(), err)
		}
	}
	return err
}

// changed reports that the plan is refused because it is another by now.
func (r *peopleReport) changed() bool {
	return r != nil && r.Applied == 0 && strings.Contains(r.Error, authcore.ErrPlanChanged.Error())
}

func (r *peopleReport) steps() int { return r.Added + r.Changed + r.Disabled + r.Removed }

// confirm asks whether to go on.
func (c *client) confirm(in *bufio.Reader) error {
	fmt.Fprint(c.cmd.ErrOrStderr(), "apply this? [y/N] ")
	typed, err := in.ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(typed)) {
	case "y", "yes", "o", "oui":
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the answer could not be read: %w", err)
	}
	return errors.New("nothing was imported")
}

// askPeople sends the list and shows the report, which comes with a refusal too.
func (c *client) askPeople(q question) (*peopleReport, error) {
	raw, err := c.send(q)
	if refusal, ok := errors.AsType[*serverRefusal](err); ok && json.Valid(refusal.body) {
		raw = refusal.body
	} else if err != nil {
		return nil, err
	}
	r := new(peopleReport)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, unreadable(err)
	}
	if c.json {
		return r, errors.Join(err, c.printJSON(raw))
	}
	c.sayPeople(r)
	return r, err
}

// sayPeople shows what is refused and what differs, and what is or was done.
func (c *client) sayPeople(r *peopleReport) {
	for _, p := range r.Problems {
		if p.ID == "" {
			c.say("line %d: %s", p.Line, p.Problem)
		} else {
			c.say("line %d, %s: %s", p.Line, p.ID, p.Problem)
		}
	}
	rows := make([][]string, 0, len(r.Steps))
	for _, s := range r.Steps {
		rows = append(rows, []string{s.Kind.String(), string(s.Holder), stepText(s)})
	}
	if len(rows) > 0 {
		c.table([]string{"STEP", "ID", "DIFFERENCES"}, rows)
	}
	if n := r.MoreProblems + r.MoreSteps; n > 0 {
		c.say("and %d more", n)
	}
	switch {
	case r.Refused > 0 || r.Plan == "":
	case r.DryRun:
		c.say("%d to add, %d to change, %d unchanged, %d absent%s; nothing was written", r.Added, r.Changed, r.Unchanged, r.Absent, r.fates("to "))
	case r.Error == "":
		c.say("%d added, %d changed, %d unchanged, %d absent%s", r.Added, r.Changed, r.Unchanged, r.Absent, r.fates(""))
	}
	if r.Shut > 0 && r.Refused == 0 {
		c.say("%s on the list but disabled, and stay so: `sesame user enable ID`", count(r.Shut, "person is", "people are"))
	}
}

// fates says what becomes of people who are not on the list.
func (r *peopleReport) fates(to string) string {
	disable, remove := "disabled", "removed"
	if to != "" {
		disable, remove = "disable", "remove"
	}
	switch {
	case r.Disabled > 0:
		return fmt.Sprintf(", of them %d %s%s", r.Disabled, to, disable)
	case r.Removed > 0:
		return fmt.Sprintf(", of them %d %s%s", r.Removed, to, remove)
	}
	return ""
}

// dayText is an end of a difference as the last day, as elsewhere.
func dayText(end string) string {
	at, err := time.Parse(time.RFC3339Nano, end)
	if err != nil {
		return end
	}
	return endText(at, time.DateOnly, "2006-01-02 15:04")
}

// stepText is a step for people to read.
func stepText(s authcore.Step) string {
	var parts []string
	for _, d := range s.Differences {
		name := strings.ReplaceAll(d.Field.String(), "_", " ")
		if d.Field == authcore.FieldEnd {
			d.From, d.To = dayText(d.From), dayText(d.To)
		}
		switch {
		case s.Kind == authcore.StepAdd:
			parts = append(parts, name+" "+d.To)
		case d.From == "":
			parts = append(parts, fmt.Sprintf("%s: none → %s", name, d.To))
		case d.To == "":
			parts = append(parts, fmt.Sprintf("%s: %s → none", name, d.From))
		default:
			parts = append(parts, fmt.Sprintf("%s: %s → %s", name, d.From, d.To))
		}
	}
	switch {
	case s.Problem != "":
		parts = append(parts, s.Problem)
	case len(s.Keys) > 0:
		parts = append(parts, "with "+joined(s.Keys))
	}
	return strings.Join(parts, "; ")
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
