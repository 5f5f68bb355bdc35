package keyfile

import (
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

const (
	seed32     = rfcSeed + "313233343536373839303132"
	seed64     = rfcSeed + rfcSeed + rfcSeed + "31323334"
	base32Of20 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
)

func hotp(digits int, h otp.Hash) otp.Generator {
	return otp.Generator{Kind: otp.HOTP, Digits: digits, Hash: h}
}

func totp(digits int, seconds int, h otp.Hash) otp.Generator {
	return otp.Generator{Kind: otp.TOTP, Digits: digits, Period: time.Duration(seconds) * time.Second, Hash: h}
}

func TestOATHLines(t *testing.T) {
	tests := []struct {
		line    string
		o       Options
		want    otp.Generator // without its seed
		counter otp.Step
	}{
		{"FT1," + rfcSeed, Options{}, hotp(6, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",hotp", Options{}, hotp(6, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",HOTP,8", Options{}, hotp(8, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",hotp,7,1234", Options{}, hotp(7, otp.SHA1), 1234},
		{"FT1," + rfcSeed + ",hotp,,12,sha256", Options{}, hotp(6, otp.SHA256), 12},
		{"FT1," + rfcSeed + ",totp", Options{}, totp(6, 30, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",TOTP,8,60", Options{}, totp(8, 60, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",totp,6,30,SHA512", Options{}, totp(6, 30, otp.SHA512), 0},
		{"FT1," + rfcSeed + ",totp,6,30,HMAC-SHA256", Options{}, totp(6, 30, otp.SHA256), 0},
		{"FT1," + rfcSeed + ",totp,6,30,sha-1", Options{}, totp(6, 30, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",,,", Options{}, hotp(6, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",totp,6,60,sha1,,,", Options{}, totp(6, 60, otp.SHA1), 0},
		{"FT1," + strings.ToUpper(rfcSeed), Options{}, hotp(6, otp.SHA1), 0},
		// Vendors' text files.
		{"FT1," + rfcSeed + ",0", Options{}, hotp(6, otp.SHA1), 0},
		{"FT1," + rfcSeed + ",42", Options{Kind: otp.TOTP, Digits: 8}, hotp(8, otp.SHA1), 42},
		// Separators, quotes and white space.
		{"FT1;" + rfcSeed + ";totp;6;60;sha1", Options{}, totp(6, 60, otp.SHA1), 0},
		{"FT1\t" + rfcSeed + "\ttotp\t\t60", Options{}, totp(6, 60, otp.SHA1), 0},
		{" FT1 , " + rfcSeed + " , totp , 8 , 60 ", Options{}, totp(8, 60, otp.SHA1), 0},
		{`"FT1","` + rfcSeed + `","totp", "6" ,"60"`, Options{}, totp(6, 60, otp.SHA1), 0},
		// What the line leaves out comes from the options, and nothing else.
		{"FT1," + rfcSeed, Options{Kind: otp.TOTP, Digits: 8, Period: time.Minute, Hash: otp.SHA512}, totp(8, 60, otp.SHA512), 0},
		{"FT1," + rfcSeed + ",totp,6,30,sha1", Options{Kind: otp.HOTP, Digits: 8, Period: time.Minute, Hash: otp.SHA512}, totp(6, 30, otp.SHA1), 0},
		{"FT1," + base32Of20, Options{Encoding: Base32}, hotp(6, otp.SHA1), 0},
		{"FT1," + strings.ToLower(base32Of20), Options{Encoding: Base32}, hotp(6, otp.SHA1), 0},
	}
	for _, tt := range tests {
		rec := readText(t, tt.line+"\n", tt.o).only(t)
		want := Record{Line: 1, Format: OATH, Serial: "FT1", Generator: tt.want, Counter: tt.counter}
		want.Generator.Seed = []byte("12345678901234567890")
		if !reflect.DeepEqual(rec, want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.line, rec, want)
		}
	}
}

func TestOATHSeedsOfOtherLengths(t *testing.T) {
	tests := []struct {
		line string
		o    Options
		want otp.Hash
	}{
		{"FT1," + seed32 + ",totp,6,30,sha256", Options{}, otp.SHA256},
		{"FT1," + seed64 + ",totp,6,30,sha512", Options{}, otp.SHA512},
		{"FT1," + seed64 + ",totp,6,30,sha1", Options{}, otp.SHA1},
		{"FT1," + seed32, Options{Hash: otp.SHA1}, otp.SHA1},
		{"FT1," + seed64, Options{Hash: otp.SHA512}, otp.SHA512},
		{"FT1," + rfcSeed[:32], Options{}, otp.SHA1},
	}
	for _, tt := range tests {
		if rec := readText(t, tt.line, tt.o).only(t); rec.Generator.Hash != tt.want {
			t.Errorf("%s: got %v, want %v", tt.line, rec.Generator.Hash, tt.want)
		}
	}
}

func TestOATHRefusals(t *testing.T) {
	tests := []struct{ line, want string }{
		{"FT1", "one column"},
		{"FT1,", "one column"},
		{"," + rfcSeed, "serial number is missing"},
		{"FT1,,totp", "seed is missing"},
		{"FT1," + rfcSeed[1:], "39 hexadecimal digits, an odd number"},
		{"FT1," + rfcSeed[:30], "15 bytes"},
		{"FT1," + strings.Repeat("31", 65) + ",hotp,6,0,sha1", "65 bytes"},
		{"FT1," + strings.Repeat("31", 2048) + ",hotp,6,0,sha1", "2048 bytes"},
		{"FT1," + strings.Repeat("0", 40), "every byte of the seed is zero"},
		{"FT1," + base32Of20, "not in hexadecimal digits"},
		{"FT1," + seed32, "which hash function"},
		{"FT1," + seed64 + ",totp,6,60", "which hash function"},
		{"FT1," + rfcSeed + ",ocra", `algorithm "ocra"`},
		{"FT1," + rfcSeed + ",sha1,6,30", `"sha1" is a hash function`},
		{"Serial,Seed,Algorithm", "names columns"},
		{"FT1," + rfcSeed + ",securid", `algorithm "securid"`},
		{"FT1," + rfcSeed + ",totp,5", `length "5"`},
		{"FT1," + rfcSeed + ",totp,06", `length "06"`},
		{"FT1," + rfcSeed + ",totp,9", `length "9"`},
		{"FT1," + rfcSeed + ",totp,6,45", `period "45"`},
		{"FT1," + rfcSeed + ",totp,6,0", `period "0"`},
		{"FT1," + rfcSeed + ",hotp,6,-1", `counter "-1"`},
		{"FT1," + rfcSeed + ",hotp,6,9223372036854775808", "counter of 19 characters"},
		{"FT1," + rfcSeed + ",totp,6,60,md5", `hash function "md5"`},
		{"FT1," + rfcSeed + ",totp,6,60,hmac", `hash function "hmac"`},
		{"FT1," + rfcSeed + ",totp,6,60,sha1,extra", "more columns"},
		// Serial numbers.
		{"=cmd()," + rfcSeed, "characters that no key shows"},
		{"F T1," + rfcSeed, "characters that no key shows"},
		{"-FT1," + rfcSeed, "characters that no key shows"},
		{"FT1é," + rfcSeed, "characters that no key shows"},
		{strings.Repeat("7-", 33) + "," + rfcSeed, "66 characters"},
		{rfcSeed + ",FT1", "columns are in another order"},
		{base32Of20 + ",FT1", "columns are in another order"},
		// What spreadsheets do.
		{"2.60E+12," + rfcSeed, "a spreadsheet"},
		{"2,60E+12;" + rfcSeed, "a spreadsheet"},
		{`"2,60E+12",` + rfcSeed, "a spreadsheet"},
		{"2,60E+12," + rfcSeed, "a spreadsheet"},
		{"2.6e12," + rfcSeed, "a spreadsheet"},
		{"FT1;3,13233E+39", "a spreadsheet"},
		{`="FT1",` + rfcSeed, "double quote inside"},
		// Quotes.
		{`"FT1,` + rfcSeed, "not closed"},
		{`"FT1"x,` + rfcSeed, "between a closing double quote"},
		{`FT1,"` + rfcSeed + `""`, "not closed"},
		{"FT1,\x01" + rfcSeed, "control character"},
		{"FT1," + rfcSeed + strings.Repeat(" ", maxLine), "longer than"},
	}
	for _, tt := range tests {
		got := readText(t, tt.line+"\n", Options{}).refusal(t)
		if !strings.HasPrefix(got, "line 1") || !strings.Contains(got, tt.want) {
			t.Errorf("%.60s\n got %s\nwant line 1 … %s", tt.line, got, tt.want)
		}
		checkHidden(t, got)
	}
}

func TestOATHRefusalsOfBase32(t *testing.T) {
	for line, want := range map[string]string{
		"FT1," + rfcSeed:                  "not in Base32",
		"FT1,GEZDGNBVGY3TQOJQGEZDGNBV1Q":  "not in Base32",
		"FT1,GEZDGNBVGY3TQOJQGEZDGNBVG4":  "", // 16 bytes
		"FT1,GEZDGNBVGY3TQOJQGEZDGNBVG5":  "", // the same, and two bits that no encoder sets
		"FT1,GEZDGNBVGY3TQOJQGEZDGNBVG43": "27 characters, which is no length",
	} {
		out := readText(t, line, Options{Encoding: Base32})
		if want == "" {
			out.only(t)
		} else if got := out.refusal(t); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

func TestPrivacyIDEAVersion2(t *testing.T) {
	out := readText(t, "# version: 2\namartin, ldap, rectorat, FT1, "+rfcSeed+", totp, 6, 60\n,,,FT2,"+rfcSeed+"\n", Options{})
	if len(out.records) != 2 {
		t.Fatalf("got %+v", out)
	}
	if rec := out.records[0]; rec.Holder != "amartin" || rec.Serial != "FT1" || rec.Generator.Period != time.Minute {
		t.Errorf("got %+v", rec)
	}
	if rec := out.records[1]; rec.Holder != "" || rec.Serial != "FT2" {
		t.Errorf("got %+v", rec)
	}
	// Behind the first key a comment is a comment.
	out = readText(t, "FT1,"+rfcSeed+"\n# version: 2\nFT2,"+rfcSeed+"\n", Options{})
	if len(out.records) != 2 || out.records[1].Serial != "FT2" {
		t.Errorf("got %+v", out)
	}
}

// One file in every text encoding and with every line end that exports have.
func TestTextEncodings(t *testing.T) {
	text := "# clés de l'été\nFT1,%[1]s\n\nFT2,%[1]s\n"
	text = fmt.Sprintf(text, rfcSeed)
	encode := func(e unicode.Endianness, b unicode.BOMPolicy, s string) string {
		out, err := unicode.UTF16(e, b).NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	windows := strings.ReplaceAll(text, "é", "\xe9")
	for name, file := range map[string]string{
		"UTF-8":               text,
		"UTF-8 with BOM":      "\xef\xbb\xbf" + text,
		"CR LF":               strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":                  strings.ReplaceAll(text, "\n", "\r"),
		"no end of line":      strings.TrimSuffix(text, "\n"),
		"Windows-1252":        windows,
		"UTF-16LE":            encode(unicode.LittleEndian, unicode.IgnoreBOM, text),
		"UTF-16BE":            encode(unicode.BigEndian, unicode.IgnoreBOM, text),
		"UTF-16LE with BOM":   "\xff\xfe" + encode(unicode.LittleEndian, unicode.IgnoreBOM, text),
		"UTF-16BE with BOM":   encode(unicode.BigEndian, unicode.UseBOM, text),
		"UTF-16LE with CR LF": encode(unicode.LittleEndian, unicode.IgnoreBOM, strings.ReplaceAll(text, "\n", "\r\n")),
	} {
		out := readText(t, file, Options{})
		if len(out.records) != 2 || out.err != nil || len(out.problems) != 0 {
			t.Errorf("%s: got %+v", name, out)
			continue
		}
		if out.records[0].Line != 2 || out.records[1].Line != 4 {
			t.Errorf("%s: the keys are on lines %d and %d, want 2 and 4", name, out.records[0].Line, out.records[1].Line)
		}
	}
}

func TestWindows1252InANameOnly(t *testing.T) {
	rec := readText(t, "# version: 2\nRen\xe9e,,,FT1,"+rfcSeed, Options{}).only(t)
	if rec.Holder != "Renée" {
		t.Errorf("got the holder %q", rec.Holder)
	}
}

// What is written in any of the ways that a line can be written is read again.
func TestOATHRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Record{Line: 1, Format: OATH}
		want.Serial = rapid.StringMatching(`[A-Z][0-9]{1,20}`).Draw(t, "serial")
		g := &want.Generator
		g.Digits = rapid.IntRange(otp.MinDigits, otp.MaxDigits).Draw(t, "digits")
		g.Hash = rapid.SampledFrom([]otp.Hash{otp.SHA1, otp.SHA256, otp.SHA512}).Draw(t, "hash")
		g.Seed = append(rapid.SliceOfN(rapid.Byte(), otp.MinSeed-1, otp.MaxSeed-1).Draw(t, "seed"), 1)
		var moving string
		if rapid.Bool().Draw(t, "event") {
			g.Kind, want.Counter = otp.HOTP, otp.Step(rapid.Int64Range(0, 1<<62).Draw(t, "counter"))
			moving = fmt.Sprint(want.Counter)
		} else {
			g.Kind, g.Period = otp.TOTP, rapid.SampledFrom([]time.Duration{30 * time.Second, time.Minute}).Draw(t, "period")
			moving = fmt.Sprint(int(g.Period.Seconds()))
		}
		o := Options{Encoding: rapid.SampledFrom([]Encoding{Hex, Base32, Prescribed}).Draw(t, "encoding")}
		seed := hex.EncodeToString(g.Seed)
		if o.Encoding == Base32 {
			seed = base32.StdEncoding.EncodeToString(g.Seed)
		}
		fields := []string{want.Serial, seed, g.Kind.String(), fmt.Sprint(g.Digits), moving, g.Hash.String()}
		for i := range fields {
			if rapid.Bool().Draw(t, "quoted") {
				fields[i] = `"` + fields[i] + `"`
			}
		}
		line := strings.Join(fields, rapid.SampledFrom([]string{",", ";", "\t", " , "}).Draw(t, "separator"))
		for rec, err := range Read(strings.NewReader(line), o) {
			if err != nil || !reflect.DeepEqual(rec, want) {
				t.Fatalf("got %+v, error %v; want %+v", rec, err, want)
			}
		}
	})
}
