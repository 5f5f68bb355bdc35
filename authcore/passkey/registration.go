package passkey

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// BeginRegistration starts the registration of one more passkey of a person, who
// has those of the given IDs: no authenticator registers twice (WebAuthn §5.4,
// excludeCredentials). It returns the options for the browser, in JSON.
func (p *RelyingParty) BeginRegistration(u User, have [][]byte) (options []byte, kept Ceremony, err error) {
	creation, session, err := p.library.BeginRegistration(person{User: u},
		webauthn.WithExclusions(descriptors(have)), webauthn.WithCredentialParameters(algorithms))
	if err != nil {
		return nil, Ceremony{}, err
	}
	options, err = encode(creation.Response)
	return options, Ceremony{Challenge: session.Challenge, Handle: slices.Clone(u.Handle)}, err
}

// FinishRegistration verifies the browser's response, in JSON as
// PublicKeyCredential.toJSON writes it, and gives the credential to keep. That
// nobody has it yet is for the caller to see. Error: a Refusal.
func (p *RelyingParty) FinishRegistration(kept Ceremony, response []byte) (Credential, error) {
	if kept.Login {
		return Credential{}, refused(WrongKind)
	}
	if len(response) > MaxResponse {
		return Credential{}, refused(Malformed)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil || len(parsed.Raw.AttestationResponse.ClientDataJSON) > maxClientData {
		return Credential{}, refused(Malformed)
	}
	said := parsed.Response.AttestationObject.AuthData
	if err := p.check(kept, parsed.Response.CollectedClientData, protocol.CreateCeremony, said); err != nil {
		return Credential{}, err
	}
	if id := said.AttData.CredentialID; len(id) == 0 || len(id) > maxID || !bytes.Equal(id, parsed.RawID) {
		return Credential{}, refused(Malformed)
	}
	if !soundKey(said.AttData.CredentialPublicKey) {
		return Credential{}, refused(WrongKey)
	}
	made, err := p.library.CreateCredential(person{User: User{Handle: kept.Handle}}, kept.session(p, kept.Handle), parsed)
	if err != nil {
		return Credential{}, refused(WrongAttestation) // all else has been looked at
	}
	return p.admit(made)
}

// admit takes a credential that is as it must be, if its model is welcome. What an
// authenticator says without a certificate (no attestation, or its own) is no
// reason to believe it.
func (p *RelyingParty) admit(made *webauthn.Credential) (Credential, error) {
	c := Credential{
		ID: made.ID, PublicKey: made.PublicKey, Count: made.Authenticator.SignCount,
		Synced: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState, Attestation: made.AttestationFormat,
	}
	copy(c.Model[:], made.Authenticator.AAGUID)
	c.Attested = made.AttestationType != string(metadata.None) && made.AttestationType != string(metadata.BasicSurrogate)
	if !p.allows(c.Model) || len(p.models) > 0 && !c.Attested {
		return Credential{}, refused(WrongModel)
	}
	for _, t := range made.Transport {
		if slices.Contains(transports, t) && len(c.Transports) < maxTransports {
			c.Transports = append(c.Transports, string(t))
		}
	}
	return c, nil
}

// transports are those of WebAuthn §5.8.4; others are not kept.
var transports = []protocol.AuthenticatorTransport{protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal}

// soundKey reports whether a public key is one that was asked for: its algorithm,
// its type, its curve and its size fit, and a point is on its curve. The library
// looks at that only where an attestation is.
func soundKey(cose []byte) bool {
	if len(cose) > maxPublicKey {
		return false
	}
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return false
	}
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData:
		return k.Algorithm == int64(webauthncose.AlgES256)
	case webauthncose.OKPPublicKeyData:
		return k.Algorithm == int64(webauthncose.AlgEdDSA)
	case webauthncose.RSAPublicKeyData:
		return k.Algorithm == int64(webauthncose.AlgRS256) && len(k.Modulus) >= 2048/8 && len(k.Modulus) <= 4096/8
	}
	return false
}

// isOurs reports whether a hash is that of the portal's RP ID.
func (p *RelyingParty) isOurs(hash []byte) bool {
	ours := sha256.Sum256([]byte(p.library.Config.RPID))
	return subtle.ConstantTimeCompare(hash, ours[:]) == 1
}
