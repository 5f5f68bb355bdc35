package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFullDisk fills the disk of the store and makes room again. Meanwhile nobody
// logs in, sessions go on, and what was typed is not used up; afterwards all is as
// before, without a restart.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Logf("NOT PLAYED: a full disk. Mounting one takes root, and the right to: %v %s", err, out)
		return
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", disk).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	s := newServerWith(t, func(s *server) string {
		return strings.Replace(s.caddyfile(), "badger "+s.dir+"/store", "badger "+disk+"/store", 1)
	})
	s.person("jdupont", "--group", "enseignants")
	s.person("smartin", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))

	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 80<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	h.arrived(h.open(s.notes("/while-full")), s.notes("/while-full"))
	other := s.holder(t, "smartin")
	b, p := other.fresh()
	p = b.submit(p, "identifier", "smartin", "passcode", other.next())
	if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
		t.Errorf("a login on a full disk: %d, Retry-After %q:\n%s", p.status, p.header.Get("Retry-After"), p.text)
	}
	if p := b.open(s.portal("/.sesame/health")); p.status != http.StatusOK {
		t.Errorf("the health on a full disk: %d", p.status)
	}
	if out, err := s.command("sesame", "user", "add", "late", "--address", s.admin); err == nil || !strings.Contains(out, "make room") {
		t.Errorf("a change on a full disk: %v\n%s", err, out)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	b, p = other.fresh()
	other.at(b.submit(p, "identifier", "smartin", "passcode", other.same()), "/.sesame/pin")
	h.arrived(h.open(s.notes("/after")), s.notes("/after"))
	s.sesame("audit", "verify")
}
