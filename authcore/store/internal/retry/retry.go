// Package retry runs again what another transaction got in the way of.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

const (
	// Runs bounds the runs of one Update, with a pause between them that doubles up
	// to the longest. That lets 1,000 at once change one record.
	Runs = 24

	longestPause = time.Millisecond << doublings
	doublings    = 8
)

// Until calls run until the matter is settled or fails, and returns what came of it:
// store.ErrBusy if others got in the way of every one of Runs, the error of ctx if
// that ended between two of them.
func Until(ctx context.Context, run func() (settled bool, err error)) error {
	for n := range Runs {
		settled, err := run()
		if settled || err != nil {
			return err
		}
		if err := Pause(ctx, n); err != nil {
			return err
		}
	}
	return store.ErrBusy
}

// Pause waits before the run after run n, which counts from 0: a random time, as
// those that have met once would meet again. It returns the error of ctx, if that
// ends first.
func Pause(ctx context.Context, n int) error {
	timer := time.NewTimer(rand.N(longestPause >> max(doublings-n, 0)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
