//go:build load

package caddymodule

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestFigures tells what a request costs, as ratios taken in one run: make bench
// reads the lines that begin with "figure". It counts the processor's time and not
// the clock's, the collector's part included, so that neighbours disturb it little.
// Nothing is asserted of time.
func TestFigures(t *testing.T) {
	const rounds, requests = 15, 20_000
	all := benchRequests(t)
	costs, allocations := make(map[string][]float64), make(map[string]float64)
	for range rounds {
		for _, r := range all {
			ask, passed := r.asks()
			n := requests
			if !r.passes {
				n /= 20 // these cost more, and are not compared so closely
			}
			before := processor(t)
			for range n {
				if err := ask(); err != nil {
					t.Fatal(err)
				}
			}
			costs[r.name] = append(costs[r.name], float64(processor(t)-before)/float64(n))
			if (passed() > 0) != r.passes {
				t.Fatalf("%s: %d of %d passed", r.name, passed(), n)
			}
			allocations[r.name] = testing.AllocsPerRun(100, func() { _ = ask() })
		}
	}
	for _, r := range all[1:] {
		var ratios, own []float64
		for i, nothing := range costs["nothing"] {
			own = append(own, costs[r.name][i]-nothing)
			ratios = append(ratios, own[i]/(costs["floor"][i]-nothing))
		}
		t.Logf("figure %q %.2f", "request "+r.name+": processor, ratio to the floor", middle(ratios))
		t.Logf("figure %q %.2f", "request "+r.name+": processor, µs", middle(own)/1000)
		t.Logf("figure %q %.0f", "request "+r.name+": allocations", allocations[r.name]-allocations["nothing"])
	}
}

// processor is the time that this process has spent on processors (getrusage(2)).
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// middle is the median.
func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
