package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJourney(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)

	deep := s.at("notes", "/classe/3eB?devoir=12&trimestre=%C3%A9")
	a := b.open(deep)
	if a.url().Host != "portail.localhost:"+s.port || a.url().Path != "/.sesame/login" || a.StatusCode != http.StatusOK {
		t.Fatalf("the first page is %s (%s)", a.url(), a.Status)
	}
	if !strings.Contains(a.body, "Carnet de notes") {
		t.Error("the login does not say which application it is for")
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Fatalf("before any login the application got %v", got)
	}
	a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	if a.url().Path != "/.sesame/pin" {
		t.Fatalf("after the first code: %s (%s)\n%s", a.url(), a.Status, a.body)
	}
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	if a.url().Path != "/.sesame/synchronise" {
		t.Fatalf("after the PIN: %s (%s)", a.url(), a.Status)
	}
	a = b.submit(a, "passcode", testPIN+s.newCode("edupont"))
	if a.url().String() != deep || a.body != "ok" {
		t.Fatalf("after the PASSCODE: %s (%s)\n%s", a.url(), a.Status, a.body)
	}
	if got := a.Header.Get("X-User"); got != "edupont edupont@ac-exemple.fr" {
		t.Errorf("the placeholders say %q", got)
	}
	got := s.notes.take()
	if len(got) != 1 {
		t.Fatalf("the application got %d requests", len(got))
	}
	for name, want := range map[string][]string{
		"Remote-User": {"edupont"}, "Remote-Name": {"Ève Dupont"}, "Remote-Email": {"edupont@ac-exemple.fr"},
		"Remote-Groups": {"enseignants,3eB"}, "Cookie": nil,
	} {
		if diff := cmp.Diff(want, got[0].values(name)); diff != "" {
			t.Errorf("%s at the application (-want +got):\n%s", name, diff)
		}
	}
	if got[0].Line != "GET /classe/3eB?devoir=12&trimestre=%C3%A9 HTTP/1.1" {
		t.Errorf("the application was asked for %q", got[0].Line)
	}
}
