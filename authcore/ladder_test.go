package authcore

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sesame-gateway/sesame/"

// rungs says of each package what it must not know. Deep are the imports of its
// imports as well; a trailing slash stands for all below. Behind a package of ours
// that is a landing it is not looked further: a library that it alone knows, and all
// that comes with it, ends there, and it has a rung of its own.
var rungs = []struct {
	pkg          string
	landings     []string
	deep, direct map[string]string
}{
	{
		pkg:      "authcore",
		landings: []string{"authcore/passkey"},
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
		pkg: "authcore/passkey",
		deep: map[string]string{
			module + "":               "ceremonies at the bottom of the ladder",
			"github.com/caddyserver/": "the library brings net/http, and no server",
			"go.uber.org/":            "it logs nothing",
		},
		direct: map[string]string{
			"net/http": "bytes in, bytes out", "net": "nothing is fetched", "os": "no file", "time": "no clock", "context": "nothing waits",
			"log/slog": "an error is returned", "crypto/rand": "what is drawn the library draws",
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
		pkg:    "authcore/screenshot",
		deep:   map[string]string{module + "": "points at the bottom of the ladder", "net": "bytes in, bytes out"},
		direct: map[string]string{"os": "no file", "time": "no clock", "context": "nothing waits", "crypto/rand": "nothing is drawn"},
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
	{
		pkg: "authcore/store/etcdstore",
		deep: map[string]string{
			module + "authcore":                   "an engine does not know what a key or a session is",
			module + "authcore/store/badgerstore": "engines do not know each other",
			"go.etcd.io/etcd/server/":             "the server is the tests', and not in this module",
		},
		direct: map[string]string{"os": "files of certificates and passwords are read above"},
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
		for _, err := range broken(r.pkg, reached(t, r.pkg, r.landings), r.deep) {
			t.Errorf("%s imports, itself or through others, %s", r.pkg, err)
		}
		for _, err := range broken(r.pkg, goList(t, "-f", `{{join .Imports "\n"}}`, module+r.pkg), r.direct) {
			t.Errorf("%s imports %s", r.pkg, err)
		}
	}
}

// reached gives what a package imports, itself or through others, without what only
// a landing does.
func reached(t *testing.T, pkg string, landings []string) (all []string) {
	t.Helper()
	imports := map[string][]string{}
	for _, line := range goList(t, "-deps", "-f", `{{.ImportPath}},{{join .Imports ","}}`, module+pkg) {
		of, list, _ := strings.Cut(line, ",")
		imports[of] = strings.Split(list, ",")
	}
	seen := map[string]bool{"": true}
	var visit func(string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		all = append(all, path)
		if !slices.Contains(landings, strings.TrimPrefix(path, module)) {
			for _, next := range imports[path] {
				visit(next)
			}
		}
	}
	visit(module + pkg)
	return all
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

// What a library of ceremonies is, one package knows.
func TestOnlyPasskeyKnowsItsLibrary(t *testing.T) {
	for _, line := range goList(t, "-f", `{{.ImportPath}},{{join .Imports ","}}`, module+"...") {
		if of, list, _ := strings.Cut(line, ","); strings.Contains(list, "github.com/go-webauthn/") != (of == module+"authcore/passkey") {
			t.Errorf("%s imports %s", of, list)
		}
	}
}

// A broken rung is seen.
func TestLadderSees(t *testing.T) {
	got := broken("authcore", []string{"fmt", "net/http", "net/netip", "html/template", module + "authcore", module + "authcore/store/badgerstore"}, rungs[0].deep)
	if len(got) != 3 {
		t.Errorf("seen: %q", got)
	}
	with, without := reached(t, "authcore", []string{"authcore/passkey"}), reached(t, "authcore", nil)
	if !slices.Contains(with, module+"authcore/passkey") || slices.Contains(with, "net/http") || !slices.Contains(without, "net/http") {
		t.Errorf("%d packages are reached, %d without the landing", len(with), len(without))
	}
}
