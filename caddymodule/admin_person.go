package caddymodule

import (
	"errors"
	"net/http"

	"github.com/sesame-gateway/sesame/authcore"
)

// personData is all that is held of one person, for whoever asks what is held of
// them (GDPR, article 15).
type personData struct {
	User     *userView          `json:"user,omitempty"` // absent once the account is removed
	Keys     []authcore.KeyInfo `json:"keys"`
	Sessions []sessionView      `json:"sessions"`
	Events   []authcore.Event   `json:"events"`
	Requests []requestView      `json:"requests"` // sent while logged in, without descriptions
	Messages []authcore.Message `json:"messages"` // that wait to be delivered
}

func exportUser(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	d, err := c.gate.ExportPerson(c.Context(), id)
	if err != nil {
		return nil, err
	}
	data := personData{
		Keys: append([]authcore.KeyInfo{}, d.Keys...), Sessions: make([]sessionView, 0, len(d.Sessions)),
		Events: append([]authcore.Event{}, d.Events...), Requests: make([]requestView, 0, len(d.Requests)),
		Messages: append([]authcore.Message{}, d.Messages...),
	}
	for _, r := range d.Requests {
		data.Requests = append(data.Requests, viewRequest(r))
	}
	if d.Account != nil {
		u := viewUser(*d.Account)
		data.User = &u
	}
	for _, s := range d.Sessions {
		data.Sessions = append(data.Sessions, viewSession(s))
	}
	return data, nil
}

func eraseUser(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	err = c.gate.ErasePerson(c.Context(), c.by, id)
	if errors.Is(err, authcore.ErrStillThere) {
		return nil, adminRefusal(http.StatusConflict, "%w", err)
	}
	return nil, err
}
