package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/websocket"

	"github.com/sesame-gateway/sesame/authcore"
)

// live is an application whose answers go on: /ws gives each message back,
// /events tells something ten times a second, /download sends until it is told to
// stop.
type live struct {
	*httptest.Server
	left atomic.Int32 // how many it answers now
	stop chan struct{}
}

func startLive(t *testing.T) *live {
	t.Helper()
	l := &live{stop: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("/ws", websocket.Handler(func(c *websocket.Conn) { _, _ = io.Copy(c, c) }))
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) { l.send(w, r, "text/event-stream") })
	mux.HandleFunc("/camera", func(w http.ResponseWriter, r *http.Request) { l.send(w, r, "multipart/x-mixed-replace; boundary=b") })
	mux.HandleFunc("/download", func(w http.ResponseWriter, r *http.Request) { l.send(w, r, "application/octet-stream") })
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.left.Add(1)
		defer l.left.Add(-1)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

// send writes a line now and then.
func (l *live) send(w http.ResponseWriter, r *http.Request, mediaType string) {
	w.Header().Set("Content-Type", mediaType)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.WriteString(w, "data: x\n\n"); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-l.stop:
			return
		}
	}
}

// withLive is a gate whose application notes is live.
func withLive(t *testing.T) (*testServer, *live) {
	t.Helper()
	l := startLive(t)
	s := newTestServer(t)
	s.notes.Address = l.Listener.Addr().String()
	s.run("", "")
	return s, l
}

// openSocket opens a WebSocket on notes with a browser's session.
func (s *testServer) openSocket(b *browser) *websocket.Conn {
	s.t.Helper()
	config, err := websocket.NewConfig("ws"+strings.TrimPrefix(s.at("notes", "/ws"), "http"), s.at("notes", ""))
	if err != nil {
		s.t.Fatal(err)
	}
	config.Header.Set("Cookie", "sesame="+b.own(s.at("notes", "/"), "sesame"))
	raw, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { raw.Close() })
	c, err := websocket.NewClient(config, raw)
	if err != nil {
		s.t.Fatalf("opening a WebSocket: %v", err)
	}
	return c
}

// says sends a message and wants it back.
func says(c *websocket.Conn, message string) error {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if err := websocket.Message.Send(c, message); err != nil {
		return err
	}
	var back string
	if err := websocket.Message.Receive(c, &back); err != nil {
		return err
	}
	if back != message {
		return fmt.Errorf("%q came back as %q", message, back)
	}
	return nil
}

// openStream asks notes for a page that goes on, and returns it at its first line.
func (s *testServer) openStream(b *browser, path string) *bufio.Reader {
	s.t.Helper()
	resp, err := b.client.Do(b.request("GET", s.at("notes", path), "Sec-Fetch-Mode", "cors"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "data: x\n" {
		s.t.Fatalf("%s begins with %q, %v (%s)", path, line, err, resp.Status)
	}
	return lines
}

// ends waits for the end of something. That it comes within a second is
// TestStreamsAreLookedAt's to show, by a clock that no busy machine holds up.
func ends(t *testing.T, what string, end func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Errorf("%s ended without being cut", what)
		}
	case <-time.After(time.Minute):
		t.Errorf("%s is still open a minute after its session", what)
	}
}

// TestStreamsAreCut: whatever ends a session ends what it has open, and nobody
// else's.
func TestStreamsAreCut(t *testing.T) {
	s, l := withLive(t)
	other := s.loggedIn("hmartin")
	other.open(s.at("notes", "/none"))
	ctx, by := t.Context(), authcore.Actor{Name: "test"}
	session := func(b *browser) authcore.Session {
		t.Helper()
		found, _, err := s.gate().Session(ctx, authcore.Token(b.own(s.at("portail", "/"), "sesame")), "", false)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	logout := func(host string) func(*browser) error {
		return func(b *browser) error {
			a := b.open(s.at(host, "/.sesame/logout"))
			if a = b.submit(a); a.StatusCode != http.StatusOK {
				return errors.New(a.Status)
			}
			return nil
		}
	}
	for i, tt := range []struct {
		name string
		end  func(b *browser) error
	}{
		{"the logout on the portal", logout("portail")},
		{"the logout on the application's host", logout("notes")},
		{"an administrator who ends the session", func(b *browser) error { return s.gate().EndSession(ctx, by, session(b).ID) }},
		{"an administrator who ends the person's sessions", func(b *browser) error { return s.gate().EndSessions(ctx, by, session(b).Holder) }},
		{"an administrator who shuts the person out", func(b *browser) error { return s.gate().DisableAccount(ctx, by, session(b).Holder) }},
		{"a right that is taken away", func(b *browser) error {
			return s.gate().SetAccount(ctx, by, authcore.Account{Identifier: session(b).Holder}, []authcore.AccountField{authcore.FieldGroups})
		}},
		{"the loss of the key", func(b *browser) error { return s.gate().LoseKey(ctx, by, session(b).Serial) }},
		{"the end of the idle time", func(b *browser) error {
			other.open(s.at("notes", "/none"))
			advance(s.gate().Policy().Idle * 3 / 4)
			other.open(s.at("notes", "/none"))
			advance(s.gate().Policy().Idle / 4)
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := authcore.Identifier(fmt.Sprintf("person%d", i))
			b := s.loggedIn(id)
			b.open(s.at("notes", "/none"))
			mine, theirs := s.openSocket(b), s.openSocket(other)
			streams := map[string]*bufio.Reader{"an event stream": s.openStream(b, "/events"), "a camera": s.openStream(b, "/camera")}
			if err := errors.Join(says(mine, "x"), says(theirs, "x")); err != nil {
				t.Fatal(err)
			}
			if err := tt.end(b); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				ends(t, "a WebSocket", func() error { _, err := io.Copy(io.Discard, mine); return errors.Join(err, io.EOF) })
			})
			for what, lines := range streams {
				wg.Go(func() {
					ends(t, what, func() error { _, err := io.Copy(io.Discard, lines); return errors.Join(err, io.EOF) })
				})
			}
			wg.Wait()
			if err := says(theirs, "still here"); err != nil {
				t.Errorf("somebody else's WebSocket: %v", err)
			}
			theirs.Close()
		})
	}
	// What was cut does not go on at the application either.
	l.Config.SetKeepAlivesEnabled(false)
	for range 300 {
		if l.left.Load() == 0 {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Errorf("the application still answers %d requests", l.left.Load())
}

// A download that outlives its session comes to its end, and an event stream in
// use is left alone.
func TestDownloadIsNotCut(t *testing.T) {
	s, l := withLive(t)
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/none"))
	other := s.loggedIn("hmartin")
	other.open(s.at("notes", "/none"))
	download, events, theirs := s.openStream(b, "/download"), s.openStream(b, "/events"), s.openStream(other, "/events")
	if a := b.submit(b.open(s.at("portail", "/.sesame/logout"))); a.StatusCode != http.StatusOK {
		t.Fatal(a.Status)
	}
	ends(t, "the event stream", func() error { _, err := io.Copy(io.Discard, events); return errors.Join(err, io.EOF) })
	for _, still := range []*bufio.Reader{download, theirs} {
		for range 40 {
			if line, err := still.ReadString('\n'); err != nil || line != "data: x\n" && line != "\n" {
				t.Fatalf("it goes on with %q, %v", line, err)
			}
		}
	}
	close(l.stop)
	if _, err := io.Copy(io.Discard, download); err != nil {
		t.Errorf("the download did not come to its end: %v", err)
	}
}

// TestLogoutOnThreeHosts: from whichever host it is asked for, the next request
// with the cookie of any of them is refused.
func TestLogoutOnThreeHosts(t *testing.T) {
	s := startGate(t, "", "")
	s.person(authcore.Account{Identifier: "edupont", Groups: []string{"enseignants"}, Functions: []string{"DIR"}})
	hosts := []string{"portail", "notes", "autre"}
	for i, from := range hosts {
		b := newBrowser(t)
		if a := b.open(s.at("notes", "/")); i == 0 {
			s.enroll(b, "edupont", a)
		} else {
			b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
		}
		b.open(s.at("autre", "/"))
		thief := newBrowser(t)
		for _, host := range hosts {
			thief.set(s.at(host, "/"), "sesame", b.own(s.at(host, "/"), "sesame"))
			if a := thief.once(thief.page(s.at(host, "/"))); a.StatusCode != http.StatusOK {
				t.Fatalf("before the logout on %s, %s answers %s", from, host, a.Status)
			}
		}
		if a := b.submit(b.open(s.at(from, "/.sesame/logout"))); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "Votre session est fermée") {
			t.Fatalf("the logout on %s: %s", from, a.Status)
		}
		for _, host := range hosts {
			if a := thief.once(thief.page(s.at(host, "/"))); a.StatusCode != http.StatusSeeOther {
				t.Errorf("after the logout on %s, %s answers %s", from, host, a.Status)
			}
		}
	}
}

// What looks at streams begins with the first and ends with the last of them, and
// cuts them within a second.
func TestStreamsAreLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all streams
		var looked atomic.Int32
		var over atomic.Bool
		may := func() bool { looked.Add(1); return !over.Load() }
		pass := func(periods int) {
			time.Sleep(time.Duration(periods) * streamPeriod)
			synctest.Wait()
		}
		for _, mediaType := range []string{"text/html", "text/event-stream; charset=utf-8", "multipart/x-mixed-replace", "text/event-stream/", ""} {
			w := httptest.NewRecorder()
			s, r := all.watch(w, httptest.NewRequest(http.MethodGet, "/", nil), may)
			w.Header().Set("Content-Type", mediaType)
			if _, err := io.WriteString(s, "x"); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if s.end(); r.Context().Err() == nil {
					t.Error("a request that has ended keeps its context")
				}
			}()
		}
		if pass(10); looked.Load() != 20 {
			t.Errorf("two streams were looked at %d times in ten periods", looked.Load())
		}
		over.Store(true)
		if pass(1); len(all.list()) != 0 || streamPeriod >= time.Second {
			t.Errorf("%d are open %v after they were to be cut", len(all.list()), streamPeriod)
		}
		looked.Store(0)
		if pass(10); len(all.list()) != 0 || looked.Load() != 0 {
			t.Errorf("%d are open, looked at %d times after they were cut", len(all.list()), looked.Load())
		}
		// And once more.
		over.Store(false)
		s, _ := all.watch(httptest.NewRecorder(), httptest.NewRequest(http.MethodConnect, "/", nil), may)
		pass(3)
		s.end()
		if pass(2); looked.Load() != 3 || len(all.list()) != 0 {
			t.Errorf("another stream was looked at %d times", looked.Load())
		}
	})
}

// From a handler that never looks at its request's context, whatever way it
// writes. (One that never writes tells nothing.)
func TestStubbornStreamIsCut(t *testing.T) {
	var all streams
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := all.watch(w, r, func() bool { return false })
		defer s.end()
		s.Header().Set("Content-Type", "text/event-stream")
		var err error
		for tick := time.NewTicker(10 * time.Millisecond); err == nil; <-tick.C {
			switch r.URL.Path {
			case "/read":
				_, err = io.Copy(s, strings.NewReader("x"))
			case "/endless":
				_, err = io.Copy(s, endless{})
			case "/write":
				_, err = s.Write([]byte("x"))
			case "/flush":
				err = http.NewResponseController(s).Flush()
			}
		}
		if !errors.Is(err, errCut) {
			t.Errorf("%s ended with %v", r.URL.Path, err)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for _, path := range []string{"/read", "/endless", "/write", "/flush"} {
		resp, err := server.Client().Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		ends(t, path, func() error { _, err := io.Copy(io.Discard, resp.Body); return errors.Join(err, io.EOF) })
		resp.Body.Close()
	}
}

// endless is a reader that always has something more to say.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "data: x\n\n"), nil }

// An answer that does not stay open is written to its end.
func TestPlainAnswerIsNotCut(t *testing.T) {
	var all streams
	w := httptest.NewRecorder()
	s, r := all.watch(w, httptest.NewRequest(http.MethodGet, "/", nil), func() bool { return false })
	_, err := io.Copy(s, strings.NewReader("all "))
	_, err2 := io.WriteString(s, "of it")
	if err := errors.Join(err, err2, http.NewResponseController(s).Flush(), r.Context().Err()); err != nil || w.Body.String() != "all of it" || len(all.list()) > 0 {
		t.Errorf("%q was written: %v", w.Body, err)
	}
	if s.end(); r.Context().Err() == nil {
		t.Error("its context is not done")
	}
}
