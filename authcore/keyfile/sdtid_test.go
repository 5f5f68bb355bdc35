package keyfile

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

func testdata(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func password(p string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(p), nil }
}

// The codes that stoken 0.92 computed from the same files.
func TestSDTIDCodes(t *testing.T) {
	rows := 0
	for line := range strings.Lines(testdata(t, "securid_expected.tsv")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		file, serial, secret, pin, code := row[0], row[1], row[2], row[3], row[5]
		unix, err := time.ParseDuration(row[4] + "s")
		if err != nil {
			t.Fatal(err)
		}
		o := Options{}
		if secret != "" {
			o.Password = password(secret)
		}
		rec := readText(t, testdata(t, file), o).only(t)
		if rec.Serial != serial || (rec.PIN.Usage == AlgorithmicPIN) != (pin != "") {
			t.Errorf("%s: got serial %s and PIN usage %q", file, rec.Serial, rec.PIN.Usage)
		}
		g := rec.Generator
		if got := addPIN(g.Code(g.StepAt(time.Unix(0, 0).Add(unix))), pin); got != code {
			t.Errorf("%s at %s: got %s, want %s", file, row[4], got, code)
		}
	}
	if rows != 47 {
		t.Errorf("%d rows, want 47", rows)
	}
}

// addPIN does what a software token does with its PIN: it adds each digit to
// the code's, right-aligned and without carry.
func addPIN(code, pin string) string {
	sum := []byte(code)
	for i := 1; i <= min(len(code), len(pin)); i++ {
		d := &sum[len(sum)-i]
		*d = '0' + (*d-'0'+pin[len(pin)-i]-'0')%10
	}
	return string(sum)
}

func TestSDTIDRecord(t *testing.T) {
	seed, err := hex.DecodeString("9c976313e31a3417492f71b41936dc6a")
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Line: 34, Format: SDTID, Serial: "130000001",
		Generator: otp.Generator{Kind: otp.SecurID, Seed: seed, Serial: "130000001", Digits: 6, Period: time.Minute},
		Starts:    time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Expires: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)}
	if rec := readText(t, testdata(t, "b1.sdtid"), Options{}).only(t); !reflect.DeepEqual(rec, want) {
		t.Errorf("got %+v\nwant %+v", rec, want)
	}
	rec := readText(t, testdata(t, "softpin_pw.sdtid"), Options{Format: SDTID, Password: password("MotDePasse-lot-1")}).only(t)
	if rec.Holder != "amartin" || rec.PIN.Usage != AlgorithmicPIN {
		t.Errorf("got %+v", rec)
	}
}

func TestSDTIDOfSeveralKeys(t *testing.T) {
	out := readText(t, testdata(t, "batch3.sdtid"), Options{})
	if len(out.records) != 3 || len(out.problems) != 0 || out.err != nil {
		t.Fatalf("got %+v", out)
	}
	for i, file := range []string{"b1.sdtid", "b2.sdtid", "b3.sdtid"} {
		want := readText(t, testdata(t, file), Options{}).only(t)
		got := out.records[i]
		if got.Line != 34+12*i {
			t.Errorf("key %d is on line %d", i, got.Line)
		}
		if got.Line = want.Line; !reflect.DeepEqual(got, want) {
			t.Errorf("key %d: got %+v\nwant %+v", i, got, want)
		}
	}
}

// The keys of one computation that agrees with stoken's result.
func TestSDTIDTrace(t *testing.T) {
	x := newXMLFile(must(textfile.Open(strings.NewReader(testdata(t, "b1.sdtid")), MaxBytes, ErrTooLarge)))
	if _, err := x.root(); err != nil {
		t.Fatal(err)
	}
	header := must(x.child())
	token := must(x.child())
	keys := must(newSDTIDKeys(header, "RSA Demo"))
	sn := token.value("SN")
	for name, tt := range map[string]struct {
		got  block
		want string
	}{
		"password":  {sdtidPasswordKey("RSA Demo", "AC-NANTES", "LOT-2024-02"), "bcb0a8c83999c47a98573ccd783405ed"},
		"batch":     {keys.batch, "114a18a2270531f01e5bdde8ed32f1bc"},
		"batch MAC": {keys.header, "7912a05e89410f232b1fdc3db4521093"},
		"token MAC": {cbcMAC(keys.batch, sdtidTokenIV, join(fit("TokenMAC", 32), fit(sn, 32))), "4bbb695cb096a1b113be3a54f54539eb"},
		"token":     {cbcMAC(keys.batch, sdtidEncryptIV, join(fit("TokenEncrypt", 32), fit(sn, 32))), "d7ea227bd2c8f6a8db6edf5656a0af6b"},
	} {
		if got := hex.EncodeToString(tt.got[:]); got != tt.want {
			t.Errorf("the key %s is %s, want %s", name, got, tt.want)
		}
	}
	if !keys.headerRight(header) || !keys.tokenRight(token) {
		t.Error("a MAC is wrong")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSDTIDPasswords(t *testing.T) {
	file := testdata(t, "pw1.sdtid")
	if out := readText(t, file, Options{}); !errors.Is(out.err, ErrPasswordWanted) {
		t.Errorf("no password: got %+v", out)
	}
	for _, wrong := range []string{"", "x", "RSA Demo", "Mot de passe lot n°2", "mot de passe lot n°1", strings.Repeat("x", 5000)} {
		if out := readText(t, file, Options{Password: password(wrong)}); !errors.Is(out.err, ErrPassword) || len(out.records) != 0 {
			t.Errorf("password %q: got %+v", wrong, out)
		}
	}
	asked, gone := 0, errors.New("nobody is there")
	out := readText(t, file, Options{Password: func() ([]byte, error) { asked++; return nil, gone }})
	if !errors.Is(out.err, gone) || asked != 1 {
		t.Errorf("asked %d times, got %+v", asked, out)
	}
	out = readText(t, testdata(t, "batch3.sdtid"), Options{Password: func() ([]byte, error) { asked++; return nil, gone }})
	if len(out.records) != 3 || asked != 1 {
		t.Errorf("a file without a password asks for one: got %+v", out)
	}
}

// A change of any field under a MAC, or of a MAC, refuses the file; so does the
// password where it guards the rest.
func TestSDTIDAltered(t *testing.T) {
	file := testdata(t, "batch3.sdtid")
	tests := map[string][2]string{
		"digits":           {"<DefDigits>6", "<DefDigits>8"},
		"interval":         {"<DefInterval>60", "<DefInterval>30"},
		"expiry":           {"<DefDeath>2035", "<DefDeath>2095"},
		"white space":      {"<DefAlg>1</DefAlg>", "<DefAlg>1 </DefAlg>"},
		"field left out":   {"<DefKeypad>1</DefKeypad>", ""},
		"field emptied":    {"<DefKeypad>1</DefKeypad>", "<DefKeypad></DefKeypad>"},
		"field added":      {"<DefKeypad>", "<X>1</X><DefKeypad>"},
		"header's MAC":     {"<HeaderMAC>Z", "<HeaderMAC>Y"},
		"header's, unread": {"a/Q==</HeaderMAC>", "a/R==</HeaderMAC>"},
		"no header's MAC":  {"<HeaderMAC>Z4gl9yk2wvl1loq92kWa/Q==</HeaderMAC>", ""},
		"serial":           {"<SN>130000001", "<SN>130000007"},
		"seed":             {"<Seed>=3", "<Seed>=4"},
		"holder":           {"<UserLogin> </UserLogin>", "<UserLogin>mallory</UserLogin>"},
		"token's MAC":      {"<TokenMAC>D", "<TokenMAC>E"},
		"second serial":    {"<SN>130000002", "<SN>130000008"},
		"third seed":       {"<Seed>=a", "<Seed>=b"},
		"third MAC":        {"<TokenMAC>e", "<TokenMAC>f"},
	}
	for name, change := range tests {
		changed := strings.Replace(file, change[0], change[1], 1)
		if changed == file {
			t.Fatalf("%s: nothing to change", name)
		}
		out := readText(t, changed, Options{})
		if !errors.Is(out.err, errAltered) || !strings.HasPrefix(out.err.Error(), "line ") {
			t.Errorf("%s: got %+v", name, out)
		}
	}
	for _, change := range [][2]string{{"<Name>LOT", "<Name>TOT"}, {"<Dest>AC", "<Dest>CA"}, {"<Origin>RSA", "<Origin>RSB"}, {"<Secret>n", "<Secret>m"}} {
		if out := readText(t, strings.Replace(file, change[0], change[1], 1), Options{}); !errors.Is(out.err, ErrPasswordWanted) {
			t.Errorf("%s: got %+v", change[1], out)
		}
	}
}

func TestSDTIDShape(t *testing.T) {
	file := testdata(t, "b1.sdtid")
	head := file[:strings.Index(file, "  <TKN>")]
	token := file[len(head):strings.Index(file, "  <TKNTrailer>")]
	for name, tt := range map[string]struct{ text, want string }{
		"two headers":     {head + file[strings.Index(file, "  <TKNHeader>"):], "one TKNHeader"},
		"no header":       {"<TKNBatch>" + token + "</TKNBatch>", "one TKNHeader"},
		"header behind":   {"<TKNBatch>" + token + head[strings.Index(head, "  <TKNHeader>"):] + "</TKNBatch>", "one TKNHeader"},
		"no keys":         {head + "</TKNBatch>", "no key"},
		"truncated":       {file[:len(file)-60], "ends in the middle"},
		"secret":          {strings.Replace(file, "<Secret>nOn", "<Secret>n", 1), "Secret of the TKNHeader"},
		"secret too long": {strings.Replace(file, "<Secret>", "<Secret>AAAA", 1), "Secret of the TKNHeader"},
		"no secret":       {strings.Replace(file, "Secret>", "Sekret>", 2), "Secret of the TKNHeader"},
	} {
		out := readText(t, tt.text, Options{})
		if out.err == nil || !strings.Contains(out.err.Error(), tt.want) {
			t.Errorf("%s: got %+v, want %s", name, out, tt.want)
		}
	}
}

// signed gives b1.sdtid with changes under MACs that are right again.
func signed(t testing.TB, changes ...string) string {
	t.Helper()
	file := strings.NewReplacer(changes...).Replace(testdata(t, "b1.sdtid"))
	x := newXMLFile(must(textfile.Open(strings.NewReader(file), MaxBytes, ErrTooLarge)))
	must(x.root())
	header, token := must(x.child()), must(x.child())
	keys := must(newSDTIDKeys(header, header.value("Origin")))
	tokenKey := cbcMAC(keys.batch, sdtidTokenIV, join(fit("TokenMAC", 32), fit(token.value("SN"), 32)))
	return strings.NewReplacer(
		header.value("HeaderMAC"), base64Text(cbcMAC(keys.header, sdtidHeaderIV, sdtidText(header))),
		token.value("TokenMAC"), base64Text(cbcMAC(tokenKey, sdtidTokenIV, sdtidText(token))),
	).Replace(file)
}

func TestSDTIDRefusals(t *testing.T) {
	for name, tt := range map[string]struct{ from, to, want string }{
		"64-bit":         {"<DefAlg>1", "<DefAlg>0", "128-bit AES"},
		"mode":           {"<DefMode>0", "<DefMode>1", "not known to follow"},
		"derived":        {"<DefAppDerivedSeeds>0", "<DefAppDerivedSeeds>1", "not known to follow"},
		"5 digits":       {"<DefDigits>6", "<DefDigits>5", "length"},
		"45 s":           {"<DefInterval>60", "<DefInterval>45", "period"},
		"birth":          {"<DefBirth>2024/01/01", "<DefBirth>01/01/2024", "the date"},
		"death":          {"<DefDeath>2035/12/31", "<DefDeath>2035/13/31", "the date"},
		"serial":         {"<SN>130000001", "<SN>", "serial number is missing"},
		"serial, long":   {"<SN>130000001", "<SN>1300000010000", "1 to 12 digits"},
		"serial, letter": {"<SN>130000001", "<SN>A30000001", "1 to 12 digits"},
		"seed, short":    {"<Seed>=3reC", "<Seed>=", "not 16 bytes"},
		"no seed":        {"<Seed>=3reCLQ86qu+5ummeYXv4pg==</Seed>", "", "not 16 bytes"},
	} {
		got := readText(t, signed(t, tt.from, tt.to), Options{}).refusal(t)
		if !strings.HasPrefix(got, "line 34") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want line 34 … %s", name, got, tt.want)
		}
		checkHidden(t, got)
	}
}

func TestSDTIDFieldsOfAKey(t *testing.T) {
	file := signed(t, "<SN>130000001</SN>", "<SN> 130000001\n</SN><Digits>8</Digits><Interval>30</Interval><Death>2030/06/30</Death><LocalPIN>1</LocalPIN>",
		"<DefBirth>2024/01/01</DefBirth>", "<DefBirth/>", "<DefAlg>1</DefAlg>", "")
	rec := readText(t, file, Options{}).only(t)
	if g := rec.Generator; g.Digits != 8 || g.Period != 30*time.Second || rec.PIN.Usage != LocalPIN || !rec.Starts.IsZero() ||
		rec.Expires != time.Date(2030, 7, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("got %+v", rec)
	}
}

// A seed of zeros, encrypted as it should be.
func TestSDTIDZeroSeed(t *testing.T) {
	const key = "d7ea227bd2c8f6a8db6edf5656a0af6b"
	zero := encrypt(block(must(hex.DecodeString(key))), block(join(fit("130000001", 8), fit("Seed", 8))))
	got := readText(t, signed(t, "3reCLQ86qu+5ummeYXv4pg==", base64Text(zero)), Options{}).refusal(t)
	if !strings.Contains(got, "every byte of the seed is zero") {
		t.Errorf("got %s", got)
	}
}

// The same key with and without the leading zeros of its number.
func TestSDTIDSerialTwice(t *testing.T) {
	file := testdata(t, "fob30.sdtid")
	start, end := strings.Index(file, "  <TKN>"), strings.Index(file, "  <TKNTrailer>")
	out := readText(t, file[:end]+file[start:end]+file[end:], Options{})
	if len(out.records) != 1 || len(out.problems) != 1 || !strings.Contains(out.problems[0].Error(), "twice") {
		t.Errorf("got %+v", out)
	}
	a, b := Record{Serial: "000130000001", Generator: otp.Generator{Kind: otp.SecurID}}, Record{Serial: "130000001", Generator: otp.Generator{Kind: otp.SecurID}}
	if identity(a) != identity(b) {
		t.Error("leading zeros make another key")
	}
}

func FuzzSDTID(f *testing.F) {
	for _, name := range []string{"b1.sdtid", "batch3.sdtid", "softpin_pw.sdtid", "pw1.sdtid"} {
		f.Add(testdata(f, name), "MotDePasse-lot-1")
	}
	f.Add(signed(f, "<SN>130000001", "<SN>1300000010000"), "")
	f.Fuzz(func(t *testing.T, text, secret string) {
		checkRead(t, text, Options{Format: SDTID, Password: password(secret)})
	})
}
