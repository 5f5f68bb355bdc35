package caddymodule

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// What can be judged of an option by itself is refused where it stands, with its
// file and its line. check judges all of it again, in whatever form a
// configuration comes, and what takes the whole of it, or a file.

// judged is the error of reading an option, or else what judge says of it.
func judged(d *caddyfile.Dispenser, read error, judge func() error) error {
	if read != nil {
		return read
	}
	if err := judge(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// judgePolicy judges the bounds that have been read so far.
func (a *App) judgePolicy() error {
	_, err := a.policy()
	return err
}

// judgeConsole judges what has been read so far of roles.
func (a *App) judgeConsole() error {
	_, err := a.consoleRules()
	return err
}

// judgeOrigin judges an address, unless it is known only when the server runs.
func judgeOrigin(option, configured string) error {
	if strings.Contains(configured, "{") {
		return nil
	}
	if _, err := parseOrigin(configured); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	return nil
}

// judge judges an option of an application that has been read.
func (app *Application) judge(option string) (err error) {
	switch option {
	case "url":
		err = judgeOrigin(option, app.URL)
	case "allow", "network", "max_age", "path":
		_, err = app.requirement()
	case "public":
		if _, err = newPublicPaths(app.Public); err != nil {
			err = fmt.Errorf("public: %w", err)
		}
	case "activity":
		_, err = app.anyUse()
	case "session_warning":
		_, err = app.injects()
	case "headers", "header":
		_, err = app.preset()
	case "charset":
		_, err = app.encoder()
	}
	return err
}
