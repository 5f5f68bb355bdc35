package caddymodule

import (
	"os/exec"
	"strings"
	"testing"
)

// TestLadder holds the package to what it may know: what a record or a code is
// made of is authcore's business.
func TestLadder(t *testing.T) {
	const module = "github.com/sesame-gateway/sesame/"
	forbidden := map[string]string{
		module + "authcore/otp":                  "how codes are computed is for authcore to know",
		module + "authcore/passkey":              "ceremonies are for authcore to lead",
		"github.com/dgraph-io/badger/v4":         "the engine is badgerstore's",
		"github.com/tink-crypto/tink-go/v2/aead": "sealing is authcore's",
		"html/template":                          "pages are ui's",
	}
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for imported := range strings.FieldsSeq(string(out)) {
		seen++
		if why, bad := forbidden[imported]; bad {
			t.Errorf("the package imports %s: %s", imported, why)
		}
	}
	if seen < 10 {
		t.Errorf("go list named %d imports only", seen)
	}
}
