package passkey_test

import (
	"errors"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

// Whatever comes, a response that is not the authenticator's own opens nothing,
// registers nothing, and is refused as every other.
func FuzzResponses(f *testing.F) {
	p, a := newParty(f), passkeytest.New(origin)
	creation, registering, err := p.BeginRegistration(jeanne, nil)
	if err != nil {
		f.Fatal(err)
	}
	made := a.Register(creation)
	c, err := p.FinishRegistration(registering, made)
	if err != nil {
		f.Fatal(err)
	}
	request, logging, err := p.BeginLogin(nil)
	if err != nil {
		f.Fatal(err)
	}
	stranger := passkeytest.New(origin)
	stranger.ID, stranger.Handle = a.ID, a.Handle
	for _, seed := range [][]byte{stranger.Register([]byte(`{"challenge":"AAAA","user":{"id":"AAAA"}}`)), stranger.Login(request), []byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		var refusal *passkey.Refusal
		if _, err := finish(p, logging, response, c); !errors.As(err, &refusal) {
			t.Errorf("a login: %v", err)
		}
		if _, err := p.FinishRegistration(registering, response); err != nil && !errors.As(err, &refusal) {
			t.Errorf("a registration: %v", err)
		}
	})
}
