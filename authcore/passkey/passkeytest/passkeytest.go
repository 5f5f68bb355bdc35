// Package passkeytest is an authenticator and a browser in software, for tests: it
// answers to the options of a ceremony as a security key does, and misbehaves as
// no browser can be made to. It shares no code with package passkey: its CBOR
// (RFC 8949) and its COSE keys (RFC 9053) are its own.
package passkeytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
)

// The flags of authenticator data (WebAuthn §6.1).
const (
	Present    byte = 1 << 0
	Verified   byte = 1 << 2
	Eligible   byte = 1 << 3 // for backup
	BackedUp   byte = 1 << 4
	attested   byte = 1 << 6
	Extensions byte = 1 << 7
)

// Authenticator is a security key with one credential, and the browser that it is
// plugged into. Its fields may be changed between ceremonies.
type Authenticator struct {
	Origin string // of the page that asks
	Host   string // the RP ID that it signs for
	Flags  byte   // Present and Verified
	Count  uint32 // of signatures; each one adds Step
	Step   uint32 // 1; 0 is an authenticator that does not count
	Model  [16]byte

	ID     []byte // of the credential
	Handle []byte // of the person, learnt at the registration
	Silent bool   // it tells no handle, as a credential that is not discoverable

	Key  crypto.Signer // ES256
	COSE []byte        // the public key as it says it is
	Cert []byte        // DER: it attests with it, and not with "none"
	Sign func([]byte) []byte

	// What it may be made to say. Each is applied before what follows it is signed.
	ClientData func(map[string]any)
	AuthData   func([]byte) []byte
	Format     string // of the attestation, where it is neither "none" nor "packed"
}

// New makes an authenticator that behaves, for a portal's origin.
func New(origin string) *Authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	u, err := url.Parse(origin)
	if err != nil {
		panic(err)
	}
	a := &Authenticator{Origin: origin, Host: u.Hostname(), Flags: Present | Verified, Step: 1, ID: make([]byte, 32), Key: key, COSE: COSE(&key.PublicKey, -7, 1)}
	rand.Read(a.ID)
	a.Sign = func(data []byte) []byte {
		sum := sha256.Sum256(data)
		sig, err := a.Key.Sign(rand.Reader, sum[:], crypto.SHA256)
		if err != nil {
			panic(err)
		}
		return sig
	}
	return a
}

// Clone is the same credential in another authenticator.
func (a *Authenticator) Clone() *Authenticator {
	b := *a
	b.Sign = func(data []byte) []byte { return a.Sign(data) }
	return &b
}

// options is what a browser looks at of either ceremony's.
type options struct {
	Challenge string
	User      struct{ ID string }
}

// Register answers to the options of a registration, with the browser's JSON.
func (a *Authenticator) Register(creation []byte) []byte {
	o := read(creation)
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		panic(err)
	}
	a.Handle = handle
	client := a.client("webauthn.create", o.Challenge)
	data := append(a.head(attested), a.Model[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.ID)))
	data = a.altered(append(append(data, a.ID...), a.COSE...))
	return a.response(map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(a.attestation(data, client)), "transports": []string{"usb", "carrier-pigeon"}})
}

// Login answers to the options of a login, with the browser's JSON.
func (a *Authenticator) Login(request []byte) []byte {
	client := a.client("webauthn.get", read(request).Challenge)
	data := a.altered(a.head(0))
	r := map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(a.Sign(signed(data, client)))}
	if !a.Silent {
		r["userHandle"] = b64(a.Handle)
	}
	return a.response(r)
}

func read(b []byte) (o options) {
	if err := json.Unmarshal(b, &o); err != nil {
		panic(fmt.Sprintf("these are no options: %v", err))
	}
	return o
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// client is what the browser signs for: CollectedClientData (WebAuthn §5.8.1).
func (a *Authenticator) client(kind, challenge string) []byte {
	said := map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false}
	if a.ClientData != nil {
		a.ClientData(said)
	}
	return encode(said)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// head is the fixed part of authenticator data (WebAuthn §6.1).
func (a *Authenticator) head(more byte) []byte {
	a.Count += a.Step
	host := sha256.Sum256([]byte(a.Host))
	return binary.BigEndian.AppendUint32(append(host[:], a.Flags|more), a.Count)
}

func (a *Authenticator) altered(data []byte) []byte {
	if a.AuthData != nil {
		return a.AuthData(data)
	}
	return data
}

func signed(data, client []byte) []byte {
	sum := sha256.Sum256(client)
	return append(append([]byte(nil), data...), sum[:]...)
}

// attestation is the attestation object (WebAuthn §6.5.4), of the format "none" or,
// with a certificate, "packed" (§8.2).
func (a *Authenticator) attestation(data, client []byte) []byte {
	format, statement := "none", mapOf()
	switch {
	case a.Format != "":
		format = a.Format
	case a.Cert != nil:
		format = "packed"
		statement = mapOf(Text("alg"), Int(-7), Text("sig"), Bytes(a.Sign(signed(data, client))), Text("x5c"), append(head(4, 1), Bytes(a.Cert)...))
	}
	return mapOf(Text("fmt"), Text(format), Text("attStmt"), statement, Text("authData"), Bytes(data))
}

func (a *Authenticator) response(r map[string]any) []byte {
	return encode(map[string]any{"id": b64(a.ID), "rawId": b64(a.ID), "type": "public-key", "response": r, "clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}}})
}

// COSE writes a public key over P-256 with an algorithm and a curve, which need
// not be its own (RFC 9053 §7.1.1).
func COSE(key *ecdsa.PublicKey, algorithm, curve int) []byte {
	point, err := key.Bytes()
	if err != nil {
		panic(err)
	}
	return mapOf(Int(1), Int(2), Int(3), Int(algorithm), Int(-1), Int(curve), Int(-2), Bytes(point[1:33]), Int(-3), Bytes(point[33:]))
}

// RSA writes a public key (RFC 8230 §4).
func RSA(modulus []byte, algorithm int) []byte {
	return mapOf(Int(1), Int(3), Int(3), Int(algorithm), Int(-1), Bytes(modulus), Int(-2), Bytes([]byte{1, 0, 1}))
}

// Int writes an integer as CBOR.
func Int(n int) []byte {
	if n < 0 {
		return head(1, -1-n)
	}
	return head(0, n)
}

// Bytes writes a byte string as CBOR.
func Bytes(b []byte) []byte { return append(head(2, len(b)), b...) }

// Text writes a text string as CBOR.
func Text(s string) []byte { return append(head(3, len(s)), s...) }

// mapOf writes a map of what is written already: keys and values in turn.
func mapOf(items ...[]byte) []byte {
	all := head(5, len(items)/2)
	for _, item := range items {
		all = append(all, item...)
	}
	return all
}

// head writes a value's major type and its argument (RFC 8949 §3).
func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
}
