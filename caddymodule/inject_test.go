package caddymodule

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPolicyAllows reads policies as browsers do.
func TestPolicyAllows(t *testing.T) {
	here := origin{"https", "notes.example.org:8443"}
	for policy, want := range map[string]bool{
		"":                   true,
		"default-src 'self'": true,
		"default-src 'none'": false,
		"default-src 'none'; script-src 'self'; connect-src 'self'": true,
		"default-src 'none'; script-src 'self'":                     false, // it could not ask
		"default-src 'self'; script-src 'none'":                     false,
		"script-src 'nonce-abc'":                                    false,
		"script-src 'self' 'nonce-abc'":                             true,
		"script-src 'self' 'strict-dynamic' 'nonce-abc'":            false,
		"script-src-elem 'self'; script-src 'none'":                 true,
		"script-src-elem 'none'; script-src 'self'":                 false,
		"script-src *":                   true,
		"script-src https://cdn.example": false,
		"script-src https://notes.example.org:8443 https://cdn.example": true,
		"script-src https://notes.example.org":                          false, // another port
		"script-src notes.example.org:8443":                             true,
		"script-src https:":                                             true,
		"script-src http:":                                              false,
		"SCRIPT-SRC 'SELF' ; Connect-Src *":                             true,
		"script-src 'self'; script-src 'none'":                          true, // the first counts
		"script-src 'none'; script-src 'self'":                          false,
		"script-src":                                                    false,
		"connect-src 'none'":                                            false,
		"img-src 'none'; style-src 'none'":                              true,
		"sandbox":                                                       false,
		"sandbox allow-forms":                                           false,
		"sandbox allow-scripts":                                         false, // of no origin, it has no session
		"sandbox allow-scripts allow-same-origin":                       true,
		"; ;;":                                  true,
		"default-src 'self', script-src 'none'": false,
		"default-src 'self', default-src *":     true,
	} {
		h := http.Header{"Content-Type": {"text/html"}, "Content-Security-Policy": {policy}}
		if got := takesScript(h, here); got != want {
			t.Errorf("%q: %v", policy, got)
		}
	}
	two := http.Header{"Content-Type": {"text/html"}, "Content-Security-Policy": {"default-src 'self'", "script-src 'none'"}}
	if takesScript(two, here) {
		t.Error("of two policies the stricter one is not heard")
	}
}

// written is what an application answers to a request.
type written struct {
	status int
	header map[string]string
	body   string
}

// injectApp answers each path with what stands there.
func injectApp(t *testing.T, answers map[string]written) *httptest.Server {
	t.Helper()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers[r.URL.Path]
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		for name, value := range a.header {
			h.Set(name, value)
		}
		if a.status == 0 {
			a.status = http.StatusOK
		}
		w.WriteHeader(a.status)
		if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
			_, _ = io.WriteString(w, a.body)
		}
	}))
	t.Cleanup(app.Close)
	return app
}

const plainPage = "<!doctype html><title>t</title><p>Élève</p></html>\n"

// TestInject puts the script behind pages, and behind nothing else.
func TestInject(t *testing.T) {
	length := strconv.Itoa(len(plainPage))
	answers := map[string]written{
		"/page":       {body: plainPage, header: map[string]string{"Content-Length": length, "ETag": `"abc"`, "Accept-Ranges": "bytes", "Last-Modified": "Mon, 02 Mar 2026 08:41:07 GMT"}},
		"/chunked":    {body: plainPage + strings.Repeat("x", 10_000), header: map[string]string{"ETag": `W/"abc"`}},
		"/empty":      {header: map[string]string{"Content-Length": "0"}},
		"/latin":      {body: "<p>\xc9l\xe8ve", header: map[string]string{"Content-Type": "text/html;charset=ISO-8859-1"}},
		"/nocharset":  {body: plainPage, header: map[string]string{"Content-Type": "text/html"}},
		"/inline":     {body: plainPage, header: map[string]string{"Content-Disposition": "inline; filename=x.html"}},
		"/allowed":    {body: plainPage, header: map[string]string{"Content-Security-Policy": "default-src 'self'"}},
		"/forbidden":  {body: plainPage, header: map[string]string{"Content-Security-Policy": "default-src 'none'"}},
		"/utf16":      {body: plainPage, header: map[string]string{"Content-Type": "text/html; charset=utf-16"}},
		"/xhtml":      {body: plainPage, header: map[string]string{"Content-Type": "application/xhtml+xml"}},
		"/json":       {body: "{}", header: map[string]string{"Content-Type": "application/json"}},
		"/broken":     {body: plainPage, header: map[string]string{"Content-Type": "text/html; charset"}},
		"/attachment": {body: plainPage, header: map[string]string{"Content-Disposition": "attachment; filename=x.html"}},
		"/digest":     {body: plainPage, header: map[string]string{"Content-Digest": "sha-256=:x:"}},
		"/untouched":  {body: plainPage, header: map[string]string{"Cache-Control": "private, no-transform"}},
		"/encoded":    {body: "\x1f\x8b", header: map[string]string{"Content-Encoding": "br"}},
		"/created":    {status: http.StatusCreated, body: plainPage},
		"/error":      {status: http.StatusInternalServerError, body: plainPage},
		"/missing":    {status: http.StatusNotFound, body: plainPage},
		"/nothing":    {status: http.StatusNoContent},
		"/unchanged":  {status: http.StatusNotModified, header: map[string]string{"ETag": `"abc"`}},
	}
	app := injectApp(t, answers)
	for _, injects := range []bool{true, false} {
		s := newTestServer(t)
		s.notes.Address = app.Listener.Addr().String()
		more := ""
		if injects {
			more = "session_warning inject"
		}
		s.run("", more)
		b := s.loggedIn("edupont")
		b.open(s.at("notes", "/json"))
		tag := "\n<script src=\"" + s.at("notes", "/.sesame/session.js") + "\" defer></script>\n"
		gets := map[string]bool{"/page": true, "/chunked": true, "/empty": true, "/latin": true, "/nocharset": true, "/inline": true, "/allowed": true}
		for path, want := range answers {
			a := b.once(b.page(s.at("notes", path)))
			body := want.body
			if injects && gets[path] {
				body += tag
			}
			if a.body != body {
				t.Errorf("injects %v, %s: %q", injects, path, a.body)
			}
			if a.ContentLength >= 0 && a.ContentLength != int64(len(body)) {
				t.Errorf("injects %v, %s: Content-Length %d of %d", injects, path, a.ContentLength, len(body))
			}
		}
		a := b.once(b.page(s.at("notes", "/page")))
		want := map[string]string{"Content-Length": length, "Etag": `"abc"`, "Accept-Ranges": "bytes", "Last-Modified": "Mon, 02 Mar 2026 08:41:07 GMT"}
		if injects {
			want["Content-Length"], want["Etag"], want["Accept-Ranges"] = strconv.Itoa(len(plainPage)+len(tag)), `W/"abc"`, "none"
		}
		head := b.page(s.at("notes", "/page"))
		head.Method = http.MethodHead
		for _, a := range []answer{a, b.once(head)} {
			got := map[string]string{}
			for name := range want {
				got[name] = a.Header.Get(name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("injects %v, %s (-want +got):\n%s", injects, a.Request.Method, diff)
			}
		}
		if a := b.once(b.page(s.at("notes", "/unchanged"))); a.StatusCode != http.StatusNotModified || a.Header.Get("ETag") != `"abc"` {
			t.Errorf("injects %v, not changed: %s %q", injects, a.Status, a.Header.Get("ETag"))
		}
	}
}

// TestInjectIsForPageLoads: what a script, a frame or a download asks for stays as
// it is, and so does everything for who is not logged in.
func TestInjectIsForPageLoads(t *testing.T) {
	app := injectApp(t, map[string]written{"/page": {body: plainPage}, "/public/x": {body: plainPage}})
	s := newTestServer(t)
	s.notes.Address = app.Listener.Addr().String()
	s.run("", "session_warning inject")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/x"))
	for _, tt := range []struct {
		name   string
		by     *browser
		path   string
		header []string
		gets   bool
	}{
		{"a page", b, "/page", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true},
		{"an older browser", b, "/page", []string{"Accept", "text/html"}, true},
		{"a frame", b, "/page", []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, false},
		{"a script", b, "/page", []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}, false},
		{"XMLHttpRequest", b, "/page", []string{"X-Requested-With", "XMLHttpRequest", "Accept", "text/html"}, false},
		{"a download that goes on", b, "/page", []string{"Accept", "text/html", "Range", "bytes=10-"}, false},
		{"a public page, logged in", b, "/public/x", []string{"Accept", "text/html"}, true},
		{"a public page", newBrowser(t), "/public/x", []string{"Accept", "text/html"}, false},
	} {
		a := tt.by.once(tt.by.request("GET", s.at("notes", tt.path), tt.header...))
		if got := strings.Contains(a.body, "session.js"); got != tt.gets || !strings.HasPrefix(a.body, plainPage) {
			t.Errorf("%s: %s\n%s", tt.name, a.Status, a.body)
		}
	}
}

// A page that the application, or a handler behind the gate, would compress comes
// as it is; what stands before the gate may compress it.
func TestInjectWithCompression(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.URL.Path != "/compresses" {
			_, _ = io.WriteString(w, plainPage)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, plainPage)
		_ = z.Close()
	}))
	t.Cleanup(app.Close)
	const encode = "encode {\n\t\tgzip\n\t\tminimum_length 1\n\t}\n\t"
	for _, before := range []bool{false, true} {
		s := newTestServer(t)
		s.notes.Address = app.Listener.Addr().String()
		text := s.caddyfile("", "session_warning inject")
		site := "sesame notes\n\treverse_proxy " + s.notes.Address + "\n"
		with := encode + site // which Caddy sorts: the gate first
		if before {
			with = "route {\n\t" + encode + site + "}\n"
		}
		s.config = adapt(t, strings.Replace(text, site, with, 1))
		runCaddy(t, string(s.config))
		b := s.loggedIn("edupont")
		b.open(s.at("notes", "/"))
		for _, path := range []string{"/", "/compresses"} {
			req := b.page(s.at("notes", path))
			req.Header.Set("Accept-Encoding", "gzip")
			a := b.once(req)
			if compressed := a.Header.Get("Content-Encoding") == "gzip"; compressed != before {
				t.Fatalf("before %v, %s: Content-Encoding %q", before, path, a.Header.Get("Content-Encoding"))
			}
			if before {
				a.body = unzip(t, a.body)
			}
			if !strings.HasPrefix(a.body, plainPage+"\n<script ") {
				t.Errorf("before %v, %s: %q", before, path, a.body)
			}
			req.Header.Set("Sec-Fetch-Mode", "cors")
			if a := b.once(req); unzip(t, a.body) != plainPage {
				t.Errorf("before %v, %s: a script gets %q", before, path, a.body)
			}
		}
	}
}

func unzip(t *testing.T, body string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// A page that is written bit by bit comes bit by bit, and one that breaks off is
// not made to look whole.
func TestInjectStreams(t *testing.T) {
	goOn := make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/slow":
			_, _ = io.WriteString(w, "<p>first\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "<p>last\n")
		case "/short":
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "<p>first\n")
		case "/aborted":
			_, _ = io.WriteString(w, "<p>first\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(app.Close)
	s := newTestServer(t)
	s.notes.Address = app.Listener.Addr().String()
	s.run("", "session_warning inject")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	resp, err := b.client.Do(b.page(s.at("notes", "/slow")))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "<p>first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(goOn)
	if rest, err := io.ReadAll(lines); err != nil || !strings.HasPrefix(string(rest), "<p>last\n\n<script ") {
		t.Errorf("%q, %v", rest, err)
	}
	for _, path := range []string{"/short", "/aborted"} {
		resp, err := b.client.Do(b.page(s.at("notes", path)))
		if err != nil {
			continue // not even the header came through
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil || strings.Contains(string(body), "script") {
			t.Errorf("%s: %q, %v", path, body, err)
		}
	}
}

// Handlers that write as they like: with and without a header first, flushing
// before anything, with interim answers.
func TestInjectorWrites(t *testing.T) {
	for name, tt := range map[string]struct {
		handle func(http.ResponseWriter)
		want   string
	}{
		"a write":        {func(w http.ResponseWriter) { fmt.Fprint(w, "a") }, "atag"},
		"a copy":         {func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("abc")) }, "abctag"},
		"a flush first":  {func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush(); fmt.Fprint(w, "a") }, "atag"},
		"header twice":   {func(w http.ResponseWriter) { w.WriteHeader(404); w.WriteHeader(200); fmt.Fprint(w, "a") }, "a"},
		"early hints":    {func(w http.ResponseWriter) { w.WriteHeader(103); fmt.Fprint(w, "a") }, "atag"},
		"nothing at all": {func(http.ResponseWriter) {}, ""},
		"too much": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1")
			fmt.Fprint(w, "ab")
		}, "ab"},
	} {
		x := &exchange{Handler: &Handler{site: &site{inject: true, origin: origin{"https", "notes.test"}}}}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		rec := httptest.NewRecorder()
		rec.Header().Set("Content-Type", "text/html")
		w, finish := x.injected(rec, r)
		tt.handle(w)
		finish()
		if got := strings.ReplaceAll(rec.Body.String(), w.(*injector).tag, "tag"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
