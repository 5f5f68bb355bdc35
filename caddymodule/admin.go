package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

func init() { caddy.RegisterModule(adminAPI{}) }

// adminAPI is the gate's part of Caddy's admin endpoint: JSON over HTTP, below
// /sesame/, described in docs/openapi.json. Who reaches the endpoint may do
// everything; Caddy checks Host and Origin before a request comes here.
//
// It holds nothing of a configuration. Caddy makes the routes anew at each load,
// and those of a load that then fails stay in service: only the configuration
// that is active when a request comes may be asked.
type adminAPI struct {
	active func() (*authcore.Gate, *App, error)
}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.sesame", New: func() caddy.Module { return &adminAPI{activeGate} }}
}

// activeGate returns the gate of the active configuration, and that. The reference
// on the store is the configuration's own, not this request's.
func activeGate() (*authcore.Gate, *App, error) {
	v, err := caddy.ActiveContext().AppIfConfigured("sesame")
	app, ok := v.(*App)
	if err != nil || !ok {
		return nil, nil, adminRefusal(http.StatusServiceUnavailable, "this server runs no gate: its configuration has no sesame block")
	}
	g, err := app.gate()
	return g, app, err
}

// adminRoute is one thing that can be asked. serve returns what becomes the
// answer's JSON; nil is an answer without a body, a document one as it is.
type adminRoute struct {
	method, path string
	query        []string // the parameters it takes
	serve        func(*adminCall) (any, error)
}

// adminRoutes are all there are. docs/openapi.json describes each, and a test
// holds the one against the other.
var adminRoutes = []adminRoute{
	{http.MethodGet, "/sesame/users", []string{"limit", "after"}, listUsers},
	{http.MethodPost, "/sesame/users", nil, addUser},
	{http.MethodGet, "/sesame/users/{id}", nil, showUser},
	{http.MethodPost, "/sesame/users/{id}/disable", nil, disableUser},
	{http.MethodPost, "/sesame/users/{id}/enable", nil, enableUser},
	{http.MethodGet, "/sesame/keys", []string{"state", "holder", "stock", "expiring", "limit", "after"}, listKeys},
	{http.MethodPost, "/sesame/keys/import", importParameters, importKeys},
	{http.MethodPost, "/sesame/keys/which", nil, whichKeys},
	{http.MethodGet, "/sesame/keys/{serial}", nil, showKey},
	{http.MethodPost, "/sesame/keys/{serial}/assign", nil, assignKey},
	{http.MethodPost, "/sesame/keys/{serial}/unlock", nil, unlockKey},
	{http.MethodPost, "/sesame/keys/{serial}/clear-pin", nil, clearPIN},
	{http.MethodPost, "/sesame/keys/{serial}/hand-over", nil, handOverKey},
	{http.MethodPost, "/sesame/keys/{serial}/lost", nil, loseKey},
	{http.MethodPost, "/sesame/keys/{serial}/found", nil, findKey},
	{http.MethodPost, "/sesame/keys/{serial}/retire", nil, retireKey},
	{http.MethodPost, "/sesame/keys/{serial}/resync", nil, resyncKey},
	{http.MethodPost, "/sesame/keys/{serial}/emergency", nil, giveEmergency},
	{http.MethodPost, "/sesame/keys/{serial}/activate", nil, activateKey},
	{http.MethodPost, "/sesame/keys/{serial}/require-pin", nil, requirePIN},
	{http.MethodPost, "/sesame/keys/{serial}/replace", nil, replaceKey},
	{http.MethodGet, "/sesame/keys/{serial}/sheet", []string{paramLang}, showSheet},
	{http.MethodGet, "/sesame/sessions", []string{"user", "limit", "after"}, listSessions},
	{http.MethodDelete, "/sesame/sessions/{id}", nil, endSession},
	{http.MethodGet, "/sesame/whois/{id}", nil, showWhois},
	{http.MethodPost, "/sesame/explain", nil, explain},
	{http.MethodPost, "/sesame/users/{id}/delegations", nil, giveDelegation},
	{http.MethodDelete, "/sesame/users/{id}/delegations/{application}", nil, endDelegation},
	{http.MethodGet, "/sesame/audit", auditParameters, listEvents},
	{http.MethodPatch, "/sesame/users/{id}", nil, setUser},
	{http.MethodDelete, "/sesame/users/{id}", []string{"keys"}, removeUser},
	{http.MethodPost, "/sesame/keys/{serial}/return", nil, returnKey},
	{http.MethodPost, "/sesame/users/import", peopleParameters, importPeople},
	{http.MethodGet, "/sesame/audit/verify", nil, verifyAudit},
	{http.MethodPost, "/sesame/audit/purge", nil, purgeAudit},
	{http.MethodGet, "/sesame/users/{id}/export", nil, exportUser},
	{http.MethodPost, "/sesame/users/{id}/erase", nil, eraseUser},
	{http.MethodDelete, "/sesame/users/{id}/passkeys/{passkey}", nil, revokePasskey},
	{http.MethodGet, "/sesame/clock", nil, showClock},
	{http.MethodPost, "/sesame/clock/accept", nil, acceptClock},
	{http.MethodPost, "/sesame/backup", nil, makeBackup},
	{http.MethodPost, "/sesame/backup/check", nil, checkBackup},
	{http.MethodGet, "/sesame/roles", []string{"limit", "after"}, listRoles},
	{http.MethodPut, "/sesame/users/{id}/role", nil, giveRole},
	{http.MethodDelete, "/sesame/users/{id}/role", nil, endRole},
	{http.MethodGet, "/sesame/pending", nil, listPending},
	{http.MethodPost, "/sesame/pending/{pending}/confirm", nil, confirmPending},
	{http.MethodDelete, "/sesame/pending/{pending}", nil, withdrawPending},
	{http.MethodPost, "/sesame/keys/{serial}/send", nil, sendKey},
	{http.MethodPost, "/sesame/keys/{serial}/receive", nil, receiveKey},
	{http.MethodGet, "/sesame/assistance", []string{"establishment", "user", "limit", "after"}, listRequests},
	{http.MethodGet, "/sesame/assistance/{reference}", nil, showRequest},
	{http.MethodDelete, "/sesame/assistance/{reference}", nil, removeRequest},
	{http.MethodGet, "/sesame/assistance/{reference}/screenshots/{number}", nil, showScreenshot},
	{http.MethodGet, "/sesame/stock/{establishment}", nil, showStock},
	{http.MethodGet, "/sesame/doctor", []string{"ntp"}, diagnose},
	{http.MethodPost, "/sesame/copy", nil, copyStore},
}

// Routes returns what is served below /sesame/, one pattern for each path.
func (api adminAPI) Routes() []caddy.AdminRoute {
	byPath := make(map[string]map[string]adminRoute)
	for _, r := range adminRoutes {
		if byPath[r.path] == nil {
			byPath[r.path] = make(map[string]adminRoute)
		}
		byPath[r.path][r.method] = r
	}
	routes := []caddy.AdminRoute{{Pattern: "/sesame/", Handler: caddy.AdminHandlerFunc(noSuchRoute)}}
	for path, methods := range byPath {
		routes = append(routes, caddy.AdminRoute{Pattern: path, Handler: api.methods(methods)})
	}
	return routes
}

// noSuchRoute answers whatever no other route does.
func noSuchRoute(_ http.ResponseWriter, r *http.Request) error {
	return adminRefusal(http.StatusNotFound, "there is nothing at %s", r.URL.Path)
}

// methods answers the requests for one path.
func (api adminAPI) methods(routes map[string]adminRoute) caddy.AdminHandler {
	return caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		route, ok := routes[method]
		if !ok {
			allowed := strings.Join(slices.Sorted(maps.Keys(routes)), ", ")
			w.Header().Set("Allow", allowed)
			return adminRefusal(http.StatusMethodNotAllowed, "%s takes %s only", r.URL.Path, allowed)
		}
		if err := api.serve(route, w, r); err != nil {
			return adminFailure(w, err)
		}
		return nil
	})
}

// adminCall is one request to the admin API.
type adminCall struct {
	*http.Request
	w      http.ResponseWriter
	gate   *authcore.Gate
	app    *App
	by     authcore.Actor
	query  url.Values
	status int // of the answer

	answered bool // serve has sent the answer
}

// serve answers one request. What is wrong with it is found before the gate is
// asked for.
func (api adminAPI) serve(route adminRoute, w http.ResponseWriter, r *http.Request) (err error) {
	c := &adminCall{Request: r, w: w, status: http.StatusOK}
	if c.query, err = readQuery(r, route.query); err != nil {
		return err
	}
	if c.by, err = readActor(r); err != nil {
		return err
	}
	if c.gate, c.app, err = api.active(); err != nil {
		return err
	}
	answer, err := route.serve(c)
	if waits, ok := c.awaits(err); ok {
		answer, err = waits, nil
	}
	if err != nil || c.answered {
		return err
	}
	return c.write(answer)
}

// head sends what comes before the answer's body.
func (c *adminCall) head(contentType string) {
	h := c.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	c.w.WriteHeader(c.status)
}

// write sends the answer.
func (c *adminCall) write(answer any) error {
	if s, ok := answer.(eventStream); ok {
		return c.stream(s)
	}
	if answer == nil {
		c.status = http.StatusNoContent
		c.head("")
		return nil
	}
	if page, ok := answer.(document); ok {
		c.w.Header().Set("Content-Security-Policy", documentCSP)
		c.head("text/html; charset=utf-8")
		_, _ = c.w.Write(page)
		return nil
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	c.head("application/json")
	_, _ = c.w.Write(append(b, '\n')) // a client that has left cannot be told
	return nil
}

// adminRefusal is a request that is wrong, with the sentence that says so.
func adminRefusal(status int, format string, args ...any) error {
	return caddy.APIError{HTTPStatus: status, Err: fmt.Errorf(format, args...)}
}

// adminFailure makes of any error the answer to it. What the caller did not
// cause has a reference, the same in the answer and in the log.
func adminFailure(w http.ResponseWriter, err error) error {
	if refusal, ok := errors.AsType[caddy.APIError](err); ok {
		return refusal
	}
	switch {
	case errors.Is(err, authcore.ErrDelegation), errors.Is(err, authcore.ErrUnknownGroup), errors.Is(err, authcore.ErrUnnamed):
		return adminRefusal(http.StatusBadRequest, "%w", err)
	case errors.Is(err, authcore.ErrNotFound):
		return adminRefusal(http.StatusNotFound, "%w", err)
	case errors.Is(err, authcore.ErrExists), errors.Is(err, authcore.ErrSeedExists),
		errors.Is(err, authcore.ErrImporting), errors.Is(err, authcore.ErrAssigned), errors.Is(err, authcore.ErrState), errors.Is(err, authcore.ErrTooManyKeys), errors.Is(err, authcore.ErrTooManyDelegations),
		errors.Is(err, authcore.ErrOwnPending):
		return adminRefusal(http.StatusConflict, "%w", err)
	}
	reference := authcore.NewReference()
	w.Header().Set("Sesame-Reference", string(reference))
	return adminRefusal(http.StatusServiceUnavailable, "the gate cannot do this now: %w (reference %s)", err, reference)
}

// Interface guards.
var _ caddy.AdminRouter = (*adminAPI)(nil)
