package badgerstore

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/sesame-gateway/sesame/authcore/store"
)

const (
	// space begins every key in the database. It leaves room for what is not a
	// record, and keeps clear of the names that Badger reserves for itself.
	space = "r"
	// sweepMargin is added to expiries. Badger hides an entry from the whole
	// second of its expiry on, by the wall clock.
	sweepMargin = time.Minute
)

// protect calls f and turns a panic of Badger, which is how it reports damaged
// files, into an error.
func protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			text, _, _ := strings.Cut(strings.TrimSpace(fmt.Sprint(p)), "\n")
			err = fmt.Errorf("%w (%s)", ErrDamaged, text)
		}
	}()
	return f()
}

// A snapshot is one transaction of Badger.
type snapshot struct {
	txn *badger.Txn
}

func (e *engine) begin(update bool) (*snapshot, error) {
	s := &snapshot{}
	err := protect(func() error {
		s.txn = e.db.NewTransaction(update)
		return nil
	})
	return s, err
}

func (s *snapshot) discard() {
	_ = protect(func() error { // it panics after a scan that did
		s.txn.Discard()
		return nil
	})
}

func (s *snapshot) get(key string) (value []byte, err error) {
	err = protect(func() error {
		found, err := s.txn.Get([]byte(space + key))
		if err != nil {
			return err
		}
		value, err = found.ValueCopy([]byte{})
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, store.ErrNotFound
	}
	return value, err
}

// write hands the writes over to Badger, which keeps them until the commit.
func (s *snapshot) write(writes map[string]store.Write, now time.Time) error {
	for key, w := range writes {
		entry := badger.NewEntry([]byte(space+key), w.Value)
		if !w.Expires.IsZero() {
			entry.ExpiresAt = sweepTime(w.Expires.Sub(now))
		}
		set := func() error { return s.txn.SetEntry(entry) }
		if w.Delete {
			set = func() error { return s.txn.Delete(entry.Key) }
		}
		if err := set(); err != nil {
			return fmt.Errorf("badgerstore: %w", err)
		}
	}
	return nil
}

// sweepTime returns when Badger may remove what expires after left, in seconds
// since 1970 by the wall clock, the only one that it knows.
func sweepTime(left time.Duration) uint64 {
	at := time.Now().Add(left).Add(sweepMargin).Unix() + 1
	return uint64(max(at, 1)) // 0 would mean never
}

// scan yields the entries whose keys begin with prefix, from the key from on,
// in the order of their keys, as Badger does.
func (s *snapshot) scan(prefix, from string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		c := &cursor{}
		defer c.close()
		err := protect(func() error {
			opts := badger.IteratorOptions{Prefix: []byte(space + prefix)}
			c.it = s.txn.NewIterator(opts)
			c.it.Seek([]byte(space + from))
			return nil
		})
		for err == nil {
			var entry store.Entry
			var ok bool
			if entry, ok, err = c.next(); err != nil || !ok {
				break
			}
			if !yield(entry, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Entry{}, err)
		}
	}
}

// A cursor is an iterator of Badger that does not panic. Values are not read
// ahead: Badger would do so in goroutines, where a panic ends the process.
type cursor struct {
	it    *badger.Iterator
	moved bool
}

// next returns the next entry, if any.
func (c *cursor) next() (entry store.Entry, ok bool, err error) {
	err = protect(func() error {
		if c.moved {
			c.it.Next()
		}
		c.moved = true
		if ok = c.it.Valid(); !ok {
			return nil
		}
		item := c.it.Item()
		entry.Key = string(item.Key()[len(space):])
		entry.Value, err = item.ValueCopy([]byte{})
		return err
	})
	return entry, ok, err
}

func (c *cursor) close() {
	_ = protect(func() error {
		if c.it != nil {
			c.it.Close()
		}
		return nil
	})
}
