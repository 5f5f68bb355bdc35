package caddymodule

import (
	"log/slog"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// App is the gate as Caddy's configuration describes it: the JSON below
// apps.sesame, or the global option sesame of a Caddyfile (see the package's
// documentation for its grammar). All fields are optional but Portal.
//
// The placeholders {env.*} and {file.*} are replaced in addresses and paths.
// There is no field for a secret: secrets stand in a file of their own.
type App struct {
	// The origin of the portal, the one host with the login pages and the list
	// of applications: https://host or https://host:port. On a loopback name it
	// may be http.
	Portal string `json:"portal,omitempty"`

	// Where accounts, keys and sessions are kept.
	Store *Store `json:"store,omitempty"`

	// The file of the secrets under which the store is sealed. Default:
	// sesame.secret in Caddy's data directory. It is made at the first start,
	// with mode 0600. Without it the store is lost: keep a copy elsewhere.
	SecretFile string `json:"secret_file,omitempty"`

	// The file that says outside the store how far that has come, so that one that
	// was emptied or put back is noticed; the one before is kept beside it, with
	// .before. Default: one in Caddy's data directory.
	Anchor string `json:"anchor,omitempty"`

	// The time server, HOST or HOST:PORT, that the command sesame doctor compares the
	// clock with. Default: none. Nothing else asks it.
	NTP string `json:"ntp,omitempty"`

	// How long a new PIN must be. Default: 4 to 8 digits.
	PIN *PINLength `json:"pin,omitempty"`

	// How long a session lasts. Default: 1 hour unused, 10 hours in all.
	Session *SessionLength `json:"session,omitempty"`

	// How long the audit trail keeps an entry. Default: 365 days.
	Audit *Audit `json:"audit,omitempty"`

	// Which passkeys and security keys may be added. Default: any, and none is asked
	// what it is. A portal on an IP address, or on http and not localhost, has none.
	Passkeys *PasskeyRules `json:"passkeys,omitempty"`

	// The server that takes the messages which tell people what has changed of their
	// means to log in. Default: none, and nobody is written to.
	Mail *Mail `json:"mail,omitempty"`

	// Whom to call for help; shown on the pages.
	Assistance *Assistance `json:"assistance,omitempty"`

	// Groups of establishments, over which one referent can be.
	Establishments []*EstablishmentGroup `json:"establishments,omitempty"`

	// What one operator cannot do alone. Default: nothing.
	FourEyes *FourEyes `json:"four_eyes,omitempty"`

	// The applications behind the gate, in the order in which the portal shows
	// them.
	Applications []*Application `json:"applications,omitempty"`

	// Marks every page as a demonstration. Refused unless the portal and all
	// applications are on loopback names.
	Demo bool `json:"demo,omitempty"`

	*settings
	life      lifetime
	retention retention
	log       *slog.Logger
	pages     *pageMaker
	streams   streams
	ownWord   sync.Once // warns of clients that say themselves where they are
}

// Store says where the gate keeps its records.
type Store struct {
	// The directory of the embedded store, made with mode 0700 when absent. One
	// server at a time can use it. Default: sesame in Caddy's data directory.
	Badger string `json:"badger,omitempty"`
	// A place in etcd, instead, which several servers can use at once: they need the
	// same secret file.
	Etcd *Etcd `json:"etcd,omitempty"`
}

// Etcd is a place in etcd, 3.7 or later.
type Etcd struct {
	// The members' client addresses, https://host:port each; http:// only on loopback
	// addresses.
	Endpoints []string `json:"endpoints,omitempty"`
	// The file of the authorities that the members' certificates come from (PEM).
	// Default: the system's.
	CA string `json:"ca,omitempty"`
	// The files of the gate's own certificate and of its key (PEM), read again at each
	// connection. Default: none.
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
	// The user of etcd, with PasswordFile.
	Username string `json:"username,omitempty"`
	// The file of the password, one line of visible ASCII characters, which nobody else
	// may read (mode 0600).
	PasswordFile string `json:"password_file,omitempty"`
	// What the keys begin with, up to a slash. Nobody but the gates of this store may
	// use what is below it. Default: sesame/.
	Prefix string `json:"prefix,omitempty"`
	// How long after a session was ended on another server it may still pass here:
	// 100ms to 1m. A server that cannot know asks etcd for every request. Default: 2s.
	Behind caddy.Duration `json:"behind,omitempty"`
}

// PINLength bounds a new PIN, in digits.
type PINLength struct {
	// The shortest, at least 4.
	Min int `json:"min,omitempty"`
	// The longest, at most 12.
	Max int `json:"max,omitempty"`
}

// SessionLength bounds a session.
type SessionLength struct {
	// How long it lasts unused: a minute or more. Default: 1h.
	Idle caddy.Duration `json:"idle,omitempty"`
	// How long it lasts in all: a week or less. Default: 10h.
	Absolute caddy.Duration `json:"absolute,omitempty"`
}

// Audit bounds the audit trail.
type Audit struct {
	// How long an entry is kept: a day or more. It is removed within a day of
	// that. Default: 365d.
	Retention caddy.Duration `json:"retention,omitempty"`
	// Keeps all entries for ever; Retention is absent then.
	Forever bool `json:"forever,omitempty"`
}

// PasskeyRules says which passkeys may be added.
type PasskeyRules struct {
	// Asks authenticators what they are; browsers warn of it.
	Attestation bool `json:"attestation,omitempty"`
	// The models that may be added, by their AAGUIDs. They need Attestation. Default:
	// any. That an authenticator has a certificate of its model is verified; whether
	// its maker issued that is not.
	Models []string `json:"models,omitempty"`
}

// Mail is how the gate writes to people.
type Mail struct {
	// The server, HOST or HOST:PORT. Default port: 587 with starttls, 465 with tls, 25
	// with none.
	Server string `json:"server,omitempty"`
	// How it is spoken to: starttls, without which nothing is sent; tls, from the first
	// byte; none. Default: starttls.
	TLS string `json:"tls,omitempty"`
	// Whom the gate logs in there as, with PasswordFile; not with none.
	Username string `json:"username,omitempty"`
	// The file of the password, one line of visible ASCII characters, which nobody else
	// may read (mode 0600). It is read at each load of the configuration.
	PasswordFile string `json:"password_file,omitempty"`
	// Who the messages are from, as in: Sésame <sesame@example.org>.
	From string `json:"from,omitempty"`
}

// Assistance is whom a person may turn to.
type Assistance struct {
	// The service's name, or a whole sentence.
	Name string `json:"name,omitempty"`
	// The telephone number as people read it.
	Phone string `json:"phone,omitempty"`
	// The e-mail address.
	Email string `json:"email,omitempty"`
	// When somebody answers.
	Hours string `json:"hours,omitempty"`
	// A page of the institution's own.
	URL string `json:"url,omitempty"`
	// The e-mail address that requests for assistance are sent to, with Mail.
	// Default: none, they are kept only.
	Mail string `json:"mail,omitempty"`
	// What requests for assistance are posted to as JSON. Default: nothing.
	Webhook *Webhook `json:"webhook,omitempty"`
	// How long a request is kept: a day to five years. Default: 90d.
	Keep caddy.Duration `json:"keep,omitempty"`
}

// Webhook is a service that takes requests for assistance: POST of a JSON document,
// signed in the header Sesame-Signature with HMAC-SHA256. Any answer of 200 to 299 is
// its receipt; redirects are not followed; otherwise it is tried again, with growing
// delays, for five days.
type Webhook struct {
	// Its address: https, or http on a loopback name.
	URL string `json:"url,omitempty"`
	// The file of the key of the signature, one line of 22 to 1024 visible ASCII
	// characters, which nobody else may read (mode 0600). It is read at each load of
	// the configuration.
	SecretFile string `json:"secret_file,omitempty"`
}

// EstablishmentGroup is several establishments under one name.
type EstablishmentGroup struct {
	// Lower case letters, digits and hyphens.
	Name string `json:"name,omitempty"`
	// The establishments' numbers (UAI).
	UAI []string `json:"uai,omitempty"`
}

// FourEyes says what takes two operators: the act of the first waits until another
// one confirms it. At the admin endpoint an operator is the name that the caller
// gives, which nothing proves; in the console an account with the role operator.
type FourEyes struct {
	// To give somebody a role.
	Roles bool `json:"roles,omitempty"`
	// To take a key or a passkey from somebody for good: return, retire, revoke, or
	// remove the person. To declare a key lost or to disable an account is never
	// held back.
	SecondFactor bool `json:"second_factor,omitempty"`
	// How long the second one has: a minute to a week. Default: 24h.
	Within caddy.Duration `json:"within,omitempty"`
}

// Application is one application behind the gate.
type Application struct {
	// The name by which the directive sesame refers to it: lower case letters,
	// digits and hyphens. "portal" is taken.
	ID string `json:"id,omitempty"`
	// The name that people read. Default: the ID.
	Name string `json:"name,omitempty"`
	// One sentence about it, for the portal.
	Description string `json:"description,omitempty"`
	// Its origin, as Portal has it; no two share a host.
	URL string `json:"url,omitempty"`
	// Whom it opens to: whoever one of the rules fits. Without a rule it opens to
	// nobody.
	Allow []authcore.Rule `json:"allow,omitempty"`
	// The networks that it opens from, 10.0.0.0/8 or one address. Default: any.
	Networks []string `json:"networks,omitempty"`
	// How old the last code may be: beyond that a fresh one is asked for. Default:
	// as old as the session.
	MaxAge caddy.Duration `json:"max_age,omitempty"`
	// Asks for a login by passkey.
	RequirePasskey bool `json:"require_passkey,omitempty"`
	// Parts of it that open to others, or ask for more.
	Parts []*ApplicationPart `json:"parts,omitempty"`
	// Paths that need no login: /exact or /prefix/*. A path is public only when
	// it is plain: one with "%", ";", "\", "//", a dot segment or a byte that is
	// no visible ASCII never is, because servers do not agree on what it means.
	// It must be public both as the browser sent it and as earlier handlers,
	// such as rewrite, left it.
	Public []string `json:"public,omitempty"`
	// What keeps a session from running out while this application is used:
	// pages, which somebody opens, or requests, all of them, those that its pages
	// send by themselves too. Default: pages. A request whose browser does not say
	// what it is for (Sec-Fetch-Mode) opens a page if it accepts text/html by name
	// and is not XMLHttpRequest's.
	Activity string `json:"activity,omitempty"`
	// inject puts the script that warns before the end of a session behind the
	// pages of the application: for one that cannot include it itself, as in
	// <script src="/.sesame/session.js" defer></script>. Only pages of HTML whose
	// policy lets them load it get it. The application is then asked not to compress
	// its pages; a handler before the gate may do so (encode, in a route that begins
	// with it). Default: none do.
	SessionWarning string `json:"session_warning,omitempty"`
	// The headers that tell it who is there: remote-user, x-forwarded or
	// cleartrust, which are those of RSA Access Manager as the académies name
	// them. Default: remote-user, or none when Header is given. What is unknown of
	// a person is absent.
	Headers string `json:"headers,omitempty"`
	// Further headers.
	Header []Header `json:"header,omitempty"`
	// How headers are written that may not be ASCII: utf-8, latin1 (ISO-8859-1),
	// ascii (without accents), base64 (of UTF-8) or rfc8187 (UTF-8''%C3%88ve).
	// Codes (identifiers, UAI, FrEdu attributes, addresses) are ASCII and stay as
	// they are. Who has a name that cannot be written gets a page that says so, and
	// nothing cut. Default: utf-8.
	Charset string `json:"charset,omitempty"`
	// Sends the header Sesame-Assertion as well: a JSON Web Token (RFC 7519) signed
	// with ES256, good for a minute, which the application can verify with
	// /.sesame/jwks.json on the portal.
	Assertion bool `json:"assertion,omitempty"`
	// A referent may open it for a time to somebody they look after, in the console.
	Delegable bool `json:"delegable,omitempty"`
	// A header by which the application knows that a request came through the gate.
	SharedSecret *SharedSecret `json:"shared_secret,omitempty"`
}

// SharedSecret is a header that only the gate can send. It is sent with every
// request, those for public paths too, and removed from what clients send, on
// every host that the gate stands before. Caddy's log at level DEBUG shows the
// headers that go upstream, this one included.
type SharedSecret struct {
	// The header's name: letters, digits and hyphens.
	Header string `json:"header,omitempty"`
	// The file of its value, one line of 22 to 1024 visible ASCII characters, which
	// nobody else may read (mode 0600). It is read at each load of the
	// configuration.
	File string `json:"file,omitempty"`
}

// ApplicationPart is a part of an application with terms of its own. What it
// leaves out is as the application has it. Of several parts the one with the
// longest path decides, an exact path before a prefix, one that names the method
// before one that does not.
//
// A path that servers may read in several ways (percent-encoding, dot segments,
// semicolons, capitals…) must be open in each of its readings.
type ApplicationPart struct {
	// Its paths: /exact, or /prefix/* which stands for /prefix as well; spelt as in
	// Public.
	Paths []string `json:"paths,omitempty"`
	// The methods that it is about; GET stands for HEAD too. Default: all. A header
	// such as X-HTTP-Method-Override counts as a method as well.
	Methods []string `json:"methods,omitempty"`
	// As in the application.
	Allow    []authcore.Rule `json:"allow,omitempty"`
	Networks []string        `json:"networks,omitempty"`
	MaxAge   caddy.Duration  `json:"max_age,omitempty"`

	RequirePasskey bool `json:"require_passkey,omitempty"`
}

// Header is one header to set. It is removed from what clients send, in every
// spelling, on every host that the gate stands before.
type Header struct {
	// Letters, digits and hyphens.
	Name string `json:"name,omitempty"`
	// Its value; placeholders such as {http.auth.user.email} are replaced. An
	// empty one leaves the header out.
	Value string `json:"value,omitempty"`
}
