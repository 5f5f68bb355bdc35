package passkey

import (
	"encoding/json"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Ceremony is what must be kept between Begin and Finish, where the browser
// cannot change it, and used once. Its fields are its encoding; only this package
// reads them.
type Ceremony struct {
	Challenge string   `json:"challenge"`         // 256 bits, in base64url
	Login     bool     `json:"login,omitempty"`   // or a registration
	Handle    []byte   `json:"handle,omitempty"`  // of a registration: whose it is
	Allowed   [][]byte `json:"allowed,omitempty"` // of a login: the credentials asked for; none is any
}

// User is a person as authenticators know them. Only FinishLogin does without the
// names.
type User struct {
	// Handle is drawn for the person and says nothing about them (WebAuthn
	// §14.6.1): 1 to 64 bytes.
	Handle []byte
	// Name is what they type to log in, DisplayName what they are called.
	Name, DisplayName string
}

// Credential is a passkey as the portal keeps it. It holds no secret: who reads it
// can log in nowhere.
type Credential struct {
	ID        []byte `json:"id"`        // at most 1023 bytes
	PublicKey []byte `json:"publicKey"` // COSE (RFC 9052), CBOR
	Model     Model  `json:"model"`     // as the authenticator says, attested or not
	Count     uint32 `json:"count"`     // of signatures; 0 where the authenticator does not count
	Synced    bool   `json:"synced"`    // it may be copied to other devices (backup eligible)
	BackedUp  bool   `json:"backedUp"`  // it has been
	// Attestation is the format of what the authenticator said about itself, "none"
	// as a rule; Attested: with a certificate.
	Attestation string `json:"attestation"`
	Attested    bool   `json:"attested"`
	// Transports are how browsers may reach it ("usb", "internal"…).
	Transports []string `json:"transports,omitempty"`
}

// Bounds of what is taken in, in bytes. (The largest attestations in service, of
// TPMs with their chains of certificates, are below 16 KiB.)
const (
	// MaxResponse bounds a response of either ceremony.
	MaxResponse   = 32 << 10
	maxClientData = 4 << 10
	maxPublicKey  = 1 << 10
	maxID         = 1023 // WebAuthn §4, Credential ID
	maxHandle     = 64   // WebAuthn §5.4.3
	maxTransports = 8
)

// person is a User as the library wants one.
type person struct {
	User
	credentials []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return p.Handle }
func (p person) WebAuthnName() string                       { return p.Name }
func (p person) WebAuthnDisplayName() string                { return p.DisplayName }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// session is a ceremony as the library wants one.
func (c Ceremony) session(party *RelyingParty, handle []byte) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: c.Challenge, RelyingPartyID: party.library.Config.RPID, UserID: handle,
		UserVerification: protocol.VerificationRequired, CredParams: algorithms,
	}
}

func descriptors(ids [][]byte) []protocol.CredentialDescriptor {
	all := make([]protocol.CredentialDescriptor, 0, len(ids))
	for _, id := range ids {
		all = append(all, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
	}
	return all
}

// encode gives options as browsers read them (PublicKeyCredentialCreationOptionsJSON
// and PublicKeyCredentialRequestOptionsJSON, WebAuthn §5.4 and §5.5).
func encode(options any) ([]byte, error) {
	b, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("encoding a ceremony's options: %w", err)
	}
	return b, nil
}

// check holds what was signed to the ceremony (WebAuthn §7.1, steps 7 to 17, and
// §7.2, steps 11 to 19), each for its own reason.
func (p *RelyingParty) check(c Ceremony, client protocol.CollectedClientData, kind protocol.CeremonyType, a protocol.AuthenticatorData) error {
	switch flags := a.Flags; {
	case client.Type != kind:
		return refused(WrongKind)
	case len(c.Challenge) < minChallenge || client.Challenge != c.Challenge:
		return refused(WrongChallenge)
	case client.Origin != p.origin:
		return refused(WrongOrigin)
	case client.CrossOrigin || client.TopOrigin != "":
		return refused(Embedded)
	case !p.isOurs(a.RPIDHash):
		return refused(WrongParty)
	case !flags.HasUserPresent():
		return refused(NotPresent)
	case !flags.HasUserVerified():
		return refused(NotVerified)
	case flags.HasBackupState() && !flags.HasBackupEligible():
		return refused(OddBackup)
	}
	return nil
}

// minChallenge is the 32 bytes that the library draws, in base64url.
const minChallenge = 43
