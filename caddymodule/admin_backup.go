package caddymodule

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/sesame-gateway/sesame/authcore"
)

// transferPause is how long the other side of a backup's transfer may take for
// the next piece of it: the admin endpoint's own limits are for small bodies.
const transferPause = time.Minute

// makeBackup answers with a backup of the store.
func makeBackup(c *adminCall) (any, error) {
	if err := c.noBody(); err != nil {
		return nil, err
	}
	w := &backupAnswer{c: c}
	_, err := c.gate.WriteBackup(c.Context(), c.by, w)
	if err != nil && c.answered {
		caddy.Log().Error("a backup broke off", zap.Error(err))
		panic(http.ErrAbortHandler) // the client sees that it has no end
	}
	return nil, err
}

// backupAnswer is the body of an answer that begins with its first byte.
type backupAnswer struct{ c *adminCall }

func (w *backupAnswer) Write(p []byte) (int, error) {
	if !w.c.answered {
		w.c.answered = true
		w.c.head("application/octet-stream")
	}
	_ = http.NewResponseController(w.c.w).SetWriteDeadline(time.Now().Add(transferPause))
	return w.c.w.Write(p)
}

// checkBackup reads a backup and says what is in it.
func checkBackup(c *adminCall) (any, error) {
	b, err := c.gate.CheckBackup(&patientReader{c})
	if errors.Is(err, authcore.ErrBackup) {
		defer drain(c.Body)
		return nil, adminRefusal(http.StatusUnprocessableEntity, "%w", err)
	}
	if err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "the backup did not arrive: %w", err)
	}
	return b, nil
}

// patientReader reads a request's body for as long as it keeps coming.
type patientReader struct{ c *adminCall }

func (r *patientReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.c.Context()); err != nil {
		return 0, err
	}
	_ = http.NewResponseController(r.c.w).SetReadDeadline(time.Now().Add(transferPause))
	return r.c.Body.Read(p)
}

// Interface guards.
var (
	_ io.Writer = (*backupAnswer)(nil)
	_ io.Reader = (*patientReader)(nil)
)
