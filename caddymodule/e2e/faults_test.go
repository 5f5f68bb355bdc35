package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// rounds is how often a fault is played: all of them under make faults, which sets
// SESAME_FAULTS, and a few of them elsewhere, which is said.
func rounds(t *testing.T, all, few int) int {
	t.Helper()
	if os.Getenv("SESAME_FAULTS") != "" {
		return all
	}
	t.Logf("ONLY %d OF %d ROUNDS: the others are played by make faults", few, all)
	return few
}

// newClockedServer is a server whose clock can be moved.
func newClockedServer(t *testing.T) (s *server, move func(time.Duration)) {
	t.Helper()
	return newClockedServerWith(t, (*server).caddyfile)
}

func newClockedServerWith(t *testing.T, config func(*server) string) (s *server, move func(time.Duration)) {
	t.Helper()
	useMovedBinary(t)
	env, move := newClock(t)
	return newServerWith(t, func(s *server) string {
		s.env = append(s.env, env)
		return config(s)
	}), move
}

// useMovedBinary has the servers of this test be of the build whose clock can be
// moved.
func useMovedBinary(t *testing.T) {
	t.Helper()
	moved, err := movedBinary()
	if err != nil {
		t.Fatalf("the server with a movable clock does not build: %v", err)
	}
	was := binary
	binary = moved
	t.Cleanup(func() { binary = was })
}

// newClock is a clock for servers of that build: what their environment says of it,
// and how far ahead of the machine's it is from now on.
func newClock(t *testing.T) (env string, move func(time.Duration)) {
	t.Helper()
	clock := filepath.Join(t.TempDir(), "clock")
	return "SESAME_MOVED_CLOCK=" + clock, func(ahead time.Duration) {
		t.Helper()
		err := os.WriteFile(clock+".new", []byte(ahead.String()), 0o600)
		if err == nil {
			err = os.Rename(clock+".new", clock)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// opened is a browser that got in by that PASSCODE, or nil. An error is the
// connection's, after which nothing is known.
func (h *holder) opened(passcode string) (*browser, error) {
	b := newBrowser(h.t)
	defer b.client.CloseIdleConnections()
	p, err := b.try(get(h.s.portal("/.sesame/login")))
	if err != nil || p.form == nil {
		return nil, err
	}
	p, err = b.try(b.request(p, "identifier", h.id, "passcode", passcode))
	if err != nil || p.url.Path != "/" || p.status != http.StatusOK {
		return nil, err
	}
	return b, nil
}

// asked asks the admin endpoint and returns the status; 0 when nothing is known.
func (s *server) asked(method, path, body string) int {
	req, err := http.NewRequest(method, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Close = true
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestKilledAtAnyInstant kills the server at random instants while somebody logs
// in and operators add people. No code opens twice, whether its answer came or
// not; what was acknowledged is there: sessions, people, a key that was reported
// lost, a session that was ended; and the audit trail is whole.
func TestKilledAtAnyInstant(t *testing.T) {
	s, move := newClockedServer(t)
	s.person("jdupont", "--group", "enseignants")
	s.person("plost", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	s.sesame("key", "lost", "900002")
	acknowledged := 0
	for round := range rounds(t, 200, 4) {
		ahead := time.Duration(round+1) * 3 * time.Minute
		move(ahead)
		g := s.keys["jdupont"]
		typed := pin + g.Code(g.StepAt(timeNow().Add(ahead)))
		var in *browser
		var added []string
		var work sync.WaitGroup
		work.Go(func() { in, _ = h.opened(typed) })
		work.Go(func() { added = s.adds(round) })
		<-time.After(rand.N(250 * time.Millisecond)) // the instant, not a wait for something
		s.kill()
		work.Wait()
		s.start()

		acknowledged += h.stands(round, typed, in, added)
		if out := s.sesame("key", "show", "900002"); !strings.Contains(out, "lost") {
			t.Fatalf("round %d: the lost key is no longer lost:\n%s", round, out)
		}
		s.sesame("audit", "verify")
	}
	if acknowledged == 0 {
		t.Error("nothing was acknowledged before any kill: the test shows nothing")
	}
	t.Logf("%d acts were acknowledged, and all are there", acknowledged)
}

// adds adds people until one is not acknowledged, and returns who was.
func (s *server) adds(round int) (added []string) {
	for n := range 20 {
		id := fmt.Sprintf("p%d-%d", round, n)
		if s.asked(http.MethodPost, "/sesame/users", `{"id":"`+id+`"}`) != http.StatusCreated {
			break
		}
		added = append(added, id)
	}
	return added
}

// stands wants what was acknowledged before a fault to be there after it: the
// session that a PASSCODE opened, or nil, and the people added. That PASSCODE opens
// once in all. It returns how much was acknowledged.
func (h *holder) stands(round int, typed string, in *browser, added []string) int {
	h.t.Helper()
	times := 0
	if in != nil {
		times = 1
		if p := in.open(h.s.portal("/")); p.url.Path != "/" {
			h.t.Fatalf("round %d: a session that was acknowledged is lost: %v", round, p.url)
		}
	}
	acknowledged := times + len(added)
	for range 3 {
		if again, err := h.opened(typed); err != nil {
			h.t.Fatal(err)
		} else if again != nil {
			times++
		}
	}
	if times > 1 {
		h.t.Fatalf("round %d: one code opened %d times", round, times)
	}
	for _, id := range added {
		if got := h.s.asked(http.MethodGet, "/sesame/users/"+id, ""); got != http.StatusOK {
			h.t.Fatalf("round %d: %s was added, and is answered %d", round, id, got)
		}
	}
	return acknowledged
}

// TestDamagedStore flips a bit in, or cuts the end off, a file of a copied store.
// The server serves it whole, or refuses it in a sentence; it never begins afresh.
func TestDamagedStore(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	s.stop()
	store, sound := filepath.Join(s.dir, "store"), filepath.Join(s.dir, "sound")
	if err := os.Rename(store, sound); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for round := range rounds(t, 100, 6) {
		if err := os.CopyFS(store, os.DirFS(sound)); err != nil {
			t.Fatal(err)
		}
		what := damage(t, store)
		if round == 0 { // the worst of all
			what = "emptied"
			if err := os.RemoveAll(store); err != nil {
				t.Fatal(err)
			}
		}
		if out, served := s.trial(); !served {
			refused++
			if !strings.Contains(out, "the files are damaged") && !strings.Contains(out, "not as it was left") {
				t.Errorf("%s: it is refused without a sentence:\n%.2000s", what, out)
			}
		} else if got := s.asked(http.MethodGet, "/sesame/users/jdupont", ""); got != http.StatusOK {
			t.Errorf("%s: it is served, and its person is answered %d", what, got)
		}
		s.kill()
		if err := os.RemoveAll(store); err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("no damage was seen: the test shows nothing")
	}
}

// damage changes one file of a store, and says how.
func damage(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	name := files[rand.IntN(len(files))]
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) == 0 {
		return filepath.Base(name) + " as it is"
	}
	at := rand.IntN(min(len(content), 64<<10))
	what := fmt.Sprintf("%s with byte %d of %d changed", filepath.Base(name), at, len(content))
	if rand.IntN(3) == 0 {
		content, what = content[:at], fmt.Sprintf("%s cut to %d of %d bytes", filepath.Base(name), at, len(content))
	} else {
		content[at] ^= 1 << rand.IntN(8)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return what
}
