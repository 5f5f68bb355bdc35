package caddymodule

import (
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// passkeyView is what the API shows of a passkey.
type passkeyView struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Added    time.Time `json:"added"`
	LastUsed time.Time `json:"last_used,omitzero"`
	Synced   bool      `json:"synced"`
	Attested bool      `json:"attested"`
	Cloned   bool      `json:"cloned"`
}

func viewPasskeys(all []authcore.Passkey) []passkeyView {
	views := make([]passkeyView, 0, len(all))
	for _, p := range all {
		views = append(views, passkeyView{p.ID(), p.Name, p.Added, p.LastUsed, p.Synced, p.Attested, p.Cloned})
	}
	return views
}

func revokePasskey(c *adminCall) (any, error) {
	id, err := c.identifier()
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	if _, err := c.gate.Account(c.Context(), id); err != nil {
		return nil, noSuch("user", id, err)
	}
	return nil, c.gate.RevokePasskey(c.Context(), c.by, id, c.PathValue("passkey"))
}
