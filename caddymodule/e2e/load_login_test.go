//go:build load

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// How many log in at once.
const loadPeople = 64

// TestLoadLogins compares logins, sixty-four at once through the whole server, with
// what argon2id alone allows on the same processors, and tells what becomes of
// requests in session meanwhile. Its people have keys that count, so that nobody
// waits for a code.
func TestLoadLogins(t *testing.T) {
	gate := newServer(t)
	gate.app.Config.Handler = http.HandlerFunc(answerOneKilobyte)
	people := make([]*loadPerson, loadPeople)
	for i := range people {
		people[i] = newLoadPerson(t, gate, fmt.Sprintf("personne%02d", i))
	}
	reader := &candidate{name: "gate", s: gate, cookie: "Cookie: " + cookiesOf(t, people[0].holder, gate.notes("/")) + "\r\n"}

	gate.watchMemory()
	var ratios, rates, alone, meanwhile, paced []float64
	for range loadRounds {
		hashes := hashRate()
		logins := loginsIn(t, people, loadRound, 0)
		rates, ratios = append(rates, logins), append(ratios, logins/hashes)
	}
	_, most := gate.memory()
	for range loadRounds {
		before := reader.measure(t)
		full := reader.besides(t, func() { loginsIn(t, people, loadRound, 0) })
		morning := reader.besides(t, func() { loginsIn(t, people, loadRound, loadPace) })
		alone = append(alone, float64(before.answers)/loadRound.Seconds())
		meanwhile = append(meanwhile, float64(full.answers)/float64(before.answers))
		paced = append(paced, float64(morning.answers)/float64(before.answers))
	}
	t.Logf("figure %q %.2f", "logins, 64 at once: rate, ratio to argon2id alone", median(ratios))
	t.Logf("figure %q %.1f", "logins, 64 at once: a second", median(rates))
	t.Logf("figure %q %d", "logins, 64 at once: most memory of the server, MiB", most)
	t.Logf("figure %q %.0f", "requests in session: a second", median(alone))
	t.Logf("figure %q %.2f", "requests in session during as many logins as there can be: rate, ratio", median(meanwhile))
	t.Logf("figure %q %.2f", fmt.Sprintf("requests in session during %d logins a second: rate, ratio", loadPace), median(paced))
}

// loadPace is a busy morning: at ten a second, 6,000 people log in within ten minutes.
const loadPace = 10

// besides measures while something else goes on.
func (c *candidate) besides(t *testing.T, do func()) round {
	t.Helper()
	var other sync.WaitGroup
	other.Go(do)
	defer other.Wait()
	return c.measure(t)
}

// hashRate is how many PINs a second two processors' argon2id hashes, with the cost
// that the gate has.
func hashRate() float64 {
	var n atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range 2 {
		all.Go(func() {
			for time.Since(began) < loadRound {
				argon2.IDKey([]byte("739154"), []byte("sixteen bytes of"), 3, 12*1024, 1, 32)
				n.Add(1)
			}
		})
	}
	all.Wait()
	return float64(n.Load()) / time.Since(began).Seconds()
}

// loginsIn has the people log in for so long, each again and again, or so many a
// second in all; and returns how many a second did.
func loginsIn(t *testing.T, people []*loadPerson, long time.Duration, pace int) float64 {
	t.Helper()
	var n atomic.Int64
	var all sync.WaitGroup
	turns := make(chan time.Time)
	began := time.Now()
	if pace > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(pace))
		defer ticker.Stop()
		all.Go(func() {
			defer close(turns)
			for at := range ticker.C {
				if time.Since(began) >= long {
					return
				}
				turns <- at
			}
		})
	}
	for _, p := range people {
		all.Go(func() {
			for time.Since(began) < long {
				if pace > 0 {
					if _, more := <-turns; !more {
						return
					}
				}
				if err := p.login(); err != nil {
					t.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	all.Wait()
	return float64(n.Load()) / time.Since(began).Seconds()
}

// loadPerson is somebody with a key that counts, in a browser that looks at nothing.
type loadPerson struct {
	*holder
	lean *http.Client
}

func newLoadPerson(t *testing.T, s *server, id string) *loadPerson {
	t.Helper()
	seed := fmt.Appendf(nil, "%-20s", "seed of "+id)
	s.keys[id] = otp.Generator{Kind: otp.HOTP, Hash: otp.SHA1, Digits: 6, Seed: seed}
	serial := fmt.Sprintf("9%05d", len(s.keys))
	file := filepath.Join(s.dir, serial+".csv")
	s.write(file, fmt.Sprintf("%s,%x,hotp,6,0\n", serial, seed))
	s.sesame("user", "add", id, "--given-name", "Jeanne", "--surname", "Dupont", "--email", id+"@ac-exemple.fr", "--group", "enseignants")
	s.sesame("key", "import", file)
	s.sesame("key", "assign", serial, id)
	h := &holder{browser: newBrowser(t), s: s, id: id, last: -1}
	h.firstLogin(h.open(s.notes("/")))
	return &loadPerson{h, &http.Client{Transport: loopbackTransport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)

// login asks for the page and posts a PASSCODE.
func (p *loadPerson) login() error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	p.lean.Jar = jar // nobody is logged in there
	address := p.s.portal("/.sesame/login")
	resp, err := p.lean.Get(address)
	if err != nil {
		return err
	}
	page, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return err
	}
	form := url.Values{"identifier": {p.id}, "passcode": {pin + p.next()}}
	body, _, _ := bytes.Cut(page, []byte("</form>")) // the first is the login's
	for _, field := range hiddenField.FindAllSubmatch(body, -1) {
		form.Set(string(field[1]), string(field[2]))
	}
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.s.portal(""))
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if resp, err = p.lean.Do(req); err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	opened := func(c *http.Cookie) bool { return c.Name == "sesame" && c.MaxAge >= 0 && c.Value != "" }
	if to := resp.Header.Get("Location"); err != nil || !slices.ContainsFunc(resp.Cookies(), opened) {
		return fmt.Errorf("the login of %s: %s to %q, %w", p.id, resp.Status, to, err)
	}
	return nil
}

// cookiesOf are those that a holder's browser sends to an address.
func cookiesOf(t *testing.T, h *holder, address string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range h.client.Jar.Cookies(at) {
		all = append(all, c.String())
	}
	return strings.Join(all, "; ")
}
