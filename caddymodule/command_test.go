package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore"
)

// listen serves the API on a socket and returns its address for --address.
func (b *adminBench) listen() string {
	b.t.Helper()
	socket := filepath.Join(b.t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	b.must(err)
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.seen.Add(r.RequestURI)
		b.mux.ServeHTTP(w, r)
	})
	server := &http.Server{Handler: logged, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	b.t.Cleanup(func() { server.Close(); <-done })
	return "unix/" + socket
}

// runCommand runs one command line of "sesame" in this process.
func runCommand(stdin io.Reader, args ...string) (stdout string, err error) {
	stdout, _, err = runCommandWithErrors(stdin, args...)
	return stdout, err
}

// runCommandWithErrors is runCommand with what is printed on standard error.
func runCommandWithErrors(stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	caddy := &cobra.Command{Use: "caddy", SilenceUsage: true, SilenceErrors: true}
	sesame := &cobra.Command{Use: "sesame"}
	addCommands(sesame)
	caddy.AddCommand(sesame)
	caddy.SetArgs(append([]string{"sesame"}, args...))
	caddy.SetIn(stdin)
	caddy.SetOut(&out)
	caddy.SetErr(&errOut)
	err = caddy.Execute()
	return out.String(), errOut.String(), err
}

// terminal is what a browser may call itself in order to command the terminal
// of whoever looks at it.
const terminal = "Evil\x1b[2J\x1b]0;owned\x07\u009b31m\u202ednib\r\nline two"

// Nothing that came from elsewhere reaches the terminal as a command.
func TestCommandsPrintNoControlCharacters(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.agent = terminal
	b.firstLogin("jdupont", "0123456789", "7294")
	address := b.listen()
	for _, args := range [][]string{{"session", "list"}, {"audit"}, {"session", "list", "--json"}, {"audit", "--json"}} {
		out, err := runCommand(nil, append(args, "--address", address)...)
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s prints %q", args, out[i:min(len(out), i+8)])
		}
		if strings.Contains(strings.Join(args, " "), "session list") && !strings.Contains(out, "Evil") {
			t.Errorf("%s does not show the browser at all:\n%s", args, out)
		}
	}
}

// What --json prints is what the server answered.
func TestCommandJSON(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", Surname: "Dupont\u00a0d’Été 🗝"}, "0123456789")
	b.agent = terminal
	b.firstLogin("jdupont", "0123456789", "7294")
	address := b.listen()
	for _, c := range []struct {
		path string
		args []string
	}{
		{"/sesame/users", []string{"user", "list"}},
		{"/sesame/users/jdupont", []string{"user", "show", "jdupont"}},
		{"/sesame/keys", []string{"key", "list"}},
		{"/sesame/keys/0123456789", []string{"key", "show", "0123456789"}},
		{"/sesame/sessions", []string{"session", "list"}},
		{"/sesame/audit/verify", []string{"audit", "verify"}},
		{"/sesame/users/jdupont/export", []string{"user", "export", "jdupont"}},
		{"/sesame/whois/jdupont", []string{"whois", "jdupont"}},
	} {
		out, err := runCommand(nil, append(c.args, "--json", "--address", address)...)
		if err != nil {
			t.Fatalf("%s: %v", c.args, err)
		}
		var got, want any
		b.must(json.Unmarshal([]byte(out), &got))
		b.want(b.ask(http.MethodGet, c.path, ""), http.StatusOK, &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.args, diff)
		}
	}
}

// A command that is refused, here or by the server, is an error with a sentence;
// what cannot be a name is not sent at all.
func TestCommandRefusals(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	address := b.listen()
	empty := filepath.Join(t.TempDir(), "empty.csv")
	b.must(os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct{ line, says string }{
		{"user show personne", "no such user: personne"},
		{"user add jdupont", "jdupont: exists already"},
		{"user add x --establishment 123", "is no UAI"},
		{"user disable 7294123456", "digits were typed where the identifier belongs"},
		{"whois 7294123456", "digits were typed where the identifier belongs"},
		{"session list --user 7294123456", "digits were typed where the identifier belongs"},
		{"audit --user 7294123456", "digits were typed where the identifier belongs"},
		{"key list --holder 7294123456", "digits were typed where the identifier belongs"},
		{"key assign 0123456789 7294123456", "digits were typed where the identifier belongs"},
		{"key show " + strings.Repeat("9", 41), "cannot be a serial number"},
		{"audit --key é", "cannot be a serial number"},
		{"audit --since hier", "--since takes"},
		{"audit --until demain", "--until takes"},
		{"audit --kind broken", "\"broken\" is no event"},
		{"audit --follow --kind broken", "\"broken\" is no event"},
		{"audit purge", "say what to remove with --before"},
		{"audit purge --before hier", "--before takes"},
		{"audit purge --before 2199-01-01", "before is a time that has passed"},
		{"user export personne", "nothing is held of personne"},
		{"user erase personne", "nothing is held of personne"},
		{"user erase jdupont", "jdupont: this person still has an account or a key: remove the account first"},
		{"user erase 7294123456", "digits were typed where the identifier belongs"},
		{"audit --reference 12", "such as 7F3K-Q2M9"},
		{"key list --state broken", "there are pin-to-define"},
		{"session end 7294123456", "this is not the ID of a session"},
		{"session end " + strings.Repeat("a", 64), "no such session: aaaa"},
		{"session end " + strings.Repeat("a", 62), "this is not the ID of a session"},
		{"key import /nowhere/keys.csv", "the file cannot be read: open /nowhere/keys.csv"},
		{"key import " + empty, "the file is empty"},
		{"key import " + empty + " --digits six", "the file is empty"},
		{"key frobnicate", `unknown command "frobnicate" for "caddy sesame key"`},
		{"frobnicate", `unknown command "frobnicate" for "caddy sesame"`},
		{"user list --colour", "unknown flag: --colour"},
		{"user show", "0 words given, but it is: caddy sesame user show ID"},
		{"key assign 0123456789", "1 word given, but it is: caddy sesame key assign SERIAL ID"},
		{"user list everybody", "1 word given, but it is: caddy sesame user list"},
		{"frobnicate --colour red", `unknown command "frobnicate" for "caddy sesame"`},
		{"key which 12", "a code is the 6 to 8 digits that the key shows"},
	} {
		args := strings.Fields(c.line)
		if !strings.Contains(c.line, "frobnicate") {
			args = append(args[:len(args):len(args)], "--address", address)
		}
		out, err := runCommand(strings.NewReader(""), args...)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want …%s…", c.line, err, c.says)
		}
		if out != "" {
			t.Errorf("%s prints %q as if it had done something", c.line, out)
		}
	}
	if log := b.seen.String(); strings.Contains(log, "123456") || !strings.Contains(log, "/sesame/users/personne") {
		t.Errorf("the server was asked for what may be a PASSCODE, or for nothing:\n%s", log)
	}
}

// Who cannot be reached, or is somebody else, is named with what to do about it.
func TestCommandWithoutServer(t *testing.T) {
	other := func(t *testing.T, h http.HandlerFunc) string {
		b := &adminBench{cast: &cast{t: t}, t: t, mux: http.NewServeMux()}
		b.mux.HandleFunc("/", h)
		return b.listen()
	}
	for _, c := range []struct{ name, address, says string }{
		{"nobody there", "unix/" + filepath.Join(t.TempDir(), "none"), `start it with "caddy run", or say where it is with --address`},
		{"no address", "localhost:1-9", `say where it is with --address`},
		{"a Caddy without us", other(t, http.NotFound), "it was built without Sésame"},
		{"something else", other(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "teapot", http.StatusTeapot) }), "answers 418 and does not say why"},
		{"no JSON", other(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }), "are server and command of one version?"},
		{"a hostile sentence", other(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			json.NewEncoder(w).Encode(map[string]string{"error": terminal})
		}), "Evil\ufffd[2J\ufffd]0;owned\ufffd\ufffd31m\ufffddnib  line two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := runCommand(nil, "user", "list", "--address", c.address)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want …%s…", err, c.says)
			}
		})
	}
	if _, err := runCommand(nil, "user", "list", "--config", "/nowhere/Caddyfile"); err == nil || !strings.Contains(err.Error(), "the admin endpoint is not known: ") {
		t.Errorf("with a configuration that is not there: %v", err)
	}
}

// The report of an import is shown whether or not anything was imported; the
// error says what was not.
func TestCommandImport(t *testing.T) {
	b := newAdminBench(t)
	address := b.listen()
	good, bad := csvLine("FT1")+csvLine("FT2"), csvLine("FT3")+csvLine("FT1")
	for _, c := range []struct{ flags, file, prints, fails string }{
		{"--dry-run", good, "2 keys can be imported; nothing was written\n", ""},
		{"", good, "2 keys imported: assign each with `sesame key assign SERIAL ID`\n", ""},
		{"", bad, "line 2, key FT1: this key is here already; it stays as it is\n", "nothing was imported: 1 refused, 1 good"},
		{"--dry-run", bad, "line 2, key FT1: this key is here already; it stays as it is\n", "nothing was imported: 1 refused, 1 good"},
		{"--partial", bad, "line 2, key FT1: this key is here already; it stays as it is\n1 key imported: assign each with `sesame key assign SERIAL ID`\n", "not everything was imported: 1 key refused"},
		{"", "FT9\n", "line 1, key FT9: ", "nothing was imported: 1 refused, 0 good"},
		{"--digits 9", good, "", "6 to 8 digits"},
	} {
		args := append([]string{"key", "import", "-", "--address", address}, strings.Fields(c.flags)...)
		out, err := runCommand(strings.NewReader(c.file), args...)
		if !strings.HasPrefix(out, c.prints) || c.prints == "" && out != "" {
			t.Errorf("import %s prints %q, want %q", c.flags, out, c.prints)
		}
		if got := fmt.Sprint(err); c.fails == "" && err != nil || !strings.Contains(got, c.fails) {
			t.Errorf("import %s: %v, want …%s…", c.flags, err, c.fails)
		}
	}
	out, err := runCommand(strings.NewReader(bad), "key", "import", "-", "--json", "--address", address)
	var r importReport
	if json.Unmarshal([]byte(out), &r) != nil || r.Refused != 2 || err == nil {
		t.Errorf("with --json: %s (%v)", out, err)
	}
}

func TestReadSince(t *testing.T) {
	zone := time.FixedZone("CEST", 2*3600)
	now := time.Date(2026, 9, 2, 8, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"90m":                       now.Add(-90 * time.Minute),
		"24h":                       now.Add(-24 * time.Hour),
		"7d":                        now.AddDate(0, 0, -7),
		"0d":                        now,
		"2026-09-01":                time.Date(2026, 9, 1, 0, 0, 0, 0, zone),
		"2026-09-01T08:30":          time.Date(2026, 9, 1, 8, 30, 0, 0, zone),
		"2026-09-01 08:30":          time.Date(2026, 9, 1, 8, 30, 0, 0, zone),
		"2026-09-01T08:30:00Z":      time.Date(2026, 9, 1, 8, 30, 0, 0, time.UTC),
		"2026-09-01T08:30:00+04:00": time.Date(2026, 9, 1, 4, 30, 0, 0, time.UTC),
	} {
		if got, err := readMomentOf("--since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "hier", "-1h", "-7d", "d", "2026-13-01", "7 days"} {
		if got, err := readMomentOf("--since", text, now); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// A cleaned text has one line and nothing but what prints; what printed before
// is unchanged.
func TestCleanIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		got := clean(text)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 || !utf8.ValidString(got) {
			t.Fatalf("%q becomes %q", text, got)
		}
		if clean(got) != got || utf8.RuneCountInString(got) != utf8.RuneCountInString(text) {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}

// FuzzEscapeUnprintable holds that JSON means the same when it is printed.
func FuzzEscapeUnprintable(f *testing.F) {
	for _, s := range []string{"", terminal, "é 🗝 \u007f\u0085\u2028\u2029\U000e0001\ufeff\ufffd", "\\u001b", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		printed := escapeUnprintable(string(raw))
		if i := strings.IndexFunc(printed, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q is printed as %q", text, printed)
		}
		var want, got string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(printed), &got); err != nil || got != want {
			t.Errorf("%q comes back as %q (%v)", want, got, err)
		}
	})
}
