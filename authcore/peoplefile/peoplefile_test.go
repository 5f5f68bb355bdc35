package peoplefile

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/fredu"
)

var update = flag.Bool("update", false, "write the golden files anew")

// zone is where the tests' offices are.
var zone = time.FixedZone("CEST", 2*3600)

// describe gives what was read of a list, a line for each person and problem.
func describe(text string) string {
	var b strings.Builder
	for rec, err := range Read(strings.NewReader(text), zone) {
		if err != nil {
			fmt.Fprintf(&b, "refused: %v\n", err)
			continue
		}
		fmt.Fprintf(&b, "line %d %s: given name %q, surname %q, e-mail %q, establishment %q, functions %q, groups %q, end %s, columns",
			rec.Line, rec.Identifier, rec.GivenName, rec.Surname, rec.Email, rec.Establishment, rec.Functions, rec.Groups, rec.End.UTC().Format(time.RFC3339))
		for c := Identifier; c <= OfAttribute(fredu.CivilityCode); c++ {
			if rec.Has(c) {
				fmt.Fprintf(&b, " %s,", c)
			}
			if c > End {
				for _, v := range rec.Attributes.Values(fredu.Attribute(c - End)) {
					fmt.Fprintf(&b, " %q,", v)
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What is read of each list stands in a golden file beside it.
func TestGoldens(t *testing.T) {
	files, err := filepath.Glob("testdata/*.csv")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		golden := strings.TrimSuffix(name, ".csv") + ".golden"
		got := describe(string(text))
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got); run the test with -update when the change is meant:\n%s", name, diff)
		}
	}
}

// One list is the same in every encoding.
func TestOneListInEveryEncoding(t *testing.T) {
	var texts []string
	for _, name := range []string{"utf8", "bom", "windows-1252", "utf-16"} {
		text, err := os.ReadFile("testdata/" + name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, describe(string(text)))
	}
	for _, text := range texts[1:] {
		if diff := cmp.Diff(texts[0], text); diff != "" {
			t.Errorf("it differs:\n%s", diff)
		}
	}
}

// Every column is found by each of its names, however it is written.
func TestColumnNames(t *testing.T) {
	names, spellings := 0, maps.Clone(columnNames)
	for _, a := range fredu.Attributes() {
		spellings[OfAttribute(a)] = []string{a.String()}
	}
	for c, all := range spellings {
		for _, name := range all {
			names++
			for _, spelt := range []string{name, strings.ToUpper(name), strings.ReplaceAll(name, " ", "_"), strings.ReplaceAll(name, " ", ""), `"` + strings.ReplaceAll(name, " ", "-") + `"`} {
				heading := "identifiant;" + spelt
				if c == Identifier {
					heading = spelt
				}
				columns, err := readHeading(';', heading)
				if err != nil || columns[len(columns)-1] != c {
					t.Errorf("%s: %v, %v; want %s", spelt, columns, err, c)
				}
			}
		}
	}
	if names != len(columnsByName) {
		t.Errorf("%d names are of several columns", names-len(columnsByName))
	}
	if got := Column(0).String() + Column(99).String(); got != "unknown column 0unknown column 99" {
		t.Errorf("what is no column is called %s", got)
	}
}

func TestBounds(t *testing.T) {
	count := func(text string, maxBytes int64, maxRecords int) (n int, last error) {
		for _, err := range readWithin(io.MultiReader(strings.NewReader(text)), zone, maxBytes, maxRecords) {
			if last = err; err == nil {
				n++
			}
		}
		return n, last
	}
	text := "id\na\nb\nc\n"
	if n, err := count(text, 100, 3); n != 3 || err != nil {
		t.Errorf("three of three people: %d, %v", n, err)
	}
	if _, err := count(text, 100, 2); !errors.Is(err, ErrTooLarge) {
		t.Errorf("three of two people: %v", err)
	}
	if _, err := count(text, int64(len(text))-1, 3); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := count("id\n"+strings.Repeat("x", maxLine+1), MaxBytes, 3); err == nil || !strings.Contains(err.Error(), "line 2: the line is longer than") {
		t.Errorf("an endless line: %v", err)
	}
	for rec, err := range Read(strings.NewReader(text), zone) {
		if rec.Identifier != "a" || err != nil {
			t.Errorf("first came %q, %v", rec.Identifier, err)
		}
		break
	}
}

// FuzzRead checks what holds of any list: whoever is read has an identifier that
// nobody else has, nothing that looks like a formula, and lines go on.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.csv")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("id\r\"a\"\"\";")
	f.Add("id,groups\n\"a\",\"|,|+\"")
	f.Fuzz(func(t *testing.T, text string) {
		seen, line, over := map[string]bool{}, 0, false
		for rec, err := range Read(strings.NewReader(text), zone) {
			if over {
				t.Fatal("reading goes on behind the list's refusal")
			}
			var p *Problem
			switch {
			case errors.As(err, &p):
				rec.Line = p.Line
			case err != nil:
				over = true
				continue
			default:
				checkRecord(t, rec, seen)
			}
			if rec.Line <= line {
				t.Fatalf("line %d behind line %d", rec.Line, line)
			}
			line = rec.Line
		}
	})
}

func checkRecord(t *testing.T, rec Record, seen map[string]bool) {
	t.Helper()
	id := strings.ToLower(rec.Identifier)
	if id == "" || seen[id] || !rec.Has(Identifier) {
		t.Fatalf("the identifier %q", rec.Identifier)
	}
	seen[id] = true
	cells := append([]string{rec.Identifier, rec.GivenName, rec.Surname, rec.Email, rec.Establishment}, rec.Functions...)
	for _, cell := range append(cells, rec.Groups...) {
		if cell != strings.TrimSpace(cell) || cell != "" && strings.ContainsAny(cell[:1], "=+-@") || strings.ContainsAny(cell, "\r\n\x00") {
			t.Fatalf("the cell %q", cell)
		}
	}
	for _, v := range append(rec.Functions, rec.Groups...) {
		if v == "" || strings.ContainsAny(v, ",|") {
			t.Fatalf("the value %q", v)
		}
	}
}
