package store

import "fmt"

// CheckKey returns an error wrapping ErrTooLarge when key is empty or longer
// than MaxKey. It is for engines.
func CheckKey(key string) error {
	if n := len(key); n == 0 || n > MaxKey {
		return fmt.Errorf("%w: a key of %d bytes, want 1 to %d", ErrTooLarge, n, MaxKey)
	}
	return nil
}

// Limits counts what one run of an Update touches, so that every engine
// refuses the same transactions. It is for engines; the zero value is ready.
type Limits struct {
	touched map[string]int // key to bytes written, 0 when only read
	written int
}

// Read counts a read of key. Its error wraps ErrTooLarge.
func (l *Limits) Read(key string) error {
	return l.touch(key, 0, false)
}

// Write counts a write of key with a value of n bytes, 0 for a deletion. Its
// error wraps ErrTooLarge.
func (l *Limits) Write(key string, n int) error {
	if n > MaxValue {
		return fmt.Errorf("%w: a value of %d bytes, want at most %d", ErrTooLarge, n, MaxValue)
	}
	return l.touch(key, len(key)+n, true)
}

func (l *Limits) touch(key string, bytes int, write bool) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	before, known := l.touched[key]
	if !known && len(l.touched) == MaxTouched {
		return fmt.Errorf("%w: more than %d keys in one transaction", ErrTooLarge, MaxTouched)
	}
	if !write {
		bytes = before
	}
	total := l.written - before + bytes
	if total > MaxWritten {
		return fmt.Errorf("%w: %d bytes written in one transaction, want at most %d", ErrTooLarge, total, MaxWritten)
	}
	if l.touched == nil {
		l.touched = make(map[string]int)
	}
	l.touched[key], l.written = bytes, total
	return nil
}
