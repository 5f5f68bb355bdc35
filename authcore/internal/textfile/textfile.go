// Package textfile reads the text files that offices and suppliers send: in the
// encodings, with the line ends, the separators and the quotes that spreadsheets
// write, bounded in size and in the length of a line. It knows nothing of what a
// file is about.
package textfile

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// Open gives the text of a file as UTF-8, without a byte order mark. It reads
// UTF-16 as spreadsheets export it, with a mark or, from the zero bytes beside
// the first two characters, without. Other bytes come as they are (see [Lines]).
// A file of more than maxBytes is refused with tooLarge: at once where the reader
// tells its size, else when they are read.
func Open(r io.Reader, maxBytes int64, tooLarge error) (*bufio.Reader, error) {
	if Size(r) > maxBytes {
		return nil, tooLarge
	}
	in := bufio.NewReader(&bounded{r: r, left: maxBytes, tooLarge: tooLarge})
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if d := utf16(head); d != nil {
		return bufio.NewReader(d.NewDecoder().Reader(in)), nil
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, err = in.Discard(3)
		return in, err
	}
	return in, nil
}

// utf16 gives the encoding of a file that begins with head, nil if it is not
// UTF-16.
func utf16(head []byte) encoding.Encoding {
	zeros := make([]bool, 4)
	for i, b := range head {
		zeros[i] = b == 0
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case len(head) == 4 && !zeros[0] && zeros[1] && !zeros[2] && zeros[3]:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case len(head) == 4 && zeros[0] && !zeros[1] && zeros[2] && !zeros[3]:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// Size gives the size of what r reads, in bytes, or 0 if r does not tell.
func Size(r io.Reader) int64 {
	switch s := r.(type) {
	case interface{ Len() int }:
		return int64(s.Len())
	case interface{ Stat() (fs.FileInfo, error) }:
		if info, err := s.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// bounded fails with tooLarge when more than left bytes are read of r.
type bounded struct {
	r        io.Reader
	left     int64
	tooLarge error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.tooLarge
	}
	return n, err
}
