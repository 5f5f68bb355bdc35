package etcdstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sesame-gateway/sesame/authcore/store"
)

const (
	// A Scan fetches the first page and doubles it up to the last: many look for a
	// few entries only, and a page of the largest values is 16 MiB.
	firstPage = 16
	lastPage  = 256
)

// A snapshot reads one revision: that of its first answer.
type snapshot struct {
	*engine
	ctx       context.Context
	revision  int64
	read      map[string]int64 // by key, the revision of its last change; nil in a View
	compacted bool
}

func (s *snapshot) get(key string) ([]byte, error) {
	resp, err := s.fetch(s.space + key)
	if err != nil {
		return nil, err
	}
	if len(resp.Kvs) == 0 {
		s.note(key, 0)
		return nil, store.ErrNotFound
	}
	s.note(key, resp.Kvs[0].ModRevision)
	return present(resp.Kvs[0].Value), nil
}

// note remembers for the commit what was read.
func (s *snapshot) note(key string, revision int64) {
	if s.read != nil {
		s.read[key] = revision
	}
}

// present returns a value that is there: etcd has nil for an empty one.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// fetch asks etcd for what it had at the snapshot's revision.
func (s *snapshot) fetch(key string, opts ...clientv3.OpOption) (resp *clientv3.GetResponse, err error) {
	if s.revision != 0 {
		opts = append(opts, clientv3.WithRev(s.revision))
	}
	err = s.ask(s.ctx, func(ctx context.Context) error {
		resp, err = s.client.Get(ctx, key, opts...)
		return err
	})
	if errors.Is(err, rpctypes.ErrCompacted) {
		s.compacted = true
		return nil, ErrCompacted
	}
	if err == nil && s.revision == 0 {
		s.revision = resp.Header.Revision
	}
	return resp, err
}

// scan yields the entries whose keys begin with prefix, from the key from on, in
// the order of their keys.
func (s *snapshot) scan(prefix, from string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		next, end := s.space+from, clientv3.GetPrefixRangeEnd(s.space+prefix)
		for page := int64(firstPage); next < end; page = min(2*page, lastPage) {
			resp, err := s.fetch(next, clientv3.WithRange(end), clientv3.WithLimit(page))
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			for _, kv := range resp.Kvs {
				if !yield(store.Entry{Key: string(kv.Key[len(s.space):]), Value: present(kv.Value)}, nil) {
					return
				}
			}
			if !resp.More {
				return
			}
			next = string(resp.Kvs[len(resp.Kvs)-1].Key) + "\x00"
		}
	}
}

// commit writes if all that was read is as it was, and tells of what may have been
// written. Once begun it is not interrupted by the end of ctx.
func (e *engine) commit(ctx context.Context, read map[string]int64, writes map[string]store.Write) (settled bool, err error) {
	unchanged := make([]clientv3.Cmp, 0, len(read))
	for key, revision := range read {
		unchanged = append(unchanged, clientv3.Compare(clientv3.ModRevision(e.space+key), "=", revision))
	}
	ops, err := e.ops(ctx, writes)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.timeout)
	defer cancel()
	resp, err := e.client.Txn(clientv3.WithRequireLeader(ctx)).If(unchanged...).Then(ops...).Commit()
	switch {
	case err == nil && !resp.Succeeded:
		return false, nil
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		e.leases.forget()
		return false, nil
	case err != nil && passing(err):
		return false, nil
	case err != nil && refused(err):
		return false, meaning(err)
	}
	e.tellOwn(writes)
	return true, unknown(err)
}

// ops are the writes in etcd's terms.
func (e *engine) ops(ctx context.Context, writes map[string]store.Write) ([]clientv3.Op, error) {
	ops := make([]clientv3.Op, 0, len(writes))
	for key, w := range writes {
		if w.Delete {
			ops = append(ops, clientv3.OpDelete(e.space+key))
			continue
		}
		lease, err := e.lease(ctx, w.Expires)
		if err != nil {
			return nil, err
		}
		ops = append(ops, clientv3.OpPut(e.space+key, string(w.Value), clientv3.WithLease(lease)))
	}
	return ops, nil
}

// lease returns the one for what expires then. Those who wait for one that is being
// granted do so no longer than for anything else.
func (e *engine) lease(ctx context.Context, expires time.Time) (clientv3.LeaseID, error) {
	bound, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	id, err := e.leases.of(bound, expires, e.opts.Now())
	if err != nil && bound.Err() != nil && ctx.Err() == nil {
		err = meaning(err)
	}
	return id, err
}
