package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// slowStore takes its time for each Update.
type slowStore struct {
	store.Store
	pause time.Duration
}

func (s slowStore) Update(ctx context.Context, fn func(store.Writer) error) error {
	advance(s.pause)
	return s.Store.Update(ctx, fn)
}

// slowFile is a file whose pieces take their time to arrive.
type slowFile struct {
	pieces []string
	pause  time.Duration
}

func (f *slowFile) Read(p []byte) (int, error) {
	if len(f.pieces) == 0 {
		return 0, io.EOF
	}
	advance(f.pause)
	n := copy(p, f.pieces[0])
	if f.pieces[0] = f.pieces[0][n:]; f.pieces[0] == "" {
		f.pieces = f.pieces[1:]
	}
	return n, nil
}

// slowImport imports a file of 500 keys, and what else is in it, with that pause
// between its pieces and in each Update.
func slowImport(t *testing.T, pause time.Duration, more ...string) *adminAnswer {
	t.Helper()
	secrets, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	b := newAdminBench(t)
	b.open(slowStore{store.NewMemory(b.now), pause}, secrets)
	file := &slowFile{pause: pause}
	for i := range 50 {
		var piece strings.Builder
		for j := range 10 {
			fmt.Fprintf(&piece, "FT%d,%040x,totp,6,60\n", 10*i+j, 10*i+j+1)
		}
		file.pieces = append(file.pieces, piece.String())
	}
	file.pieces = append(file.pieces, more...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/sesame/keys/import?progress=true", file)
	b.must(err)
	r.Header.Set("Content-Type", "text/csv")
	a := &adminAnswer{header: make(http.Header)}
	b.mux.ServeHTTP(a, r)
	b.conforms(r, a)
	return a
}

// importLines parts an answer into what tells how far it is, and its end.
func importLines(t *testing.T, a *adminAnswer) (steps []importStep, report importReport) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != ndjson {
		t.Errorf("the answer is %s", got)
	}
	for line := range bytes.Lines(a.body.Bytes()) {
		var step progressLine
		if err := json.Unmarshal(line, &step); err != nil {
			t.Fatal(err)
		}
		if step.Progress != nil {
			steps = append(steps, *step.Progress)
			continue
		}
		if err := json.Unmarshal(line, &report); err != nil {
			t.Fatal(err)
		}
	}
	return steps, report
}

// A long import says how far it is, at most about three times a second, and ends
// with its report.
func TestAdminImportTellsProgress(t *testing.T) {
	const pause = 120 * time.Millisecond
	a := slowImport(t, pause)
	steps, report := importLines(t, a)
	if a.status != http.StatusOK || report.Imported != 500 || report.Error != "" {
		t.Errorf("%d, report %+v", a.status, report)
	}
	reading, writing := 0, 0
	last := importStep{}
	for _, s := range steps {
		if s.Read < last.Read || s.Written < last.Written || s.Read > 500 || s.Written > s.Of {
			t.Errorf("behind %+v comes %+v", last, s)
		}
		if last = s; s.Of == 0 {
			reading++
		} else if writing++; s.Read != 500 || s.Of != 500 {
			t.Errorf("writing: %+v", s)
		}
	}
	// 51 pieces and 29 Updates take 9.6 seconds.
	if reading < 5 || writing < 4 || reading+writing > 3*96/10 {
		t.Errorf("%d lines while it is read and %d while it is written", reading, writing)
	}
}

// A file that is refused behind the first line is refused in the last one.
func TestAdminImportRefusesBehindProgress(t *testing.T) {
	steps, report := importLines(t, slowImport(t, 400*time.Millisecond, "FT1000,00\n"))
	if len(steps) == 0 || report.Imported != 0 || report.Refused != 1 || !strings.Contains(report.Error, "nothing was imported") {
		t.Errorf("%d lines, report %+v", len(steps), report)
	}
	a := slowImport(t, 400*time.Millisecond, "\x00\x01\x02 no text\n")
	steps, report = importLines(t, a)
	if len(steps) == 0 || report.Error == "" {
		t.Errorf("%d lines, report %+v", len(steps), report)
	}
}

// A quick import has its status and one line.
func TestAdminImportHasNothingToTell(t *testing.T) {
	b := newAdminBench(t)
	for file, status := range map[string]int{csvLine("FT1"): http.StatusOK, "FT2,00\n": http.StatusUnprocessableEntity} {
		a := b.upload("?progress=true", file)
		steps, report := importLines(t, a)
		if a.status != status || len(steps) > 0 || report.Good+report.Refused != 1 {
			t.Errorf("%d with %d lines, report %+v", a.status, len(steps), report)
		}
	}
}

// The command shows how far it is when it is asked to, on lines of their own where
// nobody looks at a terminal.
func TestCommandShowsProgress(t *testing.T) {
	b := newAdminBench(t)
	secrets, err := authcore.NewSecrets()
	b.must(err)
	b.open(slowStore{store.NewMemory(b.now), time.Second}, secrets)
	address := b.listen()
	out, errOut, err := runCommandWithErrors(strings.NewReader(manyKeys(300)), "key", "import", "-", "--progress", "--address", address)
	b.must(err)
	if !strings.Contains(out, "300 keys imported") || !strings.Contains(errOut, "\n96 of 300 keys written\n") || strings.Contains(errOut, "\r") {
		t.Errorf("it prints\n%sand\n%s", out, errOut)
	}
	_, errOut, err = runCommandWithErrors(strings.NewReader(manyKeys(300)), "key", "import", "-", "--address", address)
	if err == nil || errOut != "" {
		t.Errorf("without being asked to, where nobody looks, it prints %q (%v)", errOut, err)
	}
}

func manyKeys(n int) string {
	var file strings.Builder
	for i := range n {
		fmt.Fprintf(&file, "FT%d,%040x,totp,6,60\n", i, i+1)
	}
	return file.String()
}

// A terminal's line is written over, and left empty.
func TestStepLineOnATerminal(t *testing.T) {
	var out bytes.Buffer
	l := &stepLine{out: &out, start: "<"}
	l.end()
	l.step(importStep{Read: 1})
	l.step(importStep{Read: 7, Written: 2, Of: 7})
	l.end()
	if got := out.String(); got != "<1 key read<2 of 7 keys written<" {
		t.Errorf("got %q", got)
	}
}
