package authcore

import (
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/jwt"

	"github.com/sesame-gateway/sesame/authcore/fredu"
)

// How long an assertion is good, and for which part of that it is handed out
// again: whoever gets one has at least thirty seconds to verify it.
const (
	assertionLife  = time.Minute
	assertionReuse = assertionLife / 2
)

// Assert says who somebody is, in a form that one application can verify without
// asking: a JSON Web Token (RFC 7519) signed with ES256 (RFC 7518, section 3.4),
// good for a minute. Of one Standing the same is returned again for half of that.
//
// issuer is the portal's origin, audience the application's. The claims are:
//
//	iss, aud, sub, iat, exp, jti      RFC 7519, section 4.1; sub is the identifier
//	auth_time                         when the code was typed (OpenID Connect Core, section 2)
//	amr                               otp and pin, or pin alone with an emergency code; swk or
//	                                  hwk with user and mfa by a passkey (RFC 8176)
//	name, given_name, family_name, email    OpenID Connect Core, section 5.1
//	groups, functions                 arrays
//	establishment                     the UAI
//	FrEduRne …, codaca                the attributes of package fredu but for staff data,
//	                                  arrays where there may be several
//
// What is unknown is absent. There is no nbf: the clock of whoever verifies may
// be behind.
func (g *Gate) Assert(st *Standing, issuer, audience string) (string, error) {
	keys, now := g.secrets().assertions, g.wall()
	if last := st.assertion.Load(); last != nil && last.serves(keys, issuer, audience, now) {
		return last.token, nil
	}
	token, err := keys.assertion(st.Session, st.Account, issuer, audience, now)
	if err != nil {
		return "", err
	}
	st.assertion.Store(&signed{keys, issuer, audience, token, now.Add(assertionReuse)})
	return token, nil
}

// signed is an assertion that may be used again.
type signed struct {
	by               *notary
	issuer, audience string
	token            string
	until            time.Time
}

// serves reports whether an assertion is young enough, and what is asked for. A
// clock that was set back makes none of them old.
func (s *signed) serves(keys *notary, issuer, audience string, now time.Time) bool {
	return s.by == keys && s.issuer == issuer && s.audience == audience &&
		now.Before(s.until) && !now.Before(s.until.Add(-assertionReuse))
}

// sign makes an assertion.
func (n *notary) assertion(s Session, a Account, issuer, audience string, now time.Time) (string, error) {
	claims := personClaims(a)
	claims["auth_time"] = s.Began.Unix()
	if methods := amr(s, a); methods != nil {
		claims["amr"] = methods
	}
	typ, subject, id, expires := "JWT", string(a.Identifier), NewNonce(), now.Add(assertionLife)
	raw, err := jwt.NewRawJWT(&jwt.RawJWTOptions{
		TypeHeader: &typ, Issuer: &issuer, Audience: &audience, Subject: &subject, JWTID: &id,
		IssuedAt: &now, ExpiresAt: &expires, CustomClaims: claims,
	})
	if err != nil {
		return "", fmt.Errorf("making an assertion: %w", err)
	}
	token, err := n.signer.SignAndEncode(raw)
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	return token, nil
}

// AssertionKeys returns the JWK Set (RFC 7517, section 5) that assertions are
// verified with: public keys only, the one of after the next rotation among them.
// It asks no store.
func (g *Gate) AssertionKeys() []byte { return g.secrets().assertions.public }

// amr says how somebody logged in, in the words of RFC 8176. Codes that stand in
// for a key prove that the PIN is known, and nothing about a key. A passkey proves
// that its private key is there, that somebody touched it, and that it verified
// them; hwk, that the private key cannot leave its hardware, is said only of one
// that was attested and is not copied between devices. Of a way that has no words
// here nothing is said.
func amr(s Session, a Account) []any {
	switch s.Method {
	case MethodOTP:
		return []any{"otp", "pin"}
	case MethodEmergency:
		return []any{"pin"}
	case MethodPasskey:
		if p := a.passkey(s.Passkey); p != nil && p.Attested && !p.Synced {
			return []any{"hwk", "user", "mfa"}
		}
		return []any{"swk", "user", "mfa"}
	}
	return nil
}

// personClaims are the claims about a person.
func personClaims(a Account) map[string]any {
	claims := map[string]any{"name": a.Name()}
	for name, value := range map[string]string{
		"given_name": a.GivenName, "family_name": a.Surname, "email": a.Email, "establishment": a.Establishment,
	} {
		if value != "" {
			claims[name] = value
		}
	}
	put := func(name string, values []string) {
		if len(values) == 0 {
			return
		}
		array := make([]any, len(values))
		for i, v := range values {
			array[i] = v
		}
		claims[name] = array
	}
	put("groups", a.Groups)
	put("functions", a.Functions)
	for _, attr := range fredu.Attributes() {
		switch values := a.Attributes.Values(attr); {
		case attr.Staff() || len(values) == 0:
		case attr.Multiple():
			put(attr.String(), values)
		default:
			claims[attr.String()] = values[0]
		}
	}
	return claims
}
