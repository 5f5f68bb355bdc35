package keyfile

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
)

// long is what no sentence of ours holds: a run that is as long as the text
// form of the shortest seed, 16 bytes in base64.
var long = regexp.MustCompile(`[A-Za-z0-9+/=]{22,}`)

// checkHidden checks that a refusal shows nothing that could be a seed.
func checkHidden(t testing.TB, sentence string) {
	t.Helper()
	if run := long.FindString(sentence); run != "" {
		t.Errorf("a refusal shows %d characters of the file in a row", len(run))
	}
}

// checkRead checks what holds of any file: every record can be used, no serial
// comes twice, lines do not go back, no refusal shows what may be a seed, and
// nothing follows the error that refuses the file.
func checkRead(t testing.TB, text string, o Options) {
	t.Helper()
	seen, line, over := map[string]bool{}, 0, false
	for rec, err := range Read(strings.NewReader(text), o) {
		if over {
			t.Error("reading goes on behind the file's refusal")
		}
		var p *Problem
		switch {
		case errors.As(err, &p):
			if p.Line < line {
				t.Errorf("line %d behind line %d", p.Line, line)
			}
			line = p.Line
			checkHidden(t, p.Err.Error())
		case err != nil:
			over = true
			checkHidden(t, err.Error())
		default:
			if rec.Line < line || seen[identity(rec)] || rec.Generator.Validate() != nil || rec.Format == Auto {
				t.Errorf("a record that should be refused: %v", rec)
			}
			seen[identity(rec)], line = true, rec.Line
			if _, err := serialOf(rec.Serial); err != nil {
				t.Errorf("serial %q: %v", rec.Serial, err)
			}
		}
	}
}

func FuzzOATH(f *testing.F) {
	for _, text := range []string{
		"",
		"FT1," + rfcSeed,
		"FT1," + rfcSeed + ",totp,6,60,sha1\r\nFT2," + rfcSeed + ",hotp,8,5\r\n",
		"\xef\xbb\xbf# version: 2\namartin;ldap;rectorat;FT1;" + rfcSeed + ";totp;;60",
		"\"FT1\"\t\"" + rfcSeed + "\"\t\"hotp\"\n\"FT1\"\t" + rfcSeed,
		"2,60E+12;" + rfcSeed,
		"\xff\xfeF\x00T\x001\x00,\x003\x001\x00",
		"F\x00T\x001\x00,\x00",
		"FT1," + base32Of20 + "\rFT2,\"\"\"\"",
	} {
		f.Add(text, uint8(0))
		f.Add(text, uint8(Base32))
	}
	f.Fuzz(func(t *testing.T, text string, e uint8) {
		checkRead(t, text, Options{Format: OATH, Encoding: Encoding(e % 3)})
	})
}

func base64Text[T ~[16]byte](b T) string { return base64.StdEncoding.EncodeToString(b[:]) }
