package caddymodule

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// portalID is what the directive calls the portal.
const portalID = "portal"

// site is one host that the gate stands before, ready for requests.
type site struct {
	id          string
	origin      origin
	name        string
	description string
	requirement authcore.Requirement
	public      publicPaths
	headers     headerPlan
	assertion   bool
	large       firsts // whose headers are long, once each
	anyUse      bool   // every request keeps the session, and not only pages
	inject      bool   // the script that warns before the end of a session goes behind pages
}

// isPortal tells whether the site is the portal and not an application.
func (s *site) isPortal() bool { return s.id == portalID }

// settings is a configuration that has been checked.
type settings struct {
	portal   *site
	sites    []*site // the applications, in order
	byID     map[string]*site
	origins  origins
	names    *nameSet
	policy   authcore.Policy
	passkeys *authcore.Passkeys // nil where the portal can have none
	contact  ui.Contact
	console  authcore.ConsoleRules
	hook     *webhook    // nil where there is none
	office   *postOffice // nil where there is no mail
	where    place
}

// place is where the store and its secrets are.
type place struct {
	dir    string // absolute and clean; "" with etcd
	secret string
	anchor anchorFile
	etcd   *cluster // nil with the embedded store
}

// check reads the whole configuration and says in a sentence what is wrong.
func (a *App) check() (*settings, error) {
	s := &settings{byID: make(map[string]*site), origins: make(origins)}
	var err error
	if s.where, err = a.place(); err != nil {
		return nil, err
	}
	if s.policy, err = a.policy(); err != nil {
		return nil, err
	}
	if err := a.checkPortal(s); err != nil {
		return nil, err
	}
	for _, app := range a.Applications {
		if err := s.addApplication(app); err != nil {
			return nil, fmt.Errorf("application %s: %w", app.ID, err)
		}
	}
	if err := a.checkPasskeys(s); err != nil {
		return nil, err
	}
	if s.console, err = a.consoleRules(); err != nil {
		return nil, err
	}
	if s.office, err = a.Mail.postOffice(s.portal); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	if err := a.checkAssistance(s); err != nil {
		return nil, fmt.Errorf("assistance: %w", err)
	}
	if a.NTP != "" {
		if _, err := timeServerAddress(a.NTP); err != nil {
			return nil, fmt.Errorf("ntp: %w", err)
		}
	}
	s.names = newNameSet(a.headerNames()...)
	return s, a.checkDemo(s)
}

// checkPortal adds the portal.
func (a *App) checkPortal(s *settings) error {
	if a.Portal == "" {
		return errors.New("portal is missing: the address of the one host with the login pages, as in: portal https://portail.example.org")
	}
	o, err := resolveOrigin(a.Portal)
	if err != nil {
		return fmt.Errorf("portal: %w", err)
	}
	s.portal = &site{id: portalID, origin: o}
	return s.add(s.portal)
}

// applicationID is the form of an application's name in the configuration.
var applicationID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// addApplication checks one application and adds it.
func (s *settings) addApplication(app *Application) error {
	if !applicationID.MatchString(app.ID) {
		return errors.New("its name must consist of lower case letters, digits and hyphens, 63 at most")
	}
	if app.URL == "" {
		return errors.New("url is missing: its address, as in: url https://notes.example.org")
	}
	o, err := resolveOrigin(app.URL)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	t := &site{id: app.ID, origin: o, name: app.Name, description: app.Description, assertion: app.Assertion}
	if t.name == "" {
		t.name = app.ID
	}
	if t.requirement, err = app.requirement(); err != nil {
		return err
	}
	if t.public, err = newPublicPaths(app.Public); err != nil {
		return fmt.Errorf("public: %w", err)
	}
	if t.headers, err = app.headerPlan(); err != nil {
		return err
	}
	if t.anyUse, err = app.anyUse(); err != nil {
		return err
	}
	if t.inject, err = app.injects(); err != nil {
		return err
	}
	return s.add(t)
}

// The words for what keeps a session from running out.
const (
	activityPages    = "pages"
	activityRequests = "requests"
)

// warningInject is the one word for who puts the warning into pages.
const warningInject = "inject"

// anyUse tells whether every request keeps the session.
func (app *Application) anyUse() (bool, error) {
	switch app.Activity {
	case "", activityPages:
		return false, nil
	case activityRequests:
		return true, nil
	}
	return false, fmt.Errorf("activity %s: there are only %s and %s", app.Activity, activityPages, activityRequests)
}

// injects tells whether the gate puts the warning into pages.
func (app *Application) injects() (bool, error) {
	if app.SessionWarning != "" && app.SessionWarning != warningInject {
		return false, fmt.Errorf("session_warning %s: there is only %s", app.SessionWarning, warningInject)
	}
	return app.SessionWarning == warningInject, nil
}

// add takes a site up unless its name or its host is taken: a cookie belongs to
// a host, whatever the port (RFC 6265, section 8.5).
func (s *settings) add(t *site) error {
	if s.byID[t.id] != nil {
		return fmt.Errorf("the name %q is taken", t.id)
	}
	for _, other := range s.byID {
		if other.origin.name() == t.origin.name() {
			return fmt.Errorf("its host %s is already that of %s: each needs one of its own, because cookies do not know ports", t.origin.name(), other.id)
		}
	}
	if !t.isPortal() {
		s.sites = append(s.sites, t)
	}
	s.byID[t.id], s.origins[t.origin] = t, t
	return nil
}

// checkRules looks for rules that could never fit, or fit more than they say.
func checkRules(rules []authcore.Rule) error {
	for _, r := range rules {
		switch {
		case r.Kind == 0:
			return errors.New("allow: a rule needs a kind: everyone, group, function, establishment or person")
		case r.Kind == authcore.Everyone && len(r.Values) > 0:
			return errors.New("allow everyone takes no value")
		case r.Kind != authcore.Everyone && (len(r.Values) == 0 || slices.Contains(r.Values, "")):
			return fmt.Errorf("allow %s needs one value or more, none of them empty", r.Kind)
		}
		for _, v := range r.Values {
			if err := checkRuleValue(r.Kind, v); err != nil {
				return fmt.Errorf("allow %s %s: %w", r.Kind, v, err)
			}
		}
	}
	return nil
}

// checkRuleValue refuses values that no account can have.
func checkRuleValue(kind authcore.RuleKind, v string) error {
	switch kind {
	case authcore.ToPerson:
		if id, err := authcore.ParseIdentifier(v); err != nil || string(id) != v {
			return errors.New("no identifier looks like this: lower case letters, digits, dot, hyphen, underscore and @ only")
		}
	case authcore.ToEstablishment:
		if !authcore.ValidUAI(v) {
			return errors.New("this is no UAI: seven digits and the letter that checks them")
		}
	default:
		if strings.Contains(v, ",") || !plain(v) {
			return errors.New("it must not hold a comma or a control character")
		}
	}
	return nil
}

// policy puts the configured bounds over authcore's defaults.
func (a *App) policy() (authcore.Policy, error) {
	p := authcore.DefaultPolicy()
	if a.PIN != nil {
		p.PINMin, p.PINMax = a.PIN.Min, a.PIN.Max
	}
	if a.Session != nil && a.Session.Idle != 0 {
		p.Idle = time.Duration(a.Session.Idle)
	}
	if a.Session != nil && a.Session.Absolute != 0 {
		p.Absolute = time.Duration(a.Session.Absolute)
	}
	if err := a.Audit.apply(&p); err != nil {
		return p, err
	}
	return p, p.Validate()
}

// apply puts what is configured of the audit trail into a policy.
func (a *Audit) apply(p *authcore.Policy) error {
	switch {
	case a == nil:
	case a.Forever && a.Retention != 0:
		return errors.New("audit: retention is a duration or forever, and not both")
	case a.Forever:
		p.Retention = 0
	case a.Retention != 0:
		p.Retention = time.Duration(a.Retention)
	}
	return nil
}

// place says where the store and the secret file are, and refuses a secret that
// every backup of the store would hold.
func (a *App) place() (p place, err error) {
	dir, secret := "", a.SecretFile
	if a.Store != nil {
		dir = a.Store.Badger
	}
	if a.Store != nil && a.Store.Etcd != nil {
		if dir != "" {
			return p, errors.New("store: there is one, badger or etcd")
		}
		if p.etcd, err = a.Store.Etcd.cluster(); err != nil {
			return p, fmt.Errorf("store etcd: %w", err)
		}
	} else if p.dir, err = resolvePath(dir, "sesame"); err != nil {
		return p, fmt.Errorf("store badger: %w", err)
	}
	if p.secret, err = resolvePath(secret, "sesame.secret"); err != nil {
		return p, fmt.Errorf("secret_file: %w", err)
	}
	anchor, err := resolvePath(a.Anchor, defaultAnchor(p.name()))
	if err != nil {
		return p, fmt.Errorf("anchor: %w", err)
	}
	p.anchor = anchorFile(anchor)
	if p.holds(p.secret) {
		return p, fmt.Errorf("secret_file: %s is inside the store's directory; keep it elsewhere, or whoever copies the store has its key too", p.secret)
	}
	if p.holds(anchor) {
		return p, fmt.Errorf("anchor: %s is inside the store's directory; keep it elsewhere, or it is lost with the store that it speaks of", anchor)
	}
	return p, nil
}

// name is where the store is, for messages, and tells it from others.
func (p place) name() string {
	if p.etcd != nil {
		return p.etcd.name()
	}
	return p.dir
}

// holds tells whether a path is that of the store's directory, or in it.
func (p place) holds(path string) bool {
	return p.dir != "" && strings.HasPrefix(path+string(filepath.Separator), p.dir+string(filepath.Separator))
}

// resolvePath gives a configured path, or name in Caddy's data directory, in
// absolute and clean form.
func resolvePath(configured, name string) (string, error) {
	if configured == "" {
		return filepath.Abs(filepath.Join(caddy.AppDataDir(), name))
	}
	path, err := caddy.NewReplacer().ReplaceOrErr(configured, true, true)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// resolveOrigin reads a configured origin, with its placeholders replaced.
func resolveOrigin(configured string) (origin, error) {
	s, err := caddy.NewReplacer().ReplaceOrErr(configured, true, true)
	if err != nil {
		return origin{}, err
	}
	return parseOrigin(s)
}

// checkDemo refuses to mark as a demonstration what others could reach.
func (a *App) checkDemo(s *settings) error {
	for o := range s.origins {
		if a.Demo && !isLoopback(o.name()) {
			return fmt.Errorf("demo: %s is not a loopback name; a demonstration runs on one machine only", o)
		}
	}
	return nil
}
