package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
)

var eve = authcore.Account{
	Identifier: "edupont", GivenName: "Ève", Surname: "Dupont", Email: "eve@ac-exemple.fr",
	Groups: []string{"enseignants", "3eB"}, Functions: []string{"DIR", "ADJ"}, Establishment: "0441550W",
}

func TestHeaderPlan(t *testing.T) {
	tests := []struct {
		name    string
		preset  string
		more    []Header
		account authcore.Account
		want    http.Header
	}{
		{"remote-user", presetRemoteUser, nil, eve, http.Header{
			"Remote-User": {"edupont"}, "Remote-Name": {"Ève Dupont"}, "Remote-Email": {"eve@ac-exemple.fr"}, "Remote-Groups": {"enseignants,3eB"},
		}},
		{"x-forwarded", presetXForwarded, nil, eve, http.Header{
			"X-Forwarded-User": {"edupont"}, "X-Forwarded-Preferred-Username": {"edupont"},
			"X-Forwarded-Email": {"eve@ac-exemple.fr"}, "X-Forwarded-Groups": {"enseignants,3eB"},
		}},
		{"what is unknown is absent", presetRemoteUser, nil, authcore.Account{Identifier: "x1"}, http.Header{
			"Remote-User": {"x1"}, "Remote-Name": {"x1"},
		}},
		{"lines", "", []Header{
			{"x-eleve-id", "{http.auth.user.id}"}, {"X-Both", "{http.auth.user.given_name} {http.auth.user.surname}"},
			{"X-School", "{http.auth.user.establishment}"}, {"X-Functions", "{http.auth.user.functions}"}, {"X-Fixed", "yes"}, {"X-None", "{http.auth.user.colour}"},
		}, eve, http.Header{
			"X-Eleve-Id": {"edupont"}, "X-Both": {"Ève Dupont"}, "X-School": {"0441550W"}, "X-Functions": {"DIR,ADJ"}, "X-Fixed": {"yes"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, repl := make(http.Header), caddy.NewReplacer()
			announce(repl, &tt.account)
			if err := newHeaderPlan(tt.preset, tt.more).set(h, &tt.account, repl); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, h); diff != "" {
				t.Errorf("headers differ (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot stand in one line is not cut or replaced: the request is refused,
// no header at all is set, and the error does not repeat the value.
func TestHeaderPlanRefuses(t *testing.T) {
	for name, change := range map[string]func(*authcore.Account){
		"line break":        func(a *authcore.Account) { a.Surname = "x\r\nRemote-Groups: admins" },
		"LF":                func(a *authcore.Account) { a.GivenName = "x\ny" },
		"NUL":               func(a *authcore.Account) { a.Email = "x\x00y" },
		"tab":               func(a *authcore.Account) { a.Email = "x\ty" },
		"DEL":               func(a *authcore.Account) { a.Email = "x\x7f" },
		"C1":                func(a *authcore.Account) { a.Email = "x\u0085y" },
		"not UTF-8":         func(a *authcore.Account) { a.Email = "x\xffy" },
		"comma in a group":  func(a *authcore.Account) { a.Groups = []string{"a", "b,admins"} },
		"line in a group":   func(a *authcore.Account) { a.Groups = []string{"a\nb"} },
		"line in the ident": func(a *authcore.Account) { a.Identifier = "a\nb" },
	} {
		t.Run(name, func(t *testing.T) {
			a := eve
			change(&a)
			h, repl := http.Header{"X": {"y"}}, caddy.NewReplacer()
			announce(repl, &a)
			err := newHeaderPlan(presetRemoteUser, nil).set(h, &a, repl)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "admins") {
				t.Errorf("the error shows the value: %v", err)
			}
			if diff := cmp.Diff(http.Header{"X": {"y"}}, h); diff != "" {
				t.Errorf("headers were set all the same:\n%s", diff)
			}
		})
	}
}

// A template may hold what a client sent.
func TestHeaderPlanRefusesAnInjectedTemplate(t *testing.T) {
	repl := caddy.NewReplacer()
	repl.Set("http.request.uri.query.x", "a\r\nRemote-User: admin")
	h := make(http.Header)
	if err := newHeaderPlan("", []Header{{"X-Q", "{http.request.uri.query.x}"}}).set(h, &eve, repl); err == nil || len(h) > 0 {
		t.Errorf("set: %v, %v", err, h)
	}
}

func TestAnnounce(t *testing.T) {
	repl := caddy.NewReplacer()
	repl.Set("http.auth.user.id", "somebody else")
	repl.Set("http.auth.user.role", "left by another handler")
	a := eve
	a.Surname = "x\ny"
	announce(repl, &a)
	for key, want := range map[string]string{
		"id": "edupont", "given_name": "Ève", "surname": "", "name": "", "email": "eve@ac-exemple.fr",
		"groups": "enseignants,3eB", "functions": "DIR,ADJ", "establishment": "0441550W",
	} {
		if got, ok := repl.GetString("http.auth.user." + key); got != want || !ok {
			t.Errorf("{http.auth.user.%s} = %q, %v; want %q", key, got, ok, want)
		}
	}
	for _, key := range []string{"http.auth.user.role", "http.auth.user.", "http.auth.users.id", "http.auth.user.id.x"} {
		if got, ok := repl.GetString(key); ok {
			t.Errorf("{%s} = %q", key, got)
		}
	}
}
