package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

const (
	maxImport   = 64 << 20 // bytes of a file
	maxProblems = 1000     // that a report lists
	importTime  = 5 * time.Minute
)

// importParameters say what a file does not say of itself, and how to take it.
var importParameters = []string{"format", "encoding", "kind", "digits", "period", "hash", "dry_run", "partial"}

// importReport is the answer to an import. It names keys by their line and
// serial number and never shows what else the file holds.
type importReport struct {
	Error        string          `json:"error,omitempty"`
	DryRun       bool            `json:"dry_run"`
	Good         int             `json:"good"`     // keys of the file that can be imported
	Imported     int             `json:"imported"` // keys that were
	Refused      int             `json:"refused"`
	Problems     []importProblem `json:"problems"`                // the first of the refusals
	MoreProblems int             `json:"more_problems,omitempty"` // how many are not listed
}

// importProblem is why one key is refused.
type importProblem struct {
	Line    int    `json:"line"`
	Serial  string `json:"serial,omitempty"`
	Problem string `json:"problem"`
}

// add notes a refusal.
func (r *importReport) add(line int, serial string, err error) {
	if r.Refused++; len(r.Problems) == maxProblems {
		r.MoreProblems++
		return
	}
	r.Problems = append(r.Problems, importProblem{line, serial, err.Error()})
}

// importKeys puts the keys of a supplier's file in stock: all of them, or none
// when one is refused, unless the caller wants what is good.
func importKeys(c *adminCall) (any, error) {
	o, err := c.importOptions()
	if err != nil {
		return nil, err
	}
	dryRun, err := c.flag("dry_run")
	if err != nil {
		return nil, err
	}
	partial, err := c.flag("partial")
	if err != nil {
		return nil, err
	}
	b := &importBatch{adminCall: c, report: importReport{DryRun: dryRun, Problems: []importProblem{}}}
	if err := b.read(o, maxImport); err != nil {
		return nil, err
	}
	if !dryRun && (partial || b.report.Refused == 0) {
		if err := b.put(partial); err != nil {
			return nil, err
		}
	}
	b.judge(partial)
	return b.report, nil
}

// importOptions reads the parameters that describe the file.
func (c *adminCall) importOptions() (o keyfile.Options, err error) {
	text := func(name string, into interface{ UnmarshalText([]byte) error }) {
		if v := c.query.Get(name); v != "" && err == nil {
			err = into.UnmarshalText([]byte(v))
		}
	}
	number := func(name string) (n int) {
		if v := c.query.Get(name); v != "" && err == nil {
			if n, err = strconv.Atoi(v); err != nil || n <= 0 {
				err = fmt.Errorf("the parameter %s is a number", name)
			}
		}
		return n
	}
	text("format", &o.Format)
	text("encoding", &o.Encoding)
	text("kind", &o.Kind)
	text("hash", &o.Hash)
	o.Digits = number("digits")
	o.Period = time.Duration(number("period")) * time.Second
	if err != nil {
		return o, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	return o, nil
}

// importBatch is one import under way.
type importBatch struct {
	*adminCall
	keys   []authcore.NewKey
	lines  []int // where each stands
	report importReport
}

// read reads a file of at most limit bytes and checks each key, against the
// others and against the store. The admin endpoint allows ten seconds for a body, too few for a large
// file that comes from a person's own machine.
func (b *importBatch) read(o keyfile.Options, limit int64) error {
	t, _, err := mime.ParseMediaType(b.Header.Get("Content-Type"))
	if err != nil || t != "text/csv" && t != "application/octet-stream" {
		return adminRefusal(http.StatusUnsupportedMediaType, "the body is the supplier's file as it is, with the header Content-Type: text/csv or application/octet-stream")
	}
	if b.ContentLength > limit {
		return fileRefusal(keyfile.ErrTooLarge)
	}
	_ = http.NewResponseController(b.w).SetReadDeadline(time.Now().Add(importTime)) // at worst the ten seconds stay
	seeds := make(map[string]int)
	for rec, err := range keyfile.Read(http.MaxBytesReader(b.w, b.Body, limit), o) {
		if problem, ok := errors.AsType[*keyfile.Problem](err); ok {
			b.report.add(problem.Line, problem.Serial, problem.Err)
			continue
		}
		if err != nil {
			return fileRefusal(err)
		}
		if err := b.check(rec, seeds); err != nil {
			return err
		}
	}
	b.report.Good = len(b.keys)
	return nil
}

// fileRefusal is the answer to a file that cannot be read at all.
func fileRefusal(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || errors.Is(err, keyfile.ErrTooLarge) {
		return adminRefusal(http.StatusRequestEntityTooLarge, "the file is too large: at most %d MiB and %d keys are imported at once; cut it into several files", maxImport>>20, keyfile.MaxRecords)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return adminRefusal(http.StatusBadRequest, "the file did not arrive whole: nothing was imported")
	}
	return adminRefusal(http.StatusUnprocessableEntity, "nothing was imported: %w", err)
}

// check takes a key of the file, or notes why it is refused. Its error is the
// store's.
func (b *importBatch) check(rec keyfile.Record, seeds map[string]int) error {
	serial, err := authcore.ParseSerial(rec.Serial)
	if err != nil {
		b.report.add(rec.Line, rec.Serial, err)
		return nil
	}
	if line, twice := seeds[string(rec.Generator.Seed)]; twice {
		b.report.add(rec.Line, rec.Serial, fmt.Errorf("the key on line %d has the same seed: one code would open for both", line))
		return nil
	}
	seeds[string(rec.Generator.Seed)] = rec.Line
	if u := rec.PIN.Usage; u == keyfile.AppendPIN || u == keyfile.AlgorithmicPIN {
		b.report.add(rec.Line, rec.Serial, errors.New("its PIN is typed behind the code or computed into it: the gate takes a PIN before the code only"))
		return nil
	}
	k := authcore.NewKey{Serial: serial, Generator: rec.Generator, Counter: rec.Counter, Expires: rec.Expires}
	switch err := b.gate.CheckKey(b.Context(), k); {
	case err == nil:
		b.keys = append(b.keys, k)
		b.lines = append(b.lines, rec.Line)
	case errors.Is(err, authcore.ErrExists):
		b.report.add(rec.Line, rec.Serial, errors.New("this key is here already; it stays as it is"))
	case errors.Is(err, authcore.ErrSeedExists):
		b.report.add(rec.Line, rec.Serial, err)
	default:
		return err
	}
	return nil
}

// put writes the keys, each in a transaction with its audit entry. A caller that
// leaves does not stop it halfway.
//
// Whatever the store has against a key was asked before. Somebody else's import
// may have come between: unless the caller wants what is good, that ends this
// one, and the report says how far it came.
func (b *importBatch) put(partial bool) error {
	ctx := context.WithoutCancel(b.Context())
	for i, k := range b.keys {
		err := b.gate.ImportKey(ctx, b.by, k)
		switch {
		case err == nil:
			b.report.Imported++
		case !errors.Is(err, authcore.ErrExists) && !errors.Is(err, authcore.ErrSeedExists):
			return fmt.Errorf("%d of %d keys were imported before this: %w", b.report.Imported, len(b.keys), err)
		default:
			b.report.add(b.lines[i], string(k.Serial), err)
			if !partial {
				return nil
			}
		}
	}
	return nil
}

// judge says what came of it, where that is not what was asked for.
func (b *importBatch) judge(partial bool) {
	r := &b.report
	switch {
	case r.Refused == 0:
		return
	case r.Imported > 0 && !partial:
		b.status = http.StatusConflict
		r.Error = fmt.Sprintf("%d of %d keys were imported before one was refused: import the rest with partial", r.Imported, r.Good)
	case !partial:
		b.status = http.StatusUnprocessableEntity
		r.Error = fmt.Sprintf("nothing was imported: %d refused, %d good", r.Refused, r.Good)
	}
}
