package caddymodule

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// client is the client's address as Caddy's trusted_proxies make it: what failures are
// counted by, and what the audit trail tells.
func (x *exchange) client() netip.Addr {
	text, _ := caddyhttp.GetVar(x.r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return address
}

// network is where the client is for a rule about networks. It is nowhere, and such a
// rule fits nobody, where the client may have named the address itself.
func (x *exchange) network() netip.Addr {
	if !ownWord(x.r) {
		return x.client()
	}
	x.app.ownWord.Do(func() {
		x.app.log.Warn("clients can say themselves where they are: a request came through a trusted proxy with several addresses, and Caddy believes the first, which is whatever the client wrote. " +
			"Rules about networks fit nobody on such requests, and delays meet the wrong network. Put trusted_proxies_strict beside trusted_proxies")
	})
	return netip.Addr{}
}

// ownWord reports that a client may have chosen its address. A proxy puts the address
// that it sees behind those that the request came with; Caddy believes the first of
// them all unless trusted_proxies_strict has it look from the end.
func ownWord(r *http.Request) bool {
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		return false
	}
	server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server == nil || server.TrustedProxiesStrict > 0 {
		return false
	}
	addresses := 0
	for _, name := range server.ClientIPHeaders {
		for _, line := range r.Header.Values(name) {
			addresses += 1 + strings.Count(line, ",")
		}
	}
	return addresses > 1
}
