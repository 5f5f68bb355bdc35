package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// courier carries what stands in the outbox of a store. It lives as long as the store
// is open, over all configurations, and serves as the newest of them says that has
// mail: what is under way while one is loaded is neither lost nor sent by two.
type courier struct {
	gate    *authcore.Gate
	changed chan struct{} // holds one signal
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	carriers []*carrier // of the configurations that run, the newest last
}

// carrier is what carries messages for one configuration. Errors of its carry are
// undelivered.
type carrier struct {
	carry func(context.Context, authcore.Message) error
	log   *slog.Logger
}

const (
	// courierBatch is how many messages are looked at once.
	courierBatch = 100
	// awayPause is how long a server that is away, or a store that fails, is let be.
	awayPause = time.Minute
	// courierRest is how long the courier looks at nothing unless it is woken.
	courierRest = time.Hour
)

func startCourier(g *authcore.Gate) *courier {
	ctx, cancel := context.WithCancel(context.Background())
	c := &courier{gate: g, changed: make(chan struct{}, 1), cancel: cancel}
	c.running.Go(func() { c.run(ctx) })
	return c
}

// stop ends the courier, and waits for it: a message that was accepted is still
// written down as delivered.
func (c *courier) stop() {
	c.cancel()
	c.running.Wait()
}

// join has the courier serve as one more configuration says, until leave.
func (c *courier) join(one *carrier) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.carriers = append(c.carriers, one)
	c.wake()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.carriers = slices.DeleteFunc(c.carriers, func(other *carrier) bool { return other == one })
	}
}

func (c *courier) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// newest is the carrier to use, nil where no configuration has mail.
func (c *courier) newest() *carrier {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.carriers) == 0 {
		return nil
	}
	return c.carriers[len(c.carriers)-1]
}

func (c *courier) run(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(c.round(ctx))
		select {
		case <-ctx.Done():
		case <-c.changed:
		case <-c.gate.Posted():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// round carries all that is due, and returns how long there is nothing to do.
func (c *courier) round(ctx context.Context) time.Duration {
	for {
		by := c.newest()
		if by == nil {
			return courierRest
		}
		due, next, err := c.gate.DueMessages(ctx, courierBatch)
		if err != nil {
			by.complain(ctx, "the outbox cannot be read", err)
			return awayPause
		}
		for _, m := range due {
			if err := c.carry(ctx, by, m); err != nil {
				by.complain(ctx, "messages wait in the outbox", err)
				return awayPause
			}
		}
		switch {
		case len(due) == courierBatch:
		case next.IsZero():
			return courierRest
		default:
			return min(max(next.Sub(c.gate.Now()), 0), courierRest)
		}
	}
}

// carry carries one message. What it returns stops the round: a server that is away,
// a store that fails.
func (c *courier) carry(ctx context.Context, by *carrier, m authcore.Message) error {
	m, err := c.gate.TakeMessage(ctx, m)
	if errors.Is(err, authcore.ErrNotFound) {
		return nil // another was faster
	}
	if err != nil {
		return err
	}
	why := by.carry(ctx, m)
	ctx = context.WithoutCancel(ctx) // what was done is written down
	if why == nil {
		return gone(c.gate.MessageDelivered(ctx, m))
	}
	refusal, _ := errors.AsType[undelivered](why)
	givenUp, err := c.gate.MessageFailed(ctx, m, why.Error(), refusal.forGood)
	if gone(err) != nil {
		return err
	}
	if refusal.away {
		return why
	}
	by.log.WarnContext(ctx, "a message was not taken", slog.String("message", m.ID), slog.Int("attempts", m.Attempts), slog.Bool("given_up", givenUp), slog.Any("error", why))
	return nil
}

// gone is the error of marking a message, which may have been erased meanwhile with
// whom it is about.
func gone(err error) error {
	if errors.Is(err, authcore.ErrNotFound) {
		return nil
	}
	return err
}

// complain logs an error, but not that the server stops.
func (b *carrier) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		b.log.ErrorContext(ctx, what, slog.Any("error", err))
	}
}
