package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Most requests are over before anybody could end their session. WebSockets and
// event streams are not: they stay open as long as the page that asked for them,
// and go on telling what a person may no longer know. While there are any, each
// is looked at every streamPeriod as if it were asked for again, and cut when it
// would be refused: after a logout on whichever host, an administrator's act, or
// the session's own end. To ask the store finds all of these, what another
// process has written too.
//
// A download or an upload is left to end, however long it takes.

// streamPeriod is how often an open stream is looked at: twice a second cuts it
// within one.
const streamPeriod = 500 * time.Millisecond

// streams are the answers of one configuration that stay open. The zero value is
// ready; a goroutine runs while there are any.
type streams struct {
	mu      sync.Mutex
	open    map[*stream]struct{}
	running bool
}

// stream is the answer to one request that may stay open: a ResponseWriter that
// finds out whether it does. The caller must end it.
type stream struct {
	caddyhttp.ResponseWriterWrapper
	among  *streams
	may    func() bool // whether it may go on
	cancel context.CancelFunc
	begun  bool // the header is written
	stays  bool // the answer stays open
	added  bool // it is looked at

	mu   sync.Mutex
	over bool
	conn net.Conn // once a handler has taken the connection over
}

// watch makes w and r those of a request that is cut off as soon as may returns
// false, should its answer stay open.
func (a *streams) watch(w http.ResponseWriter, r *http.Request, may func() bool) (*stream, *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	s := &stream{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, among: a, may: may, cancel: cancel}
	if r.Method == http.MethodConnect { // a WebSocket over HTTP/2 (RFC 8441)
		a.add(s)
	}
	return s, r.WithContext(ctx)
}

// add has a stream looked at from now on.
func (a *streams) add(s *stream) {
	s.added = true
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = make(map[*stream]struct{})
	}
	a.open[s] = struct{}{}
	if !a.running {
		a.running = true
		go a.run()
	}
}

// run looks at the streams until there are none.
func (a *streams) run() {
	tick := time.NewTicker(streamPeriod)
	defer tick.Stop()
	for range tick.C {
		open := a.list()
		if open == nil {
			return
		}
		for _, s := range open {
			if !s.may() {
				s.cut()
				a.remove(s)
			}
		}
	}
}

// list returns the open streams. When there are none, it notes that nobody looks
// at them any more.
func (a *streams) list() (open []*stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.open {
		open = append(open, s)
	}
	a.running = len(open) > 0
	return open
}

// remove has a stream looked at no more.
func (a *streams) remove(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, s)
}

// end says that the request has been answered.
func (s *stream) end() {
	if s.added { // most are not: no lock for them
		s.among.remove(s)
	}
	s.cancel()
}

// cut ends the stream from outside. A proxy gives up when the request's context
// does, and a connection that was taken over is closed; a handler that looks at
// neither cannot write any more. (To set a deadline from here would be a race:
// the writers of Caddy between us and the connection set theirs.)
func (s *stream) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.cancel()
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// errCut is what a handler gets that goes on writing.
var errCut = errors.New("the session has ended under this answer")

// err says why the answer may not be written on, or nothing.
func (s *stream) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errCut
	}
	return nil
}

// WriteHeader has the answer watched if it is one that stays open.
func (s *stream) WriteHeader(status int) {
	if !s.begun && (status == http.StatusSwitchingProtocols || isEventStream(s.Header())) {
		s.stays = true
		s.among.add(s)
	}
	s.begun = s.begun || status == http.StatusSwitchingProtocols || status >= http.StatusOK
	s.ResponseWriter.WriteHeader(status)
}

// isEventStream tells whether an answer goes on without an end: server-sent
// events (HTML, section 9.2), or parts that replace each other, as cameras send.
func isEventStream(h http.Header) bool {
	mediaType, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	mediaType = strings.TrimSpace(mediaType)
	return strings.EqualFold(mediaType, "text/event-stream") || strings.EqualFold(mediaType, "multipart/x-mixed-replace")
}

// begin writes the header that a handler leaves out, and says whether anything
// may follow.
func (s *stream) begin() error {
	if !s.begun {
		s.WriteHeader(http.StatusOK)
	}
	if !s.stays {
		return nil
	}
	return s.err()
}

// Write writes to the client.
func (s *stream) Write(p []byte) (int, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	return s.ResponseWriter.Write(p)
}

// ReadFrom writes to the client what r gives, without copying where the server
// knows how (sendfile).
func (s *stream) ReadFrom(r io.Reader) (int64, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	if s.stays {
		return io.Copy(struct{ io.Writer }{s}, r)
	}
	return s.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError sends what is still in buffers. It is how http.ResponseController
// flushes.
func (s *stream) FlushError() error {
	if err := s.begin(); err != nil {
		return err
	}
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Hijack gives the connection away and keeps hold of it.
func (s *stream) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(s.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.among.add(s)
	return conn, buffers, nil
}

// Interface guards.
var (
	_ http.Hijacker = (*stream)(nil)
	_ io.ReaderFrom = (*stream)(nil)
)
