package authcore

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Reference is what a page shows with a refusal and what the help desk looks it
// up by: eight characters without I, L, O, U in two groups, "7F3K-Q2M9". It is
// no secret and opens nothing.
type Reference string

const referenceAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's base 32

// NewReference draws a reference: 40 random bits.
func NewReference() Reference {
	var b [8]byte
	rand.Read(b[:])
	out := make([]byte, 0, 9)
	for i, c := range b {
		if i == 4 {
			out = append(out, '-')
		}
		out = append(out, referenceAlphabet[c%32])
	}
	return Reference(out)
}

// Source is where a request came from, for the audit trail.
type Source struct {
	Address netip.Addr // the client's, as the server that trusts its proxies sees it
	Agent   string     // the browser's own words, cut to 200 bytes
}

// Actor is who administers: a command line, an API client, later a referent.
type Actor struct {
	Name string
}

// EventKind is what happened. The zero value is invalid.
type EventKind uint8

// The kinds of events, much as RSA's servers name them: what a holder
// did, then what became of sessions, then what administrators did.
const (
	LoginAccepted     EventKind = iota + 1 // "login-accepted"
	CodeUnmatched                          // "code-unmatched": no code of this person's keys
	CodeTooFar                             // "code-too-far": a code of the key, outside what is accepted
	CodeReused                             // "code-reused"
	PINWrong                               // "pin-wrong": good code, wrong PIN
	PINAsked                               // "pin-asked": good code, no PIN yet
	PINRefused                             // "pin-refused": by the policy
	PINStaged                              // "pin-staged": chosen, not yet in service
	PINDefined                             // "pin-defined": in service
	NextCodeAsked                          // "next-code-asked"
	NextCodeWrong                          // "next-code-wrong"
	KeyLocked                              // "key-locked": by wrong PINs
	KeyUnusable                            // "key-unusable": good code of a locked, lost, expired or unassigned key
	PersonUnknown                          // "person-unknown"
	PersonDisabled                         // "person-disabled"
	LoginBusy                              // "login-busy": too many PINs to judge at once
	SessionHandedOver                      // "session-handed-over": to an application's host
	SessionEnded                           // "session-ended"
	AccountAdded                           // "account-added"
	AccountChanged                         // "account-changed"
	KeyImported                            // "key-imported"
	KeyAssigned                            // "key-assigned"
	KeyUnlocked                            // "key-unlocked"
	PINCleared                             // "pin-cleared"
	KeyHandedOver                          // "key-handed-over"
	KeyLost                                // "key-lost"
	KeyFound                               // "key-found"
	KeyRetired                             // "key-retired"
	KeyResynchronised                      // "key-resynchronised"
	EmergencyGiven                         // "emergency-given": codes for a lost key
	EmergencyUsed                          // "emergency-used": a login with one
)

var eventNames = words[EventKind]{what: "event", names: []string{"",
	"login-accepted", "code-unmatched", "code-too-far", "code-reused", "pin-wrong", "pin-asked", "pin-refused", "pin-staged", "pin-defined",
	"next-code-asked", "next-code-wrong", "key-locked", "key-unusable", "person-unknown", "person-disabled", "login-busy",
	"session-handed-over", "session-ended",
	"account-added", "account-changed", "key-imported", "key-assigned", "key-unlocked", "pin-cleared",
	"key-handed-over", "key-lost", "key-found", "key-retired", "key-resynchronised", "emergency-given", "emergency-used"}}

// String gives the event's word.
func (k EventKind) String() string { return eventNames.name(k) }

// MarshalText gives the event's word; an unknown kind is an error.
func (k EventKind) MarshalText() ([]byte, error) { return eventNames.marshal(k) }

// UnmarshalText reads an event's word; anything else is an error.
func (k *EventKind) UnmarshalText(b []byte) error { return eventNames.unmarshal(k, b) }

// Event is one entry of the audit trail. It is written in the transaction of
// what it tells: no trace, no grant. It holds no secret, and of a person who is
// unknown only a mark, since people type passwords into the wrong field.
type Event struct {
	Time      time.Time  `json:"time"`
	Kind      EventKind  `json:"kind"`
	Reference Reference  `json:"reference"`
	Holder    Identifier `json:"holder,omitempty"`
	Unknown   string     `json:"unknown,omitempty"` // the mark of an identifier nobody has
	Serial    Serial     `json:"serial,omitempty"`
	Actor     string     `json:"actor,omitempty"`
	Address   string     `json:"address,omitempty"`
	Agent     string     `json:"agent,omitempty"`
	Detail    string     `json:"detail,omitempty"`
}

const (
	day      = 24 * time.Hour
	maxAgent = 200 // bytes
)

// text gives the source as the records keep it.
func (s Source) text() (address, agent string) {
	if s.Address.IsValid() {
		address = s.Address.Unmap().WithZone("").String()
	}
	return address, strings.ToValidUTF8(s.Agent[:min(len(s.Agent), maxAgent)], "")
}

// writeEvents adds events to the audit trail.
func writeEvents(s *Secrets, w store.Writer, events []Event) error {
	for i, e := range events {
		if err := write(s, w, auditName(e, i), e, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// logEvents repeats in the log what the audit trail holds, once it does.
func (g *Gate) logEvents(ctx context.Context, events []Event) {
	for _, e := range events {
		g.log.LogAttrs(ctx, slog.LevelInfo, e.Kind.String(),
			slog.String("reference", string(e.Reference)), slog.String("holder", string(e.Holder)), slog.String("unknown", e.Unknown),
			slog.String("serial", string(e.Serial)), slog.String("actor", e.Actor), slog.String("address", e.Address), slog.String("detail", e.Detail))
	}
}

// Events returns the entries of the audit trail that keep wants, the oldest
// first.
func (g *Gate) Events(ctx context.Context, keep func(Event) bool) ([]Event, error) {
	var all []Event
	err := g.shared.store.View(ctx, func(r store.Reader) (err error) {
		all, err = collect(g.secrets(), r, auditPrefix, func(e Event) (bool, error) { return keep(e), nil })
		return err
	})
	return all, err
}
