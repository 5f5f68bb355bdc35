package caddymodule

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// maxForm bounds a form, in bytes.
const maxForm = 64 << 10

// formTime is how long a form's last byte may take to come.
var formTime = 15 * time.Second

// form is what was posted: every parameter once, out of the body alone.
type form map[string]string

// form reads the posted form, or says why it is none. Where the request comes
// from is looked at first: what another site's page had posted is not even read.
func (x *exchange) form() (form, *problem, error) {
	if p, cause := x.unwanted(); p != nil {
		x.dismiss()
		return nil, p, cause
	}
	x.hurry()
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxForm))
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

// unwanted says why a form is refused before it is read, or nothing.
func (x *exchange) unwanted() (*problem, error) {
	if err := sameOrigin.Check(x.r); err != nil {
		return &crossSite, err
	}
	switch {
	case !isFormType(x.r.Header):
		return &wrongType, nil
	case x.r.ContentLength > maxForm:
		return &tooLarge, nil
	}
	return nil, nil
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

// hurry bounds how long the body may take. Where the server cannot, Caddy's own
// timeouts remain.
func (x *exchange) hurry() {
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(formTime))
}

// dismiss lets the refusal of a form that was not read leave at once. Over
// HTTP/1.1 net/http first reads what is left of a request, and so would a client
// that waits to be told "100 Continue" wait for the answer. The connection ends
// with it, because that body is still to come, or never comes.
func (x *exchange) dismiss() {
	if x.r.ProtoMajor == 1 && x.r.Header.Get("Expect") != "" {
		x.w.Header().Set("Connection", "close")
		_ = http.NewResponseController(x.w).EnableFullDuplex()
	}
}

// genuine tells whether the form is the one that this login or session was
// shown: the second, independent check behind sameOrigin.
func (x *exchange) genuine(f form, bind string) bool {
	return x.gate.CheckForm(bind, f[ui.FieldCSRF])
}

// source is where the request came from, and which browser it is.
func (x *exchange) source() authcore.Source {
	return authcore.Source{Address: x.client(), Agent: x.r.UserAgent(), Browser: authcore.Token(x.cookie(browserCookie))}
}
