package caddymodule

import (
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// What the page of the account shows of keys and connections.

// shownKey is a key as its holder sees it.
func shownKey(k authcore.KeyInfo, at time.Time) ui.OwnKey {
	since := k.HandedOver
	if since.IsZero() {
		since = k.Assigned
	}
	shown := ui.OwnKey{
		Serial: string(k.Serial), Tail: k.Serial.Tail(), State: keyStates[k.State],
		Since: readHere(since), LastUsed: readHere(k.LastUsed), Expires: readHere(k.Expires), Replaced: readHere(k.Ends), ChangePIN: k.ChangePIN,
	}
	if past(k.Expires, at) || past(k.Ends, at) {
		shown.State, shown.Replaced, shown.ChangePIN = ui.KeyOver, time.Time{}, false
	}
	if shown.State == ui.KeyOver && !past(k.Expires, at) {
		shown.Expires = time.Time{} // it is over before its day
	}
	return shown
}

// past reports whether an end, zero for none, has come.
func past(end, at time.Time) bool { return !end.IsZero() && !at.Before(end) }

// readHere is a time on the calendar of the server's zone; zero stays zero.
func readHere(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(now().Location())
}

var keyStates = map[authcore.State]ui.KeyState{
	authcore.PINToDefine:   ui.KeyNew,
	authcore.ToSynchronise: ui.KeyToSync,
	authcore.Active:        ui.KeyInService,
	authcore.Locked:        ui.KeyLocked,
	authcore.Lost:          ui.KeyLost,
	authcore.Retired:       ui.KeyOver,
}

var connectionKinds = map[authcore.EventKind]ui.ConnectionKind{
	authcore.LoginAccepted:     ui.ConnectionLogin,
	authcore.PINDefined:        ui.ConnectionPIN,
	authcore.EmergencyUsed:     ui.ConnectionEmergency,
	authcore.PasskeyUsed:       ui.ConnectionPasskey,
	authcore.SessionHandedOver: ui.ConnectionApplication,
	authcore.CodeUnmatched:     ui.ConnectionCode,
	authcore.CodeTooFar:        ui.ConnectionCode,
	authcore.NextCodeWrong:     ui.ConnectionCode,
	authcore.CodeReused:        ui.ConnectionUsed,
	authcore.PINWrong:          ui.ConnectionWrongPIN,
	authcore.ActivationWrong:   ui.ConnectionActivation,
	authcore.KeyUnusable:       ui.ConnectionKey,
	authcore.PersonDisabled:    ui.ConnectionClosed,
	authcore.LoginBusy:         ui.ConnectionBusy,
	authcore.LoginSlowed:       ui.ConnectionSlowed,
	authcore.PasskeyRefused:    ui.ConnectionPasskeyWrong,
	authcore.PasskeyCloned:     ui.ConnectionCopied,
}

// shownConnection is an entry of the audit trail as the person recognises it.
func (x *exchange) shownConnection(e authcore.Event) ui.Connection {
	c := ui.Connection{Kind: connectionKinds[e.Kind], When: readHere(e.Time), Address: e.Address, Agent: e.Agent, Reference: string(e.Reference)}
	if e.Kind == authcore.SessionHandedOver {
		c.Application = e.Detail
		for _, t := range x.app.sites {
			if t.sessionHost() == e.Detail {
				c.Application = t.name
			}
		}
	}
	return c
}
