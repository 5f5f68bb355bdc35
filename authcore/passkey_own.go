package authcore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// What the owner of a session does with their own passkeys. The session is the
// portal's, and is looked at again in each transaction.

// Recent reports whether a session began so lately that its owner may remove what
// they log in with.
func (s Session) Recent(now time.Time) bool { return now.Sub(s.Began) < Fresh }

// RecentCode reports whether a session began so lately with a PASSCODE of the key
// itself that its owner may add a passkey. A code that stands in for a lost key is
// no such thing: what is weaker than the key must not make what replaces it.
func (s Session) RecentCode(now time.Time) bool { return s.Recent(now) && s.Method == MethodOTP }

// own reads the account of a session of the portal that still lives. Errors:
// ErrNoSession, the store's.
func (g *Gate) own(from getter, s Session, now time.Time) (Session, Account, error) {
	current, err := sessionOf(g.secrets(), from, s.ID)
	if err == nil && (current.Parent != "" || current.Holder != s.Holder) {
		err = ErrNoSession
	}
	if err != nil {
		return current, Account{}, err
	}
	a, err := g.accountIn(from, current.Holder)
	if errors.Is(err, ErrNotFound) || err == nil && !current.alive(a, now) {
		err = ErrNoSession
	}
	return current, a, err
}

// ofOwner writes down an act of the person themselves.
func ofOwner(kind EventKind, s Session, p Passkey, from Source) Event {
	e := Event{Kind: kind, Holder: s.Holder, Detail: p.text()}
	e.Address, e.Agent = from.text()
	return e
}

const addingPurpose = "passkey to add "

// BeginPasskey starts the registration of one more passkey under that name. Errors:
// ErrNoPasskeys, ErrNoSession, ErrNotFresh, ErrTooManyPasskeys, ErrPasskeyName, the
// store's.
func (g *Gate) BeginPasskey(ctx context.Context, s Session, name string) (Ceremony, error) {
	if g.passkeys == nil {
		return Ceremony{}, ErrNoPasskeys
	}
	name, err := ParsePasskeyName(name)
	if err != nil {
		return Ceremony{}, err
	}
	var u passkey.User
	var have [][]byte
	now := g.now()
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		_, a, err := g.mayAdd(r, s, now)
		if err != nil {
			return err
		}
		u = passkey.User{Handle: a.Handle, Name: string(a.Identifier), DisplayName: a.Name()}
		have, err = credentialIDs(g.secrets(), r, a.Passkeys)
		return err
	})
	if err != nil {
		return Ceremony{}, err
	}
	if len(u.Handle) == 0 {
		u.Handle = make([]byte, 32)
		rand.Read(u.Handle)
	}
	options, c, err := g.passkeys.party.BeginRegistration(u, have)
	if err != nil {
		return Ceremony{}, err
	}
	return g.secrets().sealCeremony(addingPurpose+string(s.ID), options, sealedCeremony{Kept: c, Holder: s.Holder, Name: name, Expires: now.Add(ceremonyLife)})
}

func (g *Gate) mayAdd(from getter, s Session, now time.Time) (Session, Account, error) {
	current, a, err := g.own(from, s, now)
	switch {
	case err != nil:
	case !current.RecentCode(now):
		err = ErrNotFresh
	case len(a.Passkeys) >= MaxPasskeys:
		err = ErrTooManyPasskeys
	}
	return current, a, err
}

// AddPasskey ends the registration that BeginPasskey started in this session: the
// authenticator's response is verified, and the passkey kept under the name given
// then, with a number behind it where that is taken. Errors: ErrNoPasskeys,
// ErrNoSession, ErrNotFresh, ErrTooManyPasskeys, ErrPasskeyExists, ErrCeremony,
// ErrPasskeyRefused, the store's. After the three before the store's the ceremony
// is used up.
func (g *Gate) AddPasskey(ctx context.Context, s Session, sealed string, response []byte, from Source) (Passkey, error) {
	if g.passkeys == nil {
		return Passkey{}, ErrNoPasskeys
	}
	var p Passkey
	var refusal error
	err := g.act(ctx, func(w store.Writer, now time.Time) (events []Event, err error) {
		refusal = nil
		current, a, err := g.mayAdd(w, s, now)
		if err != nil {
			return nil, err
		}
		k, err := openCeremony(g.secrets(), w, addingPurpose+string(current.ID), sealed, now)
		if err != nil {
			return nil, err
		}
		p = Passkey{Name: a.freeName(k.Name), Added: now}
		if refusal, err = g.keep(w, a, &p, k, response); err != nil {
			return nil, err
		}
		e := ofOwner(PasskeyAdded, current, p, from)
		if refusal != nil {
			e.Kind, e.Detail, e.Chain = PasskeyRefused, reasonOf(refusal), g.secrets().slotOf(Challenge{ID: string(s.ID)})
		}
		return []Event{e}, k.spend(g.secrets(), w, now)
	})
	return p, errors.Join(err, refusal)
}

// keep verifies a registration and writes the passkey. What is refused is no error
// of the transaction, which must write that the ceremony was used.
func (g *Gate) keep(w store.Writer, a Account, p *Passkey, k sealedCeremony, response []byte) (refusal, err error) {
	credential, refused := g.passkeys.party.FinishRegistration(k.Kept, response)
	switch {
	case refused != nil:
		return fmt.Errorf("%w: %w", ErrPasskeyRefused, refused), nil
	case len(a.Handle) > 0 && !slices.Equal(a.Handle, k.Kept.Handle):
		return ErrCeremony, nil // another tab drew the person's handle meanwhile
	}
	if _, _, err := findCredential(g.secrets(), w, credential.ID); err == nil {
		return ErrPasskeyExists, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	p.Mark = g.secrets().passkeyMarks(credential.ID)[0]
	p.Synced, p.Attested = credential.Synced, credential.Attested
	a.Handle = k.Kept.Handle
	a.Passkeys = append(slices.Clone(a.Passkeys), *p)
	return nil, errors.Join(
		write(g.secrets(), w, passkeyName(p.Mark), passkeyRecord{Holder: a.Identifier, Credential: credential}, time.Time{}),
		write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{}))
}

// reasonOf is why a passkey is refused, for the audit trail.
func reasonOf(err error) string {
	if r, ok := errors.AsType[*passkey.Refusal](err); ok {
		return r.Reason.String()
	}
	if errors.Is(err, ErrPasskeyExists) {
		return "exists"
	}
	return "ceremony"
}

// freeName is a name that no passkey of the account has: the one wanted, or that
// with a number. An authenticator has made its passkey by then, which is not to be
// lost for its name.
func (a Account) freeName(wanted string) string {
	name := wanted
	for n := 2; slices.ContainsFunc(a.Passkeys, func(p Passkey) bool { return p.Name == name }); n++ {
		name = fmt.Sprintf("%s %d", wanted, n)
	}
	return name
}

// RenamePasskey gives a passkey of one's own, named by its ID, another name. Errors:
// ErrNoSession, ErrNotFound, ErrPasskeyName, ErrPasskeyNameTaken, the store's.
func (g *Gate) RenamePasskey(ctx context.Context, s Session, id, name string, from Source) error {
	name, err := ParsePasskeyName(name)
	if err != nil {
		return err
	}
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		current, a, err := g.own(w, s, now)
		if err != nil {
			return nil, err
		}
		a.Passkeys = slices.Clone(a.Passkeys)
		i := slices.IndexFunc(a.Passkeys, func(p Passkey) bool { return p.ID() == id })
		switch taken := slices.IndexFunc(a.Passkeys, func(p Passkey) bool { return p.Name == name }); {
		case i < 0:
			return nil, ErrNotFound
		case taken == i:
			return nil, nil
		case taken >= 0:
			return nil, ErrPasskeyNameTaken
		}
		a.Passkeys[i].Name = name
		return []Event{ofOwner(PasskeyRenamed, current, a.Passkeys[i], from)},
			write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{})
	})
}

// RemovePasskey takes a passkey of one's own, named by its ID, out of service. The
// sessions that it opened end, this one too if it is one of them. Errors:
// ErrNoSession, ErrNotFresh, ErrNotFound, ErrLastMeans, the store's.
func (g *Gate) RemovePasskey(ctx context.Context, s Session, id string, from Source) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		current, a, err := g.own(w, s, now)
		if err != nil {
			return nil, err
		}
		if !current.Recent(now) {
			return nil, ErrNotFresh
		}
		i := slices.IndexFunc(a.Passkeys, func(p Passkey) bool { return p.ID() == id })
		if i < 0 {
			return nil, ErrNotFound
		}
		p := a.Passkeys[i]
		left, err := g.meansBut(w, a, p, now)
		switch {
		case err != nil:
			return nil, err
		case !left:
			return nil, ErrLastMeans
		}
		return []Event{ofOwner(PasskeyRemoved, current, p, from)}, g.dropPasskey(w, a, p)
	})
}

// meansBut reports whether somebody can still log in without one of their passkeys:
// by another one, or by a key in service. One that opens nothing as it is was no
// means.
func (g *Gate) meansBut(from getter, a Account, p Passkey, now time.Time) (bool, error) {
	if p.Cloned || slices.ContainsFunc(a.Passkeys, func(other Passkey) bool { return other.Mark != p.Mark && !other.Cloned }) {
		return true, nil
	}
	for _, serial := range a.Keys {
		k, err := g.keyIn(from, serial)
		if err != nil {
			return false, err
		}
		if k.usable(Trial{}, now) {
			return true, nil
		}
	}
	return false, nil
}
