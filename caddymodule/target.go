package caddymodule

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/sesame-gateway/sesame/ui"
)

// maxTarget bounds an address to return to, in bytes. It travels in a query and
// in a form; a longer one is a page that nobody types or bookmarks.
const maxTarget = 2048

// origins are the origins that may be redirected to.
type origins map[origin]*site

// target reads an address to return to, from wherever it came. It gives the
// site it belongs to and the address rebuilt from its parts, or nil when it does
// not belong to exactly one of ours: then there is nothing in it to trust.
//
// The parser that matters is the browser's (the WHATWG URL standard), which
// forgives what RFC 3986 does not: backslashes, control characters, missing
// slashes. So nothing is taken but visible ASCII without backslash, quote and
// angle brackets, and what is sent back begins with an origin out of the
// configuration. The fragment is cut off at the first "#", as browsers do in
// every part of an address, and put back as it was. Of our own paths few are gone to.
func (o origins) target(s string) (*site, string) {
	if len(s) > maxTarget || !plainASCII(s) || strings.ContainsAny(s, "\\\"<>") {
		return nil, ""
	}
	s, fragment, _ := strings.Cut(s, "#")
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" || !strings.Contains(s, "://") {
		return nil, ""
	}
	from, err := originOf(u)
	if err != nil {
		return nil, ""
	}
	to, ok := o[from]
	if !ok || u.Path != "" && u.Path[0] != '/' || reserved(u.Path) && !to.returnable(u.EscapedPath()) {
		return nil, ""
	}
	address := from.String() + cmp.Or(u.EscapedPath(), "/")
	if u.RawQuery != "" {
		address += "?" + u.RawQuery
	}
	if fragment != "" {
		address += "#" + fragment
	}
	return to, address
}

// returnable tells whether a path of ours is one to come back to behind a login:
// where a kept form is offered, and on the portal what a person does with their
// account.
func (s *site) returnable(path string) bool {
	if s.isPortal() {
		return path == ui.PathPasskeys || path == ui.PathPasskeyAdd || path == ui.PathPasskeyRemove ||
			path == ui.PathAccount || path == ui.PathAccountPIN || path == ui.PathAccountLost
	}
	return path == ui.PathKept
}
