package keyfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxLine bounds a line, in bytes. The longest that a format of ours needs, a
// seed of 64 bytes and a few names, is a tenth of it.
const maxLine = 8 << 10

// A lineParser reads the key of one line. Where it fails, the record says as
// much as is known of the key. errNoKey passes over a line that holds none.
type lineParser func(line string) (Record, error)

var errNoKey = errors.New("keyfile: the line holds no key")

// readLines reads the formats that have a key a line. Empty lines and those
// that begin with # hold none.
func readLines(in *bufio.Reader, o Options, k *sink) error {
	src, head := lines{in: in}, heading{}
	var parse lineParser
	for {
		line, err := src.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case line == "":
			continue
		case line[0] == '#':
			head.comment(line)
			continue
		case parse == nil:
			if parse, err = head.parser(line, o); err != nil {
				return fmt.Errorf("line %d: %w", src.number, err)
			}
		}
		if err := k.line(parse, line, src.number); err != nil {
			return err
		}
	}
}

// line parses one line and hands over the outcome.
func (k *sink) line(parse lineParser, line string, number int) error {
	rec, err := parse(line)
	switch {
	case errors.Is(err, errNoKey):
		return nil
	case err != nil:
		return k.problem(number, rec.Serial, err)
	}
	rec.Line = number
	return k.record(rec)
}

// heading is what is known of a text file before its first key.
type heading struct {
	holders bool // privacyIDEA's "# version: 2": three columns about the holder come first
}

// comment notes what a comment before the first key says about the columns.
func (h *heading) comment(line string) {
	words := strings.Fields(strings.ToLower(strings.TrimLeft(line, "# \t")))
	if len(words) == 2 && words[0] == "version:" && words[1] == "2" {
		h.holders = true
	}
}

// parser chooses the parser of a text file by the options, or else by the first
// line that may hold a key.
func (h *heading) parser(line string, o Options) (lineParser, error) {
	c := columns{separator: separatorOf(line)}
	f := o.Format
	if f == Auto {
		f = recognise(c, line)
	}
	switch f {
	case OATH:
		return oathParser(c, h.holders, o), nil
	case Entra:
		return entraParser(c, line, o)
	case YubicoLog:
		return yubicoLogParser(c, o), nil
	case Yubico:
		return yubicoParser(c, o), nil
	case OTPAuth:
		return otpauthParser(o), nil
	}
	return nil, ErrUnrecognised
}

// recognise tells the format of a text file from the first line that may hold a
// key: Auto if it cannot be told.
func recognise(c columns, line string) Format {
	if isOTPAuth(line) {
		return OTPAuth
	}
	fields, err := c.split(line)
	if err != nil {
		return OATH // which says what is wrong with the line
	}
	switch {
	case isEntra(fields):
		return Entra
	case isYubicoLog(fields):
		return YubicoLog
	case isYubico(fields):
		return Yubico
	}
	if _, err := serialOf(at(fields, 0)); err != nil && len(fields) < 2 {
		return Auto
	}
	return OATH
}

// lines gives the lines of a text, numbered from 1, without the white space
// around them. A line ends with LF, CR LF or CR.
type lines struct {
	in     *bufio.Reader
	number int
	afterR bool // the line before ended with CR: an LF belongs to it
}

// next gives the next line, io.EOF behind the last. A line that is too long or
// no text is an error: the file is not what it was taken for.
func (l *lines) next() (string, error) {
	var buf []byte
	some := false
	for {
		c, err := l.in.ReadByte()
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
		if len(buf) == maxLine {
			return "", fmt.Errorf("line %d: the line is longer than %d bytes: no key needs that much", l.number+1, maxLine)
		}
		buf = append(buf, c)
	}
	l.number++
	return l.text(buf)
}

// text gives a line as UTF-8. What is not UTF-8 comes from a spreadsheet under
// a French or other western Windows, and is read as Windows-1252: it can only
// stand in a comment or a name, as seeds and serial numbers are ASCII.
func (l *lines) text(buf []byte) (string, error) {
	line := string(buf)
	if !utf8.Valid(buf) {
		line = windows1252(buf)
	}
	line = strings.TrimSpace(line)
	if strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return "", fmt.Errorf("line %d: the line has a control character in it: this is not a text file, or it is damaged", l.number)
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
