package authcore

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Source is where a request came from, for the audit trail.
type Source struct {
	Address netip.Addr // the client's, as the server that trusts its proxies sees it
	Agent   string     // the browser's own words, cut to 200 bytes
	// Browser is what Reply.Browser gave the browser at an earlier login; "" of one
	// that nobody has logged in with.
	Browser Token
}

// Actor is who administers: a command line, an API client, or with [Gate.Clerk]
// somebody in the console.
type Actor struct {
	// Name is what the audit trail has of them.
	Name string
	// Who is their name alone, by which FourEyes tells two operators apart, whatever
	// the case of its letters. "" is nobody in particular.
	Who string

	clerk    *clerk   // nil: at the admin endpoint
	confirms *Pending // what another asked for, and they do
}

func (a Actor) who() string { return strings.ToLower(strings.TrimSpace(a.Who)) }

// event writes down an act of theirs.
func (a Actor) event(kind EventKind, holder Identifier, serial Serial, detail string) Event {
	e := Event{Kind: kind, Holder: holder, Serial: serial, Actor: a.Name, Detail: detail}
	if a.clerk != nil {
		e.Address, e.Agent = a.clerk.from.text()
	}
	return e
}

// Event is one entry of the audit trail. It is written in the transaction of
// what it tells: no trace, no grant. It holds no secret, and of a person who is
// unknown only a mark, since people type passwords into the wrong field.
//
// Chain, Number and MAC are given by the trail itself. The MAC (HMAC-SHA256
// under a key that is not in the store) is over all other fields.
type Event struct {
	Time      time.Time  `json:"time"`
	Kind      EventKind  `json:"kind"`
	Reference Reference  `json:"reference"`
	Holder    Identifier `json:"holder,omitempty"`
	Unknown   string     `json:"unknown,omitempty"` // the mark of an identifier nobody has, or has any more
	Serial    Serial     `json:"serial,omitempty"`
	Actor     string     `json:"actor,omitempty"`
	Address   string     `json:"address,omitempty"`
	Agent     string     `json:"agent,omitempty"`
	Detail    string     `json:"detail,omitempty"`
	Chain     Chain      `json:"chain"`
	Number    uint64     `json:"number"`          // from 1 on, in its chain
	Alert     bool       `json:"alert,omitempty"` // somebody should look at it, see EventKind
	MAC       []byte     `json:"mac,omitempty"`
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

// writeEvents adds events to the audit trail: each numbered, signed and entered
// where it is looked up by.
func writeEvents(s *Secrets, w store.Writer, events []Event) error {
	for i := range events {
		e := &events[i]
		if err := e.number(s, w); err != nil {
			return err
		}
		stem := auditStem(*e, i)
		if err := write(s, w, auditPrefix+stem, e, time.Time{}); err != nil {
			return err
		}
		for _, name := range e.indexes(stem) {
			if err := w.Put(name, nil, time.Time{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// logEvents repeats in the log what the audit trail holds, once it does. Chain
// and number stand there too: a log that is kept elsewhere shows what was taken
// from the store.
func (g *Gate) logEvents(ctx context.Context, events []Event) {
	for _, e := range events {
		level := slog.LevelInfo
		if e.Alert {
			level = slog.LevelWarn
			g.shared.onAlert(e.Kind)
		}
		g.log.LogAttrs(ctx, level, e.Kind.String(),
			slog.String("reference", string(e.Reference)), slog.String("holder", string(e.Holder)), slog.String("unknown", e.Unknown),
			slog.String("serial", string(e.Serial)), slog.String("actor", e.Actor), slog.String("address", e.Address), slog.String("detail", e.Detail),
			slog.String("chain", string(e.Chain)), slog.Uint64("number", e.Number), slog.Bool("alert", e.Alert))
	}
}
