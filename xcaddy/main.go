// Command xcaddy is Caddy with Sésame in it.
//
// There are three ways to build it:
//
//	go run ./xcaddy sesame demo          # nothing to install but Go
//	go build -o caddy ./xcaddy           # the same, to keep
//	xcaddy build --with github.com/sesame-gateway/sesame/caddymodule
//
// The last one needs xcaddy (github.com/caddyserver/xcaddy) and is the way to
// add other plugins; from a clone of this repository, say where the clone is:
//
//	xcaddy build --with github.com/sesame-gateway/sesame/caddymodule \
//		--replace github.com/sesame-gateway/sesame=$PWD
//
// What comes out is an ordinary Caddy: caddy run, caddy validate, caddy reload,
// and caddy sesame.
package main

import (
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/sesame-gateway/sesame/caddymodule"
)

func main() { caddycmd.Main() }
