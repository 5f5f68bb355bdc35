//go:build oracles

// Run with -tags oracles where the tools are installed (Debian: stoken,
// pskc-utils).

package keyfile

import (
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// tool runs a program on a file of its own and gives what it prints.
func tool(t *rapid.T, file string, name string, args ...string) string {
	cmd := exec.Command(name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		text, _ := os.ReadFile(file)
		t.Fatalf("%s %q: %v: %s\n%s", name, args, err, stderr.String(), text)
	}
	return strings.TrimSpace(string(out))
}

func write(t *rapid.T, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Files that stoken issues, with fields of all lengths, with and without a
// password, are proved, and show the codes that stoken shows.
func TestAgainstStoken(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		template, file := filepath.Join(dir, "template.xml"), filepath.Join(dir, "issued.sdtid")
		text := func(name string) string {
			return rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9 ._-]{0,38}[A-Za-z0-9]`).Draw(t, name)
		}
		serial := rapid.StringMatching(`[0-9]{12}`).Draw(t, "serial")
		write(t, template, fmt.Sprintf("<?xml version=\"1.0\"?>\n<TKNBatch><TKNHeader><Origin>%s</Origin><Dest>%s</Dest><Name>%s</Name>"+
			"<DefDeath>2035/12/31</DefDeath><DefDigits>%d</DefDigits><DefInterval>%d</DefInterval><DefAddPIN>0</DefAddPIN></TKNHeader>"+
			"<TKN><SN>%s</SN><UserFirstName>%s</UserFirstName><UserLogin>%s</UserLogin></TKN></TKNBatch>\n",
			text("origin"), text("dest"), text("name"), rapid.SampledFrom([]int{6, 8}).Draw(t, "digits"),
			rapid.SampledFrom([]int{30, 60}).Draw(t, "interval"), serial, text("first"), text("login")))
		issue, read := []string{"issue", "--template=" + template}, []string{"tokencode", "--batch", "--force", "--file=" + file}
		o := Options{}
		if rapid.Bool().Draw(t, "protected") {
			secret := rapid.StringMatching(`[A-Za-z0-9!°é][A-Za-z0-9 !°é]{0,20}[A-Za-z0-9!°é]`).Draw(t, "password")
			issue, read = append(issue, "--new-password="+secret), append(read, "--password="+secret)
			o.Password = password(secret)
		}
		write(t, file, tool(t, template, "stoken", issue...)+"\n")
		for rec, err := range Read(strings.NewReader(must(readFile(file))), o) {
			if err != nil || rec.Serial != serial {
				t.Fatalf("got serial %s, error %v\n%s", rec.Serial, err, must(readFile(file)))
			}
			at := time.Unix(rapid.Int64Range(1767225600, 2051222399).Draw(t, "unix"), 0)
			want := tool(t, file, "stoken", append(read, fmt.Sprintf("--use-time=%d", at.Unix()))...)
			if got := rec.Generator.Code(rec.Generator.StepAt(at)); got != want {
				t.Fatalf("at %d: got %s, stoken says %s", at.Unix(), got, want)
			}
		}
	})
}

func readFile(path string) (string, error) {
	text, err := os.ReadFile(path)
	return string(text), err
}

// Files that csv2pskc makes are read, and hold the keys that went in.
func TestAgainstCSV2PSKC(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		source, file := filepath.Join(dir, "source.csv"), filepath.Join(dir, "made.pskc")
		kind := rapid.SampledFrom([]otp.Kind{otp.HOTP, otp.TOTP}).Draw(t, "kind")
		digits := rapid.IntRange(otp.MinDigits, otp.MaxDigits).Draw(t, "digits")
		period := rapid.SampledFrom([]int{30, 60}).Draw(t, "period")
		counter := rapid.IntRange(0, 1<<30).Draw(t, "counter")
		seeds := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 20, 20).Filter(func(b []byte) bool { return !isZero(b) }), 1, 3).Draw(t, "seeds")
		csv := "id,serial,secret,time_interval,counter,response_length,response_encoding\n"
		for i, seed := range seeds {
			csv += fmt.Sprintf("K%d,FT%d,%x,%d,%d,%d,DECIMAL\n", i, i, seed, period, counter, digits)
		}
		write(t, source, csv)
		args := []string{"-e", "hex", "-x", "algorithm=urn:ietf:params:xml:ns:keyprov:pskc:" + kind.String(), "-o", file}
		o := Options{}
		switch rapid.IntRange(0, 2).Draw(t, "protection") {
		case 1:
			secret := rapid.StringMatching(`[A-Za-z0-9!]{1,20}`).Draw(t, "password")
			args, o.Password = append(args, "-p", secret), password(secret)
		case 2:
			key := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key")
			args = append(args, "-s", hex.EncodeToString(key))
			o.PreSharedKey = func() ([]byte, error) { return key, nil }
		}
		tool(t, source, "csv2pskc", append(args, source)...)
		i := 0
		for rec, err := range Read(strings.NewReader(must(readFile(file))), o) {
			if err != nil {
				t.Fatalf("%v\n%s", err, must(readFile(file)))
			}
			g := rec.Generator
			if rec.Serial != fmt.Sprintf("FT%d", i) || string(g.Seed) != string(seeds[i]) || g.Digits != digits || g.Kind != kind {
				t.Fatalf("key %d: got %+v", i, rec)
			}
			if kind == otp.HOTP && int(rec.Counter) != counter || kind == otp.TOTP && g.Period != time.Duration(period)*time.Second {
				t.Fatalf("key %d: got %+v", i, rec)
			}
			i++
		}
		if i != len(seeds) {
			t.Fatalf("%d keys, want %d", i, len(seeds))
		}
	})
}
