package caddymodule

import (
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

func init() { caddy.RegisterModule(adminAPI{}) }

// adminAPI is the gate's part of Caddy's admin endpoint: JSON over HTTP, below
// /sesame/, described in docs/openapi.json. Who reaches the endpoint may do
// everything; Caddy checks Host and Origin before a request comes here.
//
// It holds nothing of a configuration. Caddy makes the routes anew at each load,
// and those of a load that then fails stay in service: only the configuration
// that is active when a request comes may be asked.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.sesame", New: func() caddy.Module { return adminAPI{} }}
}

// Routes returns what is served below /sesame/.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/sesame/", Handler: caddy.AdminHandlerFunc(noSuchRoute)}}
}

// noSuchRoute answers whatever no other route does.
func noSuchRoute(_ http.ResponseWriter, r *http.Request) error {
	return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("there is nothing at %s: docs/openapi.json lists what there is", r.URL.Path)}
}

// Interface guards.
var _ caddy.AdminRouter = adminAPI{}
