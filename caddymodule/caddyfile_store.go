package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// parseStore reads the one store: badger, or etcd.
func (a *App) parseStore(d *caddyfile.Dispenser) error {
	if a.Store != nil {
		return repeated(d)
	}
	args := d.RemainingArgs()
	switch {
	case len(args) > 1 && args[0] == "etcd":
		a.Store = &Store{Etcd: &Etcd{Endpoints: args[1:]}}
		return a.Store.Etcd.parse(d)
	case len(args) != 2 || args[0] != "badger":
		return d.Err("store takes an engine and its place: store badger <directory>, or store etcd <endpoints...>")
	}
	a.Store = &Store{Badger: args[1]}
	return nil
}

func (e *Etcd) parse(d *caddyfile.Dispenser) error {
	return optionalBlock(d, func(option string) error {
		switch option {
		case "ca":
			return word(d, &e.CA)
		case "cert":
			return word(d, &e.Cert)
		case "key":
			return word(d, &e.Key)
		case "username":
			return word(d, &e.Username)
		case "password_file":
			return word(d, &e.PasswordFile)
		case "prefix":
			return word(d, &e.Prefix)
		case "behind":
			return duration(d, &e.Behind)
		}
		return unknown(d)
	})
}
