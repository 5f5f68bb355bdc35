package caddymodule

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// retention removes old entries of the audit trail, and keeps the time, while a
// configuration runs.
type retention struct {
	cancel  context.CancelFunc // nil before Start
	running sync.WaitGroup
}

// every does something now and each time that a period is over, until ctx is.
func every(ctx context.Context, period time.Duration, do func()) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// expire removes the entries that are older than the policy says, and logs what
// it did. What an ending configuration leaves, the next one removes.
func expire(ctx context.Context, g *authcore.Gate, log *slog.Logger) {
	n, err := g.Expire(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.ErrorContext(ctx, "old entries of the audit trail could not be removed", slog.Any("error", err))
	case n > 0:
		log.InfoContext(ctx, "old entries of the audit trail were removed", slog.Int("entries", n))
	}
}

// keepClock has the store told what time it is. While a store takes nothing, the
// next minute may be better.
func keepClock(ctx context.Context, g *authcore.Gate, log *slog.Logger) {
	if err := g.KeepTime(ctx); err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "the time could not be kept", slog.Any("error", err))
	}
}
