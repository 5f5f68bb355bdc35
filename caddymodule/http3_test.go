package caddymodule

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// newHTTP3Browser is a browser that trusts whom it reaches and speaks HTTP/3.
func newHTTP3Browser(t *testing.T) *browser {
	t.Helper()
	b := newBrowser(t)
	transport := &http3.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the authority is the test's own
		Dial: func(ctx context.Context, address string, config *tls.Config, more *quic.Config) (*quic.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return quic.DialAddr(ctx, "127.0.0.1:"+port, config, more)
		},
	}
	t.Cleanup(func() { transport.Close() })
	b.client.Transport = transport
	return b
}

// TestIdentityOverHTTP3: the journey over QUIC, and then every managed name in every
// spelling that HTTP/3 has, in the header and behind the body: the application is told
// what the gate knows, and nothing else.
func TestIdentityOverHTTP3(t *testing.T) {
	s := startTLS(t)
	s.teacher("edupont")
	notes, b := "https://notes.test:"+s.port, newHTTP3Browser(t)
	a := s.enroll(b, "edupont", b.open(notes+"/"))
	if a.body != "ok" || a.ProtoMajor != 3 {
		t.Fatalf("ended at %s with %s over %s", a.url(), a.Status, a.Proto)
	}
	mine := s.notes.take()[0].managed()
	if !slices.Contains(mine, "Remote-User: edupont") {
		t.Fatalf("the application is told %q", mine)
	}
	sent := 0
	for _, name := range everyManagedName {
		if name == extraName { // of another configuration
			continue
		}
		for _, spelling := range spellings(name) {
			spelling = strings.ToLower(spelling)
			for place, forge := range map[string]func(*http.Request){
				"in the header": func(r *http.Request) { r.Header[spelling] = []string{"admin", "root"} },
				"behind the body": func(r *http.Request) {
					r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader("abc")), -1
					r.Header.Set("Origin", notes)
					r.Trailer = http.Header{spelling: {"admin"}}
				},
			} {
				req := b.page(notes + "/x")
				forge(req)
				sent++
				if a := b.once(req); a.StatusCode != http.StatusOK {
					t.Fatalf("%s %s: %s", spelling, place, a.Status)
				}
				got := s.notes.take()
				if len(got) != 1 {
					t.Fatalf("%s %s: the application got %d requests", spelling, place, len(got))
				}
				if diff := cmp.Diff(mine, got[0].managed()); diff != "" || len(got[0].Trailers) > 0 || len(got[0].values("Trailer")) > 0 {
					t.Errorf("%s %s: the application is told (-what it should, +what it is):\n%s\ntrailers %q", spelling, place, diff, got[0].Trailers)
				}
			}
		}
	}
	t.Logf("%d requests", sent)
	out := newHTTP3Browser(t)
	req := out.page(notes + "/x")
	req.Header["remote_user"], req.Header["Remote-User"] = []string{"admin"}, []string{"admin"}
	if a := out.once(req); a.StatusCode != http.StatusSeeOther || len(s.notes.take()) > 0 {
		t.Errorf("without a session: %s", a.Status)
	}
}
