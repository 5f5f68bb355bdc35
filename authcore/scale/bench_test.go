//go:build unix

package scale

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

func TestMain(m *testing.M) { os.Exit(etcdtest.Main(m)) }

var quiet = slog.New(slog.DiscardHandler)

// counted wraps whatever a life is opened on, to know what was written.
func counted(b *testing.B, open func(now func() time.Time) (store.Store, error)) (*life, *counting) {
	b.Helper()
	var s *counting
	l := newLife(b, func(now func() time.Time) (store.Store, error) {
		st, err := open(now)
		s = &counting{Store: st}
		return s, err
	})
	return l, s
}

func onBadger(dir string) func(func() time.Time) (store.Store, error) {
	return func(now func() time.Time) (store.Store, error) {
		return badgerstore.Open(dir, badgerstore.Options{Logger: quiet, Now: now})
	}
}

func onEtcd(c *etcdtest.Cluster) func(func() time.Time) (store.Store, error) {
	return func(now func() time.Time) (store.Store, error) {
		return etcdstore.Open(etcdstore.Options{Endpoints: c.URLs(), Logger: quiet, Now: now})
	}
}

// lives are the engines: the directory, or the cluster of three members.
func lives(b *testing.B, bench func(b *testing.B, l *life, s *counting, size func() float64)) {
	b.Run("badger", func(b *testing.B) {
		dir := filepath.Join(b.TempDir(), "store")
		l, s := counted(b, onBadger(dir))
		defer s.Close()
		bench(b, l, s, func() float64 { return used(b, dir) })
	})
	b.Run("etcd", func(b *testing.B) {
		c := etcdtest.Start(b, 3)
		l, s := counted(b, onEtcd(c))
		defer s.Close()
		bench(b, l, s, func() float64 { return inUse(b, c.Members[0]) })
	})
}

// BenchmarkLogin is a login and what follows it, one after the other: the hash of the
// PIN is in it.
func BenchmarkLogin(b *testing.B) {
	lives(b, func(b *testing.B, l *life, _ *counting, _ func() float64) {
		l.add(1)
		l.enrol(1)
		for b.Loop() {
			l.enters(1)
		}
	})
}

// BenchmarkUse is the use of a session that is saved: one commit.
func BenchmarkUse(b *testing.B) {
	lives(b, func(b *testing.B, l *life, _ *counting, _ func() float64) {
		l.add(1)
		l.enrol(1)
		token := l.enters(1)
		for n := 0; b.Loop(); n++ {
			if n%150 == 149 { // before its absolute end
				b.StopTimer()
				token = l.enters(1)
				b.StartTimer()
			}
			l.pass(l.gate.Policy().Idle / 20)
			l.uses(token)
		}
	})
}

// BenchmarkStored tells what a store takes for a holder, without a login, and as a
// ratio to what was written.
func BenchmarkStored(b *testing.B) {
	lives(b, func(b *testing.B, l *life, s *counting, size func() float64) {
		l.add(1 << 30)
		before, written := size(), s.bytes
		n := 0
		for b.Loop() {
			l.add(n)
			n++
		}
		grown := size() - before
		b.ReportMetric(grown/float64(n), "B/holder")
		b.ReportMetric(grown/float64(s.bytes-written), "ratio")
	})
}

// used is what the disk holds of a directory: the files are mostly holes.
func used(b *testing.B, dir string) (bytes float64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes += float64(info.Sys().(*syscall.Stat_t).Blocks) * 512
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}

// inUse is what a member holds of its database once it is compacted.
func inUse(b *testing.B, m *etcdtest.Member) float64 {
	b.Helper()
	client := m.Client()
	defer client.Close()
	ctx := context.Background()
	now, err := client.Get(ctx, "x")
	if err == nil {
		_, err = client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err == nil {
		_, err = client.Defragment(ctx, m.URL)
	}
	var status *clientv3.StatusResponse
	if err == nil {
		status, err = client.Status(ctx, m.URL)
	}
	if err != nil {
		b.Fatal(err)
	}
	return float64(status.DbSizeInUse)
}
