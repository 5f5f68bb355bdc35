package caddymodule

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// csvLine is a key as a supplier's CSV file has it.
func csvLine(serial string) string {
	return fmt.Sprintf("%s,%s,totp,6,60\n", serial, hex.EncodeToString(castKey(serial).Seed))
}

// sameSeed is a key with the seed of another.
func sameSeed(serial, other string) string {
	return strings.Replace(csvLine(other), other, serial, 1)
}

// inItsWords takes two problems for one when the sentence of one is a part of
// the other's: package keyfile tests its own words.
var inItsWords = cmp.Comparer(func(a, b importProblem) bool {
	return a.Line == b.Line && a.Serial == b.Serial && (strings.Contains(a.Problem, b.Problem) || strings.Contains(b.Problem, a.Problem))
})

const (
	malformedKey = "FT7,0123\n"
	isHere       = "this key is here already; it stays as it is"
)

// importTable are files, and what becomes of them where OLD and 0123456789 are.
var importTable = []struct {
	name, query, file string
	status            int
	want              importReport
	stock             []authcore.Serial // afterwards, beside OLD and the assigned 0123456789
}{
	{
		name: "good", file: csvLine("FT1") + csvLine("FT2"), status: 200,
		want: importReport{Good: 2, Imported: 2, Problems: []importProblem{}}, stock: []authcore.Serial{"FT1", "FT2"},
	},
	{
		name: "dry run", query: "?dry_run=true", file: csvLine("FT1") + csvLine("FT2"), status: 200,
		want: importReport{DryRun: true, Good: 2, Problems: []importProblem{}},
	},
	{
		name: "one is here", file: csvLine("FT1") + csvLine("old"), status: 422,
		want: importReport{
			Error: "nothing was imported: 1 refused, 1 good", Good: 1, Refused: 1,
			Problems: []importProblem{{Line: 2, Serial: "old", Problem: isHere}},
		},
	},
	{
		name: "one is somebody's, with another seed", query: "?partial=true", file: "0123456789," + strings.Repeat("ab", 20) + ",totp,6,60\n" + csvLine("FT2"), status: 200,
		want: importReport{Good: 1, Imported: 1, Refused: 1, Problems: []importProblem{{Line: 1, Serial: "0123456789", Problem: isHere}}}, stock: []authcore.Serial{"FT2"},
	},
	{
		name: "one is malformed", file: csvLine("FT1") + malformedKey + csvLine("FT2"), status: 422,
		want: importReport{
			Error: "nothing was imported: 1 refused, 2 good", Good: 2, Refused: 1,
			Problems: []importProblem{{Line: 2, Serial: "FT7", Problem: "a seed of 2 bytes"}},
		},
	},
	{
		name: "a dry run tells what the import would", query: "?dry_run=1", file: csvLine("FT1") + malformedKey, status: 422,
		want: importReport{
			Error: "nothing was imported: 1 refused, 1 good", DryRun: true, Good: 1, Refused: 1,
			Problems: []importProblem{{Line: 2, Serial: "FT7", Problem: "a seed of 2 bytes"}},
		},
	},
	{
		name: "one seed twice in the file", file: csvLine("FT1") + sameSeed("FT2", "FT1"), status: 422,
		want: importReport{
			Error: "nothing was imported: 1 refused, 1 good", Good: 1, Refused: 1,
			Problems: []importProblem{{Line: 2, Serial: "FT2", Problem: "the key on line 1 has the same seed: one code would open for both"}},
		},
	},
	{
		name: "a dry run of what is good in part", query: "?dry_run=true&partial=true", file: csvLine("FT1") + csvLine("OLD"), status: 200,
		want: importReport{DryRun: true, Good: 1, Refused: 1, Problems: []importProblem{{Line: 2, Serial: "OLD", Problem: isHere}}},
	},
	{
		name: "a serial number that is none of ours", file: csvLine("FT1") + strings.Replace(csvLine("FT2"), "FT2", "FT.2", 1), status: 422,
		want: importReport{
			Error: "nothing was imported: 1 refused, 1 good", Good: 1, Refused: 1,
			Problems: []importProblem{{Line: 2, Serial: "FT.2", Problem: authcore.ErrSerialShape.Error()}},
		},
	},
}

func TestAdminImport(t *testing.T) {
	for _, c := range importTable {
		t.Run(c.name, func(t *testing.T) {
			b := newAdminBench(t)
			b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
			b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "OLD", Generator: castKey("old")}))
			imports := len(b.events(authcore.KeyImported))
			var got importReport
			b.want(b.upload(c.query, c.file), c.status, &got)
			if (got.Reference == "") != (got.Imported == 0) {
				t.Errorf("%d keys under the reference %q", got.Imported, got.Reference)
			}
			got.Reference = ""
			if diff := cmp.Diff(c.want, got, inItsWords); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			var list keyList
			b.want(b.ask(http.MethodGet, "/sesame/keys?stock=true", ""), http.StatusOK, &list)
			var stock []authcore.Serial
			for _, k := range list.Keys {
				if k.Serial != "OLD" {
					stock = append(stock, k.Serial)
				}
			}
			if diff := cmp.Diff(c.stock, stock); diff != "" {
				t.Errorf("in stock (-want +got):\n%s", diff)
			}
			if n := len(b.events(authcore.KeyImported)) - imports; n != len(c.stock) {
				t.Errorf("%d audit entries for %d keys", n, len(c.stock))
			}
		})
	}
}

// While an import is under way another one waits for nothing: it is refused. A dry
// run is not.
func TestAdminImportOneAtATime(t *testing.T) {
	b := newAdminBench(t)
	in, err := b.gate.BeginImport(t.Context(), castActor, false)
	b.must(err)
	if a := b.upload("", csvLine("FT1")); a.status != http.StatusConflict || !strings.Contains(a.error(), "another import is under way") {
		t.Errorf("%d %s", a.status, &a.body)
	}
	b.want(b.upload("?dry_run=true", csvLine("FT1")), http.StatusOK, nil)
	b.must(in.Cancel(t.Context()))
	b.want(b.upload("", csvLine("FT1")), http.StatusOK, nil)
}

// A key that is there keeps its seed, its holder and its PIN, whatever file
// names it.
func TestAdminImportOverwritesNothing(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.firstLogin("jdupont", "0123456789", "7294")
	b.want(b.upload("?partial=true", "0123456789,"+strings.Repeat("ab", 20)+",totp,6,60\n"+csvLine("FT1")), http.StatusOK, nil)
	if r := b.login("jdupont", "0123456789", "7294"); r.Outcome != authcore.Granted {
		t.Errorf("the key's own PASSCODE is %s", r.Outcome)
	}
}

// A seed that the store has under another serial number is found before anything
// is written.
func TestAdminImportOfAKnownSeed(t *testing.T) {
	b := newAdminBench(t)
	b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "OLD", Generator: castKey("OLD")}))
	file := csvLine("FT1") + sameSeed("FT2", "OLD") + csvLine("FT3")
	var got importReport
	b.want(b.upload("", file), http.StatusUnprocessableEntity, &got)
	want := importReport{
		Error: "nothing was imported: 1 refused, 2 good", Good: 2, Refused: 1,
		Problems: []importProblem{{Line: 2, Serial: "FT2", Problem: "key FT2: another key has the same seed: key OLD"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	var rest importReport
	b.want(b.upload("?partial=true", file), http.StatusOK, &rest)
	if rest.Imported != 2 || rest.Refused != 1 {
		t.Errorf("the rest: %+v", rest)
	}
}

// A key whose PIN does not go before its code is refused: nobody could use it.
func TestAdminImportOfAPINInTheCode(t *testing.T) {
	b := newAdminBench(t)
	file, err := os.ReadFile("../authcore/keyfile/testdata/rfc6030-figure5.pskc")
	b.must(err)
	behind := strings.Replace(string(file), `PINUsageMode="Local"`, `PINUsageMode="Append"`, 1)
	var got importReport
	b.want(b.upload("?format=pskc", behind), http.StatusUnprocessableEntity, &got)
	if got.Imported != 0 || len(got.Problems) != 1 || !strings.Contains(got.Problems[0].Problem, "PIN before the code only") {
		t.Errorf("report: %+v", got)
	}
}

// What a file does not say of itself is taken from the parameters.
func TestAdminImportParameters(t *testing.T) {
	b := newAdminBench(t)
	file := "FT1," + hex.EncodeToString([]byte("0123456789abcdef0123456789abcdef")) + "\n"
	b.want(b.upload("?format=oath-csv&encoding=hex&kind=totp&digits=8&period=30&hash=sha256", file), http.StatusOK, nil)
	var k authcore.KeyInfo
	b.want(b.ask(http.MethodGet, "/sesame/keys/FT1", ""), http.StatusOK, &k)
	want := authcore.KeyInfo{Serial: "FT1", State: authcore.PINToDefine, Kind: otp.TOTP, Digits: 8, Period: "30s", Imported: adminStart}
	if diff := cmp.Diff(want, k); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
}

func TestAdminImportRefusesFiles(t *testing.T) {
	b := newAdminBench(t)
	for _, c := range []struct {
		name, query string
		file        io.Reader
		status      int
		says        string
	}{
		{"empty", "", strings.NewReader(""), 422, "nothing was imported: "},
		{"no key", "", strings.NewReader("# nothing\n"), 422, "nothing was imported: there is no key in the file"},
		{"no such period", "?period=45", strings.NewReader(csvLine("FT1")), 422, "30 or 60 seconds"},
		{"broken off", "", io.MultiReader(strings.NewReader(csvLine("FT1")), brokenReader{}), 400, "did not arrive whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/sesame/keys/import"+c.query, c.file)
			b.must(err)
			r.Header.Set("Content-Type", "application/octet-stream")
			a := &adminAnswer{header: make(http.Header)}
			b.mux.ServeHTTP(a, r)
			if a.status != c.status || !strings.Contains(a.error(), c.says) {
				t.Errorf("%d %s, want %d …%s…", a.status, &a.body, c.status, c.says)
			}
		})
	}
	if keys, err := b.gate.Keys(t.Context(), "", 0, func(authcore.KeyInfo) bool { return true }); err != nil || len(keys) > 0 {
		t.Errorf("%d keys are there (%v)", len(keys), err)
	}
}

// A file that is too large is refused: at once where its size is told, else when
// the bound is reached.
func TestAdminImportOfALargeFile(t *testing.T) {
	const limit = 1000
	file := csvLine("FT1") + strings.Repeat("# a comment\n", limit/10)
	for _, told := range []int64{int64(len(file)), -1} {
		body := strings.NewReader(file)
		r, err := http.NewRequest(http.MethodPost, "http://localhost/sesame/keys/import", io.MultiReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = told
		r.Header.Set("Content-Type", "text/csv")
		b := newAdminBench(t)
		_, err = (&adminCall{Request: r, w: &adminAnswer{header: make(http.Header)}, gate: b.gate}).importKeys(limit - maxImportForm)
		refusal, ok := errors.AsType[caddy.APIError](err)
		if !ok || refusal.HTTPStatus != http.StatusRequestEntityTooLarge || !strings.Contains(refusal.Error(), "at most 160 MiB") {
			t.Errorf("with a length of %d told: %v", told, refusal)
		}
		if told > 0 && body.Len() < len(file) {
			t.Error("a file that is known to be too large was read all the same")
		}
		if told < 0 && body.Len() == len(file) {
			t.Error("the file was not read at all")
		}
	}
}

// brokenReader is a connection that breaks off.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A report has an end, and says how much it leaves out.
func TestAdminImportReportIsBounded(t *testing.T) {
	b := newAdminBench(t)
	var file strings.Builder
	for i := range maxProblems + 7 {
		fmt.Fprintf(&file, "FT%d,00\n", i)
	}
	var got importReport
	b.want(b.upload("", file.String()), http.StatusUnprocessableEntity, &got)
	if len(got.Problems) != maxProblems || got.MoreProblems != 7 || got.Refused != maxProblems+7 {
		t.Errorf("%d problems and %d more of %d", len(got.Problems), got.MoreProblems, got.Refused)
	}
}

// A caller that leaves when the file is there does not stop the import halfway.
func TestAdminImportOutlivesItsCaller(t *testing.T) {
	b := newAdminBench(t)
	ctx, leave := context.WithCancel(t.Context())
	body := io.MultiReader(strings.NewReader(csvLine("FT1")+csvLine("FT2")), leaving{leave})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/sesame/keys/import", body)
	b.must(err)
	r.Header.Set("Content-Type", "text/csv")
	a := &adminAnswer{header: make(http.Header)}
	b.mux.ServeHTTP(a, r)
	var got importReport
	b.want(a, http.StatusOK, &got)
	if ctx.Err() == nil || got.Imported != 2 {
		t.Errorf("the caller left: %v; %d keys were imported, want 2", ctx.Err() != nil, got.Imported)
	}
}

// leaving is the end of a body, with which its sender goes.
type leaving struct{ leave func() }

func (l leaving) Read([]byte) (int, error) {
	l.leave()
	return 0, io.EOF
}
