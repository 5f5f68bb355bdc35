package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var basicCases = []Case{
	{"absent", checkAbsent},
	{"read your writes", checkReadYourWrites},
	{"overwrite and delete", checkOverwriteAndDelete},
	{"empty value", checkEmptyValue},
	{"any bytes", checkAnyBytes},
	{"ownership of values", checkOwnership},
}

func checkAbsent(ctx context.Context, s store.Store) error {
	if err := want(ctx, s, map[string]string{}); err != nil {
		return fmt.Errorf("a new store: %w", err)
	}
	err := s.View(ctx, func(r store.Reader) error { return wantGet(r.Get, "a", "") })
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(w store.Writer) error {
		if err := wantGet(w.Get, "a", ""); err != nil {
			return err
		}
		return w.Delete("a")
	})
	if err != nil {
		return fmt.Errorf("deleting what is absent: %w", err)
	}
	return want(ctx, s, map[string]string{})
}

func checkReadYourWrites(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"old": "1", "gone": "1"}); err != nil {
		return err
	}
	err := s.Update(ctx, func(w store.Writer) error {
		return errors.Join(
			w.Put("new", []byte("2"), time.Time{}), wantGet(w.Get, "new", "2"),
			w.Put("old", []byte("3"), time.Time{}), wantGet(w.Get, "old", "3"),
			w.Delete("gone"), wantGet(w.Get, "gone", ""),
			w.Put("brief", []byte("4"), time.Time{}), w.Delete("brief"), wantGet(w.Get, "brief", ""),
			w.Delete("back"), w.Put("back", []byte("5"), time.Time{}), wantGet(w.Get, "back", "5"),
		)
	})
	if err != nil {
		return err
	}
	return want(ctx, s, map[string]string{"new": "2", "old": "3", "back": "5"})
}

func checkOverwriteAndDelete(ctx context.Context, s store.Store) error {
	for i := range 20 {
		value := strings.Repeat("x", i+1)
		if err := put(ctx, s, "a", value); err != nil {
			return err
		}
		if err := want(ctx, s, map[string]string{"a": value}); err != nil {
			return fmt.Errorf("after write %d: %w", i, err)
		}
		err := s.Update(ctx, func(w store.Writer) error { return w.Delete("a") })
		if err != nil {
			return err
		}
		if err := want(ctx, s, map[string]string{}); err != nil {
			return fmt.Errorf("after deletion %d: %w", i, err)
		}
	}
	return nil
}

func checkEmptyValue(ctx context.Context, s store.Store) error {
	present := func(get func(string) ([]byte, error)) error {
		for _, key := range []string{"nil", "empty"} {
			if got, err := get(key); err != nil || got == nil || len(got) != 0 {
				return fmt.Errorf("Get(%q) = %#v, %v; want an empty slice", key, got, err)
			}
		}
		return nil
	}
	err := s.Update(ctx, func(w store.Writer) error {
		return errors.Join(w.Put("nil", nil, time.Time{}), w.Put("empty", []byte{}, time.Time{}), present(w.Get))
	})
	if err != nil {
		return err
	}
	if err := s.View(ctx, func(r store.Reader) error { return present(r.Get) }); err != nil {
		return err
	}
	if err := s.Update(ctx, func(w store.Writer) error { return present(w.Get) }); err != nil {
		return err
	}
	return want(ctx, s, map[string]string{"nil": "", "empty": ""})
}

func checkAnyBytes(ctx context.Context, s store.Store) error {
	entries := map[string]string{
		"\x00": "\x00", "\x00\x00": "\xff", "\xff\xff": "ÿ", "!badger!txn": "reserved elsewhere", "clé/é": "à",
	}
	for b := range 256 {
		entries[string([]byte{'b', byte(b)})] = string([]byte{byte(b), 0})
	}
	for key, value := range entries { // each on its own: they are too many for one
		if err := put(ctx, s, key, value); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	return want(ctx, s, entries)
}

func checkOwnership(ctx context.Context, s store.Store) error {
	given := []byte("kept")
	var read, own []byte
	err := s.Update(ctx, func(w store.Writer) error {
		if err := w.Put("a", given, time.Time{}); err != nil {
			return err
		}
		copy(given, "XXXX")
		var err error
		if own, err = w.Get("a"); err != nil {
			return err
		}
		copy(own, "XXXX")
		return wantGet(w.Get, "a", "kept")
	})
	if err != nil {
		return err
	}
	copy(given, "YYYY")
	err = s.View(ctx, func(r store.Reader) error {
		var err error
		if read, err = r.Get("a"); err != nil {
			return err
		}
		copy(read, "ZZZZ")
		for entry := range r.Scan("", "") {
			copy(entry.Value, "ZZZZ")
		}
		return wantGet(r.Get, "a", "kept")
	})
	if err != nil {
		return err
	}
	if err := want(ctx, s, map[string]string{"a": "kept"}); err != nil {
		return err
	}
	if err := put(ctx, s, "a", "other"); err != nil {
		return err
	}
	if !bytes.Equal(read, []byte("ZZZZ")) {
		return fmt.Errorf("a value read earlier has become %q", read)
	}
	return nil
}
