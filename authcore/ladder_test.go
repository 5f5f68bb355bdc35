package authcore

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sesame-gateway/sesame/"

// rungs says of each package what it must not know. Deep are the imports of its
// imports as well; a trailing slash stands for all below.
var rungs = []struct {
	pkg          string
	deep, direct map[string]string
}{
	{
		pkg: "authcore",
		deep: map[string]string{
			"net/http":                     "the domain answers, and does not know to whom: HTTP is caddymodule's",
			"net":                          "it opens no socket; net/netip names addresses",
			"html":                         "pages are ui's",
			"html/":                        "pages are ui's",
			"text/template":                "texts are ui's",
			"os/exec":                      "it starts no program",
			"github.com/caddyserver/":      "the domain outlives the server it stands in",
			"go.uber.org/":                 "it logs through log/slog",
			"github.com/prometheus/":       "what is counted is caddymodule's to say",
			"github.com/dgraph-io/":        "the store is a contract; engines are chosen above",
			"go.etcd.io/":                  "the store is a contract; engines are chosen above",
			"google.golang.org/grpc":       "Tink can seal through a service elsewhere; a login waits for nobody",
			"cloud.google.com/":            "Tink can seal through a service elsewhere; a login waits for nobody",
			module + "ui":                  "pages know the domain through plain structs, and the domain not at all pages",
			module + "caddymodule":         "the top of the ladder",
			module + "authcore/store/":     "engines are chosen above",
			module + "authcore/keyfile":    "files are read above; the domain takes a key, not a file",
			module + "authcore/peoplefile": "files are read above; the domain takes a person, not a file",
			"github.com/go-webauthn/":      "a ceremony is a package of its own",
			"crypto/tls":                   "it makes no connection",
			"database/sql":                 "the store is a contract",
		},
		direct: map[string]string{
			// These are there in the depth: log/slog and Tink import os, and Tink's
			// protobuf reflect and unsafe. So the ladder cannot show that no file is
			// touched below; it shows that none is touched here.
			"os":            "it reads no file and no environment; secrets and stores are handed in",
			"io/fs":         "it reads no file",
			"path/filepath": "it reads no file",
			"log":           "it logs through *slog.Logger",
			"syscall":       "it is the same on every system",
			"unsafe":        "it needs none",
			"math/rand":     "randomness is crypto/rand's",
			"math/rand/v2":  "randomness is crypto/rand's",
			"embed":         "it has no files",
			"runtime/":      "it is not about the program it runs in",
		},
	},
	{
		pkg:    "authcore/otp",
		deep:   map[string]string{module + "": "arithmetic at the bottom of the ladder", "net": "arithmetic"},
		direct: map[string]string{"os": "no file", "context": "nothing waits", "crypto/rand": "nothing is drawn"},
	},
	{
		pkg: "authcore/peoplefile",
		deep: map[string]string{
			module + "authcore":         "a list says what an office knows; what an account is, the domain says",
			module + "authcore/otp":     "people are no keys",
			module + "authcore/keyfile": "people are no keys",
			module + "authcore/store":   "it keeps nothing",
			"net/http":                  "nothing is fetched",
			"net":                       "nothing is fetched",
		},
		direct: map[string]string{
			"os":           "files are opened by the caller",
			"encoding/csv": "it keeps a quoted field of any length in memory",
			"log/slog":     "an error is returned",
		},
	},
	{
		pkg:    "authcore/fredu",
		deep:   map[string]string{module + "": "a vocabulary at the bottom of the ladder", "net": "a vocabulary"},
		direct: map[string]string{"os": "no file", "context": "nothing waits", "crypto/rand": "nothing is drawn"},
	},
	{
		pkg: "authcore/store",
		deep: map[string]string{
			module + "authcore":         "a store does not know what a key or a session is",
			module + "authcore/otp":     "nor what a code is",
			"github.com/":               "the contract and the memory engine need nothing",
			"encoding/json":             "values are bytes",
			"net":                       "engines that call somebody are elsewhere",
			module + "authcore/keyfile": "values are bytes",
		},
		direct: map[string]string{"os": "the memory engine keeps nothing"},
	},
}

// broken gives the imports that a rung forbids, each with the reason. Whose
// internal packages they are is the compiler's to judge.
func broken(pkg string, imports []string, forbidden map[string]string) (all []string) {
	for _, path := range imports {
		if path == module+pkg || strings.HasPrefix(path, module) && strings.Contains(path, "/internal/") {
			continue
		}
		for f, why := range forbidden {
			if path == f || strings.HasSuffix(f, "/") && strings.HasPrefix(path, f) {
				all = append(all, path+": "+why)
			}
		}
	}
	slices.Sort(all)
	return all
}

// The ladder: who may know whom.
func TestLadder(t *testing.T) {
	for _, r := range rungs {
		for _, err := range broken(r.pkg, goList(t, "-deps", "-f", "{{.ImportPath}}", module+r.pkg), r.deep) {
			t.Errorf("%s imports, itself or through others, %s", r.pkg, err)
		}
		for _, err := range broken(r.pkg, goList(t, "-f", `{{join .Imports "\n"}}`, module+r.pkg), r.direct) {
			t.Errorf("%s imports %s", r.pkg, err)
		}
	}
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	mustBeNil(t, err)
	lines := strings.Fields(string(out))
	if len(lines) < 3 {
		t.Fatalf("go list %v gives %d lines: the test shows nothing", args, len(lines))
	}
	return lines
}

// A broken rung is seen.
func TestLadderSees(t *testing.T) {
	got := broken("authcore", []string{"fmt", "net/http", "net/netip", "html/template", module + "authcore", module + "authcore/store/badgerstore"}, rungs[0].deep)
	if len(got) != 3 {
		t.Errorf("seen: %q", got)
	}
}
