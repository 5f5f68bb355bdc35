package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strings"
	"testing"
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

func pskcPackages(s sealed, keys int) io.Reader {
	return io.MultiReader(strings.NewReader(s.head()), &generated{keys: keys, entry: func(w io.Writer, i int) {
		io.WriteString(w, s.keyPackage(fmt.Sprintf("26002157%06d", i)))
	}}, strings.NewReader("</KeyContainer>"))
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
