package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// hosts are five legacy applications, each on a host of its own and each spoken
// to in another way.
type hosts struct {
	plain   *echo
	php     string // the directory of the scripts
	fpm     string // php-fpm's socket
	socket  *httptest.Server
	events  *httptest.Server
	upload  *httptest.Server
	arrived chan string // what the upload's application has read by now
	headers chan http.Header
}

func newHosts(t *testing.T) *hosts {
	t.Helper()
	h := &hosts{plain: newEcho(t), arrived: make(chan string), headers: make(chan http.Header, 1)}
	h.php, h.fpm = startPHP(t)
	h.socket = httptest.NewServer(websocket.Server{Handler: func(ws *websocket.Conn) {
		_ = websocket.JSON.Send(ws, ws.Request().Header)
		_, _ = io.Copy(ws, ws)
	}})
	h.events = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		b, _ := json.Marshal(r.Header)
		fmt.Fprintf(w, "data: %s\n\n", b)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	h.upload = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		h.headers <- r.Header
		lines := bufio.NewScanner(r.Body)
		n := 0
		for lines.Scan() {
			n++
			h.arrived <- lines.Text()
		}
		fmt.Fprintf(w, "%d lines", n)
	}))
	for _, s := range []*httptest.Server{h.socket, h.events, h.upload} {
		t.Cleanup(s.Close)
	}
	return h
}

// startPHP starts Debian's php-fpm with a script that shows $_SERVER, as the
// applications of the académies read it.
func startPHP(t *testing.T) (dir, socket string) {
	t.Helper()
	found, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(found) == 0 {
		t.Fatal("php-fpm is missing: on Debian, apt-get install php-fpm (make tools does it)")
	}
	dir = t.TempDir()
	socket = filepath.Join(dir, "fpm.sock")
	config := filepath.Join(dir, "fpm.conf")
	pool := "[global]\nerror_log = " + filepath.Join(dir, "fpm.log") + "\ndaemonize = no\n[www]\nlisten = " + socket + "\npm = static\npm.max_children = 2\nclear_env = yes\n"
	args := []string{"-n", "-F", "-y", config}
	if os.Getuid() == 0 {
		pool += "user = root\ngroup = root\n"
		args = append(args, "-R")
	}
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config, pool)
	write(filepath.Join(dir, "index.php"), "<?php header('Content-Type: application/json'); echo json_encode($_SERVER, JSON_INVALID_UTF8_SUBSTITUTE);\n")
	cmd := exec.Command(found[0], args...)
	said, err := os.Create(filepath.Join(dir, "stderr")) // a file, which its children may keep open
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-exited })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return dir, socket
		}
		select {
		case <-tick.C:
		case <-exited:
			content, _ := os.ReadFile(said.Name())
			t.Fatalf("php-fpm ended: %s", content)
		case <-deadline:
			t.Fatal("php-fpm does not listen")
		}
	}
}

func (h *hosts) caddyfile(s *server) string {
	var global, sites strings.Builder
	app := func(name, options, upstream string) {
		fmt.Fprintf(&global, "application %s {\nurl %s\nallow group enseignants\n%s\n}\n", name, s.on(name, ""), options)
		fmt.Fprintf(&sites, "%s {\nbind 127.0.0.1\nsesame %s\n%s\n}\n", s.on(name, ""), name, upstream)
	}
	app("plain", "public /public/*", "reverse_proxy "+h.plain.Listener.Addr().String())
	app("php", "headers cleartrust\npublic /public/*", "root * "+h.php+"\nphp_fastcgi unix/"+h.fpm)
	app("socket", "headers x-forwarded", "reverse_proxy "+h.socket.Listener.Addr().String())
	app("events", "", "reverse_proxy "+h.events.Listener.Addr().String())
	app("upload", "header X-Holder {http.auth.user.id}", "reverse_proxy "+h.upload.Listener.Addr().String())
	return fmt.Sprintf("{\nadmin %s\npersist_config off\nauto_https off\nhttp_port %s\nstorage file_system %q\nsesame {\nportal %s\nstore badger %s/store\nsecret_file %s/secret\n%s}\n}\n%s {\nbind 127.0.0.1\nsesame portal\n}\n%s",
		s.admin, s.port, s.dir, s.portal(""), s.dir, s.dir, &global, s.portal(""), &sites)
}

// on is an address on an application's host.
func (s *server) on(name, path string) string {
	return "http://" + name + ".localhost:" + s.port + path
}

// forgedHeaders are headers by which somebody would like to be somebody else.
var forgedHeaders = map[string]string{
	"Remote-User": "admin", "Remote_User": "admin", "REMOTE.USER": "admin", "Ct-Remote-User": "admin", "ct_remote_user": "admin", "FrEduRne": "0000000A",
	"X-Forwarded-User": "admin", "X-Forwarded_User": "admin", "X-Holder": "admin", "X_Holder": "admin", "Sesame-Assertion": "x", "Connection": "close, Remote-User, Ct-Remote-User",
}

// TestFiveHosts: one login opens five applications on five hosts, each by its own
// protocol. Each gets its own headers, nothing that was forged, nothing that
// belongs to another, and no cookie of the gate's.
func TestFiveHosts(t *testing.T) {
	hosts := newHosts(t)
	s := newServerWith(t, hosts.caddyfile)
	s.person("jdupont", "--given-name", "Jeanne", "--surname", "Dupont", "--email", "jeanne.dupont@ac-exemple.fr", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.arrived(h.firstLogin(h.open(s.on("plain", "/a?b=c"))), s.on("plain", "/a?b=c"))

	forge := func(method, address string, body io.Reader) *http.Request {
		t.Helper()
		req, err := http.NewRequest(method, address, body)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range forgedHeaders {
			req.Header[name] = []string{value}
		}
		return req
	}
	// wants holds what an application got to what it should: exactly these
	// identity headers, and nothing else that looks like one.
	wants := func(host string, got http.Header, want map[string]string) {
		t.Helper()
		for name, value := range want {
			if v := got.Values(name); len(v) != 1 || v[0] != value {
				t.Errorf("%s: %s is %q, want %q", host, name, v, value)
			}
		}
		for name, values := range got {
			if _, known := want[name]; !known && strings.Contains(strings.ToLower(strings.Join(values, " ")), "admin") {
				t.Errorf("%s: what was forged arrived: %s: %q", host, name, values)
			}
			if strings.Contains(strings.ToLower(strings.Join(values, " ")), "sesame=") {
				t.Errorf("%s: the gate's cookie arrived: %s", host, name)
			}
		}
		for _, other := range []string{"Remote-User", "Ct-Remote-User", "X-Forwarded-User", "X-Holder"} {
			if _, mine := want[other]; !mine && len(got.Values(other)) > 0 {
				t.Errorf("%s: it got %s, which is another application's", host, other)
			}
		}
	}
	read := func(req *http.Request) page {
		t.Helper()
		p, err := h.try(req)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, name := range []string{"php", "socket", "events", "upload"} {
		if p := h.open(s.on(name, "/")); p.url.String() != s.on(name, "/") {
			t.Fatalf("%s: at %s, not straight in the application", name, p.url)
		}
	}

	t.Run("plain HTTP", func(t *testing.T) {
		var got reached
		decode(t, read(forge(http.MethodGet, s.on("plain", "/x"), nil)).body, &got)
		wants("plain", got.Header, map[string]string{"Remote-User": "jdupont", "Remote-Name": "Jeanne Dupont", "Remote-Email": "jeanne.dupont@ac-exemple.fr", "Remote-Groups": "enseignants"})
	})
	t.Run("FastCGI", func(t *testing.T) {
		var got map[string]any
		decode(t, read(forge(http.MethodGet, s.on("php", "/index.php"), nil)).body, &got)
		for name, want := range map[string]string{
			"HTTP_CT_REMOTE_USER": "jdupont", "HTTP_CTLN": "Dupont", "HTTP_CTFN": "Jeanne", "HTTP_CTEMAIL": "jeanne.dupont@ac-exemple.fr", "HTTP_CTGRPS": "enseignants",
			"HTTP_REMOTE_USER": "", "REMOTE_USER": "jdupont", "HTTP_X_HOLDER": "", "HTTP_FREDURNE": "", "HTTP_SESAME_ASSERTION": "",
		} {
			if v, _ := got[name].(string); v != want {
				t.Errorf("$_SERVER[%s] is %q, want %q", name, v, want)
			}
		}
		for name, v := range got {
			if text, _ := v.(string); strings.Contains(text, "admin") || strings.Contains(text, "sesame=") {
				t.Errorf("$_SERVER[%s] is %q", name, text)
			}
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		ws := h.dial(t, s.on("socket", "/ws"), forgedHeaders)
		defer ws.Close()
		var got http.Header
		if err := websocket.JSON.Receive(ws, &got); err != nil {
			t.Fatal(err)
		}
		wants("socket", got, map[string]string{"X-Forwarded-User": "jdupont", "X-Forwarded-Preferred-Username": "jdupont", "X-Forwarded-Email": "jeanne.dupont@ac-exemple.fr", "X-Forwarded-Groups": "enseignants"})
		fmt.Fprint(ws, "ping")
		buf := make([]byte, 4)
		if _, err := io.ReadFull(ws, buf); err != nil || string(buf) != "ping" {
			t.Errorf("the echo: %q, %v", buf, err)
		}
	})
	t.Run("server-sent events", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := h.client.Do(forge(http.MethodGet, s.on("events", "/stream"), nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		var got http.Header
		if decode(t, strings.TrimPrefix(line, "data: "), &got); err != nil {
			t.Fatal(err)
		}
		wants("events", got, map[string]string{"Remote-User": "jdupont", "Remote-Name": "Jeanne Dupont", "Remote-Email": "jeanne.dupont@ac-exemple.fr", "Remote-Groups": "enseignants"})
	})
	t.Run("a slow upload", func(t *testing.T) {
		body, lines := io.Pipe()
		answer := make(chan page, 1)
		go func() {
			p, err := h.try(forge(http.MethodPut, s.on("upload", "/depot"), body))
			if err != nil {
				t.Error(err)
			}
			answer <- p
		}()
		for n := range 20 { // each line is sent when the one before has arrived
			line := fmt.Sprintf("line %d of a slow upload", n)
			if _, err := io.WriteString(lines, line+"\n"); err != nil {
				t.Fatal(err)
			}
			if got := <-hosts.arrived; got != line {
				t.Fatalf("%q arrived for %q", got, line)
			}
		}
		lines.Close()
		wants("upload", <-hosts.headers, map[string]string{"X-Holder": "jdupont"})
		if p := <-answer; p.status != http.StatusOK || p.body != "20 lines" {
			t.Errorf("the upload: %d %s", p.status, p.body)
		}
	})
	t.Run("nobody without a session", func(t *testing.T) {
		for _, name := range []string{"plain", "php", "socket", "events", "upload"} {
			stranger := newBrowser(t)
			req := forge(http.MethodGet, s.on(name, "/index.php"), nil)
			req.Header.Set("Accept", "application/json")
			if p, err := stranger.try(req); err != nil || p.status != http.StatusUnauthorized {
				t.Errorf("%s: %d, %v", name, p.status, err)
			}
		}
	})
}

// dial opens a WebSocket in the browser's session.
func (h *holder) dial(t *testing.T, address string, forged map[string]string) *websocket.Conn {
	t.Helper()
	config, err := websocket.NewConfig(strings.Replace(address, "http:", "ws:", 1), address)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range forged {
		if name != "Connection" { // which a WebSocket needs itself
			config.Header[name] = []string{value}
		}
	}
	for _, c := range h.client.Jar.Cookies(at) {
		config.Header.Add("Cookie", c.String())
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+h.s.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ws, err := websocket.NewClient(config, conn)
	if err != nil {
		t.Fatalf("no WebSocket: %v", err)
	}
	return ws
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v:\n%.300s", err, text)
	}
}
