//go:build load

package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// TestFigures tells how the write of a login compares with the same reads and
// writes in Badger itself as it comes, its writes synced, on the same disk: make
// bench reads the lines that begin with "figure". The two take turns; nothing is
// asserted of time.
func TestFigures(t *testing.T) {
	const rounds = 41
	ours, err := Open(newDir(t), quiet())
	if err != nil {
		t.Fatal(err)
	}
	bare, err := badger.Open(badger.DefaultOptions(newDir(t)).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(ours.Close(), bare.Close()); err != nil {
			t.Error(err)
		}
	})
	var number atomic.Uint64
	through := func(caller int) error {
		return ours.Update(context.Background(), func(w store.Writer) error {
			return consume(w, fmt.Sprintf("key/%d", caller), number.Add(1))
		})
	}
	itself := func(caller int) error { return consumeBare(bare, fmt.Sprintf("key/%d", caller), number.Add(1)) }
	for _, callers := range []int{1, 16, 64} {
		var ratios, rates []float64
		for range rounds {
			a, b := rate(t, callers, through), rate(t, callers, itself)
			ratios, rates = append(ratios, a/b), append(rates, a)
		}
		t.Logf("figure %q %.2f", fmt.Sprintf("consuming codes, %d at once: rate, ratio to bare Badger", callers), middle(ratios))
		t.Logf("figure %q %.0f", fmt.Sprintf("consuming codes, %d at once: a second", callers), middle(rates))
	}
}

// consumeBare is consume without anything of ours.
func consumeBare(db *badger.DB, key string, n uint64) error {
	return db.Update(func(txn *badger.Txn) error {
		value := make([]byte, 300)
		item, err := txn.Get([]byte(key))
		if err == nil {
			value, err = item.ValueCopy(nil)
		}
		if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
			return err
		}
		value[7]++
		return errors.Join(txn.Set([]byte(key), value), txn.Set(fmt.Appendf(nil, "audit/%s/%d", key, n), value[:200]))
	})
}

// rate is how many a second so many callers get done, for a moment: the disk is
// seldom the same for longer.
func rate(t *testing.T, callers int, do func(caller int) error) float64 {
	t.Helper()
	var done atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for c := range callers {
		all.Go(func() {
			for time.Since(began) < time.Second/5 {
				if err := do(c); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// middle is the median.
func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
