package authcore

import (
	"context"
	"errors"

	"github.com/sesame-gateway/sesame/authcore/screenshot"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// Requests returns requests for assistance of the clerk's scope, the newest first: at
// most limit of them behind the one of the reference after, "" being the newest on, as
// Gate.Requests does; somebody who was not logged in may have typed any establishment.
// Errors: *BarredError, the store's.
func (c Clerk) Requests(ctx context.Context, after Reference, limit int) ([]Request, error) {
	var o Office
	err := c.gate.shared.store.View(ctx, func(r store.Reader) (err error) {
		if o, err = c.officeIn(r); err == nil && after != "" {
			_, err = c.requestIn(r, after)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	scope := c.gate.Scope(o)
	if o.Role == RoleReferent && len(scope) == 0 {
		return nil, nil // no establishment is not all of them
	}
	return c.gate.Requests(ctx, RequestQuery{Establishments: scope}, after, limit)
}

// Request returns one of those requests with its description, and the account of who
// was logged in: zero where that was nobody, and where it is nobody whom the clerk may
// see, or any more. One that does not exist is out of the scope. Errors: *BarredError,
// the store's.
func (c Clerk) Request(ctx context.Context, ref Reference) (r Request, sender Account, err error) {
	err = c.gate.shared.store.View(ctx, func(from store.Reader) error {
		r, sender = Request{}, Account{}
		rec, err := c.requestIn(from, ref)
		if err != nil {
			return err
		}
		if r, err = c.gate.described(from, rec); err != nil || rec.Holder == "" {
			return err
		}
		a, err := c.gate.looksAt(from, c.session, rec.Holder, c.gate.now())
		if _, barred := errors.AsType[*BarredError](err); barred {
			return nil
		}
		sender = a
		return err
	})
	return r, sender, err
}

// Screenshot returns a screenshot of one of those requests; the first is 1, and one
// that does not exist is out of the scope. Errors: *BarredError, the store's.
func (c Clerk) Screenshot(ctx context.Context, ref Reference, n int) (image screenshot.Image, err error) {
	err = c.gate.shared.store.View(ctx, func(from store.Reader) error {
		rec, err := c.requestIn(from, ref)
		if err != nil {
			return err
		}
		image, err = c.gate.screenshotOf(from, rec, n)
		if errors.Is(err, ErrNotFound) {
			err = &BarredError{BarScope}
		}
		return err
	})
	return image, err
}

// requestIn reads the record of a request that the clerk may see.
func (c Clerk) requestIn(from getter, ref Reference) (requestRecord, error) {
	rec, err := c.gate.requestAt(from, ref)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return rec, err
	}
	missing := err != nil
	err = c.gate.judge(from, c.session, DeedLook, Subject{Establishments: []string{rec.UAI}}, c.gate.now())
	if err == nil && missing {
		err = &BarredError{BarScope}
	}
	return rec, err
}
