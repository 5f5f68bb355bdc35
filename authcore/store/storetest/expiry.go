package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// expiryCases do not look at what is past its expiry: it may be there or not.
var expiryCases = []Case{
	{"not swept before the expiry", checkNotSweptEarly},
	{"the expiry is replaced with the value", checkExpiryReplaced},
	{"expired entries do no harm", checkExpired},
}

func putUntil(ctx context.Context, s store.Store, key, value string, expires time.Time) error {
	return s.Update(ctx, func(w store.Writer) error { return w.Put(key, []byte(value), expires) })
}

func checkNotSweptEarly(ctx context.Context, s store.Store) error {
	for _, left := range []time.Duration{time.Second, time.Minute, time.Hour, 280 * 365 * 24 * time.Hour} {
		if _, err := presentUntil(ctx, s, time.Now().Add(left)); err != nil {
			return err
		}
	}
	// An engine that counts in seconds may cut the expiry, so the last moment of
	// this very second is the earliest of all. It may pass too soon to tell.
	for range 20 {
		inTime, err := presentUntil(ctx, s, time.Now().Truncate(time.Second).Add(time.Second-1))
		if inTime || err != nil {
			return err
		}
	}
	return errors.New("the engine is too slow to tell: no write was read within a second")
}

// presentUntil stores an entry with that expiry and looks for it, again after
// other commits, which may sweep. It reports whether it was still in time.
func presentUntil(ctx context.Context, s store.Store, expires time.Time) (inTime bool, err error) {
	if err := putUntil(ctx, s, "a", "1", expires); err != nil {
		return false, err
	}
	for range 3 {
		if err := put(ctx, s, "b", "1"); err != nil {
			return false, err
		}
		err := want(ctx, s, map[string]string{"a": "1", "b": "1"})
		switch {
		case !time.Now().Before(expires):
			return inTime, nil
		case err != nil:
			return false, fmt.Errorf("before its expiry %v: %w", expires, err)
		}
		inTime = true
	}
	return true, nil
}

func checkExpiryReplaced(ctx context.Context, s store.Store) error {
	for _, later := range []time.Time{{}, time.Now().Add(time.Hour)} {
		if err := putUntil(ctx, s, "a", "brief", time.Now().Add(-time.Hour)); err != nil {
			return err
		}
		if err := putUntil(ctx, s, "a", "lasting", later); err != nil {
			return err
		}
		for range 3 {
			if err := put(ctx, s, "b", "1"); err != nil {
				return err
			}
		}
		if err := want(ctx, s, map[string]string{"a": "lasting", "b": "1"}); err != nil {
			return fmt.Errorf("what had expired was stored again until %v: %w", later, err)
		}
	}
	return nil
}

func checkExpired(ctx context.Context, s store.Store) error {
	for _, past := range []time.Time{
		time.Now().Add(-time.Hour), time.Unix(0, 0), time.Unix(1, 0), time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC),
	} {
		if err := putUntil(ctx, s, "a", "1", past); err != nil {
			return fmt.Errorf("Put until %v: %w", past, err)
		}
		err := s.Update(ctx, func(w store.Writer) error {
			_, err := w.Get("a")
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return errors.Join(err, w.Delete("a"))
		})
		if err != nil {
			return fmt.Errorf("deleting what expired at %v: %w", past, err)
		}
		if err := want(ctx, s, map[string]string{}); err != nil {
			return err
		}
	}
	return nil
}
