package caddymodule

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptFollower is the command audit --follow of one script.
type scriptFollower struct {
	cmd   *exec.Cmd
	lines chan string // closed at its end
}

type followerKey struct{}

func followerOf(ts *testscript.TestScript) *scriptFollower {
	return ts.Value(followerKey{}).(*scriptFollower)
}

func scriptFollow(ts *testscript.TestScript, _ bool, args []string) {
	f := followerOf(ts)
	f.cmd = exec.Command(ts.Getenv("CADDY"), append([]string{"sesame", "audit", "--follow", "--address", ts.Getenv("ADMIN")}, args...)...)
	f.cmd.Dir = ts.MkAbs(".")
	f.cmd.Env = []string{"TZ=UTC", "HOME=" + ts.Getenv("HOME")}
	stdout, err := f.cmd.StdoutPipe()
	ts.Check(err)
	f.cmd.Stderr = f.cmd.Stdout
	ts.Check(f.cmd.Start())
	ts.Defer(func() { f.cmd.Process.Kill() })
	f.lines = make(chan string, 1000)
	go func() {
		defer close(f.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			f.lines <- lines.Text()
		}
	}()
}

func scriptFollowed(ts *testscript.TestScript, _ bool, args []string) {
	wanted, late := regexp.MustCompile(args[0]), time.After(time.Minute)
	for {
		select {
		case line, more := <-followerOf(ts).lines:
			checkPrinted(ts, "the follower", line)
			if wanted.MatchString(line) {
				return
			}
			if !more {
				ts.Fatalf("it ended before it printed what is like %s", args[0])
			}
		case <-late:
			ts.Fatalf("it printed nothing like %s", args[0])
		}
	}
}

func scriptUnfollow(ts *testscript.TestScript, _ bool, _ []string) {
	f := followerOf(ts)
	ts.Check(f.cmd.Process.Signal(os.Interrupt))
	for range f.lines { // until it has ended
	}
	ts.Check(f.cmd.Wait())
}
