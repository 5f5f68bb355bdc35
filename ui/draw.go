package ui

import (
	"fmt"
	"strings"
)

// The code and the PIN that the drawings and the examples show. The PIN is one
// that no rule against easy PINs refuses: no date, no row, no keypad pattern.
const (
	sample    = "62735149"
	samplePIN = "4938"
)

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

// strokes is the segments as SVG path data, relative to the digit's corner;
// a bar is a hexagon 4 units thick whose ends leave a gap to its neighbours.
var strokes = []struct {
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

// segments returns the SVG path data of a code in seven segments, its upper
// left corner at (0, 0).
func segments(code string) string {
	var d strings.Builder
	for i, c := range code {
		if c < '0' || c > '9' {
			continue
		}
		for _, s := range strokes {
			if lit[c-'0']&s.bit != 0 {
				fmt.Fprintf(&d, "M%d %d%s", i*digitPitch+s.x, s.y, s.shape)
			}
		}
	}
	return d.String()
}

// keyDrawing is what the drawing of a key needs: lengths in its own units.
type keyDrawing struct {
	Code     string // what its screen shows
	Segments string // the same, as path data
	Outline  string // the body with its eye, as path data
	Screen   int    // width of the screen
	Ring     int    // x of the middle of the ring
	Width    int    // width of the whole
}

// drawKey prepares the drawing of a key that shows the sample code.
func drawKey(digits int) keyDrawing {
	code := sampleCode(digits)
	screen := len(code)*digitPitch - (digitPitch - digitWidth) + 28
	body := screen + 40
	return keyDrawing{
		Code: code, Segments: segments(code), Outline: outline(body),
		Screen: screen, Ring: body + 40, Width: body + 66,
	}
}

// outline is a body of that width, 104 high, with an eye for the ring at its
// right: the hole turns against the body, so that it stays empty.
func outline(width int) string {
	return fmt.Sprintf("M28 1h%dq27 0 27 27v6h6a18 18 0 0 1 0 36h-6v6q0 27-27 27h-%dq-27 0-27-27v-48q0-27 27-27z"+
		"M%d 44a8 8 0 1 0 0 16 8 8 0 1 0 0-16z", width-56, width-56, width+5)
}
