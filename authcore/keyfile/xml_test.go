package keyfile

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// safeNetToken is a Token as the files have it.
const safeNetToken = `<Token serial="%s">
<CaseModel>5</CaseModel>
<Model>101</Model>
<ProductionDate>02/19/2009</ProductionDate>
<ProductName>Safeword Alpine</ProductName>
<Applications>
<Application ConnectorID="{ab1397d2-ddb6-4705-b66e-9f83f322deb9}">
<Seed>%s</Seed>
<MovingFactor>%s</MovingFactor>
</Application>
</Applications>
</Token>
`

func safeNet(tokens ...string) string {
	return "<?xml version=\"1.0\"?>\n<Tokens>\n" + strings.Join(tokens, "") + "</Tokens>\n"
}

func TestSafeNet(t *testing.T) {
	text := safeNet(fmt.Sprintf(safeNetToken, "00040008CFA5", rfcSeed, "1"), fmt.Sprintf(safeNetToken, "00040008CFA6", "\n "+rfcSeed+"\n", ""))
	out := readText(t, text, Options{})
	if len(out.records) != 2 || len(out.problems) != 0 || out.err != nil {
		t.Fatalf("got %+v", out)
	}
	want := withSeed(Record{Line: 3, Format: SafeNet, Serial: "00040008CFA5", Model: "Safeword Alpine", Counter: 1, Generator: hotp(6, otp.SHA1)})
	if !reflect.DeepEqual(out.records[0], want) {
		t.Errorf("got %+v\nwant %+v", out.records[0], want)
	}
	if rec := out.records[1]; rec.Line != 15 || rec.Counter != 0 {
		t.Errorf("got %+v", rec)
	}
}

func TestSafeNetOptions(t *testing.T) {
	text := safeNet(strings.ReplaceAll(fmt.Sprintf(safeNetToken, "FT1", seed32, "0"), "Seed>", "seed>"))
	rec := readText(t, text, Options{Format: SafeNet, Digits: 8, Hash: otp.SHA256}).only(t)
	if rec.Generator.Hash != otp.SHA256 || rec.Generator.Digits != 8 {
		t.Errorf("got %+v", rec)
	}
}

func TestSafeNetRefusals(t *testing.T) {
	application := "<Application><Seed>" + rfcSeed + "</Seed></Application>"
	for token, want := range map[string]string{
		fmt.Sprintf(safeNetToken, "", rfcSeed, "1"):                                                  "serial number is missing",
		fmt.Sprintf(safeNetToken, "FT1", "", "1"):                                                    "seed is missing",
		fmt.Sprintf(safeNetToken, "FT1", rfcSeed[1:], "1"):                                           "odd number",
		fmt.Sprintf(safeNetToken, "FT1", rfcSeed, "x"):                                               "counter",
		fmt.Sprintf(safeNetToken, "FT1", seed32, "1"):                                                "which hash function",
		fmt.Sprintf(safeNetToken, rfcSeed, rfcSeed, "1"):                                             "another order",
		`<Token serial="FT1"/>`:                                                                      "exactly one Application",
		`<Token serial="FT1"><Applications/></Token>`:                                                "exactly one Application",
		`<Token serial="FT1"><Applications>` + application + application + `</Applications></Token>`: "exactly one Application",
		`<Tokn serial="FT1"/>`:                                                                       "not a Token",
	} {
		got := readText(t, safeNet(token), Options{}).refusal(t)
		if !strings.HasPrefix(got, "line 3") || !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant line 3 … %s", token, got, want)
		}
		checkHidden(t, got)
	}
}

func TestXMLEncodings(t *testing.T) {
	token := fmt.Sprintf(strings.ReplaceAll(safeNetToken, "Alpine", "Été"), "FT1", rfcSeed, "1")
	body := "<Tokens>" + token + "</Tokens>"
	utf16 := func(e unicode.Endianness, b unicode.BOMPolicy, s string) string {
		out, err := unicode.UTF16(e, b).NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	latin := strings.ReplaceAll(body, "Été", "\xc9t\xe9")
	for name, file := range map[string]string{
		"no declaration":   body,
		"UTF-8":            `<?xml version="1.0" encoding="UTF-8"?>` + body,
		"BOM":              "\xef\xbb\xbf" + `<?xml version="1.0"?>` + body,
		"white space":      "\r\n \t" + body,
		"comment":          "<!-- <!DOCTYPE x> -->" + body + "<!-- end -->\n",
		"other target":     `<?xml-stylesheet href="file:///etc/passwd"?>` + body,
		"CDATA":            strings.Replace(body, rfcSeed, "<![CDATA["+rfcSeed+"]]>", 1),
		"character":        strings.Replace(body, "31", "&#x33;&#49;", 1),
		"iso-8859-1":       `<?xml version="1.0" encoding="ISO-8859-1"?>` + latin,
		"windows-1252":     `<?xml version="1.0" encoding="windows-1252"?>` + latin,
		"UTF-16LE and BOM": utf16(unicode.LittleEndian, unicode.UseBOM, `<?xml version="1.0" encoding="UTF-16"?>`+body),
		"UTF-16BE":         utf16(unicode.BigEndian, unicode.IgnoreBOM, `<?xml version="1.0" encoding="utf-16"?>`+body),
	} {
		out := readText(t, file, Options{})
		if len(out.records) != 1 || out.records[0].Model != "Safeword Été" {
			t.Errorf("%s: got %+v", name, out)
		}
	}
}

const bomb = `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>`

// Files that are made to hurt the reader: each is refused as a whole, by a
// sentence with its line, and costs next to nothing.
func TestHostileXML(t *testing.T) {
	good := fmt.Sprintf(safeNetToken, "FT1", rfcSeed, "1")
	tests := map[string]struct{ text, want string }{
		"document type":      {"<!DOCTYPE Tokens>" + safeNet(good)[22:], "line 1: the file has a document type"},
		"entity bomb":        {"<?xml version=\"1.0\"?>\n" + bomb + "<Tokens>&lol2;</Tokens>", "line 2: the file has a document type"},
		"external entity":    {"<!DOCTYPE x [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\n<Tokens>&x;</Tokens>", "line 1: the file has a document type"},
		"entity over HTTP":   {"<!DOCTYPE x [<!ENTITY x SYSTEM \"http://127.0.0.1/\">]><Tokens>&x;</Tokens>", "line 1: the file has a document type"},
		"late document type": {"<Tokens>\n" + bomb + good + "</Tokens>", "line 2: the file has a document type"},
		"behind the root":    {"<Tokens>" + good + "</Tokens>\n" + bomb, "the file has a document type"},
		"unknown entity":     {"<Tokens>&lol;</Tokens>", "line 1: the XML is not well-formed"},
		"HTML entity":        {"<Tokens>&eacute;</Tokens>", "line 1: the XML is not well-formed"},
		"depth":              {"<Tokens>\n" + strings.Repeat("<a>", 100_000), "line 2: more elements"},
		"width":              {"<Tokens><Token>" + strings.Repeat("<a/>", 100_000), "line 1: more elements"},
		"long text":          {"<Tokens><Token>" + strings.Repeat("A", 10<<20), "line 1: a tag or a text is longer"},
		"long comment":       {"<Tokens><!--" + strings.Repeat("A", 10<<20), "line 1: a tag or a text is longer"},
		"long name":          {"<Tokens><" + strings.Repeat("A", 10<<20), "line 1: a tag or a text is longer"},
		"many attributes":    {"<Tokens><Token " + strings.Repeat("a='' ", 1<<20), "line 1: a tag or a text is longer"},
		"long instruction":   {"<?" + strings.Repeat("A", 10<<20), "line 1: a tag or a text is longer"},
		"long UTF-8 latin":   {`<?xml version="1.0" encoding="ISO-8859-1"?><Tokens>` + strings.Repeat("A", 10<<20), "line 1: a tag or a text is longer"},
		"large element":      {"<Tokens><Token>" + strings.Repeat("<a>"+strings.Repeat("A", 1000)+"</a>", 1000), "line 1: one element is larger"},
		"two roots":          {"<Tokens>" + good + "</Tokens>\n<Tokens>" + good + "</Tokens>", "there is more behind the end"},
		"text behind":        {"<Tokens>" + good + "</Tokens>x", "there is more behind the end"},
		"not closed":         {"<Tokens>\n" + good, "ends in the middle"},
		"cut in a tag":       {"<Tokens>\n<Tok", "line 2: the file ends in the middle"},
		"closed by another":  {"<Tokens>\n</Token>", "line 2: the XML is not well-formed"},
		"not UTF-8":          {"<Tokens>\xff\xfe</Tokens>", "line 1: the XML is not well-formed"},
		"unknown encoding":   {`<?xml version="1.0" encoding="utf-7"?><Tokens/>`, "line 1: the XML declares"},
		"unknown version":    {`<?xml version="1.1"?><Tokens/>`, "line 1: the XML declares"},
		"unknown root":       {"<!-- -->\n<html>", "line 2: the format of the file is not recognised"},
	}
	for name, tt := range tests {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out := readText(t, tt.text, Options{})
		runtime.ReadMemStats(&after)
		if out.err == nil || !strings.Contains(out.err.Error(), tt.want) {
			t.Errorf("%s: got %.200v, want %s", name, out.err, tt.want)
			continue
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("%s: %d KiB were allocated", name, took>>10)
		}
		checkHidden(t, out.err.Error())
	}
}

// A format is what the file is, not what somebody says.
func TestNamedFormatOfXML(t *testing.T) {
	for text, f := range map[string]Format{safeNet(): OATH, "FT1," + rfcSeed: SafeNet, "": SafeNet} {
		if out := readText(t, text, Options{Format: f}); out.err == nil || len(out.records) != 0 {
			t.Errorf("%q as %v: got %+v, want a refusal", text, f, out)
		}
	}
}

func TestXMLReaderThatFails(t *testing.T) {
	broken := fmt.Errorf("the disk is gone")
	out := readAll(t, Read(io.MultiReader(strings.NewReader("<Tokens><Token>"), failing{broken}), Options{}))
	if out.err != broken {
		t.Errorf("got %v, want the reader's error", out.err)
	}
	out = readAll(t, readWithin(&endless{text: "<Tokens>" + strings.Repeat(" ", 5000)}, Options{}, 1<<20, 10))
	if out.err == nil {
		t.Error("a file without end is read")
	}
}

func TestCharsetOfXML(t *testing.T) {
	if _, err := charset("utf-7", bufio.NewReader(strings.NewReader(""))); err == nil {
		t.Error("UTF-7 is read")
	}
}

func FuzzXML(f *testing.F) {
	good := fmt.Sprintf(safeNetToken, "FT1", rfcSeed, "1")
	f.Add(safeNet(good, good))
	f.Add(safeNet(`<Token serial="FT1"/>`, "<a/>"))
	f.Add(bomb + safeNet(good))
	f.Add(`<?xml version="1.0" encoding="ISO-8859-1"?><Tokens><Token serial="&#49;">` + "\xe9</Token></Tokens>")
	f.Add("\xff\xfe<\x00T\x00o\x00k\x00e\x00n\x00s\x00/\x00>\x00")
	f.Fuzz(func(t *testing.T, text string) { checkRead(t, text, Options{Format: SafeNet}) })
}
