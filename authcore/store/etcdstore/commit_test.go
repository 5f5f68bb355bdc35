package etcdstore

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/internal/retry"
)

// stubborn is a member that answers each commit with an error.
type stubborn struct {
	pb.UnimplementedKVServer
	mu      sync.Mutex
	answer  error
	commits int
}

func (s *stubborn) Range(context.Context, *pb.RangeRequest) (*pb.RangeResponse, error) {
	return &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 1}}, nil
}

func (s *stubborn) Txn(context.Context, *pb.TxnRequest) (*pb.TxnResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	return nil, s.answer
}

// answers sets what commits are answered from now on.
func (s *stubborn) answers(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.commits = err, 0
}

func (s *stubborn) sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}

func startStubborn(t *testing.T) (*stubborn, store.Store) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, server := &stubborn{}, grpc.NewServer()
	pb.RegisterKVServer(server, s)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	e, err := Open(Options{
		Endpoints: []string{"http://" + l.Addr().String()}, Logger: slog.New(slog.DiscardHandler),
		Timeout: 10 * time.Second, Behind: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, e
}

func put(s store.Store, key, value string) error {
	return s.Update(context.Background(), func(w store.Writer) error {
		return w.Put(key, []byte(value), time.Time{})
	})
}

// TestCommitAnswered says what becomes of a commit by its answer. One that may have
// been carried out is never sent again, not even where etcd's client would.
func TestCommitAnswered(t *testing.T) {
	member, e := startStubborn(t)
	for _, c := range []struct {
		answer  error
		want    error
		commits int
		told    bool
	}{
		{rpctypes.ErrGRPCTimeout, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCTimeoutDueToLeaderFail, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCLeaderChanged, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCStopped, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCDeadlineExceeded, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCCanceled, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCNoSpace, store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCCorrupt, store.ErrFailed, 1, true},
		{status.Error(codes.Unknown, "raft proposal dropped"), store.ErrFailed, 1, true},
		{status.Error(codes.Internal, "stream terminated"), store.ErrFailed, 1, true},
		{rpctypes.ErrGRPCTooManyOps, store.ErrTooLarge, 1, false},
		{rpctypes.ErrGRPCRequestTooLarge, store.ErrTooLarge, 1, false},
		{rpctypes.ErrGRPCPermissionDenied, ErrRefused, 1, false},
		{rpctypes.ErrGRPCNoLeader, store.ErrBusy, retry.Runs, false},
		{rpctypes.ErrGRPCInvalidAuthToken, store.ErrBusy, retry.Runs, false},
		{rpctypes.ErrGRPCLeaseNotFound, store.ErrBusy, retry.Runs, false},
	} {
		member.answers(c.answer)
		told := tellOf(e, "a")
		if err := put(e, "a", "1"); !errors.Is(err, c.want) {
			t.Errorf("%v: Update = %v, want %v", c.answer, err, c.want)
		}
		if n := member.sent(); n != c.commits {
			t.Errorf("%v: it was sent %d times, want %d", c.answer, n, c.commits)
		}
		if told() != c.told {
			t.Errorf("%v: followers were told: %v, want %v", c.answer, told(), c.told)
		}
	}
}

// tellOf follows s and says whether it told of a key.
func tellOf(s store.Store, key string) func() bool {
	var mu sync.Mutex
	var told bool
	s.Follow(func(c store.Change) {
		mu.Lock()
		defer mu.Unlock()
		for _, k := range c.Keys {
			told = told || k == key
		}
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return told
	}
}
