package authcore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Clerk is somebody at work in the console, in a session of theirs on the portal.
// Each of its methods looks at their right anew (ConsoleRules.Judge), those that
// change something in the transaction that does it; a *BarredError says what stands
// in the way, and then nothing was changed.
//
// The methods that change a person's key are told whose it was on the page that was
// confirmed: ErrState when it is somebody else's by then.
type Clerk struct {
	gate    *Gate
	session Session
	from    Source
}

// Clerk returns who works in the console in that session.
func (g *Gate) Clerk(s Session, from Source) Clerk { return Clerk{g, s, from} }

// actor is the clerk for one deed to one person.
func (c Clerk) actor(d Deed, to Identifier) Actor {
	return Actor{
		Name: string(c.session.Holder) + " (console)", Who: string(c.session.Holder),
		clerk: &clerk{session: c.session, from: c.from, deed: d, expects: to},
	}
}

// May says what stands between the clerk and a deed, as things are now. Errors: the
// store's.
func (c Clerk) May(ctx context.Context, d Deed, on Subject) (bar Bar, err error) {
	err = c.gate.shared.store.View(ctx, func(r store.Reader) error {
		return c.gate.judge(r, c.session, d, on, c.gate.now())
	})
	if barred, ok := errors.AsType[*BarredError](err); ok {
		return barred.Bar, nil
	}
	return NoBar, err
}

// ClearPIN is Gate.ClearPIN.
func (c Clerk) ClearPIN(ctx context.Context, serial Serial, of Identifier) error {
	return c.gate.ClearPIN(ctx, c.actor(DeedClearPIN, of), serial)
}

// Unlock is Gate.UnlockKey.
func (c Clerk) Unlock(ctx context.Context, serial Serial, of Identifier) error {
	return c.gate.UnlockKey(ctx, c.actor(DeedUnlock, of), serial)
}

// HandOver is Gate.HandOverKey.
func (c Clerk) HandOver(ctx context.Context, serial Serial, to Identifier) error {
	return c.gate.HandOverKey(ctx, c.actor(DeedHandOver, to), serial)
}

// Return is Gate.ReturnKey; the key goes into the safe of the establishment where
// the clerk looks after its holder, if it is in the stock of none.
func (c Clerk) Return(ctx context.Context, serial Serial, of Identifier) error {
	by := c.actor(DeedReturn, of)
	_, actor, a, err := c.look(ctx, of)
	if err != nil {
		return err
	}
	if own := c.gate.within(actor.Office, a.Establishments()); len(own) > 0 {
		by.clerk.stock = own[0]
	}
	return c.gate.ReturnKey(ctx, by, serial)
}

// Assign is Gate.AssignKey; a referent assigns what an establishment of theirs and of
// the person has received (ErrNotInStock).
func (c Clerk) Assign(ctx context.Context, serial Serial, to Identifier) error {
	return c.gate.AssignKey(ctx, c.actor(DeedAssign, to), serial, to)
}

// Receive is Gate.ReceiveKey.
func (c Clerk) Receive(ctx context.Context, serial Serial) error {
	return c.gate.ReceiveKey(ctx, c.actor(DeedReceive, ""), serial)
}

// Delegate is Gate.Delegate, for an application that is delegable in the console
// (ErrDelegation).
func (c Clerk) Delegate(ctx context.Context, to Identifier, d Delegation) error {
	if !c.gate.delegable(d.Application) {
		return fmt.Errorf("%w: the application %.40q is not one that is delegated here", ErrDelegation, d.Application)
	}
	return c.gate.Delegate(ctx, c.actor(DeedDelegate, to), to, d)
}

// EndDelegation is Gate.EndDelegation, for such an application.
func (c Clerk) EndDelegation(ctx context.Context, of Identifier, application string) error {
	if !c.gate.delegable(application) {
		return fmt.Errorf("%w: the application %.40q is not one that is delegated here", ErrDelegation, application)
	}
	return c.gate.EndDelegation(ctx, c.actor(DeedUndelegate, of), of, application)
}

// RevokePasskey is Gate.RevokePasskey.
func (c Clerk) RevokePasskey(ctx context.Context, of Identifier, passkey string) error {
	return c.gate.RevokePasskey(ctx, c.actor(DeedRevokePasskey, of), of, passkey)
}

// Lose declares a key lost, and gives emergency codes for it at once where it has a
// PIN; of a key that is lost already it gives others. They are returned this once.
// Errors: as Gate.LoseKey and GiveEmergency.
func (c Clerk) Lose(ctx context.Context, serial Serial, of Identifier, o EmergencyOrder) ([]string, error) {
	return c.gate.loseWithCodes(ctx, c.actor(DeedLose, of), serial, o)
}

// Confirm is Gate.Confirm.
func (c Clerk) Confirm(ctx context.Context, id Reference) (Pending, error) {
	p, err := c.pending(ctx, id)
	if err != nil {
		return p, err
	}
	return c.gate.Confirm(ctx, c.actor(DeedConfirm, p.Holder), id)
}

// Withdraw is Gate.Withdraw.
func (c Clerk) Withdraw(ctx context.Context, id Reference) error {
	p, err := c.pending(ctx, id)
	if err != nil {
		return err
	}
	return c.gate.Withdraw(ctx, c.actor(DeedConfirm, p.Holder), id)
}

func (c Clerk) pending(ctx context.Context, id Reference) (p Pending, err error) {
	err = c.gate.shared.store.View(ctx, func(r store.Reader) (err error) {
		p, err = c.gate.pendingIn(r, id, c.gate.now())
		return err
	})
	return p, err
}

// loseWithCodes is LoseKey and GiveEmergency in one.
func (g *Gate) loseWithCodes(ctx context.Context, by Actor, serial Serial, o EmergencyOrder) (codes []string, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	drawn, err := o.draw()
	if err != nil {
		return nil, err
	}
	err = g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		codes = nil
		events, err := g.takeIn(w, by, serial, KeyLost, o.Reason, now, func(k Key) (Key, error) {
			var err error
			if k.State != Lost {
				k, err = k.ReportLost()
			}
			if err == nil && !k.PIN.IsZero() {
				codes, k.Emergency = drawn, o.give(drawn, now)
			}
			return k, err
		})
		if err == nil && codes != nil {
			events = append(events, by.event(EmergencyGiven, events[0].Holder, serial, o.Reason))
		}
		return events, err
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// look reads the clerk's session, account, and a person whom they may see. Errors:
// *BarredError, the store's.
func (c Clerk) look(ctx context.Context, id Identifier) (s Session, actor, a Account, err error) {
	err = c.gate.shared.store.View(ctx, func(r store.Reader) (err error) {
		if s, actor, err = c.gate.own(r, c.session, c.gate.now()); errors.Is(err, ErrNoSession) {
			err = &BarredError{BarShut}
		}
		if err == nil {
			a, err = c.gate.looksAt(r, c.session, id, c.gate.now())
		}
		return err
	})
	return s, actor, a, err
}
