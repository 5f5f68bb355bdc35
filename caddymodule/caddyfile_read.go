package caddymodule

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// block gives each keyword of a block, which must be there, to option.
func block(d *caddyfile.Dispenser, of string, option func(string) error) error {
	before := d.Nesting()
	if !d.NextBlock(before) {
		return d.Errf("%s needs a block, { on the same line, with something in it", of)
	}
	for more := true; more; more = d.NextBlock(before) {
		if err := option(d.Val()); err != nil {
			return err
		}
	}
	return nil
}

// optionalBlock is block where there may be none.
func optionalBlock(d *caddyfile.Dispenser, option func(string) error) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for before := d.Nesting(); d.NextBlock(before); {
		if err := option(d.Val()); err != nil {
			return err
		}
	}
	return nil
}

// some reads a keyword's values, one or more.
func some(d *caddyfile.Dispenser, to *[]string) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	return nil
}

// word reads a keyword's one value.
func word(d *caddyfile.Dispenser, to *string) error {
	if *to != "" {
		return repeated(d)
	}
	if !d.AllArgs(to) || *to == "" {
		return d.ArgErr()
	}
	return nil
}

// duration reads a keyword's one value, such as 90m, 10h or 1d.
func duration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	var text string
	if *to != 0 {
		return repeated(d)
	}
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	return readDuration(d, text, to)
}

func readDuration(d *caddyfile.Dispenser, text string, to *caddy.Duration) error {
	v, err := caddy.ParseDuration(text)
	if err != nil || v <= 0 {
		return d.Errf("%q is no duration: write 30m, 1h or 1d", text)
	}
	*to = caddy.Duration(v)
	return nil
}

// switchOn reads a keyword without a value.
func switchOn(d *caddyfile.Dispenser, to *bool) error {
	if *to {
		return repeated(d)
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	*to = true
	return nil
}

func repeated(d *caddyfile.Dispenser) error { return d.Errf("%s is given twice", d.Val()) }

func unknown(d *caddyfile.Dispenser) error { return d.Errf("unknown option %s", d.Val()) }

func later(d *caddyfile.Dispenser) error { return d.Errf("%s is not in this version", d.Val()) }
