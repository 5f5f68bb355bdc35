package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const keysOfAFile = 6000

// keyLines are lines of a supplier's file.
func keyLines(from, to int) string {
	var file strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&file, "FILE-%d,%040x,totp,6,60\n", i, i+1)
	}
	return file.String()
}

// importKeys sends a file and returns the answer as far as it came.
func (s *server) importKeys(file io.Reader) (string, error) {
	resp, err := http.Post("http://"+s.admin+"/sesame/keys/import", "text/csv", file)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// stock counts the keys of the file that are there.
func (s *server) stock() int {
	s.t.Helper()
	var list struct{ Keys []struct{ Serial string } }
	if err := json.Unmarshal([]byte(s.sesame("key", "list", "--json")), &list); err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, k := range list.Keys {
		if strings.HasPrefix(k.Serial, "FILE-") {
			n++
		}
	}
	return n
}

func (s *server) wantImported(file, says string) {
	s.t.Helper()
	answer, err := s.importKeys(strings.NewReader(file))
	if err != nil || !strings.Contains(answer, says) {
		s.t.Fatalf("the second try: %.300s (%v), want …%s…", answer, err, says)
	}
	if n := s.stock(); n != keysOfAFile {
		s.t.Errorf("%d keys are in stock, want %d", n, keysOfAFile)
	}
	s.sesame("audit", "verify")
}

// TestKillWhileAFileIsRead kills the server when it has staged thousands of keys
// and waits for more: nothing of them is there, and the second try succeeds.
func TestKillWhileAFileIsRead(t *testing.T) {
	s := newServer(t)
	body, write := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		_, err := s.importKeys(body)
		answered <- err
	}()
	// Of what is written, the reader on the other side may keep some tens of KiB.
	if _, err := io.WriteString(write, keyLines(0, keysOfAFile-1000)); err != nil {
		t.Fatal(err)
	}
	if out := s.refusedImport(); !strings.Contains(out, "another import is under way") {
		t.Errorf("a second import meanwhile: %s", out)
	}
	s.kill()
	write.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-answered; err == nil {
		t.Error("the dead server answered")
	}
	s.start()
	if !contains(s.log.String(), "forgetting an import that was broken off") {
		t.Error("the server does not say that it forgets what was staged: the test shows nothing")
	}
	if n := s.stock(); n != 0 {
		t.Errorf("%d keys are there", n)
	}
	s.wantImported(keyLines(0, keysOfAFile), fmt.Sprintf(`"imported":%d`, keysOfAFile))
}

// refusedImport tries an import of one key by the command.
func (s *server) refusedImport() string {
	s.t.Helper()
	name := s.dir + "/one.csv"
	s.write(name, "ONE,4142434445464748494a4b4c4d4e4f5051525354,totp,6,60\n")
	out, err := s.command("sesame", "key", "import", name, "--address", s.admin)
	if err == nil {
		s.t.Fatalf("it was imported:\n%s", out)
	}
	return out
}

// TestKillWhileKeysAreWritten kills the server when some hundred keys of an import
// are there: everything is there once it serves again.
func TestKillWhileKeysAreWritten(t *testing.T) {
	s := newServer(t)
	written := func(log string) int { return strings.Count(log, `"key-imported"`) }
	answered := make(chan error, 1)
	go func() {
		_, err := s.importKeys(strings.NewReader(keyLines(0, keysOfAFile)))
		answered <- err
	}()
	s.log.await(t, func(log string) bool { return written(log) >= 200 })
	s.kill()
	if err := <-answered; err == nil {
		t.Error("the server answered: the test shows nothing")
	}
	t.Logf("killed when %d of %d keys were there", written(s.log.String()), keysOfAFile)
	s.start()
	if !contains(s.log.String(), "finishing an import that was broken off") {
		t.Error("the server does not say that it finishes the import: the test shows nothing")
	}
	if n := s.stock(); n != keysOfAFile {
		t.Errorf("%d keys are in stock, want %d", n, keysOfAFile)
	}
	s.wantImported(keyLines(0, keysOfAFile), fmt.Sprintf(`"refused":%d`, keysOfAFile))
}
