// Package demo plays the gate's main job on one machine: a portal, three small
// legacy applications, people in every state, and software keys in place of
// hardware ones. It is for looking and learning: its keys are on a page that
// anybody can read, so it listens on loopback and nowhere else.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// options are the command's flags.
type options struct {
	dir     string
	address string
	chosen  bool // the address was given, not the default
	out     io.Writer
}

const defaultAddress = "127.0.0.1:8080"

// Command returns "sesame demo".
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "demo [--dir DIRECTORY] [--listen 127.0.0.1:8080]",
		Short: "Plays the whole thing on this machine: portal, applications, people, software keys",
		Long: `Starts a portal, three small applications behind the gate, an account for each
state a person can be in, and software keys that show their codes on a page and
in this terminal. Everything stands in a temporary directory that is removed at
the end, or in the one that --dir names, which is kept.

It is a demonstration: everybody who reaches it reads the keys. It listens on
loopback addresses only.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.chosen = cmd.Flags().Changed("listen")
			o.out = cmd.OutOrStdout()
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return run(ctx, o)
		},
	}
	cmd.Flags().StringVar(&o.dir, "dir", "", "keep everything in this directory, for another time")
	cmd.Flags().StringVar(&o.address, "listen", defaultAddress, "where to listen: a loopback address and a port")
	return cmd
}

// run prepares the directory, starts everything and shows the keys until the
// context ends.
func run(ctx context.Context, o options) (err error) {
	listen, err := loopback(o.address, o.chosen)
	if err != nil {
		return err
	}
	dir, remove, err := directory(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	keys, err := prepare(ctx, dir)
	if err != nil {
		return err
	}
	s := site{dir: dir, listen: listen}
	if s.admin, err = freePort("127.0.0.1:2019"); err != nil {
		return err
	}
	if err := s.serveUpstreams(ctx, keys); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caddy.Stop()) }()
	s.welcome(o.out, keys)
	watch(ctx, o.out, keys)
	return nil
}

// loopback checks that an address is this machine's own, and finds a free port
// where the default one is taken.
func loopback(address string, chosen bool) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--listen wants an address and a port, such as %s: %w", defaultAddress, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("a demonstration shows its keys to whoever looks: it listens on loopback addresses such as %s only, not on %q", defaultAddress, host)
	}
	if !chosen {
		return freePort(address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("cannot listen there; choose another port with --listen: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// freePort returns the address when nobody listens there, or another port of
// the same host.
func freePort(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		host, _, _ := net.SplitHostPort(address)
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return "", err
		}
	}
	return l.Addr().String(), l.Close()
}

// directory makes the directory to play in, and what removes it at the end.
func directory(kept string) (dir string, remove func() error, err error) {
	if kept != "" {
		dir, err = filepath.Abs(kept)
		if err == nil {
			err = os.MkdirAll(dir, 0o700)
		}
		return dir, func() error { return nil }, err
	}
	dir, err = os.MkdirTemp("", "sesame-demo-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// site is the demonstration as Caddy sees it.
type site struct {
	dir, listen, admin string
	upstreams          map[string]string // by the first label of their host
}

func (s site) port() string {
	_, port, _ := net.SplitHostPort(s.listen)
	return port
}

func (s site) url(name string) string { return "http://" + name + ".localhost:" + s.port() }

// serveUpstreams starts the applications and the page of keys, each on a port
// of its own.
func (s *site) serveUpstreams(ctx context.Context, keys []softKey) error {
	handlers := map[string]http.Handler{"cles": keyring(keys, s.url("portail"), time.Now)}
	for _, a := range applications {
		handlers[a.id] = a
	}
	s.upstreams = make(map[string]string, len(handlers))
	for name, h := range handlers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.upstreams[name] = l.Addr().String()
		server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		go server.Serve(l) //nolint:errcheck // it ends with the program
		context.AfterFunc(ctx, func() { server.Close() })
	}
	return nil
}

// caddyfile writes the configuration: what an operator's looks like, but for
// the addresses.
func (s site) caddyfile() string {
	var b strings.Builder
	fmt.Fprintf(&b, `{
	admin %s
	persist_config off
	auto_https off
	grace_period 2s
	storage file_system %q
	log {
		output file %q
	}
	sesame {
		demo
		portal      %s
		store       badger %q
		secret_file %q
		anchor      %q
`, s.admin, filepath.Join(s.dir, "caddy"), filepath.Join(s.dir, "log.json"), s.url("portail"), filepath.Join(s.dir, storeDir), filepath.Join(s.dir, secretFile), filepath.Join(s.dir, "anchor"))
	for _, a := range applications {
		fmt.Fprintf(&b, `		application %s {
			name        %q
			description %q
			url         %s
			%s
		}
`, a.id, a.name, a.description, s.url(a.id), a.allow)
	}
	fmt.Fprintf(&b, "\t}\n}\n%s {\n\tbind %s\n\tsesame portal\n}\n", s.url("portail"), s.host())
	for _, a := range applications {
		fmt.Fprintf(&b, "%s {\n\tbind %s\n\tsesame %s\n\treverse_proxy %s\n}\n", s.url(a.id), s.host(), a.id, s.upstreams[a.id])
	}
	fmt.Fprintf(&b, "%s {\n\tbind %s\n\treverse_proxy %s\n}\n", s.url("cles"), s.host(), s.upstreams["cles"])
	return b.String()
}

func (s site) host() string {
	host, _, _ := net.SplitHostPort(s.listen)
	return host
}

// start hands the configuration to Caddy, and keeps a copy to read beside the
// store.
func (s site) start() error {
	text := s.caddyfile()
	if err := os.WriteFile(filepath.Join(s.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		return err
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// welcome says where to go and what to type.
func (s site) welcome(w io.Writer, keys []softKey) {
	fmt.Fprintf(w, `
  Sésame — démonstration / demonstration

     %[1]s     une application / an application
     %[2]s      les clés, aussi ci-dessous / the keys, also below
     %[3]s   le portail / the portal

  1. Ouvrez une application. Identifiant : cnouvel ; PASSCODE : les 6 chiffres de sa clé.
     Choisissez un code PIN, attendez le code suivant, tapez PIN + 6 chiffres.
  2. Ensuite, ou avec jdupont : PIN (7294) suivi des 6 chiffres, d'un seul tenant.

  1. Open an application. Identifier: cnouvel; PASSCODE: the 6 digits of her key.
     Choose a PIN, wait for the next code, type PIN + 6 digits.
  2. From then on, or as jdupont: PIN (7294) followed by the 6 digits, in one go.

  Administration : caddy sesame user list --address %[4]s
  Ctrl-C pour terminer / to end.

`, s.url("notes"), s.url("cles"), s.url("portail"), s.admin)
	table(w, keys, time.Now())
}

// watch shows the keys until the context ends: in place on a terminal, at each
// change of code elsewhere.
func watch(ctx context.Context, w io.Writer, keys []softKey) {
	f, ok := w.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd()))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, _ := keys[0].shows(time.Now())
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(w)
			return
		case now := <-tick.C:
			code, _ := keys[0].shows(now)
			switch {
			case live:
				fmt.Fprintf(w, "\x1b[%dA", len(keys))
				table(w, keys, now)
			case code != before:
				fmt.Fprintln(w)
				table(w, keys, now)
			}
			before = code
		}
	}
}
