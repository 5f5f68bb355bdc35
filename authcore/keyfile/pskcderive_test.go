package keyfile

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strings"
	"testing"
)

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
