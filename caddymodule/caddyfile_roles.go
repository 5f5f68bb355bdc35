package caddymodule

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

func (a *App) parseEstablishments(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Err("establishments takes the name of a group and what is in it: establishments bassin-nord 0441550W 0693045K")
	}
	for _, other := range a.Establishments {
		if other.Name == args[0] {
			return d.Errf("the group of establishments %s is given twice", args[0])
		}
	}
	a.Establishments = append(a.Establishments, &EstablishmentGroup{Name: args[0], UAI: args[1:]})
	return nil
}

func (a *App) parseFourEyes(d *caddyfile.Dispenser) error {
	if a.FourEyes != nil {
		return repeated(d)
	}
	a.FourEyes = new(FourEyes)
	return block(d, "four_eyes", func(option string) error {
		switch option {
		case "roles":
			return switchOn(d, &a.FourEyes.Roles)
		case "second_factor":
			return switchOn(d, &a.FourEyes.SecondFactor)
		case "within":
			return duration(d, &a.FourEyes.Within)
		}
		return unknown(d)
	})
}
