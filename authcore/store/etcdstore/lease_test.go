package etcdstore

import (
	"context"
	"errors"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// TestLeases grants one lease for an hour, which outlasts what it is for.
func TestLeases(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var granted []int64
	l := newLeases(func(_ context.Context, seconds int64) (clientv3.LeaseID, error) {
		granted = append(granted, seconds)
		return clientv3.LeaseID(len(granted)), nil
	})
	const hour = int64(3600)
	for _, c := range []struct {
		name         string
		expires, now time.Time
		want         clientv3.LeaseID
		seconds      int64 // of the last lease
	}{
		{"never", time.Time{}, noon, 0, 0},
		{"beyond what etcd can", noon.AddDate(290, 0, 0), noon, 0, 0},
		{"in ten minutes", noon.Add(10 * time.Minute), noon, 1, hour + 601},
		{"in the same hour", noon.Add(59 * time.Minute), noon, 1, hour + 601},
		{"in the same hour, later", noon.Add(59 * time.Minute), noon.Add(30 * time.Minute), 1, hour + 601},
		{"past", noon.Add(-time.Hour), noon, 1, hour + 601},
		{"long past", time.Unix(1, 0), noon, 1, hour + 601},
		{"on the hour", noon.Add(time.Hour), noon, 2, 2*hour + 601},
		{"tomorrow", noon.Add(24 * time.Hour), noon, 3, 25*hour + 601},
		{"when the clock was set back", noon.Add(59 * time.Minute), noon.Add(-3 * time.Hour), 4, 4*hour + 601},
		{"when it was set right again", noon.Add(59 * time.Minute), noon, 4, 4*hour + 601},
	} {
		got, err := l.of(t.Context(), c.expires, c.now)
		if got != c.want || err != nil {
			t.Errorf("%s: lease %d, %v; want %d", c.name, got, err, c.want)
		}
		if c.seconds != 0 && granted[len(granted)-1] != c.seconds {
			t.Errorf("%s: the last lease is of %d seconds, want %d", c.name, granted[len(granted)-1], c.seconds)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	l.turn <- struct{}{} // somebody has the turn
	if _, err := l.of(over, noon, noon); !errors.Is(err, context.Canceled) {
		t.Errorf("of = %v while another waits for a lease, want the end of the context", err)
	}
}

// TestLeasesInEtcd looks at what etcd knows of the leases, and takes one away.
func TestLeasesInEtcd(t *testing.T) {
	c := etcdtest.Start(t, 1)
	e := openAt(t, place(c))
	client := c.Members[0].Client()
	defer client.Close()
	leaseOf := func(key string) clientv3.LeaseID {
		t.Helper()
		resp, err := client.Get(t.Context(), e.space+key)
		if err != nil || len(resp.Kvs) != 1 {
			t.Fatalf("etcd has %v for %q, %v", resp, key, err)
		}
		return clientv3.LeaseID(resp.Kvs[0].Lease)
	}
	until := func(key string, expires time.Time) {
		t.Helper()
		err := e.Update(t.Context(), func(w store.Writer) error { return w.Put(key, nil, expires) })
		if err != nil {
			t.Fatal(err)
		}
	}
	soon := time.Now().Truncate(bucket).Add(bucket / 2).Add(2 * bucket)
	until("a", soon)
	until("b", soon.Add(time.Minute))
	until("c", time.Time{})
	first := leaseOf("a")
	if first == clientv3.NoLease || leaseOf("b") != first || leaseOf("c") != clientv3.NoLease {
		t.Errorf("leases: a %x, b %x, c %x; want one for a and b, none for c", first, leaseOf("b"), leaseOf("c"))
	}
	until("a", time.Time{})
	if leaseOf("a") != clientv3.NoLease {
		t.Error("what is kept for ever has the lease of what it replaces")
	}
	if _, err := client.Revoke(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := get(e, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v when its lease has ended, want ErrNotFound", err)
	}
	until("b", soon)
	if second := leaseOf("b"); second == first || second == clientv3.NoLease {
		t.Errorf("the lease after one that ended is %x, that was %x", second, first)
	}
}
