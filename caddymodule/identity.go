package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
)

// headerLine is one header that an application gets.
type headerLine struct {
	name     string    // in Go's canonical form
	known    attribute // the value; or
	template string    // a text with placeholders
}

// The presets' names in the configuration.
const (
	presetRemoteUser = "remote-user"
	presetXForwarded = "x-forwarded"
	presetClearTrust = "cleartrust"
)

// presets are the header sets with a name of their own. The attribute names are
// those of attributes. Staff data stand in none: an application that needs them
// is given a header of its own.
var presets = map[string]map[string]string{
	presetRemoteUser: {
		"Remote-User": "id", "Remote-Name": "name", "Remote-Email": "email", "Remote-Groups": "groups",
	},
	presetXForwarded: {
		"X-Forwarded-User": "id", "X-Forwarded-Preferred-Username": "id",
		"X-Forwarded-Email": "email", "X-Forwarded-Groups": "groups",
	},
	presetClearTrust: {
		"ct-remote-user": "id", "ctln": "surname", "ctfn": "given_name", "cn": "name", "ctemail": "email", "ctgrps": "groups",
		"rne": "establishment", "codaca": "codaca", "FrEduFonctAdm": "fredu_fonct_adm", "FrEduRne": "fredu_rne",
		"FrEduRneResp": "fredu_rne_resp", "FrEduResDel": "fredu_res_del", "FrEduGestResp": "fredu_gest_resp",
		"FrEduUrlRetour": "fredu_url_retour",
	},
}

// headerPlan is all that one application gets.
type headerPlan struct {
	lines   []headerLine
	charset charset
	secret  sharedSecret
}

// newHeaderPlan makes the plan of a preset ("" is none) and of further headers,
// which have been checked.
func newHeaderPlan(preset string, more []Header) headerPlan {
	p := headerPlan{charset: charsets[defaultCharset]}
	for name, attr := range presets[preset] {
		p.lines = append(p.lines, headerLine{name: http.CanonicalHeaderKey(name), known: attributes[attr]})
	}
	for _, h := range more {
		p.lines = append(p.lines, headerLine{name: http.CanonicalHeaderKey(h.Name), template: h.Value})
	}
	return p
}

// errNotPlain is what an identity comes to that no header line can hold.
var errNotPlain = errors.New("it holds a control character or a comma where a comma separates; correct the account")

// errTooMuch is what an identity comes to that servers do not take.
var errTooMuch = fmt.Errorf("the headers that tell who it is would be longer than %d KiB, which servers refuse: let the application have an assertion, or fewer headers", maxIdentity>>10)

// How many bytes of headers tell an application who somebody is. Apache takes
// 8190 in one line, Tomcat 8 KiB for all headers unless told otherwise: more than
// warnIdentity is worth a look, more than maxIdentity is refused rather than left
// to a server that may cut it.
const (
	warnIdentity = 6 << 10
	maxIdentity  = 16 << 10
)

// identity is what one application is told of one person: it is made once, and
// told until something of the person changes.
type identity struct {
	visitor
	site   *site // for which
	plan   headerPlan
	values []string           // of the plan's lines; "" is unknown, or a template's
	size   int                // what they take, in bytes
	err    error              // why they cannot be written
	tell   caddy.ReplacerFunc // say, which would be made anew each time
}

// of makes the identity of a person.
func (p headerPlan) of(v visitor) *identity {
	id := &identity{visitor: v, plan: p, values: make([]string, len(p.lines)), tell: v.say}
	for i, line := range p.lines {
		if line.known.text == nil {
			continue
		}
		value, err := p.written(line.known.text(v), line.known.code)
		if err != nil {
			id.err = fmt.Errorf("the header %s of %s cannot be written: %w", line.name, v.Identifier, err)
			return id
		}
		id.values[i] = value
		id.size += lineSize(line.name, value)
	}
	return id
}

// set writes the headers of a person into h, which scrub has been through: what
// is unknown of the person stays absent. It returns how many bytes that are. It
// writes nothing when it returns an error, which is when some value cannot be
// written; the error does not show the value.
func (id *identity) set(h http.Header, repl *caddy.Replacer) (size int, err error) {
	if id.err != nil {
		return 0, id.err
	}
	// A copy, since later handlers may change a header in its place.
	values, size := slices.Clone(id.values), id.size
	for i, line := range id.plan.lines {
		if line.template == "" {
			continue
		}
		if values[i], err = id.plan.written(repl.ReplaceAll(line.template, ""), false); err != nil {
			return 0, fmt.Errorf("the header %s of %s cannot be written: %w", line.name, id.Identifier, err)
		}
		size += lineSize(line.name, values[i])
	}
	if size > maxIdentity {
		return size, errTooMuch
	}
	for i, line := range id.plan.lines {
		if values[i] != "" {
			h[line.name] = values[i : i+1 : i+1]
		}
	}
	return size, nil
}

// written is a text as the application wants it; a code is ASCII by its grammar.
func (p headerPlan) written(text string, code bool) (string, error) {
	switch {
	case !plain(text):
		return "", errNotPlain
	case text == "", code && isASCII(text):
		return text, nil
	}
	return p.charset(text)
}

// lineSize is what a header takes in a request: its name, its value, a colon, a
// space and the end of the line.
func lineSize(name, value string) int {
	if value == "" {
		return 0
	}
	return len(name) + len(value) + 4
}
