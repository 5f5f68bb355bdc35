//go:build oracles

// Run with -tags oracles where oathtool is installed (Debian: oathtool).

package otp

import (
	"encoding/hex"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Random keys show the codes that oathtool shows.
func TestAgainstOathtool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := generators().Filter(func(g Generator) bool { return g.Kind != SecurID }).Draw(t, "key")
		s := Step(rapid.Int64Range(0, 1<<31).Draw(t, "step"))
		args := []string{"-d", fmt.Sprint(g.Digits)}
		if g.Kind == HOTP {
			g.Hash = SHA1 // oathtool knows HOTP of RFC 4226 alone
			args = append(args, "--hotp", "-c", fmt.Sprint(int64(s)))
		} else {
			at := g.StartOf(s).Add(time.Duration(rapid.Int64Range(0, int64(g.Period/time.Second)-1).Draw(t, "second")) * time.Second)
			args = append(args, "--totp="+g.Hash.String(), "-s", fmt.Sprintf("%.0fs", g.Period.Seconds()), "-N", at.Format("2006-01-02 15:04:05 UTC"))
		}
		out, err := exec.Command("oathtool", append(args, hex.EncodeToString(g.Seed))...).CombinedOutput()
		if err != nil {
			t.Fatalf("oathtool %v: %v: %s", args, err, out)
		}
		if want := strings.TrimSpace(string(out)); g.Code(s) != want {
			t.Fatalf("%v at step %d: got %s, oathtool says %s", g, s, g.Code(s), want)
		}
	})
}
