package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// The states of a finding.
const (
	findingOK      = "ok"
	findingWarning = "warning" // somebody should know
	findingWrong   = "wrong"   // somebody must act
)

// finding is what the doctor says of one thing, in a line, and what to do about
// it.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"`
}

func fine(format string, args ...any) finding {
	return finding{State: findingOK, Says: fmt.Sprintf(format, args...)}
}

func warning(do, format string, args ...any) finding {
	return finding{State: findingWarning, Says: fmt.Sprintf(format, args...), Do: do}
}

func wrong(do, format string, args ...any) finding {
	return finding{State: findingWrong, Says: fmt.Sprintf(format, args...), Do: do}
}

// unknowable is a finding of what the store had to tell.
func unknowable(err error) finding {
	return wrong("see what is said of the store", "cannot be told: %v", err)
}

// diagnosis is the answer to GET /sesame/doctor.
type diagnosis struct {
	Findings []finding `json:"findings"`
	Wrong    int       `json:"wrong"`    // of them
	Warnings int       `json:"warnings"` // of them
}

// doctorTime bounds each look: whoever asks wants to know what hangs, too.
const doctorTime = 5 * time.Second

// checkUp is one look at a gate and what is around it.
type checkUp struct {
	*adminCall
	ctx context.Context
	ntp string // the time server to compare with; "" for none
}

// checkUps are all looks, in the order of what they say.
var checkUps = []struct {
	name string
	look func(checkUp) finding
}{
	{"store", checkUp.store},
	{"disk", checkUp.disk},
	{"anchor", checkUp.anchor},
	{"clock", checkUp.clock},
	{"ntp", checkUp.timeServer},
	{"secret file", checkUp.secretFile},
	{"admin endpoint", checkUp.endpoint},
	{"portal", checkUp.portal},
	{"applications", checkUp.applications},
	{"mail", checkUp.mail},
	{"roles", checkUp.roles},
	{"pending", checkUp.pending},
	{"import", checkUp.imports},
	{"alerts", checkUp.alerts},
	{"backup", checkUp.backup},
}

// diagnose looks at everything. What cannot be told is a finding, too, so that
// there is an answer even without a store.
func diagnose(c *adminCall) (any, error) {
	server := c.query.Get("ntp")
	if server == "" {
		server = c.app.NTP
	}
	if server != "" {
		if _, err := timeServerAddress(server); err != nil {
			return nil, adminRefusal(http.StatusBadRequest, "ntp: %w", err)
		}
	}
	var d diagnosis
	for _, check := range checkUps {
		f := lookAt(c, server, check.look)
		f.Check = check.name
		switch f.State {
		case findingWrong:
			d.Wrong++
		case findingWarning:
			d.Warnings++
		}
		d.Findings = append(d.Findings, f)
	}
	return d, nil
}

func lookAt(c *adminCall, server string, look func(checkUp) finding) finding {
	ctx, cancel := context.WithTimeout(c.Context(), doctorTime)
	defer cancel()
	return look(checkUp{c, ctx, server})
}

func (c checkUp) store() finding {
	err := c.gate.Health(c.ctx)
	switch {
	case errors.Is(err, authcore.ErrMoved) || errors.Is(err, authcore.ErrHalfCopied):
		return wrong("load the configuration of where it is now: caddy reload --config FILE", "%v", err)
	case err != nil:
		return wrong("look at the kernel's log for the disk, mend it and restart the server", "does not answer as it should: %v", err)
	}
	return fine("answers, and takes what is written")
}

func (c checkUp) clock() finding {
	k, err := c.gate.Clock(c.ctx)
	switch {
	case err != nil:
		return unknowable(err)
	case !k.Logins:
		return wrong("set the clock right, or where it is right: caddy sesame clock accept", "%s", k.Why)
	case k.State != authcore.ClockSound:
		return warning("set the clock right, or where it is right: caddy sesame clock accept", "%s", k.Why)
	}
	return fine("is believed")
}

func (c checkUp) portal() finding {
	if o := c.app.portal.origin; o.scheme != "https" {
		return warning("give it an https address before others use it", "%s is reached on this machine alone", o)
	}
	return fine("%s", c.app.portal.origin)
}

func (c checkUp) applications() finding {
	var local, closed []string
	for _, s := range c.app.sites {
		if s.origin.scheme != "https" {
			local = append(local, s.id)
		}
		if len(s.requirement.Allow) == 0 {
			closed = append(closed, s.id)
		}
	}
	switch {
	case len(c.app.sites) == 0:
		return warning("name one: application NAME { … }", "there is none")
	case local != nil:
		return warning("give them https addresses before others use them", "reached on this machine alone: %s", strings.Join(local, ", "))
	case closed != nil:
		return warning("give them allow lines", "open to nobody: %s", strings.Join(closed, ", "))
	}
	return fine("%s, all on https", count(len(c.app.sites), "application", "applications"))
}

func (c checkUp) mail() finding {
	if c.app.office == nil {
		return warning("name a server: mail { … }", "there is none: nobody is told when their key is locked, lost or given a new PIN")
	}
	return fine("goes by %s", c.app.Mail.Server)
}

// officersPage is how many people with a role are read at a time.
const officersPage = 1000

// roles looks whether what takes two operators can be done by two. By the command
// line everybody is one who has a name there.
func (c checkUp) roles() finding {
	operators, referents, after := 0, 0, authcore.Identifier("")
	for {
		page, err := c.gate.Officers(c.ctx, after, officersPage)
		if err != nil {
			return unknowable(err)
		}
		for _, a := range page {
			switch a.Office.Role {
			case authcore.RoleOperator:
				operators++
			case authcore.RoleReferent:
				referents++
			case authcore.RoleHolder, authcore.RoleAuditor:
			}
			after = a.Identifier
		}
		if len(page) < officersPage {
			break
		}
	}
	who := count(operators, "operator", "operators") + ", " + count(referents, "referent", "referents")
	switch {
	case c.app.FourEyes == nil && operators > 1:
		return warning("see four_eyes", "%s; each operator gives roles alone", who)
	case c.app.FourEyes != nil && operators < 2:
		return warning("give a second one the role: caddy sesame role add ID operator", "%s: in the console, what takes two operators cannot be done", who)
	}
	return fine("%s", who)
}

func (c checkUp) pending() finding {
	all, err := c.gate.Pendings(c.ctx)
	if err != nil {
		return unknowable(err)
	}
	if len(all) > 0 {
		return warning("another operator looks: caddy sesame pending list", "%s for a second operator", count(len(all), "act waits", "acts wait"))
	}
	return fine("nothing waits for a second operator")
}

func (c checkUp) imports() finding {
	if c.gate.Importing() {
		return warning("let it end; if it does not, restart the server, which finishes or forgets it", "keys are being imported")
	}
	return fine("none is under way")
}

// How far back the doctor reads the audit trail.
const (
	alertsOf  = 24 * time.Hour
	backupsOf = 8 * 24 * time.Hour
	backupOld = 2 * 24 * time.Hour
)

func (c checkUp) alerts() finding {
	n := 0
	for _, err := range c.gate.Trail(c.ctx, authcore.AuditQuery{Alerts: true, Since: c.gate.Now().Add(-alertsOf)}) {
		if err != nil {
			return unknowable(err)
		}
		n++
	}
	if n > 0 {
		return warning("read them: caddy sesame audit --alerts --since 24h", "%s in the last day", count(n, "alert", "alerts"))
	}
	return fine("none in the last day")
}

func (c checkUp) backup() finding {
	const do = "caddy sesame backup FILE, once a night"
	var last time.Time
	q := authcore.AuditQuery{Kinds: []authcore.EventKind{authcore.StoreBackedUp}, Since: c.gate.Now().Add(-backupsOf)}
	for e, err := range c.gate.Trail(c.ctx, q) {
		if errors.Is(err, context.DeadlineExceeded) {
			return warning(do, "the audit trail is too long to be read for the last one within %s", doctorTime)
		}
		if err != nil {
			return unknowable(err)
		}
		last = e.Time
	}
	switch age := c.gate.Now().Sub(last); {
	case last.IsZero():
		return warning(do, "none was made in the last eight days")
	case age > backupOld:
		return warning(do, "the last one was begun %s", localTime(last))
	}
	return fine("the last one was begun %s", localTime(last))
}
