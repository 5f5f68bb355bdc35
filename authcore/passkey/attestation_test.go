package passkey_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/passkey/passkeytest"
)

const modelText = "01234567-89ab-cdef-0123-456789abcdef"

// attest gives an authenticator a certificate of its model, as the packed format
// wants it (WebAuthn §8.2.1), which it issues itself.
func attest(t *testing.T, a *passkeytest.Authenticator, model passkey.Model) {
	t.Helper()
	aaguid, err := asn1.Marshal(model[:])
	if err != nil {
		t.Fatal(err)
	}
	key := a.Key.(*ecdsa.PrivateKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), BasicConstraintsValid: true,
		Subject:         pkix.Name{Country: []string{"FR"}, Organization: []string{"Test"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Test"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: aaguid}},
	}
	if a.Cert, err = x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key); err != nil {
		t.Fatal(err)
	}
	a.Model = model
}

func TestAttestation(t *testing.T) {
	model, err := passkey.ParseModel(modelText)
	if err != nil {
		t.Fatal(err)
	}
	anybody := newParty(t)
	some := newParty(t, func(c *passkey.Config) { c.Attestation, c.Models = true, []string{modelText} })
	attested := func(m passkey.Model) *passkeytest.Authenticator {
		a := passkeytest.New(origin)
		attest(t, a, m)
		return a
	}
	claims := passkeytest.New(origin) // the model, without a certificate
	claims.Model = model
	lies := attested(model) // its certificate names another
	lies.Model[0] ^= 1
	forged := attested(model)
	sign := forged.Sign
	forged.Sign = func(b []byte) []byte { return append(sign(b), 0) }
	unknown := passkeytest.New(origin)
	unknown.Format = "astrology"
	for _, x := range []struct {
		name          string
		a             *passkeytest.Authenticator
		anybody, some passkey.Reason
	}{
		{"that says nothing", passkeytest.New(origin), 0, passkey.WrongModel},
		{"of the model, attested", attested(model), 0, 0},
		{"of another model, attested", attested(passkey.Model{1}), 0, passkey.WrongModel},
		{"that only says it is of the model", claims, 0, passkey.WrongModel},
		{"with the certificate of another", lies, passkey.WrongAttestation, passkey.WrongAttestation},
		{"with a signature that is none", forged, passkey.WrongAttestation, passkey.WrongAttestation},
		{"of a format that does not exist", unknown, passkey.WrongAttestation, passkey.WrongAttestation},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, err := register(t, anybody, x.a)
			wantRefusal(t, err, x.anybody)
			if err == nil && c.Model != passkey.Model(x.a.Model) {
				t.Errorf("its model is kept as %s", c.Model)
			}
			_, err = register(t, some, x.a)
			wantRefusal(t, err, x.some)
		})
	}
}
