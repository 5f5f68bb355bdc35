package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

var scanCases = []Case{
	{"scan in order", checkScanOrder},
	{"scan after a key", checkScanAfter},
	{"scan in pages", checkScanPages},
	{"a page far down costs what the first one does", checkScanSeeks},
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
			if err := wantScan(r, prefix, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkScanAfter goes on after keys that are there, that are not, that come
// before all of the prefix or behind it, and that begin otherwise.
func checkScanAfter(ctx context.Context, s store.Store) error {
	for _, key := range scanKeys {
		if err := put(ctx, s, key, "value of "+key); err != nil {
			return err
		}
	}
	afters := append([]string{"", "a/15", "a/\xff", "session/0", "session/3", "~", "\xff\xff\xff",
		strings.Repeat("a", store.MaxKey+1)}, scanKeys...)
	return s.View(ctx, func(r store.Reader) error {
		for _, prefix := range []string{"", "a", "a/", "a/1", "c", "session", "session/", "\xff"} {
			for _, after := range afters {
				if err := wantScan(r, prefix, after); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// wantScan returns an error unless a scan yields the scanKeys that it has to.
func wantScan(r store.Reader, prefix, after string) error {
	var got []string
	for entry, err := range r.Scan(prefix, after) {
		if err != nil {
			return err
		}
		if string(entry.Value) != "value of "+entry.Key {
			return fmt.Errorf("key %q has the value %q", entry.Key, entry.Value)
		}
		got = append(got, entry.Key)
	}
	wanted := slices.DeleteFunc(slices.Sorted(slices.Values(scanKeys)), func(key string) bool {
		return !strings.HasPrefix(key, prefix) || key <= after
	})
	if !slices.Equal(got, wanted) {
		return fmt.Errorf("Scan(%q, %q) yields %q, want %q", prefix, after, got, wanted)
	}
	return nil
}

// checkScanPages reads a list in pages of a few, each in its own View, and
// writes in between: whoever is there from the beginning to the end is seen once.
func checkScanPages(ctx context.Context, s store.Store) error {
	const kept = 40
	for i := range kept {
		err := putAll(ctx, s, map[string]string{fmt.Sprintf("key/%03d", i): "kept", fmt.Sprintf("key/%03d-", i): "goes"})
		if err != nil {
			return err
		}
	}
	seen := map[string]int{}
	for after, pages := "", 0; ; pages++ {
		last, err := scanPage(ctx, s, after, seen)
		if err != nil {
			return err
		}
		if last == "" {
			break
		}
		if last <= after || pages > kept {
			return fmt.Errorf("a page after %q ends at %q", after, last)
		}
		after = last
		// The next one, or the very one to go on from.
		if err := remove(ctx, s, strings.TrimSuffix(after, "-")+"-"); err != nil {
			return err
		}
	}
	for i := range kept {
		if key := fmt.Sprintf("key/%03d", i); seen[key] != 1 {
			return fmt.Errorf("%q was seen %d times", key, seen[key])
		}
	}
	return nil
}

// scanPage counts the keys of the page after the given key in seen and returns
// the last one, or "" when the page is empty.
func scanPage(ctx context.Context, s store.Store, after string, seen map[string]int) (last string, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		n := 0
		for entry, err := range r.Scan("key/", after) {
			if err != nil {
				return err
			}
			seen[entry.Key]++
			if last, n = entry.Key, n+1; n == 3 {
				break
			}
		}
		return nil
	})
	return last, err
}

func remove(ctx context.Context, s store.Store, key string) error {
	return s.Update(ctx, func(w store.Writer) error { return w.Delete(key) })
}

// checkScanSeeks compares the time of a page at the end with that of the first
// one. An engine that reads what lies before takes 1,000 times as long; what
// else a machine does at the time is outlasted by taking the best of many.
func checkScanSeeks(ctx context.Context, s store.Store) error {
	const entries, tolerance = 12_800, 30
	for i := 0; i < entries; i += store.MaxTouched {
		page := map[string]string{}
		for j := range store.MaxTouched {
			page[fmt.Sprintf("key/%06d", i+j)] = "a value"
		}
		if err := putAll(ctx, s, page); err != nil {
			return err
		}
	}
	return s.View(ctx, func(r store.Reader) error {
		first, last := time.Hour, time.Hour
		for range 50 {
			first = min(first, timeOfPage(r, "key/000001"))
			last = min(last, timeOfPage(r, fmt.Sprintf("key/%06d", entries-10)))
		}
		if last > tolerance*first+20*time.Microsecond {
			return fmt.Errorf("the first page takes %v, the last of %d entries %v", first, entries, last)
		}
		return nil
	})
}

func timeOfPage(r store.Reader, after string) time.Duration {
	began := time.Now()
	n := 0
	for range r.Scan("key/", after) {
		if n++; n == 5 {
			break
		}
	}
	return time.Since(began)
}

func checkScanNested(ctx context.Context, s store.Store) error {
	if err := putAll(ctx, s, map[string]string{"a1": "1", "a2": "2", "b1": "3", "b2": "4"}); err != nil {
		return err
	}
	return s.View(ctx, func(r store.Reader) error {
		var got []string
		for outer, err := range r.Scan("a", "") {
			for inner, err2 := range r.Scan("b", "") {
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
		seq := r.Scan("a", "")
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
