// Package caddymodule is Sésame's face to the world: a gate in Caddy before
// applications that cannot authenticate anybody themselves.
//
// It holds everything that knows HTTP, and nothing that knows how a login is
// judged: that is authcore's. One request takes this road, one file a step:
//
//	handler.go    what this host is: the portal or an application
//	headers.go    every client header with a name of ours is removed
//	stripcookies.go  our cookies never reach an application
//	kind.go       a page load is redirected, anything else gets 401
//	kept.go       a form whose session has ended is kept for its holder
//	target.go     only configured origins are ever redirected to
//	identity.go   who it is, as request headers and placeholders
//	streams.go    what stays open is cut when the session ends
//
// A request that was not let through never reaches a later handler.
package caddymodule
