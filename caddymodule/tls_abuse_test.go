package caddymodule

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/porttest"
)

// dialTLS opens a connection under that name, for that protocol.
func (s *testServer) dialTLS(name, protocol string) *tls.Conn {
	s.t.Helper()
	c, err := tls.Dial("tcp", "127.0.0.1:"+s.port, &tls.Config{ServerName: name, NextProtos: []string{protocol}, InsecureSkipVerify: true}) //nolint:gosec // the authority is the test's own
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// TestTwoPeopleOnOneConnection: two browsers behind one connection of HTTP/2, as
// behind a proxy, in a thousand requests at once.
func TestTwoPeopleOnOneConnection(t *testing.T) {
	s := startTLS(t)
	notes := "https://notes.test:" + s.port
	cookies := make(map[string]string)
	for _, id := range []string{"edupont", "hmartin"} {
		s.teacher(authcore.Identifier(id))
		b := newTLSBrowser(t)
		if a := s.enroll(b, id, b.open(notes+"/")); a.body != "ok" {
			t.Fatalf("%s ended at %s", id, a.url())
		}
		cookies[id] = "__Host-sesame=" + b.own(notes, "__Host-sesame")
	}
	s.notes.take()
	shared := newTLSBrowser(t).client.Transport
	var all sync.WaitGroup
	for worker := range 20 {
		all.Go(func() {
			for i := range 50 {
				id := []string{"edupont", "hmartin"}[(worker+i)%2]
				req, err := http.NewRequest(http.MethodGet, notes+"/"+id, nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Cookie", cookies[id])
				resp, err := shared.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
					t.Errorf("%s over %s", resp.Status, resp.Proto)
				}
			}
		})
	}
	all.Wait()
	got := s.notes.take()
	for _, r := range got {
		if user := strings.Join(r.values("Remote-User"), ","); r.Line != "GET /"+user+" HTTP/1.1" {
			t.Errorf("%s is told to be of %s", r.Line, user)
		}
	}
	if len(got) != 1000 {
		t.Errorf("%d requests reached the application", len(got))
	}
}

// TestAnotherNameInTLS: the name that TLS was opened with and the one that is asked
// for: whatever they are, the gate in the way is that of what is asked for, and an
// unknown host has nothing.
func TestAnotherNameInTLS(t *testing.T) {
	s := startTLS(t)
	for _, tt := range []struct{ sni, host string }{
		{"portail.test", "notes.test:" + s.port}, {"notes.test", "portail.test:" + s.port}, {"notes.test", "evil.test"},
		{"notes.test", "notes.test.:" + s.port}, {"notes.test", "NOTES.test.evil"}, {"notes.test", "127.0.0.1:" + s.port}, {"portail.test", ""},
		{"notes.test", "notes.test:1"}, {"notes.test", "notes.test@evil.test"}, {"notes.test", "notes.test:" + s.port + ":80"},
	} {
		c := s.dialTLS(tt.sni, "http/1.1")
		fmt.Fprintf(c, "GET /admin HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nConnection: close\r\n\r\n", tt.host)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			continue // closed
		}
		body, _ := io.ReadAll(resp.Body)
		if known := strings.HasSuffix(tt.host, ".test:"+s.port); !known && (len(body) > 0 && resp.StatusCode < 400 || len(resp.Cookies()) > 0 || resp.Header.Get("Location") != "") {
			t.Errorf("%s under the name %s: %s, %d bytes, %v", tt.host, tt.sni, resp.Status, len(body), resp.Header)
		}
		if to := resp.Header.Get("Location"); to != "" && !strings.HasPrefix(to, "https://portail.test:"+s.port+"/") {
			t.Errorf("%s under the name %s is sent to %s", tt.host, tt.sni, to)
		}
		if strings.Contains(string(body), "evil") {
			t.Errorf("%s is repeated in the page", tt.host)
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
}

// TestPlainTextOnTheTLSPort: HTTP, and HTTP/2 with prior knowledge, have no answer of
// the gate's where TLS is spoken.
func TestPlainTextOnTheTLSPort(t *testing.T) {
	s := startTLS(t)
	for name, text := range map[string]string{
		"HTTP/1.1": "GET / HTTP/1.1\r\nHost: notes.test:" + s.port + "\r\n\r\n",
		"HTTP/2":   http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
	} {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(c)
		c.Close()
		if len(got) > 0 && !bytes.HasPrefix(got, []byte("HTTP/1.0 400")) && !bytes.HasPrefix(got, []byte{21}) { // an alert of TLS
			t.Errorf("%s is answered with %q", name, got)
		}
	}
	if got := s.notes.take(); len(got) > 0 {
		t.Errorf("the application got %v", got)
	}
}

// TestPlainHTTPLeadsToTLS: where Caddy also listens for http, it only sends on to
// https, and sets no cookie.
func TestPlainHTTPLeadsToTLS(t *testing.T) {
	s := startTLS(t)
	_, plain, _ := net.SplitHostPort(porttest.Address(t, "127.0.0.1"))
	config := bytes.Replace(s.config, []byte(`"http":{`), []byte(`"http":{"http_port":`+plain+`,`), 1)
	config = bytes.Replace(config, []byte(`"automatic_https":{"disable":true}`), []byte(`"automatic_https":{"disable_certificates":true}`), 1)
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t)
	for _, host := range []string{"portail.test", "notes.test"} {
		for _, path := range []string{"/", "/.sesame/login", "/.sesame/ticket?ticket=x", "/.sesame/session"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				a := b.once(b.request(method, "http://"+host+":"+plain+path, "Cookie", "__Host-sesame=x"))
				if a.StatusCode != http.StatusPermanentRedirect || a.Header.Get("Location") != "https://"+host+path || len(a.Cookies()) > 0 {
					t.Errorf("%s %s%s: %s to %s, %v", method, host, path, a.Status, a.Header.Get("Location"), a.Cookies())
				}
			}
		}
	}
}

// TestFramesOfHTTP2: streams that are opened and reset at once (CVE-2023-44487), a
// header that never ends (CVE-2023-45288), and empty frames. The server ends such a
// connection or bears it, and serves others meanwhile.
func TestFramesOfHTTP2(t *testing.T) {
	s := startTLS(t)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":path", "/.sesame/login"}, {":authority", "portail.test:" + s.port}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	header := bytes.Clone(block.Bytes())
	block.Reset()
	if err := encoder.WriteField(hpack.HeaderField{Name: "a", Value: strings.Repeat("b", 8000), Sensitive: true}); err != nil {
		t.Fatal(err)
	}
	long := block.Bytes()
	for name, flood := range map[string]func(*http2.Framer) error{
		"streams that are reset": func(f *http2.Framer) (err error) {
			for i := uint32(1); i < 20_000 && err == nil; i += 2 {
				err = errors.Join(f.WriteHeaders(http2.HeadersFrameParam{StreamID: i, BlockFragment: header, EndStream: true, EndHeaders: true}), f.WriteRSTStream(i, http2.ErrCodeCancel))
			}
			return err
		},
		"a header without an end": func(f *http2.Framer) error {
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header})
			for i := 0; i < 5000 && err == nil; i++ {
				err = f.WriteContinuation(1, false, long)
			}
			if err == nil {
				t.Error("40 MiB of header were taken")
			}
			return nil
		},
		"settings": func(f *http2.Framer) (err error) {
			for i := 0; i < 20_000 && err == nil; i++ {
				err = f.WriteSettings()
			}
			return err
		},
		"pings": func(f *http2.Framer) (err error) {
			for i := 0; i < 20_000 && err == nil; i++ {
				err = f.WritePing(false, [8]byte{})
			}
			return err
		},
	} {
		c := s.dialTLS("portail.test", "h2")
		io.WriteString(c, http2.ClientPreface)
		f := http2.NewFramer(c, c)
		if err := f.WriteSettings(); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, c) }() // until the end of either
		if err := flood(f); err != nil {
			t.Logf("%s: the server ended it: %v", name, err)
		}
		b := newTLSBrowser(t)
		if a := b.open("https://portail.test:" + s.port + "/.sesame/login"); a.StatusCode != http.StatusOK {
			t.Errorf("%s: others are served %s", name, a.Status)
		}
		c.Close()
	}
}
