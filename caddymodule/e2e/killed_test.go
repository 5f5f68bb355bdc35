package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// keysOfARound is how many keys are imported while the server is killed.
const keysOfARound = 40

// life is a server whose time passes by hand.
type life struct {
	*server
	move  func(time.Duration)
	ahead time.Duration
}

// code is the one that somebody's key shows three minutes later.
func (l *life) code(id string) string {
	l.ahead += 3 * time.Minute
	l.move(l.ahead)
	g := l.keys[id]
	return g.Code(g.StepAt(timeNow().Add(l.ahead)))
}

// enters fails the test unless somebody gets in.
func (l *life) enters(h *holder, pin string) *browser {
	l.t.Helper()
	b, err := h.opened(pin + l.code(h.id))
	if err != nil || b == nil {
		l.t.Fatalf("%s does not get in: %v", h.id, err)
	}
	return b
}

// opens tells whether somebody's PIN opens.
func (l *life) opens(h *holder, pin string) bool {
	l.t.Helper()
	b, err := h.opened(pin + l.code(h.id))
	if err != nil {
		l.t.Fatal(err)
	}
	return b != nil
}

// lock mistypes a PIN until the key is locked.
func (l *life) lock(h *holder) {
	l.t.Helper()
	for range 6 {
		if l.opens(h, "5083") {
			l.t.Fatal("a wrong PIN opens")
		}
	}
	l.wantLocked()
}

// wantLocked wants the second person's key locked.
func (l *life) wantLocked() {
	l.t.Helper()
	if out := l.sesame("key", "show", "900002"); !strings.Contains(out, "locked") {
		l.t.Fatalf("the key that wrong PINs locked is not locked:\n%s", out)
	}
}

// sessionOf is the number of somebody's one session.
func (l *life) sessionOf(id string) string {
	l.t.Helper()
	var list struct{ Sessions []struct{ ID string } }
	decode(l.t, l.sesame("session", "list", "--user", id, "--json"), &list)
	if len(list.Sessions) != 1 {
		l.t.Fatalf("%s has %d sessions", id, len(list.Sessions))
	}
	return list.Sessions[0].ID
}

// newPIN brings somebody's change of PIN to its last form, and returns its post.
func (l *life) newPIN(h *holder, old, chosen string) (*browser, *http.Request) {
	l.t.Helper()
	if got := l.asked(http.MethodPost, "/sesame/keys/900001/require-pin", ""); got != http.StatusNoContent && got != http.StatusOK {
		l.t.Fatalf("wanting another PIN is answered %d", got)
	}
	b, p := h.fresh()
	p = b.submit(p, "identifier", h.id, "passcode", old+l.code(h.id))
	h.at(p, "/.sesame/pin")
	p = b.submit(p, "pin", chosen, "pin_again", chosen)
	h.at(p, "/.sesame/synchronise")
	return b, b.request(p, "passcode", chosen+l.code(h.id))
}

// imported counts the keys of a round.
func (l *life) imported(round int) (n int) {
	l.t.Helper()
	var list struct{ Keys []struct{ Serial string } }
	if err := json.Unmarshal([]byte(l.sesame("key", "list", "--json")), &list); err != nil {
		l.t.Fatal(err)
	}
	for _, k := range list.Keys {
		if strings.HasPrefix(k.Serial, fmt.Sprintf("R%d-", round)) {
			n++
		}
	}
	return n
}

func roundKeys(round int) string {
	var file strings.Builder
	for i := range keysOfARound {
		fmt.Fprintf(&file, "R%d-%d,%040x,totp,6,60\n", round, i, round*1000+i+1)
	}
	return file.String()
}

// TestKilledUnderOperators kills the server at random instants while keys are
// imported, a session is ended and a PIN is changed. What was acknowledged holds;
// of what was not, there is all or nothing; a key that wrong PINs locked stays
// locked.
func TestKilledUnderOperators(t *testing.T) {
	s, move := newClockedServer(t)
	l := &life{server: s, move: move}
	for _, id := range []string{"jdupont", "plocked", "psession"} {
		s.person(id, "--group", "enseignants")
	}
	h, locked, other := s.holder(t, "jdupont"), s.holder(t, "plocked"), s.holder(t, "psession")
	for _, who := range []*holder{h, locked, other} {
		who.firstLogin(who.open(s.portal("/")))
	}
	other.submit(other.open(s.portal("/.sesame/logout")))
	l.lock(locked)
	old, chosen := pin, "5083"
	var keys, ends, changes int
	for round := range rounds(t, 40, 3) {
		session := l.enters(other, pin)
		number := l.sessionOf(other.id)
		b, proof := l.newPIN(h, old, chosen)

		var imported, ended, changed bool
		var work sync.WaitGroup
		work.Go(func() {
			answer, err := s.importKeys(strings.NewReader(roundKeys(round)))
			imported = err == nil && strings.Contains(answer, fmt.Sprintf(`"imported":%d`, keysOfARound))
		})
		work.Go(func() { ended = s.asked(http.MethodDelete, "/sesame/sessions/"+number, "") == http.StatusNoContent })
		work.Go(func() {
			p, err := b.try(proof)
			changed = err == nil && p.url.Path == "/" && p.status == http.StatusOK
		})
		<-time.After(rand.N(250 * time.Millisecond)) // the instant, not a wait for something
		s.kill()
		work.Wait()
		s.start()

		if n := l.imported(round); n != keysOfARound && (imported || n != 0) {
			t.Fatalf("round %d: %d of %d keys are there; acknowledged: %t", round, n, keysOfARound, imported)
		}
		if p := session.open(s.portal("/")); ended && p.url.Path == "/" {
			t.Fatalf("round %d: a session whose end was acknowledged is open", round)
		}
		_ = s.asked(http.MethodDelete, "/sesame/sessions/"+number, "")
		byNew := l.opens(h, chosen)
		byOld := l.finishes(h, old, chosen)
		if byNew == byOld || changed && !byNew {
			t.Fatalf("round %d: the new PIN opens: %t, the old one: %t; the change was acknowledged: %t", round, byNew, byOld, changed)
		}
		old, chosen = chosen, old
		l.wantLocked()
		if l.opens(locked, pin) {
			t.Fatalf("round %d: the locked key opens", round)
		}
		s.sesame("audit", "verify")
		keys, ends, changes = keys+count(imported), ends+count(ended), changes+count(changed)
	}
	t.Logf("acknowledged before the kill, and there: %d imports, %d ends of sessions, %d changes of a PIN", keys, ends, changes)
	if keys+ends+changes == 0 {
		t.Error("nothing was acknowledged before any kill: the test shows nothing")
	}
}

// finishes tells whether the PIN of before is still the one, and has the change
// that is still wanted then made.
func (l *life) finishes(h *holder, old, chosen string) bool {
	l.t.Helper()
	b, p := h.fresh()
	p = b.submit(p, "identifier", h.id, "passcode", old+l.code(h.id))
	if p.url.Path != "/.sesame/pin" {
		return false
	}
	p = b.submit(p, "pin", chosen, "pin_again", chosen)
	h.at(p, "/.sesame/synchronise")
	h.at(b.submit(p, "passcode", chosen+l.code(h.id)), "/")
	return true
}

func count(did bool) int {
	if did {
		return 1
	}
	return 0
}

// TestKilledRestore kills a restore at random instants. The server then serves what was
// there, or what was restored, or refuses to, and never begins afresh; a restore that
// is let alone mends it, and no code of before opens.
func TestKilledRestore(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))
	spent, backup := pin+h.same(), filepath.Join(s.dir, "a.backup")
	s.people(200)
	s.sesame("backup", backup)
	restore := []string{"sesame", "restore", backup, "--config", s.config, "--replace"}
	refused := 0
	for round := range rounds(t, 50, 6) {
		s.stop()
		cmd := exec.Command(binary, restore...)
		cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "LC_ALL=C")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(rand.N(time.Second)) // the instant, not a wait for something
		cmd.Process.Kill()
		killed := cmd.Wait()
		if said, served := s.trial(); !served {
			refused++
			t.Logf("round %d, %v: the server says\n%s", round, killed, said)
			if out, err := s.command(restore...); err != nil {
				t.Fatalf("round %d: a restore behind one that was killed: %v\n%s", round, err, out)
			}
			s.start()
		}
		if got := s.asked(http.MethodGet, "/sesame/users/p199", ""); got != http.StatusOK {
			t.Fatalf("round %d, %v: somebody who was there is answered %d", round, killed, got)
		}
		if again, err := h.opened(spent); err != nil || again != nil {
			t.Fatalf("round %d, %v: a code that was used opens: %v, %v", round, killed, again, err)
		}
	}
	t.Logf("the server was refused %d times", refused)
	s.sesame("audit", "verify")
}
