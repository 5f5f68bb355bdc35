package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTheSecretsChangeWithoutAPause: nobody is logged out, no code revives, and
// what is written from then on does not open under the file of before.
func TestTheSecretsChangeWithoutAPause(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	secret := filepath.Join(s.dir, "secret")
	old, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}

	if out, err := s.command("sesame", "secret", "rotate", secret); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file after its rotation: %v, %v", info.Mode(), err)
	}
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	h.arrived(h.open(s.notes("/")), s.notes("/"))
	h.refused("a code of before", pin+h.same())
	b, p := h.fresh()
	h.at(b.submit(p, "identifier", h.id, "passcode", pin+h.next()), "/")

	s.stop()
	s.start()
	h.arrived(h.open(s.notes("/")), s.notes("/"))

	// The file of before opens what is of before, and no login written since.
	s.stop()
	s.write(secret, string(old))
	s.start()
	b, p = h.fresh()
	if p = b.submit(p, "identifier", h.id, "passcode", pin+h.next()); p.url.Path == "/" {
		t.Error("a key written under the new secrets opens under the old ones")
	}
}
