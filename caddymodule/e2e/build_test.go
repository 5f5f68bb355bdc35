package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestXcaddyBuildsIt builds a server the way the manual tells operators to. Where
// xcaddy cannot be installed, a module made for the purpose builds it.
func TestXcaddyBuildsIt(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	proxy := unpublished(t)
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOPROXY="+proxy,
			"XCADDY_GO_BUILD_FLAGS=-buildvcs=false") // without -trimpath, which would compile everything anew
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("go", "mod", "init", "throwaway")
	run("go", "get", "github.com/caddyserver/xcaddy/cmd/xcaddy@v0.4.5")
	run("go", "build", "-o", "xcaddy", "github.com/caddyserver/xcaddy/cmd/xcaddy")
	caddy := filepath.Join(dir, "caddy")
	run(filepath.Join(dir, "xcaddy"), "build", "v2.11.9", "--with", "github.com/sesame-gateway/sesame/caddymodule",
		"--replace", "github.com/sesame-gateway/sesame="+root, "--output", caddy)
	modules := run(caddy, "list-modules")
	for _, want := range []string{"sesame\n", "http.handlers.sesame\n", "admin.api.sesame\n"} {
		if !strings.Contains(modules, want) {
			t.Errorf("the server that xcaddy built lacks the module %q", strings.TrimSpace(want))
		}
	}
	if out := run(caddy, "sesame", "--help"); !strings.Contains(out, "demo") {
		t.Errorf("sesame --help does not know the demonstration:\n%s", out)
	}
}

// unpublished is a module proxy that does not have our module, as long as it is
// not published, and passes every other question on. (go get asks for a module
// at each prefix of a package's path, and goes on at a "not found" only; a
// proxy with a list of its own may answer otherwise.)
func unpublished(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	upstream, _, _ := strings.Cut(strings.TrimSpace(string(out)), ",")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/github.com/sesame-gateway/") {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, strings.TrimSuffix(upstream, "/")+r.URL.Path, http.StatusFound)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
