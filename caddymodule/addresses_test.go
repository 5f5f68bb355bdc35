package caddymodule

import (
	"net/http"
	"strings"
	"sync"
	"testing"
)

// addressBook notes every address that a browser was at, or was sent to: what stands
// in its history, and in others' logs.
type addressBook struct {
	http.RoundTripper
	mu    sync.Mutex
	lines []string
}

func (a *addressBook) RoundTrip(r *http.Request) (*http.Response, error) {
	// A browser keeps the referrer of the page that it came from through redirects
	// (Fetch, section 4.4); Go's client would tell the address between.
	r = r.Clone(r.Context())
	r.Header.Del("Referer")
	resp, err := a.RoundTripper.RoundTrip(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, r.URL.String())
	if err == nil {
		a.lines = append(a.lines, resp.Header.Get("Location"), resp.Header.Get("Refresh"), resp.Header.Get("Link"))
	}
	return resp, err
}

// ownLog is a log without Caddy's lines about requests, which repeat addresses: the
// tickets there were used by the very request, and only in one browser.
func ownLog(log string) string {
	var own strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "http.log.access") {
			own.WriteString(line)
		}
	}
	return own.String()
}

// TestNoSecretInAnAddress: through a first login, a wrong PIN, the next code, a second
// application and a logout, no address, no title and no line of the log holds a PIN, a
// code or a session. A ticket stands in one address, whose answer has no page that
// could tell it on, and leads to a clean one.
func TestNoSecretInAnAddress(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	book := &addressBook{RoundTripper: b.client.Transport}
	b.client.Transport = book
	secrets := map[string]string{}
	code := func() string {
		c := s.newCode("edupont")
		secrets["code "+c] = c
		return c
	}
	const longPIN = "83517294"
	secrets["PIN"], secrets["wrong PIN"] = longPIN, "60481937"

	a := b.submit(b.open(s.at("notes", "/deep?x=y")), "identifier", "edupont", "passcode", code())
	pages := []answer{a}
	next := func(fields ...string) { a = b.submit(a, fields...); pages = append(pages, a) }
	next("pin", longPIN, "pin_again", longPIN)
	next("passcode", longPIN+code())
	if a.body != "ok" {
		t.Fatalf("the first login leads to %s, %s", a.url(), a.Status)
	}
	logout := func() { a = b.open(s.at("portail", "/.sesame/logout")); next() }
	logout()
	for range 3 {
		a = b.open(s.at("notes", "/deep?x=y"))
		next("identifier", "edupont", "passcode", "60481937"+code())
	}
	next("identifier", "edupont", "passcode", longPIN+code())
	next("code", code())
	if a.body != "ok" {
		t.Fatalf("the login with the next code leads to %s, %s", a.url(), a.Status)
	}
	pages = append(pages, b.open(s.at("autre", "/")), b.open(s.at("portail", "/.sesame/account")))
	for _, host := range []string{"portail", "notes", "autre"} {
		secrets["session on "+host] = b.own(s.at(host, "/"), "sesame")
	}
	logout()

	tickets := 0
	for _, line := range book.lines {
		at, ticket, ok := strings.Cut(line, pathTicket+"?ticket=")
		if !ok {
			continue
		}
		tickets++
		if at == "" || !strings.HasPrefix(line, s.at("notes", "/")) && !strings.HasPrefix(line, s.at("autre", "/")) {
			t.Errorf("a ticket stands in the address of %s", at)
		}
		if strings.Contains(ownLog(s.log()), ticket) {
			t.Error("the log shows a ticket")
		}
	}
	if tickets < 4 { // each once as a Location, once as an address
		t.Errorf("%d addresses have tickets: the test shows little", tickets)
	}
	ticket := s.ticketFor(s.loggedIn("mdurand"))
	x := newBrowser(t)
	if a := x.once(x.page(ticket)); strings.Contains(a.body, strings.SplitN(ticket, "ticket=", 2)[1]) || a.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("the answer to a ticket that opens nothing, %s, repeats it or lets it be told on", a.Status)
	}

	addresses, log := strings.Join(book.lines, "\n"), s.log()
	for what, secret := range secrets {
		if secret == "" {
			t.Errorf("there is no %s", what)
			continue
		}
		if strings.Contains(addresses, secret) {
			t.Errorf("an address shows the %s", what)
		}
		if len(secret) > 6 && strings.Contains(log, secret) {
			t.Errorf("the log shows the %s", what)
		}
		for _, p := range pages {
			if m := pageTitle.FindStringSubmatch(p.body); m != nil && strings.Contains(m[1], secret) {
				t.Errorf("the title of %s shows the %s", p.url(), what)
			}
		}
	}
}
