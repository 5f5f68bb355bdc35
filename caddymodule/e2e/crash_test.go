package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestACrashShowsNothing ends the server as a fault of its own would, under a login
// whose last byte is still to come: what it says as it dies shows no secret, and Go
// leaves no image of its memory unless GOTRACEBACK asks for one.
func TestACrashShowsNothing(t *testing.T) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: was.Max, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_CORE, &was)
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	found := canaries{}
	found.add("the seed", string(s.keys["jdupont"].Seed))
	req, err := http.NewRequest(http.MethodGet, s.notes("/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range h.client.Jar.Cookies(req.URL) {
		found.add("the cookie "+c.Name, c.Value)
	}
	const typed = "8351729460481937"
	found.add("what was typed", typed)
	b := newBrowser(t)
	form := b.request(b.open(s.portal("/.sesame/login")), "identifier", "jdupont", "passcode", typed)
	body := slowBody{text: "identifier=jdupont&passcode=" + typed, read: make(chan struct{}), end: make(chan struct{})}
	defer close(body.end)
	form.Body, form.ContentLength = &body, int64(len(body.text)+1)
	go b.client.Do(form) //nolint:bodyclose // there is no answer
	<-body.read
	s.cmd.Process.Signal(syscall.SIGABRT)
	<-s.exited
	said := s.log.String()
	if !strings.Contains(said, "SIGABRT") || !strings.Contains(said, "goroutine ") {
		t.Error("the server did not tell how it ended")
	}
	found.look(t, "what the server said as it died", said)
	for _, pattern := range []string{"core*", filepath.Join(s.dir, "core*")} {
		if files, _ := filepath.Glob(pattern); len(files) > 0 {
			t.Errorf("it left an image of its memory: %v", files)
		}
	}
}

// slowBody is a body whose last byte does not come.
type slowBody struct {
	text      string
	at        int
	read, end chan struct{} // closed when all but that was taken; when the test is over
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.at == len(s.text) {
		close(s.read)
		<-s.end
		return 0, http.ErrAbortHandler
	}
	n := copy(p, s.text[s.at:])
	s.at += n
	return n, nil
}

func (*slowBody) Close() error { return nil }
