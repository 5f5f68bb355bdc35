package keyfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
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
	src, head := textfile.Lines{In: in, Max: maxLine}, heading{}
	var parse lineParser
	for {
		line, err := src.Next()
		line = strings.TrimSpace(line)
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
				return fmt.Errorf("line %d: %w", src.Number, err)
			}
		}
		if err := k.line(parse, line, src.Number); err != nil {
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
	c := textfile.SeparatorOf(line)
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
func recognise(c textfile.Separator, line string) Format {
	if isOTPAuth(line) {
		return OTPAuth
	}
	fields, err := c.Split(line)
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

// at gives field i, counted from 0, or "" if the line has fewer.
func at(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}

// quote shows a field in a sentence if it is too short to be a seed.
func quote(field string) string {
	if len(field) > 12 {
		return fmt.Sprintf("of %d characters", len(field))
	}
	return fmt.Sprintf("%q", field)
}
