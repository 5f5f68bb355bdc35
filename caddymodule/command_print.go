package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// clean makes a text that came from elsewhere safe to print: a browser chooses
// its own name and a supplier that of a key, and a terminal obeys control
// characters. White space becomes a space, anything else that does not print
// the replacement character.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// say prints one line. Arguments that are strings are cleaned.
func (c *client) say(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clean(s)
		}
	}
	fmt.Fprintf(c.out(), format+"\n", args...)
}

func (c *client) out() io.Writer { return c.cmd.OutOrStdout() }

// table prints rows below a header; an empty cell shows as a hyphen.
func (c *client) table(header []string, rows [][]string) {
	w := tabwriter.NewWriter(c.out(), 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = clean(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // as with any print, a closed pipe has nobody to tell
}

// sheet prints what is known of one thing, a line for each fact there is.
func (c *client) sheet(facts [][2]string) {
	w := tabwriter.NewWriter(c.out(), 0, 0, 2, ' ', 0)
	for _, f := range facts {
		if f[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", f[0], clean(f[1]))
		}
	}
	_ = w.Flush()
}

// printJSON prints the server's answer indented, whatever does not print in it
// written as \uXXXX: JSON itself lets DEL, C1 controls and the marks that turn
// the direction of writing stand as they are.
func (c *client) printJSON(raw []byte) error {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(raw), "", "  "); err != nil {
		return fmt.Errorf("the server's answer is no JSON: %w", err)
	}
	fmt.Fprintln(c.out(), escapeUnprintable(b.String()))
	return nil
}

func escapeUnprintable(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch high, low := utf16.EncodeRune(r); {
		case r < utf8.RuneSelf && r != 0x7f, unicode.IsPrint(r):
			b.WriteRune(r)
		case high != unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// localTime is a time as people here read it; "" for none.
func localTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
