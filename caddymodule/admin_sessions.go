package caddymodule

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// sessionView is what the API shows of a session. Its ID names it and opens
// nothing; it is in hexadecimal here, since a base64url one may begin with a
// hyphen, which no command line takes for a name.
type sessionView struct {
	ID      string              `json:"id"`
	Holder  authcore.Identifier `json:"holder"`
	Serial  authcore.Serial     `json:"serial,omitempty"`
	Method  string              `json:"method"`
	Began   time.Time           `json:"began"`
	Seen    time.Time           `json:"seen"`
	Idle    time.Time           `json:"idle_end"`
	End     time.Time           `json:"end"`
	Address string              `json:"address,omitempty"`
	Agent   string              `json:"agent,omitempty"`
}

// sessionList is the answer to GET /sesame/sessions.
type sessionList struct {
	Sessions []sessionView `json:"sessions"`
}

func listSessions(c *adminCall) (any, error) {
	var of authcore.Identifier
	if text := c.query.Get("user"); text != "" {
		var err error
		if of, err = readIdentifier(text); err != nil {
			return nil, err
		}
		if _, err := c.gate.Account(c.Context(), of); err != nil {
			return nil, noSuch("user", of, err)
		}
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	from, err := after(c, func(text string) (authcore.SessionID, error) {
		id, ok := readSessionID(text)
		if !ok {
			return "", adminRefusal(http.StatusBadRequest, "the parameter after is the ID of a session")
		}
		return id, nil
	})
	if err != nil {
		return nil, err
	}
	alive, err := c.gate.Sessions(c.Context(), of, from, limit+1)
	alive = cutPage(c, alive, limit, func(s authcore.Session) string { return viewSessionID(s.ID) })
	list := sessionList{Sessions: make([]sessionView, 0, len(alive))}
	for _, s := range alive {
		list.Sessions = append(list.Sessions, sessionView{
			ID: viewSessionID(s.ID), Holder: s.Holder, Serial: s.Serial, Method: s.Method,
			Began: s.Began, Seen: s.Seen, Idle: s.Idle, End: s.End, Address: s.Address, Agent: s.Agent,
		})
	}
	return list, err
}

func endSession(c *adminCall) (any, error) {
	if err := c.noBody(); err != nil {
		return nil, err
	}
	text := c.PathValue("id")
	id, ok := readSessionID(text)
	if !ok {
		return nil, noSuch("session", text, authcore.ErrNotFound)
	}
	return nil, noSuch("session", text, c.gate.EndSession(c.Context(), c.by, id))
}

// viewSessionID gives a session's name, a SHA-256, in hexadecimal.
func viewSessionID(id authcore.SessionID) string {
	sum, _ := base64.RawURLEncoding.DecodeString(string(id)) // what authcore encoded
	return hex.EncodeToString(sum)
}

// readSessionID is the inverse of viewSessionID.
func readSessionID(text string) (authcore.SessionID, bool) {
	sum, err := hex.DecodeString(text)
	return authcore.SessionID(base64.RawURLEncoding.EncodeToString(sum)), err == nil && len(sum) == sha256.Size
}

// eventList is the answer to GET /sesame/audit.
type eventList struct {
	Events []authcore.Event `json:"events"`
}

func listEvents(c *adminCall) (any, error) {
	keep, err := c.eventFilter()
	if err != nil {
		return nil, err
	}
	all, err := c.gate.Events(c.Context(), keep)
	return eventList{Events: append([]authcore.Event{}, all...)}, err
}

// eventFilter reads which entries of the audit trail to list.
func (c *adminCall) eventFilter() (func(authcore.Event) bool, error) {
	var want struct {
		holder authcore.Identifier
		serial authcore.Serial
		since  time.Time
	}
	var reference authcore.Reference
	var err error
	if text := c.query.Get("reference"); text != "" {
		reference, err = readReference(text)
	}
	if text := c.query.Get("user"); text != "" && err == nil {
		want.holder, err = readIdentifier(text)
	}
	if text := c.query.Get("key"); text != "" && err == nil {
		want.serial, err = readSerial(text)
	}
	if text := c.query.Get("since"); text != "" && err == nil {
		if want.since, err = time.Parse(time.RFC3339, text); err != nil {
			err = adminRefusal(http.StatusBadRequest, "the parameter since is a time such as 2026-09-01T08:00:00Z (RFC 3339)")
		}
	}
	return func(e authcore.Event) bool {
		return (want.holder == "" || e.Holder == want.holder) && (want.serial == "" || e.Serial == want.serial) &&
			(reference == "" || e.Reference == reference) && !e.Time.Before(want.since)
	}, err
}

// misread are the letters that references do not have, with what they are read
// for (Crockford's base 32).
var misread = strings.NewReplacer("O", "0", "I", "1", "L", "1", " ", "", "-", "")

// readReference brings a reference into the form in which it was given, from
// how people write it down.
func readReference(text string) (authcore.Reference, error) {
	s := misread.Replace(strings.ToUpper(text))
	if len(s) != 8 {
		return "", adminRefusal(http.StatusBadRequest, "a reference has eight letters and digits, such as 7F3K-Q2M9")
	}
	return authcore.Reference(s[:4] + "-" + s[4:]), nil
}
