package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

func openBench(b *testing.B, dir string) store.Store {
	s, err := Open(dir, quiet())
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// consume is the write of a login: a record of 300 bytes is read, its number
// moved, an entry of the log added.
func consume(w store.Writer, key string, n uint64) error {
	value, err := w.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		value, err = make([]byte, 300), nil
	}
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint64(value, binary.BigEndian.Uint64(value)+1)
	return errors.Join(w.Put(key, value, time.Time{}), w.Put(fmt.Sprintf("audit/%s/%d", key, n), value[:200], time.Time{}))
}

// BenchmarkConsume has so many callers consume, each a number of its own or all
// the same. An operation is one acknowledged or refused Update.
func BenchmarkConsume(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		for _, same := range []bool{false, true} {
			b.Run(fmt.Sprintf("callers=%d/same=%v", callers, same), func(b *testing.B) {
				s := openBench(b, filepath.Join(b.TempDir(), "store"))
				defer s.Close()
				var next, busy atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for c := range callers {
					key := fmt.Sprintf("key/%d", c)
					if same {
						key = "key/0"
					}
					wg.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							err := s.Update(context.Background(), func(w store.Writer) error { return consume(w, key, uint64(n)) })
							if errors.Is(err, store.ErrBusy) {
								busy.Add(1)
							} else if err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(busy.Load())/float64(b.N), "busy/op")
			})
		}
	}
}

const benchEntries = 100_000

func benchKey(i int) string { return fmt.Sprintf("key/%08d", i) }

// fill stores benchEntries records of 300 bytes.
func fill(b *testing.B, s store.Store) {
	value := make([]byte, 300)
	for i := 0; i < benchEntries; i += 100 {
		err := s.Update(context.Background(), func(w store.Writer) error {
			for j := range 100 {
				if err := w.Put(benchKey(i+j), value, time.Time{}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := openBench(b, filepath.Join(b.TempDir(), "store"))
	defer s.Close()
	fill(b, s)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			key := benchKey(i * 7919 % benchEntries)
			err := s.View(context.Background(), func(r store.Reader) error {
				_, err := r.Get(key)
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkOpen opens a store of 100,000 entries, all checksums verified.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "store")
	s := openBench(b, dir)
	fill(b, s)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := openBench(b, dir)
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
