package passkey_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

// The keys that may be registered, and those that may not.
func TestKeys(t *testing.T) {
	p := newParty(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	off := passkeytest.New(origin)
	offCurve := bytes.Clone(off.COSE)
	offCurve[len(offCurve)-1] ^= 1
	modulus := func(bytes int) []byte { return new(big.Int).SetBit(big.NewInt(1), 8*bytes-1, 1).Bytes() }
	own := &off.Key.(*ecdsa.PrivateKey).PublicKey
	for _, x := range []struct {
		name string
		cose []byte
		want passkey.Reason
	}{
		{"ES256", off.COSE, 0},
		{"EdDSA", join([]byte{0xa4}, passkeytest.Int(1), passkeytest.Int(1), passkeytest.Int(3), passkeytest.Int(-8), passkeytest.Int(-1), passkeytest.Int(6), passkeytest.Int(-2), passkeytest.Bytes(make([]byte, 32))), 0},
		{"RS256 of 2048 bits", passkeytest.RSA(modulus(256), -257), 0},
		{"RS256 of 1024 bits", passkeytest.RSA(modulus(128), -257), passkey.WrongKey},
		{"RS256 of 8192 bits", passkeytest.RSA(modulus(1024), -257), passkey.WrongKey},
		{"RS256 with SHA-1", passkeytest.RSA(modulus(256), -65535), passkey.WrongKey},
		{"an RSA key that says ES256", passkeytest.RSA(modulus(256), -7), passkey.WrongKey},
		{"ES384 with a key of P-256", passkeytest.COSE(own, -35, 1), passkey.WrongKey},
		{"ES256 that names P-384", passkeytest.COSE(own, -7, 2), passkey.WrongKey},
		{"a point that is not on the curve", offCurve, passkey.WrongKey},
		{"ES512", join([]byte{0xa5}, passkeytest.Int(1), passkeytest.Int(2), passkeytest.Int(3), passkeytest.Int(-36), passkeytest.Int(-1), passkeytest.Int(3), passkeytest.Int(-2), passkeytest.Bytes(p384.X.Bytes()), passkeytest.Int(-3), passkeytest.Bytes(p384.Y.Bytes())), passkey.WrongKey},
		{"no map", []byte{0x01}, passkey.WrongKey},
		{"nothing", nil, passkey.Malformed},
		{"nested deeply", bytes.Repeat([]byte{0x81}, 1000), passkey.Malformed},
		{"a key twice in the map", join([]byte{0xa2}, passkeytest.Int(1), passkeytest.Int(2), passkeytest.Int(1), passkeytest.Int(3)), passkey.Malformed},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := passkeytest.New(origin)
			a.COSE = x.cose
			_, err := register(t, p, a)
			wantRefusal(t, err, x.want)
		})
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Signatures: of the right key, over these bytes, in the one encoding (DER).
func TestSignatures(t *testing.T) {
	p, a := newParty(t), passkeytest.New(origin)
	c := registered(t, p, a)
	sign := a.Sign
	curve := elliptic.P256().Params().N
	for name, alter := range map[string]func([]byte) []byte{
		"of another key":      func([]byte) []byte { return passkeytest.New(origin).Sign([]byte("x")) },
		"of other bytes":      func([]byte) []byte { return sign([]byte("x")) },
		"none":                func([]byte) []byte { return nil },
		"a byte too many":     func(s []byte) []byte { return append(s, 0) },
		"a bit altered":       func(s []byte) []byte { s[len(s)-1] ^= 1; return s },
		"integers too long":   func(s []byte) []byte { return padded(t, s) },
		"r beyond the order":  func(s []byte) []byte { return moved(t, s, curve) },
		"zeros":               func([]byte) []byte { return der(t, big.NewInt(0), big.NewInt(0)) },
		"raw, and not in DER": func([]byte) []byte { return make([]byte, 64) },
	} {
		t.Run(name, func(t *testing.T) {
			a.Sign = func(b []byte) []byte { return alter(sign(b)) }
			_, err := login(t, p, a, c)
			wantRefusal(t, err, passkey.WrongSignature)
		})
	}
	a.Sign = sign
	_, err := login(t, p, a, c)
	wantRefusal(t, err, 0)
}

type integers struct{ R, S *big.Int }

func der(t *testing.T, r, s *big.Int) []byte {
	t.Helper()
	b, err := asn1.Marshal(integers{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func split(t *testing.T, sig []byte) (i integers) {
	t.Helper()
	if _, err := asn1.Unmarshal(sig, &i); err != nil {
		t.Fatal(err)
	}
	return i
}

func moved(t *testing.T, sig []byte, by *big.Int) []byte {
	i := split(t, sig)
	return der(t, i.R.Add(i.R, by), i.S)
}

// padded writes a zero before r, which BER allows and DER does not.
func padded(t *testing.T, sig []byte) []byte {
	i := split(t, sig)
	r, s := i.R.Bytes(), i.S.Bytes()
	body := join([]byte{2, byte(len(r) + 2), 0, 0}, r, []byte{2, byte(len(s) + 1), 0}, s)
	return join([]byte{0x30, byte(len(body))}, body)
}
