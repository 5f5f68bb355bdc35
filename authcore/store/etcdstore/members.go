package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/internal/retry"
)

// members are those of the cluster, of which the client asks one after the other.
type members struct {
	client    *clientv3.Client
	timeout   time.Duration
	anonymous bool // we have no user
}

// attempts is how many members are waited for within the timeout.
const attempts = 3

// ask makes a request that changes nothing, as often as it takes for a member to
// answer it, until the timeout. A member without a leader says so at once.
func (m members) ask(ctx context.Context, request func(context.Context) error) error {
	bound, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), m.timeout)
	defer cancel()
	for n := 0; ; n++ {
		err := attempt(bound, m.timeout/attempts, request)
		switch {
		case err == nil || errors.Is(err, rpctypes.ErrCompacted):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case refused(err) && !passing(err):
			return meaning(err)
		case m.anonymous && errors.Is(err, rpctypes.ErrUserEmpty):
			return fmt.Errorf("%w (%w)", ErrRefused, err)
		}
		if retry.Pause(bound, n) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return meaning(err)
		}
	}
}

func attempt(ctx context.Context, most time.Duration, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return request(ctx)
}

// revision returns one that is no older than any that was acknowledged before the
// call.
func (m members) revision(ctx context.Context, space string) (revision int64, err error) {
	err = m.ask(ctx, func(ctx context.Context) error {
		resp, err := m.client.Get(ctx, space, clientv3.WithCountOnly())
		if err == nil {
			revision = resp.Header.Revision
		}
		return err
	})
	return revision, err
}

// grant makes a lease of so many seconds. One that is made without our hearing of
// it ends by itself.
func (m members) grant(ctx context.Context, seconds int64) (lease clientv3.LeaseID, err error) {
	err = m.ask(ctx, func(ctx context.Context) error {
		resp, err := m.client.Grant(ctx, seconds)
		if err == nil {
			lease = resp.ID
		}
		return err
	})
	return lease, err
}

// code is the class of an error of etcd's client, which has three kinds of them.
func code(err error) codes.Code {
	if e, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return e.Code()
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return status.FromContextError(err).Code()
	}
	return status.Code(err)
}

// refused reports that etcd had not begun what it was asked when it refused. Out
// of space is none of these: that may be said of what was carried out.
func refused(err error) bool {
	before := []codes.Code{codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.NotFound, codes.FailedPrecondition}
	return slices.Contains(before, code(err)) || passing(err)
}

// passing reports that etcd refused for a reason that is over when it is asked
// again: the client has a new token then, or another member is asked.
func passing(err error) bool {
	return slices.ContainsFunc([]error{
		rpctypes.ErrNoLeader, rpctypes.ErrTooManyRequests, rpctypes.Error(rpctypes.ErrGRPCNotSupportedForLearner),
		rpctypes.ErrInvalidAuthToken, rpctypes.ErrAuthOldRevision, rpctypes.ErrUserEmpty,
	}, func(p error) bool { return errors.Is(err, p) })
}

// meaning gives an error of a request that has changed nothing the name that
// callers know.
func meaning(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrTooManyOps), errors.Is(err, rpctypes.ErrRequestTooLarge):
		return fmt.Errorf("%w: etcd takes less than by default, see its --max-txn-ops and --max-request-bytes (%w)", store.ErrTooLarge, err)
	case refused(err) && !passing(err):
		return fmt.Errorf("%w (%w)", ErrRefused, err)
	}
	return fmt.Errorf("%w (%w)", ErrUnavailable, err)
}

// unknown gives an error of a commit that may have been carried out, or may yet be,
// the name that callers know; nil stays nil.
func unknown(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (%w)", store.ErrFailed, err)
}
