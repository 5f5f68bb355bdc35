package screenshot

import (
	"image"
	"image/color"
	"image/draw"
	"math"
)

// shrunk is a picture on white, with so many points at most: each is the mean of
// those that it stands for.
func shrunk(from image.Image, most int) *image.RGBA {
	b := from.Bounds()
	w, h := b.Dx(), b.Dy()
	if w*h > most {
		by := math.Sqrt(float64(most) / float64(w*h))
		w, h = max(1, min(int(float64(w)*by), most)), max(1, min(int(float64(h)*by), most))
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	if w == b.Dx() && h == b.Dy() {
		draw.Draw(to, to.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(to, to.Rect, from, b.Min, draw.Over)
		return to
	}
	row := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1)) // one line of the source at a time
	sums := make([][3]uint64, w)
	for y := range h {
		top, bottom := y*b.Dy()/h, (y+1)*b.Dy()/h
		clear(sums)
		for line := top; line < bottom; line++ {
			draw.Draw(row, row.Rect, image.White, image.Point{}, draw.Src)
			draw.Draw(row, row.Rect, from, image.Pt(b.Min.X, b.Min.Y+line), draw.Over)
			add(sums, row.Pix, b.Dx())
		}
		for x, sum := range sums {
			n := uint64(((x+1)*b.Dx()/w - x*b.Dx()/w) * (bottom - top))
			to.SetRGBA(x, y, color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 255}) //nolint:gosec // a mean of bytes
		}
	}
	return to
}

// add adds the points of a line to the sums that they belong to.
func add(sums [][3]uint64, line []uint8, width int) {
	for x := range sums {
		for i := x * width / len(sums); i < (x+1)*width/len(sums); i++ {
			for c := range 3 {
				sums[x][c] += uint64(line[4*i+c])
			}
		}
	}
}

// turned is a picture as its EXIF orientation (Exif 2.32, section 4.6.4, tag 274) says
// that it is to be looked at; 1 leaves it.
func turned(from *image.RGBA, orientation int) *image.RGBA {
	w, h := from.Rect.Dx(), from.Rect.Dy()
	// Where the point at x, y of the result comes from.
	var at func(x, y int) (int, int)
	switch orientation {
	case 2:
		at = func(x, y int) (int, int) { return w - 1 - x, y }
	case 3:
		at = func(x, y int) (int, int) { return w - 1 - x, h - 1 - y }
	case 4:
		at = func(x, y int) (int, int) { return x, h - 1 - y }
	case 5:
		at = func(x, y int) (int, int) { return y, x }
	case 6:
		at = func(x, y int) (int, int) { return y, h - 1 - x }
	case 7:
		at = func(x, y int) (int, int) { return w - 1 - y, h - 1 - x }
	case 8:
		at = func(x, y int) (int, int) { return w - 1 - y, x }
	default:
		return from
	}
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	to := image.NewRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			to.SetRGBA(x, y, from.RGBAAt(at(x, y)))
		}
	}
	return to
}
