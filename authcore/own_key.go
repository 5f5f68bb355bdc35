package authcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// What a person sees of their keys and of their account, and does with them, in a
// session of the portal.

// BeginPINChange starts a login that leads to another PIN: the PASSCODE of before, the
// new PIN twice, a PASSCODE of it. As soon as the first one is right the key asks for
// another PIN, as after RequirePIN, also where this login is given up.
func (g *Gate) BeginPINChange() Challenge {
	c := g.Begin("")
	c.Renew = true
	return c
}

// OwnKeys returns what may be shown of the keys of a session's person. Errors:
// ErrNoSession, the store's.
func (g *Gate) OwnKeys(ctx context.Context, s Session) (keys []KeyInfo, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		keys = nil
		_, a, err := g.own(r, s, g.now())
		if err != nil {
			return err
		}
		for _, serial := range a.Keys {
			k, err := g.keyIn(r, serial)
			if err != nil {
				return err
			}
			keys = append(keys, k.Info())
		}
		return nil
	})
	return keys, err
}

// LoseOwnKey shuts a key of the person's own that was lost or stolen, and ends all their
// sessions, this one too. It takes a fresh login; what else they log in with goes on.
// Errors: ErrNoSession, ErrNotFresh, ErrNotFound (the key is not theirs), ErrState,
// the store's.
func (g *Gate) LoseOwnKey(ctx context.Context, s Session, serial Serial, from Source) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		current, a, err := g.own(w, s, now)
		switch {
		case err != nil:
			return nil, err
		case !current.Recent(now):
			return nil, ErrNotFresh
		case !slices.Contains(a.Keys, serial):
			return nil, fmt.Errorf("key %s: %w", serial, ErrNotFound)
		}
		was, err := g.keyIn(w, serial)
		if err != nil {
			return nil, err
		}
		k, err := was.ReportLost()
		if err != nil {
			return nil, fmt.Errorf("key %s is %s: %w", serial, was.State, err)
		}
		e := Event{Kind: KeyLost, Serial: serial, Holder: a.Identifier, Detail: "by its holder"}
		e.Address, e.Agent = from.text()
		return []Event{e}, errors.Join(write(g.secrets(), w, keyName(serial), keyRecord(k), time.Time{}), g.withoutKey(w, a.Identifier, serial, false))
	})
}

// maxLanguage bounds a language's tag (RFC 5646, section 4.4.1), in bytes.
const maxLanguage = 35

// SetOwnLanguage has the person written to in a language, of which the caller knows
// the tag. Errors: ErrNoSession, a sentence about a tag that is none, the store's.
func (g *Gate) SetOwnLanguage(ctx context.Context, s Session, tag string, from Source) error {
	if tag == "" || len(tag) > maxLanguage || plainText(tag) != nil {
		return fmt.Errorf("%.40q is no language's tag", tag)
	}
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		_, a, err := g.own(w, s, now)
		if err != nil || a.Language == tag {
			return nil, err
		}
		a.Language = tag
		e := Event{Kind: AccountChanged, Holder: a.Identifier, Detail: "language " + tag}
		e.Address, e.Agent = from.text()
		return []Event{e}, write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{})
	})
}

// connectionKinds is what a connection is to whoever looks at theirs: a login, an
// application opened, a refusal.
var connectionKinds = []EventKind{
	LoginAccepted, PINDefined, EmergencyUsed, PasskeyUsed, SessionHandedOver,
	CodeUnmatched, CodeTooFar, CodeReused, PINWrong, ActivationWrong, NextCodeWrong, KeyUnusable, PersonDisabled, LoginBusy, LoginSlowed,
	PasskeyRefused, PasskeyCloned,
}

// ConnectionKinds returns the kinds of entries that OwnConnections has.
func ConnectionKinds() []EventKind { return slices.Clone(connectionKinds) }

// OwnConnections returns the last connections of a session's person, those that were
// refused too, the newest first, at most limit (1 or more). What they are is said by
// Event.Kind, one of ConnectionKinds; of SessionHandedOver the host stands in Detail.
// Error: the store's.
func (g *Gate) OwnConnections(ctx context.Context, s Session, limit int) (all []Event, err error) {
	// Entries are read the oldest first: those of a day are looked at before those of
	// a month.
	for _, back := range []time.Duration{day, 7 * day, 31 * day, 0} {
		q := AuditQuery{User: s.Holder, Kinds: connectionKinds}
		if back > 0 {
			q.Since = g.now().Add(-back)
		}
		if all, err = g.Events(ctx, q); err != nil || len(all) >= limit {
			break
		}
	}
	slices.Reverse(all)
	return all[:min(len(all), limit)], err
}
