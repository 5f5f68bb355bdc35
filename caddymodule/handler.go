package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/ui"
)

func init() { caddy.RegisterModule(new(Handler)) }

// now is the clock. Tests put theirs here before they start a server.
var now = time.Now

// Handler is the gate before one host: before an application it lets through
// who may open it and says to the application who that is; for the portal it
// answers every request itself.
//
// It sets the placeholders {http.auth.user.id}, .name, .given_name, .surname,
// .email, .groups, .functions, .establishment, .method, .fredu_rne, .fredu_rne_resp,
// .fredu_res_del, .fredu_gest_resp, .fredu_fonct_adm, .fredu_url_retour and
// .codaca, and of staff data .title, .grade, .discipline, .fonctm, .typensi,
// .employee_number, .datenaissance, .civilite and .codecivilite. Several values
// of one are separated by commas.
//
// It does not stand before the routes of handle_errors, which Caddy runs as a
// chain of their own, nor before handlers that run earlier, such as redir,
// rewrite and header.
type Handler struct {
	// The ID of an application in the configuration of the app sesame, or portal.
	Name string `json:"name,omitempty"`

	app  *App
	site *site
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.sesame", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds what the handler's name stands for.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("sesame")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return errors.New("the directive sesame needs the global option sesame { … }, which names the portal and the applications")
	}
	if err != nil {
		return err
	}
	h.app = app.(*App)
	if h.site = h.app.byID[h.Name]; h.site == nil {
		return fmt.Errorf("sesame %s: there is no such application; the global option sesame has %s",
			h.Name, strings.Join(slices.Sorted(maps.Keys(h.app.byID)), ", "))
	}
	return nil
}

// exchange is one request on its way through the gate.
type exchange struct {
	*Handler
	w       http.ResponseWriter
	r       *http.Request
	cookies []string // the lines of the Cookie header, as they came
	gate    *authcore.Gate
	holder  authcore.Identifier // who it is, once known
	who     *authcore.Account   // the same, for the page
	whom    []ui.Referents      // whom they may turn to, where the page says so
}

// ServeHTTP lets a request through to next, or answers it. Whatever is wrong, it
// is answered: nothing reaches next by a fault.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	x := &exchange{Handler: h, w: w, r: r, cookies: r.Header["Cookie"]}
	h.app.names.scrub(r)
	if !h.site.origin.hasHost(r.Host) {
		return x.refuse(misdirected, nil)
	}
	if strings.HasPrefix(r.URL.Path, ui.StaticPrefix) {
		return x.static()
	}
	var err error
	if x.gate, err = h.app.gate(); err != nil && !x.isForHelp() {
		return x.withoutStore(err, next)
	}
	if h.site.isPortal() || reserved(r.URL.Path) {
		return x.own()
	}
	return x.guard(next)
}

// withoutStore answers while nobody can be told from anybody: what is open to all
// goes on, with nobody's name, and nothing else does.
func (x *exchange) withoutStore(cause error, next caddyhttp.Handler) error {
	if x.site.isPortal() || reserved(x.r.URL.Path) || !x.site.public.match(x.r) {
		return x.refuse(unavailable, cause)
	}
	return x.on(next)
}

// guard lets through who may open the application, and whoever asks for a
// public path.
func (x *exchange) guard(next caddyhttp.Handler) error {
	address, again := x.sentAgain()
	if again && isPageLoad(x.r) {
		return x.redirect(address)
	}
	public := x.site.public.match(x.r)
	st, err := x.standing(!public && x.site.isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession) && public:
		return x.on(next)
	case errors.Is(err, authcore.ErrNoSession) && isPageLoad(x.r):
		return x.toLogin()
	case errors.Is(err, authcore.ErrNoSession):
		return x.late(nil)
	case err != nil:
		return x.withoutStore(err, next)
	}
	x.is(&st.Account)
	what, ok := x.access()
	if !ok {
		return x.refuse(badRequest, errOddPath)
	}
	ruling := x.site.requirement.Decide(st.Session, st.Account, what, x.gate.Now())
	switch {
	case ruling.Decision == authcore.Allow && again:
		return x.sendAgain(st.Session, address, func() error { return x.pass(st, what, next) })
	case ruling.Decision == authcore.Allow:
		return x.pass(st, what, next)
	case public:
		return x.on(next)
	case ruling.Decision == authcore.StepUp && isPageLoad(x.r):
		return x.toLogin()
	case ruling.Decision == authcore.StepUp:
		return x.late(&st.Session)
	case ruling.Why == authcore.WrongNetwork:
		return x.refuse(wrongNetwork, nil)
	}
	x.referTo()
	return x.refuse(forbidden, nil)
}

var errOddPath = errors.New("a path that long, which servers may read in several ways, is not looked at")

// pass hands the request on with the person's identity.
func (x *exchange) pass(st *authcore.Standing, what authcore.Access, next caddyhttp.Handler) error {
	if err := x.identify(st); err != nil {
		return x.refuse(untold, err)
	}
	w, r := x.app.streams.watch(x.w, x.r, func() bool { return x.mayGoOn(what) })
	defer w.end()
	answer, finish := x.injected(w, r)
	x.w, x.r = answer, r
	if err := x.on(next); err != nil {
		return err
	}
	finish()
	return nil
}

// on hands the request on, and says that it came by here.
func (x *exchange) on(next caddyhttp.Handler) error {
	x.site.headers.secret.set(x.r.Header)
	return next.ServeHTTP(x.w, x.r)
}

// mayGoOn tells whether a request that stays open still may: its session lives,
// and the right to it has not ended. A code that is no longer fresh ends nothing
// that has begun, and a store that does not answer now cuts nobody off.
func (x *exchange) mayGoOn(what authcore.Access) bool {
	ctx, cancel := context.WithTimeout(context.Background(), streamPeriod)
	defer cancel()
	st, err := x.gate.Standing(ctx, authcore.Token(x.cookie(sessionCookie)), x.site.sessionHost(), false)
	over := errors.Is(err, authcore.ErrNoSession) || errors.Is(err, store.ErrClosed) || errors.Is(err, authcore.ErrMoved) ||
		err == nil && x.site.requirement.Decide(st.Session, st.Account, what, x.gate.Now()).Decision == authcore.Deny
	if over {
		x.app.log.Info("an open connection is cut: it is no longer allowed", "site", x.site.id, "holder", string(x.holder))
	}
	return !over
}

// is remembers who asks.
func (x *exchange) is(a *authcore.Account) { x.holder, x.who = a.Identifier, a }

// standing returns what this host's cookie opens. An active use keeps the session
// from running out unused.
func (x *exchange) standing(active bool) (*authcore.Standing, error) {
	token := x.cookie(sessionCookie)
	if token == "" {
		return nil, authcore.ErrNoSession
	}
	return x.gate.Standing(x.r.Context(), authcore.Token(token), x.site.sessionHost(), active)
}

// session returns the session of this host's cookie and its account, for our own
// pages.
func (x *exchange) session(active bool) (authcore.Session, authcore.Account, error) {
	st, err := x.standing(active)
	if err != nil {
		return authcore.Session{}, authcore.Account{}, err
	}
	return st.Session, st.Account, nil
}

// sessionHost is the host under which authcore knows a site's sessions; "" is
// the portal.
func (s *site) sessionHost() string {
	if s.isPortal() {
		return ""
	}
	return s.origin.host
}

// cookie returns what the browser sent of a cookie, or "".
func (x *exchange) cookie(k cookieKind) string {
	return readCookie(x.cookies, x.site.origin.cookieName(k))
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
