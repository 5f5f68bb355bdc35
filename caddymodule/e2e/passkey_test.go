package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// plug gives the browser an authenticator that verifies whoever holds it, and
// touches itself.
func (c *chromium) plug() webauthn.AuthenticatorID {
	c.t.Helper()
	_, err := chromedp.Call(c.ctx, webauthn.Enable, webauthn.EnableParams{})
	c.must(err)
	made, err := chromedp.Call(c.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	c.must(err)
	return made.AuthenticatorID
}

// hold has an authenticator be touched when it blinks, or left alone.
func (c *chromium) hold(id webauthn.AuthenticatorID, touched bool) {
	c.t.Helper()
	_, err := chromedp.Call(c.ctx, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: id, Enabled: touched})
	c.must(err)
}

// count sets the counter of an authenticator's one credential.
func (c *chromium) count(id webauthn.AuthenticatorID, n float64) {
	c.t.Helper()
	has, err := chromedp.Call(c.ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: id})
	c.must(err)
	if len(has.Credentials) != 1 {
		c.t.Fatalf("the authenticator has %d credentials", len(has.Credentials))
	}
	_, err = chromedp.Call(c.ctx, webauthn.SetCredentialProperties, webauthn.SetCredentialPropertiesParams{
		AuthenticatorID: id, CredentialID: has.Credentials[0].CredentialID, SignCount: &n,
	})
	c.must(err)
}

// misbehave has an authenticator answer wrongly.
func (c *chromium) misbehave(p webauthn.SetResponseOverrideBitsParams) {
	c.t.Helper()
	_, err := chromedp.Call(c.ctx, webauthn.SetResponseOverrideBits, p)
	c.must(err)
}

const (
	signInWith = "Se connecter avec une clé d’accès"
	notTaken   = "Cette clé d’accès n’a pas été acceptée."
)

// attempt opens the login and presses the button for passkeys.
func (c *chromium) attempt(s *server, identifier string) {
	c.t.Helper()
	c.forget()
	c.open(s.portal("/.sesame/login"))
	c.until(`document.querySelector("#identifier")`)
	eval[any](c, fmt.Sprintf("document.querySelector('#identifier').value = %q; null", identifier))
	c.press(signInWith)
}

// entered waits for the list of applications.
func (c *chromium) entered() {
	c.t.Helper()
	c.says("Carnet de notes")
	if at := eval[string](c, "location.pathname"); at != "/" {
		c.t.Errorf("the login leads to %s", at)
	}
}

// refused waits for the one refusal of a passkey, and wants no session.
func (c *chromium) refused(s *server, reason string) {
	c.t.Helper()
	c.says(notTaken)
	reference := eval[string](c, `document.querySelector(".reference-code").innerText`)
	if got := s.sesame("audit", "--reference", reference); !strings.Contains(got, reason) {
		c.t.Errorf("under the reference %s the audit trail has %q, want %s", reference, got, reason)
	}
	if at := eval[string](c, `document.activeElement.id`); at != "passkey-said" {
		c.t.Errorf("the focus is on %q", at)
	}
	c.open(s.portal("/"))
	c.says("PASSCODE")
}

// keepFetches keeps what the pages' script sends, over the pages of a tab.
const keepFetches = `(() => {
	const own = window.fetch;
	window.fetch = (path, options) => { sessionStorage.setItem(path, options.body); return own(path, options); };
})()`

// autofill stands, once it is switched on, for somebody who chooses the passkey that
// the browser offers where the identifier is typed: a headless browser offers none.
const autofill = `if (sessionStorage.getItem("autofill")) {
	PublicKeyCredential.isConditionalMediationAvailable = async () => true;
	const own = CredentialsContainer.prototype.get;
	CredentialsContainer.prototype.get = function ({ mediation, ...options }) {
		sessionStorage.setItem("autofill", mediation + " " + Boolean(options.signal) + " " + options.publicKey.allowCredentials.length);
		return own.call(this, options);
	};
}`

// lured has the browser sign a ceremony that the portal has begun for a page that is
// not the portal's, which the browser allows on the same host: the port is no part of
// an RP ID (Web Authentication, section 5.1.4.1), but it is of the origin signed.
const lured = `(async () => {
	const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
	const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
	const { options } = %s;
	const given = await navigator.credentials.get({ publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: [] } });
	const { clientDataJSON, authenticatorData, signature, userHandle } = given.response;
	return JSON.stringify({ id: given.id, rawId: text(given.rawId), type: given.type, clientExtensionResults: {}, response: {
		clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature), userHandle: text(userHandle),
	} });
})()`

// TestPasskeysInChromium plays every ceremony in a real browser, as it should be
// and as it should not.
func TestPasskeysInChromium(t *testing.T) {
	s := newServerWith(t, func(s *server) string {
		return strings.Replace(s.caddyfile(), "public /public/*", "public /public/*\n\t\t\tpath /conseil/* {\n\t\t\t\trequire passkey\n\t\t\t}", 1)
	})
	s.person("edupont", "--group", "enseignants")
	key := s.holder(t, "edupont")
	c := newChromium(t)
	c.always(keepFetches)
	c.always(autofill)

	c.open(s.portal("/"))
	c.fill("identifier", "edupont", "passcode", key.next())
	c.fill("pin", pin, "pin_again", pin)
	c.says("Mettez votre clé en service")
	c.fill("passcode", pin+key.next())
	c.entered()

	phone := c.plug()
	c.adds(s, "Téléphone")
	t.Run("the same authenticator again", func(t *testing.T) {
		c := &chromium{t, c.ctx}
		c.open(s.portal("/.sesame/account/passkeys/add"))
		c.fill("name", "Encore")
		c.says("Cet appareil ou cette clé de sécurité est déjà dans votre liste.")
	})
	c.hold(phone, false)
	tablet := c.plug()
	c.adds(s, "Tablette")
	if list := s.sesame("passkey", "list", "edupont"); !strings.Contains(list, "Téléphone") || !strings.Contains(list, "Tablette") {
		t.Errorf("the command line has %s", list)
	}

	p := &passkeyPlay{t, s, c, phone, tablet}
	p.accepted()
	p.misbehaved()
	p.forged()
	p.ended()
}

// passkeyPlay is somebody with two passkeys in their browser, and in their hand the
// tablet.
type passkeyPlay struct {
	t             *testing.T
	s             *server
	c             *chromium
	phone, tablet webauthn.AuthenticatorID
}

func (p *passkeyPlay) play(name string, do func(c *chromium)) {
	p.t.Run(name, func(t *testing.T) { do(&chromium{t, p.c.ctx}) })
}

// accepted is what works.
func (p *passkeyPlay) accepted() {
	s, play := p.s, p.play
	play("step up", func(c *chromium) {
		target := s.notes("/conseil/3eB?trimestre=2&x=y")
		c.open(target)
		c.says("demande ici une connexion par clé d’accès")
		c.press("Utiliser ma clé d’accès")
		c.until(fmt.Sprintf("location.href === %q", target))
		c.says(`"Target":"/conseil/3eB?trimestre=2`)
	})
	play("login", func(c *chromium) { c.attempt(s, "edupont"); c.entered() })
	play("discoverable login", func(c *chromium) { c.attempt(s, ""); c.entered() })
	play("login where the identifier is typed", func(c *chromium) {
		c.forget()
		c.open(s.portal("/.sesame/assistance"))
		eval[any](c, `sessionStorage.setItem("autofill", "on"); null`)
		c.open(s.portal("/.sesame/login"))
		c.entered()
		if got := eval[string](c, `sessionStorage.getItem("autofill")`); got != "conditional true 0" {
			c.t.Errorf("the browser is asked %s", got)
		}
		eval[any](c, `sessionStorage.removeItem("autofill"); null`)
	})
	play("login of somebody unknown", func(c *chromium) {
		c.attempt(s, "nobody.here")
		c.says("L’opération a été annulée, ou elle a pris trop de temps.") // the browser finds no such credential
	})
}

// misbehaved is what an authenticator says that cannot be accepted.
func (p *passkeyPlay) misbehaved() {
	s, play, tablet := p.s, p.play, p.tablet
	play("no user verification", func(c *chromium) {
		yes, no := true, false
		c.misbehave(webauthn.SetResponseOverrideBitsParams{AuthenticatorID: tablet, IsBadUV: &yes})
		c.attempt(s, "")
		c.refused(s, "verification")
		c.misbehave(webauthn.SetResponseOverrideBitsParams{AuthenticatorID: tablet, IsBadUV: &no})
	})
	play("nobody there", func(c *chromium) {
		yes, no := true, false
		c.misbehave(webauthn.SetResponseOverrideBitsParams{AuthenticatorID: tablet, IsBadUP: &yes})
		c.attempt(s, "")
		c.refused(s, "presence")
		c.misbehave(webauthn.SetResponseOverrideBitsParams{AuthenticatorID: tablet, IsBadUP: &no})
	})
	play("a signature that is none", func(c *chromium) {
		yes, no := true, false
		c.misbehave(webauthn.SetResponseOverrideBitsParams{AuthenticatorID: tablet, IsBogusSignature: &yes})
		c.attempt(s, "")
		c.refused(s, "signature")
		c.misbehave(webauthn.SetResponseOverrideBitsParams{AuthenticatorID: tablet, IsBogusSignature: &no})
	})
	play("a person that is not verified", func(c *chromium) {
		for _, verified := range []bool{false, true} {
			_, err := chromedp.Call(c.ctx, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: tablet, IsUserVerified: verified})
			c.must(err)
			if !verified {
				c.attempt(s, "edupont")
				c.says("L’opération a été annulée, ou elle a pris trop de temps.")
			}
		}
	})
}

// forged is what the authenticator said for something else.
func (p *passkeyPlay) forged() {
	s, play := p.s, p.play
	play("a response sent again", func(c *chromium) {
		c.attempt(s, "")
		c.entered()
		const again = `(async () => {
			const sent = JSON.parse(sessionStorage.getItem("/.sesame/passkey/login"));
			sent.csrf = %s;
			const answer = await fetch("/.sesame/passkey/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) });
			return answer.status + " " + (await answer.json()).code;
		})()`
		if got := eval[string](c, fmt.Sprintf(again, "sent.csrf")); got != "403 failed" {
			c.t.Errorf("in the login that is over: %s", got)
		}
		c.forget()
		c.open(s.portal("/.sesame/login"))
		c.until(`document.querySelector("[data-csrf]")`)
		if got := eval[string](c, fmt.Sprintf(again, `document.querySelector("[data-csrf]").dataset.csrf`)); got != "403 refused" {
			c.t.Errorf("in another login: %s", got)
		}
	})
	play("another origin", func(c *chromium) {
		c.open(s.notes("/public/x"))
		for rp, want := range map[string]string{"portail.localhost": "SecurityError", "notes.localhost": "NotAllowedError"} {
			const ask = `navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), rpId: %q, timeout: 1000, userVerification: "required" } }).then(() => "given", (e) => e.name)`
			if got := eval[string](c, fmt.Sprintf(ask, rp)); got != want {
				c.t.Errorf("an application's page asks for the passkeys of %s: %s", rp, got)
			}
		}
	})
	play("a page on the portal's host and another port", func(c *chromium) {
		c.forget()
		c.open(s.portal("/.sesame/login"))
		c.until(`document.querySelector("[data-csrf]")`)
		begun := eval[string](c, `fetch("/.sesame/passkey/login/options", { method: "POST", headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ csrf: document.querySelector("[data-csrf]").dataset.csrf, identifier: "" }) }).then((answer) => answer.text())`)
		c.open("http://portail.localhost:" + s.app.URL[strings.LastIndex(s.app.URL, ":")+1:])
		response := eval[string](c, fmt.Sprintf(lured, begun))
		c.open(s.portal("/.sesame/login"))
		c.until(`document.querySelector("[data-csrf]")`)
		reference := eval[string](c, fmt.Sprintf(`fetch("/.sesame/passkey/login", { method: "POST", headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ csrf: document.querySelector("[data-csrf]").dataset.csrf, ceremony: (%s).ceremony, target: "", response: %s }) })
			.then(async (answer) => answer.status === 403 ? (await answer.json()).reference : "the status " + answer.status)`, begun, response))
		if got := s.sesame("audit", "--reference", reference); !strings.Contains(got, "passkey-refused") || !strings.Contains(got, "origin") {
			c.t.Errorf("under the reference %s the audit trail has %q", reference, got)
		}
		c.open(s.portal("/"))
		c.says("PASSCODE")
	})
}

// ended is what opens nothing any more.
func (p *passkeyPlay) ended() {
	s, play, phone, tablet := p.s, p.play, p.phone, p.tablet
	play("a counter that goes back", func(c *chromium) {
		c.count(tablet, 1)
		c.attempt(s, "")
		c.refused(s, "passkey-cloned")
		if got := s.sesame("audit", "--user", "edupont", "--alerts"); !strings.Contains(got, "passkey-cloned") {
			c.t.Errorf("the alerts are %s", got)
		}
		c.count(tablet, 1000)
		c.attempt(s, "")
		c.refused(s, "cloned")
	})
	play("a credential that was removed", func(c *chromium) {
		c.hold(tablet, false)
		c.hold(phone, true)
		c.attempt(s, "edupont")
		c.entered()
		s.sesame("passkey", "revoke", "edupont", "Téléphone")
		c.open(s.portal("/"))
		c.says("PASSCODE") // the session that it opened has ended
		c.attempt(s, "")
		c.refused(s, "credential")
	})
}

// adds adds a passkey, in a session that has just begun.
func (c *chromium) adds(s *server, name string) {
	c.t.Helper()
	c.open(s.portal("/.sesame/account/passkeys/add"))
	c.fill("name", name)
	c.says("Clé d’accès ajoutée")
	c.says(name)
}
