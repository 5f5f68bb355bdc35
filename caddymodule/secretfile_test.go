package caddymodule

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// refusedStart asserts that a configuration does not start, and why.
func refusedStart(t *testing.T, a *App, want ...string) {
	t.Helper()
	err := a.Start()
	if err == nil {
		t.Fatal("it started")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
	if got := references(a.where.dir); a.life.held != "" || got > 1 {
		t.Errorf("a failed start holds %q, %d references", a.life.held, got)
	}
}

func TestSecretFile(t *testing.T) {
	dir, secret := places(t)
	first := newApp(t, dir, secret)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if err := first.Cleanup(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(secret)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the secret file was made as %v, %v", info, err)
	}
	content, err := os.ReadFile(secret)
	if err != nil {
		t.Fatal(err)
	}

	write := func(content []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(secret, content, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(secret, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o620, 0o601} {
		write(content, mode)
		refusedStart(t, newApp(t, dir, secret), "can be read by others", "chmod 600")
	}
	write(content[:len(content)/2], 0o600)
	refusedStart(t, newApp(t, dir, secret), "restore it")
	write(nil, 0o600)
	refusedStart(t, newApp(t, dir, secret), "restore it")
	others, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := others.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	write(foreign, 0o600)
	refusedStart(t, newApp(t, dir, secret), "sealed under another secret file")
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	refusedStart(t, newApp(t, dir, secret), "exists but its secret file "+secret+" is missing", "restore the file")
	if _, err := os.Stat(secret); err == nil {
		t.Error("a fresh secret file was made for an old store")
	}
	if err := os.Mkdir(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	refusedStart(t, newApp(t, dir, secret), "no regular file")
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	write(content, 0o600)
	if err := newApp(t, dir, secret).Start(); err != nil {
		t.Errorf("with the right secret file again: %v", err)
	}
}

// TestRotation changes the secrets under a running server: a reload takes the new
// ones, what was made under the old ones goes on, and a file that does not fit is
// refused without a break.
func TestRotation(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	path := filepath.Join(s.dir, "secret")
	content, secrets, err := loadSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	served := func(after string) {
		t.Helper()
		if a := b.open(s.at("notes", "/x")); a.body != "ok" {
			t.Fatalf("after %s: %s at %s", after, a.Status, a.url())
		}
	}
	replace := func(x *authcore.Secrets) {
		t.Helper()
		text, err := x.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rotated, err := secrets.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	replace(rotated)
	s.reload(s.config)
	served("the rotation")
	s.loggedIn("later")

	foreign, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	replace(foreign)
	if err := caddy.Load(s.config, true); err == nil || !strings.Contains(err.Error(), "does not fit the store") {
		t.Errorf("a foreign secret file: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(s.config, true); err == nil {
		t.Error("a reload without the secret file")
	}
	served("refused secret files")
	if got := references(s.storeDir()); got != 1 {
		t.Errorf("%d references", got)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ofBefore is a secret file of before there were assertions.
func ofBefore(t *testing.T) []byte {
	t.Helper()
	s, err := authcore.NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	content, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]any
	if err := json.Unmarshal(content, &f); err != nil {
		t.Fatal(err)
	}
	delete(f["keysets"].(map[string]any), "assertions")
	if content, err = json.Marshal(f); err != nil {
		t.Fatal(err)
	}
	return content
}

// A secret file of before opens, and has keys for assertions from then on, which
// a restart finds again.
func TestSecretFileOfBefore(t *testing.T) {
	dir, secret := places(t)
	if err := os.WriteFile(secret, ofBefore(t), 0o600); err != nil {
		t.Fatal(err)
	}
	var published []string
	for range 2 {
		a := newApp(t, dir, secret)
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		g, err := a.gate()
		if err != nil {
			t.Fatal(err)
		}
		published = append(published, string(g.AssertionKeys()))
		if err := a.Cleanup(); err != nil {
			t.Fatal(err)
		}
	}
	kids := func(set string) []string { return regexp.MustCompile(`"kid": ?"[^"]*"`).FindAllString(set, -1) }
	if first := kids(published[0]); len(first) != 2 || !slices.Equal(first, kids(published[1])) {
		t.Errorf("the keys are %q, and after a restart %q", first, kids(published[1]))
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

// A file that cannot be written again keeps nobody out: the log says what to do.
func TestSecretFileThatCannotBeWritten(t *testing.T) {
	content := ofBefore(t)
	s, err := authcore.ParseSecrets(content)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "gone", "secret")
	got := completeSecrets(path, content, s, slog.New(slog.NewTextHandler(&log, nil)))
	if !bytes.Equal(got, content) || !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "secret rotate") {
		t.Errorf("%d bytes, log %q", len(got), log.String())
	}
}

// By default everything is in Caddy's data directory, the secret beside the
// store and not in it.
func TestDefaultPlace(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	got, err := (&App{}).place()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "caddy")
	want := place{filepath.Join(data, "sesame"), filepath.Join(data, "sesame.secret"), anchorFile(filepath.Join(data, defaultAnchor(filepath.Join(data, "sesame")))), nil}
	if got != want {
		t.Errorf("the default place is %+v, want %+v", got, want)
	}
}
