package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

func TestPSKCEncryption(t *testing.T) {
	const more = "http://www.w3.org/2001/04/xmldsig-more#"
	for name, change := range map[string]func(*sealed){
		"AES-128":           func(*sealed) {},
		"key name":          func(s *sealed) { s.about = "<KeyName>Pre-shared-key</KeyName>" },
		"AES-192":           func(s *sealed) { s.key, s.cipher = []byte("0123456789abcdef01234567"), "aes192-cbc" },
		"AES-256":           func(s *sealed) { s.key, s.cipher = []byte("0123456789abcdef0123456789abcdef"), "aes256-cbc" },
		"HMAC-SHA256":       func(s *sealed) { s.mac, s.hash = more+"hmac-sha256", sha256.New },
		"HMAC-SHA224":       func(s *sealed) { s.mac, s.hash = more+"hmac-sha224", sha256.New224 },
		"HMAC-SHA384":       func(s *sealed) { s.mac, s.hash = more+"hmac-sha384", sha512.New384 },
		"HMAC-SHA512":       func(s *sealed) { s.mac, s.hash = more+"hmac-sha512", sha512.New },
		"SHA-1, wrong URI":  func(s *sealed) { s.mac = more + "hmac-sha1" },
		"no MAC key":        func(s *sealed) { s.macKey = nil },
		"MAC of plain text": func(s *sealed) { s.macPlain = true },
		"seed of 16 bytes":  func(s *sealed) { s.seed = s.seed[:16] },
		"seed of 64 bytes":  func(s *sealed) { s.seed = bytes.Repeat([]byte("abcd"), 16) },
	} {
		s := aes128()
		change(&s)
		asked := 0
		out := readText(t, s.String(), Options{PreSharedKey: func() ([]byte, error) { asked++; return s.key, nil }})
		if len(out.records) != 2 || len(out.problems) != 0 || out.err != nil || asked != 1 {
			t.Errorf("%s: asked %d times, got %+v", name, asked, out)
			continue
		}
		if !bytes.Equal(out.records[1].Generator.Seed, s.seed) {
			t.Errorf("%s: the seed is another", name)
		}
	}
}

func TestPSKCEncryptedNumbers(t *testing.T) {
	tests := []struct {
		value []byte
		want  otp.Step
	}{
		{[]byte("961392"), 961392}, {[]byte("1234"), 1234}, {[]byte("12345678"), 12345678}, {[]byte("0"), 0},
		{[]byte{0, 0, 0, 5}, 5}, {[]byte{0, 0x0e, 0xab, 0x70}, 961392}, {[]byte{0, 0, 0, 0, 0, 0, 1, 0}, 256},
	}
	for _, tt := range tests {
		s := aes128()
		s.more = "<Counter>" + s.value(tt.value) + "</Counter>"
		out := readText(t, s.String(), s.options())
		if len(out.records) != 2 || out.records[0].Counter != tt.want {
			t.Errorf("counter %x: got %+v, want %d", tt.value, out, tt.want)
		}
	}
	for value, want := range map[string]otp.Step{
		"-12": -12, "7": 7, "\xff\xff\xff\xfe": -2, "\x00\x00\x00\x03": 3, "\xff\xff\xff\xff\xff\xff\xff\xfd": -3,
	} {
		s := aes128()
		s.algorithm = "totp"
		s.more = "<TimeDrift>" + s.value([]byte(value)) + "</TimeDrift><TimeInterval>" + s.value([]byte{0, 0, 0, 60}) + "</TimeInterval>"
		out := readText(t, s.String(), s.options())
		if len(out.records) != 2 || out.records[0].Drift != want || out.records[0].Generator.Period.Seconds() != 60 {
			t.Errorf("drift %x: got %+v, want %d", value, out, want)
		}
	}
	for item, value := range map[string]string{"Counter": "\x01\x02\x03", "TimeDrift": "\x00\x01\x00\x00", "TimeInterval": "\x00\x00\x00\x2d"} {
		s := aes128()
		if item != "Counter" {
			s.algorithm = "totp"
		}
		s.more = "<" + item + ">" + s.value([]byte(value)) + "</" + item + ">"
		if out := readText(t, s.String(), s.options()); len(out.problems) != 2 || out.err != nil {
			t.Errorf("%s %x: got %+v", item, value, out)
		}
	}
}

// Everything that is not proved refuses the whole file, by a sentence with its
// line that does not tell a wrong padding from a wrong MAC.
func TestPSKCUnproved(t *testing.T) {
	wrongKey := func() ([]byte, error) { return []byte("fedcba9876543210"), nil }
	swap := func(part string) func(string) string {
		return func(text string) string {
			i := strings.Index(text, part) + len(part)
			c := byte('A')
			if text[i] == c {
				c = 'B'
			}
			return text[:i] + string(c) + text[i+1:]
		}
	}
	for name, tt := range map[string]struct {
		change func(*sealed)
		text   func(string) string
		ask    func() ([]byte, error)
		is     error
		want   string
	}{
		"wrong key":             {ask: wrongKey, is: ErrPassword},
		"wrong key, no MACKey":  {change: func(s *sealed) { s.macKey = nil }, ask: wrongKey, is: ErrPassword},
		"MAC changed":           {text: swap("<ValueMAC>"), is: ErrPassword},
		"MAC not base64":        {text: func(s string) string { return strings.Replace(s, "<ValueMAC>", "<ValueMAC>!", 1) }, is: ErrPassword},
		"MAC key changed":       {text: swap("<MACKey><xenc:EncryptionMethod Algorithm=\"" + xenc + "aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>"), is: ErrPassword},
		"short MAC key":         {change: func(s *sealed) { s.macKey = []byte("short") }, is: ErrPassword},
		"initial value changed": {text: swap("<EncryptedValue><xenc:EncryptionMethod Algorithm=\"" + xenc + "aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>"), is: ErrPassword},
		"second key changed": {text: func(s string) string {
			i := strings.LastIndex(s, "<ValueMAC>")
			return s[:i] + swap("<ValueMAC>")(s[i:])
		}, is: errAltered},
		"MAC left out":       {change: func(s *sealed) { s.noValue = true }, want: "has no MAC"},
		"MACMethod left out": {change: func(s *sealed) { s.mac = "" }, want: "nothing proves"},
		"another MAC":        {change: func(s *sealed) { s.mac = "http://www.w3.org/2001/04/xmldsig-more#hmac-md5" }, want: "MAC of the file is of a kind"},
		"another cipher":     {change: func(s *sealed) { s.cipher = "tripledes-cbc" }, want: "encrypted in a way that is not supported"},
		"longer key":         {change: func(s *sealed) { s.cipher = "aes256-cbc" }, want: "the key has 16 bytes"},
		"no method": {text: func(s string) string {
			return strings.ReplaceAll(s, "<xenc:EncryptionMethod", "<xenc:X")
		}, want: "encrypted in a way that is not supported"},
		"base64 cut": {text: func(s string) string {
			return strings.ReplaceAll(s, "</xenc:CipherValue></xenc:CipherData></EncryptedValue>", "A</xenc:CipherValue></xenc:CipherData></EncryptedValue>")
		}, want: "not whole base64"},
		"certificate":   {change: func(s *sealed) { s.about = "<X509Data/>" }, want: "for a certificate"},
		"key of 5":      {ask: func() ([]byte, error) { return []byte("12345"), nil }, want: "pre-shared key has 5 bytes"},
		"asker's error": {ask: func() ([]byte, error) { return nil, io.ErrClosedPipe }, is: io.ErrClosedPipe},
	} {
		s := aes128()
		if tt.change != nil {
			tt.change(&s)
		}
		text, o := s.String(), s.options()
		if tt.text != nil {
			text = tt.text(text)
		}
		if tt.ask != nil {
			o.PreSharedKey = tt.ask
		}
		out := readText(t, text, o)
		if out.err == nil || len(out.problems) != 0 || !strings.HasPrefix(out.err.Error(), "line ") ||
			!strings.Contains(out.err.Error(), tt.want) || tt.is != nil && !errors.Is(out.err, tt.is) {
			t.Errorf("%s: got %+v, want %v %s", name, out, tt.is, tt.want)
			continue
		}
		checkHidden(t, out.err.Error())
	}
}

// A ciphertext of any length but whole blocks, or with any last byte that is no
// padding, does not decrypt, and the one error says no more.
func TestPSKCPadding(t *testing.T) {
	s := aes128()
	c := pskcCrypt{encryption: s.key}
	block := must(aes.NewCipher(s.key))
	for last := range 256 {
		plain := bytes.Repeat([]byte{7}, 32)
		plain[31] = byte(last)
		text := append(make([]byte, 16), plain...)
		cipher.NewCBCEncrypter(block, text[:16]).CryptBlocks(text[16:], plain)
		got, err := c.decrypt(pskcMethods["aes128-cbc"], text)
		switch {
		case last >= 1 && last <= 16 && (err != nil || !bytes.Equal(got, plain[:32-last])):
			t.Errorf("padding of %d: got %x, error %v", last, got, err)
		case (last == 0 || last > 16) && !errors.Is(err, errCiphertext):
			t.Errorf("padding of %d: got %x, error %v", last, got, err)
		}
	}
	for n := range 64 {
		if _, err := c.decrypt(pskcMethods["aes128-cbc"], make([]byte, n)); (n < 32 || n%16 != 0) && !errors.Is(err, errCiphertext) {
			t.Errorf("%d bytes decrypt: %v", n, err)
		}
	}
}

// RFC 3394 section 4.
func TestAESKeyWrap(t *testing.T) {
	const key = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
	for _, tt := range []struct {
		bytes       int
		plain, text string
	}{
		{16, "00112233445566778899AABBCCDDEEFF", "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
		{24, "00112233445566778899AABBCCDDEEFF", "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"},
		{32, "00112233445566778899AABBCCDDEEFF", "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"},
		{24, "00112233445566778899AABBCCDDEEFF0001020304050607", "031D33264E15D33268F24EC260743EDCE1C6C7DDEE725A936BA814915C6762D2"},
		{32, "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F", "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"},
	} {
		b := must(aes.NewCipher(must(hex.DecodeString(key[:2*tt.bytes]))))
		text := must(hex.DecodeString(tt.text))
		plain, err := unwrap(b, text)
		if err != nil || !strings.EqualFold(hex.EncodeToString(plain), tt.plain) {
			t.Errorf("got %x, error %v, want %s", plain, err, tt.plain)
		}
		for i := range text {
			changed := bytes.Clone(text)
			changed[i] ^= 1
			if _, err := unwrap(b, changed); !errors.Is(err, errCiphertext) {
				t.Errorf("byte %d changed: got %v", i, err)
			}
		}
		for n := range len(text) {
			if _, err := unwrap(b, text[:n]); !errors.Is(err, errCiphertext) {
				t.Errorf("cut at byte %d: got %v", n, err)
			}
		}
	}
}

// A wrapped key proves itself: no MAC is needed, and none that is declared may
// be missing.
func TestPSKCKeyWrap(t *testing.T) {
	text := figure(t, 6)
	start, end := strings.Index(text, " <MACMethod"), strings.Index(text, " <KeyPackage>")
	text = text[:start] + text[end:]
	start, end = strings.Index(text, "<EncryptedValue>"), strings.Index(text, "</Secret>")
	box := `<EncryptedValue><xenc:EncryptionMethod Algorithm="` + xenc + `kw-aes128"/><xenc:CipherData><xenc:CipherValue>H6aLCoEStEeu80vY+1p7gp0+hiNx0s/l</xenc:CipherValue></xenc:CipherData></EncryptedValue>`
	text = text[:start] + box + text[end:]
	key := func(s string) Options {
		return Options{PreSharedKey: func() ([]byte, error) { return hex.DecodeString(s) }}
	}
	rec := readText(t, text, key("000102030405060708090A0B0C0D0E0F")).only(t)
	if got := hex.EncodeToString(rec.Generator.Seed); got != "00112233445566778899aabbccddeeff" {
		t.Error("the wrapped seed is another")
	}
	if out := readText(t, text, key("0F0102030405060708090A0B0C0D0E00")); !errors.Is(out.err, ErrPassword) {
		t.Errorf("wrong key: got %+v", out)
	}
}

func TestParsePreSharedKey(t *testing.T) {
	for text, want := range map[string]string{
		"12345678901234567890123456789012":                                 "12345678901234567890123456789012",
		" 1234 5678 90AB cdef\n12345678 90abcdef\n":                        "1234567890abcdef1234567890abcdef",
		"123456789012345678901234567890121234567890123456":                 "123456789012345678901234567890121234567890123456",
		"1234567890123456789012345678901212345678901234567890123456789012": "1234567890123456789012345678901212345678901234567890123456789012",
	} {
		if key, err := ParsePreSharedKey(text); err != nil || hex.EncodeToString(key) != want {
			t.Errorf("%q: got %x, error %v", text, key, err)
		}
	}
	for _, text := range []string{"", "qwerty", "123456789012345678901234567890121", "1234567890123456789012345678901234"} {
		if _, err := ParsePreSharedKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func FuzzPSKC(f *testing.F) {
	for n := 2; n <= 10; n++ {
		f.Add(figure(f, n))
	}
	s := aes128()
	s.more = "<Counter>" + s.value([]byte{0, 0, 0, 5}) + "</Counter>"
	f.Add(s.String())
	f.Add(pskcPlain("</StartDate>", `</StartDate><PINPolicy PINKeyId="2" MinLength="4"/>`, "</KeyPackage>", "</KeyPackage>"+pinPackage("2", "MTIzNA==")))
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "pbkdf2") && !strings.Contains(text, ">1000<") {
			return // a million rounds find nothing that a thousand do not
		}
		checkRead(t, text, Options{Format: PSKC, Password: password("qwerty"), PreSharedKey: preShared()})
	})
}
