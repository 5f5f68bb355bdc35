package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

const (
	xenc     = "http://www.w3.org/2001/04/xmlenc#"
	hmacSHA1 = "http://www.w3.org/2000/09/xmldsig#hmac-sha1"
)

// sealed writes encrypted containers, as a supplier does.
type sealed struct {
	key       []byte
	about     string // in EncryptionKey
	cipher    string // aes128-cbc
	mac       string // its Algorithm, "" for no MACMethod
	hash      func() hash.Hash
	macKey    []byte // nil for none
	macPlain  bool   // over what was encrypted
	noValue   bool   // without a ValueMAC
	seed      []byte
	algorithm string
	more      string // more data items
}

func aes128() sealed {
	return sealed{key: []byte("0123456789abcdef"), cipher: "aes128-cbc", mac: hmacSHA1, hash: sha1.New,
		macKey: []byte("a key for the MACs.."), seed: []byte("12345678901234567890"), algorithm: "hotp"}
}

func (s sealed) options() Options {
	return Options{PreSharedKey: func() ([]byte, error) { return s.key, nil }}
}

// encrypt gives a ciphertext in CBC mode with the padding of XML Encryption.
func (s sealed) encrypt(plain []byte) []byte {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(bytes.Clone(plain), bytes.Repeat([]byte{0xff}, pad)...)
	padded[len(padded)-1] = byte(pad)
	out := append([]byte("an initial value"), padded...)
	cipher.NewCBCEncrypter(must(aes.NewCipher(s.key)), out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], padded)
	return out
}

func (s sealed) box(name string, text []byte) string {
	return fmt.Sprintf(`<%s><xenc:EncryptionMethod Algorithm="%s%s"/><xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData></%s>`,
		name, xenc, s.cipher, base64.StdEncoding.EncodeToString(text), name)
}

// value gives a data item, encrypted.
func (s sealed) value(plain []byte) string {
	text := s.encrypt(plain)
	out := s.box("EncryptedValue", text)
	if s.mac == "" || s.noValue {
		return out
	}
	key, over := s.macKey, text
	if key == nil {
		key = s.key
	}
	if s.macPlain {
		over = plain
	}
	mac := hmac.New(s.hash, key)
	mac.Write(over)
	return out + "<ValueMAC>" + base64.StdEncoding.EncodeToString(mac.Sum(nil)) + "</ValueMAC>"
}

func (s sealed) head() string {
	macMethod := ""
	switch {
	case s.mac != "" && s.macKey != nil:
		macMethod = `<MACMethod Algorithm="` + s.mac + `">` + s.box("MACKey", s.encrypt(s.macKey)) + "</MACMethod>\n"
	case s.mac != "":
		macMethod = `<MACMethod Algorithm="` + s.mac + `"/>` + "\n"
	}
	return `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:xenc="` + xenc + `">` + "\n" +
		"<EncryptionKey>" + s.about + "</EncryptionKey>\n" + macMethod
}

func (s sealed) keyPackage(serial string) string {
	return fmt.Sprintf("<KeyPackage><DeviceInfo><SerialNo>%s</SerialNo></DeviceInfo><Key Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:%s\"><Data><Secret>%s</Secret>%s</Data></Key></KeyPackage>\n",
		serial, s.algorithm, s.value(s.seed), s.more)
}

func (s sealed) String() string {
	return s.head() + s.keyPackage("FT1") + s.keyPackage("FT2") + "</KeyContainer>"
}

func TestPSKCEncryption(t *testing.T) {
	const more = "http://www.w3.org/2001/04/xmldsig-more#"
	for name, change := range map[string]func(*sealed){
		"AES-128":           func(*sealed) {},
		"key name":          func(s *sealed) { s.about = "<KeyName>Pre-shared-key</KeyName>" },
		"AES-192":           func(s *sealed) { s.key, s.cipher = []byte("0123456789abcdef01234567"), "aes192-cbc" },
		"AES-256":           func(s *sealed) { s.key, s.cipher = []byte("0123456789abcdef0123456789abcdef"), "aes256-cbc" },
		"HMAC-SHA256":       func(s *sealed) { s.mac, s.hash = more+"hmac-sha256", sha256.New },
		"HMAC-SHA224":       func(s *sealed) { s.mac, s.hash = more+"hmac-sha224", sha256.New224 },
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

const xenc11 = "http://www.w3.org/2009/xmlenc11#"

// derived gives a container with a password, of which parts are others.
func derived(t testing.TB, password string, prf func() hash.Hash, changes ...string) string {
	t.Helper()
	s := aes128()
	s.key = must(pbkdf2.Key(prf, password, []byte("salt salt"), 4096, 16))
	s.about = strings.NewReplacer(changes...).Replace(`<DerivedKey xmlns="` + xenc11 + `"><KeyDerivationMethod Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2">` +
		`<PBKDF2-params><Salt><Specified>c2FsdCBzYWx0</Specified></Salt><IterationCount>4096</IterationCount><KeyLength>16</KeyLength><PRF/></PBKDF2-params></KeyDerivationMethod></DerivedKey>`)
	return s.String()
}

func TestPSKCPasswords(t *testing.T) {
	for name, text := range map[string]string{
		"RFC 6030":       derived(t, "été", sha1.New),
		"no length":      derived(t, "été", sha1.New, "<KeyLength>16</KeyLength>", ""),
		"no PRF":         derived(t, "été", sha1.New, "<PRF/>", ""),
		"PRF named":      derived(t, "été", sha1.New, "<PRF/>", `<PRF Algorithm="`+hmacSHA1+`"/>`),
		"SHA-256":        derived(t, "été", sha256.New, "<PRF/>", `<PRF Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>`),
		"XML Encryption": derived(t, "été", sha1.New, "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2", xenc11+"pbkdf2"),
		"white space":    derived(t, "été", sha1.New, "4096", "\n4096 "),
	} {
		asked := 0
		out := readText(t, text, Options{Password: func() ([]byte, error) { asked++; return []byte("été"), nil }})
		if len(out.records) != 2 || out.err != nil || asked != 1 {
			t.Errorf("%s: asked %d times, got %+v", name, asked, out)
		}
		for _, wrong := range []string{"", "ete", "été "} {
			if out := readText(t, text, Options{Password: password(wrong)}); !errors.Is(out.err, ErrPassword) || len(out.records) != 0 {
				t.Errorf("%s, password %q: got %+v", name, wrong, out)
			}
		}
	}
}

func TestPSKCDerivationRefused(t *testing.T) {
	for name, tt := range map[string]struct{ from, to, want string }{
		"rounds":       {"4096", "1000000000", "iteration count"},
		"cap":          {"4096", "10000001", "iteration count"},
		"overflow":     {"4096", "99999999999999999999", "iteration count"},
		"no rounds":    {"4096", "0", "iteration count"},
		"negative":     {"4096", "-1", "iteration count"},
		"missing":      {"4096", "", "iteration count"},
		"length":       {"<KeyLength>16", "<KeyLength>2147483648", "length of the derived key"},
		"length 20":    {"<KeyLength>16", "<KeyLength>20", "length of the derived key"},
		"salt":         {"c2FsdCBzYWx0", "", "salt"},
		"salt, base64": {"c2FsdCBzYWx0", "c2FsdCBzYWx", "salt"},
		"salt, long":   {"c2FsdCBzYWx0", strings.Repeat("AAAA", 400), "salt"},
		"PRF":          {"<PRF/>", `<PRF Algorithm="x#hmac-md5"/>`, "MAC of the file is of a kind"},
		"method":       {"#pbkdf2", "#ConcatKDF", "another way than PBKDF2"},
		"no method":    {"KeyDerivationMethod", "X", "another way than PBKDF2"},
	} {
		asked := false
		o := Options{Password: func() ([]byte, error) { asked = true; return nil, nil }}
		out := readText(t, derived(t, "x", sha1.New, tt.from, tt.to), o)
		if out.err == nil || !strings.Contains(out.err.Error(), tt.want) || !strings.HasPrefix(out.err.Error(), "line ") || asked {
			t.Errorf("%s: asked %v, got %+v, want %s", name, asked, out, tt.want)
		}
	}
	if out := readText(t, derived(t, "x", sha1.New), Options{}); !errors.Is(out.err, ErrPasswordWanted) {
		t.Errorf("no password: got %+v", out)
	}
	if out := readText(t, derived(t, "x", sha1.New), Options{Password: func() ([]byte, error) { return nil, io.ErrClosedPipe }}); !errors.Is(out.err, io.ErrClosedPipe) {
		t.Errorf("the asker's error: got %+v", out)
	}
}

func pskcPackages(s sealed, keys int) io.Reader {
	return io.MultiReader(strings.NewReader(s.head()), &generated{keys: keys, entry: func(w io.Writer, i int) {
		io.WriteString(w, s.keyPackage(fmt.Sprintf("26002157%06d", i)))
	}}, strings.NewReader("</KeyContainer>"))
}

func TestMemoryIsFlatForXML(t *testing.T) {
	const keys, bound = 5000, 8 << 20
	s := aes128()
	read, most := peak(t, pskcPackages(s, keys), s.options())
	if read != keys || most > bound {
		t.Errorf("%d keys took %d KiB, want %d keys in %d", read, most>>10, keys, bound>>10)
	}
	t.Logf("%d keys took at most %d KiB", read, most>>10)
}

func BenchmarkReadPSKC(b *testing.B) {
	s := aes128()
	b.Run("encrypted-100k", func(b *testing.B) {
		for b.Loop() {
			if keys, _ := peak(b, pskcPackages(s, 100_000), s.options()); keys != 100_000 {
				b.Fatal(keys)
			}
		}
	})
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
