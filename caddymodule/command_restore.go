package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// offline is what a command needs that works on the store itself, while no server
// has it open.
type offline struct {
	config, adapter string
	dir, secret     string
}

func (o *offline) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "the configuration file that names the store and the secret file")
	f.StringVarP(&o.adapter, "adapter", "a", "", "the config adapter for --config")
	f.StringVar(&o.dir, "store", "", "the store's directory, instead of the configuration's")
	f.StringVar(&o.secret, "secret-file", "", "the secret file, instead of the configuration's")
}

// read gives the app as it is configured: where its store and its secret file are,
// and its policy.
func (o *offline) read() (place, authcore.Policy, error) {
	app, err := o.app()
	if err != nil {
		return place{}, authcore.Policy{}, err
	}
	where, err := app.place()
	if err != nil {
		return where, authcore.Policy{}, err
	}
	if where.etcd != nil {
		return where, authcore.Policy{}, errors.New("this command exchanges directories, and the configuration has its store in etcd: restore a backup into a directory of its own (--store DIR), and move that to etcd (sesame copy)")
	}
	policy, err := app.policy()
	return where, policy, err
}

func (o *offline) app() (*App, error) {
	app := &App{}
	if o.dir == "" || o.secret == "" || o.config != "" {
		content, _, _, err := caddycmd.LoadConfig(o.config, o.adapter)
		if err != nil {
			return nil, err
		}
		var config struct {
			Apps map[string]json.RawMessage `json:"apps"`
		}
		if err := json.Unmarshal(content, &config); err != nil || config.Apps["sesame"] == nil {
			return nil, errors.New("no configuration with a sesame block was found: name it with --config, or the store and its secret with --store and --secret-file")
		}
		if err := json.Unmarshal(config.Apps["sesame"], app); err != nil {
			return nil, fmt.Errorf("the configuration's sesame block: %w", err)
		}
	}
	if o.dir != "" {
		app.Store = &Store{Badger: o.dir}
	}
	if o.secret != "" {
		app.SecretFile = o.secret
	}
	return app, nil
}

func restoreCommand() *cobra.Command {
	var from offline
	var replace, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Puts a backup in the place of the store, while the server is stopped",
		Long: `Puts a backup in the place of the store, while the server is stopped: a store
that is open cannot be exchanged under who is using it. The backup is verified
whole, made a store of its own beside the one that is there, and that is read
through; only then the two are exchanged. With --replace a store that is there is
kept aside; whatever goes wrong, it stays where it is.

In the restored store nothing that was used revives: for about ten minutes
nobody logs in with a time-based key, a counter-based one needs two codes in a
row, emergency codes are gone, and nobody is logged in. What was decided since
the backup (a lock, a key reported lost, a person removed) is to be decided
again: the server's log says what that was.

Run it as the user that the server runs as.`,
		Args: wanted(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return from.exchange(cmd, replace, asJSON, func(ctx context.Context, o restoration) (restored, error) {
				return o.run(ctx, filepath.Clean(args[0]))
			})
		},
	}
	from.flags(cmd)
	cmd.Flags().BoolVar(&replace, "replace", false, "keep the store that is there aside, and put the backup in its place")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return cmd
}

// exchange puts another store in the place of the one that is there, and says so.
func (o *offline) exchange(cmd *cobra.Command, replace, asJSON bool, run func(context.Context, restoration) (restored, error)) error {
	where, policy, err := o.read()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, restoration{where: where, policy: policy, by: authcore.Actor{Name: userName()}, replace: replace})
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return (&client{cmd: cmd, json: asJSON}).sayRestored(r)
}

// storeCommands work on the store itself, while the server is stopped.
func storeCommands() []*cobra.Command {
	var from offline
	var asJSON bool
	accept := &cobra.Command{
		Use:   "accept",
		Short: "Accepts a store that the server refuses, as it is, while the server is stopped",
		Long: `Makes of a store that the server refuses (it is empty, older than the server left
it, or has fewer keys) one that it opens, with all that is there. Look first for
what became of it, and for a backup that is newer: what is missing is lost.

As after a restore, nothing that was used revives: for about ten minutes nobody
logs in with a time-based key, counter-based ones need two codes in a row,
emergency codes are gone, and nobody is logged in. The store as it was found is
kept aside. Run it as the user that the server runs as.`,
		Args: wanted(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return from.exchange(cmd, true, asJSON, func(ctx context.Context, o restoration) (restored, error) { return o.accept(ctx) })
		},
	}
	from.flags(accept)
	accept.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return []*cobra.Command{accept}
}

func (c *client) sayRestored(r restored) error {
	if c.json {
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return c.printJSON(raw)
	}
	c.say("%s is the store as it was at %s: %s, %s; start the server, and for ten minutes nobody logs in with a time-based key",
		r.Directory, localTime(r.Made), count(r.Keys, "key", "keys"), count(r.People, "person", "people"))
	if r.Aside != "" {
		c.say("the store of before is in %s", r.Aside)
	}
	if r.Faults > 0 {
		c.say("%s wrong in the audit trail, as in the backup: look with sesame audit verify once the server runs", count(r.Faults, "thing is", "things are"))
	}
	return nil
}
