package authcore

import (
	"fmt"

	"github.com/tink-crypto/tink-go/v2/jwt"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// assertionUse names the keyset under which assertions are signed. Its keys stand
// in the order of their age: those that signed, the primary one that signs, and
// the one that will sign after the next rotation. All are published, so that who
// has read the JWK Set before a rotation knows the key of after it, and who
// verifies behind a rotation still knows the key of before.
const assertionUse = "assertions"

// completeAssertionKeys makes the keyset of a file that has none (nil), or gives
// a keyset its next key.
func completeAssertionKeys(h *keyset.Handle) (*keyset.Handle, error) {
	if h == nil {
		var err error
		if h, err = keyset.NewHandle(jwt.ES256Template()); err != nil {
			return nil, fmt.Errorf("making the keyset %q: %w", assertionUse, err)
		}
	}
	return withNextKey(h)
}

// withNextKey adds a key behind all others.
func withNextKey(h *keyset.Handle) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(h)
	if _, err := m.Add(jwt.ES256Template()); err != nil {
		return nil, fmt.Errorf("adding a key to the keyset %q: %w", assertionUse, err)
	}
	return m.Handle()
}

// rotateAssertionKeys makes the next key the primary one, keeps the one of before
// for whoever verifies now, drops those before it, and adds a next one.
func rotateAssertionKeys(h *keyset.Handle) (*keyset.Handle, error) {
	primary := primaryIndex(h)
	if primary+1 >= h.Len() {
		return nil, fmt.Errorf("the keyset %q has no key behind the primary one: restore the secret file from where you keep its copy", assertionUse)
	}
	m := keyset.NewManagerFromHandle(h)
	for i := range h.Len() {
		e, err := h.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("reading the keyset %q: %w", assertionUse, err)
		}
		switch {
		case i < primary:
			err = m.Delete(e.KeyID())
		case i == primary+1:
			err = m.SetPrimary(e.KeyID())
		}
		if err != nil {
			return nil, fmt.Errorf("rotating the keyset %q: %w", assertionUse, err)
		}
	}
	rotated, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("rotating the keyset %q: %w", assertionUse, err)
	}
	return withNextKey(rotated)
}

// primaryIndex is where the primary key stands.
func primaryIndex(h *keyset.Handle) int {
	for i := range h.Len() {
		if e, err := h.Entry(i); err == nil && e.IsPrimary() {
			return i
		}
	}
	return h.Len()
}

// notary signs with the primary key, and knows all public ones.
type notary struct {
	signer jwt.Signer
	public []byte // the JWK Set
}

func newNotary(h *keyset.Handle) (*notary, error) {
	signer, err := jwt.NewSigner(h)
	if err != nil {
		return nil, err
	}
	public, err := h.Public()
	if err != nil {
		return nil, err
	}
	set, err := jwt.JWKSetFromPublicKeysetHandle(public)
	if err != nil {
		return nil, err
	}
	return &notary{signer: signer, public: set}, nil
}
