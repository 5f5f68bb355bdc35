package otp

import (
	"bufio"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rfcSeed gives the ASCII digits 1234567890… that the RFCs use as a seed.
func rfcSeed(n int) []byte { return []byte(strings.Repeat("1234567890", 7)[:n]) }

func hotpKey() Generator {
	return Generator{Kind: HOTP, Seed: rfcSeed(20), Digits: 6, Hash: SHA1}
}

func totpKey() Generator {
	return Generator{Kind: TOTP, Seed: rfcSeed(20), Digits: 6, Period: time.Minute, Hash: SHA1}
}

func securIDKey(t testing.TB) Generator {
	return Generator{Kind: SecurID, Seed: unhex(t, "9c976313e31a3417492f71b41936dc6a"), Serial: "000130000001",
		Digits: 6, Period: time.Minute}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rows gives the fields of each line of a file of vectors, comments left out.
func rows(t *testing.T, path, separator string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all [][]string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "#") {
			all = append(all, strings.Split(lines.Text(), separator))
		}
	}
	if lines.Err() != nil || len(all) == 0 {
		t.Fatalf("%s: %d rows read, error %v", path, len(all), lines.Err())
	}
	return all
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// RFC 4226 appendix D.
func TestHOTPVectors(t *testing.T) {
	want := []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"}
	for s, code := range want {
		if got := hotpKey().Code(Step(s)); got != code {
			t.Errorf("counter %d: got %s, want %s", s, got, code)
		}
	}
}

// RFC 4226 appendix D, the truncated values before the reduction to digits.
func TestHOTPTruncation(t *testing.T) {
	want := []uint32{1284755224, 1094287082, 137359152, 1726969429, 1640338314, 868254676, 1918287922, 82162583, 673399871, 645520489}
	next := hotpKey().sequence()
	for s, number := range want {
		if got := next(Step(s)); got != number {
			t.Errorf("counter %d: got %d, want %d", s, got, number)
		}
	}
}

// RFC 6238 appendix B, with the seeds of 20, 32 and 64 bytes that its code in
// appendix A uses.
func TestTOTPVectors(t *testing.T) {
	tests := []struct {
		unix                 int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	}
	for _, tt := range tests {
		for _, of := range []struct {
			hash Hash
			seed int
			want string
		}{{SHA1, 20, tt.sha1}, {SHA256, 32, tt.sha256}, {SHA512, 64, tt.sha512}} {
			g := Generator{Kind: TOTP, Seed: rfcSeed(of.seed), Digits: 8, Period: 30 * time.Second, Hash: of.hash}
			if got := g.Code(g.StepAt(time.Unix(tt.unix, 0))); got != of.want {
				t.Errorf("%v at %d: got %s, want %s", of.hash, tt.unix, got, of.want)
			}
		}
	}
}

// Codes of 60 seconds, computed by oathtool 2.6.7.
func TestTOTPOfSixtySeconds(t *testing.T) {
	g := totpKey()
	for _, row := range rows(t, "testdata/totp60_expected.txt", " ") {
		unix, want := number(t, row[0]), row[1]
		if got := g.Code(g.StepAt(time.Unix(unix, 0))); got != want {
			t.Errorf("at %d: got %s, want %s", unix, got, want)
		}
	}
}

func TestCodeOfSevenDigits(t *testing.T) {
	g := hotpKey()
	g.Digits = 7
	if got, want := g.Code(0), "4755224"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCodeKeepsLeadingZeros(t *testing.T) {
	g := totpKey()
	if got, want := g.Code(29166668), "034249"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoCode(t *testing.T) {
	tests := map[string]struct {
		g Generator
		s Step
	}{
		"zero generator":     {Generator{}, 0},
		"negative counter":   {hotpKey(), -1},
		"before 1970":        {totpKey(), -1},
		"after the year":     {totpKey(), lastSecond/60 + 1},
		"SecurID, before":    {securIDKey(t), -1},
		"SecurID, year 1e4":  {securIDKey(t), lastSecond/60 + 1},
		"SecurID, last step": {securIDKey(t), 1<<63 - 1},
	}
	for name, tt := range tests {
		if got := tt.g.Code(tt.s); got != "" {
			t.Errorf("%s: got %q, want no code", name, got)
		}
	}
	for _, g := range []Generator{totpKey(), securIDKey(t)} {
		if got := g.Code(lastSecond / 60); len(got) != 6 {
			t.Errorf("%v: the last minute of the year 9999 has the code %q", g.Kind, got)
		}
	}
}

func TestSteps(t *testing.T) {
	half := totpKey()
	half.Period = 30 * time.Second
	tests := []struct {
		g    Generator
		unix int64
		want Step
	}{
		{totpKey(), 0, 0}, {totpKey(), 59, 0}, {totpKey(), 60, 1}, {totpKey(), 1750000000, 29166666},
		{half, 59, 1}, {half, 60, 2}, {half, 1750000000, 58333333},
		{totpKey(), -1, -1}, {totpKey(), -60, -1}, {totpKey(), -61, -2},
		{securIDKey(t), 1750000000, 29166666},
		{hotpKey(), 1750000000, 0}, {Generator{}, 1750000000, 0},
		{Generator{Kind: TOTP, Period: -time.Minute}, 1750000000, 0},
	}
	for _, tt := range tests {
		if got := tt.g.StepAt(time.Unix(tt.unix, 999_999_999)); got != tt.want {
			t.Errorf("%v %v at %d: got %d, want %d", tt.g.Kind, tt.g.Period, tt.unix, got, tt.want)
		}
	}
}

func TestStartAndEnd(t *testing.T) {
	g := totpKey()
	start, end := g.StartOf(29166666), g.EndOf(29166666)
	if want := time.Date(2025, 6, 15, 15, 6, 0, 0, time.UTC); start != want || end != want.Add(time.Minute) {
		t.Errorf("got %v to %v, want the minute from %v", start, end, want)
	}
	for _, g := range []Generator{hotpKey(), {}} {
		if !g.StartOf(5).IsZero() || !g.EndOf(5).IsZero() {
			t.Errorf("%v has no clock, but step 5 is from %v to %v", g.Kind, g.StartOf(5), g.EndOf(5))
		}
	}
}
