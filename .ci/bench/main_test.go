package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Less of a rate is worse, more of anything else; what is no ratio is never worse,
// and nor is what lies within a quarter.
func TestReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	table := "| figure | run 1 | run 2 |\n|---|---|---|\n| a: rate, ratio to bare | 0.98 | 0.96 |\n| b: processor, ratio to the floor | 2.0 | 2.2 |\n| c: a second | 100 | 90 |\n"
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := read(file)
	if err != nil || len(known) != 3 {
		t.Fatalf("read %v, %v", known, err)
	}
	for _, c := range []struct {
		a, b, c string
		ok      bool
	}{
		{"0.97", "2.1", "95", true},
		{"0.73", "2.7", "95", true},
		{"0.71", "2.1", "95", false},
		{"0.97", "2.8", "95", false},
		{"1.50", "0.1", "1", true},
	} {
		var figures []figure
		for name, text := range map[string]string{`"a: rate, ratio to bare"`: c.a, `"b: processor, ratio to the floor"`: c.b, `"c: a second"`: c.c} {
			f, err := newFigure(name, text)
			if err != nil {
				t.Fatal(err)
			}
			figures = append(figures, f)
		}
		var b strings.Builder
		if ok := report(&b, figures, known); ok != c.ok || ok == strings.Contains(b.String(), "WORSE") || strings.Contains(b.String(), "NOT MEASURED") {
			t.Errorf("%v: %v\n%s", c, ok, b.String())
		}
	}
}
