package caddymodule

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/sesame-gateway/sesame/authcore"
)

func init() { caddy.RegisterModule(new(App)) }

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "sesame", New: func() caddy.Module { return new(App) }}
}

// Provision checks the configuration. It opens nothing and makes no file: Caddy
// provisions what it only validates, and what it then refuses, while the running
// server holds the store.
func (a *App) Provision(ctx caddy.Context) (err error) {
	a.log = ctx.Slogger()
	if a.settings, err = a.check(); err != nil {
		return err
	}
	if a.pages, err = newPageMaker(a.settings); err != nil {
		return err
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	for _, t := range a.sites {
		if len(t.requirement.Allow) == 0 {
			ctx.Logger().Warn("this application has no allow line: it opens to nobody", zap.String("application", t.id))
		}
	}
	return nil
}

// Start opens the store, or takes it over from the configuration before, and
// begins to remove what the audit trail need not keep any longer, and to keep
// the time.
func (a *App) Start() error {
	g, err := a.gate()
	if err != nil {
		return fmt.Errorf("opening the gate: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.retention.cancel = cancel
	a.retention.running.Go(func() {
		every(ctx, 24*time.Hour, func() { expire(ctx, g, a.log) })
	})
	a.retention.running.Go(func() {
		every(ctx, time.Minute, func() { a.minute(ctx, g) })
	})
	return nil
}

// minute is what is done each minute, whether anybody comes or not.
func (a *App) minute(ctx context.Context, g *authcore.Gate) {
	keepClock(ctx, g, a.log)
	a.life.store.keepAnchor()
}

// Stop ends both. Requests that are being answered still need the store.
func (a *App) Stop() error {
	if a.retention.cancel != nil {
		a.retention.cancel()
		a.retention.running.Wait()
	}
	return nil
}

// Cleanup gives the store back. Caddy calls it after a failed Provision too.
func (a *App) Cleanup() error { return a.life.end() }

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
