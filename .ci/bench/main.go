// Bench runs what measures the gate against something else in one run, prints the
// figures as a table, and compares them with those of docs/performance.md: `make
// bench`. A ratio that has become worse by more than a quarter than the worse of
// the two runs there ends the run with 1. Figures that are no ratios hold for one
// machine and one hour, and are not compared.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

const (
	committed = "docs/performance.md"
	tolerated = 0.25
)

// figure is one that was measured.
type figure struct {
	name  string
	value float64
	text  string
}

var (
	measured = regexp.MustCompile(`figure ("[^"]+") (-?[0-9.]+)$`)
	row      = regexp.MustCompile(`^\| ([^|]+) \| (-?[0-9.]+) \| (-?[0-9.]+) \|`)
)

func main() {
	figures, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	known, err := read(committed)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !report(os.Stdout, figures, known) {
		os.Exit(1)
	}
}

// run has everything measured, one package after the other.
func run() (all []figure, err error) {
	cmd := exec.Command("go", "test", "-tags", "load", "-count=1", "-p=1", "-timeout=1h", "-v", "-run", "^(TestFigures|TestLoad[A-Za-z]*)$",
		"./authcore", "./authcore/store/...", "./caddymodule/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := measured.FindStringSubmatch(line); m != nil {
			f, err := newFigure(m[1], m[2])
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
		if !strings.HasPrefix(line, "{") { // the servers' log
			fmt.Fprintln(os.Stderr, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return all, cmd.Wait()
}

func newFigure(quoted, text string) (f figure, err error) {
	f.text = text
	if f.name, err = strconv.Unquote(quoted); err == nil {
		f.value, err = strconv.ParseFloat(text, 64)
	}
	return f, err
}

// read returns the rows of the tables of two runs, by name.
func read(file string) (map[string][2]float64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	known := make(map[string][2]float64)
	for line := range strings.Lines(string(content)) {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var runs [2]float64
		for i := range runs {
			if runs[i], err = strconv.ParseFloat(m[2+i], 64); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, m[1], err)
			}
		}
		known[m[1]] = runs
	}
	return known, nil
}

// report prints what was measured, and tells whether no ratio is worse than it was.
func report(w io.Writer, figures []figure, known map[string][2]float64) (ok bool) {
	ok = true
	fmt.Fprintf(w, "\n| figure | this run | %s | |\n|---|---|---|---|\n", committed)
	for _, f := range figures {
		runs, is := known[f.name]
		was, verdict := "", "new"
		if is {
			was, verdict = fmt.Sprintf("%v, %v", runs[0], runs[1]), ""
		}
		if is && f.worse(runs) {
			ok, verdict = false, "WORSE"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", f.name, f.text, was, verdict)
	}
	for name := range known {
		if !has(figures, name) {
			fmt.Fprintf(w, "| %s | NOT MEASURED | | |\n", name)
		}
	}
	return ok
}

// worse reports whether a ratio is worse than in both runs: of a rate, less is
// worse; of all else, more.
func (f figure) worse(runs [2]float64) bool {
	switch {
	case !strings.Contains(f.name, "ratio"):
		return false
	case strings.Contains(f.name, "rate, ratio"):
		return f.value < min(runs[0], runs[1])*(1-tolerated)
	}
	return f.value > max(runs[0], runs[1])*(1+tolerated)
}

func has(figures []figure, name string) bool {
	for _, f := range figures {
		if f.name == name {
			return true
		}
	}
	return false
}
