package caddymodule

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// TestLargeFormIsNotKept: what is larger than a MiB is told so before it has come
// to its end, with a way out.
func TestLargeFormIsNotKept(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	host := "Host: notes.localhost:" + s.port + "\r\nCookie: sesame=" + b.own(s.at("notes", "/"), "sesame") +
		"\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nContent-Type: multipart/form-data; boundary=x\r\n"
	for name, request := range map[string]string{
		"announced": "POST /upload HTTP/1.1\r\n" + host + "Content-Length: 50000000\r\n\r\n" + strings.Repeat("x", 1000),
		"endless":   "POST /upload HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 17),
		"expecting": "POST /upload HTTP/1.1\r\n" + host + "Content-Length: 50000000\r\nExpect: 100-continue\r\n\r\n",
	} {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, request) // and then nothing more
		began := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		page := make([]byte, 20_000)
		n, _ := io.ReadFull(resp.Body, page)
		if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(page[:n]), "Connectez-vous dans un nouvel onglet") || time.Since(began) >= lingerTime {
			t.Errorf("%s: %s after %v\n%s", name, resp.Status, time.Since(began), page[:n])
		}
		c.Close()
	}
	// A browser that sends all of it first sees the page too.
	a := b.do(b.sent(s.at("notes", "/upload"), urlencoded, strings.Repeat("a", authcore.MaxForm+1)))
	if a.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, "(nouvel onglet)") || !strings.Contains(a.body, url.QueryEscape(s.at("notes", "/"))) {
		t.Errorf("a byte too much: %s\n%s", a.Status, a.body)
	}
	if a := b.do(b.sent(s.at("notes", "/upload"), urlencoded, strings.Repeat("a", 8<<20))); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("8 MiB: %s", a.Status)
	}
	long := b.do(b.sent(s.at("notes", "/"+strings.Repeat("a", maxTarget)), urlencoded, "a=b"))
	if long.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("an address that is too long to come back to: %s", long.Status)
	}
	if told, got := s.keptEvents(), s.notes.take(); len(told) > 0 || len(got) > 0 {
		t.Errorf("kept: %v; the application got %v", told, got)
	}
}

// A form whose last byte does not come is not waited for.
func TestSlowLateForm(t *testing.T) {
	was := keepTime
	keepTime = 200 * time.Millisecond
	t.Cleanup(func() { keepTime = was })
	s := startGate(t, "", "")
	b := s.idle("edupont")
	status := sendRaw(t, "127.0.0.1:"+s.port, "POST /save HTTP/1.1\r\nHost: notes.localhost:"+s.port+"\r\nCookie: sesame="+b.own(s.at("notes", "/"), "sesame")+
		"\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nContent-Type: "+urlencoded+"\r\nContent-Length: 100\r\n\r\na=b")
	if status != "400 Bad Request" || len(s.keptEvents()) > 0 {
		t.Errorf("%s, %v", status, s.keptEvents())
	}
}

// An application that takes its time over a form that was sent again gets it.
func TestLateFormAtASlowApplication(t *testing.T) {
	was := formTime
	formTime = time.Second // which the forms on the way have too
	t.Cleanup(func() { formTime = was })
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case <-r.Context().Done():
		case <-time.After(3 * formTime):
			fmt.Fprintf(w, "got %s", body)
		}
	}))
	t.Cleanup(app.Close)
	s := newTestServer(t)
	s.notes.Address = app.Listener.Addr().String()
	s.run("", "")
	b := s.loggedIn("edupont")
	b.open(s.at("notes", "/"))
	advance(s.gate().Policy().Idle)
	a := s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b")))
	if a = b.submit(a); a.body != "got a=b" {
		t.Errorf("%s: %s", a.Status, a.body)
	}
}

// Of many clicks on "send again", one sends.
func TestLateFormIsSentOnce(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	offer := s.relogin(b, "edupont", b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b")))
	s.notes.take()
	var wg sync.WaitGroup
	for range 20 {
		req := b.post(offer)
		wg.Go(func() {
			if a := b.once(req); a.StatusCode != http.StatusOK && a.StatusCode != http.StatusGone {
				t.Errorf("a click: %s", a.Status)
			}
		})
	}
	wg.Wait()
	if got := s.notes.take(); len(got) != 1 || got[0].Body != "a=b" {
		t.Errorf("the application got %d requests", len(got))
	}
}

// Room is bounded, and who finds none is told.
func TestLateFormWithoutRoom(t *testing.T) {
	s := startGate(t, "", "")
	b := s.idle("edupont")
	for i := range 64 {
		session := authcore.Session{ID: authcore.SessionID(fmt.Sprint(i)), Host: "notes.localhost", Holder: authcore.Identifier(fmt.Sprint("p", i))}
		if _, err := s.gate().Keep(t.Context(), session, authcore.Form{Address: "https://notes.localhost/"}, authcore.Source{}); err != nil {
			t.Fatal(err)
		}
	}
	a := b.do(b.sent(s.at("notes", "/save"), urlencoded, "a=b"))
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "n’a pas pu être gardé") {
		t.Errorf("%s\n%s", a.Status, a.body)
	}
}
