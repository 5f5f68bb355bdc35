// Package screenshot makes of a picture that somebody sends one that may be kept and
// shown: it is decoded, and what is left of it are its points, written anew. Nothing
// of the file itself goes on: no metadata, no place where it was taken, no second
// format that hides in the first. It knows no request, no store and no clock.
package screenshot

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
)

// The bounds. To decode a picture takes 15 bytes a point at the worst (a progressive
// JPEG), so 250 MB at most: whoever calls Clean decides how many run at once.
const (
	// MaxFile is the longest file that is looked at, in bytes.
	MaxFile = 5 << 20
	// MaxPoints is how many points a picture may have: two 4K screens side by side, or
	// the usual photograph of a telephone.
	MaxPoints = 1 << 24
	// MaxClean is the longest picture that comes out, in bytes.
	MaxClean = 512 << 10
	// maxKept is how many points come out at most.
	maxKept = 1 << 22
)

// What may be wrong with a file. Test with errors.Is.
var (
	ErrTooLarge = errors.New("the picture has more than 5 MB: send a smaller one")
	ErrFormat   = errors.New("the file is neither a PNG nor a JPEG picture: make a screenshot of it")
	ErrPoints   = errors.New("the picture has more than 16 million points: cut out what matters")
	ErrMore     = errors.New("the file holds something else beside its picture: make a screenshot of it")
	ErrDamaged  = errors.New("the picture cannot be read: make it again")
)

// Image is a picture that Clean has made. The zero value is none.
type Image struct {
	data []byte
	kind string
}

// Bytes is the file, MaxClean bytes at most.
func (i Image) Bytes() []byte { return i.data }

// Type is its media type: image/png or image/jpeg; "" of the zero value.
func (i Image) Type() string { return i.kind }

// Kept is a picture as it was kept: what Bytes and Type gave.
func Kept(data []byte, kind string) Image { return Image{data, kind} }

// Clean decodes a PNG or JPEG file and writes its points anew: opaque on white, at
// most four million of them, turned as its EXIF orientation says. A PNG stays one if
// it is short enough. Errors: ErrTooLarge, ErrFormat, ErrPoints, ErrMore, ErrDamaged.
func Clean(file []byte) (Image, error) {
	if len(file) > MaxFile {
		return Image{}, ErrTooLarge
	}
	f, err := formOf(file)
	if err != nil {
		return Image{}, err
	}
	config, err := f.config(bytes.NewReader(file))
	if err != nil || config.Width < 1 || config.Height < 1 {
		return Image{}, ErrDamaged
	}
	if config.Width > MaxPoints/config.Height {
		return Image{}, ErrPoints
	}
	turn, err := f.walk(file)
	if err != nil {
		return Image{}, err
	}
	decoded, err := f.decode(bytes.NewReader(file))
	if err != nil {
		return Image{}, ErrDamaged
	}
	return encode(turned(shrunk(decoded, maxKept), turn), f.kind)
}

// encode writes the points: as PNG if they came so and fit, else as a JPEG that is
// coarser, and then smaller, until it fits.
func encode(points *image.RGBA, kind string) (Image, error) {
	var b bytes.Buffer
	if kind == typePNG {
		if err := png.Encode(&b, points); err != nil {
			return Image{}, err
		}
		if b.Len() <= MaxClean {
			return Image{b.Bytes(), typePNG}, nil
		}
	}
	for {
		for _, quality := range []int{85, 70, 50} {
			b.Reset()
			if err := jpeg.Encode(&b, points, &jpeg.Options{Quality: quality}); err != nil {
				return Image{}, err
			}
			if b.Len() <= MaxClean {
				return Image{b.Bytes(), typeJPEG}, nil
			}
		}
		points = shrunk(points, points.Rect.Dx()*points.Rect.Dy()/2)
	}
}
