package caddymodule

import (
	"net/http"
	"net/url"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// lacks says why somebody who is logged in must log in anew for the page they
// want to open: their last code is too old for it, or it takes a passkey. 0 is that
// they need not. The new session takes the place of the old one, under another name.
func (x *exchange) lacks(s authcore.Session, a authcore.Account, target string) authcore.Why {
	to, address := x.app.origins.target(target)
	if to == nil {
		return 0
	}
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	path, method := u.EscapedPath(), http.MethodGet
	if to.isPortal() {
		return x.ownLacks(s, path)
	}
	if path == ui.PathKept { // to send a form there again
		path, method = u.Query().Get(paramPage), http.MethodPost
	}
	what := authcore.Access{Address: x.network(), Paths: pathReadings(path), Methods: []string{method}}
	if r := to.requirement.Decide(s, a, what, x.gate.Now()); r.Decision == authcore.StepUp {
		return r.Why
	}
	return 0
}

// ownLacks is lacks for the portal's own pages.
func (x *exchange) ownLacks(s authcore.Session, path string) authcore.Why {
	fresh := true
	switch {
	case path == ui.PathPasskeyAdd:
		fresh = s.RecentCode(x.gate.Now())
	case path == ui.PathPasskeyRemove, path == ui.PathAccountLost, actPaths[path]:
		fresh = s.Recent(x.gate.Now())
	}
	if !fresh {
		return authcore.CodeTooOld
	}
	return 0
}
