package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

const (
	maxImport   = keyfile.MaxBytes // of a file
	maxProblems = 1000             // that a report lists
	importTime  = 15 * time.Minute // for a file to arrive
)

// importParameters say what a file does not say of itself, and how to take it.
var importParameters = []string{"format", "encoding", "kind", "digits", "period", "hash", "dry_run", "partial", "serial", "progress"}

// importKeys puts the keys of a supplier's file in stock: all of them, or none
// when one is refused, unless the caller wants what is good.
func importKeys(c *adminCall) (any, error) { return c.importKeys(maxImport) }

// importKeys imports a file of at most limit bytes.
func (c *adminCall) importKeys(limit int64) (any, error) {
	limit += maxImportForm
	if c.ContentLength > limit {
		return nil, refuseFile(keyfile.ErrTooLarge)
	}
	c.Body = http.MaxBytesReader(c.w, c.Body, limit)
	defer drain(c.Body) // a client that still sends does not look at the answer
	o, err := c.importOptions()
	if err != nil {
		return nil, err
	}
	b, err := c.importBatch()
	if err != nil {
		return nil, err
	}
	if err := b.run(o); err != nil {
		return nil, err
	}
	if b.progress.wanted {
		c.answered = true
		b.progress.line(c.status, b.report)
	}
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
	if v := c.query.Get("serial"); v != "" {
		serial, err := readSerial(v)
		o.Serial = string(serial)
		return o, err
	}
	return o, nil
}

// importBatch is one import under way.
type importBatch struct {
	*adminCall
	in       *authcore.Import
	partial  bool
	progress *importProgress
	report   importReport

	usedPINs, unusedPINs int // keys to which the file gives a PIN
}

// importBatch reads how the file is to be taken.
func (c *adminCall) importBatch() (*importBatch, error) {
	dryRun, err := c.flag("dry_run")
	if err != nil {
		return nil, err
	}
	b := &importBatch{adminCall: c, report: importReport{DryRun: dryRun, Problems: []importProblem{}}}
	if b.partial, err = c.flag("partial"); err != nil {
		return nil, err
	}
	b.progress = &importProgress{w: c.w}
	b.progress.wanted, err = c.flag("progress")
	return b, err
}

// run imports the file. An answer that is no refusal of the request stands in the
// report.
func (b *importBatch) run(o keyfile.Options) (err error) {
	b.progress.prepare()
	// The admin endpoint allows ten seconds for a body, too few for a large file
	// that comes from a person's own machine. At worst the ten seconds stay.
	_ = http.NewResponseController(b.w).SetReadDeadline(time.Now().Add(importTime))
	file, err := b.importFile(&o)
	if err != nil {
		return err
	}
	// A caller that leaves when the file is there stops nothing.
	ctx := context.WithoutCancel(b.Context())
	if b.in, err = b.gate.BeginImport(ctx, b.by, b.report.DryRun); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.in.Cancel(ctx)) }()
	if err := b.read(ctx, file, o); err != nil {
		return b.fileRefusal(err)
	}
	if err := file.end(); err != nil {
		return err
	}
	if !b.report.DryRun && (b.partial || b.report.Refused == 0) {
		if err := b.commit(ctx); err != nil {
			return err
		}
	}
	b.judge()
	return nil
}

func drain(body io.Reader) { _, _ = io.Copy(io.Discard, body) }

// read reads the file and checks each key, against the others and against the
// store.
func (b *importBatch) read(ctx context.Context, file io.Reader, o keyfile.Options) error {
	for rec, err := range keyfile.Read(file, o) {
		if problem, ok := errors.AsType[*keyfile.Problem](err); ok {
			b.report.add(problem.Line, problem.Serial, problem.Err)
			continue
		}
		if err != nil {
			return err
		}
		if err := b.add(ctx, rec); err != nil {
			return storeError{err}
		}
		b.progress.tell(importStep{Read: b.in.Good() + b.report.Refused})
	}
	b.report.Good = b.in.Good()
	return nil
}

// storeError is an error that is not the file's.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// add takes a key of the file, or notes why it is refused. Its error is the
// store's.
func (b *importBatch) add(ctx context.Context, rec keyfile.Record) error {
	serial, err := authcore.ParseSerial(rec.Serial)
	switch {
	case err != nil && rec.Format == keyfile.OTPAuth:
		b.report.add(rec.Line, rec.Serial, errors.New("the URI names an account and no serial number: give the key one by the parameter serial (--serial), one key a file"))
		return nil
	case err != nil:
		b.report.add(rec.Line, rec.Serial, err)
		return nil
	case rec.PIN.Usage == keyfile.AppendPIN, rec.PIN.Usage == keyfile.AlgorithmicPIN:
		b.report.add(rec.Line, rec.Serial, errors.New("its PIN is typed behind the code or computed into it: the gate takes a PIN before the code only"))
		return nil
	}
	k := authcore.NewKey{Serial: serial, Generator: rec.Generator, Counter: rec.Counter, Expires: rec.Expires}
	unused := b.activate(&k, rec.PIN)
	switch err := b.in.Add(ctx, rec.Line, k); {
	case errors.Is(err, authcore.ErrExists):
		b.report.add(rec.Line, rec.Serial, errors.New("this key is here already; it stays as it is"))
	case errors.Is(err, authcore.ErrRefused):
		b.report.add(rec.Line, rec.Serial, err)
	case err != nil:
		return err
	case unused:
		b.unusedPINs++
	case rec.PIN.Initial != "":
		b.usedPINs++
	}
	return nil
}

// activate makes the PIN that the file gives a key its activation code: whoever
// has the file knows it, so that it is good for defining one. It reports whether
// there is one that cannot be used: a PIN that the key itself asks for, or one
// that cannot be typed here.
func (*importBatch) activate(k *authcore.NewKey, pin keyfile.PINPolicy) (unused bool) {
	if pin.Usage == keyfile.LocalPIN {
		return pin.Initial != ""
	}
	var err error
	k.Activation, err = authcore.ParseActivation(string(pin.Initial))
	return err != nil
}

// commit makes keys in stock of what was read.
func (b *importBatch) commit(ctx context.Context) (err error) {
	b.report.Reference, err = b.in.Commit(ctx, func(written, of int) {
		b.progress.tell(importStep{Read: b.report.Good + b.report.Refused, Written: written, Of: of})
	})
	if err == nil {
		b.report.Imported = b.report.Good
	}
	return err
}

// judge says what came of it, where that is not what was asked for, and what
// else is to be known.
func (b *importBatch) judge() {
	r := &b.report
	if r.Refused > 0 && !b.partial {
		b.status = http.StatusUnprocessableEntity
		r.Error = fmt.Sprintf("nothing was imported: %d refused, %d good", r.Refused, r.Good)
	}
	if b.usedPINs > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the file gives an initial PIN for %s: it is the activation code, with which alone the holder defines a PIN", count(b.usedPINs, "key", "keys")))
	}
	if b.unusedPINs > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the file gives an initial PIN for %s that the key itself asks for, or that is not made of 4 to 16 digits: it is not used, the holder defines another at the first login", count(b.unusedPINs, "key", "keys")))
	}
}
