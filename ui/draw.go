package ui

import (
	"fmt"
	"strings"
)

// sample is the code that the drawings and the examples show. The PIN beside
// it, 1984, is the one of the académies' own guides.
const sample = "62735149"

// sampleCode returns an example code of n digits.
func sampleCode(n int) string { return sample[:min(max(n, 1), len(sample))] }

// The seven segments of a digit on the small screen of a key, as bits.
const (
	segTop = 1 << iota
	segUpperRight
	segLowerRight
	segBottom
	segLowerLeft
	segUpperLeft
	segMiddle
)

var lit = [10]int{
	0: segTop | segUpperRight | segLowerRight | segBottom | segLowerLeft | segUpperLeft,
	1: segUpperRight | segLowerRight,
	2: segTop | segUpperRight | segMiddle | segLowerLeft | segBottom,
	3: segTop | segUpperRight | segMiddle | segLowerRight | segBottom,
	4: segUpperLeft | segMiddle | segUpperRight | segLowerRight,
	5: segTop | segUpperLeft | segMiddle | segLowerRight | segBottom,
	6: segTop | segUpperLeft | segMiddle | segLowerLeft | segLowerRight | segBottom,
	7: segTop | segUpperRight | segLowerRight,
	8: segTop | segUpperRight | segLowerRight | segBottom | segLowerLeft | segUpperLeft | segMiddle,
	9: segTop | segUpperRight | segLowerRight | segBottom | segUpperLeft | segMiddle,
}

// The box of a digit and the distance to the next one, in the drawing's units.
const (
	digitWidth  = 16
	digitHeight = 28
	digitPitch  = 22
)

// outline is the segments as SVG path data, relative to the digit's corner;
// a bar is a hexagon 4 units thick whose ends leave a gap to its neighbours.
var outline = []struct {
	bit   int
	x, y  int
	shape string
}{
	{segTop, 2, 0, bar},
	{segMiddle, 2, 12, bar},
	{segBottom, 2, 24, bar},
	{segUpperLeft, 0, 2, post},
	{segUpperRight, 12, 2, post},
	{segLowerLeft, 0, 14, post},
	{segLowerRight, 12, 14, post},
}

const (
	bar  = "m.6 2 1.8-2h7.2l1.8 2-1.8 2h-7.2z"
	post = "m2 .6 2 1.8v7.2l-2 1.8-2-1.8v-7.2z"
)

// drawDigits returns the SVG path data of a code in seven segments, its upper
// left corner at (0, 0).
func drawDigits(code string) string {
	var d strings.Builder
	for i, c := range code {
		if c < '0' || c > '9' {
			continue
		}
		for _, s := range outline {
			if lit[c-'0']&s.bit != 0 {
				fmt.Fprintf(&d, "M%d %d%s", i*digitPitch+s.x, s.y, s.shape)
			}
		}
	}
	return d.String()
}

// drawnWidth is the width of what drawDigits draws for n digits.
func drawnWidth(n int) int { return n*digitPitch - (digitPitch - digitWidth) }
