package ui_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/ui"
)

// The script that stands in applications' pages has the same texts in all
// languages, all that it speaks of, and does nothing that a strict policy forbids.
func TestSessionScript(t *testing.T) {
	script := string(ui.SessionScript())
	list := regexp.MustCompile(`const texts = (\{.*\});`).FindStringSubmatch(script)
	if list == nil {
		t.Fatalf("the script has no texts:\n%.500s", script)
	}
	var texts map[string]map[string]string
	if err := json.Unmarshal([]byte(list[1]), &texts); err != nil {
		t.Fatal(err)
	}
	spoken := regexp.MustCompile(`\bsay\.(\w+)`).FindAllStringSubmatch(script, -1)
	for _, l := range ui.Langs() {
		for _, name := range spoken {
			if texts[l.String()][name[1]] == "" {
				t.Errorf("the script has no text %s in %s", name[1], l)
			}
		}
		if len(texts[l.String()]) != 13 || texts[l.String()]["lang"] != l.String() {
			t.Errorf("%d texts in %s", len(texts[l.String()]), l)
		}
	}
	for _, word := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", ".submit(", ".reload(", "location",
		"XMLHttpRequest", "sendBeacon", "WebSocket", "localStorage", "sessionStorage", "document.cookie", "import(", "http:", "https:", ".style.", "<style",
	} {
		if strings.Contains(script, word) {
			t.Errorf("the script has %s", word)
		}
	}
	if n := strings.Count(script, "fetch("); n != 1 {
		t.Errorf("the script asks in %d places", n)
	}
}

// The dialog of the script is drawn in the colours of the pages, which have been
// checked for their contrast.
func TestSessionScriptColours(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("client", "session.js"))
	if err != nil {
		t.Fatal(err)
	}
	sheet := strings.ToLower(source(t, "sesame.css"))
	for _, colour := range regexp.MustCompile(`#[0-9a-f]{3,6}\b`).FindAllString(string(script), -1) {
		if colour == "#fff" {
			colour = "#ffffff"
		}
		if !strings.Contains(sheet, colour) {
			t.Errorf("%s is no colour of the pages", colour)
		}
	}
}
