package caddymodule

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every test that SECURITY.md names is there, and every threat names one.
func TestSecurityPage(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		tests.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	name, threats := regexp.MustCompile("`(Test[A-Za-z0-9]+)`"), 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[2]+cells[3]) == "" || strings.TrimSpace(cells[3]) == "Tests" {
			continue
		}
		threats++
		named := name.FindAllStringSubmatch(cells[3], -1)
		if len(named) == 0 {
			t.Errorf("no test is named against %q", strings.TrimSpace(cells[1]))
		}
		for _, n := range named {
			if !strings.Contains(tests.String(), "func "+n[1]+"(") {
				t.Errorf("there is no test %s, against %q", n[1], strings.TrimSpace(cells[1]))
			}
		}
	}
	if threats < 30 {
		t.Errorf("%d threats were read", threats)
	}
}
