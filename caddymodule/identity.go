package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// userPrefix is what Caddy's placeholders about a person begin with; the access
// log's user_id, header_up and FastCGI read them.
const userPrefix = "http.auth.user."

// attribute gives one thing that is known of a person; empty is unknown.
type attribute func(*authcore.Account) string

// attributes are the placeholders {http.auth.user.*}.
var attributes = map[string]attribute{
	"id":            func(a *authcore.Account) string { return string(a.Identifier) },
	"name":          (*authcore.Account).Name,
	"given_name":    func(a *authcore.Account) string { return a.GivenName },
	"surname":       func(a *authcore.Account) string { return a.Surname },
	"email":         func(a *authcore.Account) string { return a.Email },
	"groups":        func(a *authcore.Account) string { return list(a.Groups) },
	"functions":     func(a *authcore.Account) string { return list(a.Functions) },
	"establishment": func(a *authcore.Account) string { return a.Establishment },
}

// list writes values as applications read them, separated by commas. A value
// that holds one would read as two, and grant what nobody granted; together they
// are then a control character, which plain refuses.
func list(values []string) string {
	for _, v := range values {
		if strings.Contains(v, ",") {
			return "\x00"
		}
	}
	return strings.Join(values, ",")
}

// plain tells whether a value can stand in one header line: UTF-8 as it is, and
// no control character. Go's HTTP/1.1 client would turn a line break into a
// space, FastCGI and CGI would pass it on.
func plain(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl)
}

// headerLine is one header that an application gets.
type headerLine struct {
	name     string    // in Go's canonical form
	known    attribute // the value; or
	template string    // a text with placeholders
}

// presets are the header sets with a name of their own. The attribute names are
// those of attributes.
var presets = map[string]map[string]string{
	presetRemoteUser: {
		"Remote-User": "id", "Remote-Name": "name", "Remote-Email": "email", "Remote-Groups": "groups",
	},
	presetXForwarded: {
		"X-Forwarded-User": "id", "X-Forwarded-Preferred-Username": "id",
		"X-Forwarded-Email": "email", "X-Forwarded-Groups": "groups",
	},
}

// The presets' names in the configuration.
const (
	presetRemoteUser = "remote-user"
	presetXForwarded = "x-forwarded"
	presetClearTrust = "cleartrust"
)

// headerPlan is all that one application gets.
type headerPlan []headerLine

// newHeaderPlan makes the plan of a preset ("" is none) and of further headers,
// which have been checked.
func newHeaderPlan(preset string, more []Header) headerPlan {
	var p headerPlan
	for name, attr := range presets[preset] {
		p = append(p, headerLine{name: name, known: attributes[attr]})
	}
	for _, h := range more {
		p = append(p, headerLine{name: http.CanonicalHeaderKey(h.Name), template: h.Value})
	}
	return p
}

// errNotPlain is what an identity comes to that no header line can hold.
var errNotPlain = errors.New("it holds a control character or a comma where a comma separates; correct the account")

// set writes the headers of a person into h, which scrub has been through: what
// is unknown of the person stays absent. It writes nothing when it returns an
// error, which is when some value cannot stand in one line; the error does not
// show the value.
func (p headerPlan) set(h http.Header, a *authcore.Account, repl *caddy.Replacer) error {
	values := make([]string, len(p))
	for i, line := range p {
		if line.known != nil {
			values[i] = line.known(a)
		} else {
			values[i] = repl.ReplaceAll(line.template, "")
		}
		if !plain(values[i]) {
			return fmt.Errorf("the header %s of %s cannot be written: %w", line.name, a.Identifier, errNotPlain)
		}
	}
	for i, line := range p {
		if values[i] != "" {
			h[line.name] = values[i : i+1 : i+1]
		}
	}
	return nil
}

// announce gives the placeholders {http.auth.user.*} the person's attributes,
// over whatever an earlier handler has said. What cannot stand in one line is
// empty.
func announce(repl *caddy.Replacer, a *authcore.Account) {
	repl.DeleteByPrefix(userPrefix)
	repl.Map(func(key string) (any, bool) {
		name, ok := strings.CutPrefix(key, userPrefix)
		if !ok {
			return nil, false
		}
		known, ok := attributes[name]
		if !ok {
			return nil, false
		}
		if v := known(a); plain(v) {
			return v, true
		}
		return "", true
	})
}
