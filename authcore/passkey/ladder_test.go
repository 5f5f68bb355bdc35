package passkey_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sesame-gateway/sesame/"

// The package stands at the bottom of the ladder, and nothing beside it knows the
// library.
func TestLadder(t *testing.T) {
	imports := func(of string) []string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, of).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	for _, path := range strings.Fields(imports(module + "authcore/passkey")[0])[1:] {
		if strings.HasPrefix(path, module) || slices.Contains([]string{"os", "net", "net/http", "time", "context", "log/slog", "crypto/rand"}, path) {
			t.Errorf("it imports %s: no clock, no store, no HTTP, nothing of ours, and what is drawn the library draws", path)
		}
	}
	others := imports(module + "...")
	if len(others) < 10 {
		t.Fatalf("%d packages: the test shows nothing", len(others))
	}
	for _, line := range others {
		if pkg, rest, _ := strings.Cut(line, " "); pkg != module+"authcore/passkey" && strings.Contains(rest, "github.com/go-webauthn/") {
			t.Errorf("%s imports the library: only authcore/passkey does", pkg)
		}
	}
}
