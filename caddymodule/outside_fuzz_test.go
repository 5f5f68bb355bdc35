package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// FuzzReadTime: whatever a time server answers, what is believed of it is an answer
// to the question, and nothing further from now than an era of NTP reaches.
func FuzzReadTime(f *testing.F) {
	question := make([]byte, ntpLength)
	copy(question[40:], "a nonce.")
	good := make([]byte, ntpLength)
	good[0], good[1] = 4<<3|4, 2
	copy(good[24:], question[40:48])
	sent := time.Date(2026, 9, 1, 7, 58, 20, 0, time.UTC)
	putNTP(good[32:], sent)
	putNTP(good[40:], sent)
	for _, answer := range [][]byte{good, good[:47], append(bytes.Clone(good), 1, 2, 3), make([]byte, ntpLength), bytes.Repeat([]byte{0xff}, 1024), {}} {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		ahead, err := readTime(question, answer, sent, time.Second)
		if err == nil && (len(answer) < ntpLength || !bytes.Equal(answer[24:32], question[40:])) {
			t.Errorf("%x is taken for an answer", answer)
		}
		if err == nil && ahead.Abs() > 1<<31*time.Second+time.Minute {
			t.Errorf("the clock is %s ahead", ahead)
		}
	})
}

// FuzzParseOrigin: an origin that is read is written as it would be read again, and
// is https but on this machine.
func FuzzParseOrigin(f *testing.F) {
	for _, seed := range []string{"https://notes.example.org", "https://NOTES.example.org:443/", "http://localhost:8080", "https://[::1]:1", "https://a@b", "https://x/?", "//x", "https://", "https://xn--nxasmq6b", "https://a:99999", "HTTP://127.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOrigin(text)
		if err != nil {
			return
		}
		if again, err := parseOrigin(o.String()); err != nil || again != o {
			t.Errorf("%q is %q, which is %q (%v)", text, o, again, err)
		}
		if !o.secure() && !isLoopback(o.name()) || strings.ContainsAny(o.String()[8:], "/?#@\\ ") {
			t.Errorf("%q is taken for the origin %q", text, o)
		}
	})
}

// FuzzReadReference: a reference has one form, however it was written down.
func FuzzReadReference(f *testing.F) {
	for _, seed := range []string{"7F3K-Q2M9", "7f3k q2m9", "OIL0-0000", "", "é", "7F3K-Q2M9-", "7F3KÉ2M", "\x007F3KQ2M"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reference, err := readReference(text)
		if err != nil {
			return
		}
		if again, err := readReference(string(reference)); err != nil || again != reference {
			t.Errorf("%q is %q, which is %q (%v)", text, reference, again, err)
		}
	})
}

// FuzzSecretLine: a file that is read as one line holds that line and nothing else,
// and no error repeats it.
func FuzzSecretLine(f *testing.F) {
	for _, seed := range []string{"", strings.Repeat("k", 22) + "\n", strings.Repeat("k", 22) + "\r\n", strings.Repeat("k", 40) + "\n\n", "short", strings.Repeat("k", 2000), strings.Repeat("é", 22), "two words that are long"} {
		f.Add([]byte(seed))
	}
	file := filepath.Join(f.TempDir(), "secret")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		line, err := secretLine(file, minSharedSecret, maxSharedSecret)
		if err == nil && (len(line) < minSharedSecret || strings.TrimRight(string(content), "\r\n") != line) {
			t.Errorf("%q is read as %q", content, line)
		}
		if err != nil && len(content) >= 8 && !strings.Contains(file+"visible ASCII characters", string(content)) && strings.Contains(err.Error(), string(content)) {
			t.Errorf("the error repeats the content: %v", err)
		}
	})
}

// FuzzCaddyfile: a configuration that is understood is the same one behind JSON, in
// which every field is known.
func FuzzCaddyfile(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.caddyfiletest"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := strings.Cut(string(content), separator)
		if at := strings.Index(text, "sesame {"); at >= 0 {
			f.Add(text[at:])
		}
	}
	f.Add("sesame {\n\tapplication a {\n\t\tallow group {\n")
	f.Add("sesame { portal {$HOME} }")
	f.Fuzz(func(t *testing.T, text string) {
		app := new(App)
		if err := app.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			return
		}
		first, err := json.Marshal(app)
		if err != nil {
			t.Fatal(err)
		}
		again := new(App)
		if err := caddy.StrictUnmarshalJSON(first, again); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s is %s behind JSON (%v)", first, second, err)
		}
	})
}

// answering is a server that says one thing to each that connects, whatever they
// say, and hangs up. The thing is held by what: the answers to those who left early
// are still being written when the next thing is put there.
func answering(tb testing.TB, what *atomic.Pointer[[]byte]) (address string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Second))
				_, _ = conn.Write(*what.Load())
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// FuzzMailServer: whatever a mail server answers, a message is either taken or comes
// back with the reason, and the gate goes on.
func FuzzMailServer(f *testing.F) {
	var said atomic.Pointer[[]byte]
	portal, err := parseOrigin("https://portail.test")
	if err != nil {
		f.Fatal(err)
	}
	office, err := (&Mail{Server: answering(f, &said), TLS: "none", From: "Sésame <sesame@ac-exemple.fr>"}).postOffice(&site{id: portalID, origin: portal})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", "220 x\r\n", "220 x\r\n250-x\r\n250 8BITMIME\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n221 bye\r\n", "220 x\r\n250 x\r\n550 5.1.1 no\r\n", "220-x\r\n220-x\r\n", "554 no\r\n", "999999999999 x\r\n",
		"220 x\n250 x\n250 ok\n450 4.2.1 later\n", "220 x\r\n250-SIZE 1\r\n250 AUTH PLAIN\r\n", "\x00\xff\r\n", "220 " + strings.Repeat("a", 1<<16) + "\r\n", "HTTP/1.1 200 OK\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	m := &mailer{office: office, portal: portal}
	f.Fuzz(func(t *testing.T, answer []byte) {
		said.Store(&answer)
		msg := m.compose(authcore.Message{ID: "1"}, office.from, ui.French, "Objet", "Corps")
		err := office.send(t.Context(), msg)
		if reason, ok := errors.AsType[undelivered](err); err != nil && (!ok || reason.error == nil) {
			t.Errorf("not taken, without a reason: %v", err)
		}
		if err == nil && !bytes.Contains(answer, []byte("250")) {
			t.Errorf("%q is taken for a message delivered", answer)
		}
	})
}

// FuzzWebHookAnswer: a request is delivered when the answer is one of HTTP that says
// so, and nothing that the service says ends the gate or is shown.
func FuzzWebHookAnswer(f *testing.F) {
	var said atomic.Pointer[[]byte]
	hook := &webhook{"http://" + answering(f, &said) + "/", func(string) []byte { return []byte("sum") }, &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, seed := range []string{
		"", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "HTTP/1.1 422 No\r\n\r\n", "HTTP/1.1 299\r\n\r\n",
		"HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "SSH-2.0-x\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		said.Store(&answer)
		err := hook.post(t.Context(), "1", []byte("{}"))
		if err == nil && !bytes.HasPrefix(answer, []byte("HTTP/")) {
			t.Errorf("%q is taken for a delivery", answer)
		}
		if _, ok := errors.AsType[undelivered](err); err != nil && !ok {
			t.Errorf("not delivered, without a reason: %v", err)
		}
	})
}
