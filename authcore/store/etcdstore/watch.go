package etcdstore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/internal/retry"
)

// A mark is a revision of the cluster: it was at least that at that time.
type mark struct {
	revision int64
	at       time.Time
}

// maxMarks bounds those that are waited for; later ones make up for those left out.
const maxMarks = 16

// A watch tells followers what others write. It is current as of the time of the
// latest mark up to whose revision it has told everything.
type watch struct {
	members
	followers store.Followers
	space     string
	behind    time.Duration
	log       *slog.Logger

	running sync.WaitGroup
	cancel  context.CancelFunc

	mu      sync.Mutex // held while followers are told, so that they hear in order
	over    bool
	lost    bool
	seen    int64     // the revision up to which everything was told
	current time.Time // everything before it was told
	marks   []mark    // those beyond seen, oldest first
	overdue *time.Timer
	again   context.CancelFunc // begins the watch anew
}

// newWatch starts a watch of what comes after a mark.
func newWatch(m members, space string, opts Options, from mark) *watch {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(context.Background()))
	w := &watch{
		members: m, space: space, behind: opts.Behind, log: opts.Logger,
		cancel: cancel, seen: from.revision, current: from.at, again: func() {},
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.overdue = time.AfterFunc(time.Until(from.at.Add(w.behind)), w.checkOverdue)
	w.running.Go(func() { w.listen(ctx) })
	w.running.Go(func() { w.compare(ctx) })
	return w
}

// Follow implements store.Store.
func (w *watch) Follow(changed func(store.Change)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.followers.Follow(changed)
	if w.lost {
		changed(store.Change{Lost: true})
	}
}

// stop ends the watch; running tells when.
func (w *watch) stop() {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over, w.lost = true, true
	w.overdue.Stop()
	w.followers.Tell(store.Change{Lost: true})
}

// tellOwn tells of what an Update of this process may have written.
func (w *watch) tellOwn(writes map[string]store.Write) {
	keys := make([]string, 0, len(writes))
	for key := range writes {
		keys = append(keys, key)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.followers.Tell(store.Change{Keys: keys, Lost: w.lost})
}

// listen watches, again and again.
func (w *watch) listen(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		if err := w.once(ctx); errors.Is(err, rpctypes.ErrCompacted) {
			w.skip(ctx)
		}
		if time.Since(began) > w.behind {
			n = 0
		}
		_ = retry.Pause(ctx, n)
	}
}

// once watches from where the last one left off until it ends.
func (w *watch) once(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	from := w.seen + 1
	w.again = cancel
	w.mu.Unlock()
	changes := w.client.Watch(ctx, w.space, clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithFragment())
	for resp := range changes {
		if err := resp.Err(); err != nil {
			return err
		}
		w.tell(resp)
	}
	return nil
}

// tell passes on one answer of the watch. That of a progress says how far it has
// come; of another only its last event does, as what is late is sent in parts.
func (w *watch) tell(resp clientv3.WatchResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if resp.IsProgressNotify() {
		w.reach(resp.Header.Revision)
		return
	}
	if len(resp.Events) == 0 {
		return
	}
	told := make(map[string]bool, len(resp.Events))
	keys := make([]string, 0, len(resp.Events))
	for _, event := range resp.Events {
		if key := string(event.Kv.Key[len(w.space):]); !told[key] {
			told[key], keys = true, append(keys, key)
		}
	}
	w.followers.Tell(store.Change{Keys: keys, Lost: w.lost})
	w.reach(resp.Events[len(resp.Events)-1].Kv.ModRevision)
}

// skip gives up what etcd no longer has. Followers are told that it is lost, until
// a mark that comes later has been reached.
func (w *watch) skip(ctx context.Context) {
	w.lose("etcd has compacted what was to be told next")
	now, err := w.revision(ctx, w.space)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen, w.marks = max(w.seen, now), nil
}

// compare looks again and again how far the cluster is, and asks the watch how far
// it has come where it is behind.
func (w *watch) compare(ctx context.Context) {
	beat := time.NewTicker(max(w.behind/4, time.Millisecond))
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		at := time.Now()
		now, err := w.revision(ctx, w.space)
		if err == nil && w.expect(mark{revision: now, at: at}) {
			_ = attempt(ctx, w.behind, w.client.RequestProgress)
		}
	}
}

// expect takes note of a mark, and reports whether it is still to be reached.
func (w *watch) expect(m mark) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.marks) < maxMarks {
		w.marks = append(w.marks, m)
	}
	w.reach(w.seen)
	return len(w.marks) > 0
}

// reach says that everything up to a revision was told.
func (w *watch) reach(revision int64) {
	w.seen = max(w.seen, revision)
	reached := false
	for len(w.marks) > 0 && w.marks[0].revision <= w.seen {
		w.current, w.marks, reached = w.marks[0].at, w.marks[1:], true
	}
	left := w.behind - time.Since(w.current)
	if !reached || w.over || left <= 0 {
		return
	}
	w.overdue.Reset(left)
	if w.lost {
		w.lost = false
		w.log.Info("what other gates write is heard again")
		w.followers.Tell(store.Change{})
	}
}

// checkOverdue is called when the watch may be behind by more than the bound.
func (w *watch) checkOverdue() {
	w.mu.Lock()
	left := w.behind - time.Since(w.current)
	if left > 0 {
		w.overdue.Reset(left)
	}
	w.mu.Unlock()
	if left <= 0 {
		w.lose("etcd does not answer, or its watch is late")
	}
}

// lose tells that changes may be missing, and begins the watch anew: perhaps with
// another member.
func (w *watch) lose(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost || w.over {
		return
	}
	w.lost = true
	w.followers.Tell(store.Change{Lost: true})
	w.again()
	w.log.Warn("what other gates write is not heard: until it is again, every request reads the store", "cause", why)
}
