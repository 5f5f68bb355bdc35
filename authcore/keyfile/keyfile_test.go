package keyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// The seed of RFC 4226 appendix D, in hexadecimal digits.
const rfcSeed = "3132333435363738393031323334353637383930"

// outcome is what Read gave of a file.
type outcome struct {
	records  []Record
	problems []*Problem
	err      error // what refused the file
}

func readAll(t testing.TB, seq iter.Seq2[Record, error]) outcome {
	t.Helper()
	var out outcome
	for rec, err := range seq {
		var p *Problem
		switch {
		case out.err != nil:
			t.Fatalf("reading goes on behind the error %v", out.err)
		case errors.As(err, &p):
			out.problems = append(out.problems, p)
		case err != nil:
			out.err = err
		default:
			out.records = append(out.records, rec)
		}
	}
	return out
}

func readText(t testing.TB, text string, o Options) outcome {
	t.Helper()
	return readAll(t, Read(strings.NewReader(text), o))
}

// only gives the one record of a file that must have one and nothing wrong.
func (out outcome) only(t testing.TB) Record {
	t.Helper()
	if len(out.records) != 1 || len(out.problems) != 0 || out.err != nil {
		t.Fatalf("got %d records, problems %v, error %v; want one record", len(out.records), out.problems, out.err)
	}
	return out.records[0]
}

// refusal gives the one sentence by which a file or its only key is refused.
func (out outcome) refusal(t testing.TB) string {
	t.Helper()
	switch {
	case len(out.records) == 0 && len(out.problems) == 1 && out.err == nil:
		return out.problems[0].Error()
	case len(out.records) == 0 && len(out.problems) == 0 && out.err != nil:
		return out.err.Error()
	}
	t.Fatalf("got %d records, problems %v, error %v; want one refusal", len(out.records), out.problems, out.err)
	return ""
}

func TestReadingGoesOnBehindAProblem(t *testing.T) {
	out := readText(t, "FT1,"+rfcSeed+"\nFT2,xyz\n\n# a comment\nFT3,"+rfcSeed+"\n", Options{})
	if len(out.records) != 2 || len(out.problems) != 1 || out.err != nil {
		t.Fatalf("got %+v", out)
	}
	if out.records[0].Line != 1 || out.records[1].Line != 5 || out.records[1].Serial != "FT3" {
		t.Errorf("got lines %d and %d", out.records[0].Line, out.records[1].Line)
	}
	if p := out.problems[0]; p.Line != 2 || p.Serial != "FT2" || !strings.HasPrefix(p.Error(), "line 2, key FT2: the seed") {
		t.Errorf("got %v", p)
	}
}

func TestASerialThatComesTwice(t *testing.T) {
	out := readText(t, "ab1,"+rfcSeed+"\nAB2,"+rfcSeed+"\nAB1,"+rfcSeed+"\nab1,"+rfcSeed+"\n", Options{})
	if len(out.records) != 2 || len(out.problems) != 2 {
		t.Fatalf("got %+v", out)
	}
	for i, line := range []int{3, 4} {
		if p := out.problems[i]; p.Line != line || !strings.Contains(p.Error(), "line 1 has it first") {
			t.Errorf("got %v", p)
		}
	}
}

func TestNothingInTheFile(t *testing.T) {
	for _, text := range []string{"", "\n", "\xef\xbb\xbf", "# nothing\r\n\r\n", "\xff\xfe"} {
		if out := readText(t, text, Options{}); !errors.Is(out.err, ErrEmpty) || len(out.problems) != 0 {
			t.Errorf("%q: got %+v, want ErrEmpty", text, out)
		}
	}
}

// A caller that has heard enough hears no more, whatever the format.
func TestTheCallerStops(t *testing.T) {
	orphan := pinPackage("7", "MTIzNA==")
	for name, text := range map[string]string{
		"lines":   "FT1,xyz\nFT2," + rfcSeed + "\nFT3," + rfcSeed,
		"SafeNet": safeNet(`<Token serial="FT1"/>`, `<Tokn/>`, `<Token serial="FT3"/>`),
		"tokens":  testdata(t, "batch3.sdtid"),
		"PSKC":    figure(t, 10),
		"PINs":    pskcPlain("<KeyPackage>", orphan+orphan+"<KeyPackage><Key/></KeyPackage><KeyPackage>", "</KeyPackage>", "</KeyPackage>"+orphan+"<KeyPackage/>"+orphan),
	} {
		all := 0
		for range Read(strings.NewReader(text), Options{}) {
			all++
		}
		for stop := 1; stop <= all; stop++ {
			rounds := 0
			for range Read(strings.NewReader(text), Options{}) {
				if rounds++; rounds == stop {
					break
				}
			}
			if rounds != stop || all < 3 {
				t.Errorf("%s: %d of %d rounds, want %d", name, rounds, all, stop)
			}
		}
	}
}

func TestAReaderThatFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	out := readAll(t, Read(io.MultiReader(strings.NewReader("FT1,"+rfcSeed+"\n"), failing{broken}), Options{}))
	if len(out.records) != 1 || !errors.Is(out.err, broken) {
		t.Errorf("got %d records and error %v, want one and the reader's error", len(out.records), out.err)
	}
	if out := readAll(t, Read(failing{broken}, Options{})); !errors.Is(out.err, broken) {
		t.Errorf("got error %v, want the reader's", out.err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// endless repeats a text for ever, without telling a size.
type endless struct {
	text string
	rest string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest = e.text
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// told is a reader that tells a size.
type told struct {
	io.Reader
	size int
}

func (s told) Len() int { return s.size }

func TestAFileThatIsTooLarge(t *testing.T) {
	const bytes, keys = 1 << 16, 100
	for name, r := range map[string]io.Reader{
		"keys for ever":        &endless{text: "FT1,xyz\n"},
		"comments for ever":    &endless{text: "#" + strings.Repeat(" ", 4000) + "\n"},
		"empty lines for ever": &endless{text: "\n"},
		"UTF-16 for ever":      &endless{text: "\n\x00\n\x00"},
		"a size told before":   told{failing{errors.New("was read")}, bytes + 1},
	} {
		var last error
		rounds := 0
		for _, last = range readWithin(r, Options{}, bytes, keys) {
			rounds++
		}
		if !errors.Is(last, ErrTooLarge) || rounds > keys+1 {
			t.Errorf("%s: got %v after %d rounds, want ErrTooLarge", name, last, rounds)
		}
	}
	for name, text := range map[string]string{"letters": "A", "zero bytes": "\x00", "UTF-16": "A\x00"} {
		out := readAll(t, Read(&endless{text: strings.Repeat(text, 4096)}, Options{}))
		if out.err == nil || !strings.Contains(out.err.Error(), "line 1: the line is longer") {
			t.Errorf("a line of %s for ever: got %v", name, out.err)
		}
	}
	if out := readAll(t, Read(told{failing{errors.New("was read")}, MaxBytes + 1}, Options{})); !errors.Is(out.err, ErrTooLarge) {
		t.Errorf("a size of more than MaxBytes: got %v, want ErrTooLarge", out.err)
	}
}

// A file tells its size by Stat.
func TestAFileTellsItsSize(t *testing.T) {
	files := fstest.MapFS{"keys.csv": {Data: []byte("FT1," + rfcSeed)}, "directory": {Mode: fs.ModeDir}}
	for name, want := range map[string]int64{"keys.csv": 44, "directory": 0} {
		f, err := files.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := textfile.Size(f); got != want {
			t.Errorf("%s: got %d bytes, want %d", name, got, want)
		}
	}
	if got := textfile.Size(failing{}); got != 0 {
		t.Errorf("a reader that tells no size: got %d", got)
	}
}

func TestAsManyAsAllowed(t *testing.T) {
	text := "FT1," + rfcSeed + "\nFT2," + rfcSeed + "\n"
	if out := readAll(t, readWithin(strings.NewReader(text), Options{}, int64(len(text)), 2)); len(out.records) != 2 || out.err != nil {
		t.Errorf("got %d records and error %v, want two", len(out.records), out.err)
	}
	if out := readAll(t, readWithin(strings.NewReader(text), Options{}, int64(len(text)), 1)); len(out.records) != 1 || !errors.Is(out.err, ErrTooLarge) {
		t.Errorf("got %d records and error %v, want one and ErrTooLarge", len(out.records), out.err)
	}
}

func TestOptionsThatNoFileFits(t *testing.T) {
	for name, o := range map[string]Options{
		"format":   {Format: 200},
		"encoding": {Encoding: 3},
		"kind":     {Kind: otp.SecurID},
		"hash":     {Hash: 4},
		"digits":   {Digits: 5},
		"period":   {Period: 1},
	} {
		if out := readText(t, "FT1,"+rfcSeed, o); out.err == nil || len(out.records) != 0 {
			t.Errorf("%s: got %+v, want a refusal", name, out)
		}
	}
}

func TestARecordShowsNoSeed(t *testing.T) {
	rec := readText(t, "FT1,"+rfcSeed, Options{}).only(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "record", rec, "generator", rec.Generator)
	encoded, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", rec), "%+v": fmt.Sprintf("%+v", rec), "%#v": fmt.Sprintf("%#v", rec),
		"%x": fmt.Sprintf("%x", rec), "log": log.String(), "JSON": string(encoded),
	} {
		if strings.Contains(text, rfcSeed) || strings.Contains(text, "12345678901234567890") ||
			strings.Contains(text, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=") || strings.Contains(text, "49 50 51 52") {
			t.Errorf("%s shows the seed", name)
		}
		if !strings.Contains(text, "FT1") && name != "%x" {
			t.Errorf("%s leaves the serial out: %s", name, text)
		}
	}
}

func TestFormatNames(t *testing.T) {
	for i := range formatNames {
		var back Format
		text, err := Format(i).MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != Format(i) || string(text) != back.String() {
			t.Errorf("format %d is written as %q and read as %v", i, text, back)
		}
	}
	for i := range encodingNames {
		var back Encoding
		text, err := Encoding(i).MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != Encoding(i) || string(text) != back.String() {
			t.Errorf("encoding %d is written as %q and read as %v", i, text, back)
		}
	}
	f, e := OATH, Base32
	if f.UnmarshalText([]byte("csv")) == nil || e.UnmarshalText([]byte("HEX")) == nil || f != OATH || e != Base32 {
		t.Errorf("unknown names are read as %v and %v", f, e)
	}
	if _, err := Format(99).MarshalText(); err == nil || Format(99).String() != "Format(99)" {
		t.Errorf("format 99 is written as %v", Format(99))
	}
	if _, err := Encoding(99).MarshalText(); err == nil || Encoding(99).String() != "Encoding(99)" {
		t.Errorf("encoding 99 is written as %v", Encoding(99))
	}
}

// generated is a file that is made while it is read: it takes no memory itself.
type generated struct {
	buf        bytes.Buffer
	made, keys int
	entry      func(w io.Writer, i int)
}

func (g *generated) Read(p []byte) (int, error) {
	for g.buf.Len() < len(p) && g.made < g.keys {
		g.entry(&g.buf, g.made)
		g.made++
	}
	return g.buf.Read(p)
}

// peak reads a file and gives the number of its keys and the most memory, in
// bytes, that was in use above what was before.
func peak(t testing.TB, r io.Reader, o Options) (keys int, most uint64) {
	t.Helper()
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	for rec, err := range Read(r, o) {
		if err != nil {
			t.Fatal(err)
		}
		if len(rec.Generator.Seed) == 0 {
			t.Fatalf("key %d has no seed", keys)
		}
		if keys++; keys == 5000 || keys%50_000 == 0 {
			if now := inUse(); now > before {
				most = max(most, now-before)
			}
		}
	}
	return keys, most
}

func oathLines(keys int) io.Reader {
	return &generated{keys: keys, entry: func(w io.Writer, i int) {
		fmt.Fprintf(w, "26002157%06d,%040x,totp,6,60,sha1\n", i, i+1)
	}}
}

func BenchmarkRead(b *testing.B) {
	b.Run("oath-csv-100k", func(b *testing.B) {
		for b.Loop() {
			if keys, _ := peak(b, oathLines(100_000), Options{}); keys != 100_000 {
				b.Fatal(keys)
			}
		}
	})
}
