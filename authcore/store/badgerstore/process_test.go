package badgerstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// The test binary plays another server when this variable names a directory.
const serverDir = "BADGERSTORE_TEST_SERVER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverDir); dir != "" {
		serve(dir)
		return
	}
	os.Exit(m.Run())
}

// serve consumes one number after the other in dir and prints each as soon as
// it is acknowledged. It does not end.
func serve(dir string) {
	s, err := Open(dir, quiet())
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		var n int
		err := s.Update(context.Background(), func(w store.Writer) (err error) {
			if n, err = used(w.Get); err != nil {
				return err
			}
			n++
			return errors.Join(
				w.Put("used", []byte(strconv.Itoa(n)), time.Time{}),
				w.Put(fmt.Sprintf("audit/%d", n), make([]byte, 4000), time.Time{}))
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(n)
	}
}

func used(get func(string) ([]byte, error)) (int, error) {
	value, err := get("used")
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(value))
}

// startServer starts another server on dir and returns what it prints.
func startServer(t *testing.T, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this very binary
	cmd.Env = append(os.Environ(), serverDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

// TestKill kills servers amid their writes, some with a full table behind them,
// and looks whether the next one finds all that they acknowledged.
func TestKill(t *testing.T) {
	dir := newDir(t)
	for round, writes := range []int{1, 2, 50, 7, 400, 3} {
		cmd, out := startServer(t, dir)
		var acknowledged int
		for range writes {
			if _, err := fmt.Fscanln(out, &acknowledged); err != nil {
				t.Fatalf("round %d: the server ended: %v", round, err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		// What was printed before the kill had been acknowledged as well.
		for err := error(nil); err == nil; _, err = fmt.Fscanln(out, &acknowledged) {
		}
		_ = cmd.Wait() // it was killed
		if err := audited(dir, acknowledged); err != nil {
			t.Fatalf("round %d, killed after %d acknowledged: %v", round, acknowledged, err)
		}
	}
}

// audited returns an error unless the store in dir has consumed at least so
// many numbers, each with its entry, whole.
func audited(dir string, acknowledged int) error {
	s, err := Open(dir, quiet())
	if err != nil {
		return err
	}
	err = s.View(context.Background(), func(r store.Reader) error {
		n, err := used(r.Get)
		if err != nil || n < acknowledged || n > acknowledged+1 {
			return fmt.Errorf("%d numbers are consumed (%w), want %d or the one under way", n, err, acknowledged)
		}
		var entries int
		for entry, err := range r.Scan("audit/", "") {
			if err != nil || len(entry.Value) != 4000 {
				return fmt.Errorf("entry %s has %d bytes (%w), want 4000", entry.Key, len(entry.Value), err)
			}
			entries++
		}
		if entries != n {
			return fmt.Errorf("%d numbers are consumed, but there are %d entries", n, entries)
		}
		return nil
	})
	return errors.Join(err, s.Close())
}

func TestSecondServer(t *testing.T) {
	dir := newDir(t)
	openEngine(t, dir, quiet(), as)
	cmd, out := startServer(t, dir)
	said, err := io.ReadAll(out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if want := lockedError(dir).Error() + "\n"; string(said) != want {
		t.Errorf("a second server says %q, want %q", said, want)
	}
}
