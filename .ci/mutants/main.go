// Mutants plants mistakes that gates of this kind have had, one at a time, and
// wants a test to find each: `make mutants`. A mistake that no test finds ends the
// run with 1, and so does one that can no longer be planted because the code has
// changed.
//
// The tree stays as it is: the compiler is shown the changed file by -overlay.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// mutant is a mistake, and what must find it.
type mutant struct {
	name     string
	file     string
	old, new string // the text, which stands there once, and what it becomes
	pkg, run string // the package and the tests
}

var mutants = []mutant{
	{"M1 what was read is not checked at the commit", "authcore/store/memory.go",
		"if root.get(key) != it {", "if root.get(key) != it && false {", "./authcore/store", "TestMemoryConforms"},
	{"M2 conflicts are not detected", "authcore/store/badgerstore/badgerstore.go",
		"WithDetectConflicts(true)", "WithDetectConflicts(false)", "./authcore/store/badgerstore", "TestConforms$|TestOptions"},
	{"M3 commits do not wait for the disk", "authcore/store/badgerstore/badgerstore.go",
		"WithSyncWrites(true)", "WithSyncWrites(false)", "./authcore/store/badgerstore", "TestOptions"},
	{"M4 the last code alone is remembered, and not all before it", "authcore/key.go",
		"step, fresh := k.Generator.Find(code, max(low, k.Used+1), high)\n", "step, fresh := k.Generator.Find(code, low, high)\n	fresh = fresh && step != k.Used\n", "./authcore", "TestUsedCodesStayUsed|TestTheGoldenRule|TestARandomLife"},
	{"M5 what a key remembers expires", "authcore/login.go",
		"put(keyName(k.Serial), keyRecord(k), time.Time{})", "put(keyName(k.Serial), keyRecord(k), after.now.Add(time.Hour))", "./authcore", "TestWhatForbidsDoesNotExpire"},
	{"M6 a wrong PIN is charged after it was judged", "authcore/scene.go",
		"		s.keys[index].WrongPIN++\n", "", "./authcore", "TestGuessesInFlight|TestLock"},
	{"M7 managed names stay in Connection", "caddymodule/headers.go",
		`case is(key, "Connection"), is(key, "Proxy-Connection"):`, `case is(key, "Proxy-Connection"):`, "./caddymodule", "TestScrub|TestIdentity"},
	{"M8 the usual spelling of a header alone is removed", "caddymodule/names.go",
		"		buf[i] = fold(name[i])\n", "		buf[i] = strings.ToLower(name)[i]\n", "./caddymodule", "TestScrub|TestNameSetHas"},
	{"M9 a lock is looked at in the login and not behind the next code", "authcore/moves.go",
		"k.State != ToSynchronise && !m.challenge.Pair || !s.opens(*k, m.challenge.Trial) {", "k.State != ToSynchronise && !m.challenge.Pair {", "./authcore", "TestShutOut|TestNextCode|TestTheTable"},
	{"M10 the session of before the login lives on", "caddymodule/login.go",
		"	if err := x.endFormer(reply.Token); err != nil {\n		return err\n	}\n", "", "./caddymodule", "TestANewLoginEndsTheOldOne|TestFormer"},
	{"M11 the target is looked at when it comes in and not when it is followed", "caddymodule/login.go",
		"_, target = x.app.origins.target(reply.Challenge.Target)", "target = reply.Challenge.Target", "./caddymodule", "TestTargetThatIsGone"},
	{"M12 for who is unknown no key is tried", "authcore/login.go",
		"serials = []Serial{nobodyKey}", "serials = nil", "./authcore", "TestAGuessReadsTheSame"},
	{"M13 the logout takes the cookie and leaves the session", "caddymodule/own.go",
		"err = x.gate.End(x.r.Context(), s, x.source())", "err = nil", "./caddymodule", "TestLogoutOnThreeHosts|TestLogout"},
	{"M14 a ticket is not bound to the browser that asked for it", "authcore/handover.go",
		"if t.Taken || !mine || t.Host != host", "if t.Taken || !mine && false || t.Host != host", "./authcore", "TestTicket"},
	{"M15 a store that is empty is taken for a new one", "authcore/anchor.go",
		"	case !made:\n		return a.refuse(\"it is empty\")\n", "	case !made:\n", "./authcore", "TestAnchor"},
	{"M16 a store is opened for each configuration", "caddymodule/pool.go",
		"key = where.name()\n", "key = where.name() + time.Now().String()\n", "./caddymodule", "TestStartAndEnd|TestADirectory|TestOtherOptions|Pool|Reload"},
	{"M17 a PIN is hashed for who has shown no code", "authcore/moves.go",
		"	case !t.matched():\n		return m.blind()\n", "	case !t.matched():\n		m = m.blind()\n		m.work = work{judge: s.keys[0].PIN, pin: pin}\n		return m\n", "./authcore", "TestGuessesAreNotHashed|TestTheTable"},
	{"M18 what has ended is measured by the server's clock", "authcore/timekeeper.go",
		"func (g *Gate) now() time.Time { return g.shared.time.look().now() }", "func (g *Gate) now() time.Time { return g.shared.time.look().wall }", "./authcore", "TestAClockSetBackRevivesNothing|TestTheClockGoesBack|TestSessionTouchWhenTheClockGoesBack"},
	{"M19 a store that was moved goes on being written", "authcore/latch.go",
		"if err := l.check(w); err != nil {", "if err := l.check(w); err != nil && false {", "./authcore", "TestCopyInUse$|TestLatch$"},
}

func main() {
	only := regexp.MustCompile(strings.Join(os.Args[1:], "|"))
	alive := 0
	for _, m := range mutants {
		if !only.MatchString(m.name) {
			continue
		}
		began := time.Now()
		verdict, ok := m.try()
		if !ok {
			alive++
		}
		fmt.Printf("%-70s %s (%s)\n", m.name, verdict, time.Since(began).Round(time.Second))
	}
	if alive > 0 {
		fmt.Printf("%d mistakes were not found\n", alive)
		os.Exit(1)
	}
}

// try plants the mistake, and says what came of it.
func (m mutant) try() (verdict string, found bool) {
	dir, err := os.MkdirTemp("", "sesame-mutant-")
	if err != nil {
		return err.Error(), false
	}
	defer os.RemoveAll(dir)
	overlay, err := m.plant(dir)
	if err != nil {
		return err.Error(), false
	}
	out, err := exec.Command("go", "test", "-count=1", "-timeout=10m", "-overlay="+overlay, "-run="+m.run, m.pkg).CombinedOutput()
	failed := regexp.MustCompile(`(?m)^--- FAIL: (\w+)`).FindAllStringSubmatch(string(out), -1)
	switch {
	case len(failed) > 0:
		return "found by " + failed[0][1], true
	case err == nil:
		return "NOT FOUND by " + m.run, false
	}
	return fmt.Sprintf("NOT TRIED: %v\n%.2000s", err, out), false
}

// plant writes the changed file, and the overlay that shows it to the compiler.
func (m mutant) plant(dir string) (overlay string, err error) {
	content, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(content), m.old); n != 1 {
		return "", fmt.Errorf("NOT TRIED: %s has %d times %q, and not once", m.file, n, m.old)
	}
	file, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(content), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, replace, 0o600)
}
