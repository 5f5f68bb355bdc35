package caddymodule

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

// importReport is the answer to an import. It names keys by their line and
// serial number and never shows what else the file holds.
type importReport struct {
	Error        string             `json:"error,omitempty"`
	Needs        importSecret       `json:"needs,omitempty"` // the secret without which the file cannot be read
	DryRun       bool               `json:"dry_run"`
	Good         int                `json:"good"`     // keys of the file that can be imported
	Imported     int                `json:"imported"` // keys that were
	Refused      int                `json:"refused"`
	Reference    authcore.Reference `json:"reference,omitempty"`     // of the keys' entries in the audit trail
	Problems     []importProblem    `json:"problems"`                // the first of the refusals
	MoreProblems int                `json:"more_problems,omitempty"` // how many are not listed
	Notes        []string           `json:"notes,omitempty"`         // what of the file is not used
}

// importSecret is a secret that a file is protected by.
type importSecret string

const (
	needsPassword importSecret = "password"
	needsKey      importSecret = "pre-shared-key"
)

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

// fileRefusal is the answer to a file that cannot be read at all. A secret that is
// missing is told in a report, so that a program can ask for it and send the
// file again.
func (b *importBatch) fileRefusal(err error) error {
	if failure, ok := errors.AsType[storeError](err); ok {
		return failure.error
	}
	b.report = importReport{DryRun: b.report.DryRun, Problems: []importProblem{}}
	switch {
	case errors.Is(err, keyfile.ErrPasswordWanted):
		b.report.Needs = needsPassword
	case errors.Is(err, keyfile.ErrKeyWanted):
		b.report.Needs = needsKey
	default:
		return refuseFile(err)
	}
	b.report.Error = "nothing was imported: " + err.Error()
	b.status = http.StatusUnprocessableEntity
	return nil
}

// refuseFile is the answer to a file that nothing could make readable.
func refuseFile(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || errors.Is(err, keyfile.ErrTooLarge) {
		return adminRefusal(http.StatusRequestEntityTooLarge, "nothing was imported: %w", keyfile.ErrTooLarge)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return adminRefusal(http.StatusBadRequest, "the file did not arrive whole: nothing was imported")
	}
	return adminRefusal(http.StatusUnprocessableEntity, "nothing was imported: %w", err)
}

const (
	ndjson        = "application/x-ndjson"
	progressPause = 300 * time.Millisecond
)

// importStep is how far an import is: keys read of the file, then keys written of
// those that are to be.
type importStep struct {
	Read    int `json:"read"`
	Written int `json:"written"`
	Of      int `json:"of"`
}

// progressLine is one line but the last.
type progressLine struct {
	Progress *importStep `json:"progress"`
}

// importProgress tells the caller how far an import is, where that is wanted and
// takes its time: a JSON object a line, the report as the last of them. Behind
// the first line a refusal cannot have its status any more: it is the last
// line.
type importProgress struct {
	w      http.ResponseWriter
	wanted bool
	begun  bool
	told   time.Time
}

// prepare lets lines go out while the file still comes in, which HTTP/1 servers
// do not do unless told to.
func (p *importProgress) prepare() {
	if p.wanted {
		_ = http.NewResponseController(p.w).EnableFullDuplex() // at worst the lines come later
		p.told = now()
	}
}

// tell sends a line, unless the last one was sent a moment ago.
func (p *importProgress) tell(step importStep) {
	if p.wanted && now().Sub(p.told) >= progressPause {
		p.line(http.StatusOK, progressLine{&step})
		p.told = now()
	}
}

// line sends one line, the first one with the status.
func (p *importProgress) line(status int, v any) {
	if !p.begun {
		p.begun = true
		h := p.w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Type", ndjson)
		p.w.WriteHeader(status)
	}
	_ = json.NewEncoder(p.w).Encode(v) // a client that has left cannot be told
	_ = http.NewResponseController(p.w).Flush()
}
