package textfile

import (
	"errors"
	"strings"
)

// Separator is what stands between the fields of a line: a tab, a semicolon or a
// comma.
type Separator byte

// SeparatorOf gives the separator of a file from its first line. Spreadsheets
// in French separate by semicolons, because the comma is in their numbers; a
// comma therefore is the separator only where neither a tab nor a semicolon is.
func SeparatorOf(line string) Separator {
	for _, c := range []byte{'\t', ';'} {
		if strings.IndexByte(line, c) >= 0 {
			return Separator(c)
		}
	}
	return ','
}

// Split gives the fields of a line without the white space around them, empty
// ones at the end left out. A field may stand in double quotes, in which two
// stand for one; a quote anywhere else, or one that is not closed on the same
// line, is an error.
func (s Separator) Split(line string) ([]string, error) {
	var fields []string
	for rest, more := line, true; more; {
		var field string
		var err error
		if field, rest, more, err = s.cut(rest); err != nil {
			return nil, err
		}
		fields = append(fields, field)
	}
	for len(fields) > 0 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	return fields, nil
}

// cut gives the first field of line, what follows its separator, and whether
// there was a separator.
func (s Separator) cut(line string) (field, rest string, more bool, err error) {
	line = strings.TrimLeft(line, " ")
	if strings.HasPrefix(line, `"`) {
		return s.cutQuoted(line)
	}
	field, rest, more = strings.Cut(line, string(rune(s)))
	if strings.Contains(field, `"`) {
		return "", "", false, errors.New("there is a double quote inside a field that does not begin with one")
	}
	return strings.TrimSpace(field), rest, more, nil
}

func (s Separator) cutQuoted(line string) (field, rest string, more bool, err error) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
			b.WriteByte(line[i])
		case strings.HasPrefix(line[i+1:], `"`):
			b.WriteByte('"')
			i++
		default:
			rest = strings.TrimLeft(line[i+1:], " ")
			if rest != "" && rest[0] != byte(s) {
				return "", "", false, errors.New("there is text between a closing double quote and the next separator")
			}
			more = rest != ""
			return strings.TrimSpace(b.String()), strings.TrimPrefix(rest, string(rune(s))), more, nil
		}
	}
	return "", "", false, errors.New("a double quote is not closed on its line")
}
