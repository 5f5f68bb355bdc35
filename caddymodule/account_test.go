package caddymodule

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

var (
	entry   = regexp.MustCompile(`(?s)<li class="entry">.*?</li>`)
	session = regexp.MustCompile(`name="session" value="([^"]*)"`)
)

// seen is a person in one browser that says what it is.
func (s *testServer) seen(id authcore.Identifier, agent string) *browser {
	s.t.Helper()
	b := newBrowser(s.t)
	a := b.open(s.at("portail", "/"))
	r := b.post(a, "identifier", string(id), "passcode", testPIN+s.newCode(string(id)))
	r.Header.Set("User-Agent", agent)
	if a := b.do(r); a.url().Path != "/" {
		s.t.Fatalf("logging in: %s at %s", a.Status, a.url())
	}
	b.open(s.at("notes", "/"))
	return b
}

// TestAccount: a person sees their sessions in plain words, and ends one, or all
// the others.
func TestAccount(t *testing.T) {
	s := startGate(t, "", "")
	other := s.loggedIn("hmartin")
	s.loggedIn("edupont")
	b := s.seen("edupont", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
	phone := s.seen("edupont", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36")
	if a := b.open(s.at("portail", "/")); !strings.Contains(a.body, `href="`+ui.PathAccount+`"`) {
		t.Error("the portal does not lead to the account")
	}
	account := func(b *browser) (answer, []string) {
		t.Helper()
		a := b.open(s.at("portail", ui.PathAccount))
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s at %s", a.Status, a.url())
		}
		return a, entry.FindAllString(sessionsOf(a), -1)
	}
	a, list := account(b)
	if len(list) != 3 || !strings.Contains(list[0], "Chrome sur Android") || !strings.Contains(list[1], "Firefox sur Windows") || !strings.Contains(list[2], "Navigateur inconnu") ||
		!strings.Contains(list[1], "cette session") || strings.Contains(list[0], "cette session") || !strings.Contains(list[0], "Adresse 127.0.0.1") {
		t.Fatalf("the list:\n%s", strings.Join(list, "\n"))
	}
	if strings.Contains(list[1], "<form") {
		t.Error("the session that looks is offered to be ended as another")
	}
	post := func(by *browser, page answer, value string) *http.Request {
		return by.post(page, ui.FieldSession, value)
	}
	id := html.UnescapeString(session.FindStringSubmatch(list[0])[1])
	if a := b.once(crossed(post(b, a, id))); a.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %s", a.Status)
	}
	forged := post(b, a, id)
	withField("csrf", "x")(forged)
	if a := b.once(forged); a.StatusCode != http.StatusForbidden {
		t.Errorf("without the token: %s", a.Status)
	}
	theirs, err := s.gate().Sessions(t.Context(), "hmartin", "", 0)
	if err != nil || len(theirs) != 1 {
		t.Fatalf("%d sessions, %v", len(theirs), err)
	}
	for what, value := range map[string]string{"somebody else's": string(theirs[0].ID), "nobody's": "x", "none": "", "a host's": string(hostSession(t, s, b))} {
		if a := b.once(post(b, a, value)); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", what, a.Status)
		}
	}
	for _, still := range []*browser{other, phone, b} {
		if a := still.once(still.page(s.at("portail", "/"))); a.StatusCode != http.StatusOK {
			t.Fatalf("a session was ended: %s", a.Status)
		}
	}
	if a = b.do(post(b, a, id)); a.url().Path != ui.PathAccount || !strings.Contains(a.body, "La session est fermée") || len(entry.FindAllString(sessionsOf(a), -1)) != 2 {
		t.Errorf("ended: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	for _, host := range []string{"portail", "notes"} {
		if a := phone.once(phone.page(s.at(host, "/"))); a.StatusCode != http.StatusSeeOther {
			t.Errorf("the ended session on %s: %s", host, a.Status)
		}
	}
	if a = b.do(post(b, a, "others")); !strings.Contains(a.body, "Vos autres sessions sont fermées") || len(entry.FindAllString(sessionsOf(a), -1)) != 1 || strings.Contains(a.body, `value="others"`) {
		t.Errorf("all others ended: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	if a := other.once(other.page(s.at("portail", "/"))); a.StatusCode != http.StatusOK {
		t.Errorf("somebody else's session: %s", a.Status)
	}
	ended := 0
	all, err := s.gate().Events(t.Context(), authcore.AuditQuery{User: "edupont"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Kind == authcore.SessionEnded && e.Detail == "by its holder" && e.Address == "127.0.0.1" {
			ended++
		}
	}
	if ended != 2 {
		t.Errorf("%d ends are written down", ended)
	}
	if a := b.open(s.at("portail", ui.PathAccount+"?lang=en")); !strings.Contains(a.body, "Firefox on Windows") || !strings.Contains(a.body, "this session") {
		t.Errorf("in English:\n%s", a.body)
	}
}

// sessionsOf is the part of the account's page that lists the sessions.
func sessionsOf(a answer) string {
	_, part, _ := strings.Cut(a.body, `id="sessions"`)
	part, _, _ = strings.Cut(part, "</section>")
	return part
}

// hostSession is the name of the session that a browser has on notes.
func hostSession(t *testing.T, s *testServer, b *browser) authcore.SessionID {
	t.Helper()
	found, _, err := s.gate().Session(t.Context(), authcore.Token(b.own(s.at("notes", "/"), "sesame")), "notes.localhost:"+s.port, false)
	if err != nil {
		t.Fatal(err)
	}
	return found.ID
}

// Who is not logged in sees no account and ends nothing.
func TestAccountOfNobody(t *testing.T) {
	s := startGate(t, "", "")
	in := s.loggedIn("edupont")
	page := in.open(s.at("portail", ui.PathAccount))
	b := newBrowser(t)
	if a := b.open(s.at("portail", ui.PathAccount)); a.url().Path != ui.PathLogin {
		t.Errorf("a page load ends at %s", a.url())
	}
	if a := b.once(b.request("GET", s.at("portail", ui.PathAccount), "Accept", "application/json")); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a script: %s", a.Status)
	}
	page.body = `<form method="post" action="/.sesame/account">` + page.body
	if a := b.do(b.post(page, ui.FieldSession, "others")); a.url().Path != ui.PathLogin {
		t.Errorf("a form ends at %s (%s)", a.url(), a.Status)
	}
	if a := in.once(in.page(s.at("portail", "/"))); a.StatusCode != http.StatusOK {
		t.Errorf("the session: %s", a.Status)
	}
}
