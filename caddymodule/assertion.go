package caddymodule

import (
	"log/slog"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

const (
	// assertionHeader carries the signed identity.
	assertionHeader = "Sesame-Assertion"
	// pathKeys is where the portal publishes what verifies it.
	pathKeys = ownPrefix + "jwks.json"
)

// identify tells the application who is there: by the placeholders, the headers,
// and the assertion where it wants one.
func (x *exchange) identify(st *authcore.Standing) error {
	repl := x.r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	id := x.identity(st)
	announce(repl, id.tell)
	size, err := id.set(x.r.Header, repl)
	if err == nil && x.site.assertion {
		var token string
		if token, err = x.gate.Assert(st, x.app.portal.origin.String(), x.site.origin.String()); err == nil {
			x.r.Header[assertionHeader] = []string{token}
			size += lineSize(assertionHeader, token)
		}
	}
	switch {
	case err != nil:
		return err
	case size > maxIdentity:
		return errTooMuch
	case size > warnIdentity && x.site.large.first(st.Account.Identifier):
		x.app.log.LogAttrs(x.r.Context(), slog.LevelWarn, "the headers that tell an application who is there are long: servers may refuse them",
			slog.String("application", x.site.id), slog.String("holder", string(st.Account.Identifier)), slog.Int("bytes", size))
	}
	return nil
}

// identity is what this application is told of a person, by this configuration.
func (x *exchange) identity(st *authcore.Standing) *identity {
	if id, _ := st.Note.Load().(*identity); id != nil && id.site == x.site {
		return id
	}
	id := x.site.headers.of(visitor{&st.Account, x.app.portal.origin.String() + "/", st.Session.Method})
	id.site = x.site
	st.Note.Store(id)
	return id
}

// firsts remembers of whom something has been said. When it has heard of too many
// it forgets them all, and says it again. The zero value is ready.
type firsts struct {
	mu   sync.Mutex
	seen map[authcore.Identifier]struct{}
}

const maxFirsts = 10_000

// first reports whether this is the first time.
func (f *firsts) first(id authcore.Identifier) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, seen := f.seen[id]; seen {
		return false
	}
	if f.seen == nil || len(f.seen) >= maxFirsts {
		f.seen = make(map[authcore.Identifier]struct{})
	}
	f.seen[id] = struct{}{}
	return true
}

// showKeys publishes the keys that verify assertions (RFC 7517). Anybody may read
// them, from any page, and keep them for five minutes; a store that does not
// answer is not asked.
func (x *exchange) showKeys() error {
	x.protect(bareCSP)
	h := x.w.Header()
	h.Del("Vary")
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(x.gate.AssertionKeys()) // a client that has left cannot be told
	return nil
}
