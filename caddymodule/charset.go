package caddymodule

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// charset turns a text in UTF-8 into the bytes of a header's value.
type charset func(string) (string, error)

// defaultCharset is that of HTTP libraries of today: the bytes are UTF-8.
const defaultCharset = "utf-8"

// charsets are the ways in which an application may want what is not ASCII. HTTP
// leaves the charset of a header's value open (RFC 9110, section 5.5).
var charsets = map[string]charset{
	defaultCharset: func(s string) (string, error) { return s, nil },
	"latin1":       latin1,
	"ascii":        foldASCII,
	"base64":       func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil },
	"rfc8187":      func(s string) (string, error) { return extValue(s), nil },
}

var (
	errNotLatin1 = errors.New("it holds a character that ISO-8859-1 does not have")
	errNotFolded = errors.New("it holds a character that has no spelling in ASCII here")
)

// latin1 writes ISO-8859-1, which HTTP/1.1 once assumed (RFC 2616, section 2.2).
func latin1(s string) (string, error) {
	b, err := charmap.ISO8859_1.NewEncoder().String(norm.NFC.String(s))
	if err != nil {
		return "", errNotLatin1
	}
	return b, nil
}

// spelt are letters that do not come apart into a letter and its accent, and
// signs that word processors put in the place of those of ASCII.
var spelt = strings.NewReplacer(
	"œ", "oe", "Œ", "OE", "æ", "ae", "Æ", "AE", "ß", "ss", "ẞ", "SS", "ø", "o", "Ø", "O", "đ", "d", "Đ", "D",
	"ð", "d", "Ð", "D", "þ", "th", "Þ", "Th", "ł", "l", "Ł", "L", "ı", "i", "ħ", "h", "Ħ", "H", "ŋ", "ng", "Ŋ", "NG",
	"’", "'", "‘", "'", "ʼ", "'", "“", `"`, "”", `"`, "«", `"`, "»", `"`, "–", "-", "—", "-", "‐", "-", "‑", "-",
	"\u00a0", " ", "\u202f", " ", "º", "o", "ª", "a",
)

// foldASCII writes a text of the Latin alphabet without its accents. There is no
// such spelling of the others, and none is made up.
func foldASCII(s string) (string, error) {
	folded := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(spelt.Replace(norm.NFC.String(s))))
	if !isASCII(folded) {
		return "", errNotFolded
	}
	return folded, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// extValue writes RFC 8187's ext-value (section 3.2): UTF-8” and what is no
// attr-char as %XX.
func extValue(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteString("UTF-8''")
	for _, c := range []byte(s) {
		if strings.IndexByte(attrChars, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

const attrChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~"
