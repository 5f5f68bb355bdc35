package keyfile

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// The bounds of a key derivation, RFC 6030 section 6.2.
const (
	maxIterations = 10_000_000 // a few seconds of work
	maxSalt       = 1024       // bytes
)

// minMACKey is the shortest key of a MAC, in bytes. Nothing proves that key
// itself, so that one that anybody can guess must not come out of it.
const minMACKey = 16

// ParsePreSharedKey reads an AES key of 16, 24 or 32 bytes as people are given
// one: in hexadecimal digits, white space between them. Its error shows nothing
// of the key.
func ParsePreSharedKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errors.New("a pre-shared key is written in hexadecimal digits, an even number of them")
	}
	return key, checkKey(key)
}

func checkKey(key []byte) error {
	if n := len(key); n != 16 && n != 24 && n != 32 {
		return fmt.Errorf("the pre-shared key has %d bytes: an AES key has 16, 24 or 32", n)
	}
	return nil
}

// pskcCrypt opens the encrypted values of one container. Its first error stays:
// what cannot be proved refuses the file.
type pskcCrypt struct {
	o           Options
	key         *element // EncryptionKey
	mac         *element // MACMethod
	err         error
	encryption  []byte // the key, once it was needed
	integrity   []byte // the MAC's, once it was needed
	integrityOf func() hash.Hash
	proved      bool // a MAC agreed: key and password are right
}

// declare takes an element that stands before the keys.
func (c *pskcCrypt) declare(e *element) error {
	place := &c.key
	if e.name.Local == "MACMethod" {
		place = &c.mac
	}
	if *place != nil {
		return fmt.Errorf("line %d: there are two elements %s", e.line, e.name.Local)
	}
	*place = e
	return nil
}

// open proves and decrypts an EncryptedValue. The MAC is compared before anything
// is decrypted, in constant time.
func (c *pskcCrypt) open(box *element, valueMAC string) ([]byte, error) {
	plain, err := c.openValue(box, valueMAC)
	if err != nil && c.err == nil {
		c.err = err
	}
	return plain, err
}

func (c *pskcCrypt) openValue(box *element, valueMAC string) ([]byte, error) {
	if err := c.unlock(); err != nil {
		return nil, err
	}
	method, text, err := c.parse(box)
	switch {
	case err != nil:
		return nil, err
	case c.mac == nil && method.wrap:
		return c.proveWrapped(method, text)
	case c.mac == nil:
		return nil, errors.New("the values are encrypted but nothing proves that they were not altered (there is no MACMethod): ask the supplier for a file with one")
	case valueMAC == "":
		return nil, errors.New("an encrypted value has no MAC (ValueMAC), though the file says that all have one: ask the supplier for another file")
	}
	return c.prove(method, text, valueMAC)
}

// prove checks the MAC of a value and decrypts it. The MAC is over the
// ciphertext, RFC 6030 section 6.1.1; some wrote it over what was encrypted,
// which is looked at last and proves as much.
func (c *pskcCrypt) prove(method pskcMethod, text []byte, valueMAC string) ([]byte, error) {
	given, err := base64Of(valueMAC)
	if err != nil {
		return nil, c.unproved()
	}
	overText := hmac.Equal(c.sum(text), given)
	plain, err := c.decrypt(method, text)
	if err != nil || !overText && !hmac.Equal(c.sum(plain), given) {
		return nil, c.unproved()
	}
	c.proved = true
	return plain, nil
}

// proveWrapped decrypts a value that AES key wrap proves by itself.
func (c *pskcCrypt) proveWrapped(method pskcMethod, text []byte) ([]byte, error) {
	plain, err := c.decrypt(method, text)
	if err != nil {
		return nil, c.unproved()
	}
	c.proved = true
	return plain, nil
}

func (c *pskcCrypt) sum(text []byte) []byte {
	mac := hmac.New(c.integrityOf, c.integrity)
	mac.Write(text)
	return mac.Sum(nil)
}

// unproved says what a MAC that does not agree means, whatever did not agree.
func (c *pskcCrypt) unproved() error {
	if c.proved {
		return errAltered
	}
	return fmt.Errorf("%w; or the file is damaged, or was altered", ErrPassword)
}

// unlock gets the keys of the container when the first encrypted value comes.
func (c *pskcCrypt) unlock() (err error) {
	if c.encryption != nil || c.err != nil {
		return c.err
	}
	if c.encryption, err = c.encryptionKey(); err != nil || c.mac == nil {
		return err
	}
	if c.integrityOf, err = pskcHMAC(c.mac.attr("Algorithm")); err != nil {
		return err
	}
	box := c.mac.find("MACKey")
	if box == nil { // a draft took the one key for both
		c.integrity = c.encryption
		return nil
	}
	method, text, err := c.parse(box)
	if err != nil {
		return err
	}
	if c.integrity, err = c.decrypt(method, text); err != nil || len(c.integrity) < minMACKey {
		return c.unproved()
	}
	return nil
}

// encryptionKey asks for the secret that the container names.
func (c *pskcCrypt) encryptionKey() ([]byte, error) {
	if derived := c.key.find("DerivedKey"); derived != nil {
		return c.derive(derived)
	}
	if c.key != nil {
		for _, e := range c.key.children {
			if e.name.Local != "KeyName" {
				return nil, errors.New("the file is encrypted for a certificate or in another way that is not supported: ask for one with a password or a pre-shared key")
			}
		}
	}
	if c.o.PreSharedKey == nil {
		return nil, ErrKeyWanted
	}
	key, err := c.o.PreSharedKey()
	if err != nil {
		return nil, err
	}
	return key, checkKey(key)
}

// derive derives the key from the password: PBKDF2 as PKCS #5 has it, RFC 6030
// section 6.2.
func (c *pskcCrypt) derive(e *element) ([]byte, error) {
	method := e.find("KeyDerivationMethod")
	if !strings.HasSuffix(method.attr("Algorithm"), "#pbkdf2") {
		return nil, errors.New("the key of the file is derived in another way than PBKDF2: this is not supported")
	}
	params := method.find("PBKDF2-params")
	salt, err := base64Of(params.value("Salt", "Specified"))
	if err != nil || len(salt) == 0 || len(salt) > maxSalt {
		return nil, fmt.Errorf("the salt of the key derivation is missing or not base64 of at most %d bytes", maxSalt)
	}
	iterations, err := strconv.Atoi(params.value("IterationCount"))
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, fmt.Errorf("the iteration count of the key derivation is not a number from 1 to %d", maxIterations)
	}
	length, known := aesKeys[cmp.Or(params.value("KeyLength"), "16")]
	if !known {
		return nil, errors.New("the length of the derived key is none that AES has: 16, 24 or 32 bytes")
	}
	prf, err := pskcHMAC(cmp.Or(params.find("PRF").attr("Algorithm"), "#hmac-sha1"))
	if err != nil {
		return nil, err
	}
	if c.o.Password == nil {
		return nil, ErrPasswordWanted
	}
	password, err := c.o.Password()
	if err != nil {
		return nil, err
	}
	return pbkdf2.Key(prf, string(password), salt, iterations, length)
}

// aesKeys are the lengths of AES keys, in bytes, by their text.
var aesKeys = map[string]int{"16": 16, "24": 24, "32": 32}

// pskcHMAC gives the hash function of an HMAC by the last part of its name.
func pskcHMAC(algorithm string) (func() hash.Hash, error) {
	switch algorithm[strings.LastIndexByte(algorithm, '#')+1:] {
	case "hmac-sha1":
		return sha1.New, nil
	case "hmac-sha224":
		return sha256.New224, nil
	case "hmac-sha256":
		return sha256.New, nil
	case "hmac-sha384":
		return sha512.New384, nil
	case "hmac-sha512":
		return sha512.New, nil
	}
	return nil, errors.New("a MAC of the file is of a kind that is not supported: HMAC with SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512 are")
}

// pskcMethod is a way of encryption.
type pskcMethod struct {
	key  int // bytes
	wrap bool
}

// pskcMethods are the ways of encryption by the last part of their names.
var pskcMethods = map[string]pskcMethod{
	"aes128-cbc": {16, false}, "aes192-cbc": {24, false}, "aes256-cbc": {32, false},
	"kw-aes128": {16, true}, "kw-aes192": {24, true}, "kw-aes256": {32, true},
}

// parse gives the method and the ciphertext of an encrypted element.
func (c *pskcCrypt) parse(box *element) (pskcMethod, []byte, error) {
	name := box.find("EncryptionMethod").attr("Algorithm")
	method, known := pskcMethods[name[strings.LastIndexByte(name, '#')+1:]]
	if !known {
		return method, nil, errors.New("a value is encrypted in a way that is not supported: AES-CBC and AES key wrap are")
	}
	if method.key != len(c.encryption) {
		return method, nil, fmt.Errorf("the key has %d bytes, but the file is encrypted with one of %d", len(c.encryption), method.key)
	}
	text, err := base64Of(box.value("CipherData", "CipherValue"))
	if err != nil {
		return method, nil, errors.New("an encrypted value is not whole base64: characters are missing or wrong")
	}
	return method, text, nil
}

var errCiphertext = errors.New("keyfile: the ciphertext does not decrypt")

// decrypt decrypts a ciphertext. Its one error says nothing of the reason.
func (c *pskcCrypt) decrypt(method pskcMethod, text []byte) ([]byte, error) {
	b, err := aes.NewCipher(c.encryption)
	if err != nil {
		return nil, err
	}
	if method.wrap {
		return unwrap(b, text)
	}
	if len(text) < 2*aes.BlockSize || len(text)%aes.BlockSize != 0 {
		return nil, errCiphertext
	}
	plain := make([]byte, len(text)-aes.BlockSize)
	cipher.NewCBCDecrypter(b, text[:aes.BlockSize]).CryptBlocks(plain, text[aes.BlockSize:])
	// XML Encryption section 5.2 pads with any bytes and the number of them.
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, errCiphertext
	}
	return plain[:len(plain)-pad], nil
}

// unwrap undoes AES key wrap, RFC 3394 section 2.2.2.
func unwrap(b cipher.Block, text []byte) ([]byte, error) {
	n := len(text)/8 - 1
	if len(text)%8 != 0 || n < 2 {
		return nil, errCiphertext
	}
	var in, out block
	copy(in[:8], text)
	plain := append([]byte(nil), text[8:]...)
	for t := 6 * n; t >= 1; t-- {
		at := 8 * ((t - 1) % n)
		for i, s := 0, t; s > 0; i, s = i+1, s>>8 {
			in[7-i] ^= byte(s)
		}
		copy(in[8:], plain[at:at+8])
		b.Decrypt(out[:], in[:])
		copy(in[:8], out[:8])
		copy(plain[at:], out[8:])
	}
	if !hmac.Equal(in[:8], []byte("\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6")) {
		return nil, errCiphertext
	}
	return plain, nil
}
