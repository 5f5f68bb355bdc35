package authcore

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Anchor is what is kept outside a store of how far that had come: a store that
// has lost its records looks new, and one that was put back looks as it did then.
// Its MAC is under the store's secrets.
type Anchor struct {
	Store   string    `json:"store"` // which one
	Epoch   int64     `json:"epoch"` // that of the last restore
	Version uint64    `json:"version"`
	Time    time.Time `json:"time"`
	Keys    int       `json:"keys"`
	MAC     []byte    `json:"mac"`
}

// ErrAnchor is what New returns for a store that is not what its anchor says.
var ErrAnchor = errors.New("this store is not as it was left")

const anchorPurpose = "anchor"

// canonical is every field but the MAC, in one spelling.
func (a Anchor) canonical() string {
	return fmt.Sprintf("%d %s %d %d %s %d", len(a.Store), a.Store, a.Epoch, a.Version, a.Time.UTC().Format(time.RFC3339Nano), a.Keys)
}

// Anchor moves the store's version on and returns what is to be kept outside of it
// from now on. To be called every minute or so, and before the store is closed:
// what a store loses of the time since the last anchor is not noticed. Errors:
// the store's.
func (g *Gate) Anchor(ctx context.Context) (Anchor, error) {
	var a Anchor
	err := g.shared.store.Update(ctx, func(w store.Writer) error {
		id, err := read[identityRecord](g.secrets(), w, identityName)
		if err != nil {
			return err
		}
		id.Version++
		a = Anchor{Store: id.ID, Epoch: id.Epoch, Version: id.Version, Time: g.now(), Keys: id.Keys}
		return write(g.secrets(), w, identityName, id, time.Time{})
	})
	a.MAC = g.secrets().derive(anchorPurpose, a.canonical())
	return a, err
}

// ParseAnchor reads an anchor that was written as JSON. Error: it is damaged, or
// of other secrets.
func (s *Secrets) ParseAnchor(text []byte) (Anchor, error) {
	var a Anchor
	if json.Unmarshal(text, &a) != nil {
		return Anchor{}, errors.New("it is damaged")
	}
	genuine := func(mac []byte) bool { return hmac.Equal(mac, a.MAC) }
	if !slices.ContainsFunc(s.deriveAll(anchorPurpose, a.canonical()), genuine) {
		return Anchor{}, errors.New("it is damaged, or was written under another secret file")
	}
	return a, nil
}

// Newer reports whether an anchor was written after another.
func (a Anchor) Newer(b Anchor) bool {
	return a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Version > b.Version
}

// checkAnchor holds the store to the anchor that was kept, nil where there is
// none, and to the number of keys that it says it has. A store of a later epoch
// was restored, or accepted, on purpose: nobody can raise that without the
// secrets. Errors: ErrAnchor, the store's.
func (g *Gate) checkAnchor(ctx context.Context, a *Anchor) error {
	id, made, err := g.identity(ctx)
	switch {
	case err != nil || !made && a == nil:
		return err
	case a == nil || made && id.Epoch > a.Epoch:
	case !made:
		return a.refuse("it is empty")
	case id.Schema > 0 && id.ID != a.Store:
		return a.refuse("it is another one")
	case id.Epoch < a.Epoch || id.Version < a.Version:
		return a.refuse("it is an older one")
	case id.Keys < a.Keys:
		return a.refuse("it has fewer keys")
	}
	if id.Schema == 0 {
		return nil // it does not say yet how many keys it has
	}
	n, err := g.countKeys(ctx)
	if err == nil && n < id.Keys {
		err = fmt.Errorf("%w: %d of its %d keys are there; %s", ErrAnchor, n, id.Keys, wayOut)
	}
	return err
}

// wayOut is what an operator does about a store that is refused.
const wayOut = "restore a backup (sesame restore), or, knowing what is lost, accept it as it is (sesame store accept)"

func (a Anchor) refuse(what string) error {
	return fmt.Errorf("%w: %s, and at %s there was one with %d keys; look for what became of it, %s",
		ErrAnchor, what, a.Time.UTC().Format(time.RFC3339), a.Keys, wayOut)
}
