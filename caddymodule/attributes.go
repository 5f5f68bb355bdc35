package caddymodule

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/fredu"
)

// userPrefix is what Caddy's placeholders about a person begin with; the access
// log's user_id, header_up and FastCGI read them.
const userPrefix = "http.auth.user."

// visitor is a person as an application learns of them.
type visitor struct {
	*authcore.Account
	portal string // the address to go back to
	method string // how they logged in
}

// attribute is one thing that may be known of a person.
type attribute struct {
	text func(visitor) string // "" is unknown
	// code says that it is ASCII by its grammar: no charset touches it.
	code bool
}

// attributes are the placeholders {http.auth.user.*}.
var attributes = map[string]attribute{
	"id":            {func(v visitor) string { return string(v.Identifier) }, true},
	"name":          {func(v visitor) string { return v.Name() }, false},
	"given_name":    {func(v visitor) string { return v.GivenName }, false},
	"surname":       {func(v visitor) string { return v.Surname }, false},
	"email":         {func(v visitor) string { return v.Email }, true},
	"groups":        {func(v visitor) string { return list(v.Groups) }, false},
	"functions":     {func(v visitor) string { return list(v.Functions) }, false},
	"establishment": {func(v visitor) string { return v.Establishment }, true},

	"method": {func(v visitor) string { return v.method }, true},

	"fredu_rne":        several(fredu.Rne),
	"fredu_rne_resp":   several(fredu.RneResp),
	"fredu_res_del":    several(fredu.ResDel),
	"fredu_gest_resp":  several(fredu.GestResp),
	"fredu_fonct_adm":  {administrativeFunction, true},
	"fredu_url_retour": {func(v visitor) string { return v.portal }, true},
	"codaca":           single(fredu.Academy, true),

	"title":           single(fredu.Title, false),
	"grade":           single(fredu.Grade, false),
	"discipline":      single(fredu.Discipline, false),
	"fonctm":          single(fredu.FonctM, false),
	"typensi":         single(fredu.TypEnsi, false),
	"employee_number": single(fredu.EmployeeNumber, true),
	"datenaissance":   single(fredu.BirthDate, false),
	"civilite":        single(fredu.Civility, false),
	"codecivilite":    single(fredu.CivilityCode, false),
}

// several is an attribute of several values, each of which is a code.
func several(a fredu.Attribute) attribute {
	return attribute{func(v visitor) string { return list(v.Attributes.Values(a)) }, true}
}

// single is an attribute of one value.
func single(a fredu.Attribute, code bool) attribute {
	return attribute{func(v visitor) string { return v.Attributes.Value(a) }, code}
}

// administrativeFunction is the one that is said to be, or the only function. Of
// several it is none: applications compare the whole value with a word.
func administrativeFunction(v visitor) string {
	if f := v.Attributes.Value(fredu.FonctAdm); f != "" || len(v.Functions) != 1 {
		return f
	}
	return v.Functions[0]
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

// announce gives the placeholders {http.auth.user.*} what say tells of a person,
// over whatever an earlier handler has said.
func announce(repl *caddy.Replacer, say caddy.ReplacerFunc) {
	repl.DeleteByPrefix(userPrefix)
	repl.Map(say)
}

// say tells what a placeholder stands for. What cannot stand in one line is
// empty.
func (v visitor) say(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, userPrefix)
	if !ok {
		return nil, false
	}
	known, ok := attributes[name]
	if !ok {
		return nil, false
	}
	if text := known.text(v); plain(text) {
		return text, true
	}
	return "", true
}
