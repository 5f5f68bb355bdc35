package textfile

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

var errLarge = errors.New("too large")

// linesOf gives all lines of a text.
func linesOf(t *testing.T, text string, limit int) ([]string, error) {
	t.Helper()
	in, err := Open(strings.NewReader(text), 1<<20, errLarge)
	if err != nil {
		return nil, err
	}
	src := Lines{In: in, Max: limit}
	var all []string
	for {
		line, err := src.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if all = append(all, line); src.Number != len(all) {
			t.Errorf("line %d is numbered %d", len(all), src.Number)
		}
	}
}

// A text is the same in whatever encoding an office's program writes it.
func TestEncodings(t *testing.T) {
	const text = "Prénom;Œuvre\r\nÉléonore;4 €\r\n"
	encoded := func(e interface {
		String(string) (string, error)
	}) string {
		s, err := e.String(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, file := range map[string]string{
		"UTF-8":            text,
		"UTF-8 and BOM":    "\xef\xbb\xbf" + text,
		"Windows-1252":     encoded(charmap.Windows1252.NewEncoder()),
		"UTF-16LE and BOM": encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()),
		"UTF-16BE and BOM": encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder()),
		"UTF-16LE":         encoded(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder()),
		"UTF-16BE":         encoded(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder()),
	} {
		got, err := linesOf(t, file, 100)
		if err != nil || !slices.Equal(got, []string{"Prénom;Œuvre", "Éléonore;4 €"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":               nil,
		"\n":             {""},
		"a\rb\r\nc\n\nd": {"a", "b", "c", "", "d"},
		"a\r":            {"a"},
		"\r\r\n\n":       {"", "", ""},
		"\ta \t\n":       {"\ta \t"}, // a tab may separate an empty field
	} {
		if got, err := linesOf(t, text, 100); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"a\n" + strings.Repeat("x", 101): "line 2: the line is longer than 100 bytes",
		"a\x00b":                         "line 1: the line has a control character",
	} {
		if got, err := linesOf(t, text, 100); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.10q is read as %q, %v", text, got, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	text := strings.Repeat("x", 100)
	if _, err := Open(strings.NewReader(text), 99, errLarge); !errors.Is(err, errLarge) {
		t.Errorf("of known size: %v", err)
	}
	in, err := Open(io.MultiReader(strings.NewReader(text)), 99, errLarge)
	if err == nil {
		_, err = io.ReadAll(in)
	}
	if !errors.Is(err, errLarge) {
		t.Errorf("of unknown size: %v", err)
	}
	if in, err := Open(strings.NewReader(text), 100, errLarge); err != nil {
		t.Errorf("of just that size: %v", err)
	} else if b, err := io.ReadAll(in); len(b) != 100 || err != nil {
		t.Errorf("of just that size: %d bytes, %v", len(b), err)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"a;b;;", []string{"a", "b"}},
		{`a;"b;""c""" ; d`, []string{"a", `b;"c"`, "d"}},
		{"a\t\tb", []string{"a", "", "b"}},
		{"a,b;c", []string{"a,b", "c"}},
		{"a,b", []string{"a", "b"}},
		{"", []string{}},
	} {
		got, err := SeparatorOf(c.line).Split(c.line)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q is split into %q, %v", c.line, got, err)
		}
	}
	for _, line := range []string{`a;"b`, `a"b;c`, `"a"b;c`} {
		if got, err := SeparatorOf(line).Split(line); err == nil {
			t.Errorf("%q is split into %q", line, got)
		}
	}
}

// What Split reads from fields in quotes is what was written.
func FuzzSplit(f *testing.F) {
	f.Add(`a,"b ""c"" d",,e`, byte(','))
	f.Add(`"a";b;"`, byte(';'))
	f.Add("a\t\"b\"\t", byte('\t'))
	f.Fuzz(func(t *testing.T, line string, separator byte) {
		if !strings.ContainsRune(",;\t", rune(separator)) || strings.ContainsAny(line, "\r\n") {
			return
		}
		s := Separator(separator)
		fields, err := s.Split(line)
		if err != nil {
			return
		}
		written := make([]string, len(fields))
		for i, field := range fields {
			written[i] = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		again, err := s.Split(strings.Join(written, string(separator)))
		if err != nil || strings.Join(again, "\x00") != strings.Join(fields, "\x00") {
			t.Errorf("%q is read as %q, which is read as %q (error %v)", line, fields, again, err)
		}
	})
}
