package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// copyCommand moves a store between two configurations.
func copyCommand() *cobra.Command {
	var from, to string
	var replace bool
	c := &client{}
	cmd := &cobra.Command{
		Use:   "copy --from FILE --to FILE",
		Short: "Moves the store, while it is in use, from one configuration's place to another's",
		Long: `Moves the store from the place that one configuration file names to the place that
another one names: from an embedded store to etcd, back, or to another directory.
Both name the same secret file, or a copy of it.

It is copied while people log in. For the end of it, a moment, the store where it
was is shut: what has changed meanwhile is copied, every record is read back and
compared, the audit trail is verified, and the copy opens. Nothing that was used
revives, and nobody is logged out. From then on the server answers 503 until it
has the other configuration:

	caddy sesame copy --from old.Caddyfile --to new.Caddyfile
	caddy reload --config new.Caddyfile

The store where it was stays as it is, and no server opens it again. A copy that
was broken off leaves a target that no server opens; run the same command again.
A target that holds a store is refused; with --replace that is lost.

Where a running server has the embedded store, it does the work, as its own user;
otherwise run this as the user that the server runs as.`,
		Args: wanted(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" || to == "" {
				return errors.New("two configuration files are needed, as in: --from old.Caddyfile --to new.Caddyfile")
			}
			c.config = from
			return c.copyStore(to, replace)
		},
	}
	c.cmd = cmd
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "the configuration file that names the store as it is, its secret file and the admin endpoint")
	f.StringVar(&to, "to", "", "the configuration file that names where it is to be")
	f.StringVarP(&c.adapter, "adapter", "a", "", "the config adapter for both files")
	f.StringVar(&c.address, "address", "", "the admin endpoint of the server that has the store, if it is not that of --from")
	f.BoolVar(&replace, "replace", false, "let what is in the target go")
	f.BoolVar(&c.json, "json", false, "print what was done as JSON")
	return cmd
}

func (c *client) copyStore(target string, replace bool) error {
	from, policy, err := configured(c.config, c.adapter)
	if err != nil {
		return err
	}
	to, _, err := configured(target, c.adapter)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	done, err := copyHere(ctx, from, to, policy, replace)
	if errors.Is(err, errHeld) {
		done, err = c.copyThere(orderTo(from, to, replace))
	}
	if err != nil {
		return err
	}
	return c.sayCopied(done, from.name(), to.name())
}

// configured is where a configuration file has its store, and its policy.
func configured(file, adapter string) (where place, policy authcore.Policy, err error) {
	app, err := (&offline{config: file, adapter: adapter}).app()
	if err == nil {
		where, err = app.place()
	}
	if err == nil {
		policy, err = app.policy()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return where, policy, err
}

// copyThere has the server move its store.
func (c *client) copyThere(o copyOrder) (done authcore.Copied, err error) {
	raw, err := c.send(question{method: http.MethodPost, path: "/sesame/copy", body: o})
	if err == nil && json.Unmarshal(raw, &done) != nil {
		err = unreadable(errors.New("this is no report of a copy"))
	}
	return done, err
}

func (c *client) sayCopied(d authcore.Copied, from, to string) error {
	if c.json {
		raw, err := json.Marshal(d)
		if err != nil {
			return err
		}
		return c.printJSON(raw)
	}
	c.say("the store is in %s: %s, %s, %s, %s of sessions, each read back and compared; for %v it answered nobody",
		to, count(d.Keys, "key", "keys"), count(d.People, "person", "people"), count(d.Records, "record", "records"),
		count(d.Sessions, "record", "records"), time.Duration(d.Stopped)*time.Millisecond)
	c.say("%s is shut for good: give the server the other configuration (caddy reload --config FILE)", from)
	if d.Faults > 0 {
		c.say("%s wrong in the audit trail, as where it was: look with sesame audit verify", count(d.Faults, "thing is", "things are"))
	}
	return nil
}
