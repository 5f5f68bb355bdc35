package caddymodule

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// startTLS is a gate over https.
func startTLS(t *testing.T) *testServer {
	t.Helper()
	s := &testServer{t: t, dir: t.TempDir(), notes: startEcho(t), seeds: make(map[string]otp.Generator)}
	_, s.port, _ = net.SplitHostPort(porttest.Address(t, "127.0.0.1"))
	certificate, key := selfSigned(t, s.dir, "portail.test", "notes.test")
	s.config = adapt(t, fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	https_port %[1]s
	storage file_system %[2]q
	log {
		output file %[2]s/log
	}
	sesame {
		portal      https://portail.test:%[1]s
		store       badger %[2]s/store
		secret_file %[2]s/secret
		application notes {
			url   https://notes.test:%[1]s
			allow everyone
		}
	}
}
https://portail.test:%[1]s {
	bind 127.0.0.1
	tls %[4]s %[5]s
	sesame portal
}
https://notes.test:%[1]s {
	bind 127.0.0.1
	tls %[4]s %[5]s
	sesame notes
	reverse_proxy %[3]s
}
`, s.port, s.dir, s.notes.Address, certificate, key))
	runCaddy(t, string(s.config))
	return s
}

// selfSigned makes a certificate for some names, and returns its files.
func selfSigned(t *testing.T, dir string, names ...string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// newTLSBrowser is a browser that trusts whom it reaches and speaks HTTP/2.
func newTLSBrowser(t *testing.T) *browser {
	t.Helper()
	b := newBrowser(t)
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the authority is the test's own
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	b.client.Transport = transport
	return b
}

// TestOverTLS goes through the journey over HTTP/2 and looks at what only https
// has: cookies that are bound to their host, and HSTS.
func TestOverTLS(t *testing.T) {
	s := startTLS(t)
	s.teacher("edupont")
	b := newTLSBrowser(t)
	portal, notes := "https://portail.test:"+s.port, "https://notes.test:"+s.port

	first := b.once(b.page(notes + "/deep"))
	checkCookies(t, first, "__Host-sesame-visit")
	a := b.open(notes + "/deep")
	if a.ProtoMajor != 2 || a.Header.Get("Strict-Transport-Security") != "max-age=63072000" {
		t.Errorf("over %s, %v", a.Proto, a.Header)
	}
	checkCookies(t, a, "__Host-sesame-login")
	a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	granted := b.once(b.post(a, "passcode", testPIN+s.newCode("edupont")))
	checkCookies(t, granted, "__Host-sesame", "__Host-sesame-browser", "__Host-sesame-login")
	if a = b.open(notes + "/deep"); a.body != "ok" || a.url().String() != notes+"/deep" {
		t.Fatalf("ended at %s with %s", a.url(), a.Status)
	}
	got := s.notes.take()
	if len(got) != 1 || len(got[0].values("Cookie")) > 0 || got[0].values("Remote-User")[0] != "edupont" {
		t.Errorf("the application got %v", got)
	}
	if a.Header.Get("Strict-Transport-Security") != "" || a.Header.Get("Content-Security-Policy") != "" {
		t.Error("the application's own answer was touched")
	}
	if token := b.own(portal, "__Host-sesame"); !isNonce(token) || token == b.own(notes, "__Host-sesame") {
		t.Errorf("the session's cookie has %d characters, or is the same on both hosts", len(token))
	}
	ask := b.open(notes + "/.sesame/logout")
	checkCookies(t, b.submit(ask), "__Host-sesame", "__Host-sesame-login", "__Host-sesame-visit")

	// The cookies of http are none of https.
	x := newTLSBrowser(t)
	x.set(notes, "sesame", strings.Repeat("A", 43))
	if a := x.once(x.page(notes + "/")); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a cookie without the prefix: %s", a.Status)
	}
}

// checkCookies asserts that an answer sets these cookies and no other, each
// bound to its host and unreadable to scripts, and none but the browser's name to
// be kept when the browser is closed.
func checkCookies(t *testing.T, a answer, names ...string) {
	t.Helper()
	var got []string
	for _, c := range a.Cookies() {
		got = append(got, c.Name)
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !c.Expires.IsZero() ||
			c.MaxAge > 0 != (c.Name == "__Host-sesame-browser") {
			t.Errorf("%s: the cookie %s has other attributes: %+v", a.url().Path, c.Name, c)
		}
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s sets the cookies %v, want %v", a.url().Path, got, names)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s sets cookies and may be cached", a.url().Path)
	}
}
