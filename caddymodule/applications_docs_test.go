package caddymodule

import (
	"os"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/fredu"
)

// The page about applications has every preset with each of its headers, every
// placeholder, every charset and every claim.
func TestApplicationsPage(t *testing.T) {
	content, err := os.ReadFile("../docs/applications.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	rows := make(map[string]string) // by the first word in backquotes
	for line := range strings.Lines(page) {
		if cells := strings.SplitN(line, "`", 3); cells[0] == "| " && len(cells) == 3 {
			rows[cells[1]] = line
		}
	}
	for preset, headers := range presets {
		for name := range headers {
			if !strings.Contains(rows[preset], "`"+name+"`") {
				t.Errorf("the row of %s does not have %s", preset, name)
			}
		}
		if n := strings.Count(rows[preset], "`") / 2; n != len(headers)+1 {
			t.Errorf("the row of %s has %d names, and the preset %d", preset, n-1, len(headers))
		}
	}
	for name := range attributes {
		if !strings.Contains(page, "`{http.auth.user."+name+"}`") {
			t.Errorf("the placeholder %s is missing", name)
		}
	}
	for name, encode := range charsets {
		example, err := encode("Ève Œuvrard")
		if err != nil || name == defaultCharset {
			example = ""
		}
		if !strings.Contains(rows[name], example) || rows[name] == "" {
			t.Errorf("the row of %s does not have %s", name, example)
		}
	}
	for _, a := range fredu.Attributes() {
		if claimed := strings.Contains(page, "`"+a.String()+"`, ") || strings.Contains(page, "`"+a.String()+"` | "); claimed == a.Staff() {
			t.Errorf("%s is a claim by the page: %v", a, claimed)
		}
	}
}
