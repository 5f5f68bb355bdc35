package keyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// The PIN that a supplier gave a key is printed by nothing, alone or in its
// record.
func TestInitialPINIsNotShown(t *testing.T) {
	rec := readText(t, figure(t, 5), Options{}).only(t)
	if rec.PIN.Initial != "1234" {
		t.Fatal("figure 5 has another PIN")
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("key", "record", rec, "policy", rec.PIN, "pin", rec.PIN.Initial)
	}
	shown := log.String()
	for _, v := range []any{rec, rec.PIN, rec.PIN.Initial, map[string]Secret{"pin": rec.PIN.Initial}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown += string(encoded) + fmt.Sprintf("%v %+v %#v %s %x", v, v, v, v, v)
	}
	if strings.Contains(shown, "1234") {
		t.Error("the PIN is shown")
	}
	if strings.Contains(shown, "31323334") || !strings.Contains(shown, notShown) {
		t.Error("the PIN is shown in hexadecimal digits, or nothing stands in its place")
	}
	if rec.PIN.Initial.String() != notShown {
		t.Error("the PIN's own text is the PIN")
	}
}

func TestPINUsageNames(t *testing.T) {
	for u, want := range map[PINUsage]string{0: "", LocalPIN: "local", PrependPIN: "prepend", AppendPIN: "append", AlgorithmicPIN: "algorithmic", 9: "PINUsage(9)"} {
		if u.String() != want {
			t.Errorf("usage %d is %q, want %q", u, u.String(), want)
		}
	}
}

func TestLabels(t *testing.T) {
	for field, want := range map[string]string{
		"  Contoso\t":                  "Contoso",
		"a\x00b\x1b[31mc\u0085\ufffdd": "ab[31mcd",
		strings.Repeat("é", 101):       strings.Repeat("é", 100),
		"":                             "",
	} {
		if got := labelOf(field); got != want {
			t.Errorf("%q: got %q, want %q", field, got, want)
		}
	}
}
