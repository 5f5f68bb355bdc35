package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

const pin = "7294"

// holder is a person with a key in hand: a browser, and the memory of the last
// code they read, for whoever has no minute to wait types the next one.
type holder struct {
	*browser
	s    *server
	id   string
	last otp.Step
}

func (s *server) holder(t *testing.T, id string) *holder {
	g := s.keys[id]
	return &holder{browser: newBrowser(t), s: s, id: id, last: g.StepAt(timeNow()) - 2}
}

// next is the code after the last one read.
func (h *holder) next() string {
	h.last++
	return h.s.keys[h.id].Code(h.last)
}

// same is the last code read, over again.
func (h *holder) same() string { return h.s.keys[h.id].Code(h.last) }

// firstLogin goes through the guide's first connection, from the page that the
// gate shows, and returns where the person arrives.
func (h *holder) firstLogin(p page) page {
	h.t.Helper()
	code := h.next()
	for strings.Contains(code, pin) { // for which the PIN would be refused
		code = h.next()
	}
	p = h.submit(p.says(h.t, "Identifiant"), "identifier", h.id, "passcode", code)
	h.at(p, "/.sesame/pin")
	p = h.submit(p.says(h.t, "code PIN"), "pin", pin, "pin_again", pin)
	h.at(p, "/.sesame/synchronise")
	return h.submit(p.says(h.t, "PASSCODE"), "passcode", pin+h.next())
}

// login types the PASSCODE, and the next code where the gate wants it.
func (h *holder) login(p page) page {
	h.t.Helper()
	p = h.submit(p, "identifier", h.id, "passcode", pin+h.next())
	if p.url.Path == "/.sesame/next-code" {
		p = h.submit(p, "code", h.next())
	}
	return p
}

func (h *holder) at(p page, path string) {
	h.t.Helper()
	if p.url.Path != path {
		h.t.Fatalf("at %s (%d), not at %s:\n%s", p.url, p.status, path, p.text)
	}
}

// arrived reads what the application received, and fails when this is not its
// answer.
func (h *holder) arrived(p page, address string) reached {
	h.t.Helper()
	if p.url.String() != address || p.status != http.StatusOK {
		h.t.Fatalf("at %s (%d), not in the application at %s:\n%s", p.url, p.status, address, p.text+p.body)
	}
	var r reached
	if err := json.Unmarshal([]byte(p.body), &r); err != nil {
		h.t.Fatalf("the application's answer: %v", err)
	}
	return r
}

func TestTheGuidesJourney(t *testing.T) {
	s := newServer(t)
	s.person("cnouvel", "--group", "enseignants")
	h := s.holder(t, "cnouvel")

	deep := s.notes("/classe/3eB?devoir=12&trimestre=1")
	p := h.open(deep)
	h.at(p, "/.sesame/login")
	if p.lang != "fr" {
		t.Errorf("the page is in %q", p.lang)
	}
	if n := s.app.requests(); n != 0 {
		t.Fatalf("%d requests reached the application before any login", n)
	}
	r := h.arrived(h.firstLogin(p), deep)
	for name, want := range map[string]string{
		"Remote-User": "cnouvel", "Remote-Name": "Jeanne Dupont", "Remote-Email": "cnouvel@ac-exemple.fr", "Remote-Groups": "enseignants",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := r.Header.Get("Cookie"); got != "" {
		t.Error("a cookie of the gate reached the application")
	}

	// The portal shows the application, and it alone.
	p = h.open(s.portal("/")).says(t, "Carnet de notes")
	if contains(p.text, "Base élèves") {
		t.Error("the portal shows an application that is not this person's")
	}
	// The other application is closed to them, with a reference.
	p = h.open(s.autre("/"))
	if p.status != http.StatusForbidden || p.header.Get("Sesame-Reference") == "" || s.other.requests() != 0 {
		t.Errorf("the other application answered %d, reference %q", p.status, p.header.Get("Sesame-Reference"))
	}
	p.says(t, p.header.Get("Sesame-Reference"))

	// Another day, another browser: the PASSCODE alone.
	h.browser = newBrowser(t)
	h.arrived(h.login(h.open(deep)), deep)

	// Logged out everywhere.
	p = h.open(s.portal("/.sesame/logout"))
	h.submit(p)
	h.at(h.open(deep), "/.sesame/login")
	h.at(h.open(s.portal("/")), "/.sesame/login")
}

func TestTheFirstConnectionThroughThePortal(t *testing.T) {
	s := newServer(t)
	s.person("smartin")
	h := s.holder(t, "smartin")
	p := h.firstLogin(h.open(s.portal("/")))
	h.at(p, "/")
	p.says(t, "affectation ou de délégation")
}

func TestWhatIsNoPageLoadGets401(t *testing.T) {
	s := newServer(t)
	for name, header := range map[string]http.Header{
		"fetch":      {"Sec-Fetch-Mode": {"cors"}, "Accept": {"*/*"}},
		"xhr":        {"X-Requested-With": {"XMLHttpRequest"}, "Accept": {"text/html"}},
		"image":      {"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}, "Accept": {"image/*"}},
		"api client": {"Accept": {"application/json"}},
	} {
		b := newBrowser(t)
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		req, _ := http.NewRequest(http.MethodGet, s.notes("/data"), nil)
		req.Header = header
		p := b.do(req)
		var problem map[string]any
		if err := json.Unmarshal([]byte(p.body), &problem); err != nil || p.status != http.StatusUnauthorized || p.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s", name, p.status, p.header.Get("Content-Type"), p.body)
		}
		if !contains(p.body, "/.sesame/login") {
			t.Errorf("%s: the answer does not say where to log in: %s", name, p.body)
		}
	}
	if s.app.requests() != 0 {
		t.Error("requests without a session reached the application")
	}
}
