package caddymodule

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// reload puts a configuration in the place of the one that runs.
func (s *testServer) reload(config []byte) {
	s.t.Helper()
	if err := caddy.Load(config, true); err != nil {
		s.t.Fatal(err)
	}
	s.alone()
}

// alone waits until at most one configuration listens at the server's address.
// caddy.Load and caddy.Stop return when the servers of the configuration before are
// about to shut down: one of them that still takes a connection closes it without
// an answer, as net/http does with whatever a server reads once it shuts down.
func (s *testServer) alone() {
	s.t.Helper()
	address := net.JoinHostPort("127.0.0.1", s.port)
	for deadline := time.Now().Add(time.Minute); caddy.ListenerUsage("tcp", address) > 1; runtime.Gosched() {
		if time.Now().After(deadline) {
			s.t.Fatalf("the servers of the configuration before still listen at %s", address)
		}
	}
}

// log is what the server has logged, in whole lines.
func (s *testServer) log() string {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content[:bytes.LastIndexByte(content, '\n')+1])
}

// logWith is the log once it has something in it. The access log's line is written
// after the answer, which a client may have before.
func (s *testServer) logWith(text string) string {
	s.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for late := time.After(time.Minute); ; {
		log := s.log()
		if strings.Contains(log, text) {
			return log
		}
		select {
		case <-look.C:
		case <-late:
			s.t.Fatalf("the log does not say %q", text)
		}
	}
}
