package otp

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFind(t *testing.T) {
	g := hotpKey() // 755224 287082 359152 969429 338314 …
	tests := []struct {
		name     string
		code     string
		from, to Step
		want     Step
		ok       bool
	}{
		{"only step", "755224", 0, 0, 0, true},
		{"first of the range", "287082", 1, 4, 1, true},
		{"inside", "359152", 0, 9, 2, true},
		{"last of the range", "338314", 1, 4, 4, true},
		{"just before", "755224", 1, 4, 0, false},
		{"just after", "254676", 1, 4, 0, false},
		{"empty range", "755224", 1, 0, 0, false},
		{"range reversed", "755224", 9, -9, 0, false},
		{"from before the first", "755224", -3, 3, 0, true},
		{"all negative", "755224", -9, -1, 0, false},
		{"lowest and highest possible", "755224", math.MinInt64, -1, 0, false},
		{"end of the numbers", "755224", math.MaxInt64 - 3, math.MaxInt64, 0, false},
		{"wrong code", "755225", 0, 9, 0, false},
		{"empty code", "", 0, 9, 0, false},
		{"too short", "75522", 0, 9, 0, false},
		{"too long", "0755224", 0, 9, 0, false},
		{"space inside", "755 24", 0, 9, 0, false},
		{"space around", " 755224", 0, 9, 0, false},
		{"sign", "+55224", 0, 9, 0, false},
		{"minus one", "-00001", 0, 9, 0, false},
		{"letter", "75522a", 0, 9, 0, false},
		{"NUL", "75522\x00", 0, 9, 0, false},
		{"Arabic digits", "٧٥٥", 0, 9, 0, false},
		{"very long", strings.Repeat("755224", 1<<16), 0, 9, 0, false},
	}
	for _, tt := range tests {
		if got, ok := g.Find(tt.code, tt.from, tt.to); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %d %v, want %d %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

// Every decimal place of a code counts.
func TestFindReadsEachDigit(t *testing.T) {
	g := hotpKey()
	code := []byte(g.Code(0))
	for i := range code {
		other := append([]byte(nil), code...)
		other[i] = '0' + (other[i]-'0'+1)%10
		if _, ok := g.Find(string(other), 0, 0); ok {
			t.Errorf("digit %d of the code is not compared", i)
		}
	}
}

// Two steps of one window can show one code: the lowest is the answer, so that
// the other stays usable.
func TestFindGivesTheLowest(t *testing.T) {
	g := hotpKey()
	first := map[string]Step{}
	for s := Step(0); ; s++ {
		code := g.Code(s)
		if earlier, twice := first[code]; twice {
			if got, ok := g.Find(code, earlier, s); !ok || got != earlier {
				t.Errorf("code of steps %d and %d: got %d %v, want the first", earlier, s, got, ok)
			}
			if got, ok := g.Find(code, earlier+1, s); !ok || got != s {
				t.Errorf("code of step %d, after %d: got %d %v", s, earlier, got, ok)
			}
			return
		}
		first[code] = s
	}
}

// Where a code matches, and whether it does, changes nothing in what is
// computed: each value of the range, once.
func TestLowestWalksTheWholeRange(t *testing.T) {
	for want := int32(-1); want < 40; want++ {
		var walked []Step
		value := func(s Step) int32 { walked = append(walked, s); return int32(s / 2) }
		lowest(value, want, 5, 25)
		if len(walked) != 21 || walked[0] != 25 || walked[20] != 5 {
			t.Errorf("value %d: the steps computed are %v, want all from 25 to 5", want, walked)
		}
	}
}

func TestFindWithoutAGenerator(t *testing.T) {
	short := hotpKey()
	short.Seed = short.Seed[:15]
	for _, g := range []Generator{{}, short, {Kind: HOTP}, {Kind: Kind(9)}} {
		for _, code := range []string{"", "0", "000000", "755224"} {
			if s, ok := g.Find(code, 0, 9); ok {
				t.Errorf("%v finds a code at step %d", g, s)
			}
		}
	}
}

func TestFindStopsAtTheYear9999(t *testing.T) {
	last := Step(lastSecond / 60)
	for _, g := range []Generator{totpKey(), securIDKey(t)} {
		if got, ok := g.Find(g.Code(last), last-1, math.MaxInt64); !ok || got != last {
			t.Errorf("%v: got %d %v, want %d", g.Kind, got, ok, last)
		}
	}
}

// generators draws any valid generator.
func generators() *rapid.Generator[Generator] {
	return rapid.Custom(func(t *rapid.T) Generator {
		g := Generator{
			Kind:   rapid.SampledFrom([]Kind{HOTP, TOTP, SecurID}).Draw(t, "kind"),
			Serial: rapid.StringMatching(`[0-9]{1,12}`).Draw(t, "serial"),
			Digits: rapid.IntRange(MinDigits, MaxDigits).Draw(t, "digits"),
		}
		if g.Kind != HOTP {
			g.Period = rapid.SampledFrom([]time.Duration{30 * time.Second, time.Minute}).Draw(t, "period")
		}
		length := rapid.Just(securIDSeed)
		if g.Kind != SecurID {
			g.Hash = rapid.SampledFrom([]Hash{SHA1, SHA256, SHA512}).Draw(t, "hash")
			length = rapid.IntRange(MinSeed, MaxSeed)
		}
		n := length.Draw(t, "length")
		g.Seed = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "seed")
		return g
	})
}

// steps draws a step of a key of either period, up to the year 6053.
func steps() *rapid.Generator[Step] {
	return rapid.Custom(func(t *rapid.T) Step { return Step(rapid.Int64Range(0, 1<<31).Draw(t, "step")) })
}

// What Code shows, Find finds: at that step or at an earlier one of the range
// that shows the same.
func TestFindFindsWhatCodeGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, s := generators().Draw(t, "key"), steps().Draw(t, "s")
		before := Step(rapid.IntRange(0, 20).Draw(t, "before"))
		after := Step(rapid.IntRange(0, 20).Draw(t, "after"))
		code := g.Code(s)
		if len(code) != g.Digits {
			t.Fatalf("the code has %d digits, want %d", len(code), g.Digits)
		}
		got, ok := g.Find(code, s-before, s+after)
		if !ok || got < s-before || got > s || g.Code(got) != code {
			t.Fatalf("found at step %d (%v), shown at %d", got, ok, s)
		}
	})
}

// Find agrees with the definition: the lowest step of the range whose code it is.
func TestFindAgreesWithAPlainSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, from := generators().Draw(t, "key"), steps().Draw(t, "from")-10
		to := from + Step(rapid.IntRange(-2, 25).Draw(t, "length"))
		code := g.Code(from + Step(rapid.IntRange(-30, 50).Draw(t, "at")))
		var want Step
		var wantOK bool
		for s := to; s >= from; s-- {
			if c := g.Code(s); c != "" && c == code {
				want, wantOK = s, true
			}
		}
		if got, ok := g.Find(code, from, to); got != want || ok != wantOK {
			t.Fatalf("[%d, %d]: got %d %v, want %d %v", from, to, got, ok, want, wantOK)
		}
	})
}

// A moment lies within its step.
func TestAMomentLiesInItsStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generators().Filter(func(g Generator) bool { return g.Kind != HOTP }).Draw(t, "key")
		at := time.Unix(rapid.Int64Range(-1<<33, 1<<37).Draw(t, "unix"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		s := g.StepAt(at)
		if g.StartOf(s).After(at) || !g.EndOf(s).After(at) {
			t.Fatalf("%v has step %d, which is from %v to %v", at, s, g.StartOf(s), g.EndOf(s))
		}
		if g.EndOf(s).Sub(g.StartOf(s)) != g.Period {
			t.Fatalf("step %d is from %v to %v", s, g.StartOf(s), g.EndOf(s))
		}
	})
}

// Walking over a range upwards, downwards or in jumps gives the same numbers:
// the block that SecurID keeps between calls never leaks into another.
func TestSequenceHasNoMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generators().Draw(t, "key")
		next := g.sequence()
		for _, s := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Step {
			return Step(rapid.IntRange(0, 16).Draw(t, "step"))
		}), 1, 30).Draw(t, "steps") {
			if got, want := next(s), g.sequence()(s); got != want {
				t.Fatalf("step %d: got %d in a walk, %d alone", s, got, want)
			}
		}
	})
}

// The large window of a login, 21 codes.
func BenchmarkFind(b *testing.B) {
	half := totpKey()
	half.Hash = SHA512
	for _, g := range []Generator{totpKey(), half, securIDKey(b)} {
		name := g.Kind.String()
		if g.Hash != 0 {
			name += "-" + g.Hash.String()
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Find("000000", 29166656, 29166676)
			}
		})
	}
}
