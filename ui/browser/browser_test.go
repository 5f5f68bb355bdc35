// Package browser_test shows the pages to Chromium, as people will meet them.
// It stands apart from the package it tests because the protocol of the browser
// is a large program to link, and slow under the fuzzer.
package browser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// policy is the strictest one that these pages are to be served under.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// site serves every state of every page at /LANG/STATE, the static files, and
// remembers what the forms post.
type site struct {
	*httptest.Server

	renderer *ui.Renderer
	pages    map[string]states.State

	mu    sync.Mutex
	posts []post
	held  func() // what a post waits for before it is answered

	left atomic.Int32 // how long the session lasts, in seconds
}

// post is one form that has arrived.
type post struct {
	path   string
	fields map[string][]string
}

func newSite(t *testing.T) *site {
	t.Helper()
	renderer, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{renderer: renderer, pages: make(map[string]states.State)}
	s.left.Store(3600)
	for _, st := range states.All() {
		s.pages[st.Name] = st
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{lang}/{state}", s.page)
	mux.HandleFunc("GET /sheet/{lang}/{name}", s.servesSheets)
	mux.HandleFunc("POST /", s.post)
	mux.HandleFunc("GET "+ui.PathSessionScript, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(ui.SessionScript())
	})
	mux.HandleFunc("GET "+ui.PathSession, func(w http.ResponseWriter, _ *http.Request) {
		if s.left.Load() < 0 {
			http.Error(w, "it is over", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"seconds_left":%d,"warning_seconds":300,"extendable":true}`, s.left.Load())
	})
	mux.HandleFunc("GET "+ui.PathConsolePicture, showPicture)
	mux.HandleFunc("GET "+ui.StaticPrefix+"{name}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeFileFS(w, r, ui.Static(), r.PathValue("name"))
	})
	s.Server = httptest.NewServer(strict(mux))
	t.Cleanup(s.Close)
	return s
}

// showPicture is a screenshot of a usual screen.
func showPicture(w http.ResponseWriter, _ *http.Request) {
	screen := image.NewRGBA(image.Rect(0, 0, 1920, 1080))
	draw.Draw(screen, screen.Bounds(), image.NewUniform(color.RGBA{G: 90, B: 120, A: 255}), image.Point{}, draw.Src)
	w.Header().Set("Content-Type", "image/png")
	_ = png.Encode(w, screen)
}

func strict(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	st, ok := s.pages[r.PathValue("state")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	lang := ui.Negotiate(r.PathValue("lang"), "")
	var html bytes.Buffer
	if err := s.renderer.Render(&html, st.In(lang), st.Page); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(html.Bytes())
}

// post keeps the form and shows the page that says so.
func (s *site) post(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.posts = append(s.posts, post{r.URL.Path, r.PostForm})
	held := s.held
	s.mu.Unlock()
	if held != nil {
		held()
	}
	http.Redirect(w, r, "/fr/loggedOut", http.StatusSeeOther)
}

// taken returns the forms posted since the last call.
func (s *site) taken() []post {
	s.mu.Lock()
	defer s.mu.Unlock()
	posts := s.posts
	s.posts = nil
	return posts
}

// hold keeps the answers to forms back until release is called; arrived tells
// of each form that waits.
func (s *site) hold(t *testing.T) (arrived <-chan struct{}, release func()) {
	waiting, gate := make(chan struct{}, 16), make(chan struct{})
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = func() {
		waiting <- struct{}{}
		<-gate
	}
	return waiting, release
}

// address is where a state is served.
func (s *site) address(l ui.Lang, name string) string {
	return s.URL + "/" + l.String() + "/" + name
}

// limit is how long a browser may be used by one test.
const limit = 10 * time.Minute

// newBrowser starts Chromium and returns the context of one tab. Without
// Chromium the test fails: what it shows can be shown in no other way.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if errors.Is(err, exec.ErrNotFound) {
		path, err = exec.LookPath("google-chrome")
	}
	if err != nil {
		t.Fatal("the browser tests need Chromium, and there is none in the PATH: install it (apt-get install chromium) and run them again")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // Chromium refuses its sandbox to root; it shows nothing but our own pages here
		chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancelAllocator)
	ctx, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("Chromium at %s does not start: %v", path, err)
	}
	return ctx
}

// do runs browser steps, and stops the test at the first that fails.
func do(ctx context.Context, t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// ask evaluates JavaScript in the page and returns its value.
func ask[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%v\nin %s", err, expression)
	}
	return value
}

// frame waits until the page has been drawn: only then has autofocus had its
// way, and what has the focus has been scrolled to.
func frame(ctx context.Context, t *testing.T) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err != nil {
		t.Fatal(err)
	}
}

// always has a script run in every page before its own.
func always(ctx context.Context, t *testing.T, script string) {
	t.Helper()
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	if err != nil {
		t.Fatal(err)
	}
}

// shoot saves the page as a picture in the directory that SESAME_SCREENSHOTS
// names, if it names one.
func shoot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SESAME_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)
	}
	if err != nil {
		t.Errorf("save the screenshot %s: %v", name, err)
	}
}

// readAxe returns the source of the accessibility checker.
func readAxe(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "testdata", "axe", "node_modules", "axe-core", "axe.min.js"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the browser tests need axe-core, which is not in this repository: run npm ci --ignore-scripts in ui/testdata/axe, or make test, which does so")
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(source))
}
