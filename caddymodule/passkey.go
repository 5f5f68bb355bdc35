package caddymodule

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// What passkey.js asks: JSON in and out, each with the form token of its page. A
// refusal has a code, which the page has words for.

// maxCeremony bounds what passkey.js sends, in bytes: a response of an
// authenticator (32 KiB at most, see package passkey) and what goes with it.
const maxCeremony = 40 << 10

// The codes.
const (
	codeRefused = "refused" // the passkey is not accepted
	codeExists  = "exists"  // it was added before
	codeName    = "name"    // no name for a passkey
	codeFailed  = "failed"  // anything else: reload and begin again
)

// ceremonyBegun is what a browser needs for a ceremony.
type ceremonyBegun struct {
	Options  json.RawMessage `json:"options"`
	Ceremony string          `json:"ceremony"`
}

// ceremonyEnded says where to go on.
type ceremonyEnded struct {
	Location string `json:"location"`
}

// said reads what passkey.js sent, or answers what is wrong with it. The Origin must
// be the portal's: a browser always gives it with a POST of a script.
func (x *exchange) said(to any) (ok bool, err error) {
	mediaType, parameters, errType := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	p, cause := problem{}, error(nil)
	switch {
	case !x.gate.HasPasskeys():
		p = notFound
	case x.r.Header.Get("Origin") != x.site.origin.String():
		p = crossSite
	case sameOrigin.Check(x.r) != nil:
		p, cause = crossSite, sameOrigin.Check(x.r)
	case errType != nil, mediaType != "application/json", charset != "" && !strings.EqualFold(charset, "utf-8"), x.r.Header.Get("Content-Encoding") != "":
		p = wrongType
	case x.r.ContentLength > maxCeremony:
		p = tooLarge
	}
	if p.status != 0 {
		x.dismiss()
		return false, x.failed(p, codeFailed, authcore.NewReference(), cause)
	}
	x.hurry()
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxCeremony))
	if large := new(http.MaxBytesError); errors.As(err, &large) {
		return false, x.failed(tooLarge, codeFailed, authcore.NewReference(), nil)
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err == nil {
		err = d.Decode(to)
	}
	if _, errEnd := d.Token(); err == nil && !errors.Is(errEnd, io.EOF) {
		err = errors.New("there is more than one value")
	}
	if err != nil {
		return false, x.failed(badRequest, codeFailed, authcore.NewReference(), errors.New("this is not the JSON that passkey.js sends"))
	}
	return true, nil
}

// failed answers passkey.js with a problem, which the log has too.
func (x *exchange) failed(p problem, code string, reference authcore.Reference, cause error) error {
	level := slog.LevelInfo
	if p.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("reference", string(reference)), slog.Int("status", p.status), slog.String("code", code), slog.String("holder", string(x.holder))}
	if cause != nil {
		attrs = append(attrs, slog.Any("error", cause))
	}
	x.app.log.LogAttrs(x.r.Context(), level, "passkey refused", attrs...)
	refusals.WithLabelValues(p.kind.String()).Inc()
	x.w.Header().Set("Sesame-Reference", string(reference))
	return x.json(p.status, "application/problem+json",
		problemDetails{Type: "about:blank", Title: p.title, Status: p.status, Reference: string(reference), Code: code})
}

func (x *exchange) begun(c authcore.Ceremony) error {
	return x.json(http.StatusOK, "application/json; charset=utf-8", ceremonyBegun{c.Options, c.Sealed})
}

func (x *exchange) ended(location string) error {
	return x.json(http.StatusOK, "application/json; charset=utf-8", ceremonyEnded{location})
}

// loginAsked is the login that passkey.js speaks of.
func (x *exchange) loginAsked(csrf string) (c authcore.Challenge, ok bool, err error) {
	c, err = x.gate.Challenge(x.r.Context(), x.cookie(loginCookie))
	switch {
	case errors.Is(err, authcore.ErrNoChallenge), err == nil && !x.gate.CheckForm(c.ID, csrf):
		return c, false, x.failed(expired, codeFailed, authcore.NewReference(), nil)
	case err != nil:
		return c, false, x.failed(unavailable, codeFailed, authcore.NewReference(), err)
	}
	return c, true, nil
}

func (x *exchange) beginPasskeyLogin() error {
	var asked struct {
		CSRF       string `json:"csrf"`
		Identifier string `json:"identifier"`
	}
	if ok, err := x.said(&asked); !ok {
		return err
	}
	c, ok, err := x.loginAsked(asked.CSRF)
	if !ok {
		return err
	}
	who, err := authcore.ParseIdentifier(asked.Identifier)
	if err != nil {
		who = "" // nobody's: whichever passkey the browser finds
	}
	ceremony, err := x.gate.BeginPasskeyLogin(x.r.Context(), c, who)
	if err != nil {
		return x.failed(unavailable, codeFailed, authcore.NewReference(), err)
	}
	return x.begun(ceremony)
}

func (x *exchange) endPasskeyLogin() error {
	var asked struct {
		CSRF     string          `json:"csrf"`
		Ceremony string          `json:"ceremony"`
		Target   string          `json:"target"`
		Response json.RawMessage `json:"response"`
	}
	if ok, err := x.said(&asked); !ok {
		return err
	}
	c, ok, err := x.loginAsked(asked.CSRF)
	if !ok {
		return err
	}
	reply, err := x.gate.Answer(x.r.Context(), c, authcore.PasskeyAnswer{Ceremony: asked.Ceremony, Response: asked.Response}, x.source())
	switch {
	case errors.Is(err, authcore.ErrNoChallenge), errors.Is(err, authcore.ErrWrongQuestion):
		return x.failed(expired, codeFailed, authcore.NewReference(), nil)
	case err != nil:
		return x.failed(unavailable, codeFailed, authcore.NewReference(), err)
	}
	answers.WithLabelValues("passkey", reply.Outcome.String()).Inc()
	if reply.Outcome != authcore.Granted {
		return x.failed(passkeyRefused, codeRefused, reply.Reference, nil)
	}
	if err := x.enter(reply); err != nil {
		return x.failed(unavailable, codeFailed, authcore.NewReference(), err)
	}
	location := x.site.origin.String() + ui.PathPortal
	if to, address := x.app.origins.target(asked.Target); to != nil {
		location = address
	}
	return x.ended(location)
}

var passkeyRefused = problem{status: http.StatusForbidden, kind: ui.ProblemForbidden, title: "Passkey not accepted"}

// ownerAsked is the session in which passkey.js speaks.
func (x *exchange) ownerAsked(csrf string) (s authcore.Session, ok bool, err error) {
	s, a, err := x.session(true)
	switch {
	case errors.Is(err, authcore.ErrNoSession), err == nil && !x.gate.CheckForm(string(s.ID), csrf):
		return s, false, x.failed(expired, codeFailed, authcore.NewReference(), nil)
	case err != nil:
		return s, false, x.failed(unavailable, codeFailed, authcore.NewReference(), err)
	}
	x.is(&a)
	return s, true, nil
}

func (x *exchange) beginPasskey() error {
	var asked struct {
		CSRF string `json:"csrf"`
		Name string `json:"name"`
	}
	if ok, err := x.said(&asked); !ok {
		return err
	}
	s, ok, err := x.ownerAsked(asked.CSRF)
	if !ok {
		return err
	}
	ceremony, err := x.gate.BeginPasskey(x.r.Context(), s, asked.Name)
	if err != nil {
		return x.notAdded(err)
	}
	return x.begun(ceremony)
}

func (x *exchange) endPasskey() error {
	var asked struct {
		CSRF     string          `json:"csrf"`
		Ceremony string          `json:"ceremony"`
		Response json.RawMessage `json:"response"`
	}
	if ok, err := x.said(&asked); !ok {
		return err
	}
	s, ok, err := x.ownerAsked(asked.CSRF)
	if !ok {
		return err
	}
	if _, err := x.gate.AddPasskey(x.r.Context(), s, asked.Ceremony, asked.Response, x.source()); err != nil {
		return x.notAdded(err)
	}
	return x.ended(x.site.origin.String() + ui.PathPasskeys + "?" + paramNews + "=" + newsPasskeyAdded)
}

// notAdded says why a passkey is not added. Who was too slow goes through the login
// and comes back.
func (x *exchange) notAdded(err error) error {
	reference := authcore.NewReference()
	switch {
	case errors.Is(err, authcore.ErrNotFresh), errors.Is(err, authcore.ErrTooManyPasskeys), errors.Is(err, authcore.ErrNoSession):
		return x.ended(x.site.origin.String() + ui.PathPasskeyAdd) // which says so, or asks for what is missing
	case errors.Is(err, authcore.ErrPasskeyName):
		return x.failed(badRequest, codeName, reference, nil)
	case errors.Is(err, authcore.ErrPasskeyExists):
		return x.failed(passkeyRefused, codeExists, reference, nil)
	case errors.Is(err, authcore.ErrPasskeyRefused), errors.Is(err, authcore.ErrCeremony):
		return x.failed(passkeyRefused, codeRefused, reference, err)
	}
	return x.failed(unavailable, codeFailed, reference, err)
}
