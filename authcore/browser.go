package authcore

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// browser is what is kept of a person's logins in one browser, which a cookie
// tells again. It counts the failures there apart from those of strangers: a
// flood against a name neither slows its owner down where they log in every day,
// nor makes them type a second code. (OWASP, "Slow Down Online Guessing Attacks
// with Device Cookies".) The cookie opens nothing and shows nobody's name; whoever
// steals it has guesses of their own, under the same limits.
type browser struct {
	Attempts attempts  `json:"attempts"`
	Slow     slow      `json:"slow"`
	Seen     time.Time `json:"seen"` // the last login there
}

// browserMemory is how long after their last login there a person is a stranger
// to a browser again.
const browserMemory = 180 * day

// BrowserAge is how long a browser is to keep the cookie that names it: Reply.Browser.
const BrowserAge = browserMemory

// browserName names the record of a person in a browser, by a keyed hash.
func browserName(s *Secrets, t Token, id Identifier) string {
	return "browser/" + base64.RawURLEncoding.EncodeToString(s.derive("browser", string(t)+"\x00"+string(id)))
}

// browser is what names the browser of a login: what it says itself, or what it
// is to be given, the same for a double click.
func (t *turn) browser(c Challenge) Token {
	if len(t.from.Browser) == tokenLength {
		return t.from.Browser
	}
	return Token(base64.RawURLEncoding.EncodeToString(t.secrets.derive("new browser", c.ID+c.Salt)))
}

// knows reports whether a person has logged in with the browser of an answer.
func (g *Gate) knows(ctx context.Context, from Source, id Identifier) (known bool) {
	if len(from.Browser) != tokenLength {
		return false
	}
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		b, err := read[browser](g.secrets(), r, browserName(g.secrets(), from.Browser, id))
		known = err == nil && g.now().Before(b.Seen.Add(browserMemory))
		return err
	})
	return err == nil && known
}

// readCounters reads what counts failures: the browser's, where the person has
// logged in there, or else strangers'. The others are not read, so that nobody
// waits for those who write them.
func (t *turn) readCounters(w store.Writer, who Identifier, s *scene) error {
	if len(t.from.Browser) == tokenLength {
		b, err := read[browser](t.newest, w, browserName(t.newest, t.from.Browser, who))
		if err == nil && s.now.Before(b.Seen.Add(browserMemory)) {
			s.attempts, s.slow, s.browserSeen = b.Attempts, b.Slow.forget(s.now), b.Seen
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	tally, err := read[attempts](t.newest, w, attemptsName(t.newest, who, s.known))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	was, err := read[slow](t.newest, w, slowName(t.newest, who, t.from.network()))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.attempts, s.slow = tally, was.forget(s.now)
	return nil
}

// saveCounters writes what readCounters read, as far as it has changed; and from
// a login by codes on, the browser is one that the person has logged in with.
func (t *turn) saveCounters(w store.Writer, before, after scene, c Challenge) error {
	var errs []error
	put := func(name string, record any, expires time.Time) {
		errs = append(errs, write(t.newest, w, name, record, expires))
	}
	changed := after.attempts != before.attempts || after.slow != before.slow
	entered := after.granted != nil && after.granted.Method != MethodPasskey
	seen := before.browserSeen
	if entered {
		seen = after.now
	}
	if entered || changed && !before.browserSeen.IsZero() {
		put(browserName(t.newest, t.browser(c), c.Holder), browser{after.attempts, after.slow, seen}, seen.Add(browserMemory))
	}
	if !before.browserSeen.IsZero() {
		return errors.Join(errs...)
	}
	if after.attempts != before.attempts {
		put(attemptsName(t.newest, c.Holder, after.known), after.attempts, time.Time{})
	}
	switch name := slowName(t.newest, c.Holder, t.from.network()); {
	case after.slow == before.slow:
	case after.slow == (slow{}):
		errs = append(errs, w.Delete(name))
	default:
		put(name, after.slow, after.slow.Last.Add(slowMemory))
	}
	return errors.Join(errs...)
}
