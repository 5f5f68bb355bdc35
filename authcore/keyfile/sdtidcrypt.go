package keyfile

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

type block = [aes.BlockSize]byte

// The initial values of the chains: the AES key of FIPS 197 appendix B, and the
// first 128 bits of the square roots of 3 and of 2.
var (
	sdtidHeaderIV  = block{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c}
	sdtidTokenIV   = block{0x1b, 0xb6, 0x7a, 0xe8, 0x58, 0x4c, 0xaa, 0x73, 0xb2, 0x57, 0x42, 0xd7, 0x07, 0x8b, 0x83, 0xb8}
	sdtidEncryptIV = block{0x16, 0xa0, 0x9e, 0x66, 0x7f, 0x3b, 0xcc, 0x90, 0x8b, 0x2f, 0xb1, 0x36, 0x6e, 0xa9, 0x57, 0xd3}
)

// sdtidKeys are the keys that a password gives for one file.
type sdtidKeys struct {
	batch  block // from which those of each token come
	header block // of the header's MAC
}

// newSDTIDKeys derives the keys of a file from its header and a password.
func newSDTIDKeys(header *element, password string) (*sdtidKeys, error) {
	secret, err := base64Of(header.value("Secret"))
	if err != nil || len(secret) != aes.BlockSize {
		return nil, errors.New("the Secret of the TKNHeader is not 16 bytes in base64: the file is damaged")
	}
	name := header.value("Name")
	kek := sdtidPasswordKey(password, header.value("Dest"), name)
	batch := xor(block(secret), encrypt(kek, block(join(fit("Secret", 8), fit(name, 8)))))
	return &sdtidKeys{
		batch:  batch,
		header: cbcMAC(batch, sdtidHeaderIV, join(fit("BatchMAC", 32), fit(name, 32))),
	}, nil
}

// sdtidPasswordKey derives a key from a password: a thousand chains, of five
// blocks each.
func sdtidPasswordKey(password, dest, name string) (key block) {
	message := join(fit(password, 32), fit(dest, 32), make([]byte, 16))
	for i := range uint16(1000) {
		binary.BigEndian.PutUint16(message[78:], i)
		key = xor(key, cbcMAC(block(fit(name, 16)), block{}, message))
	}
	return key
}

// headerRight checks the MAC of the header.
func (k *sdtidKeys) headerRight(header *element) bool {
	return right(cbcMAC(k.header, sdtidHeaderIV, sdtidText(header)), header.value("HeaderMAC"))
}

// tokenRight checks the MAC of one token.
func (k *sdtidKeys) tokenRight(token *element) bool {
	key := cbcMAC(k.batch, sdtidTokenIV, join(fit("TokenMAC", 32), fit(token.value("SN"), 32)))
	return right(cbcMAC(key, sdtidTokenIV, sdtidText(token)), token.value("TokenMAC"))
}

// seed decrypts the seed of one token, which was proved before.
func (k *sdtidKeys) seed(token *element) ([]byte, error) {
	sn := token.value("SN")
	key := cbcMAC(k.batch, sdtidEncryptIV, join(fit("TokenEncrypt", 32), fit(sn, 32)))
	encrypted, err := base64Of(strings.TrimPrefix(token.value("Seed"), "="))
	if err != nil || len(encrypted) != aes.BlockSize {
		return nil, errors.New("the seed is not 16 bytes in base64: keys of the 128-bit AES kind have so many")
	}
	seed := xor(block(encrypted), encrypt(key, block(join(fit(sn, 8), fit("Seed", 8)))))
	if seed == (block{}) {
		return nil, errZeroSeed
	}
	return seed[:], nil
}

// sdtidText gives the text of a section that its MAC is over: a line for each
// element that has none in it, in their order, those left out whose name ends
// in MAC. Where the lines begin depends on what is before them.
func sdtidText(section *element) []byte {
	var text []byte
	end, pad := 0, 0
	section.leaves(section.name.Local, func(path string, leaf *element) {
		if name := leaf.name.Local; len(name) > 3 && strings.HasSuffix(name, "MAC") {
			return
		}
		line := path + " " + leaf.text + "\n"
		if leaf.text == "" {
			line = path + " </" + leaf.name.Local + ">\n"
		} else if len(line)+pad <= aes.BlockSize {
			end -= end % aes.BlockSize
		}
		if grow := end + len(line) + pad - len(text); grow > 0 {
			text = append(text, make([]byte, grow)...)
		}
		copy(text[end:], line)
		end += len(line)
		clear(text[end : end+pad])
		end += pad
		if pad = end % aes.BlockSize; pad == 0 {
			pad = aes.BlockSize
		}
	})
	return text[:end]
}

// leaves calls do for each element below e that has no elements in it, in the
// order of the file, with the names that lead to it.
func (e *element) leaves(path string, do func(path string, leaf *element)) {
	for _, child := range e.children {
		below := path + "." + child.name.Local
		if len(child.children) == 0 {
			do(below, child)
		} else {
			child.leaves(below, do)
		}
	}
}

// cbcMAC chains the blocks of a message, zeros added, from an initial value.
func cbcMAC(key, iv block, message []byte) block {
	c, err := aes.NewCipher(key[:])
	if err != nil {
		panic("keyfile: AES-128 refused a key of 16 bytes: " + err.Error()) // impossible by the type of key
	}
	chain := iv
	for len(message) > 0 {
		var next block
		message = message[copy(next[:], message):]
		chain = xor(chain, next)
		c.Encrypt(chain[:], chain[:])
	}
	return chain
}

// encrypt encrypts one block.
func encrypt(key, in block) block { return cbcMAC(key, block{}, in[:]) }

func xor(a, b block) (sum block) {
	subtle.XORBytes(sum[:], a[:], b[:])
	return sum
}

// fit gives the bytes of s, cut or filled with zeros to n.
func fit(s string, n int) []byte {
	b := make([]byte, n)
	copy(b, s)
	return b
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// base64Of reads base64 with white space anywhere in it, as XML is indented. It
// is strict: no bit of the text is left unread.
func base64Of(text string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errors.New("this is not base64")
	}
	return b, nil
}
