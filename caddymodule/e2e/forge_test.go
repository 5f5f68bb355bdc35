package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// managed are the names that only the gate may say, as the manual lists them.
var managed = []string{
	"Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups",
	"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	"ct-remote-user", "ct-web-svr-id", "ctln", "ctfn", "cn", "ctemail", "ctgrps", "ctdn", "rne", "codaca",
	"title", "grade", "discipline", "fonctm", "typensi", "employeeNumber", "datenaissance", "civilite", "codecivilite",
	"FrEduRne", "FrEduRneResp", "FrEduFonctAdm", "FrEduResDel", "FrEduGestResp", "FrEduUrlRetour", "FrEduURLretour", "FrEduAnything",
	"Sesame-Assertion", "Sesame-Reference", "Sesame-Anything", "X-Gate-Key",
}

// spellings of one name that some server takes for it.
func spellings(name string) []string {
	under, dots := strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")
	all := []string{name, strings.ToLower(name), strings.ToUpper(name), under, strings.ToUpper(under), strings.ToLower(under), dots, strings.ToUpper(dots)}
	if i := strings.IndexByte(name, '-'); i > 0 {
		all = append(all, name[:i]+"_"+name[i+1:], name[:i]+"."+strings.ReplaceAll(name[i+1:], "-", "_"))
	}
	return all
}

// raw sends bytes as they are and reads one answer.
func (s *server) raw(t *testing.T, request string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, request)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%v, answering %q", err, request)
	}
	return resp
}

// identity is what of it looks like an identity, folded as CGI folds names. An
// assertion, which is another every half minute, is called by the name of its kind.
func (r reached) identity() map[string][]string {
	found := map[string][]string{}
	for _, header := range []http.Header{r.Header, r.Trailer} {
		for name, values := range header {
			folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
			for _, m := range managed {
				if folded == strings.ToLower(m) || strings.HasPrefix(folded, "sesame-") {
					found[folded] = values
				}
			}
		}
	}
	for i, token := range found["sesame-assertion"] {
		if strings.Count(token, ".") == 2 && strings.HasPrefix(token, "eyJ") {
			found["sesame-assertion"][i] = "a token"
		}
	}
	return found
}

// TestIdentityCannotBeForged sends every managed name in every spelling, as a
// header, in Connection and as a trailer, with a session, on a public path, and
// without either; to an application with the headers of default, and to one with
// all that there is.
func TestIdentityCannotBeForged(t *testing.T) {
	for _, tt := range []struct {
		name, behind, lines string
		public, session     []string // the names that reach it
	}{
		// The secret is another application's here, and no client's to send anywhere.
		{"remote-user", "allow function DIR", "shared_secret X-Gate-Key %s/key", nil, []string{"remote-user", "remote-name", "remote-email", "remote-groups"}},
		{"cleartrust", "public /public/*", "headers cleartrust\n\t\t\tassertion\n\t\t\tshared_secret X-Gate-Key %s/key", []string{"x-gate-key"}, []string{
			"ct-remote-user", "ctln", "ctfn", "cn", "ctemail", "ctgrps", "freduurlretour", "fredurneresp", "sesame-assertion", "x-gate-key",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServerWith(t, func(s *server) string {
				s.write(s.dir+"/key", strings.Repeat("k", 32))
				lines := strings.ReplaceAll(tt.lines, "%s", s.dir)
				return strings.Replace(s.caddyfile(), tt.behind, tt.behind+"\n\t\t\t"+lines, 1)
			})
			s.forgeAll(t, tt.public, tt.session)
		})
	}
}

// forgeAll tries every place and spelling, where these names are the gate's own.
func (s *server) forgeAll(t *testing.T, public, session []string) {
	s.person("jdupont", "--group", "enseignants", "--attribute", "FrEduRneResp=X")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	req, _ := http.NewRequest(http.MethodGet, s.notes("/"), nil)
	var cookies string
	for _, c := range h.client.Jar.Cookies(req.URL) {
		cookies += fmt.Sprintf("%s=%s; ", c.Name, c.Value)
	}
	for _, route := range []struct {
		name, path, cookie string
		mine               []string
		open               bool
	}{
		{"in session", "/classe", cookies, session, true},
		{"public, in session", "/public/x", cookies, session, true},
		{"public", "/public/x", "", public, true},
		{"without a session", "/classe", "", nil, false},
	} {
		before, sent := s.app.requests(), 0
		for _, name := range managed {
			for _, spelling := range spellings(name) {
				sent += s.forge(t, route.name, route.path, route.cookie, spelling, route.mine)
			}
		}
		// What does not come through proves nothing about what does: each request
		// must reach the application where there is a way to it, and none elsewhere.
		reached := s.app.requests() - before
		t.Logf("%s: %d of %d requests reached the application", route.name, reached, sent)
		if route.open && reached != sent || !route.open && reached != 0 {
			t.Errorf("%s: %d of %d requests reached the application", route.name, reached, sent)
		}
	}
}

// genuine tells whether an identity has these names, each with one value that no
// client has sent, and is jdupont's.
func genuine(got map[string][]string, names []string) bool {
	for _, name := range names {
		if v := got[name]; len(v) != 1 || v[0] == "admin" || v[0] == "root" || strings.HasSuffix(name, "remote-user") && v[0] != "jdupont" {
			return false
		}
	}
	return len(got) == len(names)
}

// forge sends one spelling in each place where it could do harm, and returns how
// many requests that were.
func (s *server) forge(t *testing.T, route, path, cookie, name string, mine []string) (sent int) {
	t.Helper()
	host := "Host: notes.localhost:" + s.port + "\r\nAccept: text/html\r\nCookie: " + cookie + "a=1\r\n"
	for place, request := range map[string]string{
		"header":     "GET " + path + " HTTP/1.1\r\n" + host + name + ": admin\r\n" + name + ": root\r\n\r\n",
		"connection": "GET " + path + " HTTP/1.1\r\n" + host + "Connection: close, " + name + "\r\nConnection: " + name + "\r\n\r\n",
		"trailer":    "POST " + path + " HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTrailer: " + name + "\r\n\r\n1\r\nx\r\n0\r\n" + name + ": admin\r\n\r\n",
	} {
		resp := s.raw(t, request)
		sent++
		if resp.StatusCode != http.StatusOK {
			continue // a redirect to the login
		}
		var r reached
		if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
			t.Fatalf("%s, %s as %s: %v", route, name, place, err)
		}
		if got := r.identity(); !genuine(got, mine) {
			t.Errorf("%s, %s as %s: the application received %v", route, name, place, got)
		}
		if c := r.Header.Get("Cookie"); c != "a=1" {
			t.Errorf("%s: the application received the cookies %d bytes long, not a=1", route, len(c))
		}
		resp.Body.Close()
	}
	return sent
}
