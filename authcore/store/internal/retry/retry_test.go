package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := range 100 {
			start := time.Now()
			if err := Pause(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if d, most := time.Since(start), min(time.Millisecond<<min(n, 20), longestPause); d > most {
				t.Errorf("pause %d lasts %v, want at most %v", n, d, most)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Pause(ctx, Runs); !errors.Is(err, context.Canceled) {
			t.Errorf("Pause = %v when the context is over", err)
		}
	})
}

func TestUntil(t *testing.T) {
	failure := errors.New("a failure")
	tests := map[string]struct {
		after   int // the run that settles the matter, from 1; 0 for none
		with    error
		want    error
		wantRan int
	}{
		"at once":   {after: 1, wantRan: 1},
		"the third": {after: 3, wantRan: 3},
		"the last":  {after: Runs, wantRan: Runs},
		"never":     {want: store.ErrBusy, wantRan: Runs},
		"a failure": {after: 2, with: failure, want: failure, wantRan: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ran := 0
				err := Until(t.Context(), func() (bool, error) {
					ran++
					if ran == tt.after {
						return tt.with == nil, tt.with
					}
					return false, nil
				})
				if !errors.Is(err, tt.want) || ran != tt.wantRan {
					t.Errorf("Until = %v after %d runs, want %v after %d", err, ran, tt.want, tt.wantRan)
				}
			})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := 0
	err := Until(ctx, func() (bool, error) { ran++; cancel(); return false, nil })
	if !errors.Is(err, context.Canceled) || ran != 1 {
		t.Errorf("Until = %v after %d runs with a context that ends in the first", err, ran)
	}
}
