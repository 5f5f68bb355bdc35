package caddymodule

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// The page of the account tells of the key, the connections and the language.
func TestAccountTellsAll(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	stranger, a := s.fresh()
	stranger.submit(a, "identifier", "edupont", "passcode", "8305"+s.newCode("edupont"))
	a = b.open(s.at("portail", ui.PathAccount))
	for _, want := range []string{
		"termine par 4001", "En service", "Changer mon code PIN", ui.PathAccountLost + "?serial=738264001", "Ouverture de «\u00a0Carnet de notes\u00a0»",
		"code de la clé juste, code PIN faux", "un nouveau code PIN", "127.0.0.1", "Nous vous écrivons en français",
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page does not say %q:\n%s", want, a.body)
		}
	}
	if strings.Contains(a.body, "8305") {
		t.Error("the page shows a PIN that was typed")
	}
}

// Another PIN: the PASSCODE of before, the new PIN twice, a PASSCODE of it, and back to
// the account, all in the browser that is logged in.
func TestChangeMyPIN(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	const another = "5083"
	a := b.submit(b.open(s.at("portail", ui.PathAccountPIN)))
	if a.url().Path != ui.PathLogin || !strings.Contains(a.body, `value="edupont"`) || strings.Contains(a.body, "passkey.js") {
		t.Fatalf("it begins at %s:\n%s", a.url(), a.body)
	}
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	if a.url().Path != ui.PathPIN {
		t.Fatalf("then at %s:\n%s", a.url(), a.body)
	}
	if a = b.submit(a, "pin", testPIN, "pin_again", testPIN); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the PIN of before: %s", a.Status)
	}
	if anew := b.open(s.at("portail", ui.PathLogin+"?anew=1")); anew.url().Path != ui.PathAccountPIN {
		t.Errorf("anew, it leads to %s", anew.url())
	}
	a = b.submit(b.submit(b.open(s.at("portail", ui.PathAccountPIN))), "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	a = b.submit(a, "pin", another, "pin_again", another)
	if a.url().Path != ui.PathSynchronise {
		t.Fatalf("then at %s:\n%s", a.url(), a.body)
	}
	a = b.submit(a, "passcode", another+s.newCode("edupont"))
	if a.url().Path != ui.PathAccount || !strings.Contains(a.body, `id="notice"`) && !strings.Contains(a.body, "code PIN") {
		t.Fatalf("at last at %s:\n%s", a.url(), a.body)
	}
	other, a := s.fresh()
	if a = other.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); a.StatusCode != http.StatusForbidden {
		t.Errorf("the PIN of before: %s", a.Status)
	}
	if a = other.submit(a, "identifier", "edupont", "passcode", another+s.newCode("edupont")); a.StatusCode != http.StatusOK {
		t.Errorf("the new PIN: %s", a.Status)
	}
}

// A login that takes two codes goes through its pages, though the session of before
// still lives.
func TestChangeMyPINWithADriftedKey(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	g := s.seeds["edupont"]
	early := g.StepAt(now()) + 3
	a := b.submit(b.open(s.at("portail", ui.PathAccountPIN)))
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+g.Code(early))
	if a.url().Path != ui.PathNextCode {
		t.Fatalf("with a code of another time it goes to %s", a.url())
	}
	if a = b.submit(a, "code", g.Code(early+1)); a.url().Path != ui.PathPIN {
		t.Errorf("then to %s", a.url())
	}
}

// A key that is reported lost: asked on a page of its own, behind a fresh login, done at
// once, and the answer says what comes next.
func TestReportMyKeyLost(t *testing.T) {
	s := startGate(t, "", "")
	b, _ := s.withPasskey("edupont", "Téléphone")
	lost := s.at("portail", ui.PathAccountLost+"?serial=738264001")
	advance(authcore.Fresh + time.Second)
	a := b.open(lost)
	if a.url().Path != ui.PathLogin {
		t.Fatalf("without a fresh login: %s", a.url())
	}
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	if a.url().String() != lost || !strings.Contains(a.body, "termine par 4001") {
		t.Fatalf("the login leads to %s:\n%s", a.url(), a.body)
	}
	if a = b.submit(a); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Votre clé est déclarée perdue") || !strings.Contains(a.body, "Vos clés d’accès vous connectent toujours") {
		t.Fatalf("it says %s:\n%s", a.Status, a.body)
	}
	if a := b.open(s.at("portail", ui.PathAccount)); a.url().Path != ui.PathLogin {
		t.Errorf("the session goes on at %s", a.url())
	}
	fresh, a := s.fresh()
	if a = fresh.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); a.StatusCode != http.StatusForbidden {
		t.Errorf("the key still opens: %s", a.Status)
	}
}

// Somebody else's key is not theirs to report, nor one that there is not.
func TestReportAnothersKey(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	s.teacher("mmartin")
	for _, serial := range []string{"738264002", "NONE", "", "~NOBODY"} {
		if a := b.open(s.at("portail", ui.PathAccountLost+"?serial="+serial)); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", serial, a.Status)
		}
		a := b.open(s.at("portail", ui.PathAccountLost+"?serial=738264001"))
		if a = b.submit(a, ui.FieldSerial, serial); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s posted: %s", serial, a.Status)
		}
	}
	k, err := s.gate().KeyInfo(t.Context(), "738264002")
	if err != nil || k.State == authcore.Lost {
		t.Errorf("the other key is %s, %v", k.State, err)
	}
}

// The language is kept in the account, whatever the browser shows.
func TestMyLanguage(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	a := b.submit(b.open(s.at("portail", ui.PathAccount)))
	if a.url().Path != ui.PathAccount || !strings.Contains(a.body, "Nous vous écrivons en anglais") || !strings.Contains(a.body, "Langue des courriels changée") {
		t.Errorf("it says at %s:\n%s", a.url(), a.body)
	}
	if a := b.submit(b.open(s.at("portail", ui.PathAccount)), ui.FieldLanguage, "de"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a language that there is not: %s", a.Status)
	}
	account, err := s.gate().Account(t.Context(), "edupont")
	if err != nil || account.Language != "en" {
		t.Errorf("the account has %q, %v", account.Language, err)
	}
}

// Each kind of connection, and each state of a key, has its words.
func TestEveryConnectionIsTold(t *testing.T) {
	for _, k := range authcore.ConnectionKinds() {
		if connectionKinds[k] == 0 {
			t.Errorf("there is nothing for %s", k)
		}
	}
	for k := authcore.PINToDefine; k <= authcore.Retired; k++ {
		if keyStates[k] == 0 {
			t.Errorf("there is nothing for %s", k)
		}
	}
}
