package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long an answer may take to what no browser sends. Caddy gives
// up on a connection after a minute: who waits for that is not answered.
const patience = 45 * time.Second

// talk writes bytes on one connection and returns all answers to them, in their
// order, until the server closes it. What is sent should end in a request that
// asks for that, or in one that is none.
func talk(t *testing.T, address, bytes string) (answers []page) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	go io.WriteString(c, bytes) // a server may answer before it has read all
	from := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
				t.Errorf("no end of the answers to %.100q", bytes)
			}
			return answers
		}
		body, _ := io.ReadAll(resp.Body)
		answers = append(answers, page{status: resp.StatusCode, header: resp.Header, body: string(body)})
	}
}

// statuses of some answers.
func statuses(answers []page) (all []int) {
	for _, a := range answers {
		all = append(all, a.status)
	}
	return all
}

// unserved fails if one of the answers is the application's, or gives a session.
func (s *server) unserved(t *testing.T, what string, answers []page) {
	t.Helper()
	for _, a := range answers {
		if a.status == http.StatusOK && a.body != "" || hasSession(a) {
			t.Errorf("%s: answered with %v", what, statuses(answers))
		}
	}
	if n := s.app.requests(); n > 0 {
		t.Errorf("%s: %d requests reached the application", what, n)
	}
}

// TestRequestsWithTwoLengths: of a request with a length and in chunks (RFC 9112,
// section 6.3) the chunks count, for the gate and for what the application is
// sent, so that what hides behind is a request of its own and is judged as one.
func TestRequestsWithTwoLengths(t *testing.T) {
	s := newServer(t)
	host := "Host: notes.localhost:" + s.port + "\r\n"
	hidden := "GET /admin/a HTTP/1.1\r\n" + host + "Connection: close\r\nRemote-User: admin\r\n\r\n"
	for name, lengths := range map[string]string{
		"the length first":   "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
		"the length last":    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
		"a length of all":    fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: %d\r\n", 5+len(hidden)),
		"in capitals":        "TRANSFER-ENCODING: Chunked\r\nContent-Length: 4\r\n",
		"an underscore":      "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n",
		"two equal lengths":  "Content-Length: 5\r\nContent-Length: 5\r\n",
		"an underscore more": "Content_Length: 500\r\nContent-Length: 5\r\n",
	} {
		before := s.app.requests()
		answers := talk(t, "127.0.0.1:"+s.port, "POST /public/x HTTP/1.1\r\n"+host+lengths+"\r\n0\r\n\r\n"+hidden)
		if got := statuses(answers); len(got) != 2 || got[0] != 200 || got[1] != 401 {
			t.Errorf("%s: answered with %v, not with 200 and 401", name, got)
			continue
		}
		if n := s.app.requests() - before; n != 1 {
			t.Errorf("%s: %d requests reached the application, not the first alone", name, n)
		}
		if strings.Contains(answers[0].body, "admin") {
			t.Errorf("%s: what is hidden reached the application: %s", name, answers[0].body)
		}
	}
}

// TestMalformedRequests: what is no request by RFC 9112 is refused before anybody
// judges it, on public paths too, and ends the connection with it.
func TestMalformedRequests(t *testing.T) {
	s := newServer(t)
	host := "Host: notes.localhost:" + s.port + "\r\n"
	line := "GET /public/x HTTP/1.1\r\n"
	behind := "GET /public/behind HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n"
	for name, request := range map[string]string{
		"two lengths":                 "POST /public/x HTTP/1.1\r\n" + host + "Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
		"two lengths on a line":       "POST /public/x HTTP/1.1\r\n" + host + "Content-Length: 0, 5\r\n\r\n",
		"a length with a sign":        "POST /public/x HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nhello",
		"a length below zero":         "POST /public/x HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
		"a length in hexadecimal":     "POST /public/x HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\nhello",
		"an unknown coding":           "POST /public/x HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a coding before chunked":     "POST /public/x HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"chunked twice":               "POST /public/x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked, and identity":       "POST /public/x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"chunked behind a control":    "POST /public/x HTTP/1.1\r\n" + host + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
		"no host":                     line + "\r\n",
		"two hosts":                   line + host + "Host: portail.localhost\r\n\r\n",
		"the same host twice":         line + host + host + "\r\n",
		"a host with a path":          line + "Host: notes.localhost:" + s.port + "/public\r\n\r\n",
		"NUL in a value":              line + host + "X-A: a\x00b\r\n\r\n",
		"a space before the colon":    line + host + "Remote-User : admin\r\n\r\n",
		"a space in a name":           line + host + "Remote User: admin\r\n\r\n",
		"a name that is empty":        line + host + ": admin\r\n\r\n",
		"a line that goes on":         line + " X-A: b\r\n" + host + "\r\n",
		"no colon":                    line + host + "Remote-User\r\n\r\n",
		"a space in the target":       "GET /public/x /admin HTTP/1.1\r\n" + host + "\r\n",
		"a control in the target":     "GET /public/\x01 HTTP/1.1\r\n" + host + "\r\n",
		"another protocol":            "GET /public/x FTP/1.1\r\n" + host + "\r\n",
		"a version that is to come":   "GET /public/x HTTP/3.7\r\n" + host + "\r\n",
		"nothing but a target":        "GET /public/x\r\n" + host + "\r\n",
		"a megabyte and more of head": line + host + "X-A: " + strings.Repeat("a", 1<<20+8<<10) + "\r\n\r\n",
	} {
		answers := talk(t, "127.0.0.1:"+s.port, request+behind)
		if got := statuses(answers); len(got) != 1 || !slices.Contains([]int{400, 431, 501, 505}, got[0]) {
			t.Errorf("%s: answered with %v", name, got)
		}
		s.unserved(t, name, answers)
	}
}

// TestOddChunks sends the login's form in chunks that are none, that say more
// than their size, or that are ten thousand: a bounded answer, and the server
// stays well.
func TestOddChunks(t *testing.T) {
	s := newServer(t)
	head := "POST /.sesame/login HTTP/1.1\r\nHost: portail.localhost:" + s.port +
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
	for name, chunks := range map[string]string{
		"no number":               "x\r\na\r\n0\r\n\r\n",
		"a number below zero":     "-1\r\na\r\n0\r\n\r\n",
		"a prefix":                "0x1\r\na\r\n0\r\n\r\n",
		"a number of 68 bits":     "fffffffffffffffff\r\na\r\n0\r\n\r\n",
		"more than was said":      "1\r\nab\r\n0\r\n\r\n",
		"a line feed alone":       "1\na\r\n0\r\n\r\n",
		"an extension's feed":     "1;x\na\r\n0\r\n\r\n",
		"nothing for a size":      "\r\na\r\n0\r\n\r\n",
		"an extension":            "1;x=y\r\na\r\n0\r\n\r\n",
		"an extension of 10 KiB":  "1;" + strings.Repeat("x", 10<<10) + "\r\na\r\n0\r\n\r\n",
		"extensions of 17 MiB":    strings.Repeat("1;"+strings.Repeat("x", 2<<10)+"\r\na\r\n", 8500) + "0\r\n\r\n",
		"ten thousand":            strings.Repeat("1\r\na\r\n", 10_000) + "0\r\n\r\n",
		"ten thousand, too large": strings.Repeat("7\r\na=bcde&\r\n", 10_000) + "0\r\n\r\n",
		"a trailer of 2 MiB":      "0\r\nX-A: " + strings.Repeat("a", 2<<20) + "\r\n\r\n",
	} {
		began := time.Now()
		answers := talk(t, "127.0.0.1:"+s.port, head+chunks)
		for _, status := range statuses(answers) {
			if status < 400 || status > 499 {
				t.Errorf("%s: answered with %d", name, status)
			}
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("%s: took %s", name, took)
		}
	}
	if p := newBrowser(t).open(s.portal("/.sesame/login")); p.status != http.StatusOK {
		t.Errorf("then the login's page: %d", p.status)
	}
}

// TestOtherProtocols: HTTP/2 without TLS, asked for or begun, is another way to the
// same gate or none; and no way to the administration.
func TestOtherProtocols(t *testing.T) {
	s := newServer(t)
	upgrade := "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
	for name, request := range map[string]string{
		"an upgrade":            "GET /admin/x HTTP/1.1\r\nHost: notes.localhost:" + s.port + "\r\n" + upgrade,
		"a tunnel":              "CONNECT notes.localhost:" + s.port + " HTTP/1.1\r\nHost: notes.localhost:" + s.port + "\r\nConnection: close\r\n\r\n",
		"a tunnel to elsewhere": "CONNECT " + s.admin + " HTTP/1.1\r\nHost: " + s.admin + "\r\nConnection: close\r\n\r\n",
		"a proxy's request":     "GET http://" + s.admin + "/config/ HTTP/1.1\r\nHost: notes.localhost:" + s.port + "\r\nConnection: close\r\n\r\n",
	} {
		answers := talk(t, "127.0.0.1:"+s.port, request)
		s.unserved(t, name, answers)
		for _, a := range answers {
			if a.status == http.StatusSwitchingProtocols {
				t.Errorf("%s: the protocol was changed", name)
			}
		}
	}
	for _, a := range talk(t, s.admin, "GET /sesame/users HTTP/1.1\r\nHost: evil.example\r\n"+upgrade) {
		if a.status < 400 {
			t.Errorf("the administration answers an upgrade with %d", a.status)
		}
	}
	for _, address := range []string{"127.0.0.1:" + s.port, s.admin} {
		if got := preface(t, address); got != "" && !strings.HasPrefix(got, "HTTP/1.1 4") {
			t.Errorf("%s answers the preface of HTTP/2 with %q", address, got)
		}
	}
}

// preface begins HTTP/2 (RFC 9113, section 3.4), with empty settings, and returns
// all that comes back.
func preface(t *testing.T, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(got)
}

// TestPipelinedLogout: what comes on the same connection right behind a logout, and
// was sent before its answer, has no session any more.
func TestPipelinedLogout(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.arrived(h.firstLogin(h.open(s.notes("/"))), s.notes("/"))
	before := s.app.requests()
	logout := h.request(h.open(s.notes("/.sesame/logout")))
	next, err := http.NewRequest(http.MethodGet, s.notes("/admin/x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	next.Close = true
	var both strings.Builder
	for _, req := range []*http.Request{logout, next} {
		req.Header.Set("Accept", "text/html")
		for _, c := range h.client.Jar.Cookies(next.URL) {
			req.AddCookie(c)
		}
		dump, err := httputil.DumpRequestOut(req, true)
		if err != nil {
			t.Fatal(err)
		}
		both.Write(dump)
	}
	answers := talk(t, "127.0.0.1:"+s.port, both.String())
	if got := statuses(answers); len(got) != 2 || got[0] >= 400 || got[1] != http.StatusSeeOther {
		t.Errorf("answered with %v", got)
	}
	if s.app.requests() != before {
		t.Error("the application was reached behind the logout")
	}
}
