package otp

import (
	"encoding"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTextForms(t *testing.T) {
	for text, k := range map[string]Kind{"hotp": HOTP, "totp": TOTP, "securid": SecurID} {
		var back Kind
		if err := back.UnmarshalText([]byte(text)); err != nil || back != k || k.String() != text {
			t.Errorf("%s is read as %v (error %v), %v is written", text, back, err, k)
		}
	}
	for text, h := range map[string]Hash{"sha1": SHA1, "sha256": SHA256, "sha512": SHA512} {
		var back Hash
		if err := back.UnmarshalText([]byte(text)); err != nil || back != h || h.String() != text {
			t.Errorf("%s is read as %v (error %v), %v is written", text, back, err, h)
		}
	}
}

func TestUnknownNeverBecomesKnown(t *testing.T) {
	for _, text := range []string{"", "TOTP", " totp", "totp ", "md5", "sha", "sha-1", "Kind(2)", "Hash(1)", "1"} {
		k, h := TOTP, SHA256
		for _, v := range []encoding.TextUnmarshaler{&k, &h} {
			if v.UnmarshalText([]byte(text)) == nil {
				t.Errorf("%q is read as %v", text, v)
			}
		}
		if k != TOTP || h != SHA256 {
			t.Errorf("%q, refused, changed the value to %v %v", text, k, h)
		}
	}
	for _, i := range []uint8{0, 4, 255} {
		for _, v := range []encoding.TextMarshaler{Kind(i), Hash(i)} {
			if text, err := v.MarshalText(); err == nil {
				t.Errorf("%d is written as %s", i, text)
			}
		}
	}
	if Kind(0).String() != "Kind(0)" || Hash(4).String() != "Hash(4)" {
		t.Errorf("unknown values are printed as %v and %v", Kind(0), Hash(4))
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Generator)
		want   string // part of the sentence; "" means valid
	}{
		{"as it is", func(g *Generator) {}, ""},
		{"7 digits", func(g *Generator) { g.Digits = 7 }, ""},
		{"8 digits", func(g *Generator) { g.Digits = 8 }, ""},
		{"30 s", func(g *Generator) { g.Period = 30 * time.Second }, ""},
		{"16 bytes", func(g *Generator) { g.Seed = rfcSeed(16) }, ""},
		{"64 bytes", func(g *Generator) { g.Seed = rfcSeed(64) }, ""},
		{"no kind", func(g *Generator) { g.Kind = 0 }, "algorithm"},
		{"unknown kind", func(g *Generator) { g.Kind = 4 }, "algorithm"},
		{"5 digits", func(g *Generator) { g.Digits = 5 }, "5 digits"},
		{"9 digits", func(g *Generator) { g.Digits = 9 }, "9 digits"},
		{"no digits", func(g *Generator) { g.Digits = 0 }, "0 digits"},
		{"no period", func(g *Generator) { g.Period = 0 }, "30 or 60"},
		{"45 s", func(g *Generator) { g.Period = 45 * time.Second }, "45s"},
		{"60 s and a bit", func(g *Generator) { g.Period++ }, "30 or 60"},
		{"period negative", func(g *Generator) { g.Period = -g.Period }, "30 or 60"},
		{"no hash", func(g *Generator) { g.Hash = 0 }, "hash function"},
		{"unknown hash", func(g *Generator) { g.Hash = 4 }, "hash function"},
		{"no seed", func(g *Generator) { g.Seed = nil }, "0 bytes"},
		{"15 bytes", func(g *Generator) { g.Seed = rfcSeed(15) }, "15 bytes"},
		{"65 bytes", func(g *Generator) { g.Seed = rfcSeed(65) }, "65 bytes"},
		{"hotp with a period", func(g *Generator) { g.Kind = HOTP }, "no period"},
	}
	for _, tt := range tests {
		g := totpKey()
		tt.change(&g)
		checkSentence(t, tt.name, g, tt.want)
	}
}

func TestValidateSecurID(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Generator)
		want   string
	}{
		{"as it is", func(g *Generator) {}, ""},
		{"short serial", func(g *Generator) { g.Serial = "7" }, ""},
		{"8 digits", func(g *Generator) { g.Digits = 8 }, ""},
		{"with a hash", func(g *Generator) { g.Hash = SHA1 }, "no hash"},
		{"15 bytes", func(g *Generator) { g.Seed = g.Seed[:15] }, "15 bytes"},
		{"17 bytes", func(g *Generator) { g.Seed = append(g.Seed, 0) }, "17 bytes"},
		{"no serial", func(g *Generator) { g.Serial = "" }, "serial"},
		{"13 digits", func(g *Generator) { g.Serial = "1234567890123" }, "serial"},
		{"letters", func(g *Generator) { g.Serial = "12345A" }, "serial"},
		{"space", func(g *Generator) { g.Serial = " 12345" }, "serial"},
		{"Arabic digit", func(g *Generator) { g.Serial = "٧" }, "serial"},
		{"no period", func(g *Generator) { g.Period = 0 }, "30 or 60"},
	}
	for _, tt := range tests {
		g := securIDKey(t)
		tt.change(&g)
		checkSentence(t, tt.name, g, tt.want)
	}
}

func checkSentence(t *testing.T, name string, g Generator, want string) {
	t.Helper()
	err := g.Validate()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: refused: %v", name, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: got error %v, want one about %q", name, err, want)
	case err != nil && len(g.Seed) > 0 && shows(err.Error(), g.Seed) != "":
		t.Errorf("%s: the sentence shows the seed", name)
	case err != nil && g.Code(0) != "":
		t.Errorf("%s: refused, but it has a code", name)
	}
}

// Arithmetic knows neither a store, a person nor HTTP: it imports the standard
// library alone, and of that only what computes. It has no clock either.
func TestImports(t *testing.T) {
	allowed := map[string]bool{
		"bytes": true, "errors": true, "fmt": true, "hash": true, "log/slog": true, "math": true, "strings": true,
		"time": true, "encoding/binary": true, "crypto/aes": true, "crypto/hmac": true, "crypto/sha1": true,
		"crypto/sha256": true, "crypto/sha512": true, "crypto/subtle": true,
	}
	packages, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range packages {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		source, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "time.Now") {
			t.Errorf("%s reads a clock", f.Name())
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if path := strings.Trim(i.Path.Value, `"`); !allowed[path] {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
}
