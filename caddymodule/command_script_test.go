package caddymodule

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// TestScripts runs the scripts of testdata/script against the real server, as an
// operator does. Beside testscript's own commands there are:
//
//	keyfile FILE SERIAL...      writes a supplier's file
//	stage                       makes a store with people in several states
//	later DURATION              has the stopped server's store told a time that far ahead
//	serve                       starts the server and waits until it serves
//	stop                        stops it
//	[!] sesame ARG...           runs our command; it must succeed, or exit with 1
//	complete WORD...            asks what a shell would propose for the last word of our command
//	follow ARG...               begins our command audit --follow
//	followed PATTERN            waits until it has printed a line like that
//	unfollow                    interrupts it, upon which it succeeds
//	capture NAME PATTERN        sets a variable to what the group in PATTERN found in stdout
//	request METHOD TARGET [NAME:VALUE...]   asks the admin endpoint at $ADMIN over TCP
//
// After each, what was printed is searched for the seeds of all keys and for
// control characters, and so is the server's log in the end.
func TestScripts(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "caddy")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../xcaddy").CombinedOutput(); err != nil {
		t.Fatalf("the server does not build: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "CADDY="+binary, "ADMIN=unix/admin.sock", "HOME="+env.WorkDir,
				"XDG_CONFIG_HOME="+env.WorkDir, "XDG_DATA_HOME="+env.WorkDir, "TZ=UTC", "LC_ALL=C")
			return scriptFiles(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"keyfile": scriptKeyFile,
			"stage":   func(ts *testscript.TestScript, _ bool, _ []string) { scriptStage(scriptT{ts, t}) },
			"later":   scriptLater,
			"serve":   scriptServe,
			"stop":    func(ts *testscript.TestScript, _ bool, _ []string) { serverOf(ts).stop(ts) },
			"sesame":  scriptSesame,
			"request": scriptRequest,
			"capture": scriptCapture,

			"follow":   scriptFollow,
			"followed": scriptFollowed,
			"unfollow": scriptUnfollow,
			"complete": scriptComplete,
		},
	})
}

// scriptFiles writes what a script does not bring itself: a configuration whose
// admin endpoint is a socket, one where it is a free port, $PORT, and the
// suppliers' files of package keyfile's tests.
func scriptFiles(env *testscript.Env) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	env.Vars = append(env.Vars, "PORT="+port)
	env.Values[serverKey{}] = new(scriptServer)
	env.Values[followerKey{}] = new(scriptFollower)
	config, err := os.ReadFile("testdata/script/Caddyfile")
	if err != nil {
		return err
	}
	tcp := strings.Replace(string(config), "unix/admin.sock", "127.0.0.1:"+port, 1)
	suppliers := filepath.Join(env.WorkDir, "suppliers")
	return errors.Join(l.Close(), os.CopyFS(suppliers, os.DirFS("../authcore/keyfile/testdata")),
		os.WriteFile(filepath.Join(env.WorkDir, "Caddyfile"), config, 0o600),
		os.WriteFile(filepath.Join(env.WorkDir, "tcp.caddyfile"), []byte(tcp), 0o600))
}

// scriptSerials are all keys of the scripts; castKey makes their seeds.
var scriptSerials = []string{"0123456789", "FT1", "FT2", "FT3", "FT4", "FT5", "FT6"}

// checkPrinted fails when a text shows a seed, or would command a terminal.
func checkPrinted(ts *testscript.TestScript, what, text string) {
	for _, serial := range scriptSerials {
		for _, form := range seedForms(castKey(serial).Seed) {
			if strings.Contains(text, form) {
				ts.Fatalf("%s shows the seed of key %s", what, serial)
			}
		}
	}
	for _, f := range protectedFiles {
		if strings.Contains(text, strings.TrimSpace(f.secret)) || strings.Contains(text, strings.ReplaceAll(strings.TrimSpace(f.secret), " ", "")) {
			ts.Fatalf("%s shows what opens %s", what, f.file)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
		ts.Fatalf("%s has a character that does not print", what)
	}
}

func scriptKeyFile(ts *testscript.TestScript, _ bool, args []string) {
	var file strings.Builder
	for _, serial := range args[1:] {
		if !slices.Contains(scriptSerials, serial) {
			ts.Fatalf("the key %s is not one of scriptSerials", serial)
		}
		file.WriteString(csvLine(serial))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(file.String()), 0o600))
}

// scriptT lets a cast fail the script that it plays in.
type scriptT struct {
	*testscript.TestScript
	test *testing.T
}

func (t scriptT) Helper()                  {}
func (t scriptT) Fatal(args ...any)        { t.Fatalf("%s", fmt.Sprint(args...)) }
func (t scriptT) Context() context.Context { return t.test.Context() }

// scriptStage plays what happened in the last hour: jdupont is logged in, and has
// two passkeys;
// cnouvel has never been; lbernard has locked his key; smartin is logged in but
// has no rights; absent is disabled; sanscle has no key.
func scriptStage(t scriptT) {
	ts := t.TestScript
	secrets, err := authcore.NewSecrets()
	ts.Check(err)
	content, err := secrets.Marshal()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("secret"), content, 0o600))
	c := &cast{t: t, clock: time.Now().Add(-40 * time.Minute)}
	db, err := badgerstore.Open(ts.MkAbs("store"), badgerstore.Options{Logger: slog.New(slog.DiscardHandler), Now: c.now})
	ts.Check(err)
	c.open(db, secrets)
	teachers := []string{"enseignants"}
	c.person(authcore.Account{Identifier: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Groups: teachers}, "0123456789")
	c.person(authcore.Account{Identifier: "cnouvel", Groups: teachers}, "FT1")
	c.person(authcore.Account{Identifier: "lbernard", Groups: teachers}, "FT2")
	c.person(authcore.Account{Identifier: "smartin", Surname: "Martin"}, "FT3")
	c.person(authcore.Account{Identifier: "absent", Groups: teachers}, "FT4")
	c.person(authcore.Account{Identifier: "sanscle", Functions: []string{"DIR"}}, "")
	for id, serial := range map[string]string{"jdupont": "0123456789", "lbernard": "FT2", "smartin": "FT3", "absent": "FT4"} {
		token := c.firstLogin(id, serial, "7294")
		if id == "jdupont" {
			c.passkey(token, "Phone")
			c.passkey(token, "Security key")
		}
	}
	for range c.gate.Policy().LockAfter {
		c.login("lbernard", "FT2", "0000")
	}
	c.must(c.gate.DisableAccount(t.Context(), castActor, "absent"))
	ts.Check(db.Close())
}

// scriptLater is a server whose clock is ahead, for a moment.
func scriptLater(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	_, secrets, err := loadSecrets(ts.MkAbs("secret"))
	ts.Check(err)
	later := func() time.Time { return time.Now().Add(d) }
	db, err := badgerstore.Open(ts.MkAbs("store"), badgerstore.Options{Logger: slog.New(slog.DiscardHandler), Now: later})
	ts.Check(err)
	g, err := authcore.New(context.Background(), authcore.Config{Store: db, Secrets: secrets, Now: later})
	ts.Check(err)
	ts.Check(g.KeepTime(context.Background()))
	ts.Check(db.Close())
}

// scriptServer is the server of one script.
type scriptServer struct {
	cmd    *exec.Cmd
	exited chan struct{}

	mu  sync.Mutex
	log strings.Builder
}

type serverKey struct{}

func serverOf(ts *testscript.TestScript) *scriptServer {
	return ts.Value(serverKey{}).(*scriptServer)
}

// scriptServe starts the server, with Caddyfile or the file named.
func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	s := serverOf(ts)
	config := append(args, "Caddyfile")[0]
	s.cmd = exec.Command(ts.Getenv("CADDY"), "run", "--config", config)
	s.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "PATH"} {
		s.cmd.Env = append(s.cmd.Env, name+"="+ts.Getenv(name))
	}
	stderr, err := s.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ready := make(chan struct{})
	s.exited = make(chan struct{})
	go s.read(stderr, ready)
	ts.Defer(func() { s.stop(ts) })
	select {
	case <-ready:
	case <-s.exited:
		ts.Fatalf("the server did not start:\n%s", s.lines())
	case <-time.After(time.Minute):
		ts.Fatalf("the server did not say that it serves:\n%s", s.lines())
	}
}

// read keeps the log, and closes ready at the line that says that all is there.
func (s *scriptServer) read(stderr io.Reader, ready chan struct{}) {
	defer close(s.exited)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.mu.Lock()
		s.log.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if ready != nil && strings.Contains(lines.Text(), "serving initial configuration") {
			close(ready)
			ready = nil
		}
	}
	s.cmd.Wait()
}

func (s *scriptServer) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// stop ends the server as systemd does, and looks at its log.
func (s *scriptServer) stop(ts *testscript.TestScript) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		s.cmd.Process.Kill()
		<-s.exited
		ts.Logf("the server had to be killed")
	}
	s.cmd = nil
	checkPrinted(ts, "the server's log", strings.ReplaceAll(s.lines(), "\U0001f44b", ""))
}

func scriptSesame(ts *testscript.TestScript, neg bool, args []string) {
	if !slices.Contains(args, "--address") && !slices.Contains(args, "--config") {
		args = append(args, "--address", ts.Getenv("ADMIN"))
	}
	err := ts.Exec(ts.Getenv("CADDY"), append([]string{"sesame"}, args...)...)
	checkPrinted(ts, "the command", ts.ReadFile("stdout")+ts.ReadFile("stderr"))
	exit, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case err != nil && !failed:
		ts.Fatalf("%v", err)
	case failed && exit.ExitCode() != 1:
		ts.Fatalf("it exits with %d", exit.ExitCode())
	case failed != neg:
		ts.Fatalf("it exits with %v", err)
	}
}

// scriptComplete asks as the scripts do that "caddy completion" writes.
func scriptComplete(ts *testscript.TestScript, _ bool, args []string) {
	last := len(args) - 1 // with its flag, where it is the value of one
	if strings.HasPrefix(args[last-1], "--") {
		last--
	}
	words := slices.Concat([]string{"__complete", "sesame"}, args[:last], []string{"--address", ts.Getenv("ADMIN")}, args[last:])
	ts.Check(ts.Exec(ts.Getenv("CADDY"), words...))
	checkPrinted(ts, "the completion", ts.ReadFile("stdout")+ts.ReadFile("stderr"))
}

func scriptCapture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("nothing that was printed is like %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// scriptRequest prints the answer's status and body. Host is a header here.
func scriptRequest(ts *testscript.TestScript, _ bool, args []string) {
	var body io.Reader
	headers := args[2:]
	if i := slices.Index(headers, "--"); i >= 0 {
		body = strings.NewReader(strings.Join(headers[i+1:], " "))
		headers = headers[:i]
	}
	r, err := http.NewRequest(args[0], "http://"+ts.Getenv("ADMIN")+args[1], body)
	ts.Check(err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Add(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s", resp.StatusCode, answer)
}
