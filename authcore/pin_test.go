package authcore

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The PINs of the policy: what it refuses and why, and what it lets pass, for a
// key of that number which has just shown that code.
func TestPINPolicy(t *testing.T) {
	const serial, code = Serial("2604817359"), "866529"
	tests := []struct {
		why  PINProblem
		pins string
	}{
		{0, "7294 5083 405172 8305 6172 94062 7350284 29470583 1086 8052"},
		{PINTooShort, "7 72 729"},
		{PINTooLong, "729405183 7294051836 " + strings.Repeat("72940", 12)},
		{PINRepeats, "0000 1111 9999 11111 1212 12121 3737 737373 123123 72727272 6969 729729 7297297"},
		{PINSequence, "0123 1234 12345 123456 3456 6789 7890 8901 9012 4321 654321 9876 3210 1098 2109 1357 13579 2468 24680 8642 9753 0246 7913 3197"},
		{PINDate, "1984 1900 1999 2000 2012 2026 1407 0201 3112 1001 2902 140784 311299 290200 840714 991231 14071984 31121999 19840714 20120229"},
		{PINCommon, "2580 0852 1470 0741 3690 0963 1478 1590 3570 1379 1397 7139 9713 1122 1221 5683 4711 2589 147258 159357 789456 12344321 14725836"},
		{PINFromSerial, "6048 8173 7359 26048 817359 04817359"},
		{PINFromCode, "8665 6652 6529 86652 866529 8665294 78665291"},
	}
	pol := DefaultPolicy()
	for _, tt := range tests {
		for p := range strings.FieldsSeq(tt.pins) {
			if got := pol.problem(PIN{p}, PIN{p}, serial, code); got != tt.why {
				t.Errorf("%s: %v, want %v", p, got, tt.why)
			}
			if got := pol.problem(PIN{p}, PIN{p + "1"}, serial, code); tt.why == 0 && got != PINMismatch || tt.why != 0 && got != tt.why {
				t.Errorf("%s, the second time otherwise: %v", p, got)
			}
		}
	}
	if got := pol.problem(PIN{}, PIN{}, serial, code); got != PINTooShort {
		t.Errorf("no PIN: %v", got)
	}
}

// The bounds are the operator's.
func TestPINLength(t *testing.T) {
	digits := "72940518363095"
	for _, bounds := range [][2]int{{4, 4}, {4, 8}, {6, 8}, {4, 12}, {12, 12}} {
		pol := DefaultPolicy()
		pol.PINMin, pol.PINMax = bounds[0], bounds[1]
		mustBeNil(t, pol.Validate())
		for n := 1; n <= len(digits); n++ {
			want := PINProblem(0)
			switch {
			case n < bounds[0]:
				want = PINTooShort
			case n > bounds[1]:
				want = PINTooLong
			}
			if got := pol.problem(PIN{digits[:n]}, PIN{digits[:n]}, "", ""); got != want {
				t.Errorf("%d digits where %v are allowed: %v, want %v", n, bounds, got, want)
			}
		}
	}
}

// The policy takes away what people choose most, and little else.
func TestPINsThatAreLeft(t *testing.T) {
	const all = 10_000
	left := 0
	for n := range all {
		p := PIN{fmt.Sprintf("%04d", n)}
		if DefaultPolicy().problem(p, p, "2604817359", "866529") == 0 {
			left++
		}
	}
	if left < 9000 || left > 9500 {
		t.Errorf("of %d PINs of four digits %d are left, want 9,000 to 9,500", all, left)
	}
}

// Whatever the PIN, the policy answers, and what it lets pass is none of the
// things that it names.
func TestPINPolicyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pin := PIN{rapid.StringMatching(`[0-9]{0,20}`).Draw(t, "PIN")}
		serial := Serial(rapid.StringMatching(`[0-9A-Z]{0,12}`).Draw(t, "serial"))
		code := rapid.StringMatching(`([0-9]{6,8})?`).Draw(t, "code")
		p := DefaultPolicy().problem(pin, pin, serial, code)
		if p == PINMismatch {
			t.Fatal("two equal entries are told apart")
		}
		d := pin.digits
		inOne := strings.Contains(string(serial), d) || strings.Contains(code, d)
		if p == 0 && (len(d) < 4 || len(d) > 8 || inOne || strings.Count(d, d[:1]) == len(d)) {
			t.Fatalf("%s passes for key %s with code %s", d, serial, code)
		}
	})
}

// The whole way: each refusal leaves the page as it was, and says why.
func TestPINRefusedOnThePage(t *testing.T) {
	b := newBench(t)
	code := b.shows(0)
	r := b.want(b.login("jdupont", code), Asked, AskNewPIN)
	for pin, why := range map[string]PINProblem{"123": PINTooShort, "1111": PINRepeats, "2345": PINSequence, "1984": PINDate, "2580": PINCommon,
		code: PINFromCode, code[1:5]: PINFromCode} {
		r = b.want(b.newPIN(r, pin), PINDenied, AskNewPIN)
		if r.Problem != why {
			t.Errorf("the PIN for %v is refused as %v", why, r.Problem)
		}
	}
	r = b.want(b.answer(r.Challenge, NewPINAnswer{PIN: PIN{"7294"}, Again: PIN{"7924"}}), PINDenied, AskNewPIN)
	if r.Problem != PINMismatch {
		t.Errorf("two entries that differ are refused as %v", r.Problem)
	}
	if n := b.count(PINRefused); n != 8 {
		t.Errorf("%d refusals are written down, want 8", n)
	}
	b.want(b.newPIN(r, pin), Asked, AskNewPasscode)
}
