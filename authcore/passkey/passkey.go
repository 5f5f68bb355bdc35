// Package passkey runs the two ceremonies of Web Authentication (W3C, "Web
// Authentication: An API for accessing Public Key Credentials", Level 3, here
// WebAuthn): the registration of a passkey or a security key, and the login with
// one. Bytes go in, bytes and values come out: the package knows no clock, no
// store, no person and no HTTP.
//
// A ceremony is a value. Begin gives what the browser is to be told and what must
// be kept; Finish takes both back:
//
//	options, kept, err := party.BeginLogin(allowed)
//	…                                        // the browser, the authenticator
//	claim, err := ReadClaim(response)        // which credential it says it is
//	used, err := party.FinishLogin(kept, claim, user, credential)
//
// Whoever keeps a [Ceremony] sees to it that it is used once, even when it fails,
// and within a few minutes: what is signed here says nothing about the time.
//
// What is always asked for: that the authenticator has verified the person (by a
// PIN, a finger, a face), the exact origin of the portal and no page around it,
// the portal's host as RP ID, and one of three algorithms: ES256, EdDSA over
// Ed25519, RS256 with 2048 to 4096 bits.
//
// The work is done by github.com/go-webauthn/webauthn, which only this package
// imports. What the package relies on is looked at before the library is asked:
// it compares origins without regard to case and to what follows the host, and its
// list of permitted models never leaves out an authenticator that names none.
package passkey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Config is what a portal is to authenticators. The zero value is not usable.
type Config struct {
	// Origin is the portal's: https://host, https://host:port, or http:// on
	// localhost, in lower case and without a default port, as browsers write it.
	Origin string
	// Name is what browsers show of the portal.
	Name string
	// Attestation asks authenticators to say what they are (WebAuthn §5.4.7,
	// "direct"). Browsers warn people of that. Without it they are asked not to.
	Attestation bool
	// Models are the AAGUIDs of the models that may be registered, as
	// xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx; none is any. They need Attestation.
	//
	// That an authenticator attests its model with a certificate is verified; that
	// its maker issued the certificate is not, since no list of makers is kept. So
	// this keeps out what people bring along, and no forger.
	Models []string
}

// RelyingParty runs the ceremonies of one portal. It is safe for use by several
// goroutines.
type RelyingParty struct {
	library *webauthn.WebAuthn
	origin  string
	models  []Model
}

// ErrHost is returned for an origin to which no passkey can belong: an IP address
// or a name without a dot (WebAuthn §4: an RP ID is a domain), or plain http on
// another name than localhost, where browsers have no Web Authentication.
var ErrHost = errors.New("passkeys belong to a whole host name on https, or to http://localhost: not to this address")

// New makes a relying party. Errors: ErrHost, or a sentence about the rest.
func New(c Config) (*RelyingParty, error) {
	host, err := hostOf(c.Origin)
	if err != nil {
		return nil, err
	}
	if c.Name == "" {
		return nil, errors.New("the portal needs a name that browsers can show")
	}
	p := &RelyingParty{origin: c.Origin}
	for _, text := range c.Models {
		m, err := ParseModel(text)
		if err != nil {
			return nil, err
		}
		p.models = append(p.models, m)
	}
	if len(p.models) > 0 && !c.Attestation {
		return nil, errors.New("models can be told apart only where attestation is asked for")
	}
	conveyance := protocol.PreferNoAttestation
	if c.Attestation {
		conveyance = protocol.PreferDirectAttestation
	}
	p.library, err = webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: c.Name, RPOrigins: []string{c.Origin}, AttestationPreference: conveyance,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired,
		},
		// No extension is asked for and none is looked at; some password managers
		// answer to one all the same.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("the portal %s cannot have passkeys: %w", c.Origin, err)
	}
	return p, nil
}

// hostOf gives the host name of an origin, which is its RP ID.
func hostOf(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin || u.Host != strings.ToLower(u.Host) || u.Hostname() == "" {
		return "", fmt.Errorf("%.100q is no origin: https://host or https://host:port, in lower case", origin)
	}
	host := u.Hostname()
	_, err = netip.ParseAddr(host)
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if err == nil || protocol.ValidateRPID(host) != nil || u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", ErrHost
	}
	return host, nil
}

// Model is an AAGUID: which make and model an authenticator is (WebAuthn §6.5.1).
// All zero is one that does not say.
type Model [16]byte

// ParseModel reads an AAGUID in hexadecimal with its four hyphens.
func ParseModel(s string) (m Model, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if copy(m[:], b); err != nil || len(b) != len(m) || m.String() != strings.ToLower(s) {
		return Model{}, fmt.Errorf("%.60q is no AAGUID: write it as 01234567-89ab-cdef-0123-456789abcdef", s)
	}
	return m, nil
}

// String gives the AAGUID as the FIDO Alliance's lists have it.
func (m Model) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", m[:4], m[4:6], m[6:8], m[8:10], m[10:])
}

// allows reports whether a model may be registered.
func (p *RelyingParty) allows(m Model) bool {
	return len(p.models) == 0 || slices.Contains(p.models, m)
}

// algorithms are asked for in this order (WebAuthn §5.4 recommends these three):
// what nearly every authenticator has, then Ed25519, then what Windows Hello on
// older TPMs has alone.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}
