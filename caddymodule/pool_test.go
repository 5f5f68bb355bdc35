package caddymodule

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// references is how many configurations hold a store.
func references(dir string) int {
	n, _ := pool.References(resolveLinks(dir))
	return n
}

// without is a configuration of Caddy's without the gate.
const without = `{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"writer": {"output": "discard"}}}}}`

// TestReferences counts the store's holders through all that happens to
// configurations. Too many would keep it open for ever, too few would close it
// under somebody.
func TestReferences(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	good := string(s.config)
	check := func(after string, want int) {
		t.Helper()
		if got := references(s.storeDir()); got != want {
			t.Fatalf("after %s: %d references, want %d", after, got, want)
		}
	}
	served := func(after string) {
		t.Helper()
		if a := b.open(s.at("notes", "/x")); a.body != "ok" || a.url().Path != "/x" {
			t.Fatalf("after %s: %s at %s", after, a.Status, a.url())
		}
	}
	check("the first load", 1)
	served("the first load")

	for range 3 {
		s.reload([]byte(good))
	}
	check("reloads", 1)
	served("reloads")

	badProvision := strings.Replace(good, `"name":"autre"`, `"name":"nobody"`, 1)
	if err := caddy.Load([]byte(badProvision), true); err == nil || !strings.Contains(err.Error(), "there is no such application") {
		t.Fatalf("a handler without its application: %v", err)
	}
	check("a failed provision", 1)

	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	badStart := strings.Replace(good, `"servers":{`, `"servers":{"busy":{"listen":["`+busy.Addr().String()+`"]},`, 1)
	for range 8 { // apps start in random order: ours before http, or behind
		if err := caddy.Load([]byte(badStart), true); err == nil {
			t.Fatal("a server on an address in use has started")
		}
		check("a failed start", 1)
	}
	served("failed starts")

	var config caddy.Config
	if err := json.Unmarshal([]byte(good), &config); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&config); err != nil {
		t.Fatal(err)
	}
	check("a validation", 1)
	served("a validation")

	s.reload([]byte(without))
	check("its removal", 0)
	s.reload([]byte(good))
	check("its return", 1)
	served("its return")
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	check("the stop", 0)
}

// TestRequestsOutliveTheirConfiguration: one that is being answered while the
// configuration goes ends well; one that still asks the old gate is refused.
func TestRequestsOutliveTheirConfiguration(t *testing.T) {
	s := startGate(t, "", "")
	b := s.loggedIn("edupont")
	active, err := caddy.ActiveContext().AppIfConfigured("sesame")
	if err != nil {
		t.Fatal(err)
	}
	app := active.(*App)
	old := &Handler{app: app, site: app.byID["notes"]}
	b.open(s.at("notes", "/")) // brings the cookie
	req := b.page(s.at("notes", "/x"))
	for _, c := range b.client.Jar.Cookies(req.URL) {
		req.AddCookie(c)
	}

	if got := callHandler(old, req); got.Code != http.StatusOK {
		t.Fatalf("while the configuration runs: %d", got.Code)
	}
	s.reload(s.config)
	if got := callHandler(old, req); got.Code != http.StatusOK {
		t.Errorf("after a reload: %d", got.Code)
	}
	s.reload([]byte(without))
	got := callHandler(old, req)
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" || got.Header().Get("Sesame-Reference") == "" {
		t.Errorf("after the removal: %d %v", got.Code, got.Header())
	}
	public := b.page(s.at("notes", "/public/x"))
	public.AddCookie(req.Cookies()[0])
	if got := callHandler(old, public); got.Code != http.StatusOK { // open to all, with nobody's name
		t.Errorf("a public path after the removal: %d", got.Code)
	}
}

// callHandler runs one handler over a copy of a request, before an application
// that answers 200.
func callHandler(h *Handler, req *http.Request) *httptest.ResponseRecorder {
	req = req.Clone(context.Background())
	req.RequestURI, req.Host = req.URL.RequestURI(), req.URL.Host
	w := httptest.NewRecorder()
	req = caddyhttp.PrepareRequest(req, caddy.NewReplacer(), w, new(caddyhttp.Server))
	err := h.ServeHTTP(w, req, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	}))
	if err != nil {
		w.Code = 599
	}
	return w
}

// newApp is a configuration outside of Caddy, not yet started.
func newApp(t *testing.T, dir, secret string) *App {
	t.Helper()
	a := &App{Portal: "https://a.test", Store: &Store{Badger: dir}, SecretFile: secret, log: slog.New(slog.DiscardHandler)}
	var err error
	if a.settings, err = a.check(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func places(t *testing.T) (dir, secret string) {
	root := t.TempDir()
	return filepath.Join(root, "store"), filepath.Join(root, "secret")
}

// TestOneReference: however many requests come before the start, and however
// often Cleanup runs, a configuration holds one reference and returns one.
func TestOneReference(t *testing.T) {
	dir, secret := places(t)
	first, second := newApp(t, dir, secret), newApp(t, dir, secret)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := first.gate(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	if got := references(dir); got != 2 {
		t.Errorf("two configurations hold %d references", got)
	}
	for range 3 {
		if err := second.Cleanup(); err != nil {
			t.Error(err)
		}
	}
	if got := references(dir); got != 1 {
		t.Errorf("three Cleanups of one of them left %d references", got)
	}
	if err := second.Start(); err != nil {
		t.Errorf("an ended configuration that had its gate: %v", err)
	}
	late := newApp(t, dir, secret)
	if err := late.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if _, err := late.gate(); err != errOver {
		t.Errorf("an ended configuration opened the store: %v", err)
	}
	if got := references(dir); got != 1 {
		t.Errorf("%d references in the end", got)
	}
}

// Reloads that overlap leave one holder, whatever the order.
func TestReferencesUnderConcurrency(t *testing.T) {
	dir, secret := places(t)
	keep := newApp(t, dir, secret)
	if err := keep.Start(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		a := newApp(t, dir, secret)
		wg.Go(func() {
			if err := a.Start(); err != nil {
				t.Error(err)
			}
			if err := a.Cleanup(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := references(dir); got != 1 {
		t.Errorf("%d references", got)
	}
	if g, err := keep.gate(); err != nil || g.Health(context.Background()) != nil {
		t.Errorf("the store was closed under its holder: %v", err)
	}
}

func TestADirectoryHasOneName(t *testing.T) {
	dir, secret := places(t)
	a := newApp(t, dir, secret)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(dir), link); err != nil {
		t.Fatal(err)
	}
	b := newApp(t, filepath.Join(link, "store"), secret)
	if err := b.Start(); err != nil {
		t.Errorf("through a symbolic link: %v", err)
	}
	if got := references(dir); got != 2 {
		t.Errorf("%d references under one name", got)
	}
}

func TestOtherOptionsForOneDirectory(t *testing.T) {
	dir, secret := places(t)
	if err := newApp(t, dir, secret).Start(); err != nil {
		t.Fatal(err)
	}
	refusedStart(t, newApp(t, dir, secret+"2"), "another secret_file")
	if got := references(dir); got != 1 {
		t.Errorf("%d references", got)
	}
	if _, err := os.Stat(secret + "2"); err == nil {
		t.Error("the refused configuration made a secret file")
	}
}

func TestDirectoryOfAnotherServer(t *testing.T) {
	dir, secret := places(t)
	other, err := badgerstore.Open(dir, badgerstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := makeSecrets(secret); err != nil {
		t.Fatal(err)
	}
	refusedStart(t, newApp(t, dir, secret), "another server already uses the store in "+dir)
	if got := references(dir); got != 0 {
		t.Errorf("%d references", got)
	}
}
