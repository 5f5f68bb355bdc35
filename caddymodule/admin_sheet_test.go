package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// The sheet says whose key it is, where to log in and whom to call, and holds no
// secret.
func TestAdminSheet(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Establishment: "0441550W"}, "0123456789")
	code, err := b.gate.GiveActivation(t.Context(), castActor, "0123456789")
	b.must(err)
	for query, want := range map[string]string{
		"": "Bordereau de remise", "?lang=fr": "Bordereau de remise", "?lang=en": "Receipt for an OTP key",
	} {
		a := b.ask(http.MethodGet, "/sesame/keys/0123456789/sheet"+query, "")
		if a.status != http.StatusOK || a.header.Get("Content-Security-Policy") != documentCSP || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%q: %d, %v", query, a.status, a.header)
		}
		page := a.body.String()
		for _, s := range []string{want, "Jeanne Dupont", "jdupont", "0441550W", "0123456789", "https://portail.example.org", "Assistance du rectorat", "02 40 00 00 00", "as-label"} {
			if !strings.Contains(page, s) {
				t.Errorf("%q: the sheet does not say %s", query, s)
			}
		}
		for _, form := range append(seedForms(castKey("0123456789").Seed), code) {
			if strings.Contains(page, form) {
				t.Errorf("%q: the sheet shows a secret", query)
			}
		}
	}
}

// The picture of the second page has the field for the code where it is asked for.
func TestAdminSheetOfAKeyWithACode(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	const field = "Code d’activation"
	sheet := func() string { return b.ask(http.MethodGet, "/sesame/keys/0123456789/sheet", "").body.String() }
	if strings.Contains(sheet(), field) {
		t.Error("the sheet asks for a code that there is not")
	}
	_, err := b.gate.GiveActivation(t.Context(), castActor, "0123456789")
	b.must(err)
	if !strings.Contains(sheet(), field) {
		t.Error("the sheet does not show where the code goes")
	}
}

func TestAdminSheetRefusals(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "FT1", Generator: castKey("FT1")}))
	for target, want := range map[string]int{
		"/sesame/keys/NONE/sheet": 404, "/sesame/keys/FT1/sheet": 409, "/sesame/keys/0123456789/sheet?lang=de": 400, "/sesame/keys/-/sheet": 400,
	} {
		if a := b.ask(http.MethodGet, target, ""); a.status != want || a.error() == "" {
			t.Errorf("%s: %d %s", target, a.status, a.error())
		}
	}
}
