package authcore

import (
	"context"
	"strings"

	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
	"github.com/sesame-gateway/sesame/authcore/store"
)

func newAuthenticator() *passkeytest.Authenticator { return passkeytest.New(portalOrigin) }

// session is the portal's session of a token.
func (b *bench) session(token Token) Session {
	b.t.Helper()
	s, _, err := b.Session(b.t.Context(), token, "", false)
	b.must(err)
	return s
}

// adds plays a registration, and returns what comes of it.
func (b *bench) adds(token Token, a *passkeytest.Authenticator, name string) (Passkey, error) {
	b.t.Helper()
	s := b.session(token)
	c, err := b.BeginPasskey(b.t.Context(), s, name)
	if err != nil {
		return Passkey{}, err
	}
	return b.AddPasskey(b.t.Context(), s, c.Sealed, a.Register(c.Options), b.from)
}

func (b *bench) addsPasskey(token Token, a *passkeytest.Authenticator, name string) Passkey {
	b.t.Helper()
	p, err := b.adds(token, a, name)
	b.must(err)
	return p
}

// ceremony starts a login by passkey on a fresh page.
func (b *bench) ceremony(who Identifier) (Challenge, Ceremony) {
	b.t.Helper()
	c := b.Begin("")
	made, err := b.BeginPasskeyLogin(b.t.Context(), c, who)
	b.must(err)
	return c, made
}

// showsPasskey logs in with an authenticator: that person's, or for "" whose it is.
func (b *bench) showsPasskey(a *passkeytest.Authenticator, who Identifier) Reply {
	b.t.Helper()
	c, made := b.ceremony(who)
	return b.answer(c, PasskeyAnswer{made.Sealed, a.Login(made.Options)})
}

func (b *bench) account(id Identifier) Account {
	b.t.Helper()
	a, err := b.Account(b.t.Context(), id)
	b.must(err)
	return a
}

// credential is a passkey's record.
func (b *bench) credential(p Passkey) (rec passkeyRecord) {
	b.t.Helper()
	b.must(b.store.View(context.Background(), func(r store.Reader) (err error) {
		rec, err = read[passkeyRecord](b.secrets(), r, passkeyName(p.Mark))
		return err
	}))
	return rec
}

// named counts the records whose names begin so.
func (b *bench) named(prefix string) (n int) {
	b.t.Helper()
	for name := range b.records() {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}
