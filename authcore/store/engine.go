package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// This file is for those who write engines. What the contract says of the
// function handed to a transaction is kept here, the same for all of them.

// A Write is what a run of an Update left of one key.
type Write struct {
	Value   []byte    // never changed again, so the engine may keep it
	Expires time.Time // zero for never
	Delete  bool      // the key is to be removed; the rest is zero
}

// RunView runs fn with a Reader made of get and scan, which read one snapshot
// and return what belongs to the caller. Get returns ErrNotFound for an absent
// key. Scan seeks the key from, which may be absent and never comes before
// prefix, and goes on while keys begin with prefix. RunView returns what View
// has to return.
func RunView(ctx context.Context, get func(key string) ([]byte, error),
	scan func(prefix, from string) iter.Seq2[Entry, error], fn func(Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v := &view{ctx: ctx, get: get, scan: scan}
	defer v.end()
	if err := fn(v); err != nil {
		return err
	}
	return v.doom
}

// RunUpdate runs fn once with a Writer that reads through get, as RunView does,
// and keeps the writes, which it returns by key. When it returns an error the
// run is to be dropped and Update has to return that error.
func RunUpdate(ctx context.Context, get func(key string) ([]byte, error),
	fn func(Writer) error) (map[string]Write, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u := &update{get: get, touched: map[string]int{}, writes: map[string]Write{}}
	defer u.end()
	if err := fn(u); err != nil {
		return nil, err
	}
	if u.doom != nil {
		return nil, u.doom
	}
	return u.writes, ctx.Err()
}

// fate is the part of a transaction that outlives its function.
type fate struct {
	doom error // the first failure of an operation
	over bool
}

func (f *fate) end() { f.over = true }

// fail dooms the transaction because of err and returns err.
func (f *fate) fail(err error) error {
	if f.doom == nil {
		f.doom = err
	}
	return err
}

// result passes on what an engine's get returned.
func (f *fate) result(value []byte, err error) ([]byte, error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, f.fail(err)
	}
	return value, err
}

type view struct {
	fate
	ctx  context.Context
	get  func(string) ([]byte, error)
	scan func(prefix, from string) iter.Seq2[Entry, error]
}

func (v *view) Get(key string) ([]byte, error) {
	if v.over {
		return nil, ErrClosed
	}
	if err := checkKey(key); err != nil {
		return nil, v.fail(err)
	}
	return v.result(v.get(key))
}

func (v *view) Scan(prefix, after string) iter.Seq2[Entry, error] {
	from := max(prefix, after+"\x00") // no string lies between after and after+"\x00"
	return func(yield func(Entry, error) bool) {
		if v.over {
			yield(Entry{}, ErrClosed)
			return
		}
		for entry, err := range v.scan(prefix, from) {
			if err == nil {
				err = v.ctx.Err()
			}
			if err != nil {
				yield(Entry{}, v.fail(err))
				return
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

type update struct {
	fate
	get     func(string) ([]byte, error)
	touched map[string]int // by key, the bytes written
	written int            // the sum of touched
	writes  map[string]Write
}

func (u *update) Get(key string) ([]byte, error) {
	if u.over {
		return nil, ErrClosed
	}
	if err := u.touch(key, u.touched[key]); err != nil {
		return nil, err
	}
	w, ok := u.writes[key]
	switch {
	case !ok:
		return u.result(u.get(key))
	case w.Delete:
		return nil, ErrNotFound
	}
	return bytes.Clone(w.Value), nil
}

func (u *update) Put(key string, value []byte, expires time.Time) error {
	if u.over {
		return ErrClosed
	}
	if n := len(value); n > MaxValue {
		return u.fail(fmt.Errorf("%w: a value of %d bytes, the most is %d", ErrTooLarge, n, MaxValue))
	}
	if err := u.touch(key, len(key)+len(value)); err != nil {
		return err
	}
	u.writes[key] = Write{Value: append([]byte{}, value...), Expires: expires}
	return nil
}

func (u *update) Delete(key string) error {
	if u.over {
		return ErrClosed
	}
	if err := u.touch(key, len(key)); err != nil {
		return err
	}
	u.writes[key] = Write{Delete: true}
	return nil
}

// touch counts key, of which so many bytes are written now in all.
func (u *update) touch(key string, bytes int) error {
	if err := checkKey(key); err != nil {
		return u.fail(err)
	}
	before, known := u.touched[key]
	if !known && len(u.touched) == MaxTouched {
		return u.fail(fmt.Errorf("%w: more than %d keys in one transaction", ErrTooLarge, MaxTouched))
	}
	sum := u.written - before + bytes
	if sum > MaxWritten {
		return u.fail(fmt.Errorf("%w: more than %d bytes in one transaction", ErrTooLarge, MaxWritten))
	}
	u.touched[key], u.written = bytes, sum
	return nil
}

func checkKey(key string) error {
	if n := len(key); n == 0 || n > MaxKey {
		return fmt.Errorf("%w: a key of %d bytes, it takes 1 to %d", ErrTooLarge, n, MaxKey)
	}
	return nil
}
