package authcore

import (
	"context"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Events returns the entries of the audit trail that keep wants, the oldest
// first.
func (g *Gate) Events(ctx context.Context, keep func(Event) bool) ([]Event, error) {
	var all []Event
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		all, err = collect(g.secrets(), r, auditPrefix, func(e Event) (bool, error) { return keep(e), nil })
		return err
	})
	return all, err
}
