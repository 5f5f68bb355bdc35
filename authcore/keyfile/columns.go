package keyfile

import (
	"errors"
	"fmt"
	"strings"
)

// columns cuts the lines of one file into fields.
type columns struct{ separator byte }

// separatorOf gives the separator of a file from its first line. Spreadsheets
// in French separate by semicolons, because the comma is in their numbers; a
// comma therefore is the separator only where neither a tab nor a semicolon is.
func separatorOf(line string) byte {
	for _, c := range []byte{'\t', ';'} {
		if strings.IndexByte(line, c) >= 0 {
			return c
		}
	}
	return ','
}

// split gives the fields of a line without the white space around them, empty
// ones at the end left out. A field may stand in double quotes, in which two
// stand for one; a quote anywhere else, or one that is not closed on the same
// line, is an error.
func (c columns) split(line string) ([]string, error) {
	var fields []string
	for rest, more := line, true; more; {
		var field string
		var err error
		if field, rest, more, err = c.cut(rest); err != nil {
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
func (c columns) cut(line string) (field, rest string, more bool, err error) {
	line = strings.TrimLeft(line, " ")
	if strings.HasPrefix(line, `"`) {
		return c.cutQuoted(line)
	}
	field, rest, more = strings.Cut(line, string(c.separator))
	if strings.Contains(field, `"`) {
		return "", "", false, errors.New("there is a double quote inside a field that does not begin with one")
	}
	return strings.TrimSpace(field), rest, more, nil
}

func (c columns) cutQuoted(line string) (field, rest string, more bool, err error) {
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
			if rest != "" && rest[0] != c.separator {
				return "", "", false, errors.New("there is text between a closing double quote and the next separator")
			}
			more = rest != ""
			return strings.TrimSpace(b.String()), strings.TrimPrefix(rest, string(c.separator)), more, nil
		}
	}
	return "", "", false, errors.New("a double quote is not closed on its line")
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
