package caddymodule

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wireRequest is what an upstream received, before any parser made it nicer.
type wireRequest struct {
	Line     string
	Header   []string // "Name: value", in order
	Body     string
	Trailers []string
}

// managed returns the lines of header and trailers whose name is managed.
func (w wireRequest) managed() []string {
	var found []string
	for _, line := range append(append([]string(nil), w.Header...), w.Trailers...) {
		if name, _, _ := strings.Cut(line, ":"); isManaged(name) {
			found = append(found, line)
		}
	}
	return found
}

// values returns the values of a header, whatever its case.
func (w wireRequest) values(name string) []string {
	var found []string
	for _, line := range w.Header {
		if n, v, _ := strings.Cut(line, ": "); strings.EqualFold(n, name) {
			found = append(found, v)
		}
	}
	return found
}

// echo is an upstream that keeps what it got, byte for byte, over HTTP/1.1.
type echo struct {
	Address string

	mu  sync.Mutex
	got []wireRequest
}

func startEcho(t testing.TB) *echo {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Address: ln.Addr().String()}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go e.serve(c)
		}
	}()
	return e
}

func (e *echo) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		req, err := readWireRequest(r)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.got = append(e.got, req)
		e.mu.Unlock()
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Upstream: echo\r\n\r\nok")
	}
}

// take returns what arrived since the last call.
func (e *echo) take() []wireRequest {
	e.mu.Lock()
	defer e.mu.Unlock()
	got := e.got
	e.got = nil
	return got
}

func readWireRequest(r *bufio.Reader) (w wireRequest, err error) {
	tp := textproto.NewReader(r)
	if w.Line, err = tp.ReadLine(); err != nil {
		return w, err
	}
	if w.Header, err = readLines(tp); err != nil {
		return w, err
	}
	if len(w.values("Transfer-Encoding")) > 0 {
		body, err := io.ReadAll(httputil.NewChunkedReader(r))
		if err != nil {
			return w, err
		}
		w.Body = string(body)
		w.Trailers, err = readLines(tp)
		return w, err
	}
	for _, v := range w.values("Content-Length") {
		var n int
		fmt.Sscan(v, &n)
		body := make([]byte, n)
		_, err = io.ReadFull(r, body)
		w.Body = string(body)
	}
	return w, err
}

func readLines(tp *textproto.Reader) (lines []string, err error) {
	for {
		line, err := tp.ReadLine()
		if err != nil || line == "" {
			return lines, err
		}
		lines = append(lines, line)
	}
}

// runCaddy runs a config, in JSON, until the test ends. Caddy is global to a
// process: tests that use it do not run in parallel.
func runCaddy(t testing.TB, config string) {
	t.Helper()
	if err := caddy.Load([]byte(config), true); err != nil {
		t.Fatalf("loading the configuration: %v", err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
	})
}

// sendRaw writes bytes to a server and returns the first answer's status line.
func sendRaw(t *testing.T, address, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.Status
}

// sendH2 writes one HTTP/2 request with prior knowledge, frame by frame, as a
// client library would refuse to, and returns the status of the answer.
// Trailers follow the body whether header announces them or not.
func sendH2(t *testing.T, address string, header, trailers [][2]string, body string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.WriteSettings()
	hasBody := body != "" || len(trailers) > 0
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encodeH2(header), EndStream: !hasBody, EndHeaders: true})
	if hasBody {
		f.WriteData(1, len(trailers) == 0, []byte(body))
	}
	if len(trailers) > 0 {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encodeH2(trailers), EndStream: true, EndHeaders: true})
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status")
		case *http2.RSTStreamFrame:
			t.Fatalf("stream reset: %v", frame.ErrCode)
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.WriteSettingsAck()
			}
		}
	}
}

func encodeH2(fields [][2]string) []byte {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for _, f := range fields {
		enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return b.Bytes()
}
