package authcore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Config is what a Gate is made of. Store and Secrets are needed; the rest has
// defaults: DefaultPolicy, time.Now, no log, nobody to alert. OnAlert is called
// for each audit entry that is an alert, once it is written; it must not wait.
type Config struct {
	Store   store.Store
	Secrets *Secrets
	Policy  Policy
	Now     func() time.Time
	Logger  *slog.Logger
	OnAlert func(EventKind)
	// Anchor gives what was kept outside the store, nil where nothing was. It is
	// asked once the secrets are known to be the store's.
	Anchor func() (*Anchor, error)
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if c.Policy == (Policy{}) {
		c.Policy = DefaultPolicy()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnAlert == nil {
		c.OnAlert = func(EventKind) {}
	}
	if c.Anchor == nil {
		c.Anchor = func() (*Anchor, error) { return nil, nil }
	}
	return c
}

// Gate is the whole domain over one store: logins, sessions, administration. It
// is safe for use by several goroutines.
type Gate struct {
	shared   *shared
	policy   Policy
	log      *slog.Logger
	passkeys *Passkeys // nil where there are none
	console  ConsoleRules
	mail     bool // notices are written
	desk     Desk
}

// shared is what the gates of one store have in common, over all their
// configurations.
type shared struct {
	store   store.Store
	secrets atomic.Pointer[Secrets]
	pins    *pinJudge
	time    *timekeeper
	onAlert func(EventKind)
	posted  chan struct{} // holds one signal

	standings *standings // what is read for each request
	flood     *flood

	process   string      // names this one among those that share the store
	importing atomic.Bool // an Import of this process is under way
}

// pinsWaiting is how many wait for their turn at argon2id, a second's worth or
// two: beyond that an answer "later" is better than one too late.
const pinsWaiting = 64

// pinsRunning is how many run at once on so many processors: two, but one of the
// processors is left to whoever has logged in already. Go gives a hash its processor
// for as long as it takes, so that where all are at it a page waits for each.
func pinsRunning(processors int) int { return max(1, min(2, processors-1)) }

// New makes a gate over a store, which it prepares when it is new. An import that
// was broken off is finished, which takes about a millisecond for ten keys,
// whatever the context; or it is forgotten (see Import). Errors:
// ErrWrongSecret, ErrNewerStore, ErrAnchor, ErrMoved, ErrHalfCopied, a sentence about the policy, the store's.
func New(ctx context.Context, c Config) (*Gate, error) {
	c = c.withDefaults()
	if err := c.Policy.Validate(); err != nil {
		return nil, err
	}
	c.Store = latch(c.Store, c.Secrets)
	g, err := open(ctx, c)
	if err != nil {
		return g, err
	}
	anchor, err := c.Anchor()
	if err != nil {
		return g, err
	}
	if err := g.checkAnchor(ctx, anchor); err != nil {
		return g, err
	}
	for _, step := range []func(context.Context) error{g.migrate, g.prepare, g.recall, g.recoverImport} {
		if err := step(ctx); err != nil {
			return g, err
		}
	}
	return g, nil
}

// open makes a gate over a store that nothing was written into yet. Errors:
// ErrWrongSecret, ErrNewerStore, the store's.
func open(ctx context.Context, c Config) (*Gate, error) {
	sh := &shared{
		store: c.Store, pins: newPINJudge(pinsRunning(runtime.GOMAXPROCS(0)), pinsWaiting), onAlert: c.OnAlert, posted: make(chan struct{}, 1),
		standings: followStandings(c.Store), flood: newFlood(), process: NewNonce(),
	}
	sh.time = newTimekeeper(c.Now, alarmClock(c.Logger))
	sh.secrets.Store(c.Secrets)
	g := &Gate{shared: sh, policy: c.Policy, log: c.Logger}
	return g, g.checkSchema(ctx)
}

// With returns a gate over the same store, secrets and queue of PINs, under
// another policy and log: one for each configuration. The policy must be valid.
func (g *Gate) With(p Policy, log *slog.Logger) *Gate {
	return &Gate{shared: g.shared, policy: p, log: log, passkeys: g.passkeys, console: g.console, mail: g.mail}
}

// WithPasskeys returns the same gate with passkeys, or without for nil, as New
// makes it.
func (g *Gate) WithPasskeys(p *Passkeys) *Gate {
	with := *g
	with.passkeys = p
	return &with
}

// Policy returns the gate's policy.
func (g *Gate) Policy() Policy { return g.policy }

// UseSecrets replaces the secrets while the gate runs, after a rotation. They
// must be able to open what the store holds. Errors: ErrWrongSecret, the store's.
func (g *Gate) UseSecrets(ctx context.Context, s *Secrets) error {
	err := g.shared.store.View(ctx, func(r store.Reader) error { return checkSecrets(s, r) })
	if err != nil {
		return err
	}
	g.shared.secrets.Store(s)
	if l, ok := g.shared.store.(*latched); ok {
		l.secrets.Store(s)
	}
	return g.prepare(ctx)
}

// Health reports that the store answers, and has not failed a write. One that takes
// no writes for want of room is no fault: sessions go on, and so will logins.
func (g *Gate) Health(ctx context.Context) error {
	nothing := func(store.Writer) error { return nil }
	if err := g.shared.store.Update(ctx, nothing); errors.Is(err, store.ErrFailed) {
		return err
	}
	return g.shared.store.View(ctx, func(r store.Reader) error { return checkSecrets(g.secrets(), r) })
}

func (g *Gate) secrets() *Secrets { return g.shared.secrets.Load() }

// checkSecrets opens the two records that every store holds: the one sealed on
// its first day and the one sealed last. Secrets that do not open both are not
// the store's, or lack its earliest or its newest keys.
func checkSecrets(s *Secrets, from getter) error {
	for _, name := range []string{metaName, newestName} {
		sealed, err := from.Get(name)
		if err != nil {
			return err
		}
		if err := openRecord(s, name, sealed, &metaRecord{}); err != nil {
			return fmt.Errorf("%w (%w)", ErrWrongSecret, err)
		}
	}
	return nil
}

// prepare writes what a store needs from its first day, the stand-in for whoever
// is unknown, and each time the record that proves the newest secrets.
func (g *Gate) prepare(ctx context.Context) error {
	seed := make([]byte, 20)
	rand.Read(seed)
	return g.shared.store.Update(ctx, func(w store.Writer) error {
		s := g.secrets()
		newest := metaRecord{Made: g.now()}
		err := checkSecrets(s, w)
		if err == nil {
			return write(s, w, newestName, newest, time.Time{})
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		k := Key{
			Serial: nobodyKey, Holder: nobody, State: Active, Used: -1, Imported: g.now(), Assigned: g.now(),
			Generator: otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Seed: seed, Digits: 6, Period: time.Minute},
		}
		a := Account{Identifier: nobody, Keys: []Serial{nobodyKey}, Added: g.now()}
		return errors.Join(
			prepareChains(s, w),
			write(s, w, keyName(nobodyKey), keyRecord(k), time.Time{}),
			write(s, w, accountName(nobody), accountRecord(a), time.Time{}),
			write(s, w, metaName, newest, time.Time{}),
			write(s, w, identityName, identityRecord{ID: NewNonce(), Schema: schema}, time.Time{}),
			write(s, w, newestName, newest, time.Time{}))
	})
}

// Begin starts a login towards a target. It writes nothing: until its first
// answer a login is the sealed cookie that Seal makes of it.
func (g *Gate) Begin(target string) Challenge {
	return Challenge{ID: NewNonce(), Question: AskPasscode, Target: target, Expires: g.now().Add(g.policy.Page)}
}

// loginCookie is what the browser keeps of a login.
type loginCookie struct {
	ID      string    `json:"i"`
	Target  string    `json:"t,omitempty"`
	Expires time.Time `json:"e"`
	Renew   bool      `json:"n,omitempty"`
}

const loginPurpose = "login"

// Seal gives the login cookie's value.
func (g *Gate) Seal(c Challenge) (string, error) {
	b, err := json.Marshal(loginCookie{c.ID, c.Target, c.Expires, c.Renew})
	if err != nil {
		return "", fmt.Errorf("encoding a login: %w", err)
	}
	return g.secrets().seal(loginPurpose, b)
}

// Challenge returns the login under way in a browser, from its cookie. Errors:
// ErrNoChallenge, the store's.
func (g *Gate) Challenge(ctx context.Context, cookie string) (Challenge, error) {
	plain, ok := g.secrets().open(loginPurpose, cookie)
	var lc loginCookie
	if !ok || json.Unmarshal(plain, &lc) != nil || !g.now().Before(lc.Expires) {
		return Challenge{}, ErrNoChallenge
	}
	c := Challenge{ID: lc.ID, Question: AskPasscode, Target: lc.Target, Expires: lc.Expires, Renew: lc.Renew}
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		c, err = currentChallenge(g.secrets(), r, c, g.now())
		return err
	})
	return c, err
}

// currentChallenge is the login as the store has it, or as the cookie gave it
// when it has had no answer yet, or none for so long that it begins again.
func currentChallenge(s *Secrets, from getter, c Challenge, now time.Time) (Challenge, error) {
	rec, err := read[challengeRecord](s, from, challengeName(c.ID))
	if errors.Is(err, store.ErrNotFound) || err == nil && !now.Before(rec.Expires) {
		return Challenge{ID: c.ID, Question: AskPasscode, Target: c.Target, Expires: c.Expires, Renew: c.Renew}, nil
	}
	rec.ID = c.ID
	return Challenge(rec), err
}

const formPurpose = "form "

// FormToken gives the hidden value of a form, bound to the login or the session
// that it is made for.
func (g *Gate) FormToken(bind string) (string, error) {
	return g.secrets().seal(formPurpose+bind, nil)
}

// CheckForm reports whether a form's hidden value was made for that login or
// session.
func (g *Gate) CheckForm(bind, token string) bool {
	_, ok := g.secrets().open(formPurpose+bind, token)
	return ok && bind != ""
}
