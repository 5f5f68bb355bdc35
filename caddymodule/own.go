package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// The gate's own paths that are no pages of ui.
const (
	pathHealth = ownPrefix + "health"
)

// route is what one path of ours does. A method without a function is refused.
type route struct {
	get, post func(*exchange) error
}

// portalRoutes are all paths of the portal, siteRoutes those of an application's
// host that never reach the application.
var portalRoutes, siteRoutes map[string]route

func init() {
	portalRoutes = map[string]route{
		ui.PathPortal:     {get: (*exchange).showPortal},
		ui.PathLogout:     {get: (*exchange).showLogout, post: (*exchange).takeLogout},
		ui.PathAssistance: {get: (*exchange).showAssistance, post: (*exchange).takeAssistance},
		ui.PathAccount:    {get: (*exchange).showAccount, post: (*exchange).takeAccount},
		pathHealth:        {get: (*exchange).showHealth},
		pathKeys:          {get: (*exchange).showKeys},

		ui.PathSession:       {get: (*exchange).showSession, post: (*exchange).takeSession},
		ui.PathSessionScript: {get: (*exchange).showScript},

		ui.PathAccountPIN:      {get: (*exchange).showAccountPIN, post: (*exchange).takeAccountPIN},
		ui.PathAccountLost:     {get: (*exchange).showAccountLost, post: (*exchange).takeAccountLost},
		ui.PathAccountLanguage: {post: (*exchange).takeAccountLanguage},

		ui.PathPasskeys:            {get: (*exchange).showPasskeys},
		ui.PathPasskeyAdd:          {get: (*exchange).showPasskeyAdd, post: (*exchange).takePasskeyAdd},
		ui.PathPasskeyRename:       {get: (*exchange).showPasskeyRename, post: (*exchange).takePasskeyRename},
		ui.PathPasskeyRemove:       {get: (*exchange).showPasskeyRemove, post: (*exchange).takePasskeyRemove},
		ui.PathPasskeyLoginOptions: {post: (*exchange).beginPasskeyLogin},
		ui.PathPasskeyLogin:        {post: (*exchange).endPasskeyLogin},
		ui.PathPasskeyNewOptions:   {post: (*exchange).beginPasskey},
		ui.PathPasskeyNew:          {post: (*exchange).endPasskey},
	}
	maps.Copy(portalRoutes, consoleRoutes())
	for _, s := range steps {
		portalRoutes[s.path] = route{
			get:  func(x *exchange) error { return x.showStep(s) },
			post: func(x *exchange) error { return x.takeStep(s) },
		}
	}
	siteRoutes = map[string]route{
		pathTicket:           {get: (*exchange).takeTicket},
		ui.PathKept:          {get: (*exchange).showKept, post: (*exchange).dropKept},
		ui.PathLogout:        {get: (*exchange).showLogout, post: (*exchange).takeLogout},
		ui.PathSession:       {get: (*exchange).showSession, post: (*exchange).takeSession},
		ui.PathSessionScript: {get: (*exchange).showScript},
		pathHealth:           {get: (*exchange).showHealth},
	}
}

// own answers a request for one of our paths, spelled exactly; others do not
// exist.
func (x *exchange) own() error {
	routes := siteRoutes
	if x.site.isPortal() {
		routes = portalRoutes
	}
	to, ok := routes[x.r.URL.Path]
	if !ok || x.r.URL.RawPath != "" {
		return x.refuse(notFound, nil)
	}
	do, allow := to.post, "GET, HEAD, POST"
	switch {
	case to.post == nil:
		allow = "GET, HEAD"
	case to.get == nil:
		allow = "POST"
	}
	switch x.r.Method {
	case http.MethodGet, http.MethodHead:
		do = to.get
	case http.MethodPost:
	default:
		do = nil
	}
	if do == nil {
		x.w.Header().Set("Allow", allow)
		return x.refuse(wrongMethod, nil)
	}
	return do(x)
}

// static serves the files of the pages. Their names change with their content.
func (x *exchange) static() error {
	name := strings.TrimPrefix(x.r.URL.Path, ui.StaticPrefix)
	f, err := ui.Static().Open(name)
	if err != nil {
		return x.refuse(notFound, nil)
	}
	f.Close()
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		x.w.Header().Set("Allow", "GET, HEAD")
		return x.refuse(wrongMethod, nil)
	}
	x.protect(bareCSP)
	h := x.w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Del("Vary")
	http.ServeFileFS(x.w, x.r, ui.Static(), name)
	return nil
}

// frame is what this answer's page has in common with all others.
func (x *exchange) frame() ui.Frame {
	f := ui.Frame{Lang: x.lang(), Contact: x.app.contact, Referents: x.whom, Demo: x.app.Demo}
	if x.who != nil {
		f.Person = x.who.Name()
	}
	if !x.site.isPortal() {
		f.PortalURL = x.app.portal.origin.String()
	}
	return f
}

// lang is the language of the answer: the person's choice, or the browser's. A
// choice made just now is kept in a cookie.
func (x *exchange) lang() ui.Lang {
	chosen := x.query(paramLang)
	if chosen == "" {
		chosen = x.cookie(langCookie)
	}
	return ui.Negotiate(chosen, strings.Join(x.r.Header.Values("Accept-Language"), ","))
}

const paramLang = "lang"

// keepLang keeps a language that the person has just chosen.
func (x *exchange) keepLang() {
	if x.query(paramLang) != "" {
		x.site.origin.setCookie(x.w.Header(), langCookie, x.lang().String())
	}
}

// switchHref is the address of a page in the other language.
func (x *exchange) switchHref(path string, more ...string) string {
	query := paramLang + "=" + x.lang().Other().String()
	return path + "?" + strings.Join(append([]string{query}, more...), "&")
}

// showPortal lists what the person may open.
func (x *exchange) showPortal() error {
	s, a, err := x.session(isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession) && isPageLoad(x.r):
		return x.redirect(x.site.origin.String() + ui.PathLogin)
	case errors.Is(err, authcore.ErrNoSession):
		return x.loginRequired()
	case err != nil:
		return x.refuse(unavailable, err)
	}
	x.is(&a)
	x.keepLang()
	var p ui.Portal
	for _, t := range x.app.sites {
		if t.requirement.Decide(s, a, authcore.Access{Address: x.network()}, x.gate.Now()).Decision != authcore.Deny {
			p.Applications = append(p.Applications, ui.Application{Name: t.name, Description: t.description, URL: t.origin.String() + "/"})
		}
	}
	switch x.query(paramNews) {
	case newsInService:
		p.Notice = ui.NoticeKeyInService
	case newsPINChanged:
		p.Notice = ui.NoticePINChanged
	}
	p.Console = !a.Office.IsZero()
	if len(p.Applications) == 0 {
		x.referTo()
	}
	f := x.frame()
	f.SwitchHref = x.switchHref(ui.PathPortal)
	return x.page(http.StatusOK, f, p)
}

// referTo has the page name the referents of a person's establishments. Where they
// cannot be read the page says less, and is shown.
func (x *exchange) referTo() {
	all, err := x.gate.ReferentsOf(x.r.Context(), *x.who)
	if err != nil {
		x.app.log.LogAttrs(x.r.Context(), slog.LevelWarn, "the referents of a person could not be read", slog.String("holder", string(x.holder)), slog.Any("error", err))
	}
	for _, e := range all {
		whom := ui.Referents{Establishment: e.Establishment}
		for _, p := range e.Referents {
			whom.People = append(whom.People, ui.Colleague{Name: p.Name(), Email: p.Email})
		}
		x.whom = append(x.whom, whom)
	}
}

// The portal is told in its address that a key has just been put into service, or
// that its PIN is another now.
const (
	paramNews      = "news"
	newsInService  = "in-service"
	newsPINChanged = "pin-changed"
)

// showLogout asks whether to log out. Who is not logged in is shown the login.
func (x *exchange) showLogout() error {
	s, a, err := x.session(false)
	if errors.Is(err, authcore.ErrNoSession) {
		return x.redirect(x.app.portal.origin.String() + ui.PathLogin)
	}
	if err != nil {
		return x.refuse(unavailable, err)
	}
	x.is(&a)
	x.keepLang()
	f := x.frame()
	f.SwitchHref = x.switchHref(ui.PathLogout)
	if f.CSRF, err = x.gate.FormToken(string(s.ID)); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.page(http.StatusOK, f, ui.Logout{})
}

// takeLogout ends the session everywhere: here, on the portal, and on every host
// that it was handed to.
func (x *exchange) takeLogout() error {
	f, p, cause := x.form()
	if p != nil {
		return x.refuse(*p, cause)
	}
	s, _, err := x.session(false)
	if err == nil {
		if !x.genuine(f, string(s.ID)) {
			return x.refuse(expired, nil)
		}
		err = x.gate.End(x.r.Context(), s, x.source())
	}
	if err != nil && !errors.Is(err, authcore.ErrNoSession) {
		return x.refuse(unavailable, err)
	}
	h := x.w.Header()
	x.site.origin.clearCookie(h, sessionCookie)
	x.site.origin.clearCookie(h, loginCookie)
	x.site.origin.clearCookie(h, visitCookie)
	h.Set("Clear-Site-Data", `"cookies", "storage"`)
	return x.page(http.StatusOK, x.frame(), ui.LoggedOut{})
}

// healthTimeout bounds how long a load balancer waits for an answer.
const healthTimeout = 3 * time.Second

// showHealth says whether the store answers, and nothing else.
func (x *exchange) showHealth() error {
	ctx, cancel := context.WithTimeout(x.r.Context(), healthTimeout)
	defer cancel()
	status := http.StatusOK
	if err := x.gate.Health(ctx); err != nil {
		status = http.StatusServiceUnavailable
	}
	x.protect(bareCSP)
	x.w.WriteHeader(status)
	return nil
}
