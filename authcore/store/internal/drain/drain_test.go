package drain

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestShutWaitsForThoseInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Drain
		for range 3 {
			if !d.Enter() {
				t.Fatal("Enter fails before Shut")
			}
		}
		d.Leave()
		var empty atomic.Int64
		for range 2 { // both wait for the same
			go func() {
				<-d.Shut()
				empty.Add(1)
			}()
		}
		for left := range 2 {
			synctest.Wait()
			if empty.Load() != 0 || d.Enter() {
				t.Fatalf("after Shut, with %d to leave: %d are told that it is empty", 2-left, empty.Load())
			}
			d.Leave()
		}
		synctest.Wait()
		if empty.Load() != 2 {
			t.Errorf("%d of 2 are told that it is empty", empty.Load())
		}
	})
}

func TestShutOfAnEmptyOne(t *testing.T) {
	var d Drain
	if d.Enter() {
		d.Leave()
	}
	<-d.Shut()
	<-d.Shut()
	if d.Enter() {
		t.Error("Enter succeeds after Shut")
	}
}
