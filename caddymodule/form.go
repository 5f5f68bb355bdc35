package caddymodule

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// The bounds of a form.
const (
	maxForm  = 64 << 10         // bytes
	formTime = 15 * time.Second // for its last byte to come
)

// form is what was posted: every parameter once, out of the body alone.
type form map[string]string

// errSlow is a form that came too slowly to be one.
var errSlow = errors.New("the form took too long to arrive")

// form reads the posted form, or says why it is none. Where the request comes
// from is looked at first: what another site's page had posted is not even read.
func (x *exchange) form() (form, *problem, error) {
	if err := sameOrigin.Check(x.r); err != nil {
		return nil, &crossSite, err
	}
	if !isFormType(x.r.Header) {
		return nil, &wrongType, nil
	}
	if x.r.ContentLength > maxForm {
		return nil, &tooLarge, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, hurried{x.r.Body, now().Add(formTime)}, maxForm))
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return nil, &tooLarge, nil
	}
	if err != nil {
		return nil, &badRequest, err
	}
	f, ok := parseForm(string(body))
	if !ok {
		return nil, &badRequest, nil
	}
	return f, nil, nil
}

// sameOrigin refuses what a browser says another site's page sent, by
// Sec-Fetch-Site, or by Origin where that is missing. It has no exception.
var sameOrigin http.CrossOriginProtection

// isFormType tells whether the body is a plain form in UTF-8.
func isFormType(h http.Header) bool {
	mediaType, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := parameters["charset"]
	return err == nil && mediaType == "application/x-www-form-urlencoded" &&
		(charset == "" || strings.EqualFold(charset, "utf-8")) && h.Get("Content-Encoding") == ""
}

// parseForm reads a form. A parameter that comes twice makes it none: servers
// disagree on which one counts.
func parseForm(body string) (form, bool) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, false
	}
	f := make(form, len(values))
	for name, list := range values {
		if len(list) != 1 {
			return nil, false
		}
		f[name] = list[0]
	}
	return f, true
}

// hurried is a body that must have come by a deadline. It looks at the clock
// between reads; a read that gets nothing at all is Caddy's to time out.
type hurried struct {
	io.ReadCloser
	until time.Time
}

// Read reads on until the deadline has passed.
func (b hurried) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil && now().After(b.until) {
		err = errSlow
	}
	return n, err
}

// genuine tells whether the form is the one that this login or session was
// shown: the second, independent check behind sameOrigin.
func (x *exchange) genuine(f form, bind string) bool {
	return x.gate.CheckForm(bind, f[ui.FieldCSRF])
}

// source is where the request came from, for the audit trail: the client's
// address as Caddy's trusted_proxies make it, never a header of its own.
func (x *exchange) source() authcore.Source {
	text, _ := caddyhttp.GetVar(x.r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(text)
	if err != nil {
		address = netip.Addr{}
	}
	return authcore.Source{Address: address, Agent: x.r.UserAgent()}
}
