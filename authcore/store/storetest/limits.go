package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var limitCases = []Case{
	{"keys and values have limits", checkEntryLimits},
	{"an Update touches so many keys", checkTouched},
	{"an Update writes so many bytes", checkWritten},
}

func checkEntryLimits(ctx context.Context, s store.Store) error {
	for _, c := range []struct {
		key, value int
		fits       bool
	}{
		{0, 1, false},
		{1, 0, true},
		{store.MaxKey, 1, true},
		{store.MaxKey + 1, 1, false},
		{1, store.MaxValue, true},
		{1, store.MaxValue + 1, false},
		{store.MaxKey, store.MaxValue, true},
	} {
		key, value := strings.Repeat("k", c.key), strings.Repeat("v", c.value)
		err := put(ctx, s, key, value)
		if c.fits && err != nil || !c.fits && !errors.Is(err, store.ErrTooLarge) {
			return fmt.Errorf("Put with a key of %d bytes and a value of %d = %v; does it fit: %v", c.key, c.value, err, c.fits)
		}
		err = s.View(ctx, func(r store.Reader) error { _, err := r.Get(key); return err })
		keyFits := 0 < c.key && c.key <= store.MaxKey
		if keyFits == errors.Is(err, store.ErrTooLarge) {
			return fmt.Errorf("Get with a key of %d bytes = %v", c.key, err)
		}
	}
	return want(ctx, s, map[string]string{
		"k":                               strings.Repeat("v", store.MaxValue),
		strings.Repeat("k", store.MaxKey): strings.Repeat("v", store.MaxValue),
	})
}

func checkTouched(ctx context.Context, s store.Store) error {
	touch := func(keys int) error {
		return s.Update(ctx, func(w store.Writer) error {
			for i := range keys {
				key := fmt.Sprint(i)
				if _, err := w.Get(key); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				op := func() error { return w.Put(key, []byte("1"), time.Time{}) }
				if i%2 == 0 {
					op = func() error { return w.Delete(key) }
				}
				if err := errors.Join(op(), op()); err != nil { // again counts once
					return err
				}
			}
			return nil
		})
	}
	if err := touch(store.MaxTouched + 1); !errors.Is(err, store.ErrTooLarge) {
		return fmt.Errorf("Update of %d keys = %v, want ErrTooLarge", store.MaxTouched+1, err)
	}
	if err := want(ctx, s, map[string]string{}); err != nil {
		return err
	}
	if err := touch(store.MaxTouched); err != nil {
		return fmt.Errorf("Update of %d keys: %w", store.MaxTouched, err)
	}
	return s.View(ctx, func(r store.Reader) error {
		got, err := collect(r, "")
		if err == nil && len(got) != store.MaxTouched/2 {
			err = fmt.Errorf("the store holds %d entries, want %d", len(got), store.MaxTouched/2)
		}
		return err
	})
}

func checkWritten(ctx context.Context, s store.Store) error {
	const size = 32 << 10 // of an entry: key and value
	// fill writes as much as may be written, and so many bytes more.
	fill := func(more int) error {
		return s.Update(ctx, func(w store.Writer) error {
			for i := range store.MaxWritten / size {
				key := fmt.Sprintf("%04d", i)
				value := make([]byte, size-len(key))
				if i == 0 {
					value = make([]byte, size-len(key)+more)
				}
				for range 3 { // the last value counts
					if err := w.Put(key, value, time.Time{}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := fill(1); !errors.Is(err, store.ErrTooLarge) {
		return fmt.Errorf("Update of %d bytes = %v, want ErrTooLarge", store.MaxWritten+1, err)
	}
	if err := want(ctx, s, map[string]string{}); err != nil {
		return err
	}
	if err := fill(0); err != nil {
		return fmt.Errorf("Update of %d bytes: %w", store.MaxWritten, err)
	}
	return nil
}
