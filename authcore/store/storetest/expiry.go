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
	for _, left := range []time.Duration{
		300 * time.Millisecond, 999 * time.Millisecond, 1500 * time.Millisecond, time.Minute, time.Hour,
		80 * 365 * 24 * time.Hour,
	} {
		expires := time.Now().Add(left)
		if err := putUntil(ctx, s, "a", "1", expires); err != nil {
			return err
		}
		for range 3 { // further commits may sweep
			if err := put(ctx, s, "b", "1"); err != nil {
				return err
			}
			err := want(ctx, s, map[string]string{"a": "1", "b": "1"})
			if err != nil && time.Now().Before(expires) {
				return fmt.Errorf("%v before its expiry: %w", left, err)
			}
		}
	}
	return putUntil(ctx, s, "a", "1", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
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
