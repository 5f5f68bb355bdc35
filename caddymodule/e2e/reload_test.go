package e2e

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestAHundredReloadsUnderLoad reloads while people work in the application and
// others log in: nobody gets an error, nobody is logged out, no code revives.
func TestAHundredReloadsUnderLoad(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	spent := pin + h.same()

	var done atomic.Bool
	var served, failed atomic.Int64
	var first sync.Once
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for !done.Load() {
				req, _ := http.NewRequest(http.MethodGet, s.notes("/work"), nil)
				p, err := h.try(req)
				if err != nil || p.status != http.StatusOK || p.url.Path != "/work" {
					failed.Add(1)
					first.Do(func() { t.Errorf("in the application: %v, %d at %v", err, p.status, p.url) })
				}
				served.Add(1)
			}
		})
	}
	wg.Go(func() {
		for !done.Load() {
			b := newBrowser(t)
			req, _ := http.NewRequest(http.MethodGet, s.portal("/.sesame/login"), nil)
			p, err := b.try(req)
			if err != nil || p.form == nil {
				failed.Add(1)
				first.Do(func() { t.Errorf("the login page: %v, %d", err, p.status) })
				continue
			}
			p, err = b.try(b.request(p, "identifier", h.id, "passcode", spent))
			if err != nil || p.status != http.StatusForbidden {
				failed.Add(1)
				first.Do(func() { t.Errorf("a used code: %v, %d at %v", err, p.status, p.url) })
			}
			served.Add(1)
		}
	})
	for i := range 100 {
		if err := s.reload(); err != nil {
			t.Errorf("reload %d: %v", i+1, err)
			break
		}
	}
	done.Store(true)
	wg.Wait()
	t.Logf("100 reloads, %d requests, %d failed", served.Load(), failed.Load())
	if served.Load() < 100 {
		t.Errorf("only %d requests were made: the load was none", served.Load())
	}
	h.arrived(h.open(s.notes("/after")), s.notes("/after"))
	if contains(s.log.String(), "panic") {
		t.Error("the log tells of a panic")
	}
}

// TestOtherProgramsBesideTheServer: validate is harmless, a second server on the
// same directory gets one clear sentence, a broken configuration changes nothing.
func TestOtherProgramsBesideTheServer(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))

	if out, err := s.command("validate", "--config", s.config); err != nil {
		t.Errorf("validate beside the server: %v\n%s", err, out)
	}

	second := filepath.Join(s.dir, "Second")
	text := strings.NewReplacer(s.admin, freeAddress(t), "http_port "+s.port, "http_port "+portOf(freeAddress(t)), ":"+s.port, ":"+portOf(freeAddress(t))).Replace(s.caddyfile(""))
	s.write(second, text)
	out, err := s.command("run", "--config", second)
	if _, exited := err.(*exec.ExitError); !exited || !contains(out, "another server") {
		t.Errorf("a second server on the same directory: %v\n%s", err, out)
	}

	good := s.caddyfile("")
	for name, broken := range map[string]string{
		"another directory's file": strings.Replace(good, "/store\n", "/store-of-another\n", 1) + "broken {",
		"an unknown option":        strings.Replace(good, "secret_file", "secret_fill", 1),
		"no such application":      strings.Replace(good, "sesame notes", "sesame nots", 1),
	} {
		s.write(s.config, broken)
		if err := s.reload(); err == nil {
			t.Errorf("%s was loaded", name)
		}
		h.arrived(h.open(s.notes("/still")), s.notes("/still"))
	}
	s.write(s.config, good)
	if err := s.reload(); err != nil {
		t.Errorf("the good configuration, after the broken ones: %v", err)
	}
	h.arrived(h.open(s.notes("/again")), s.notes("/again"))
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
