package authcore

import (
	"context"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Requests returns the newest requests for assistance of the clerk's scope, at most
// limit of them, as Gate.Requests does; somebody who was not logged in may have typed
// any establishment. Errors: *BarredError, the store's.
func (c Clerk) Requests(ctx context.Context, limit int) ([]Request, error) {
	var o Office
	err := c.gate.shared.store.View(ctx, func(r store.Reader) (err error) {
		o, err = c.officeIn(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	scope := c.gate.Scope(o)
	if o.Role == RoleReferent && len(scope) == 0 {
		return nil, nil // no establishment is not all of them
	}
	return c.gate.Requests(ctx, RequestQuery{Establishments: scope}, "", limit)
}
