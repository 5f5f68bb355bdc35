package etcdstore

import (
	"context"
	"maps"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// bucket is how many entries share a lease: those that expire within the same
	// hour. etcd's leases are counted one by one at each election.
	bucket = time.Hour
	// sweepMargin is added to the time of a lease, for what clocks are apart.
	sweepMargin = 10 * time.Minute
	// longestLease is the longest that etcd grants (9,000,000,000 seconds), less the
	// bucket and the margin. What expires later is never swept.
	longestLease = 9_000_000_000*time.Second - 2*bucket
)

// leases has etcd remove what has expired. Each gate has its own, and knows those
// that it was granted; those of an earlier run of it end by themselves.
type leases struct {
	grant func(ctx context.Context, seconds int64) (clientv3.LeaseID, error)
	turn  chan struct{} // holds one value while somebody uses what follows
	by    map[time.Time]lease
}

// A lease ends some time after until, by our monotonic clock.
type lease struct {
	id    clientv3.LeaseID
	until time.Time
}

func newLeases(grant func(context.Context, int64) (clientv3.LeaseID, error)) *leases {
	return &leases{grant: grant, turn: make(chan struct{}, 1), by: map[time.Time]lease{}}
}

// of returns a lease that does not end before expires, now being the time by the
// caller's clock: NoLease where it is never to end.
func (l *leases) of(ctx context.Context, expires, now time.Time) (clientv3.LeaseID, error) {
	left := max(expires.Sub(now), 0)
	if expires.IsZero() || left > longestLease {
		return clientv3.NoLease, nil
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return clientv3.NoLease, ctx.Err()
	}
	hour := now.Add(left).UTC().Truncate(bucket).Add(bucket)
	// The caller's clock may have been set since the lease was granted.
	if known, ok := l.by[hour]; ok && time.Until(known.until) >= left {
		return known.id, nil
	}
	return l.add(ctx, hour, hour.Sub(now))
}

// add has a lease granted for the hour that ends after left.
func (l *leases) add(ctx context.Context, hour time.Time, left time.Duration) (clientv3.LeaseID, error) {
	asked := time.Now()
	id, err := l.grant(ctx, int64((left+sweepMargin)/time.Second)+1)
	if err != nil {
		return clientv3.NoLease, err
	}
	maps.DeleteFunc(l.by, func(_ time.Time, old lease) bool { return old.until.Before(asked) })
	l.by[hour] = lease{id: id, until: asked.Add(left + sweepMargin/2)}
	return id, nil
}

// forget drops all leases: one of them is no longer there.
func (l *leases) forget() {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	clear(l.by)
}
