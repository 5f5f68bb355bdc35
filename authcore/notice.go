package authcore

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Notice is what somebody is told of what they log in with: that it has changed, by
// whoever it was (NIST SP 800-63B-4, section 4.6, has a notice sent for each such
// change).
type Notice struct {
	What      EventKind `json:"what"` // one of NoticeKinds
	At        time.Time `json:"at"`
	Reference Reference `json:"reference"`          // of the entry in the audit trail
	Name      string    `json:"name"`               // the person's, as people read it
	Serial    Serial    `json:"serial,omitempty"`   // of the key, where it is about one
	Passkey   string    `json:"passkey,omitempty"`  // the name of the passkey, where it is about one
	Operator  bool      `json:"operator,omitempty"` // an administrator did it, and not they themselves
}

// noticeKinds is what somebody is told of.
var noticeKinds = []EventKind{
	PasskeyAdded, PasskeyRemoved, PasskeyCloned,
	KeyAssigned, KeyReturned, KeyRetired, KeyLost, KeyFound, KeyLocked, EmergencyGiven,
	PINDefined, PINCleared, KeyUnlocked,
}

// NoticeKinds returns what somebody is told of: a means to log in that was added or
// taken, that opens nothing any more or again, and a PIN that is another.
func NoticeKinds() []EventKind { return slices.Clone(noticeKinds) }

// tells reports that the holder is told of an entry.
func (e Event) tells() bool { return e.Holder != "" && slices.Contains(noticeKinds, e.Kind) }

// tell writes the notices of entries into the outbox: for whoever has an account with
// an e-mail address.
func (g *Gate) tell(s *Secrets, w store.Writer, events []Event) error {
	for _, e := range events {
		if !g.mail || !e.tells() || e.withCodes(events) {
			continue
		}
		a, err := read[accountRecord](s, w, accountName(e.Holder))
		switch {
		case errors.Is(err, store.ErrNotFound): // removed with the key
			continue
		case err != nil:
			return err
		case a.Email == "":
			continue
		}
		m := Message{Way: ByMail, Address: a.Email, Language: a.Language, About: e.Holder, Notice: e.notice(Account(a))}
		if err := post(s, w, m, e.Time); err != nil {
			return err
		}
	}
	return nil
}

// withCodes reports that a key was lost, and codes given for it at once: what is told
// of these says both.
func (e Event) withCodes(events []Event) bool {
	return e.Kind == KeyLost && slices.ContainsFunc(events, func(other Event) bool { return other.Kind == EmergencyGiven && other.Serial == e.Serial })
}

// notice is what an entry tells its holder.
func (e Event) notice(a Account) Notice {
	n := Notice{What: e.Kind, At: e.Time, Reference: e.Reference, Name: a.Name(), Serial: e.Serial, Operator: e.Actor != ""}
	if k := e.Kind; k == PasskeyAdded || k == PasskeyRemoved || k == PasskeyCloned {
		_, n.Passkey, _ = strings.Cut(e.Detail, " ") // see Passkey.text
		n.Serial = ""
	}
	return n
}

// told rings once entries are written that somebody is told of.
func (g *Gate) told(events []Event) {
	if g.mail && slices.ContainsFunc(events, Event.tells) {
		g.ring()
	}
}
