package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// TestActivationPage goes through the first connection with a key that has an
// activation code.
func TestActivationPage(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	code, err := s.gate().GiveActivation(t.Context(), authcore.Actor{Name: "test"}, "738264001")
	if err != nil {
		t.Fatal(err)
	}
	b, a := s.fresh()
	a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	if a.url().Path != "/.sesame/pin" || !strings.Contains(a.body, `name="activation"`) {
		t.Fatalf("%s at %s has no field for the code", a.Status, a.url())
	}
	wrong := "0" + code[1:]
	if wrong == code {
		wrong = "1" + code[1:]
	}
	for _, tt := range []struct{ typed, says string }{
		{"", "Code d’activation manquant"},
		{"12", "ne contient que des chiffres"},
		{"abcdefgh", "ne contient que des chiffres"},
		{wrong, "Code d’activation incorrect"},
	} {
		a = b.submit(a, "activation", tt.typed, "pin", testPIN, "pin_again", testPIN)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, tt.says) {
			t.Errorf("a code of %d characters: %s, does not say %q", len(tt.typed), a.Status, tt.says)
		}
		if len(tt.typed) > 2 && strings.Contains(a.body, tt.typed) {
			t.Error("the page repeats the code")
		}
	}
	a = b.submit(a, "activation", code[:4]+" "+code[4:], "pin", testPIN, "pin_again", testPIN)
	a = b.submit(a, "passcode", testPIN+s.newCode("edupont"))
	if a.url().Path != "/" || !strings.Contains(a.body, "Votre clé est en service") {
		t.Errorf("%s at %s", a.Status, a.url())
	}
	if log := s.log(); strings.Contains(log, code) || strings.Contains(log, wrong) || !strings.Contains(log, "activation-wrong") {
		t.Error("the log shows the code, or not that a wrong one was typed")
	}
}

// TestChangePINPages goes through a login whose PIN must be another, and around
// it: no page but the next opens.
func TestChangePINPages(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	if err := s.gate().RequirePIN(t.Context(), authcore.Actor{Name: "test"}, "738264001"); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	a := b.open(s.at("notes", "/deep"))
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	if a.url().Path != "/.sesame/pin" || !strings.Contains(a.body, "Choisissez un nouveau code PIN") || strings.Contains(a.body, `name="activation"`) {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	for _, address := range []string{s.at("portail", "/"), s.at("portail", "/.sesame/synchronise"), s.at("notes", "/deep")} {
		if got := b.open(address); strings.Contains(got.body, "Vos applications") || got.body == "ok" || got.url().Path == "/.sesame/synchronise" {
			t.Errorf("%s opens before the new PIN: %s", address, got.url())
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %d requests", len(got))
	}
	a = b.submit(b.open(s.at("portail", "/.sesame/pin")), "pin", testPIN, "pin_again", testPIN)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "C’est votre code PIN actuel") {
		t.Errorf("the same PIN: %s", a.Status)
	}
	a = b.submit(a, "pin", "5083", "pin_again", "5083")
	if a.url().Path != "/.sesame/synchronise" || !strings.Contains(a.body, "Confirmez votre nouveau code PIN") {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	a = b.submit(a, "passcode", "5083"+s.newCode("edupont"))
	if a.url().String() != s.at("notes", "/deep") || a.body != "ok" {
		t.Errorf("%s at %s", a.Status, a.url())
	}
	b, a = s.fresh()
	if a = b.submit(a, "identifier", "edupont", "passcode", "5083"+s.newCode("edupont")); a.url().Path != "/" {
		t.Errorf("with the new PIN: %s at %s", a.Status, a.url())
	}
}

// TestPINChangedNotice: who was on the way to nowhere else is told on the portal.
func TestPINChangedNotice(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	if err := s.gate().RequirePIN(t.Context(), authcore.Actor{Name: "test"}, "738264001"); err != nil {
		t.Fatal(err)
	}
	b, a := s.fresh()
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	a = b.submit(a, "pin", "5083", "pin_again", "5083")
	a = b.submit(a, "passcode", "5083"+s.newCode("edupont"))
	if a.url().Path != "/" || !strings.Contains(a.body, "Votre code PIN est changé") {
		t.Errorf("%s at %s", a.Status, a.url())
	}
}
