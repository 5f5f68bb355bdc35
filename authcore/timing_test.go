package authcore

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// ways are refusals that should take the same time: who types what.
var ways = []struct {
	name string
	who  Identifier
	good bool // the code is the locked key's own
}{
	{"unknown identifier", "nobody.here", false},
	{"wrong code", "jdupont", false},
	{"locked key, wrong code", "locked", false},
	{"locked key, good code", "locked", true},
	{"person without a key", "keyless", false},
}

// measure refuses each way so many times, in turn, and gives the times it took,
// sorted.
func measure(t tb, rounds int) [][]time.Duration {
	b := newBench(t)
	b.shared.pins.cost = newPINJudge(1, 0).cost
	hash := b.hashOf(pin)
	b.key = b.addKey("LOCKED-1")
	b.addPerson("locked", "LOCKED-1")
	b.addPerson("keyless")
	b.change("LOCKED-1", func(k *Key) { k.State, k.PIN = Locked, hash })
	b.change("0123456789", func(k *Key) { k.State, k.PIN = Active, hash })
	took := make([][]time.Duration, len(ways))
	for n := range rounds {
		b.wait(1)
		b.elsewhere()
		for i := range ways {
			i = (i + n) % len(ways) // each comes behind each
			code := b.shows(otp.Step(1000 + n))
			if ways[i].good {
				code = b.shows(0)
			}
			c, a := b.Begin(""), PasscodeAnswer{ways[i].who, passcode(t, pin+code)}
			start := time.Now()
			r, err := b.Answer(t.Context(), c, a, b.from)
			took[i] = append(took[i], time.Since(start))
			if err != nil || r.Outcome != Denied {
				t.Fatalf("%s: %s, %v", ways[i].name, r.Outcome, err)
			}
		}
	}
	for _, ts := range took {
		slices.Sort(ts)
	}
	return took
}

// How long each refusal takes, as a report: time is noise on a busy machine and
// judges nothing here. That none of them costs a PIN's hash is shown without a
// clock, in refusal_test.go. BenchmarkRefusals looks closer.
func TestRefusalsTakeTheSameTime(t *testing.T) {
	took := measure(t, 200)
	for i, way := range ways {
		t.Logf("%-24s median %v, 10 %% below %v, 10 %% above %v", way.name, took[i][100], took[i][20], took[i][180])
	}
}

// BenchmarkRefusals reports how long refusals take, and the two-sample
// Kolmogorov-Smirnov statistic D between each and a wrong code, beside what
// chance alone would exceed once in a hundred runs. It is for reading, on a
// quiet machine, and not for judging:
//
//	go test -run '^$' -bench Refusals -benchtime 2000x
func BenchmarkRefusals(b *testing.B) {
	took := measure(b, b.N)
	if b.N < 100 {
		return
	}
	for i, way := range ways {
		b.Logf("%-24s median %v, 10 %% below %v, 10 %% above %v", way.name, took[i][b.N/2], took[i][b.N/10], took[i][b.N*9/10])
	}
	for i, way := range ways {
		b.Logf("%-24s D = %.4f from a wrong code's (one in a hundred: %.4f)", way.name, ks(took[i], took[1]), 1.628*math.Sqrt(2/float64(b.N)))
	}
	b.ReportMetric(ks(took[0], took[1]), "D-unknown-wrong")
	b.ReportMetric(ks(took[1], took[2]), "D-wrong-locked")
}

// ks is the two-sample Kolmogorov-Smirnov statistic of two sorted samples: the
// greatest distance between their distribution functions.
func ks(a, b []time.Duration) (d float64) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		d = max(d, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return d
}

func TestKS(t *testing.T) {
	for _, tt := range []struct {
		a, b []time.Duration
		want float64
	}{
		{[]time.Duration{1, 2, 3}, []time.Duration{1, 2, 3}, 0},
		{[]time.Duration{1, 2}, []time.Duration{3, 4}, 1},
		{[]time.Duration{1, 2, 3, 4}, []time.Duration{3, 4, 5, 6}, 0.5},
		{[]time.Duration{1, 1, 1, 2}, []time.Duration{1, 2, 2, 2}, 0.5},
	} {
		if got := ks(tt.a, tt.b); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%v and %v: %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
