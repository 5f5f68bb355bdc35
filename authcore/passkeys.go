package authcore

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Passkey is a passkey or a security key of a person, as their account lists it.
type Passkey struct {
	// Mark names the passkey's record: a keyed hash of the credential's ID, in
	// hexadecimal.
	Mark     string    `json:"mark"`
	Name     string    `json:"name"` // its owner's choice, unique among theirs
	Added    time.Time `json:"added"`
	LastUsed time.Time `json:"lastUsed,omitzero"` // zero before the first login
	Synced   bool      `json:"synced,omitempty"`  // copied between its owner's devices
	Attested bool      `json:"attested,omitempty"`
	// Cloned: it opens nothing, since its counter went back as if there were two of
	// it. It can only be removed.
	Cloned bool `json:"cloned,omitempty"`
}

// ID is what people and forms name a passkey by: ten hexadecimal digits.
func (p Passkey) ID() string { return p.Mark[:min(len(p.Mark), 10)] }

// text is a passkey in the audit trail.
func (p Passkey) text() string { return p.ID() + " " + p.Name }

const (
	// MaxPasskeys is how many passkeys a person may have.
	MaxPasskeys = 10
	// Fresh is how long after a login what takes a fresh one may be done.
	Fresh = 5 * time.Minute
	// ceremonyLife is how long a ceremony may take.
	ceremonyLife = 5 * time.Minute

	maxPasskeyName = 60 // characters
)

// ParsePasskeyName reads a name as it was typed. Error: ErrPasskeyName.
func ParsePasskeyName(typed string) (string, error) {
	name := strings.TrimSpace(typed)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxPasskeyName || plainText(name) != nil {
		return "", ErrPasskeyName
	}
	return name, nil
}

// PasskeyConfig is what a portal is to authenticators; see passkey.Config.
type PasskeyConfig struct {
	Origin, Name string
	Attestation  bool
	Models       []string
}

// Passkeys runs a portal's ceremonies.
type Passkeys struct{ party *passkey.RelyingParty }

// NewPasskeys makes them. Errors: ErrNoPasskeys where the portal's address cannot
// have any, or a sentence about the rest.
func NewPasskeys(c PasskeyConfig) (*Passkeys, error) {
	party, err := passkey.New(passkey.Config(c))
	if errors.Is(err, passkey.ErrHost) {
		err = ErrNoPasskeys
	}
	if err != nil {
		return nil, err
	}
	return &Passkeys{party}, nil
}

// HasPasskeys reports whether this gate knows passkeys.
func (g *Gate) HasPasskeys() bool { return g.passkeys != nil }

// Ceremony is what a browser needs to register a passkey or to log in with one.
type Ceremony struct {
	// Options go to navigator.credentials, in the JSON form of WebAuthn §5.1.8.
	Options json.RawMessage
	// Sealed comes back with the response. It opens in the same login or session
	// only, for five minutes, once.
	Sealed string
}

// sealedCeremony is what Sealed holds. Nothing is written when a ceremony begins, so that a
// page that is only looked at writes nothing; that it was used is written, in the
// transaction that looks at the response, whatever comes of that.
type sealedCeremony struct {
	Kept    passkey.Ceremony `json:"c"`
	Holder  Identifier       `json:"h,omitempty"` // whose passkey is asked for; "" is anybody's
	Name    string           `json:"n,omitempty"` // of a passkey to add
	Expires time.Time        `json:"e"`
}

func (s *Secrets) sealCeremony(purpose string, options []byte, k sealedCeremony) (Ceremony, error) {
	b, err := json.Marshal(k)
	if err != nil {
		return Ceremony{}, fmt.Errorf("encoding a ceremony: %w", err)
	}
	sealed, err := s.seal(purpose, b)
	return Ceremony{Options: options, Sealed: sealed}, err
}

// openCeremony opens what is not over and not used, and says how it is written
// down that it is used now. Errors: ErrCeremony, the store's.
func openCeremony(s *Secrets, from getter, purpose, sealed string, now time.Time) (k sealedCeremony, err error) {
	plain, ok := s.open(purpose, sealed)
	if !ok || json.Unmarshal(plain, &k) != nil || !now.Before(k.Expires) {
		return sealedCeremony{}, ErrCeremony
	}
	if err := absent(from, ceremonyName(k.Kept.Challenge)); errors.Is(err, ErrExists) {
		return sealedCeremony{}, ErrCeremony
	} else if err != nil {
		return sealedCeremony{}, err
	}
	id, err := read[identityRecord](s, from, identityName)
	switch {
	case err != nil:
		return sealedCeremony{}, err
	case !k.Expires.After(id.Restored.Add(ceremonyLife)):
		return sealedCeremony{}, ErrCeremony // which of before its restore were used, the store has forgotten
	}
	return k, nil
}

// spend writes down that a ceremony was used. It is kept for longer than the
// ceremony could last, in case the clock goes back.
func (k sealedCeremony) spend(s *Secrets, w store.Writer, now time.Time) error {
	return write(s, w, ceremonyName(k.Kept.Challenge), ceremonyRecord{Used: now}, k.Expires.Add(day))
}

// passkey returns the account's passkey of that mark, or nil. It may be changed in
// place where the list was cloned.
func (a Account) passkey(mark string) *Passkey {
	for i := range a.Passkeys {
		if a.Passkeys[i].Mark == mark {
			return &a.Passkeys[i]
		}
	}
	return nil
}

// opensBy reports whether the account has a passkey that opens.
func (a Account) opensBy(mark string) bool {
	p := a.passkey(mark)
	return p != nil && !p.Cloned
}

// FindPasskey returns the passkey that a person has by that ID, or else by that
// name. Error: ErrNotFound.
func (a Account) FindPasskey(what string) (Passkey, error) {
	for _, by := range []func(Passkey) string{Passkey.ID, func(p Passkey) string { return p.Name }} {
		if i := slices.IndexFunc(a.Passkeys, func(p Passkey) bool { return by(p) == what }); i >= 0 {
			return a.Passkeys[i], nil
		}
	}
	return Passkey{}, fmt.Errorf("%s has no such passkey: %w", a.Identifier, ErrNotFound)
}

// marks are what a credential's record may be named by, the one to write first,
// then those of the secrets' earlier keys.
func (s *Secrets) passkeyMarks(id []byte) (marks []string) {
	for _, b := range s.deriveAll("passkey", base64.RawURLEncoding.EncodeToString(id)) {
		marks = append(marks, hex.EncodeToString(b[:16]))
	}
	return marks
}

// findCredential returns the record of a credential, with its mark. Errors:
// store.ErrNotFound, the store's.
func findCredential(s *Secrets, from getter, id []byte) (rec passkeyRecord, mark string, err error) {
	for _, mark = range s.passkeyMarks(id) {
		rec, err = read[passkeyRecord](s, from, passkeyName(mark))
		if !errors.Is(err, store.ErrNotFound) {
			return rec, mark, err
		}
	}
	return rec, "", err
}

// credentialIDs are those of a person's passkeys, as authenticators know them.
func credentialIDs(s *Secrets, from getter, all []Passkey) (ids [][]byte, err error) {
	for _, p := range all {
		rec, err := read[passkeyRecord](s, from, passkeyName(p.Mark))
		if err != nil {
			return nil, err
		}
		ids = append(ids, rec.Credential.ID)
	}
	return ids, nil
}

// deletePasskeys deletes the records of somebody's passkeys, whose list goes with
// the account.
func deletePasskeys(w store.Writer, a Account) error {
	var errs []error
	for _, p := range a.Passkeys {
		errs = append(errs, w.Delete(passkeyName(p.Mark)))
	}
	return errors.Join(errs...)
}

// RevokePasskey takes a passkey, named by its ID or its name, from a person, for an
// administrator. What it opened ends with it. It may be the last means that the
// person has: whoever found it is shut out at once. Errors: ErrNotFound, the store's.
func (g *Gate) RevokePasskey(ctx context.Context, by Actor, id Identifier, what string) error {
	return g.actOrAsk(ctx, by, Pending{Act: PendingPasskey, Passkey: what}, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := g.permit(w, by, id, now); err != nil {
			return nil, err
		}
		a, err := g.accountIn(w, id)
		if err != nil {
			return nil, err
		}
		p, err := a.FindPasskey(what)
		if err != nil {
			return nil, err
		}
		return []Event{by.event(PasskeyRemoved, id, "", p.text())}, g.dropPasskey(w, a, p)
	})
}

// dropPasskey removes a passkey from an account.
func (g *Gate) dropPasskey(w store.Writer, a Account, p Passkey) error {
	a.Passkeys = slices.DeleteFunc(slices.Clone(a.Passkeys), func(other Passkey) bool { return other.Mark == p.Mark })
	return errors.Join(w.Delete(passkeyName(p.Mark)),
		write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{}))
}
