package authcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// indexStock enters a key in the stock that it belongs to, and strikes it out where
// it no longer does.
func indexStock(w store.Writer, serial Serial, was, is string) error {
	var errs []error
	if was != "" && was != is {
		errs = append(errs, w.Delete(stockName(was, serial)))
	}
	if is != "" && was != is {
		errs = append(errs, w.Put(stockName(is, serial), nil, time.Time{}))
	}
	return errors.Join(errs...)
}

// Send enters the key in an establishment's stock, "" being that of whoever buys
// keys: there it waits to be received. Error: ErrState when it has a holder or is
// retired.
func (k Key) Send(uai string) (Key, error) {
	if k.Holder != "" || k.State == Retired {
		return k, ErrState
	}
	k.Stock, k.Received = uai, time.Time{}
	return k, nil
}

// Receive writes down that the establishment has the key in hand. Error: ErrState
// when it was sent to none, was received, has a holder or is retired.
func (k Key) Receive(now time.Time) (Key, error) {
	if k.Stock == "" || !k.Received.IsZero() || k.Holder != "" || k.State == Retired {
		return k, ErrState
	}
	k.Received = now
	return k, nil
}

// SendKey enters a key that nobody has in the stock of an establishment (UAI), or
// with "" takes it out. Errors: ErrNotFound, ErrState, a sentence about the
// establishment, the store's.
func (g *Gate) SendKey(ctx context.Context, by Actor, serial Serial, uai string) error {
	if uai != "" && !ValidUAI(uai) {
		return fmt.Errorf("%.20q is no UAI: seven digits and the letter that checks them", uai)
	}
	return g.changeKeyWith(ctx, by, serial, KeySent, uai, func(k Key) (Key, error) { return k.Send(uai) })
}

// ReceiveKey writes down that a key sent to an establishment is there. Errors:
// ErrNotFound, ErrState, the store's.
func (g *Gate) ReceiveKey(ctx context.Context, by Actor, serial Serial) error {
	return g.changeKey(ctx, by, serial, KeyReceived, func(k Key) (Key, error) { return k.Receive(g.now()) })
}

// putBack is Return. What comes back over the console is in the safe of the
// establishment that took it, though it was never sent there.
func (g *Gate) putBack(by Actor) func(Key) (Key, error) {
	return func(k Key) (Key, error) {
		now := g.now()
		k, err := k.Return(now)
		if err == nil && by.clerk != nil && k.Stock == "" && by.clerk.stock != "" {
			k.Stock, k.Received = by.clerk.stock, now
		}
		return k, err
	}
}

// fromOwnStock reports that a key may not be given to somebody over the console: a
// referent gives what their own establishment has received.
func (g *Gate) fromOwnStock(from getter, by Actor, k Key, to Identifier) error {
	if by.clerk == nil {
		return nil
	}
	a, err := g.accountIn(from, to)
	if err != nil {
		return err
	}
	_, actor, err := g.own(from, by.clerk.session, g.now())
	if err != nil {
		return err
	}
	if actor.Office.Role != RoleReferent {
		return nil
	}
	own := g.within(actor.Office, a.Establishments())
	if k.Received.IsZero() || !slices.Contains(own, k.Stock) {
		return fmt.Errorf("key %s: %w", k.Serial, ErrNotInStock)
	}
	return nil
}
