package caddymodule

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
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
	Host    string              `json:"host,omitempty"` // of the application; a list has the portal's own only
	Began   time.Time           `json:"began"`
	Seen    time.Time           `json:"seen"`
	Idle    time.Time           `json:"idle_end"`
	End     time.Time           `json:"end"`
	Ended   time.Time           `json:"ended,omitzero"` // a list has none that has ended
	Address string              `json:"address,omitempty"`
	Agent   string              `json:"agent,omitempty"`
	Passkey string              `json:"passkey,omitempty"` // the ID of the one that opened it
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
		list.Sessions = append(list.Sessions, viewSession(s))
	}
	return list, err
}

func viewSession(s authcore.Session) sessionView {
	return sessionView{
		ID: viewSessionID(s.ID), Holder: s.Holder, Serial: s.Serial, Method: s.Method, Host: s.Host,
		Began: s.Began, Seen: s.Seen, Idle: s.Idle, End: s.End, Ended: s.Ended, Address: s.Address, Agent: s.Agent, Passkey: authcore.Passkey{Mark: s.Passkey}.ID(),
	}
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
