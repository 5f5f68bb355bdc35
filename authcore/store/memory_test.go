package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/storetest"
)

// TestMemorySweeps shows that expired entries do not pile up.
func TestMemorySweeps(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	s := store.NewMemory(func() time.Time { return now })
	ctx := context.Background()
	for i := range 1000 {
		err := s.Update(ctx, func(w store.Writer) error {
			if err := w.Put("kept", []byte{1}, time.Time{}); err != nil {
				return err
			}
			return w.Put(fmt.Sprintf("session/%d", i), []byte{1}, now.Add(time.Minute))
		})
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	var n int
	err := s.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			n++
		}
		_, err := r.Get("kept")
		return err
	})
	// 61 are alive; a sweep comes at the latest after as many commits again.
	if err != nil || n < 62 || n > 200 {
		t.Errorf("%d entries are left (error %v), want from 62 to 200", n, err)
	}
}

func TestMemoryConforms(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMemory(time.Now) })
}
