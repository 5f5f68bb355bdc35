package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var scanCases = []Case{
	{"scan in order", checkScanOrder},
	{"scan left early and nested", checkScanNested},
}

// scanKeys are not in order, and chosen for what goes wrong with prefixes: one
// that is the beginning of another, 0xff which has no successor, 0x00, bytes
// that a signed comparison or one of runes puts elsewhere.
var scanKeys = []string{
	"b", "a", "ab", "a\x00", "a\xff", "a\xff\xff", "a\xff\x00", "b\x00", "\xff", "\xff\xff", "\xff\xffa", "\x00",
	"é", "z", "Z", "a/1", "a/10", "a/2", "a0", "session/1", "session/2", "session", "sessions",
}

func checkScanOrder(ctx context.Context, s store.Store) error {
	for _, key := range scanKeys { // one by one: an engine may keep them in the order of arrival
		if err := put(ctx, s, key, "value of "+key); err != nil {
			return err
		}
	}
	prefixes := append([]string{"", "c", "session/", "\xff\xff\xff", "a\xff\xff\xff", "\x00\x00",
		strings.Repeat("a", store.MaxKey+1)}, scanKeys...)
	return s.View(ctx, func(r store.Reader) error {
		for _, prefix := range prefixes {
			var got []string
			for entry, err := range r.Scan(prefix) {
				if err != nil {
					return err
				}
				if string(entry.Value) != "value of "+entry.Key {
					return fmt.Errorf("key %q has the value %q", entry.Key, entry.Value)
				}
				got = append(got, entry.Key)
			}
			if wanted := keysWith(prefix); !slices.Equal(got, wanted) {
				return fmt.Errorf("Scan(%q) yields %q, want %q", prefix, got, wanted)
			}
		}
		return nil
	})
}

// keysWith returns the scanKeys that begin with prefix, in order.
func keysWith(prefix string) []string {
	keys := slices.DeleteFunc(slices.Clone(scanKeys), func(key string) bool { return !strings.HasPrefix(key, prefix) })
	slices.Sort(keys)
	return keys
}

func checkScanNested(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"a1": "1", "a2": "2", "b1": "3", "b2": "4"}); err != nil {
		return err
	}
	return s.View(ctx, func(r store.Reader) error {
		var got []string
		for outer, err := range r.Scan("a") {
			for inner, err2 := range r.Scan("b") {
				if err := errors.Join(err, err2); err != nil {
					return err
				}
				got = append(got, outer.Key+inner.Key)
				if outer.Key == "a2" {
					break
				}
			}
		}
		if wanted := []string{"a1b1", "a1b2", "a2b1"}; !slices.Equal(got, wanted) {
			return fmt.Errorf("nested scans yield %q, want %q", got, wanted)
		}
		seq := r.Scan("a")
		for range 2 { // the same sequence, twice
			var n int
			for range seq {
				n++
			}
			if n != 2 {
				return fmt.Errorf("a scan ranged over again yields %d entries, want 2", n)
			}
		}
		return nil
	})
}
