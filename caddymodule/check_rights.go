package caddymodule

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// requirement says what the application asks of a person.
func (app *Application) requirement() (r authcore.Requirement, err error) {
	r.Application = app.ID
	if r.Terms, err = terms(app.Allow, app.Networks, app.MaxAge); err != nil {
		return r, err
	}
	r.Passkey = app.RequirePasskey
	for _, p := range app.Parts {
		part, err := p.part()
		if err != nil {
			return r, fmt.Errorf("path %s: %w", strings.Join(p.Paths, " "), err)
		}
		r.Parts = append(r.Parts, part)
	}
	return r, nil
}

func (p *ApplicationPart) part() (part authcore.Part, err error) {
	if len(p.Paths) == 0 {
		return part, errors.New("it names no path")
	}
	if _, err := newPublicPaths(p.Paths); err != nil {
		return part, err // they are spelt alike
	}
	for _, m := range p.Methods {
		if m == "" || strings.ContainsFunc(m, func(c rune) bool { return c < 'A' || c > 'Z' }) {
			return part, fmt.Errorf("method %q: a method is written in capitals, such as POST", m)
		}
	}
	part.Paths, part.Methods = p.Paths, p.Methods
	if part.Terms, err = terms(p.Allow, p.Networks, p.MaxAge); err != nil {
		return part, err
	}
	part.Passkey = p.RequirePasskey
	if len(part.Allow) == 0 && len(part.Networks) == 0 && part.MaxAge == 0 && !part.Passkey {
		return part, errors.New("it asks for nothing of its own: say allow, network, max_age or require passkey")
	}
	return part, nil
}

// terms checks what is asked for.
func terms(allow []authcore.Rule, networks []string, maxAge caddy.Duration) (t authcore.Terms, err error) {
	if err := checkRules(allow); err != nil {
		return t, err
	}
	if t.Networks, err = parseNetworks(networks); err != nil {
		return t, err
	}
	if t.Allow, t.MaxAge = allow, time.Duration(maxAge); t.MaxAge != 0 && t.MaxAge < time.Minute {
		return t, fmt.Errorf("max_age: a code cannot be younger than the minute that it takes to type it: not %s", t.MaxAge)
	}
	return t, nil
}

// wantsPasskey tells whether an application asks for a passkey anywhere.
func wantsPasskey(r authcore.Requirement) bool {
	return r.Passkey || slices.ContainsFunc(r.Parts, func(p authcore.Part) bool { return p.Passkey })
}

// checkPasskeys makes the portal's passkeys. A portal whose address can have none
// goes without, unless something in the configuration is about them.
func (a *App) checkPasskeys(s *settings) (err error) {
	c := authcore.PasskeyConfig{Origin: s.portal.origin.String(), Name: "Sésame"}
	if a.Passkeys != nil {
		c.Attestation, c.Models = a.Passkeys.Attestation, a.Passkeys.Models
	}
	s.passkeys, err = authcore.NewPasskeys(c)
	wanted := a.Passkeys != nil || slices.ContainsFunc(s.sites, func(t *site) bool { return wantsPasskey(t.requirement) })
	if errors.Is(err, authcore.ErrNoPasskeys) && !wanted {
		return nil
	}
	if err != nil {
		return fmt.Errorf("passkeys: %w", err)
	}
	return nil
}

// parseNetworks reads networks in CIDR notation (RFC 4632, RFC 4291), or single
// addresses.
func parseNetworks(texts []string) (all []netip.Prefix, err error) {
	for _, text := range texts {
		var p netip.Prefix
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		} else if p, err = netip.ParsePrefix(text); err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("network %q: write 10.0.0.0/8, 2001:db8::/32 or one address", text)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("network %s: it has bits beyond its length; did you mean %s?", text, p.Masked())
		}
		if slices.Contains(all, p) {
			return nil, fmt.Errorf("network %s is given twice", text)
		}
		all = append(all, p)
	}
	return all, nil
}
