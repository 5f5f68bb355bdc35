package e2e

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// canaries are what must be found nowhere, each with what it is.
type canaries map[string]string

func (c canaries) add(what string, forms ...string) {
	for _, f := range forms {
		c[f] = what
	}
}

// look searches a text for each of them.
func (c canaries) look(t *testing.T, where, text string) {
	t.Helper()
	for form, what := range c {
		if strings.Contains(text, form) {
			t.Errorf("%s shows %s", where, what)
		}
	}
}

// TestNothingSecretIsShown lives a whole life with a key (import, first login,
// wrong PINs, lock, unlocking, loss, emergency codes, resynchronisation) and then
// asks everything of everybody: no command, no answer of the API, no line of the
// log at its most talkative, and no file of the store shows a seed, a PIN, a code,
// a PASSCODE, a cookie or a code that was given once.
func TestNothingSecretIsShown(t *testing.T) {
	s := newServerWith(t, func(s *server) string {
		config := strings.Replace(s.caddyfile(), "persist_config off\n", "persist_config off\n\tlog {\n\t\tlevel DEBUG\n\t}\n", 1)
		return strings.ReplaceAll(config, "\tbind 127.0.0.1\n", "\tbind 127.0.0.1\n\tlog\n")
	})
	// Eight digits: a number of six stands by chance in any log.
	g := otp.Generator{Kind: otp.TOTP, Hash: otp.SHA256, Digits: 8, Period: time.Minute, Seed: []byte("the seed of a canary that sings.")}
	s.keys["jdupont"] = g
	file := filepath.Join(s.dir, "keys.csv")
	s.write(file, fmt.Sprintf("CANARY1,%x,totp,8,60,sha256\n", g.Seed))
	s.sesame("user", "add", "jdupont", "--group", "enseignants")
	s.sesame("key", "import", file, "--hash", "sha256", "--digits", "8")
	s.sesame("key", "assign", "CANARY1", "jdupont")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}

	found := canaries{}
	found.add("the seed", string(g.Seed), hex.EncodeToString(g.Seed), strings.ToUpper(hex.EncodeToString(g.Seed)),
		base32.StdEncoding.EncodeToString(g.Seed), base64.StdEncoding.EncodeToString(g.Seed), strings.Trim(fmt.Sprint(g.Seed), "[]"))
	const canaryPIN, wrongPIN = "83517294", "60481937"
	found.add("a PIN", canaryPIN, wrongPIN)
	h := s.holder(t, "jdupont")
	code := func() string {
		c := h.next()
		found.add("a code", c)
		return c
	}

	p := h.submit(h.open(s.notes("/")), "identifier", "jdupont", "passcode", code())
	h.at(p, "/.sesame/pin")
	p = h.submit(p, "pin", canaryPIN, "pin_again", canaryPIN)
	h.at(p, "/.sesame/synchronise")
	h.arrived(h.submit(p, "passcode", canaryPIN+code()), s.notes("/"))
	for _, address := range []string{s.portal("/"), s.notes("/")} {
		req, _ := http.NewRequest(http.MethodGet, address, nil)
		for _, c := range h.client.Jar.Cookies(req.URL) {
			found.add("the cookie "+c.Name, c.Value)
		}
	}
	resync := func() {
		t.Helper()
		body := fmt.Sprintf(`{"first":%q,"second":%q}`, code(), code())
		resp, err := http.Post("http://"+s.admin+"/sesame/keys/CANARY1/resync", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		if found.look(t, "the answer to resync", string(answer)); resp.StatusCode != http.StatusOK {
			t.Fatalf("resync: %s", resp.Status)
		}
	}
	resync()
	for range 5 {
		b := newBrowser(t)
		b.submit(b.open(s.portal("/.sesame/login")), "identifier", "jdupont", "passcode", wrongPIN+code())
	}
	s.sesame("key", "unlock", "CANARY1")
	s.sesame("key", "lost", "CANARY1")
	once := regexp.MustCompile(`\b\d{8}\b`).FindAllString(s.sesame("key", "emergency", "CANARY1", "--reason", "left in a train", "--codes", "3"), -1)
	if len(once) != 3 {
		t.Fatalf("%d emergency codes", len(once))
	}
	found.add("an emergency code", once...)
	b := newBrowser(t)
	b.submit(b.open(s.portal("/.sesame/login")), "identifier", "jdupont", "passcode", canaryPIN+once[0])
	s.sesame("key", "found", "CANARY1")
	resync()

	for _, args := range [][]string{
		{"user", "list"}, {"user", "show", "jdupont"}, {"key", "list"}, {"key", "show", "CANARY1"}, {"key", "expiring"}, {"session", "list"},
		{"audit"}, {"audit", "--user", "jdupont"}, {"audit", "--key", "CANARY1"}, {"whois", "jdupont"}, {"user", "export", "jdupont"},
	} {
		found.look(t, "sesame "+strings.Join(args, " "), s.sesame(args...))
		found.look(t, "sesame "+strings.Join(args, " ")+" --json", s.sesame(append(args, "--json")...))
	}
	if trail := s.sesame("audit"); !strings.Contains(trail, "pin-wrong") || !strings.Contains(trail, "emergency-used") || !strings.Contains(trail, "CANARY1") {
		t.Errorf("the life was not lived: it proves nothing\n%s", trail)
	}
	for _, path := range s.described(t) {
		resp, err := http.Get("http://" + s.admin + strings.NewReplacer("{id}", "jdupont", "{serial}", "CANARY1").Replace(path))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		found.look(t, "GET "+path, string(body)+fmt.Sprint(resp.Header))
	}
	for _, path := range []string{"/config/", "/metrics"} {
		resp, err := http.Get("http://" + s.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		found.look(t, "GET "+path, string(body))
	}
	s.stop()
	log := s.log.String()
	if !strings.Contains(log, `"level":"debug"`) || !strings.Contains(log, "handled request") {
		t.Error("the log is not at its most talkative: it proves nothing")
	}
	found.look(t, "the log", log)
	files := 0
	err := filepath.WalkDir(filepath.Join(s.dir, "store"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		files++
		found.look(t, "the store's file "+d.Name(), string(content))
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files of the store were looked at: %v", files, err)
	}
}

// described are the paths of the API that are read with GET, out of its document.
func (s *server) described(t *testing.T) (paths []string) {
	t.Helper()
	content, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	for path, methods := range d.Paths {
		if methods["get"] != nil {
			paths = append(paths, path)
		}
	}
	if len(paths) < 8 {
		t.Fatalf("only %d paths are described", len(paths))
	}
	return paths
}
