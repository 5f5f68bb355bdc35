package keyfile

import (
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// A reader of files knows what a key computes and nothing else of ours: no
// store, no person, no disk, no network. What comes in is an io.Reader, and the
// caller asks for its secrets.
func TestImports(t *testing.T) {
	reasons := map[string]string{
		"os":            "files are opened by the caller",
		"net":           "nothing is fetched",
		"net/http":      "nothing is fetched",
		"log":           "an error is returned",
		"html/template": "texts for people are made above",
		"encoding/csv":  "it keeps a quoted field of any length in memory",
		"crypto/md5":    "no format needs it",
		"math/rand":     "nothing is drawn",
		"path/filepath": "files are opened by the caller",
		"github.com/":   "of ours only otp and the reader of text files, of others golang.org/x/text",
	}
	const ours = "github.com/sesame-gateway/sesame/authcore/"
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			seen++
			for prefix, reason := range reasons {
				if path != ours+"otp" && path != ours+"internal/textfile" && (path == prefix || strings.HasPrefix(path, prefix) && strings.HasSuffix(prefix, "/")) {
					t.Errorf("%s imports %s: %s", f.Name(), path, reason)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no import was looked at")
	}
}
