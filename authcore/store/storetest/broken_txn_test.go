package storetest_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// brokenTxn is one run of a function.
type brokenTxn struct {
	b       *broken
	ctx     context.Context
	entries map[string]record
	read    map[string]int
	writes  map[string]store.Write
	touched map[string]int
	written int
	sorted  []string // all keys, once a Scan has wanted them
	doom    error
	over    bool
}

func (t *brokenTxn) end() { t.over = t.b.fault != endlessReader }

func (t *brokenTxn) fail(err error) error {
	if t.b.fault != swallowed {
		t.doom = cmp.Or(t.doom, err)
	}
	return err
}

func (t *brokenTxn) checkKey(key string) error {
	if (key == "" || len(key) > store.MaxKey) && t.b.fault != noKeyLimit {
		return t.fail(fmt.Errorf("%w: key", store.ErrTooLarge))
	}
	return nil
}

func (t *brokenTxn) touch(key string, bytes int) error {
	if err := t.checkKey(key); err != nil {
		return err
	}
	before, known := t.touched[key]
	if t.b.fault == countsTwice {
		before = 0
	}
	t.written += bytes - before
	t.touched[key] = bytes
	tooMany := !known && len(t.touched) > store.MaxTouched && t.b.fault != noTouchLimit
	if tooMany || t.written > store.MaxWritten && t.b.fault != noWriteLimit {
		return t.fail(fmt.Errorf("%w: transaction", store.ErrTooLarge))
	}
	return nil
}

func (t *brokenTxn) alive(r record) bool {
	switch {
	case r.expires.IsZero():
		return true
	case t.b.fault == wholeSeconds:
		return r.expires.Truncate(time.Second).After(time.Now())
	}
	return r.expires.After(time.Now())
}

func (t *brokenTxn) lookup(key string) ([]byte, error) {
	entries := t.entries
	if t.b.fault == liveGet {
		entries = t.b.now()
	}
	if t.b.fault == textOnly {
		key, _, _ = strings.Cut(key, "\x00")
	}
	r, ok := entries[key]
	if t.read != nil {
		t.read[key] = r.version
	}
	if !ok || !t.alive(r) || len(r.value) == 0 && t.b.fault == emptyIsAbsent {
		return nil, store.ErrNotFound
	}
	return t.hand(r.value, sharedOnGet), nil
}

// hand returns a copy of value, unless the fault is to share it.
func (t *brokenTxn) hand(value []byte, shared fault) []byte {
	switch {
	case t.b.fault == nilIsKept && len(value) == 0:
		return nil
	case t.b.fault == shared:
		return value
	}
	return append([]byte{}, value...)
}

type brokenReader struct{ *brokenTxn }

func (r brokenReader) Get(key string) ([]byte, error) {
	if r.over {
		return nil, store.ErrClosed
	}
	if err := r.checkKey(key); err != nil {
		return nil, err
	}
	return r.lookup(key)
}

func (r brokenReader) Scan(prefix, after string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if r.over {
			yield(store.Entry{}, store.ErrClosed)
			return
		}
		for _, key := range r.from(prefix, after) {
			if !r.within(key, prefix) || r.before(key, after) || !r.alive(r.entries[key]) {
				if r.ends(key, prefix) {
					return
				}
				continue
			}
			if err := r.ctx.Err(); err != nil && r.b.fault != contextScan && r.b.fault != contextUnseen {
				yield(store.Entry{}, r.fail(err))
				return
			}
			value := r.entries[key].value
			if r.b.fault == liveScan {
				value = r.b.now()[key].value
			}
			if !yield(store.Entry{Key: key, Value: r.hand(value, sharedOnScan)}, nil) {
				return
			}
		}
	}
}

// from returns the keys in order, from the first on that a Scan may yield.
func (r brokenReader) from(prefix, after string) []string {
	if r.sorted == nil {
		r.sorted = r.keys()
	}
	if r.b.fault == notSorted || r.b.fault == runesSorted || r.b.fault == afterSkipped {
		return r.sorted
	}
	from := max(prefix, after)
	switch r.b.fault {
	case afterIgnored:
		from = prefix
	case afterEnds:
		from = cmp.Or(after, prefix)
	}
	i, _ := slices.BinarySearch(r.sorted, from)
	return r.sorted[i:]
}

// before reports whether a Scan after that key has to leave the key out.
func (r brokenReader) before(key, after string) bool {
	switch r.b.fault {
	case afterIgnored:
		return false
	case afterIncluded:
		return key < after
	case afterAsPrefix:
		return key <= after || after != "" && strings.HasPrefix(key, after)
	}
	return key <= after
}

// ends reports whether a Scan gives up at a key that it leaves out.
func (r brokenReader) ends(key, prefix string) bool {
	return r.b.fault == afterEnds && !strings.HasPrefix(key, prefix)
}

func (r brokenReader) keys() []string {
	keys := slices.Collect(maps.Keys(r.entries))
	switch r.b.fault {
	case notSorted:
	case runesSorted:
		slices.SortFunc(keys, func(a, b string) int {
			return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
		})
	default:
		slices.Sort(keys)
	}
	return keys
}

func (r brokenReader) within(key, prefix string) bool {
	switch r.b.fault {
	case prefixExact:
		return strings.HasPrefix(key, prefix) && (key != prefix || prefix == "")
	case prefixLoose:
		return key >= prefix
	case prefixEnd: // up to the prefix with its last byte one higher
		if prefix == "" {
			return true
		}
		end := []byte(prefix)
		end[len(end)-1]++
		return key >= prefix && key < string(end)
	}
	return strings.HasPrefix(key, prefix)
}

type brokenWriter struct{ *brokenTxn }

func (w brokenWriter) Get(key string) ([]byte, error) {
	if w.over {
		return nil, store.ErrClosed
	}
	if err := w.touch(key, w.touched[key]); err != nil {
		return nil, err
	}
	if own, ok := w.writes[key]; ok && w.b.fault != blindToOwn {
		if own.Delete {
			return nil, store.ErrNotFound
		}
		return w.hand(own.Value, sharedOnGet), nil
	}
	return w.lookup(key)
}

func (w brokenWriter) Put(key string, value []byte, expires time.Time) error {
	if w.over {
		return store.ErrClosed
	}
	if len(value) > store.MaxValue && w.b.fault != noValueLimit {
		return w.fail(fmt.Errorf("%w: value", store.ErrTooLarge))
	}
	if w.b.fault != sharedOnPut {
		value = append([]byte{}, value...)
	}
	return w.write(key, store.Write{Value: value, Expires: expires})
}

func (w brokenWriter) Delete(key string) error {
	if w.over {
		return store.ErrClosed
	}
	return w.write(key, store.Write{Delete: true})
}

func (w brokenWriter) write(key string, write store.Write) error {
	if err := w.touch(key, len(key)+len(write.Value)); err != nil {
		return err
	}
	if w.b.fault == stepwise {
		w.b.mu.Lock()
		defer w.b.mu.Unlock()
		w.b.set(key, write)
		w.read[key] = w.b.place.entries[key].version
	}
	w.writes[key] = write
	return nil
}
