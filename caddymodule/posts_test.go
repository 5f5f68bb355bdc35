package caddymodule

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// posted is one path that takes a form or JSON, on one of the hosts.
type posted struct{ host, path string }

// everyPost are all there are, out of the router: one that is added is tried too.
func everyPost() (all []posted) {
	for host, routes := range map[string]map[string]route{"portail": portalRoutes, "notes": siteRoutes} {
		for _, path := range slices.Sorted(maps.Keys(routes)) {
			if routes[path].post != nil {
				all = append(all, posted{host, path})
			}
		}
	}
	return all
}

// mediaType is the type of what a path takes.
func (p posted) mediaType() string {
	switch {
	case p.path == ui.PathAssistance:
		return "multipart/form-data; boundary=x"
	case slices.Contains([]string{ui.PathPasskeyLoginOptions, ui.PathPasskeyLogin, ui.PathPasskeyNewOptions, ui.PathPasskeyNew}, p.path):
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// fields is a body of that type, with every field that some form has.
func (p posted) fields(csrf string) string {
	switch p.mediaType() {
	case "application/json":
		return `{"csrf":"` + csrf + `"}`
	case "application/x-www-form-urlencoded":
		return "csrf=" + csrf + "&identifier=edupont&passcode=7294000000&pin=8305&pin_again=8305&code=000000&person=edupont&serial=738264001&lang=en&reason=x"
	}
	return "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf + "\r\n--x--\r\n"
}

// request is a post of a browser that looks well.
func (p posted) request(s *testServer, b *browser, csrf string) *http.Request {
	req := b.request(http.MethodPost, s.at(p.host, p.path), "Accept", "text/html", "Content-Type", p.mediaType(), "Origin", s.at(p.host, ""), "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
	b.body(req, p.fields(csrf))
	return req
}

// TestEveryPostIsOurs: no path takes a form of another site, one that is not its
// own, or one in a form that it does not read; with a session or without, nothing
// comes of it.
func TestEveryPostIsOurs(t *testing.T) {
	s := consoleServer(t)
	in, out := s.again("oper"), newBrowser(t)
	in.open(s.at("notes", "/"))
	set := func(headers ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(headers); i += 2 {
				if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
					r.Header.Del(headers[i])
				}
			}
		}
	}
	forgeries := map[string]struct {
		status []int // with a session
		forge  func(*http.Request)
	}{
		"another site":              {[]int{403}, set("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")},
		"a sibling":                 {[]int{403}, set("Sec-Fetch-Site", "same-site", "Origin", "http://evil.localhost")},
		"another origin, of old":    {[]int{403}, set("Sec-Fetch-Site", "", "Origin", "https://evil.example")},
		"an opaque origin":          {[]int{403}, set("Sec-Fetch-Site", "", "Origin", "null")},
		"an origin with our name":   {[]int{403}, set("Sec-Fetch-Site", "", "Origin", "http://portail.localhost.evil.example")},
		"a token that is none":      {[]int{303, 400, 403}, set()},
		"compressed":                {[]int{400, 415}, set("Content-Encoding", "gzip")},
		"compressed by another way": {[]int{400, 415}, set("Content-Encoding", "br")},
		"UTF-16":                    {[]int{400, 403, 415}, set("Content-Type", "application/x-www-form-urlencoded; charset=utf-16")},
		"plain text":                {[]int{400, 415}, set("Content-Type", "text/plain")},
		"XML":                       {[]int{400, 415}, set("Content-Type", "application/xml")},
		"no type":                   {[]int{400, 415}, set("Content-Type", "")},
	}
	for _, p := range everyPost() {
		for name, tt := range forgeries {
			for who, b := range map[string]*browser{"in session": in, "without": out} {
				before := s.dump()
				req := p.request(s, b, strings.Repeat("A", 60))
				tt.forge(req)
				a := b.once(req)
				if who == "in session" && !slices.Contains(tt.status, a.StatusCode) {
					t.Errorf("%s%s in session, %s: %s, not one of %v", p.host, p.path, name, a.Status, tt.status)
				}
				if s.dump() != before {
					t.Errorf("%s%s %s, %s: something was written", p.host, p.path, who, name)
				}
				if session := slices.ContainsFunc(a.Cookies(), func(c *http.Cookie) bool { return c.Name == "sesame" && b == in }); session {
					t.Errorf("%s%s %s, %s: the session's cookie was touched", p.host, p.path, who, name)
				}
			}
		}
	}
	for _, host := range []string{"portail", "notes"} {
		if a := in.once(in.page(s.at(host, "/"))); a.StatusCode != http.StatusOK {
			t.Errorf("the session on %s is over: %s", host, a.Status)
		}
	}
}

// TestReadingChangesNothing: what a form would post, in the query of a GET or a
// HEAD, is looked at by nobody.
func TestReadingChangesNothing(t *testing.T) {
	s := consoleServer(t)
	in, out := s.again("oper"), newBrowser(t)
	in.open(s.at("notes", "/"))
	for _, p := range everyPost() {
		session, _, err := s.gate().Session(t.Context(), authcore.Token(in.own(s.at("portail", "/"), "sesame")), "", false)
		s.must(err)
		token, err := s.gate().FormToken(string(session.ID))
		s.must(err)
		for who, b := range map[string]*browser{"in session": in, "without": out} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				before := s.dump()
				query := posted{host: p.host}.fields(token)
				a := b.once(b.request(method, s.at(p.host, p.path)+"?"+query, "Accept", "text/html", "Sec-Fetch-Mode", "navigate"))
				if s.dump() != before {
					t.Errorf("%s %s%s %s: %s, and something was written", method, p.host, p.path, who, a.Status)
				}
			}
		}
	}
	for _, host := range []string{"portail", "notes"} {
		if a := in.once(in.page(s.at(host, "/"))); a.StatusCode != http.StatusOK {
			t.Errorf("the session on %s is over: %s", host, a.Status)
		}
	}
}

// TestEveryPostIsBounded: who announces a gigabyte is refused by every path before
// it is asked for, and the connection ends with the answer.
func TestEveryPostIsBounded(t *testing.T) {
	s := startGate(t, "", "")
	for _, p := range everyPost() {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Minute))
		origin := s.at(p.host, "")
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
			p.path, strings.TrimPrefix(origin, "http://"), origin, p.mediaType(), 1<<30)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s%s: %v", p.host, p.path, err)
			c.Close()
			continue
		}
		if resp.StatusCode < 400 || !resp.Close {
			t.Errorf("%s%s: %s, and the connection goes on: %v", p.host, p.path, resp.Status, !resp.Close)
		}
		c.Close()
	}
}

// TestHeadOfAPart: what a part of a request for assistance says of itself is read no
// further than anybody needs.
func TestHeadOfAPart(t *testing.T) {
	for name, head := range map[string]string{
		"one line":   "A: " + strings.Repeat("b", 8<<20),
		"many lines": strings.Repeat("A: b\r\n", 1<<20),
		"no line":    strings.Repeat(" ", 8<<20),
	} {
		for _, before := range []string{"", "--x\r\nContent-Disposition: form-data; name=\"screenshot\"\r\n\r\n" + strings.Repeat("a", 10<<20) + "\r\n"} {
			text := before + "--x\r\n" + head + "\r\n\r\nb\r\n--x--\r\n"
			body := strings.NewReader(text)
			_, err := readRequest(body, "x")
			if read := len(text) - body.Len(); err == nil || read > len(before)+maxPartHead+1<<16 {
				t.Errorf("%s behind %d bytes: %d bytes were read, %v", name, len(before), read, err)
			}
		}
	}
}
