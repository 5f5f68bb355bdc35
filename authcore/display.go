package authcore

import (
	"context"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Display is what a holder looks at while a login waits for the next code: for
// the pages that come after a good code, never before one.
type Display struct {
	Serial Serial
	Digits int
	Period time.Duration // 0 for a counter-based key: press its button
	// Activation: the PIN to be defined needs the key's activation code.
	Activation bool
	// Remaining is the time until the code shown changes, by the key's own
	// clock as far as its last code told it: to a step, not to a second.
	Remaining time.Duration
}

// Display returns what the holder of a login under way is looking at. Errors:
// ErrNoChallenge before the first good code, ErrNotFound, the store's.
func (g *Gate) Display(ctx context.Context, c Challenge) (Display, error) {
	if !c.Trial.matched() || c.Question == AskPasscode {
		return Display{}, ErrNoChallenge
	}
	var k Key
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		k, err = g.keyIn(r, c.Trial.Serial)
		return err
	})
	if err != nil {
		return Display{}, err
	}
	d := Display{Serial: k.Serial, Digits: k.Generator.Digits, Period: k.Generator.Period, Activation: k.Activation != "" && !c.Change()}
	if k.Generator.Kind != otp.HOTP {
		now := g.wall()
		d.Remaining = k.Generator.EndOf(k.Generator.StepAt(now)).Sub(now)
	}
	return d, nil
}
