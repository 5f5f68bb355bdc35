package ui_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

func TestStaticNamesCarryTheDigest(t *testing.T) {
	names := ui.StaticNames()
	slices.Sort(names)
	if want := []string{"passkey.js", "sesame.css", "sesame.js", "sesame.svg"}; !slices.Equal(names, want) {
		t.Fatalf("the static files are %v, not %v", names, want)
	}
	for _, name := range names {
		path := ui.StaticPath(name)
		hashed, ok := strings.CutPrefix(path, ui.StaticPrefix)
		if !ok {
			t.Errorf("%s is served at %s", name, path)
		}
		served, err := fs.ReadFile(ui.Static(), hashed)
		if err != nil {
			t.Fatal(err)
		}
		source, err := os.ReadFile(filepath.Join("static", name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(source)
		if string(served) != string(source) || !strings.Contains(hashed, "."+hex.EncodeToString(sum[:6])+".") {
			t.Errorf("%s is not served as itself under its digest, but as %s", name, hashed)
		}
	}
}

func TestStaticOpensNothingElse(t *testing.T) {
	for _, name := range []string{".", "", "sesame.css", "sesame.000000000000.css", "../locales/fr.json", "locales/fr.json", "/", "sesame"} {
		if _, err := ui.Static().Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("opening %q gives %v", name, err)
		}
	}
	if path := ui.StaticPath("no-such.css"); path != "" {
		t.Errorf("a file that does not exist is served at %q", path)
	}
}

func source(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("static", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What the pages' policy forbids, and what the pages promise never to do.
func TestTheScriptKeepsThePromises(t *testing.T) {
	script := source(t, "sesame.js")
	for _, word := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser",
		".submit(", ".requestSubmit(", ".reload(", "location", "fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket",
		"localStorage", "sessionStorage", "indexedDB", "document.cookie", "import(", "http:", "https:", "aria-live",
		"\"paste\"", "\"copy\"", "clipboard", ".style",
	} {
		for _, line := range strings.Split(script, "\n") {
			if strings.Contains(line, word) && !strings.Contains(line, `"http://www.w3.org/2000/svg"`) && !strings.Contains(line, "const fragment = location.hash;") {
				t.Errorf("the script has %s: %s", word, strings.TrimSpace(line))
			}
		}
	}
}

func TestTheStyleSheetLoadsNothing(t *testing.T) {
	for _, word := range []string{"@import", "@font-face", "url(", "http:", "https:", "expression(", "Marianne"} {
		if strings.Contains(source(t, "sesame.css"), word) {
			t.Errorf("the style sheet has %s", word)
		}
	}
}

// Each class of the style sheet is in a page or made by the script, and each
// class of a page has a style.
func TestClassesHaveAUse(t *testing.T) {
	styled := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\.([a-z][a-zA-Z-]*)[ ,:{.\[]`).FindAllStringSubmatch(source(t, "sesame.css"), -1) {
		styled[m[1]] = false
	}
	script := source(t, "sesame.js")
	for class := range styled {
		if strings.Contains(script, class) {
			styled[class] = true
		}
	}
	everyPage(t, func(t *testing.T, _ states.State, _ ui.Lang, page string) {
		for n := range nodes(parse(t, page)) {
			for class := range strings.FieldsSeq(get(n, "class")) {
				if _, ok := styled[class]; ok {
					styled[class] = true
				} else if !strings.HasPrefix(class, "main-") && class != "notice-info" {
					t.Errorf("class %s has no style", class)
				}
			}
		}
	})
	for class, used := range styled {
		if !used {
			t.Errorf("no page has the class %s", class)
		}
	}
}
