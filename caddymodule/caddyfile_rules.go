package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sesame-gateway/sesame/authcore"
)

// What an application, or a part of it, opens to.

func (app *Application) parsePart(d *caddyfile.Dispenser) error {
	part := new(ApplicationPart)
	app.Parts = append(app.Parts, part)
	if err := some(d, &part.Paths); err != nil {
		return err
	}
	return block(d, "path", func(option string) error {
		switch option {
		case "method":
			return some(d, &part.Methods)
		case "allow":
			return parseAllow(d, &part.Allow)
		case "network":
			return parseNetwork(d, &part.Networks)
		case "max_age":
			return duration(d, &part.MaxAge)
		case "require":
			return parseRequire(d, &part.RequirePasskey)
		}
		return unknown(d)
	})
}

// parseRequire reads what a login must have been done with.
func parseRequire(d *caddyfile.Dispenser, passkey *bool) error {
	var what string
	switch {
	case *passkey:
		return repeated(d)
	case !d.AllArgs(&what) || what != "passkey":
		return d.Err("require takes one word, of which there is one: passkey")
	}
	*passkey = true
	return nil
}

func parseNetwork(d *caddyfile.Dispenser, to *[]string) error {
	if err := some(d, to); err != nil {
		return err
	}
	if _, err := parseNetworks(*to); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func parseAllow(d *caddyfile.Dispenser, to *[]authcore.Rule) error {
	var rule authcore.Rule
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	if err := rule.Kind.UnmarshalText([]byte(args[0])); err != nil {
		return d.Errf("allow %s: there are only everyone, group, function, establishment and person", args[0])
	}
	rule.Values = args[1:]
	if err := checkRules([]authcore.Rule{rule}); err != nil {
		return d.WrapErr(err)
	}
	*to = append(*to, rule)
	return nil
}
