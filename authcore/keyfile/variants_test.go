package keyfile

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

const entraHeading = "upn,serial number,secret key,time interval,manufacturer,model\n"

// withSeed gives the record that a test wants, with the seed of RFC 4226.
func withSeed(rec Record) Record {
	rec.Generator.Seed = []byte("12345678901234567890")
	return rec
}

func TestRecognisedFormats(t *testing.T) {
	tests := map[Format]string{
		OATH:      "FT1," + rfcSeed,
		Entra:     entraHeading + "a@example.org,FT1," + base32Of20 + ",30,,",
		YubicoLog: "LOGGING START,11.12.13 18:55\nOATH-HOTP,11.12.13 18:55,1,cccccccccccc,," + rfcSeed + ",,,0,0,0,6,0,0,0,0,0,0",
		Yubico:    "508326,,0," + rfcSeed + ",,2013-12-12T08:41:07,",
		OTPAuth:   "otpauth://totp/a@example.org?secret=" + base32Of20,
	}
	for f, text := range tests {
		for _, o := range []Options{{}, {Format: f}} {
			if rec := readText(t, "# a comment\n\n"+text, o).only(t); rec.Format != f {
				t.Errorf("%v is read as %v", f, rec.Format)
			}
		}
	}
}

func TestUnrecognisedFormats(t *testing.T) {
	for _, text := range []string{"%PDF-1.4\nx", "Bonjour !", "-----BEGIN PGP MESSAGE-----\n"} {
		if out := readText(t, text, Options{}); !errors.Is(out.err, ErrUnrecognised) || !strings.HasPrefix(out.err.Error(), "line 1: ") {
			t.Errorf("%q: got %+v, want ErrUnrecognised", text, out)
		}
	}
	if got := readText(t, "PK\x03\x04\x14\x00", Options{}).refusal(t); !strings.Contains(got, "control character") {
		t.Errorf("a ZIP archive: got %s", got)
	}
}

func TestEntra(t *testing.T) {
	base := Record{Line: 2, Format: Entra, Serial: "FT1", Generator: totp(6, 30, otp.SHA1)}
	tests := []struct {
		name, text string
		o          Options
		change     func(*Record)
	}{
		{"as Microsoft shows it", entraHeading + "helga@example.org,FT1," + base32Of20 + ",60,Contoso,HardwareKey", Options{}, func(r *Record) {
			r.Holder, r.Manufacturer, r.Model, r.Generator.Period = "helga@example.org", "Contoso", "HardwareKey", time.Minute
		}},
		{"fields left out", entraHeading + ",FT1," + strings.ToLower(base32Of20), Options{}, func(*Record) {}},
		{"defaults", entraHeading + ",FT1," + base32Of20, Options{Digits: 8, Period: time.Minute, Hash: otp.SHA256}, func(r *Record) {
			r.Generator = totp(8, 60, otp.SHA256)
		}},
		{"other columns", "Serial  Number;SECRET KEY;Hash function;Digits\nFT1;" + base32Of20 + ";HMACSHA256;8", Options{}, func(r *Record) {
			r.Generator = totp(8, 30, otp.SHA256)
		}},
		{"hexadecimal", entraHeading + ",FT1," + rfcSeed, Options{Encoding: Hex}, func(*Record) {}},
	}
	for _, tt := range tests {
		want := withSeed(base)
		tt.change(&want)
		want = withSeed(want)
		if rec := readText(t, tt.text, tt.o).only(t); !reflect.DeepEqual(rec, want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.name, rec, want)
		}
	}
}

func TestEntraRefusals(t *testing.T) {
	tests := []struct{ text, want string }{
		{entraHeading + ",FT1," + strings.Repeat("2A", 16), "both in Base32 and in hexadecimal"},
		{entraHeading + ",FT1," + rfcSeed, "not in Base32"},
		{entraHeading + ",FT1,2234567abcdef2234567abcd", "15 bytes"},
		{entraHeading + ",FT1,", "seed is missing"},
		{entraHeading + "a@example.org,," + base32Of20, "serial number is missing"},
		{entraHeading + ",FT1," + base32Of20 + ",45", "period"},
		{entraHeading + ",FT1," + base32Of20 + ",30,m,m,more", "more columns"},
		{entraHeading + ",2.6E+12," + base32Of20, "spreadsheet"},
		{entraHeading + `,"FT1,` + base32Of20, "not closed"},
		{"serial number,secret key,drift\nFT1," + base32Of20 + ",3", "column 3 has a name that is not known"},
		{"serial number,secret key,secret  key\nFT1," + base32Of20 + ",3", "same name"},
		{"serial number,secret key,digits\nFT1," + base32Of20 + ",5", "length"},
		{"serial number,secret key,hash function\nFT1," + base32Of20 + ",md5", "hash function"},
		{"serial number,secret key\nFT1," + base32Of20 + base32Of20[:19] + "A", "which hash function"},
	}
	for _, tt := range tests {
		got := readText(t, tt.text, Options{}).refusal(t)
		if !strings.Contains(got, tt.want) {
			t.Errorf("%q\n got %s\nwant %s", tt.text, got, tt.want)
		}
		checkHidden(t, got)
	}
	for _, text := range []string{"FT1," + base32Of20, `"FT1`} {
		if got := readText(t, text, Options{Format: Entra}).refusal(t); !strings.HasPrefix(got, "line 1: ") {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

// What Microsoft's own documentation shows as a secret key has too few digits
// to be a seed in hexadecimal: nothing is ambiguous about it.
func TestEntraSeedOfTheDocumentation(t *testing.T) {
	rec := readText(t, entraHeading+"Helga@contoso.com,1234567,2234567abcdef2234567abcdef,60,Contoso,HardwareKey", Options{}).only(t)
	if len(rec.Generator.Seed) != 16 {
		t.Errorf("the seed has %d bytes, want 16", len(rec.Generator.Seed))
	}
}

func TestYubicoLog(t *testing.T) {
	text := "LOGGING START,11.12.13 18:55\n" +
		"OATH-HOTP,11.12.13 18:55,1,ubhe00000001,," + rfcSeed + ",,,0,0,0,8,16,0,0,0,0,0\n"
	want := withSeed(Record{Line: 2, Format: YubicoLog, Serial: "ubhe00000001", Manufacturer: "Yubico", Counter: 16, Generator: hotp(8, otp.SHA1)})
	if rec := readText(t, text, Options{}).only(t); !reflect.DeepEqual(rec, want) {
		t.Errorf("got %+v\nwant %+v", rec, want)
	}
	for line, want := range map[string]string{
		"OATH-HOTP,11.12.13 19:01,1,,," + rfcSeed + ",,,0,0,0,6,0":                   "no public identity",
		"OATH-HOTP,11.12.13 19:01,1,cccc":                                            "seed is missing",
		"OATH-HOTP,11.12.13 19:01,1,cc cc,," + rfcSeed:                               "characters that no key shows",
		"OATH-HOTP,11.12.13 19:01,1,cccc,," + rfcSeed + ",,,0,0,0,0,0":               "length",
		"OATH-HOTP,11.12.13 19:01,1,cccc,," + rfcSeed + ",,,0,0,0,6,x":               "counter",
		`OATH-HOTP,"11.12.13`:                                                        "not closed",
		"Yubico OTP,11.12.13 18:58,1,cccc,0011," + rfcSeed[:32] + ",,,0,0,0,0":       "another function",
		"Static Password: Scan Code,17.04.12 12:25,1,0512,,,,,0,0,0,0,0":             "another function",
		"Challenge-Response: HMAC-SHA1,17.04.12,1,,," + rfcSeed + ",,,0,0,0,0,0,0,0": "another function",
	} {
		got := readText(t, line, Options{Format: YubicoLog}).refusal(t)
		if !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
		checkHidden(t, got)
	}
}

func TestYubico(t *testing.T) {
	text := "508326,,0," + rfcSeed + ",,2013-12-12T08:41:07,\n"
	want := withSeed(Record{Line: 1, Format: Yubico, Serial: "508326", Manufacturer: "Yubico", Generator: hotp(8, otp.SHA1)})
	if rec := readText(t, text, Options{Digits: 8}).only(t); !reflect.DeepEqual(rec, want) {
		t.Errorf("got %+v\nwant %+v", rec, want)
	}
	for line, want := range map[string]string{
		"508326,cccccccccccc,83cebdfb7b93," + rfcSeed[:32] + ",,2013-12-12T08:43:17,": "another function",
		"508326,,," + rfcSeed[:32] + ",,2013-12-12T08:44:34,":                         "another function",
		"508326,,0," + rfcSeed:                      "columns of this format",
		",,0," + rfcSeed + ",,2013-12-12T08:44:34,": "serial number is missing",
		"508326,,0,,,2013-12-12T08:44:34,":          "seed is missing",
		`508326,"`:                                  "not closed",
	} {
		got := readText(t, line, Options{Format: Yubico}).refusal(t)
		if !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
		checkHidden(t, got)
	}
}

func TestOTPAuth(t *testing.T) {
	tests := []struct {
		uri             string
		serial, account string
		want            otp.Generator
		counter         otp.Step
	}{
		{"otpauth://totp/alice@example.org?secret=" + base32Of20, "alice@example.org", "alice@example.org", totp(6, 30, otp.SHA1), 0},
		{"OTPAUTH://TOTP/alice?SECRET=" + strings.ToLower(base32Of20), "alice", "alice", totp(6, 30, otp.SHA1), 0},
		{"otpauth://totp/Mon%20rectorat:%20alice?secret=" + base32Of20 + "&issuer=Mon%20rectorat&period=60&digits=8&algorithm=SHA512", "alice", "alice", totp(8, 60, otp.SHA512), 0},
		{"otpauth://totp/ACME%3Aalice?secret=" + base32Of20 + "&algorithm=HmacSHA256", "alice", "alice", totp(6, 30, otp.SHA256), 0},
		{"otpauth://hotp/alice?secret=" + base32Of20 + "&counter=0", "alice", "alice", hotp(6, otp.SHA1), 0},
		{"otpauth://hotp/ACME:alice?counter=7&secret=" + base32Of20 + "&serial=OATH0001", "OATH0001", "alice", hotp(6, otp.SHA1), 7},
		{"otpauth://totp/?serial=FT1&secret=" + base32Of20 + "====", "FT1", "", totp(6, 30, otp.SHA1), 0},
	}
	for _, tt := range tests {
		want := withSeed(Record{Line: 1, Format: OTPAuth, Serial: tt.serial, Holder: tt.account, Generator: tt.want, Counter: tt.counter})
		if rec := readText(t, tt.uri, Options{}).only(t); !reflect.DeepEqual(rec, want) {
			t.Errorf("%s\n got %+v\nwant %+v", tt.uri, rec, want)
		}
	}
}

func TestOTPAuthRefusals(t *testing.T) {
	const good = "otpauth://totp/alice?secret=" + base32Of20
	for uri, want := range map[string]string{
		good + "&digits=1":                                    "length",
		good + "&period=0":                                    "period",
		good + "&period=300":                                  "period",
		good + "&algorithm=MD5":                               "hash function",
		good + "&digits=8&digits=6":                           "twice",
		good + "&digits=8&Digits=6":                           "twice",
		good + "&2step_salt=8":                                `not known, "2step_salt"`,
		good + "&encoder=steam":                               `not known, "encoder"`,
		good + "&issuer=%zz":                                  "cannot be read",
		good + ";digits=8":                                    "cannot be read",
		good + "#fragment":                                    "not an otpauth:// URI",
		"otpauth:totp/alice":                                  "not an otpauth:// URI",
		"otpauth://user@totp/alice?secret=GEZDGNBV":           "not an otpauth:// URI",
		"otpauth://totp:80/alice?secret=" + base32Of20:        "algorithm",
		"otpauth:///alice?secret=" + base32Of20:               "algorithm",
		"otpauth://yaotp/alice?secret=" + base32Of20:          "algorithm",
		"otpauth://hotp/alice?secret=" + base32Of20:           "has no counter",
		"otpauth://hotp/alice?counter=x&secret=" + base32Of20: "counter",
		"otpauth://totp/alice?secret=GEZDGNBV":                "5 bytes",
		"otpauth://totp/alice?secret=0189":                    "not in Base32",
		"otpauth://totp/alice":                                "seed is missing",
		"otpauth://totp/?secret=" + base32Of20:                "serial number is missing",
		"otpauth://totp/ACME:%3Cscript%3Ealert(1)%3C%2Fscript%3E?secret=" + base32Of20:      "characters that no key shows",
		"otpauth://totp/" + base32Of20 + "?secret=" + base32Of20:                            "columns are in another order",
		"otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8SGEV4YW1wbGU6YWxpY2VAZ29vZ2xl": "not an otpauth:// URI",
	} {
		got := readText(t, uri, Options{Format: OTPAuth}).refusal(t)
		if !strings.HasPrefix(got, "line 1") || !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", uri, got, want)
		}
		checkHidden(t, got)
	}
}

// Any issuer and account, percent-encoded, leave the account.
func TestOTPAuthLabels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		issuer := rapid.StringMatching(`[^:\x00-\x1f]{0,20}`).Draw(t, "issuer")
		account := rapid.StringMatching(`[a-z][a-z0-9._@+/-]{0,20}`).Draw(t, "account")
		colon := rapid.SampledFrom([]string{":", "%3A", "%3a", ":%20"}).Draw(t, "colon")
		uri := fmt.Sprintf("otpauth://totp/%s%s%s?secret=%s", url.PathEscape(issuer), colon, url.PathEscape(account), base32Of20)
		for rec, err := range Read(strings.NewReader(uri), Options{}) {
			if err != nil || rec.Serial != account {
				t.Fatalf("%s: got %q, error %v", uri, rec.Serial, err)
			}
		}
	})
}

func FuzzEntra(f *testing.F) {
	f.Add(entraHeading+"a@example.org,FT1,"+base32Of20+",60,Contoso,Key\n,FT2,"+strings.Repeat("2A", 16), uint8(0))
	f.Add("Serial Number;secret key;digits;hash function\r\n\"FT1\";"+rfcSeed+";8;sha512", uint8(Hex))
	f.Add("serial number,secret key,secret key\n", uint8(0))
	f.Fuzz(func(t *testing.T, text string, e uint8) {
		checkRead(t, text, Options{Format: Entra, Encoding: Encoding(e % 3)})
	})
}

func FuzzYubico(f *testing.F) {
	f.Add("LOGGING START,11.12.13 18:55\nOATH-HOTP,11.12.13 18:55,1,cccccccccccc,,"+rfcSeed+",,,0,0,0,6,0,0,0,0,0,0", true)
	f.Add("508326,,0,"+rfcSeed+",,2013-12-12T08:41:07,\n508326,,,"+rfcSeed+",,2013-12-12T08:41:07,", false)
	f.Fuzz(func(t *testing.T, text string, log bool) {
		o := Options{Format: Yubico}
		if log {
			o.Format = YubicoLog
		}
		checkRead(t, text, o)
	})
}

func FuzzOTPAuth(f *testing.F) {
	f.Add("otpauth://totp/ACME%3Aalice?secret=" + base32Of20 + "&algorithm=SHA256&digits=8&period=60&issuer=ACME")
	f.Add("otpauth://hotp/alice?secret=" + base32Of20 + "&counter=0\notpauth://totp/alice?secret=" + base32Of20)
	f.Add("otpauth://hotp/%zz?&&==;")
	f.Fuzz(func(t *testing.T, text string) {
		checkRead(t, text, Options{Format: OTPAuth})
	})
}

// Whatever a file is taken for, the rules of every file hold.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"FT1," + rfcSeed + "\n", entraHeading + ",FT1," + base32Of20, "508326,,0," + rfcSeed + ",,2013-12-12T08:41:07,",
		"LOGGING START\nOATH-HOTP,,1,cccc,," + rfcSeed, "otpauth://totp/alice?secret=" + base32Of20, "\xfe\xff\x00F\x00T\x001",
	} {
		f.Add(text)
	}
	for _, name := range []string{"b1.sdtid", "rfc6030-figure5.pskc", "rfc6030-figure10.pskc"} {
		f.Add(testdata(f, name))
	}
	f.Add(safeNet(fmt.Sprintf(safeNetToken, "FT1", rfcSeed, "1")))
	f.Fuzz(func(t *testing.T, text string) { checkRead(t, text, Options{}) })
}
