package caddymodule

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestNotices: what was typed wrongly is said beside the field, keeps the
// identifier, and uses nothing.
func TestNotices(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	passcode := testPIN + s.newCode("edupont")
	for _, tt := range []struct{ identifier, passcode, says string }{
		{"", passcode, "Identifiant manquant"},
		{"   ", passcode, "Identifiant manquant"},
		{"e dupont", passcode, "Identifiant mal formé"},
		{"édupont", passcode, "Identifiant mal formé"},
		{"edu\x00pont", passcode, "Identifiant mal formé"},
		{"edu\xffpont", passcode, "Identifiant mal formé"},
		{strings.Repeat("e", 65), passcode, "Identifiant mal formé"},
		{"7294 123456", passcode, "Des chiffres à la place de l’identifiant"},
		{"edupont", "", "PASSCODE manquant"},
		{"edupont", "  ", "PASSCODE manquant"},
		{"edupont", "123a456", "ne contient que des chiffres"},
		{"edupont", "٧٢٩٤٦٥٤٣٢١", "ne contient que des chiffres"},
		{"edupont", "1234567８", "ne contient que des chiffres"},
		{"edupont", "1 2 3 4 5", "PASSCODE trop court"},
		{"edupont", strings.Repeat("1", 21), "PASSCODE trop long"},
	} {
		b, a := s.fresh()
		a = b.submit(a, "identifier", tt.identifier, "passcode", tt.passcode)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, tt.says) {
			t.Errorf("%q, %d digits: %s, does not say %q", tt.identifier, len(tt.passcode), a.Status, tt.says)
		}
		if strings.Contains(a.body, passcode) || strings.Contains(a.body, "7294 123456") {
			t.Errorf("%q: the page repeats a PASSCODE", tt.identifier)
		}
		if tt.identifier == "edupont" && !strings.Contains(a.body, `value="edupont"`) {
			t.Errorf("%s: the identifier is lost", tt.says)
		}
	}
	b, a := s.fresh()
	if a = b.submit(a, "identifier", " EDupont ", "passcode", passcode[:4]+" "+passcode[4:7]+"\u202f"+passcode[7:]); a.url().Path != "/" {
		t.Errorf("spaces and capitals: %s at %s", a.Status, a.url())
	}
}

// TestPINNotices goes through what the policy has against a PIN.
func TestPINNotices(t *testing.T) {
	s := startGate(t, "pin {\n length 4 6\n}", "")
	s.teacher("edupont")
	b, a := s.fresh()
	code := s.newCode("edupont")
	a = b.submit(a, "identifier", "edupont", "passcode", code)
	if a.url().Path != "/.sesame/pin" || !strings.Contains(a.body, "4001") {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	for _, tt := range []struct{ pin, again, says string }{
		{"", "", "Code PIN manquant"},
		{testPIN, "", "Code PIN manquant"},
		{"72a4", "72a4", "ne contient que des chiffres"},
		{testPIN, "7295", "Les deux codes PIN sont différents"},
		{"729", "729", "Code PIN trop court"},
		{"7294618", "7294618", "Code PIN trop long"},
		{"1111", "1111", "répétition"},
		{"1234", "1234", "suite"},
		{"1984", "1984", "date"},
		{"2580", "2580", "trop courant"},
		{"8264", "8264", "numéro de la clé"},
		{code[:4], code[:4], "PIN"},
	} {
		a = b.submit(a, "pin", tt.pin, "pin_again", tt.again)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, tt.says) {
			t.Errorf("PIN of %d digits: %s, does not say %q", len(tt.pin), a.Status, tt.says)
		}
	}
	if a = b.submit(a, "pin", testPIN, "pin_again", testPIN); a.url().Path != "/.sesame/synchronise" {
		t.Errorf("a good PIN: %s at %s", a.Status, a.url())
	}
}

// TestTheSameFormTwice, one after the other and at once: the person arrives, in
// one session.
func TestTheSameFormTwice(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	target := s.at("notes", "/deep")
	count := func() int {
		all, err := s.gate().Sessions(t.Context(), "edupont", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	b := newBrowser(t)
	a := b.open(target)
	req := func() *http.Request { return b.post(a, "identifier", "edupont", "passcode", "") }
	passcode := testPIN + s.newCode("edupont")
	first, second := req(), req()
	withField("passcode", passcode)(first)
	withField("passcode", passcode)(second)
	for i, r := range []*http.Request{first, second} {
		if got := b.do(r); got.url().String() != target || got.body != "ok" {
			t.Errorf("click %d ended at %s with %s", i+1, got.url(), got.Status)
		}
	}
	if got := count() - before; got != 1 {
		t.Errorf("two clicks made %d sessions", got)
	}

	before = count()
	b, a = s.fresh()
	passcode = testPIN + s.newCode("edupont")
	var wg sync.WaitGroup
	for range 8 {
		r := b.post(a, "identifier", "edupont", "passcode", passcode)
		wg.Go(func() {
			if got := b.do(r); got.url().Path != "/" || got.StatusCode != 200 {
				t.Errorf("a click at once ended at %s with %s", got.url(), got.Status)
			}
		})
	}
	wg.Wait()
	if got := count() - before; got != 1 {
		t.Errorf("eight clicks at once made %d sessions", got)
	}
}

// TestStepsOutOfTurn: each page is for its moment; others lead back to it.
func TestStepsOutOfTurn(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b, a := s.fresh()
	for _, path := range []string{"/.sesame/pin", "/.sesame/synchronise", "/.sesame/next-code"} {
		if got := b.open(s.at("portail", path)); got.url().Path != "/.sesame/login" {
			t.Errorf("%s at the beginning leads to %s", path, got.url())
		}
	}
	pinPage := b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	for _, path := range []string{"/", "/.sesame/login", "/.sesame/synchronise", "/.sesame/next-code"} {
		if got := b.open(s.at("portail", path)); got.url().Path != "/.sesame/pin" {
			t.Errorf("%s while the PIN is asked leads to %s", path, got.url())
		}
	}
	if got := b.once(b.page(s.at("notes", "/"))); got.StatusCode != http.StatusSeeOther {
		t.Errorf("an application while the PIN is asked: %s", got.Status)
	}
	// The page before, sent again after all.
	if got := b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont")); got.url().Path != "/.sesame/pin" {
		t.Errorf("the first form again leads to %s (%s)", got.url(), got.Status)
	}
	b.submit(pinPage, "pin", testPIN, "pin_again", testPIN)

	// Ten minutes later it begins again, and says so.
	advance(11 * time.Minute)
	got := b.submit(pinPage, "pin", testPIN, "pin_again", testPIN)
	if got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "Le délai est dépassé") || !strings.Contains(got.body, `action="/.sesame/login"`) {
		t.Errorf("too late: %s\n%s", got.Status, got.body)
	}
	if got = s.enroll(b, "edupont", got); got.url().Path != "/" || !strings.Contains(got.body, "Votre clé est en service") {
		t.Errorf("the second try: %s at %s", got.Status, got.url())
	}
	// A login page of last week.
	b, a = s.fresh()
	advance(7 * 24 * time.Hour)
	if got := b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); got.StatusCode != http.StatusForbidden || !strings.Contains(got.body, "n’a pas été utilisé") {
		t.Errorf("a page of last week: %s\n%s", got.Status, got.body)
	}
}

// TestLoginAnew: each later step has a link to the first page, for the same
// application; the code spent there stays spent. No other site can follow it.
func TestLoginAnew(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b, deep := newBrowser(t), s.at("notes", "/deep")
	code := s.newCode("edupont")
	pinPage := b.submit(b.open(deep), "identifier", "edupont", "passcode", code)
	b.submit(pinPage, "pin", testPIN, "pin_again", testPIN)
	link := s.at("portail", "/.sesame/login?anew=1")
	stays := b.page(link)
	stays.Header.Set("Sec-Fetch-Site", "cross-site")
	got := b.do(stays)
	if got.url().Path != "/.sesame/synchronise" || !strings.Contains(got.body, `href="/.sesame/login?anew=1"`) {
		t.Fatalf("from another site it leads to %s:\n%s", got.url(), got.body)
	}
	a := b.open(link)
	if a.url().Path != "/.sesame/login" || a.url().Query().Get("target") != deep {
		t.Fatalf("it leads to %s", a.url())
	}
	if got = b.submit(pinPage, "pin", testPIN, "pin_again", testPIN); got.StatusCode == http.StatusOK {
		t.Errorf("the login that was left goes on: %s at %s", got.Status, got.url())
	}
	if a = b.submit(a, "identifier", "edupont", "passcode", code); a.StatusCode != http.StatusForbidden {
		t.Errorf("the code of the login that was left: %s at %s", a.Status, a.url())
	}
	if got = s.enroll(b, "edupont", a); got.url().String() != deep {
		t.Errorf("the second try ends at %s", got.url())
	}
}

// TestNextCode: a key that has drifted, or too many failures before.
func TestNextCode(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	for range 3 {
		b, a := s.fresh()
		if a = b.submit(a, "identifier", "edupont", "passcode", testPIN+"000000"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, refusedText) {
			t.Fatalf("a wrong code: %s", a.Status)
		}
	}
	target := s.at("notes", "/deep?a=b")
	b := newBrowser(t)
	a := b.submit(b.open(target), "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	if a.url().Path != "/.sesame/next-code" {
		t.Fatalf("%s at %s", a.Status, a.url())
	}
	for _, tt := range []struct{ code, says string }{{"", "Code manquant"}, {"12", "Code trop court"}, {"12345a", "que des chiffres"}, {strings.Repeat("1", 30), "Trop de chiffres"}} {
		if got := b.submit(a, "code", tt.code); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, tt.says) {
			t.Errorf("%q: %s", tt.code, got.Status)
		}
	}
	if !strings.Contains(a.body, "Votre PASSCODE est juste") {
		t.Errorf("the page does not say that the PASSCODE was right:\n%s", a.body)
	}
	if got := b.submit(a, "code", s.newCode("edupont")); got.url().String() != target || got.body != "ok" {
		t.Errorf("the next code leads to %s (%s)", got.url(), got.Status)
	}
	// Wrong once, and it begins again.
	for range 3 {
		b, a := s.fresh()
		b.submit(a, "identifier", "edupont", "passcode", testPIN+"000000")
	}
	b, a = s.fresh()
	a = b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont"))
	a = b.submit(a, "code", "000000")
	if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, "Code suivant incorrect") || !strings.Contains(a.body, `action="/.sesame/login"`) {
		t.Errorf("a wrong next code: %s\n%s", a.Status, a.body)
	}
}

// Where the code is all that was judged, the page does not say that a PASSCODE was
// right.
func TestNextCodeOfAFirstConnection(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	for range 3 {
		b, a := s.fresh()
		b.submit(a, "identifier", "edupont", "passcode", "000000")
	}
	b, a := s.fresh()
	a = b.submit(a, "identifier", "edupont", "passcode", s.newCode("edupont"))
	if a.url().Path != "/.sesame/next-code" || strings.Contains(a.body, "est juste") || !strings.Contains(a.body, "Plusieurs essais ont échoué") {
		t.Errorf("a first code behind failures: %s at %s\n%s", a.Status, a.url(), a.body)
	}
	if got := b.submit(a, "code", s.newCode("edupont")); got.url().Path != "/.sesame/pin" {
		t.Errorf("the next code leads to %s (%s)", got.url(), got.Status)
	}
}

// TestGuessesAreSlowedDown: whoever guesses is told when to come back, whether the
// person exists or not; what they typed was not used, and opens later.
func TestGuessesAreSlowedDown(t *testing.T) {
	s := startGate(t, "", "")
	s.loggedIn("edupont")
	slowed := map[string]string{}
	reference := regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}`)
	for _, id := range []string{"edupont", "nobody.here"} {
		for range 5 {
			b, a := s.fresh()
			if got := b.submit(a, "identifier", id, "passcode", testPIN+"000000"); got.StatusCode != http.StatusForbidden {
				t.Fatalf("a guess: %s", got.Status)
			}
		}
		b, a := s.fresh()
		got := b.submit(a, "identifier", id, "passcode", testPIN+"000000")
		wait, err := strconv.Atoi(got.Header.Get("Retry-After"))
		if got.StatusCode != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 30 || !strings.Contains(got.body, "Trop d’essais ont échoué") || !reference.MatchString(got.Header.Get("Sesame-Reference")) {
			t.Errorf("%s, Retry-After %d, reference %q:\n%s", got.Status, wait, got.Header.Get("Sesame-Reference"), got.body)
		}
		slowed[id] = regexp.MustCompile(`(?s)<h2 class="notice-heading".*?</p>`).FindString(regexp.MustCompile(`\d\d:\d\d`).ReplaceAllString(got.body, "the time"))
	}
	if slowed["edupont"] == "" || slowed["edupont"] != slowed["nobody.here"] {
		t.Errorf("somebody known is told %q, somebody unknown %q", slowed["edupont"], slowed["nobody.here"])
	}
	advance(31 * time.Second)
	b, a := s.fresh()
	if got := b.submit(a, "identifier", "edupont", "passcode", testPIN+s.newCode("edupont")); got.url().Path != "/.sesame/next-code" {
		t.Errorf("the right PASSCODE, after the delay: %s at %s", got.Status, got.url())
	}
}

// TestNothingSecretIsLogged: the whole first login at the level DEBUG, with the
// access log on.
func TestNothingSecretIsLogged(t *testing.T) {
	s := startGate(t, "", "")
	s.teacher("edupont")
	b := newBrowser(t)
	a := b.open(s.at("notes", "/"))
	code := s.newCode("edupont")
	a = b.submit(a, "identifier", "edupont", "passcode", code)
	a = b.submit(a, "pin", testPIN, "pin_again", testPIN)
	passcode := testPIN + s.newCode("edupont")
	b.submit(a, "passcode", passcode)
	log := s.logWith(`"user_id":"edupont"`) // the access log says who it was
	secrets := map[string]string{
		"the first code": code, "the PASSCODE": passcode, "the code": passcode[4:], "the session": b.own(s.at("notes", "/"), "sesame"),
		"the portal's session": b.own(s.at("portail", "/"), "sesame"), "the seed": "seed of edupont",
	}
	for what, secret := range secrets {
		if secret == "" || strings.Contains(log, secret) {
			t.Errorf("%s is in the log, or empty", what)
		}
	}
	for _, kind := range []string{"pin-asked", "pin-staged", "pin-defined", "session-handed-over"} {
		if !strings.Contains(log, kind) {
			t.Errorf("the log does not tell of %s", kind)
		}
	}
}
