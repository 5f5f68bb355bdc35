package caddymodule

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// What waits is told in sentences, whatever it is, and of whom.
func TestConsolePending(t *testing.T) {
	s := consoleServer(t)
	waits, ok := errors.AsType[*authcore.AwaitsError](s.gate().GiveRole(t.Context(), testActor, "eve", authcore.Office{Role: authcore.RoleReferent, Establishments: []string{lycee}, Groups: []string{"nord"}}))
	if !ok {
		t.Fatal("it does not wait")
	}
	b := s.again("oper")
	const asked = "Donner un rôle à Ève Dupont (eve)\u00a0: référent de " + lycee + ", nord"
	list := b.open(s.at("portail", ui.PathConsolePending))
	page := b.open(s.at("portail", ui.ActConfirm.Path()+"?pending="+string(waits.Pending.ID)))
	for what, a := range map[string]answer{"the list": list, "the page": page} {
		if !strings.Contains(a.body, asked) || !strings.Contains(a.body, testActor.Name) {
			t.Errorf("%s does not say %q: %s", what, asked, a.body)
		}
	}
}

// Every act, role and fate of keys has its words in both languages.
func TestWaitingIsTold(t *testing.T) {
	r, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	own := authcore.Passkey{Mark: strings.Repeat("0123456789", 4), Name: "Téléphone"}
	of := authcore.Account{GivenName: "Ève", Surname: "Dupont", Passkeys: []authcore.Passkey{own}}
	pending := []authcore.Pending{
		{Act: authcore.PendingReturn, Serial: "0123456789"}, {Act: authcore.PendingRetire, Serial: "0123456789"}, {Act: authcore.PendingPasskey, Passkey: own.ID()},
		{Act: authcore.PendingRemoval, Keys: authcore.KeepKeys}, {Act: authcore.PendingRemoval, Keys: authcore.RetireKeys}, {Act: authcore.PendingRemoval, Keys: authcore.ReturnKeys},
	}
	for _, role := range []authcore.Role{authcore.RoleReferent, authcore.RoleOperator, authcore.RoleAuditor} {
		pending = append(pending, authcore.Pending{Act: authcore.PendingRole, Office: authcore.Office{Role: role}})
	}
	said := map[string]bool{}
	for _, w := range pending {
		w.Holder = "eve"
		for _, l := range ui.Langs() {
			var page bytes.Buffer
			if err := r.Render(&page, ui.Frame{Lang: l}, ui.ConsolePending{Entries: []ui.ConsoleWaiting{{ID: "7F3K-Q2M9", Waiting: viewWaiting(w, of)}}}); err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(page.String(), "<h2>")
			sentence, _, _ := strings.Cut(after, "</h2>")
			if said[sentence] || !strings.Contains(sentence, "Ève Dupont (eve)") || strings.Contains(sentence, w.Act.String()) ||
				w.Serial != "" && !strings.Contains(sentence, string(w.Serial)) || w.Passkey != "" && !strings.Contains(sentence, "Téléphone") {
				t.Errorf("%s in %s: %q", w.Act, l, sentence)
			}
			said[sentence] = true
		}
	}
	if unknown := viewWaiting(authcore.Pending{Act: authcore.PendingReturn, Holder: "gone.already"}, authcore.Account{}); unknown.Name != "gone.already" {
		t.Errorf("somebody who has no account any more is %q", unknown.Name)
	}
}
