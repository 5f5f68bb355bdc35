package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestManyPeopleAtOnce: four thousand requests of two people, and two thousand of
// nobody, over the same few connections. The application sees in each who sent it,
// with what they sent, and of nobody none but what is public.
func TestManyPeopleAtOnce(t *testing.T) {
	s := newServer(t)
	cookies := map[string]string{"nobody": ""}
	for _, id := range []string{"jdupont", "hmartin"} {
		s.person(id, "--group", "enseignants")
		h := s.holder(t, id)
		h.arrived(h.firstLogin(h.open(s.notes("/"))), s.notes("/"))
		req, err := http.NewRequest(http.MethodGet, s.notes("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range h.client.Jar.Cookies(req.URL) {
			cookies[id] += c.String() + "; "
		}
	}
	shared := &browser{t, &http.Client{Transport: loopbackTransport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	before := s.app.requests()
	who := []string{"jdupont", "hmartin", "nobody"}
	const n = 6000
	atOnce(n, 32, func(i int) {
		id := who[i%3]
		path := fmt.Sprintf("/%s/%d", id, i)
		if id == "nobody" && i%2 == 0 {
			path = "/public" + path
		}
		req, err := http.NewRequest(http.MethodPut, s.notes(path), strings.NewReader(path))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Cookie", cookies[id])
		req.Header.Set("Remote-User", who[(i+1)%3]) // it is somebody else who asks, they say
		p, err := shared.try(req)
		if err != nil {
			t.Error(err)
			return
		}
		if id == "nobody" && i%2 == 1 {
			if p.status != http.StatusUnauthorized {
				t.Errorf("%s: %d", path, p.status)
			}
			return
		}
		var r reached
		if err := json.Unmarshal([]byte(p.body), &r); err != nil {
			t.Errorf("%s: %d %v", path, p.status, err)
			return
		}
		want := id
		if id == "nobody" {
			want = ""
		}
		if got := strings.Join(r.Header["Remote-User"], ","); got != want || r.Target != path || r.Body != path {
			t.Errorf("%s of %s reached the application as %s of %q, with the body %s", path, id, r.Target, got, r.Body)
		}
	})
	if got := s.app.requests() - before; got != n-n/6 {
		t.Errorf("%d of %d requests reached the application", got, n-n/6)
	}
}
