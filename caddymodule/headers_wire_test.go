package caddymodule

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// scrubOnly is the scrubber as a handler, with one header set behind it: what
// an application gets must not depend on the rest of the gate.
type scrubOnly struct{}

func (scrubOnly) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.scrub_only", New: func() caddy.Module { return scrubOnly{} }}
}

func (scrubOnly) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	newNameSet(extraName).scrub(r)
	r.Header.Set("Remote-User", "alice")
	return next.ServeHTTP(w, r)
}

func init() { caddy.RegisterModule(scrubOnly{}) }

// runScrubber runs a Caddy that scrubs and proxies to upstream, over HTTP/1.1
// or h2c on both sides, keeps names with "_" and "." where asked, and returns
// its address.
func runScrubber(t *testing.T, upstream, version, expected string) string {
	t.Helper()
	address := porttest.Address(t, "127.0.0.1")
	runCaddy(t, fmt.Sprintf(`{
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}},
		"apps": {"http": {"servers": {"s": {
			"listen": [%q], "protocols": ["h1", "h2c"],
			%s
			"routes": [{"handle": [
				{"handler": "scrub_only"},
				{"handler": "reverse_proxy", "upstreams": [{"dial": %q}], "transport": {"protocol": "http", "versions": [%q]}}
			]}]
		}}}}}`, address, expected, upstream, version))
	return address
}

// allowAliases makes Caddy keep names that it drops by itself, so that the
// scrubber is alone with them.
func allowAliases() string {
	var under, dots []string
	for _, name := range everyManagedName {
		if strings.Contains(name, "-") {
			under = append(under, fmt.Sprintf("%q", strings.ReplaceAll(name, "-", "_")))
			dots = append(dots, fmt.Sprintf("%q", strings.ReplaceAll(name, "-", ".")))
		}
	}
	return fmt.Sprintf(`"expected_underscore_headers": [%s], "expected_dot_headers": [%s],`,
		strings.Join(under, ","), strings.Join(dots, ","))
}

// checkForged asserts that one request arrived, with our one header, once.
func checkForged(t *testing.T, e *echo, what string) wireRequest {
	t.Helper()
	got := e.take()
	if len(got) != 1 {
		t.Fatalf("%s: the upstream got %d requests, want 1", what, len(got))
	}
	if diff := cmp.Diff([]string{"Remote-User: alice"}, got[0].managed()); diff != "" {
		t.Errorf("%s: managed names at the upstream (-want +got):\n%s", what, diff)
	}
	return got[0]
}

func TestNoManagedNameArrivesOverHTTP1(t *testing.T) {
	e := startEcho(t)
	address := runScrubber(t, e.Address, "1.1", allowAliases())
	const head = "Host: app\r\nX-Plain: kept\r\n"
	for _, name := range everyManagedName {
		for _, s := range spellings(name) {
			long := "X-Long: " + strings.Repeat("y", 3000) + "\r\n"
			requests := map[string]string{
				"header":     fmt.Sprintf("GET / HTTP/1.1\r\n%s%s: admin\r\n\r\n", head, s),
				"two lines":  fmt.Sprintf("GET / HTTP/1.1\r\n%s: a\r\n%s%s%s: b\r\n\r\n", s, head, long, s),
				"connection": fmt.Sprintf("GET / HTTP/1.1\r\n%sConnection: close, %s\r\nConnection: Remote-User,remote-user\r\n\r\n", head, s),
				"announced trailer": fmt.Sprintf("POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\nTrailer: X-Sum, %s\r\n\r\n3\r\nabc\r\n0\r\n%s: admin\r\nX-Sum: 1\r\n\r\n",
					head, s, s),
				"unannounced trailer":  fmt.Sprintf("POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n%s: admin\r\n\r\n", head, s),
				"another is announced": fmt.Sprintf("POST / HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\n%s: admin\r\n\r\n", head, s),
			}
			for what, request := range requests {
				what += " " + s
				if status := sendRaw(t, address, request); status != "200 OK" {
					t.Fatalf("%s: %s", what, status)
				}
				got := checkForged(t, e, what)
				if len(got.Trailers) > 0 || len(got.values("Trailer")) > 0 {
					t.Errorf("%s: trailers at the upstream: %v", what, got)
				}
				if diff := cmp.Diff([]string{"kept"}, got.values("X-Plain")); diff != "" {
					t.Errorf("%s: a header that is not ours is gone", what)
				}
				if strings.HasPrefix(request, "POST") && got.Body != "abc" {
					t.Errorf("%s: the body arrived as %q", what, got.Body)
				}
			}
		}
	}
}

func TestOwnCookiesDoNotArrive(t *testing.T) {
	e := startEcho(t)
	address := runScrubber(t, e.Address, "1.1", "")
	status := sendRaw(t, address, "GET / HTTP/1.1\r\nHost: app\r\nCookie: a=1; __Host-sesame=t; b=2; __Host-sesame=dup\r\n"+
		"Cookie: __host-Sesame=t\r\nCookie: $Version=1; \"__Host-sesame-login\"=t; $Path=/; c=3\r\n\r\n")
	if status != "200 OK" {
		t.Fatal(status)
	}
	got := checkForged(t, e, "cookies")
	if diff := cmp.Diff([]string{"a=1; b=2", "$Version=1; c=3"}, got.values("Cookie")); diff != "" {
		t.Errorf("cookies at the upstream (-want +got):\n%s", diff)
	}
}

// startH2Echo is an upstream that speaks HTTP/2 without TLS, and reports each
// request, its trailers included, once the body has ended.
func startH2Echo(t *testing.T) (address string, got chan *http.Request) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got = make(chan *http.Request, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for buf := make([]byte, 512); ; {
			if _, err := r.Body.Read(buf); err != nil {
				break
			}
		}
		got <- r
	}), Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() { srv.Close() })
	go srv.Serve(ln)
	return ln.Addr().String(), got
}

func TestNoManagedNameArrivesOverHTTP2(t *testing.T) {
	upstream, got := startH2Echo(t)
	address := runScrubber(t, upstream, "h2c", allowAliases())
	base := [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "app"}, {"x-plain", "kept"}}
	with := func(more ...[2]string) [][2]string { return append(append([][2]string(nil), base...), more...) }
	for _, name := range everyManagedName {
		for _, s := range spellings(name) {
			s = strings.ToLower(s)
			requests := map[string]struct{ header, trailers [][2]string }{
				"header":              {with([2]string{s, "admin"}, [2]string{s, "again"}), nil},
				"announced trailer":   {with([2]string{"trailer", s}), [][2]string{{s, "admin"}}},
				"unannounced trailer": {base, [][2]string{{s, "admin"}}},
			}
			for what, r := range requests {
				what += " " + s
				if status := sendH2(t, address, r.header, r.trailers, "abc"); status != "200" {
					t.Fatalf("%s: %s", what, status)
				}
				checkH2(t, what, <-got)
			}
		}
	}
}

func checkH2(t *testing.T, what string, r *http.Request) {
	t.Helper()
	found := make(map[string][]string)
	for _, h := range []http.Header{r.Header, r.Trailer} {
		for name, lines := range h {
			if isManaged(name) {
				found[name] = append(found[name], lines...)
			}
		}
	}
	if diff := cmp.Diff(map[string][]string{"Remote-User": {"alice"}}, found); diff != "" {
		t.Errorf("%s: managed names at the upstream (-want +got):\n%s", what, diff)
	}
	if len(r.Trailer) > 0 {
		t.Errorf("%s: trailers at the upstream: %v", what, r.Trailer)
	}
	if r.Header.Get("X-Plain") != "kept" {
		t.Errorf("%s: a header that is not ours is gone", what)
	}
}
