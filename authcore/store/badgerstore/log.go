package badgerstore

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// A badgerLog passes on what Badger logs and remembers the first failure.
//
// Badger logs an error only when something is lost or a write did not succeed.
// It does so before it takes up the next writes, and so before it could
// acknowledge one that follows a hole in the log.
type badgerLog struct {
	to    *slog.Logger
	first atomic.Pointer[error]
}

// fail records err as the first failure, unless there was one.
func (l *badgerLog) fail(err error) {
	if l.first.CompareAndSwap(nil, &err) {
		l.to.Error("the store failed and accepts no more writes; mend the cause and restart", "error", err)
	}
}

// failure returns the first failure, or nil.
func (l *badgerLog) failure() error {
	if err := l.first.Load(); err != nil {
		return *err
	}
	return nil
}

// Errorf implements badger.Logger.
func (l *badgerLog) Errorf(format string, args ...any) {
	text := line(format, args)
	l.to.Error("badger", "message", text)
	l.fail(errors.New(text))
}

// Warningf implements badger.Logger.
func (l *badgerLog) Warningf(format string, args ...any) {
	l.to.Warn("badger", "message", line(format, args))
}

// Infof implements badger.Logger. Badger informs of each table it opens or
// writes, which is of use only to those who look into Badger itself.
func (l *badgerLog) Infof(format string, args ...any) {
	l.to.Debug("badger", "message", line(format, args))
}

// Debugf implements badger.Logger. Badger has several such lines per commit.
func (l *badgerLog) Debugf(string, ...any) {}

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
