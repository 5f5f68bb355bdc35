package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

func (a *App) parseApplication(d *caddyfile.Dispenser) error {
	app := new(Application)
	if !d.Args(&app.ID) {
		return d.ArgErr()
	}
	for _, other := range a.Applications {
		if other.ID == app.ID {
			return d.Errf("the application %s is given twice", app.ID)
		}
	}
	a.Applications = append(a.Applications, app)
	return block(d, "application", func(option string) error {
		return judged(d, app.parseOption(d, option), func() error { return app.judge(option) })
	})
}

func (app *Application) parseOption(d *caddyfile.Dispenser, option string) error {
	switch option {
	case "name":
		return word(d, &app.Name)
	case "description":
		return word(d, &app.Description)
	case "url":
		return word(d, &app.URL)
	case "allow":
		return parseAllow(d, &app.Allow)
	case "network":
		return parseNetwork(d, &app.Networks)
	case "max_age":
		return duration(d, &app.MaxAge)
	case "path":
		return app.parsePart(d)
	case "public":
		return some(d, &app.Public)
	case "activity":
		return word(d, &app.Activity)
	case "session_warning":
		return word(d, &app.SessionWarning)
	case "headers":
		return word(d, &app.Headers)
	case "header":
		var h Header
		if !d.AllArgs(&h.Name, &h.Value) {
			return d.ArgErr()
		}
		app.Header = append(app.Header, h)
		return nil
	case "charset":
		return word(d, &app.Charset)
	case "assertion":
		return switchOn(d, &app.Assertion)
	case "shared_secret":
		return app.parseSharedSecret(d)
	case "require":
		return parseRequire(d, &app.RequirePasskey)
	case "delegable":
		return switchOn(d, &app.Delegable)
	}
	return unknown(d)
}

func (app *Application) parseSharedSecret(d *caddyfile.Dispenser) error {
	if app.SharedSecret != nil {
		return repeated(d)
	}
	app.SharedSecret = new(SharedSecret)
	if !d.AllArgs(&app.SharedSecret.Header, &app.SharedSecret.File) {
		return d.ArgErr()
	}
	return nil
}
