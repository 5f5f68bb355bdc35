package ui

import (
	"strings"
	"testing"
)

func TestEachDigitIsDrawnAsItself(t *testing.T) {
	drawn := make(map[string]rune)
	for _, c := range "0123456789" {
		path := segments(string(c))
		if other, ok := drawn[path]; ok {
			t.Errorf("%c is drawn as %c", c, other)
		}
		drawn[path] = c
	}
	for digit, strokes := range map[string]int{"1": 2, "7": 3, "4": 4, "2": 5, "6": 6, "8": 7, "": 0, "x": 0} {
		if got := strings.Count(segments(digit), "M"); got != strokes {
			t.Errorf("%q has %d strokes, not %d", digit, got, strokes)
		}
	}
}

func TestTheSampleHasAsManyDigitsAsTheKey(t *testing.T) {
	for digits, want := range map[int]string{-1: "6", 1: "6", 6: "627351", 7: "6273514", 8: "62735149", 99: "62735149"} {
		k := drawKey(digits)
		if k.Code != want || k.Segments != segments(want) {
			t.Errorf("a key of %d digits shows %q", digits, k.Code)
		}
		if k.Screen >= k.Ring || k.Ring >= k.Width || k.Outline == "" {
			t.Errorf("the key of %d digits is drawn as %+v", digits, k)
		}
	}
}
