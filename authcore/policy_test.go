package authcore

import (
	"context"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

func TestPolicyValidate(t *testing.T) {
	mustBeNil(t, DefaultPolicy().Validate())
	good := map[string]func(*Policy){
		"strict": func(p *Policy) {
			p.PINMin, p.PINMax, p.Small, p.Medium, p.Large, p.NextCodeAfter, p.LockAfter = 12, 12, 1, 1, 1, 1, 1
		},
		"wide":       func(p *Policy) { p.Small, p.Medium, p.Large, p.LockAfter = 60, 60, 60, 100 },
		"no repeats": func(p *Policy) { p.Repeat = 0 },
		"short times": func(p *Policy) {
			p.Page, p.Challenge, p.Idle, p.Absolute, p.Ticket = time.Minute, time.Minute, time.Minute, time.Minute, time.Second
		},
	}
	for name, set := range good {
		p := DefaultPolicy()
		set(&p)
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string]func(*Policy){
		"zero":                    func(p *Policy) { *p = Policy{} },
		"a PIN of three digits":   func(p *Policy) { p.PINMin = 3 },
		"a PIN of 13 digits":      func(p *Policy) { p.PINMax = 13 },
		"bounds exchanged":        func(p *Policy) { p.PINMin, p.PINMax = 8, 6 },
		"no small window":         func(p *Policy) { p.Small = 0 },
		"a negative window":       func(p *Policy) { p.Small = -1 },
		"medium below small":      func(p *Policy) { p.Medium = 0 },
		"large below medium":      func(p *Policy) { p.Large = 2 },
		"an hour and a step":      func(p *Policy) { p.Large = 61 },
		"next code at once":       func(p *Policy) { p.NextCodeAfter = 0 },
		"lock before next code":   func(p *Policy) { p.LockAfter = 2 },
		"lock after 101":          func(p *Policy) { p.LockAfter = 101 },
		"a page for a second":     func(p *Policy) { p.Page = time.Second },
		"a page for a month":      func(p *Policy) { p.Page = 30 * day },
		"a login of a second":     func(p *Policy) { p.Challenge = time.Second },
		"a login of two hours":    func(p *Policy) { p.Challenge = 2 * time.Hour },
		"a negative repetition":   func(p *Policy) { p.Repeat = -1 },
		"a long repetition":       func(p *Policy) { p.Repeat = time.Minute + 1 },
		"idle for a second":       func(p *Policy) { p.Idle = time.Second },
		"idle longer than in all": func(p *Policy) { p.Idle = p.Absolute + 1 },
		"a session of a month":    func(p *Policy) { p.Absolute = 30 * day },
		"a ticket of no time":     func(p *Policy) { p.Ticket = 0 },
		"a ticket of an hour":     func(p *Policy) { p.Ticket = time.Hour },
	}
	for name, set := range bad {
		p := DefaultPolicy()
		set(&p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if p == (Policy{}) {
			continue // which means the default, to New
		}
		if _, err := New(t.Context(), Config{Store: store.NewMemory(time.Now), Secrets: newSecretsFor(t), Policy: p}); err == nil {
			t.Errorf("%s: a gate is made of it", name)
		}
	}
}

// What a gate is made of may be left out, but for store and secrets.
func TestDefaults(t *testing.T) {
	g, err := New(context.Background(), Config{Store: store.NewMemory(time.Now), Secrets: newSecretsFor(t)})
	mustBeNil(t, err)
	if g.Policy() != DefaultPolicy() {
		t.Errorf("the policy is %+v", g.Policy())
	}
	if off := time.Since(g.now()); off < 0 || off > time.Minute {
		t.Errorf("the clock is %v off", off)
	}
	mustBeNil(t, g.AddAccount(t.Context(), by, Account{Identifier: "jdupont"}))
}
