package keyfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

func figure(t testing.TB, n int) string { return testdata(t, fmt.Sprintf("rfc6030-figure%d.pskc", n)) }

// preShared is the key of RFC 6030 figure 6, section 6.1.
func preShared() func() ([]byte, error) {
	return func() ([]byte, error) { return hex.DecodeString("12345678901234567890123456789012") }
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// The examples of RFC 6030 that hold a seed of 128 bits or more. In testdata the
// certificate of figure 8 is shortened, the rest is as in the RFC but for the
// indentation.
func TestPSKCFigures(t *testing.T) {
	base := Record{Line: 3, Format: PSKC, Serial: "987654321", Manufacturer: "Manufacturer", Generator: hotp(8, otp.SHA1)}
	tests := []struct {
		figure int
		o      Options
		change func(*Record)
	}{
		{3, Options{}, func(*Record) {}},
		{5, Options{}, func(r *Record) { r.PIN = PINPolicy{Usage: LocalPIN, Min: 4, Max: 4, Initial: "1234"} }},
		{6, Options{PreSharedKey: preShared()}, func(r *Record) { r.Line = 7 }},
		{7, Options{Password: password("qwerty")}, func(r *Record) { r.Line, r.Manufacturer = 22, "TokenVendorAcme" }},
		{9, Options{}, func(r *Record) {
			r.Serial, r.Manufacturer, r.Generator = "0755225266", "TokenVendorAcme", hotp(6, otp.SHA1)
		}},
	}
	for _, tt := range tests {
		want := base
		tt.change(&want)
		want = withSeed(want)
		if rec := readText(t, figure(t, tt.figure), tt.o).only(t); !reflect.DeepEqual(rec, want) {
			t.Errorf("figure %d\n got %+v\nwant %+v", tt.figure, rec, want)
		}
	}
}

func TestPSKCFiguresRefused(t *testing.T) {
	for n, want := range map[int]string{
		2: "line 3, key 12345678: a seed of 4 bytes",
		4: "line 3, key 987654321: the file holds no seed but a reference to a master key",
		6: "line 10: " + ErrKeyWanted.Error(),
		7: "line 25: " + ErrPasswordWanted.Error(),
		8: "line 6: the file is encrypted for a certificate",
	} {
		if got := readText(t, figure(t, n), Options{}).refusal(t); !strings.HasPrefix(got, want) {
			t.Errorf("figure %d: got %s, want %s", n, got, want)
		}
	}
}

// Figure 10, bulk provisioning: its last two keys have one serial number.
func TestPSKCFigure10(t *testing.T) {
	out := readText(t, figure(t, 10), Options{})
	if len(out.records) != 3 || len(out.problems) != 1 || out.err != nil {
		t.Fatalf("got %+v", out)
	}
	for i, want := range []Record{
		{Line: 3, Serial: "654321", Starts: date(2006, 5, 1), Expires: date(2006, 5, 31)},
		{Line: 12, Serial: "123456", Starts: date(2006, 5, 1), Expires: date(2006, 5, 31)},
		{Line: 21, Serial: "9999999", Starts: date(2006, 3, 1), Expires: date(2006, 3, 31)},
	} {
		want.Format, want.Manufacturer, want.Generator = PSKC, "TokenVendorAcme", hotp(8, otp.SHA1)
		if want = withSeed(want); !reflect.DeepEqual(out.records[i], want) {
			t.Errorf("key %d\n got %+v\nwant %+v", i, out.records[i], want)
		}
	}
	if p := out.problems[0]; p.Line != 30 || !strings.Contains(p.Error(), "line 21 has it first") {
		t.Errorf("got %v", p)
	}
}

// What RFC 6030 gives on the way to figures 6 and 7.
func TestPSKCKeysOfFigures(t *testing.T) {
	for n, want := range map[int][2]string{
		6: {"12345678901234567890123456789012", "1122334455667788990011223344556677889900"},
		7: {"651e63cd57008476af1ff6422cd02e41", "bdaab8d648e850d25a3289364f7d7eaaf53ce581"},
	} {
		x := newXMLFile(must(textfile.Open(strings.NewReader(figure(t, n)), MaxBytes, ErrTooLarge)))
		must(x.root())
		c := pskcCrypt{o: Options{Password: password("qwerty"), PreSharedKey: preShared()}, key: must(x.child()), mac: must(x.child())}
		if err := c.unlock(); err != nil {
			t.Fatal(err)
		}
		if got := [2]string{hex.EncodeToString(c.encryption), hex.EncodeToString(c.integrity)}; got != want {
			t.Errorf("figure %d: got the keys %v, want %v", n, got, want)
		}
	}
}

// Files that csv2pskc of python-pskc made of testdata's keys, with a password
// and with a pre-shared key, whose element about the key is empty.
func TestPSKCOfCSV2PSKC(t *testing.T) {
	for file, o := range map[string]Options{
		"pskc_pbkdf2.pskc":    {Password: password("Motdepasse!")},
		"pskc_preshared.pskc": {PreSharedKey: preShared()},
	} {
		out := readText(t, testdata(t, file), o)
		if len(out.records) != 2 || len(out.problems) != 0 || out.err != nil {
			t.Errorf("%s: got %+v", file, out)
			continue
		}
		for i, seed := range []string{"12345678901234567890", "12345678901234567891"} {
			rec := out.records[i]
			g := totp(6, 60, otp.SHA1)
			g.Seed = []byte(seed)
			if rec.Serial != fmt.Sprintf("FT000%d", i+1) || !reflect.DeepEqual(rec.Generator, g) {
				t.Errorf("%s, key %d: got %+v", file, i, rec)
			}
		}
		// Computed by oathtool 2.6.7 from the seed of the first.
		if got := out.records[0].Generator.Code(29166666); got != "332595" {
			t.Errorf("%s: got the code %s, want 332595", file, got)
		}
	}
}

// pskcPlain gives a container with one plain key, of which one line is another.
func pskcPlain(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:x="urn:x">
<KeyPackage><DeviceInfo><Manufacturer>FeiTian Technology Co.,Ltd</Manufacturer><SerialNo>2600215704919</SerialNo><Model>c200</Model><UserId>CN=Device</UserId></DeviceInfo>
<Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
<AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters>
<Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret><Time><PlainValue>0</PlainValue></Time><TimeInterval><PlainValue>60</PlainValue></TimeInterval></Data>
<Policy><StartDate>2025-01-01T00:00:00Z</StartDate></Policy>
</Key></KeyPackage>
</KeyContainer>`)
}

func TestPSKCFields(t *testing.T) {
	base := Record{Line: 2, Format: PSKC, Serial: "2600215704919", Manufacturer: "FeiTian Technology Co.,Ltd", Model: "c200",
		Holder: "CN=Device", Generator: totp(6, 60, otp.SHA1), Starts: date(2025, 1, 1)}
	tests := []struct {
		name     string
		from, to string
		o        Options
		change   func(*Record)
	}{
		{"as Feitian has it", "", "", Options{}, func(*Record) {}},
		{"white space", "MTIzNDU2", "\n  MTIz\n\tNDU2 ", Options{}, func(*Record) {}},
		{"SHA-256", "<ResponseFormat", "<Suite>HMAC-SHA256</Suite><ResponseFormat", Options{}, func(r *Record) { r.Generator.Hash = otp.SHA256 }},
		{"suite of the options", "", "", Options{Hash: otp.SHA512}, func(r *Record) { r.Generator.Hash = otp.SHA512 }},
		{"8 digits", `Length="6"`, `Length="8" CheckDigits="false"`, Options{Digits: 7}, func(r *Record) { r.Generator.Digits = 8 }},
		{"no form", `<ResponseFormat Length="6" Encoding="DECIMAL"/>`, "", Options{Digits: 8}, func(r *Record) { r.Generator.Digits = 8 }},
		{"no interval", "<TimeInterval><PlainValue>60</PlainValue></TimeInterval>", "", Options{}, func(r *Record) { r.Generator.Period = 30 * time.Second }},
		{"drift", "</TimeInterval>", "</TimeInterval><TimeDrift><PlainValue>-4</PlainValue></TimeDrift>", Options{}, func(r *Record) { r.Drift = -4 }},
		{"draft's name", "pskc:totp", "pskc#totp", Options{}, func(*Record) {}},
		{"draft's address", "urn:ietf:params:xml:ns:keyprov:pskc:totp", "http://www.ietf.org/keyprov/pskc#TOTP", Options{}, func(*Record) {}},
		{"no algorithm", ` Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"`, "", Options{Kind: otp.TOTP}, func(*Record) {}},
		{"no serial", "<SerialNo>2600215704919</SerialNo>", "", Options{}, func(r *Record) { r.Serial = "1" }},
		{"holder", "<Policy>", "<UserId>CN=Key</UserId><Policy>", Options{}, func(r *Record) { r.Holder = "CN=Key" }},
		{"extension", "<Data>", `<Data><x:Secret><PlainValue>AAAA</PlainValue></x:Secret><x:a/>`, Options{}, func(*Record) {}},
		{"end of key", "</StartDate>", "</StartDate><ExpiryDate>2030-12-31T23:59:59.5+01:00</ExpiryDate>", Options{}, func(r *Record) {
			r.Expires = time.Date(2030, 12, 31, 22, 59, 59, 500_000_000, time.UTC)
		}},
		{"dates of device", "</SerialNo>", "</SerialNo><StartDate>2026-01-01T00:00:00</StartDate><ExpiryDate>2029-01-01T00:00:00Z</ExpiryDate>", Options{}, func(r *Record) {
			r.Starts, r.Expires = date(2026, 1, 1), date(2029, 1, 1)
		}},
		{"both ends", "</SerialNo>", "</SerialNo><StartDate>2024-01-01T00:00:00Z</StartDate><ExpiryDate>2031-01-01T00:00:00Z</ExpiryDate>", Options{}, func(r *Record) {
			r.Expires = date(2031, 1, 1)
		}},
		{"usage", "</StartDate>", "</StartDate><KeyUsage>CR</KeyUsage><KeyUsage> OTP </KeyUsage>", Options{}, func(*Record) {}},
		{"PIN policy", "</StartDate>", `</StartDate><PINPolicy xmlns:y="urn:y" MinLength="4" MaxLength="8" MaxFailedAttempts="5" PINEncoding="DECIMAL" PINUsageMode="Prepend"/>`, Options{}, func(r *Record) {
			r.PIN = PINPolicy{Usage: PrependPIN, Min: 4, Max: 8, MaxFailures: 5}
		}},
		{"policy ignored", "</StartDate>", "</StartDate><NumberOfTransactions>3</NumberOfTransactions>", Options{IgnorePolicy: true}, func(*Record) {}},
	}
	for _, tt := range tests {
		text := pskcPlain()
		if tt.from != "" {
			text = pskcPlain(tt.from, tt.to)
		}
		want := base
		tt.change(&want)
		want = withSeed(want)
		if rec := readText(t, text, tt.o).only(t); !reflect.DeepEqual(rec, want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.name, rec, want)
		}
	}
}

// What the drafts wrote otherwise, in the namespace that one of them had.
func TestPSKCDraft(t *testing.T) {
	text := pskcPlain("keyprov:pskc\"", "keyprov:pskc:1.0\"", `Version="1.0"`, `Version="1"`, "KeyPackage>", "Device>", ` Id="1"`, ` KeyId="1"`,
		` Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"`, ` KeyAlgorithm="urn:ietf:params:xml:ns:keyprov:pskc#totp"`,
		"<AlgorithmParameters>", `<Usage OTP="true">`, "</AlgorithmParameters>", "</Usage>")
	rec := readText(t, text, Options{}).only(t)
	if rec.Serial != "2600215704919" || rec.Generator.Kind != otp.TOTP || rec.Generator.Period != time.Minute {
		t.Errorf("got %+v", rec)
	}
}

func TestPSKCRefusals(t *testing.T) {
	pin := func(attributes string) string { return "</StartDate><PINPolicy " + attributes + "/>" }
	for name, tt := range map[string]struct{ from, to, want string }{
		"algorithm":      {"pskc:totp", "pskc:ocra", `algorithm "ocra"`},
		"yubikey":        {"urn:ietf:params:xml:ns:keyprov:pskc:totp", "http://www.yubico.com/#yubikey-aes", "algorithm"},
		"no algorithm":   {` Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"`, "", "does not say its algorithm"},
		"suite":          {"<ResponseFormat", "<Suite>HMAC-MD5</Suite><ResponseFormat", "hash function"},
		"hexadecimal":    {"DECIMAL", "HEXADECIMAL", "not decimal digits"},
		"check digit":    {`Length="6"`, `Length="6" CheckDigits="true"`, "check digit"},
		"9 digits":       {`Length="6"`, `Length="9"`, "length"},
		"45 s":           {"<PlainValue>60", "<PlainValue>45", "period"},
		"drift":          {"</TimeInterval>", "</TimeInterval><TimeDrift><PlainValue>99999</PlainValue></TimeDrift>", "drift"},
		"drift, text":    {"</TimeInterval>", "</TimeInterval><TimeDrift><PlainValue>x</PlainValue></TimeDrift>", "drift"},
		"counter":        {"pskc:totp", "pskc:hotp", ""},
		"no data":        {"Data>", "Date>", "seed is missing"},
		"no seed":        {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "", "seed is missing"},
		"base64":         {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "characters are missing"},
		"base64, cut":    {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2Nzg5MDEyMzQ1Nj", "characters are missing"},
		"base64, bits":   {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTB=", "characters are missing"},
		"zeros":          {"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "zero"},
		"serial":         {"2600215704919", "2,60E+12", "spreadsheet"},
		"no key":         {"Key ", "Kay ", ""},
		"date":           {"2025-01-01T", "01/01/2025 ", "date"},
		"date of device": {"</SerialNo>", "</SerialNo><ExpiryDate>never</ExpiryDate>", "date"},
		"usage":          {"</StartDate>", "</StartDate><KeyUsage>CR</KeyUsage>", "another use"},
		"transactions":   {"</StartDate>", "</StartDate><NumberOfTransactions>3</NumberOfTransactions>", "a number of times"},
		"policy":         {"</StartDate>", "</StartDate><OnWeekdaysOnly/>", "not understood"},
		"extension":      {"</StartDate>", "</StartDate><x:KeyUsage>OTP</x:KeyUsage>", "not understood"},
		"PIN attribute":  {"</StartDate>", pin(`OnWeekdaysOnly="true"`), "not understood"},
		"PIN extension":  {"</StartDate>", pin(`x:MinLength="4"`), "not understood"},
		"PIN element":    {"</StartDate>", "</StartDate><PINPolicy><a/></PINPolicy>", "not understood"},
		"PIN usage":      {"</StartDate>", pin(`PINUsageMode="prepend"`), "PINUsageMode"},
		"PIN letters":    {"</StartDate>", pin(`PINEncoding="ALPHANUMERIC"`), "other characters than digits"},
		"PIN length":     {"</StartDate>", pin(`MinLength="four"`), "not one from 0"},
		"PIN length 2":   {"</StartDate>", pin(`MaxLength="256"`), "not one from 0"},
		"PIN failures":   {"</StartDate>", pin(`MaxFailedAttempts="-1"`), "not one from 0"},
		"PIN missing":    {"</StartDate>", pin(`PINKeyId="2"`), "not beside it"},
	} {
		text := pskcPlain(tt.from, tt.to)
		switch name {
		case "counter":
			text, tt.want = pskcPlain(tt.from, tt.to, "<TimeInterval><PlainValue>60</PlainValue></TimeInterval>", "<Counter><PlainValue>MTIz</PlainValue></Counter>"), "counter"
		case "no key":
			text, tt.want = pskcPlain("<Key ", "<Kay ", "</Key>", "</Kay>"), "no key for this device"
		}
		got := readText(t, text, Options{}).refusal(t)
		if !strings.HasPrefix(got, "line 2") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want line 2 … %s", name, got, tt.want)
		}
		checkHidden(t, got)
	}
}

func TestPSKCFilesRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"namespace":     {pskcPlain("keyprov:pskc\"", "keyprov:container\""), "line 1: the KeyContainer is not in the namespace"},
		"no namespace":  {pskcPlain(` xmlns="urn:ietf:params:xml:ns:keyprov:pskc"`, ""), "line 1: the KeyContainer is not in the namespace"},
		"version":       {pskcPlain(`Version="1.0"`, `Version="2.0"`), "line 1: the version"},
		"no keys":       {pskcPlain("KeyPackage>", "Extension>"), "no key in the file"},
		"key behind":    {pskcPlain("</KeyPackage>", "</KeyPackage>\n<EncryptionKey/>"), "the EncryptionKey must stand before"},
		"MAC behind":    {pskcPlain("</KeyPackage>", "</KeyPackage>\n<MACMethod/>"), "the MACMethod must stand before"},
		"two keys":      {pskcPlain("<KeyPackage>", "<EncryptionKey/><EncryptionKey/><KeyPackage>"), "line 2: there are two elements EncryptionKey"},
		"external":      {`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + pskcPlain(), "line 1: the file has a document type"},
		"entity":        {pskcPlain("2600215704919", "&lol;"), "line 2: the XML is not well-formed"},
		"not truncated": {pskcPlain("</KeyContainer>", ""), "ends in the middle"},
	} {
		out := readText(t, tt.text, Options{})
		if out.err == nil || !strings.Contains(out.err.Error(), tt.want) {
			t.Errorf("%s: got %+v, want %s", name, out, tt.want)
		}
	}
}

// An extension of the container, and one that only looks like a key.
func TestPSKCExtensions(t *testing.T) {
	text := pskcPlain("<KeyPackage>", `<x:MACMethod/><Extensions><x:a/></Extensions><KeyPackage>`)
	readText(t, text, Options{}).only(t)
}

// pinPackage is a key that is a PIN.
func pinPackage(id, pin string) string {
	return `<KeyPackage><DeviceInfo><SerialNo>2600215704919</SerialNo></DeviceInfo><Key Id="` + id +
		`" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:pin"><Data><Secret><PlainValue>` + pin + `</PlainValue></Secret></Data></Key></KeyPackage>`
}

func TestPSKCInitialPIN(t *testing.T) {
	named := []string{"</StartDate>", `</StartDate><PINPolicy PINKeyId="2" PINUsageMode="Append"/>`}
	with := func(before, after string) string {
		return pskcPlain(append(named, "<KeyPackage>", before+"<KeyPackage>", "</KeyPackage>", "</KeyPackage>"+after)...)
	}
	for name, text := range map[string]string{
		"behind": with("", pinPackage("2", "MTIzNA==")), "before": with(pinPackage("2", "MTIzNA=="), ""),
	} {
		rec := readText(t, text, Options{}).only(t)
		if rec.PIN.Initial != "1234" || rec.PIN.Usage != AppendPIN || rec.Generator.Kind != otp.TOTP {
			t.Errorf("%s: got %+v", name, rec)
		}
		if shown := fmt.Sprintf("%v %+v %#v %s %q %x", rec, rec, rec, rec.PIN.Initial, rec.PIN.Initial, rec.PIN.Initial); strings.Contains(shown, "1234") || strings.Contains(shown, "31323334") {
			t.Errorf("%s: the PIN is shown", name)
		}
	}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"another's":   {with("", pinPackage("3", "MTIzNA==")), []string{"not beside it", "of which no key"}},
		"its own":     {pskcPlain(append(named, `Id="1"`, `Id="2"`)...), []string{"not beside it"}},
		"letters":     {with("", pinPackage("2", "YWJjZA==")), []string{"not beside it", "other characters than digits"}},
		"empty":       {with("", pinPackage("2", "")), []string{"not beside it", "seed is missing"}},
		"nobody's":    {strings.Replace(pskcPlain(), "</KeyPackage>", "</KeyPackage>"+pinPackage("2", "MTIzNA=="), 1), []string{"of which no key"}},
		"two of them": {with(pinPackage("3", "MTIzNA==")+pinPackage("2", "MTIzNA=="), ""), []string{"of which no key"}},
	} {
		out := readText(t, tt.text, Options{})
		if out.err != nil || len(out.problems) != len(tt.want) {
			t.Errorf("%s: got %+v", name, out)
			continue
		}
		for i, want := range tt.want {
			if !strings.Contains(out.problems[i].Error(), want) {
				t.Errorf("%s: got %v, want %s", name, out.problems[i], want)
			}
			checkHidden(t, out.problems[i].Error())
		}
	}
}

// A device with two keys, as drafts allowed: a serial number is one key's.
func TestPSKCDeviceOfTwoKeys(t *testing.T) {
	text := pskcPlain()
	start, end := strings.Index(text, "<Key Id"), strings.Index(text, "</KeyPackage>")
	out := readText(t, text[:end]+text[start:end]+text[end:], Options{})
	if len(out.records) != 1 || len(out.problems) != 1 || !errors.Is(out.problems[0], out.problems[0].Err) {
		t.Errorf("got %+v", out)
	}
}
