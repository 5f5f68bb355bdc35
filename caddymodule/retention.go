package caddymodule

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// retention removes old entries of the audit trail while a configuration runs.
type retention struct {
	cancel  context.CancelFunc // nil before Start
	running sync.WaitGroup
}

// daily does something now and every 24 hours, until ctx is over.
func daily(ctx context.Context, do func()) {
	tick := time.NewTicker(24 * time.Hour)
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
