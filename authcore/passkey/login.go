package passkey

import (
	"bytes"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// BeginLogin starts a login with one of the credentials of the given IDs, or, where
// there are none, with any that the authenticator finds for this portal
// (a discoverable credential, WebAuthn §6.2.1). It returns the options for the
// browser, in JSON.
func (p *RelyingParty) BeginLogin(allowed [][]byte) (options []byte, kept Ceremony, err error) {
	assertion, session, err := p.library.BeginDiscoverableLogin()
	if err != nil {
		return nil, Ceremony{}, err
	}
	if len(allowed) > 0 {
		assertion.Response.AllowedCredentials = descriptors(allowed)
	}
	options, err = encode(assertion.Response)
	return options, Ceremony{Challenge: session.Challenge, Login: true, Allowed: allowed}, err
}

// Claim is a login's response that has been read, and not verified: which
// credential it says it is from, and whose.
type Claim struct {
	ID     []byte // of the credential
	Handle []byte // of the person; may be absent

	parsed *protocol.ParsedCredentialAssertionData
}

// ReadClaim reads the browser's response to a login, in JSON as
// PublicKeyCredential.toJSON writes it. Error: a Refusal.
func ReadClaim(response []byte) (Claim, error) {
	if len(response) > MaxResponse {
		return Claim{}, refused(Malformed)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil || len(parsed.Raw.AssertionResponse.ClientDataJSON) > maxClientData ||
		len(parsed.RawID) > maxID || len(parsed.Response.UserHandle) > maxHandle {
		return Claim{}, refused(Malformed)
	}
	return Claim{ID: parsed.RawID, Handle: parsed.Response.UserHandle, parsed: parsed}, nil
}

// Use is one login that was verified.
type Use struct {
	// Credential is as it must be kept from now on.
	Credential Credential
	// Cloned: the signature counter has not grown, which says that two
	// authenticators have this credential (WebAuthn §6.1.1). The login must be
	// refused and the credential be used no more.
	Cloned bool
}

// FinishLogin verifies a login's response against the credential that it claims,
// which is that person's. Error: a Refusal.
func (p *RelyingParty) FinishLogin(kept Ceremony, claim Claim, u User, c Credential) (Use, error) {
	switch {
	case claim.parsed == nil:
		return Use{}, refused(Malformed)
	case !kept.Login:
		return Use{}, refused(WrongKind)
	case !bytes.Equal(claim.ID, c.ID), len(kept.Allowed) > 0 && !slices.ContainsFunc(kept.Allowed, func(id []byte) bool { return bytes.Equal(id, c.ID) }):
		return Use{}, refused(WrongCredential)
	case len(u.Handle) == 0, len(claim.Handle) > 0 && !bytes.Equal(claim.Handle, u.Handle), len(claim.Handle) == 0 && len(kept.Allowed) == 0:
		return Use{}, refused(WrongPerson)
	}
	said := claim.parsed.Response.AuthenticatorData
	if err := p.check(kept, claim.parsed.Response.CollectedClientData, protocol.AssertCeremony, said); err != nil {
		return Use{}, err
	}
	if said.Flags.HasBackupEligible() != c.Synced {
		return Use{}, refused(OddBackup)
	}
	used, err := p.library.ValidateLogin(person{User: u, credentials: []webauthn.Credential{c.record()}}, kept.session(p, u.Handle), claim.parsed)
	if err != nil {
		return Use{}, refused(WrongSignature) // all else has been looked at
	}
	c.Count, c.BackedUp = used.Authenticator.SignCount, used.Flags.BackupState
	return Use{Credential: c, Cloned: used.Authenticator.CloneWarning}, nil
}

// record is the credential as the library wants it.
func (c Credential) record() webauthn.Credential {
	return webauthn.Credential{
		ID: c.ID, PublicKey: c.PublicKey, AttestationFormat: c.Attestation,
		Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: c.Synced, BackupState: c.BackedUp},
		Authenticator: webauthn.Authenticator{AAGUID: c.Model[:], SignCount: c.Count},
	}
}
