package authcore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// AddAccount adds a person. Keys, Epoch, Added and Office are the gate's to fill. Errors:
// ErrExists, a sentence about the account, the store's.
func (g *Gate) AddAccount(ctx context.Context, by Actor, a Account) error {
	if err := a.Validate(); err != nil {
		return err
	}
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		return g.add(w, by, a, now)
	})
}

func (g *Gate) add(w store.Writer, by Actor, a Account, now time.Time) ([]Event, error) {
	if err := absent(w, accountName(a.Identifier)); err != nil {
		return nil, fmt.Errorf("%s: %w", a.Identifier, err)
	}
	a.Keys, a.Epoch, a.Added, a.Office = nil, newEpoch(), now, Office{}
	return []Event{by.event(AccountAdded, a.Identifier, "", "")},
		errors.Join(indexMember(w, a.Identifier, nil, a.Establishments()),
			write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{}))
}

// newEpoch draws where the epochs of an account begin: 52 bits, so that two
// people who had one identifier one after the other never share an epoch, and
// that every program reads the number in JSON as it is (RFC 8259 section 6).
func newEpoch() int {
	var b [8]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint64(b[:]) >> 12)
}

// DisableAccount shuts a person out and ends their sessions; EnableAccount lets
// them in again. Errors: ErrNotFound, the store's.
func (g *Gate) DisableAccount(ctx context.Context, by Actor, id Identifier) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		a, err := g.accountIn(w, id)
		if err != nil {
			return nil, err
		}
		return g.disable(w, by, a)
	})
}

func (g *Gate) disable(w store.Writer, by Actor, a Account) ([]Event, error) {
	a.Disabled = true
	a.Epoch++
	return []Event{{Kind: AccountChanged, Holder: a.Identifier, Actor: by.Name, Detail: "disabled"}},
		write(g.secrets(), w, accountName(a.Identifier), accountRecord(a), time.Time{})
}

// EnableAccount undoes DisableAccount; the sessions stay ended.
func (g *Gate) EnableAccount(ctx context.Context, by Actor, id Identifier) error {
	return g.changeAccount(ctx, by, id, "enabled", func(a *Account) { a.Disabled = false })
}

// EndSessions ends every session of a person at once. Errors: ErrNotFound, the
// store's.
func (g *Gate) EndSessions(ctx context.Context, by Actor, id Identifier) error {
	return g.changeAccount(ctx, by, id, "sessions ended", func(a *Account) { a.Epoch++ })
}

func (g *Gate) changeAccount(ctx context.Context, by Actor, id Identifier, detail string, change func(*Account)) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		a, err := g.accountIn(w, id)
		if err != nil {
			return nil, err
		}
		change(&a)
		return []Event{{Kind: AccountChanged, Holder: id, Actor: by.Name, Detail: detail}},
			write(g.secrets(), w, accountName(id), accountRecord(a), time.Time{})
	})
}

// Account returns one person. Errors: ErrNotFound, the store's.
func (g *Gate) Account(ctx context.Context, id Identifier) (Account, error) {
	var a Account
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		a, err = g.accountIn(r, id)
		return err
	})
	return a, err
}

// Accounts returns people in the order of their identifiers: those after the
// given one, at most limit of them. "" is before all identifiers, 0 is no limit.
func (g *Gate) Accounts(ctx context.Context, after Identifier, limit int) ([]Account, error) {
	var accounts []Account
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		page, err := collectPage(g.secrets(), r, accountPrefix, accountName(after), limit, func(rec accountRecord) (bool, error) {
			return rec.Identifier != nobody, nil
		})
		accounts = make([]Account, 0, len(page))
		for _, rec := range page {
			accounts = append(accounts, Account(rec))
		}
		return err
	})
	return accounts, err
}

// Blind returns how many answers in a row showed no code of that person's keys,
// or one too far away.
func (g *Gate) Blind(ctx context.Context, id Identifier) (n int, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		tally, err := read[attempts](g.secrets(), r, attemptsName(g.secrets(), id, true))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		n = tally.Blind
		return err
	})
	return n, err
}

func (g *Gate) accountIn(from getter, id Identifier) (Account, error) {
	rec, err := read[accountRecord](g.secrets(), from, accountName(id))
	if errors.Is(err, store.ErrNotFound) || id == nobody {
		err = fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	return Account(rec), err
}
