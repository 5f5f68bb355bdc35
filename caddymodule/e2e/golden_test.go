package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func timeNow() time.Time { return time.Now() }

func contains(s, sub string) bool { return strings.Contains(s, sub) }

const refusal = "Identifiant ou PASSCODE incorrect"

// fresh is a new browser at the login page.
func (h *holder) fresh() (*browser, page) {
	h.t.Helper()
	b := newBrowser(h.t)
	return b, b.open(h.s.portal("/.sesame/login"))
}

// refused posts a PASSCODE from a fresh browser, which must not let in.
func (h *holder) refused(why, passcode string) page {
	h.t.Helper()
	b, p := h.fresh()
	p = b.submit(p, "identifier", h.id, "passcode", passcode)
	if p.status != http.StatusForbidden || !contains(p.text, refusal) {
		h.t.Fatalf("%s: %d at %s:\n%s", why, p.status, p.url, p.text)
	}
	return p
}

// TestACodeThatMatchedIsDead is the golden rule, through everything that may
// happen to a server in between.
func TestACodeThatMatchedIsDead(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	p := h.open(s.portal("/"))

	opening := h.next()
	p = h.submit(p, "identifier", h.id, "passcode", opening)
	p = h.submit(p, "pin", "1234", "pin_again", "1234")
	if p.status != http.StatusUnprocessableEntity {
		t.Fatalf("the weak PIN got %d:\n%s", p.status, p.text)
	}
	h.refused("the opening code again, after a refused PIN", opening)

	p = h.submit(p, "pin", pin, "pin_again", pin)
	p = h.submit(p, "passcode", pin+h.next())
	h.at(p, "/")
	h.refused("after a success", pin+h.same())

	wrong := h.next()
	h.refused("a wrong PIN", "8305"+wrong)
	h.refused("after a wrong PIN", pin+wrong)

	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	h.refused("after a reload", pin+wrong)

	h.browser, p = h.fresh()
	p = h.login(p)
	h.at(p, "/")
	last := h.same()
	s.kill()
	s.start()
	h.refused("after kill -9 right behind the answer", pin+last)
	h.at(h.open(s.portal("/")), "/") // the session outlived it

	s.stop()
	s.start()
	h.refused("after a restart", pin+last)
}

// TestOnePasscodeAThousandTimes posts one good PASSCODE from a thousand browsers
// at once.
func TestOnePasscodeAThousandTimes(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))

	const n = 1000
	passcode := pin + h.next()
	transport := loopbackTransport()
	requests := make([]*http.Request, n)
	browsers := make([]*browser, n)
	for i := range requests {
		browsers[i] = newBrowser(t)
		browsers[i].client.Transport = transport
		browsers[i].client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		requests[i] = browsers[i].request(browsers[i].open(s.portal("/.sesame/login")), "identifier", h.id, "passcode", passcode)
	}
	var wg sync.WaitGroup
	start := make(chan struct{})
	answers := make([]page, n)
	for i := range requests {
		wg.Go(func() {
			<-start
			answers[i], _ = browsers[i].try(requests[i])
		})
	}
	close(start)
	wg.Wait()
	success, refused, later := 0, 0, 0
	for i, a := range answers {
		switch {
		case a.status == http.StatusSeeOther && hasSession(a):
			success++
		case a.status == http.StatusForbidden && contains(a.text, refusal):
			refused++
		case a.status == http.StatusServiceUnavailable:
			later++
		default:
			t.Errorf("answer %d: %d %s", i, a.status, a.text)
		}
	}
	t.Logf("%d browsers: %d in, %d refused, %d asked to come again", n, success, refused, later)
	if success != 1 || success+refused+later != n {
		t.Fatalf("%d sessions were opened", success)
	}
	if out := s.sesame("session", "list", "--user", h.id); strings.Count(out, h.id) != 2 {
		t.Errorf("the sessions are not two (the first login's and the one):\n%s", out)
	}
}

func hasSession(p page) bool {
	for _, c := range (&http.Response{Header: p.header}).Cookies() {
		if c.Name == "sesame" && c.Value != "" {
			return true
		}
	}
	return false
}

// TestADoubleClick posts the same form twice at once: the person simply arrives.
func TestADoubleClick(t *testing.T) {
	s := newServer(t)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.portal("/")))

	b, p := h.fresh()
	fields := []string{"identifier", h.id, "passcode", pin + h.next()}
	var wg sync.WaitGroup
	arrived := make([]page, 5)
	for i := range arrived {
		req := b.request(p, fields...)
		wg.Go(func() { arrived[i], _ = b.try(req) })
	}
	wg.Wait()
	for i, a := range arrived {
		if a.status != http.StatusOK || a.url.Path != "/" {
			t.Errorf("click %d: %d at %v:\n%s", i+1, a.status, a.url, a.text)
		}
	}
	if out := s.sesame("session", "list", "--user", h.id); strings.Count(out, h.id) != 2 {
		t.Errorf("a double click opened more than one session:\n%s", out)
	}
}
