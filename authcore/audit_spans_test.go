package authcore

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Runs of numbers are what a set of numbers is, and as short as can be.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOf(rapid.Uint64Range(1, 40)).Draw(t, "numbers")
		set := map[uint64]bool{}
		var s spans
		for _, n := range numbers {
			var fresh bool
			if s, fresh = s.add(n); fresh == set[n] {
				t.Fatalf("%d put into %v: fresh is %v", n, s, fresh)
			}
			set[n] = true
		}
		for n := uint64(0); n <= 42; n++ {
			if s.has(n) != set[n] {
				t.Fatalf("%v has %d: %v", s, n, s.has(n))
			}
		}
		for i, r := range s {
			if r[0] > r[1] || i > 0 && s[i-1][1]+1 >= r[0] {
				t.Fatalf("%v is not made of runs apart, in order", s)
			}
		}
		if s.count() != uint64(len(set)) {
			t.Fatalf("%v has %d numbers, and says %d", s, len(set), s.count())
		}
		last := rapid.Uint64Range(0, 45).Draw(t, "last")
		var missing []uint64
		for _, r := range s.missing(last) {
			for n := r[0]; n <= r[1]; n++ {
				missing = append(missing, n)
			}
		}
		var want []uint64
		for n := uint64(1); n <= last; n++ {
			if !set[n] {
				want = append(want, n)
			}
		}
		if diff := cmp.Diff(want, missing); diff != "" {
			t.Fatalf("missing from %v up to %d (-want +got):\n%s", s, last, diff)
		}
	})
}
