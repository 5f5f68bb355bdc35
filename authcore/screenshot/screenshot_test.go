package screenshot_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/screenshot"
)

// corners is a picture with another colour in each quarter, so that it shows how it
// is turned.
func corners(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i, c := range []color.RGBA{red, green, blue, grey} {
		at := image.Rect(i%2*w/2, i/2*h/2, w/2+i%2*(w-w/2), h/2+i/2*(h-h/2))
		draw.Draw(m, at, image.NewUniform(c), image.Point{}, draw.Src)
	}
	return m
}

var (
	red   = color.RGBA{200, 0, 0, 255}
	green = color.RGBA{0, 200, 0, 255}
	blue  = color.RGBA{0, 0, 200, 255}
	grey  = color.RGBA{90, 90, 90, 255}
)

// noise is a picture that no format makes small.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	chacha := rand.NewChaCha8([32]byte{})
	_, _ = chacha.Read(m.Pix)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	return m
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk is a chunk of a PNG.
func chunk(name string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data))) //nolint:gosec // short
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// withChunk puts a chunk behind the header of a PNG.
func withChunk(file []byte, name, data string) []byte {
	const header = 8 + 25
	return append(append(bytes.Clone(file[:header]), chunk(name, []byte(data))...), file[header:]...)
}

// withSegment puts a segment behind the beginning of a JPEG.
func withSegment(file []byte, marker byte, data string) []byte {
	b := append(bytes.Clone(file[:2]), 0xff, marker)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)+2)) //nolint:gosec // short
	return append(append(b, data...), file[2:]...)
}

// exif is a segment that says nothing but an orientation.
func exif(orientation byte) string {
	return "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00"
}

func zipped(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("index.html")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("<script>alert(1)</script>"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is the beginning of a PNG of 30,000 by 30,000 points, and no more of it.
func bomb() []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 30_000), 30_000)
	return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 6, 0, 0, 0))...)
}

// A picture comes out with its points, and with nothing else of the file.
func TestCleanKeepsThePointsAlone(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		kind string
	}{
		"PNG":                {asPNG(t, corners(40, 30)), "image/png"},
		"PNG with a comment": {withChunk(asPNG(t, corners(40, 30)), "tEXt", "Comment\x00canary <script>"), "image/png"},
		"PNG and zeros":      {append(asPNG(t, corners(40, 30)), 0, 0, 0), "image/png"},
		"JPEG":               {asJPEG(t, corners(40, 30)), "image/jpeg"},
		"JPEG with EXIF":     {withSegment(asJPEG(t, corners(40, 30)), 0xe1, exif(1)+"canary: 47.21 N 1.55 W"), "image/jpeg"},
		"JPEG with words":    {withSegment(asJPEG(t, corners(40, 30)), 0xfe, "canary <script>"), "image/jpeg"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := screenshot.Clean(c.file)
			if err != nil || got.Type() != c.kind {
				t.Fatalf("%s, %v", got.Type(), err)
			}
			if bytes.Contains(got.Bytes(), []byte("canary")) || bytes.Contains(got.Bytes(), []byte("Exif")) {
				t.Error("what was beside the picture is still there")
			}
			looksLike(t, got, 40, 30, red, green, blue, grey)
		})
	}
}

// looksLike wants a picture of that size with those colours in its quarters.
func looksLike(t *testing.T, got screenshot.Image, w, h int, quarters ...color.RGBA) {
	t.Helper()
	m, kind, err := image.Decode(bytes.NewReader(got.Bytes()))
	if err != nil || "image/"+kind != got.Type() {
		t.Fatalf("%s: %v", kind, err)
	}
	if m.Bounds() != image.Rect(0, 0, w, h) {
		t.Fatalf("the picture has %v, not %d×%d", m.Bounds(), w, h)
	}
	for i, want := range quarters {
		r, g, b, _ := m.At(w/4+i%2*w/2, h/4+i/2*h/2).RGBA()
		for _, c := range [][2]int{{int(r >> 8), int(want.R)}, {int(g >> 8), int(want.G)}, {int(b >> 8), int(want.B)}} {
			if c[0]-c[1] > 12 || c[1]-c[0] > 12 {
				t.Errorf("quarter %d is %d %d %d, not %v", i, r>>8, g>>8, b>>8, want)
				break
			}
		}
	}
}

// What is transparent is white, so that nothing hides in it.
func TestCleanIsOpaque(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 20, 20))
	for i := range m.Pix {
		if m.Pix[i] = 90; i%4 == 3 {
			m.Pix[i] = 0
		}
	}
	got, err := screenshot.Clean(asPNG(t, m))
	if err != nil {
		t.Fatal(err)
	}
	white := color.RGBA{255, 255, 255, 255}
	looksLike(t, got, 20, 20, white, white, white, white)
}

func TestCleanRefuses(t *testing.T) {
	whole, photo := asPNG(t, corners(40, 30)), asJPEG(t, corners(40, 30))
	var moving bytes.Buffer
	if err := gif.Encode(&moving, corners(4, 4), nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":                   {nil, screenshot.ErrFormat},
		"a zip":                     {zipped(t), screenshot.ErrFormat},
		"a GIF":                     {moving.Bytes(), screenshot.ErrFormat},
		"an SVG":                    {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), screenshot.ErrFormat},
		"a page":                    {[]byte("<!DOCTYPE html><script>alert(1)</script>"), screenshot.ErrFormat},
		"a PNG behind a page":       {append([]byte("<!-- "), whole...), screenshot.ErrFormat},
		"a PNG and a zip":           {append(bytes.Clone(whole), zipped(t)...), screenshot.ErrMore},
		"a PNG and a page":          {append(bytes.Clone(whole), "<script>"...), screenshot.ErrMore},
		"two PNG":                   {append(bytes.Clone(whole), whole...), screenshot.ErrMore},
		"a JPEG and a zip":          {append(bytes.Clone(photo), zipped(t)...), screenshot.ErrMore},
		"a JPEG and a page":         {append(bytes.Clone(photo), "<script>"...), screenshot.ErrMore},
		"30,000 by 30,000 points":   {bomb(), screenshot.ErrPoints},
		"a beginning":               {[]byte("\x89PNG\r\n\x1a\n"), screenshot.ErrDamaged},
		"a PNG cut off":             {whole[:len(whole)/2], screenshot.ErrDamaged},
		"a PNG without its end":     {whole[:len(whole)-12], screenshot.ErrDamaged},
		"a JPEG cut off":            {photo[:len(photo)/2], screenshot.ErrDamaged},
		"a JPEG without its end":    {photo[:len(photo)-2], screenshot.ErrDamaged},
		"a PNG with a byte changed": {append(append(bytes.Clone(whole[:50]), whole[50]^1), whole[51:]...), screenshot.ErrDamaged},
		"5 MB and a byte":           {append(bytes.Clone(whole), make([]byte, screenshot.MaxFile+1-len(whole))...), screenshot.ErrTooLarge},
		"a chunk without end":       {append(bytes.Clone(whole[:33]), 0xff, 0xff, 0xff, 0xff, 'z', 'T', 'X', 't', 0, 0, 0, 0), screenshot.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := screenshot.Clean(c.file)
			if !errors.Is(err, c.want) || got.Bytes() != nil || got.Type() != "" {
				t.Errorf("%d bytes of %q, %v; want %v", len(got.Bytes()), got.Type(), err, c.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "the ") {
				t.Errorf("%v is no sentence", err)
			}
		})
	}
	if _, err := screenshot.Clean(append(bytes.Clone(whole), make([]byte, screenshot.MaxFile-len(whole))...)); err != nil {
		t.Errorf("5 MB: %v", err)
	}
}

// A photograph comes out as it was held.
func TestCleanTurns(t *testing.T) {
	file := asJPEG(t, corners(64, 32))
	for orientation, want := range map[byte][]color.RGBA{
		1: {red, green, blue, grey}, 2: {green, red, grey, blue}, 3: {grey, blue, green, red}, 4: {blue, grey, red, green},
		5: {red, blue, green, grey}, 6: {blue, red, grey, green}, 7: {grey, green, blue, red}, 8: {green, grey, red, blue},
		9: {red, green, blue, grey}, 0: {red, green, blue, grey},
	} {
		got, err := screenshot.Clean(withSegment(file, 0xe1, exif(orientation)))
		if err != nil {
			t.Fatal(err)
		}
		w, h := 64, 32
		if orientation >= 5 && orientation <= 8 {
			w, h = h, w
		}
		looksLike(t, got, w, h, want...)
	}
}

// However large or rough a picture is, it comes out short, and in proportion.
func TestCleanMakesItFit(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		kind string
	}{
		"a large PNG":     {asPNG(t, corners(2736, 1539)), "image/png"},
		"a rough PNG":     {asPNG(t, noise(1000, 800)), "image/jpeg"},
		"a rough JPEG":    {asJPEG(t, noise(1600, 1200)), "image/jpeg"},
		"a line of a PNG": {asPNG(t, corners(4_300_000, 1)), "image/png"},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.file) > screenshot.MaxFile {
				t.Fatalf("the test's own file has %d bytes", len(c.file))
			}
			got, err := screenshot.Clean(c.file)
			if err != nil || len(got.Bytes()) > screenshot.MaxClean || got.Type() != c.kind {
				t.Fatalf("%d bytes of %s, %v", len(got.Bytes()), got.Type(), err)
			}
			from, _, _ := image.DecodeConfig(bytes.NewReader(c.file))
			to, _, _ := image.DecodeConfig(bytes.NewReader(got.Bytes()))
			if to.Width*to.Height > 1<<22 {
				t.Errorf("%d×%d points are left", to.Width, to.Height)
			}
			if ratio := float64(from.Width) / float64(from.Height) * float64(to.Height) / float64(to.Width); from.Height > 1 && (ratio < 0.99 || ratio > 1.01) {
				t.Errorf("%d×%d became %d×%d", from.Width, from.Height, to.Width, to.Height)
			}
		})
	}
}

// Of any picture that comes out, cleaning again changes nothing that is seen of a
// PNG; and what Clean makes, it takes.
func TestCleanTakesWhatItMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 60).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
		m := noise(w, h)
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		first, err := screenshot.Clean(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		again, err := screenshot.Clean(first.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), first.Bytes()) {
			t.Fatalf("%v", err)
		}
	})
}

// FuzzClean: whatever the file, either a picture comes out that keeps every bound,
// or a sentence of ours.
func FuzzClean(f *testing.F) {
	for _, seed := range [][]byte{
		asPNG(f, corners(8, 6)), asJPEG(f, corners(8, 6)), bomb(), zipped(f), append(asPNG(f, corners(2, 2)), zipped(f)...),
		withSegment(asJPEG(f, corners(8, 6)), 0xe1, exif(6)), withChunk(asPNG(f, corners(4, 4)), "zTXt", "x\x00\x00"),
		[]byte("\x89PNG\r\n\x1a\n"), []byte("\xff\xd8\xff\xd9"), []byte("\xff\xd8\xff\xe1\x00\x02\xff\xd9"), nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if config, _, err := image.DecodeConfig(bytes.NewReader(file)); err == nil && config.Width > 1<<20/max(1, config.Height) {
			return // a fuzzer should not wait for large ones
		}
		got, err := screenshot.Clean(file)
		if err != nil {
			for _, known := range []error{screenshot.ErrTooLarge, screenshot.ErrFormat, screenshot.ErrPoints, screenshot.ErrMore, screenshot.ErrDamaged} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatal(err)
		}
		if config, kind, err := image.DecodeConfig(bytes.NewReader(got.Bytes())); err != nil || "image/"+kind != got.Type() || config.Width < 1 || len(got.Bytes()) > screenshot.MaxClean {
			t.Fatalf("%s, %v", kind, err)
		}
	})
}
