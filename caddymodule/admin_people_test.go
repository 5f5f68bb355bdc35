package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
)

func (b *adminBench) patch(target, body string) *adminAnswer {
	b.t.Helper()
	return b.ask(http.MethodPatch, target, body, jsonType)
}

func TestAdminSetUser(t *testing.T) {
	b := newAdminBench(t)
	var was, is userView
	b.want(b.post("/sesame/users", `{"id":"jdupont","given_name":"Jeanne","surname":"Dupont","groups":["a"],"end":"31/07/2027"}`), http.StatusCreated, &was)
	if want := time.Date(2027, 8, 1, 0, 0, 0, 0, time.Local); !was.End.Equal(want) {
		t.Errorf("the end of a day is %s, want %s", was.End, want)
	}
	b.want(b.patch("/sesame/users/JDupont", `{"surname":"Durand","groups":[],"functions":["DIR"],"end":"2027-07-31T16:00:00Z"}`), http.StatusOK, &is)
	want := was
	want.Surname, want.Groups, want.Functions, want.End = "Durand", []string{}, []string{"DIR"}, time.Date(2027, 7, 31, 16, 0, 0, 0, time.UTC)
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("the person is now (-want +got):\n%s", diff)
	}
	is = userView{}
	b.want(b.patch("/sesame/users/jdupont", `{"end":"","email":"jd@ac-exemple.fr","establishment":"0441550W","given_name":"J."}`), http.StatusOK, &is)
	want.End, want.Email, want.Establishment, want.GivenName = time.Time{}, "jd@ac-exemple.fr", "0441550W", "J."
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("and then (-want +got):\n%s", diff)
	}
	details := map[string]bool{} // both were at one instant: the trail has them in any order
	for _, e := range b.events(authcore.AccountChanged) {
		details[e.Detail] = true
	}
	if len(details) != 2 || !details["surname, groups, functions, end"] {
		t.Errorf("written down: %v", details)
	}
}

// Attributes are checked by their grammar, replaced one by one, and shown.
func TestAdminAttributes(t *testing.T) {
	const rne, resp = "0693045K$UAJ$PU$ADM$0693045K$T3$LP$320", "0441550W$UAJ$PU$N$T3$CLG$340"
	b := newAdminBench(t)
	var is userView
	b.want(b.post("/sesame/users", `{"id":"jdupont","attributes":{"FrEduRne":["`+rne+`"],"title":"Proviseure"}}`), http.StatusCreated, &is)
	b.want(b.patch("/sesame/users/jdupont", `{"attributes":{"fredurneresp":"`+resp+`","FrEduFonctAdm":"DIR","title":""}}`), http.StatusOK, &is)
	want := `{"FrEduFonctAdm":"DIR","FrEduRne":["` + rne + `"],"FrEduRneResp":["` + resp + `"]}`
	if got, err := is.Attributes.MarshalJSON(); err != nil || !sameJSON(t, string(got), want) {
		t.Errorf("the attributes are %s, %v", got, err)
	}
	details := ""
	for _, e := range b.events(authcore.AccountChanged) {
		details += e.Detail
	}
	if details != "FrEduRneResp, FrEduFonctAdm, title" {
		t.Errorf("written down: %q", details)
	}
	before := len(b.events())
	for body, says := range map[string]string{
		`{"attributes":{"FrEduRne":["0693045L$UAJ$PU$ADM$0693045K$T3$LP$320"]}}`: `attributes: FrEduRne: `,
		`{"attributes":{"FrEduRneResp":["X","` + resp + `"]}}`:                   "X says that there is none, and stands alone",
		`{"attributes":{"title":["a","b"]}}`:                                     "title: there are 2 values, and one at most is possible",
		`{"attributes":{"title":"a\u000ab"}}`:                                    "control character",
		`{"attributes":{"colour":"red"}}`:                                        `"colour" is no attribute: there are FrEduRne, `,
		`{"attributes":{"title":7}}`:                                             "an attribute is a string or an array of strings",
		`{"attributes":{}}`:                                                      "there is nothing to change",
	} {
		says = strings.ReplaceAll(says, `\"`, `"`)
		if a := b.patch("/sesame/users/jdupont", body); a.status != http.StatusBadRequest || !strings.Contains(a.error(), strings.ReplaceAll(says, `\`, "")) {
			t.Errorf("%s: %d %s, want …%s…", body, a.status, a.error(), says)
		}
	}
	if a := b.post("/sesame/users", `{"id":"x","attributes":{"codaca":"17"}}`); a.status != http.StatusBadRequest || !strings.Contains(a.error(), "three digits, such as 017") {
		t.Errorf("adding: %d %s", a.status, a.error())
	}
	if n := len(b.events()); n != before {
		t.Errorf("%d entries were written", n-before)
	}
}

// sameJSON tells whether two documents say the same.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Fatal(err)
	}
	return cmp.Equal(x, y)
}

func TestAdminRemoveUser(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "FT1")
	b.person(authcore.Account{Identifier: "smartin"}, "FT2")
	b.person(authcore.Account{Identifier: "sanscle"}, "")
	b.must(b.gate.LoseKey(t.Context(), castActor, "FT2"))
	for target, says := range map[string]string{
		"/sesame/users/jdupont":             "jdupont: this person has keys: FT1: return or retire them first",
		"/sesame/users/jdupont?keys=keep":   "jdupont: this person has keys: FT1",
		"/sesame/users/smartin?keys=return": "key FT2 is lost: ",
	} {
		if a := b.ask(http.MethodDelete, target, ""); a.status != http.StatusConflict || !strings.Contains(a.error(), says) {
			t.Errorf("DELETE %s: %d %s", target, a.status, a.error())
		}
	}
	for _, target := range []string{"/sesame/users/jdupont?keys=return", "/sesame/users/smartin?keys=retire", "/sesame/users/sanscle"} {
		b.want(b.ask(http.MethodDelete, target, ""), http.StatusNoContent, nil)
		path, _, _ := strings.Cut(target, "?")
		b.want(b.ask(http.MethodGet, path, ""), http.StatusNotFound, nil)
	}
	for serial, want := range map[string]authcore.State{"FT1": authcore.PINToDefine, "FT2": authcore.Retired} {
		var k authcore.KeyInfo
		b.want(b.ask(http.MethodGet, "/sesame/keys/"+serial, ""), http.StatusOK, &k)
		if k.Holder != "" || k.State != want {
			t.Errorf("key %s: %s of %q", serial, k.State, k.Holder)
		}
	}
}

func TestAdminReturnKey(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "FT1")
	var k authcore.KeyInfo
	b.want(b.ask(http.MethodPost, "/sesame/keys/FT1/return", ""), http.StatusOK, &k)
	if !keyInStock(k) {
		t.Errorf("the key is %s, of %q", k.State, k.Holder)
	}
	if a := b.ask(http.MethodPost, "/sesame/keys/FT1/return", ""); a.status != http.StatusConflict || !strings.Contains(a.error(), "only a key that has a holder") {
		t.Errorf("again: %d %s", a.status, a.error())
	}
}

// What the gate keeps of a person is not to be set from outside, and what is
// wrong with a change leaves the person as they are.
func TestAdminSetUserRefuses(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "FT1")
	before := len(b.events())
	for body, says := range map[string]string{
		`{"epoch":1}`:                `unknown field "epoch"`,
		`{"keys":["FT1"]}`:           `unknown field "keys"`,
		`{"disabled":false}`:         `unknown field "disabled"`,
		`{"added":"2026-09-01"}`:     `unknown field "added"`,
		`{"id":"smartin"}`:           `unknown field "id"`,
		`{}`:                         "there is nothing to change",
		`{"surname":null}`:           "there is nothing to change",
		`{"groups":"a"}`:             "the body is not what this takes",
		`{"groups":["a,b"]}`:         "holds a comma",
		`{"establishment":"044155"}`: "is no UAI",
		`{"end":"31/07/26"}`:         "end: an end is a day",
		`{"surname":"a\u0000"}`:      "control character",
	} {
		if a := b.patch("/sesame/users/jdupont", body); a.status != http.StatusBadRequest || !strings.Contains(a.error(), says) {
			t.Errorf("%s: %d %s, want …%s…", body, a.status, a.error(), says)
		}
	}
	if a := b.patch("/sesame/users/personne", `{"surname":"x"}`); a.status != http.StatusNotFound {
		t.Errorf("nobody: %d %s", a.status, a.error())
	}
	if a := b.ask(http.MethodDelete, "/sesame/users/jdupont?keys=burn", ""); a.status != http.StatusBadRequest || a.error() != "the parameter keys is keep, retire or return" {
		t.Errorf("a fate that is none: %d %s", a.status, a.error())
	}
	if a := b.post("/sesame/users", `{"id":"x","end":"demain"}`); a.status != http.StatusBadRequest || !strings.Contains(a.error(), "end: an end is a day") {
		t.Errorf("an end that is none: %d %s", a.status, a.error())
	}
	if n := len(b.events()); n != before {
		t.Errorf("%d entries were written", n-before)
	}
}
