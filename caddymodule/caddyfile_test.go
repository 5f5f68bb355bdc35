package caddymodule

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const separator = "----------\n"

// eachGolden runs got over the Caddyfile of each file in a directory of
// testdata, and compares with what stands below the line.
func eachGolden(t *testing.T, dir string, got func(t *testing.T, caddyfile string) string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.caddyfiletest"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(content), separator)
			if !ok && !*update {
				t.Fatalf("there is no line %q in %s", strings.TrimSpace(separator), file)
			}
			have := got(t, input)
			if *update {
				if err := os.WriteFile(file, []byte(input+separator+have), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAdapt compares the JSON that Caddyfiles become, and the errors where they
// become nothing.
func TestAdapt(t *testing.T) {
	eachGolden(t, "adapt", func(t *testing.T, caddyfile string) string {
		config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
		if err != nil {
			return err.Error() + "\n"
		}
		for _, w := range warnings {
			if !strings.Contains(w.Message, "not formatted") {
				t.Errorf("a warning: %s", w)
			}
		}
		var b bytes.Buffer
		if err := json.Indent(&b, config, "", "\t"); err != nil {
			t.Fatal(err)
		}
		return b.String() + "\n"
	})
}

// TestValidate does what "caddy validate" does with each file, and compares the
// error. Whatever comes of it, no directory and no file is made.
func TestValidate(t *testing.T) {
	eachGolden(t, "validate", func(t *testing.T, caddyfile string) string {
		dir := t.TempDir()
		t.Setenv("XDG_DATA_HOME", dir)
		adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
		if err != nil {
			return err.Error() + "\n"
		}
		var config caddy.Config
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
		message := "valid\n"
		if err := caddy.Validate(&config); err != nil {
			message = strings.ReplaceAll(err.Error(), dir, "$DATA") + "\n"
		}
		if made, _ := filepath.Glob(filepath.Join(dir, "caddy", "sesame*")); len(made) > 0 {
			t.Errorf("validating made %s", made)
		}
		return message
	})
}

// A configuration that did not come from a Caddyfile is judged as well.
func TestCheckWithoutCaddyfile(t *testing.T) {
	for says, spoil := range map[string]func(*App){
		"portal: \"portail\"":      func(a *App) { a.Portal = "portail" },
		"a PIN has 4 to 12 digits": func(a *App) { a.PIN = &PINLength{Min: 2, Max: 8} },
		"a session lasts":          func(a *App) { a.Session = &SessionLength{Idle: caddy.Duration(time.Second)} },
		"application a: url: ":     func(a *App) { a.Applications[0].URL = "https://a.example.org/x" },
		"application a: path x":    func(a *App) { a.Applications[0].Parts = []*ApplicationPart{{Paths: []string{"x"}}} },
		"application a: public: ":  func(a *App) { a.Applications[0].Public = []string{"/a/../b"} },
		"application a: activity ": func(a *App) { a.Applications[0].Activity = "page" },
		"session_warning on":       func(a *App) { a.Applications[0].SessionWarning = "on" },
		"headers apache":           func(a *App) { a.Applications[0].Headers = "apache" },
		"charset ebcdic":           func(a *App) { a.Applications[0].Charset = "ebcdic" },
		"header X: there is no placeholder {http.auth.user.nom}": func(a *App) {
			a.Applications[0].Header = []Header{{Name: "X", Value: "{http.auth.user.nom}"}}
		},
		"establishments nord: ": func(a *App) { a.Establishments = []*EstablishmentGroup{{Name: "nord", UAI: []string{"0441550Z"}}} },
		"four_eyes: ":           func(a *App) { a.FourEyes = new(FourEyes) },
	} {
		a := &App{Portal: "https://portail.example.org", Applications: []*Application{{ID: "a", URL: "https://a.example.org"}}}
		if _, err := a.check(); err != nil {
			t.Fatal(err)
		}
		spoil(a)
		if _, err := a.check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want …%s…", err, says)
		}
	}
}

// Every keyword of the grammar, given twice, is an error that names it.
func TestRepeatedKeyword(t *testing.T) {
	global := map[string]string{
		"portal":      "portal https://a",
		"store":       "store badger /a",
		"secret_file": "secret_file /a",
		"anchor":      "anchor /a",
		"ntp":         "ntp a",
		"pin":         "pin {\n length 4 8\n}",
		"session":     "session {\n idle 1h\n}",
		"assistance":  "assistance A",
		"mail":        "mail {\n server h\n}",
		"demo":        "demo",
	}
	blocks := map[string]string{
		"length":          "pin {\n%s\n}|length 4 8",
		"idle":            "session {\n%s\n}|idle 1h",
		"absolute":        "session {\n%s\n}|absolute 1h",
		"server":          "mail {\n%s\n}|server h",
		"tls":             "mail {\n%s\n}|tls none",
		"username":        "mail {\n%s\n}|username u",
		"from":            "mail {\n%s\n}|from a@b.fr",
		"phone":           "assistance A {\n%s\n}|phone 1",
		"email":           "assistance A {\n%s\n}|email a@b",
		"hours":           "assistance A {\n%s\n}|hours h",
		"mail":            "assistance A {\n%s\n}|mail a@b.fr",
		"webhook":         "assistance A {\n%s\n}|webhook https://a",
		"keep":            "assistance A {\n%s\n}|keep 30d",
		"name":            "application a {\n%s\n}|name A",
		"description":     "application a {\n%s\n}|description A",
		"url":             "application a {\n%s\n}|url https://a",
		"session_warning": "application a {\n%s\n}|session_warning inject",
		"activity":        "application a {\n%s\n}|activity pages",
		"headers":         "application a {\n%s\n}|headers remote-user",
		"charset":         "application a {\n%s\n}|charset ascii",
		"assertion":       "application a {\n%s\n}|assertion",

		"ca":     "store etcd https://a:1 {\n%s\n}|ca /a",
		"cert":   "store etcd https://a:1 {\n%s\n}|cert /a",
		"key":    "store etcd https://a:1 {\n%s\n}|key /a",
		"prefix": "store etcd https://a:1 {\n%s\n}|prefix a/",
		"behind": "store etcd https://a:1 {\n%s\n}|behind 1s",

		"password_file": "mail {\n%s\n}|password_file /a",
		"shared_secret": "application a {\n%s\n}|shared_secret X-Secret /a",
	}
	for keyword, block := range blocks {
		around, line, _ := strings.Cut(block, "|")
		global["in a block: "+keyword] = strings.Replace(around, "%s", line+"\n"+line, 1)
	}
	for keyword, text := range global {
		twice := text + "\n" + text
		if after, ok := strings.CutPrefix(keyword, "in a block: "); ok {
			keyword, twice = after, text
		}
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\nsesame {\n"+twice+"\n}\n}\n"), nil)
		if err == nil || !strings.Contains(err.Error(), keyword+" is given twice, at ") {
			t.Errorf("%s twice: %v", keyword, err)
		}
	}
}
