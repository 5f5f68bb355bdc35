package ui_test

import (
	"os/exec"
	"strings"
	"testing"
)

// forbidden is what this package must not import, however deep, and why.
var forbidden = map[string]string{
	"github.com/sesame-gateway/sesame/authcore":    "a page shows what it is given; it must not be able to ask for more",
	"github.com/sesame-gateway/sesame/caddymodule": "the HTTP layer stands above the pages",
	"github.com/caddyserver/caddy":                 "pages know no server",
	"net/http":                                     "pages know no request, no cookie and no header",
	"net":                                          "pages talk to nobody",
	"os/exec":                                      "pages start nothing",
	"database/sql":                                 "pages keep nothing",
	"log/slog":                                     "what is typed must not reach a log from here",
	"crypto/rand":                                  "a page is the same each time it is asked for",
	"github.com/prometheus":                        "counting is the HTTP layer's",
	"go.uber.org/zap":                              "logging is the HTTP layer's",
}

func TestForbiddenImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 20 {
		t.Fatalf("go list -deps names only %d packages: %v", len(deps), deps)
	}
	for _, dep := range deps {
		for path, why := range forbidden {
			if dep == path || strings.HasPrefix(dep, path+"/") && path != "net" {
				t.Errorf("ui imports %s: %s", dep, why)
			}
		}
	}
}
