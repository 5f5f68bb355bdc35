package ui

import "time"

// Connection is one login, one application opened, or one refusal, as the person
// recognises it.
type Connection struct {
	Kind ConnectionKind
	When time.Time // in the location in which it is to be read
	// Application is the name of the one that was opened; may be empty.
	Application string
	Address     string // of the computer, may be empty
	Agent       string // the browser's own words, may be empty
	// Reference is that of the audit trail.
	Reference string
}

// ConnectionKind is what became of a connection. The zero value is invalid.
type ConnectionKind uint8

// The kinds. From ConnectionCode on they are refusals.
const (
	ConnectionLogin        ConnectionKind = iota + 1 // with the key
	ConnectionPIN                                    // with the key, which has another PIN since
	ConnectionEmergency                              // with a code that stands in for the key
	ConnectionPasskey                                // with a passkey
	ConnectionApplication                            // an application was opened
	ConnectionCode                                   // no code of the key, or not the next one
	ConnectionUsed                                   // a code that was used before
	ConnectionWrongPIN                               // a good code, a wrong PIN
	ConnectionActivation                             // a good code, a wrong activation code
	ConnectionKey                                    // the key is locked, lost or over
	ConnectionClosed                                 // the account is closed
	ConnectionBusy                                   // too many logins at once
	ConnectionSlowed                                 // too many failures before
	ConnectionPasskeyWrong                           // a passkey that is not accepted
	ConnectionCopied                                 // a passkey that may have been copied
)

var connectionKinds = [...]string{
	ConnectionLogin: "login", ConnectionPIN: "pin", ConnectionEmergency: "emergency", ConnectionPasskey: "passkey", ConnectionApplication: "application",
	ConnectionCode: "code", ConnectionUsed: "used", ConnectionWrongPIN: "wrongPIN", ConnectionActivation: "activation", ConnectionKey: "key",
	ConnectionClosed: "closed", ConnectionBusy: "busy", ConnectionSlowed: "slowed", ConnectionPasskeyWrong: "passkeyWrong", ConnectionCopied: "copied",
}

// ConnectionKinds lists every kind.
func ConnectionKinds() (all []ConnectionKind) {
	for k := ConnectionLogin; int(k) < len(connectionKinds); k++ {
		all = append(all, k)
	}
	return all
}

// Refused reports that nothing was opened.
func (c Connection) Refused() bool { return c.Kind >= ConnectionCode }

// Connection says what a connection was, in a few words.
func (s *screen) Connection(c Connection) string {
	if c.Kind == 0 || int(c.Kind) >= len(connectionKinds) {
		return s.say("connection.") // there is no such text: the page is an error
	}
	return s.say("connection."+connectionKinds[c.Kind], "application", c.Application)
}

// Device is what a session, or a connection, is open in, in plain words. It believes
// what the browser says of itself: it helps to recognise one's own, and proves nothing.
func (s *screen) Device(agent string) string {
	browser, system := known(browsers, agent), known(systems, agent)
	switch {
	case browser != "" && system != "":
		return s.say("account.device", "browser", browser, "system", system)
	case browser+system != "":
		return browser + system
	}
	return s.say("account.device.unknown")
}

// DayTime is a day and a time as one reads them.
func (s *screen) DayTime(t time.Time) string { return moment(s.Frame.Lang, t) }
