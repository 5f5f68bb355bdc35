package states

import (
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// keys are one in each state that a holder can see.
var keys = func() []ui.OwnKey {
	since, used := time.Date(2025, 9, 3, 14, 10, 0, 0, paris), time.Date(2026, 3, 2, 7, 58, 0, 0, paris)
	expires := time.Date(2030, 12, 31, 0, 0, 0, 0, paris)
	return []ui.OwnKey{
		{Serial: "7382644821", Tail: "4821", State: ui.KeyInService, Since: since, LastUsed: used, Expires: expires},
		{Serial: "7382644822", Tail: "4822", State: ui.KeyToSync, Since: since, LastUsed: used, ChangePIN: true},
		{Serial: "7382644823", Tail: "4823", State: ui.KeyNew, Since: since},
		{Serial: "7382644824", Tail: "4824", State: ui.KeyLocked, LastUsed: used},
		{Serial: "7382644825", Tail: "4825", State: ui.KeyLost, LastUsed: used},
		{Serial: "7382644826", Tail: "4826", State: ui.KeyInService, LastUsed: used, Replaced: expires},
		{Serial: "7382644827", Tail: "4827", State: ui.KeyOver, LastUsed: used, Expires: since},
	}
}()

// connections are one of each kind.
var connections = func() (all []ui.Connection) {
	when := time.Date(2026, 3, 2, 7, 58, 0, 0, paris)
	for _, kind := range ui.ConnectionKinds() {
		c := ui.Connection{Kind: kind, When: when, Address: "192.0.2.7", Agent: sessions[0].Agent, Reference: "7F3K-Q2M9"}
		if kind == ui.ConnectionApplication {
			c.Application, c.Address = "Carnet de notes", ""
		}
		all, when = append(all, c), when.Add(-25*time.Hour)
	}
	return all
}()
