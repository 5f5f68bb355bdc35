package caddymodule

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// origin is a scheme, a host and a port (RFC 6454, section 4), the port left out
// where it is the scheme's default: what a browser keeps apart. It compares with
// ==. The zero value is no origin.
type origin struct {
	scheme string // http or https
	host   string // host or host:port, lower case
}

// String gives the origin as browsers write it: https://notes.example.org.
func (o origin) String() string { return o.scheme + "://" + o.host }

// name is the host without the port.
func (o origin) name() string {
	return (&url.URL{Host: o.host}).Hostname()
}

// secure tells whether cookies can be bound to the host (__Host-).
func (o origin) secure() bool { return o.scheme == "https" }

// parseOrigin reads an origin from the configuration. Anything besides scheme,
// host and port is an error, so that nobody believes that a path is looked at.
func parseOrigin(s string) (origin, error) {
	if !strings.Contains(s, "://") {
		return origin{}, fmt.Errorf("%q: the address must begin with https://", s)
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || !plainASCII(s) {
		return origin{}, fmt.Errorf("%q is no address: write https://host or https://host:port, a name with accents in its xn-- form", s)
	}
	if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return origin{}, fmt.Errorf("%q is more than an origin: write only https://host or https://host:port", s)
	}
	o, err := originOf(u)
	if err != nil {
		return origin{}, fmt.Errorf("%q: %w", s, err)
	}
	if o.scheme == "http" && !isLoopback(o.name()) {
		return origin{}, fmt.Errorf("%q: cookies are safe over https only; http is for loopback names (localhost, *.localhost, 127.0.0.1)", s)
	}
	return o, nil
}

// originOf returns the origin of an absolute URL.
func originOf(u *url.URL) (origin, error) {
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if scheme != "https" && scheme != "http" {
		return origin{}, errors.New("the address must begin with https://")
	}
	if !isHost(host) || strings.HasSuffix(u.Host, ":") {
		return origin{}, errors.New("this is no host: a name, or an IP address")
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0 || port[0] == '0') {
		return origin{}, errors.New("this is no port: 1 to 65535")
	}
	if port != "" && port != defaultPort[scheme] {
		host += ":" + port
	}
	return origin{scheme, host}, nil
}

var defaultPort = map[string]string{"http": "80", "https": "443"}

// isHost tells whether s, in lower case, is a name of letters, digits and
// hyphens, without a trailing dot, or an IP address without a zone.
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Zone() == ""
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// isLoopback tells whether a host without its port can only be this machine:
// localhost and what is below it (RFC 6761, section 6.3), 127.0.0.0/8, ::1.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// hasHost tells whether a request's Host header is the origin's host. Headers
// that name another one (X-Forwarded-Host) are for nobody to believe.
func (o origin) hasHost(header string) bool {
	if header == o.host {
		return true
	}
	host, port, err := net.SplitHostPort(header)
	if err != nil {
		return strings.EqualFold(header, o.host)
	}
	if port == defaultPort[o.scheme] {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return strings.EqualFold(host, o.host)
	}
	return strings.EqualFold(header, o.host)
}

// plainASCII tells whether s consists of visible ASCII, which is all that a URL
// is made of.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}
