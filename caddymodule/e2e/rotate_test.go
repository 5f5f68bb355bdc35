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

	// The file of before is refused, and not found out login by login.
	s.stop()
	s.write(secret, string(old))
	out, err := s.command("run", "--config", s.config)
	if err == nil || !contains(out, "sealed under another secret file") {
		t.Errorf("a start with the file of before: %v\n%s", err, out)
	}
}
