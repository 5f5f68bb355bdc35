package e2e

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// TestTheExample adapts and validates Caddyfile.example as it stands, and runs
// it with nothing changed but where it keeps things, where it listens, and whose
// certificates it uses.
func TestTheExample(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), log: &lockedBuffer{}, admin: porttest.Address(t, "127.0.0.1")}
	example, err := os.ReadFile("../../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, keyword := range grammar(t) {
		if !regexp.MustCompile(`(?m)^[\t# ]*` + keyword + `\b`).Match(example) {
			t.Errorf("the example says that it is whole, and has no %s", keyword)
		}
	}
	for _, command := range [][]string{
		{"adapt", "--validate", "--config", "../../Caddyfile.example", "--adapter", "caddyfile"},
		{"validate", "--config", "../../Caddyfile.example", "--adapter", "caddyfile"},
	} {
		if out, err := s.command(command...); err != nil {
			t.Errorf("%s: %v\n%s", command[0], err, out)
		}
	}
	if out, err := s.command("fmt", "--diff", "../../Caddyfile.example"); err != nil {
		t.Errorf("caddy fmt would change the example:\n%s", out)
	}

	https := portOf(porttest.Address(t, "127.0.0.1"))
	before, after, ok := strings.Cut(string(example), "\n{\n")
	if !ok {
		t.Fatal("the example has no global options")
	}
	options := "\n{\n\tadmin " + s.admin + "\n\tpersist_config off\n\tlocal_certs\n\tskip_install_trust\n\thttp_port " + portOf(porttest.Address(t, "127.0.0.1")) +
		"\n\thttps_port " + https + "\n\tstorage file_system " + s.dir + "\n"
	text := strings.NewReplacer("/var/lib/sesame", s.dir+"/store", "/etc/sesame/secret", s.dir+"/secret").Replace(after)
	for _, host := range []string{"portail", "notes", "eleves", "informations"} {
		text = strings.ReplaceAll(text, "https://"+host+".example.org\n", "https://"+host+".example.org:"+https+"\n")
	}
	s.config = filepath.Join(s.dir, "Caddyfile")
	s.write(s.config, before+options+text)
	s.start()
	s.log.await(t, func(log string) bool { return strings.Count(log, "certificate obtained successfully") == 4 })

	b := newBrowser(t)
	b.client.Transport = tlsTransport()
	p := b.patiently("https://notes.example.org:" + https + "/classe")
	if p.status != http.StatusOK || p.url.Host != "portail.example.org:"+https || p.url.Path != "/.sesame/login" {
		t.Fatalf("%d at %s:\n%s", p.status, p.url, p.text)
	}
	p.says(t, "Carnet de notes").says(t, "02 40 00 00 00")
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie %s is not kept as it should be", c.Name)
		}
	}
	if p.header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security on https")
	}
}

// grammar gives the keywords of the global option, as its reference has them.
func grammar(t *testing.T) (words []string) {
	t.Helper()
	source, err := os.ReadFile("../caddyfile.go")
	if err != nil {
		t.Fatal(err)
	}
	_, reference, _ := strings.Cut(string(source), "//\tsesame {\n")
	reference, _, ok := strings.Cut(reference, "\n//\t}\n")
	if !ok {
		t.Fatal("the reference of the global option is not where it was")
	}
	for line := range strings.Lines(reference) {
		if f := strings.Fields(strings.TrimPrefix(line, "//")); f[0] != "}" && f[0] != "demo" { // demo is for sesame demo
			words = append(words, f[0])
		}
	}
	return words
}

// patiently opens a page whose certificate is there and may not be served yet.
func (b *browser) patiently(address string) page {
	b.t.Helper()
	again, over := time.NewTicker(100*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for {
		p, err := b.try(get(address))
		if err == nil {
			return p
		}
		select {
		case <-again.C:
		case <-over:
			b.t.Fatal(err)
		}
	}
}

func tlsTransport() *http.Transport {
	tr := loopbackTransport()
	tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	return tr
}
