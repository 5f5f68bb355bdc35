package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/sesame-gateway/sesame/authcore"
)

const (
	maxAdminBody  = 64 << 10 // bytes of a JSON body
	maxActor      = 64       // bytes of a name in actorHeader
	actorHeader   = "Sesame-Actor"
	unixActorFrom = "unix socket"
)

// readActor says who calls: the address, with the name that the client gives of
// its user. The name is a note and no proof: who reaches the endpoint can write
// any.
func readActor(r *http.Request) (authcore.Actor, error) {
	from := unixActorFrom
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		from = a.Addr().Unmap().WithZone("").String()
	}
	name := r.Header.Get(actorHeader)
	switch {
	case name == "":
		return authcore.Actor{Name: from}, nil
	case len(name) > maxActor || !plain(name):
		return authcore.Actor{}, adminRefusal(http.StatusBadRequest, "the header %s holds the name of a user: %d bytes of plain text at most", actorHeader, maxActor)
	}
	return authcore.Actor{Name: fmt.Sprintf("%s (%s)", name, from), Who: name}, nil
}

// readQuery reads the parameters, each of which must be known and come once: a
// filter that is misspelt must not list everything.
func readQuery(r *http.Request, known []string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "the query cannot be read: %w", err)
	}
	for name, values := range q {
		switch {
		case !slices.Contains(known, name):
			return nil, adminRefusal(http.StatusBadRequest, "the parameter %.40q is unknown here: there are %q", name, known)
		case len(values) > 1:
			return nil, adminRefusal(http.StatusBadRequest, "the parameter %s is given twice", name)
		}
	}
	return q, nil
}

// flag reads a parameter that is true or false, false when absent.
func (c *adminCall) flag(name string) (bool, error) {
	value := c.query.Get(name)
	if value == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(value)
	if err != nil {
		return false, adminRefusal(http.StatusBadRequest, "the parameter %s is true or false", name)
	}
	return b, nil
}

// decode reads the body's JSON. A field that is not known is refused, so that
// nobody believes to have set it.
func (c *adminCall) decode(into any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if t, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return adminRefusal(http.StatusUnsupportedMediaType, "the body must be JSON, with the header Content-Type: application/json")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return adminRefusal(http.StatusBadRequest, "the body is not what this takes: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return adminRefusal(http.StatusBadRequest, "the body holds more than one JSON value")
	}
	return nil
}

// noBody checks that nothing is sent that would not be looked at.
func (c *adminCall) noBody() error {
	body, err := c.body()
	if err == nil && len(bytes.TrimSpace(body)) > 0 {
		return adminRefusal(http.StatusBadRequest, "this takes no body")
	}
	return err
}

func (c *adminCall) body() ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxAdminBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, adminRefusal(http.StatusRequestEntityTooLarge, "the body is longer than %d KiB", maxAdminBody>>10)
	}
	if err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "the body could not be read: %w", err)
	}
	return body, nil
}

// identifier reads the path's user.
func (c *adminCall) identifier() (authcore.Identifier, error) {
	return readIdentifier(c.PathValue("id"))
}

func readIdentifier(text string) (authcore.Identifier, error) {
	id, err := authcore.ParseIdentifier(text)
	if err != nil {
		return "", adminRefusal(http.StatusBadRequest, "identifier: %w", err)
	}
	return id, nil
}

// serial reads the path's key.
func (c *adminCall) serial() (authcore.Serial, error) { return readSerial(c.PathValue("serial")) }

func readSerial(text string) (authcore.Serial, error) {
	s, err := authcore.ParseSerial(text)
	if err != nil {
		return "", adminRefusal(http.StatusBadRequest, "serial number: %w", err)
	}
	return s, nil
}

// noSuch puts the sentence of what is missing in the place of ErrNotFound.
func noSuch[T ~string](what string, name T, err error) error {
	if !errors.Is(err, authcore.ErrNotFound) {
		return err
	}
	return adminRefusal(http.StatusNotFound, "no such %s: %s", what, name)
}
