package textfile

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Lines gives the lines of a text that Open gave. A line ends with LF, CR LF or
// CR.
type Lines struct {
	In     *bufio.Reader
	Max    int // bytes of a line
	Number int // of the line that Next gave last, from 1

	afterR bool // that line ended with CR: an LF belongs to it
}

// Next gives the next line, io.EOF behind the last. A line that is too long or
// no text is an error: the file is not what it was taken for.
func (l *Lines) Next() (string, error) {
	var buf []byte
	some := false
	for {
		c, err := l.In.ReadByte()
		if err == io.EOF && some {
			break
		}
		if err != nil {
			return "", err
		}
		skip := c == '\n' && l.afterR && !some
		if l.afterR = c == '\r'; skip {
			continue
		}
		some = true
		if c == '\n' || c == '\r' {
			break
		}
		if len(buf) == l.Max {
			return "", fmt.Errorf("line %d: the line is longer than %d bytes: no line of such a file needs that much", l.Number+1, l.Max)
		}
		buf = append(buf, c)
	}
	l.Number++
	return l.text(buf)
}

// text gives a line as UTF-8. What is not UTF-8 comes from a spreadsheet under
// a French or other western Windows, and is read as Windows-1252.
func (l *Lines) text(buf []byte) (string, error) {
	line := string(buf)
	if !utf8.Valid(buf) {
		line = windows1252(buf)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return "", fmt.Errorf("line %d: the line has a control character in it: this is not a text file, or it is damaged", l.Number)
	}
	return line, nil
}

func windows1252(buf []byte) string {
	var b strings.Builder
	for _, c := range buf {
		b.WriteRune(charmap.Windows1252.DecodeByte(c))
	}
	return b.String()
}
