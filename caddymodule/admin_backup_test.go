package caddymodule

import (
	"net/http"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// A backup comes as it is, is read back, and is refused once it is changed.
func TestAdminBackup(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.firstLogin("jdupont", "0123456789", "7294")
	a := b.ask(http.MethodPost, "/sesame/backup", "")
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", a.status, a.error())
	}
	file := a.body.String()
	var found authcore.Backup
	b.want(b.ask(http.MethodPost, "/sesame/backup/check", file, "Content-Type: application/octet-stream"), http.StatusOK, &found)
	if found.Keys != 1 || found.People != 1 || !found.Made.Equal(b.clock) || found.Records < 80 {
		t.Errorf("found: %+v", found)
	}
	changed := []byte(file)
	changed[len(changed)/2] ^= 1
	for what, body := range map[string]string{"changed": string(changed), "cut": file[:len(file)-1], "nothing": ""} {
		if a := b.ask(http.MethodPost, "/sesame/backup/check", body); a.status != http.StatusUnprocessableEntity || a.error() == "" {
			t.Errorf("%s: %d %s", what, a.status, a.error())
		}
	}
	if n := len(b.events(authcore.StoreBackedUp)); n != 1 {
		t.Errorf("%d entries tell of the backup", n)
	}
	if a := b.post("/sesame/backup", "{}"); a.status != http.StatusBadRequest {
		t.Errorf("with a body: %d", a.status)
	}
}
