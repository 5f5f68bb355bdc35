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
}

// Actor is who administers: a command line, an API client, later a referent.
type Actor struct {
	Name string
}

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
