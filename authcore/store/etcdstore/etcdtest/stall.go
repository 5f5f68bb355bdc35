package etcdtest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// A Stall stands between clients and a member, and can hold back what watches are
// told, while everything else passes.
type Stall struct {
	URL     string // for clients
	watches gate
}

// Stall starts one in front of the member, which ends with the test.
func (m *Member) Stall(t testing.TB) *Stall {
	t.Helper()
	to, err := url.Parse(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stall{}
	both := &http.Protocols{}
	both.SetUnencryptedHTTP2(true)
	pass := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:      &http.Transport{Protocols: both},
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // it tells of each end of a connection
		ModifyResponse: s.hold,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewUnstartedServer(pass)
	server.Config.Protocols = both
	server.Start()
	s.URL = server.URL
	t.Cleanup(func() {
		s.Release()
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// Hold keeps from now on, until Release, what watches are told.
func (s *Stall) Hold() { s.watches.shut() }

// Release lets it pass, what was kept first.
func (s *Stall) Release() { s.watches.open() }

// hold has the answers to a watch pass the gate (etcd's rpc.proto, service Watch).
func (s *Stall) hold(resp *http.Response) error {
	if resp.Request.URL.Path == "/etcdserverpb.Watch/Watch" {
		resp.Body = &held{resp.Body, &s.watches}
	}
	return nil
}

type held struct {
	io.ReadCloser
	way *gate
}

func (h *held) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	h.way.wait()
	return n, err
}
