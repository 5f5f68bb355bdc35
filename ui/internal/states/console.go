package states

import (
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// eventWords are the kinds of entries that are about a person.
var eventWords = []string{
	"login-accepted", "code-unmatched", "code-too-far", "code-reused", "pin-wrong", "pin-asked", "pin-refused", "pin-staged",
	"pin-defined", "next-code-asked", "next-code-wrong", "key-locked", "key-unusable", "person-disabled", "login-busy",
	"session-handed-over", "session-ended", "account-added", "account-changed", "key-assigned", "key-unlocked", "pin-cleared",
	"key-handed-over", "key-lost", "key-found", "key-retired", "key-resynchronised", "emergency-given", "emergency-used",
	"key-returned", "account-removed", "login-slowed", "pin-change-required", "pin-change-asked", "activation-given",
	"activation-wrong", "key-replaced", "delegation-given", "delegation-ended", "form-kept", "form-sent-again", "form-dropped",
	"passkey-added", "passkey-renamed", "passkey-removed", "passkey-used", "passkey-refused", "passkey-cloned", "role-given",
	"role-ended", "confirmation-asked", "confirmation-refused", "request-sent", "request-removed", "message-sent",
	"message-given-up",
}

var (
	consoleEvents = []ui.ConsoleEvent{
		{Kind: "code-unmatched", Time: until, Reference: "7F3K-Q2M9"},
		{Kind: "key-unlocked", Time: until.Add(-time.Hour), Reference: "7F3K-Q2M9", Actor: "creferent (console)"},
	}
	consolePerson = ui.ConsolePerson{
		ID: "cmartin", Name: "Camille Martin", Establishments: "0441550W, 0693045K",
		Line: "clé 0123456789, code PIN jamais défini\u00a0: à la première connexion, taper les 6 chiffres seuls, puis choisir le code PIN\u202f; aucune application\u00a0: c’est aussi une question de droits",
	}
	waiting = []ui.ConsoleWaiting{
		wait(ui.Waiting{Act: "return-key", Serial: "0123456789"}), wait(ui.Waiting{Act: "retire-key", Serial: "1123456789"}),
		wait(ui.Waiting{Act: "revoke-passkey", Passkey: "Téléphone"}), wait(ui.Waiting{Act: "remove-person", Keys: "retire"}), //nolint:gosec // G101 takes Passkey, a name, for a password
		wait(ui.Waiting{Act: "remove-person", Keys: "return"}), wait(ui.Waiting{Act: "remove-person", Keys: "keep"}),
		wait(ui.Waiting{Act: "give-role", Role: "referent", Scope: []string{"0441550W", "nord"}}),
		wait(ui.Waiting{Act: "give-role", Role: "operator"}), wait(ui.Waiting{Act: "give-role", Role: "auditor"}),
		wait(ui.Waiting{Act: "an-act-of-tomorrow"}), wait(ui.Waiting{Act: "give-role", Role: "a-role-of-tomorrow"}),
	}
	stockKeys = []ui.ConsoleStockKey{
		{Serial: "0123456789", Holder: "cmartin", Place: "handed-over", Expires: until.AddDate(0, 2, 0), Expiring: true},
		{Serial: "1123456789", Place: "sent", Receive: true},
		{Serial: "2123456789012345678901234567890123456789", Place: "safe"},
	}
)

// wait is an act that another operator asked for.
func wait(w ui.Waiting) ui.ConsoleWaiting {
	w.ID, w.Name, w.By, w.Until = "cmartin", "Camille Martin", "coper (console)", until
	return ui.ConsoleWaiting{ID: "7F3K-Q2M9", Waiting: w}
}

// console lists the pages of the console.
func console() []State {
	scope := []string{"0441550W", "0693045K"}
	found := []ui.ConsoleEntry{{ID: "cmartin", Name: "Camille Martin", Establishments: "0441550W"}, {ID: "adelacour-de-saint-symphorien@ac-example.fr", Name: "Alix Delacour-de-Saint-Symphorien"}}
	full := consolePerson
	full.Keys = []ui.ConsoleKey{{Serial: "0123456789", Place: "assigned", Expires: until.AddDate(0, 2, 0), Acts: []ui.Act{ui.ActUnlock, ui.ActClearPIN, ui.ActLose, ui.ActHandOver, ui.ActReturn}}, {Serial: "1123456789", Place: "lost"}}
	full.Passkeys = []ui.ConsoleThing{{ID: "1a2b3c4d5e", Name: "Téléphone", Ends: true}, {ID: "2a2b3c4d5e", Name: "Ordinateur"}}
	full.Delegations = []ui.ConsoleThing{{ID: "notes", Name: "Carnet de notes", Until: until, Ends: true}, {ID: "edt", Name: "Emploi du temps", Until: until}}
	full.Acts, full.Events = []ui.Act{ui.ActAssign, ui.ActDelegate}, consoleEvents
	done := consolePerson
	done.Notice = ui.NoticeConsoleDone
	story := ui.ConsoleStory{Reference: "7F3K-Q2M9", Asked: true, ID: "cmartin", Name: "Camille Martin"}
	for i, kind := range append(eventWords, "an-event-of-tomorrow") {
		story.Events = append(story.Events, ui.ConsoleEvent{Kind: kind, Time: until.Add(time.Duration(i) * time.Second), Reference: "7F3K-Q2M9"})
	}
	all := []State{
		{"console", SignedIn(), ui.Console{Scope: scope}},
		{"console-operator", Full(SignedIn()), ui.Console{Operator: true}},
		{"console-found", SignedIn(), ui.Console{Scope: scope[:1], Query: "mart", Searched: true, People: found, Next: "0441550W/cmartin"}},
		{"console-nobody", SignedIn(), ui.Console{Scope: scope[:1], Query: "x", Searched: true}},
		{"consolePerson", SignedIn(), full},
		{"consolePerson-bare", Full(SignedIn()), consolePerson},
		{"consolePerson-consoleDone", SignedIn(), done},
		{"consoleAct-assign-choosing", SignedIn(), ui.ConsoleAct{Act: ui.ActAssign, ID: "cmartin", Name: "Camille Martin", Choosing: true, Choices: []ui.ConsoleChoice{{Name: "0123456789", Serial: "0123456789"}, {Name: "Carnet de notes", Application: "notes"}}}},
		{"consoleAct-assign-none", SignedIn(), ui.ConsoleAct{Act: ui.ActAssign, ID: "cmartin", Name: "Camille Martin", Choosing: true}},
		{"consoleAct-delegate-none", SignedIn(), ui.ConsoleAct{Act: ui.ActDelegate, ID: "cmartin", Name: "Camille Martin", Choosing: true}},
		{"consoleCodes", SignedIn(), ui.ConsoleCodes{ID: "cmartin", Name: "Camille Martin", Serial: "0123456789", Codes: []string{"12345678", "23456789"}, Until: until}},
		{"consoleCodes-none", SignedIn(), ui.ConsoleCodes{ID: "cmartin", Name: "Camille Martin", Serial: "0123456789"}},
		{"consoleStory", SignedIn(), ui.ConsoleStory{}},
		{"consoleStory-none", SignedIn(), ui.ConsoleStory{Reference: "7F3K-Q2M9", Asked: true}},
		{"consoleStory-told", SignedIn(), story},
		{"consoleStock", SignedIn(), ui.ConsoleStock{Establishment: scope[0], Scope: scope[1:], Year: until, Keys: stockKeys}},
		{"consoleStock-none", SignedIn(), ui.ConsoleStock{Establishment: scope[0], Year: until, Notice: ui.NoticeConsoleDone}},
		{"consolePending", SignedIn(), ui.ConsolePending{Entries: waiting}},
		{"consoleRequests", SignedIn(), ui.ConsoleRequests{Requests: []ui.ConsoleRequestEntry{
			{Reference: "7F3K-Q2M9", Subject: "PASSCODE refusé", From: "Camille Martin", Reach: "02 40 00 00 00", Sent: until}, {Reference: "8F3K-Q2M9", Subject: "Clé \u202eeudrep", From: "Sacha Leroy", Sent: until},
		}, Next: "8F3K-Q2M9"}},
		{"consoleRequest", SignedIn(), ui.ConsoleRequest{Reference: "8F3K-Q2M9", Typed: described(known), Refusal: known.Refusal, LoggedIn: true, ID: "cmartin", Name: "Camille Martin", Pictures: 2, Sent: until, Until: until.AddDate(0, 1, 0)}},
		{"consoleRequest-unknown", Full(SignedIn()), ui.ConsoleRequest{Reference: "8F3K-Q2M9", Typed: typed, Sent: until, Until: until.AddDate(0, 1, 0)}},
		{"consoleRequest-elsewhere", SignedIn(), ui.ConsoleRequest{Reference: "8F3K-Q2M9", Typed: described(known), LoggedIn: true, Sent: until, Until: until.AddDate(0, 1, 0)}},
		{"consoleRequests-none", SignedIn(), ui.ConsoleRequests{}},
		{"consolePending-none", SignedIn(), ui.ConsolePending{}},
	}
	for _, n := range []ui.Notice{ui.NoticeConsoleAwaits, ui.NoticeConsoleState} {
		p := consolePerson
		p.Notice = n
		all = append(all, State{"consolePerson-" + n.String(), SignedIn(), p})
	}
	for _, n := range []ui.Notice{ui.NoticeConsoleOwn, ui.NoticeConsoleDone, ui.NoticeConsoleState} {
		all = append(all, State{"consolePending-" + n.String(), SignedIn(), ui.ConsolePending{Notice: n}})
	}
	all = append(all, State{"consoleStock-consoleState", SignedIn(), ui.ConsoleStock{Establishment: scope[0], Year: until, Notice: ui.NoticeConsoleState}})
	for _, a := range ui.Acts() {
		all = append(all, State{"consoleAct-" + a.String(), SignedIn(), act(a)})
	}
	for _, n := range []ui.Notice{ui.NoticeConsoleReason, ui.NoticeConsoleDays} {
		p := act(ui.ActLose)
		p.Reason, p.Days, p.Notice = "trop long", "99", n
		all = append(all, State{"consoleAct-lost-" + n.String(), SignedIn(), p})
	}
	unreasoned := act(ui.ActDelegate)
	unreasoned.Until, unreasoned.Notice = "31/07/2026", ui.NoticeConsoleReason
	all = append(all, State{"consoleAct-delegate-consoleReason", SignedIn(), unreasoned})
	late := act(ui.ActDelegate)
	late.Reason, late.Until, late.Notice = "remplacement", "hier", ui.NoticeConsoleUntil
	return append(all, State{"consoleAct-delegate-consoleUntil", SignedIn(), late})
}

// described is a request of which somebody says what it is about.
func described(r ui.RequestForm) ui.RequestForm {
	r.Phone, r.Hours, r.Subject = "02 40 00 00 00", "le mardi, de 10 h à midi", "PASSCODE refusé"
	r.Description = "Je tape mon PASSCODE, et la page dit :\r\n\r\n    Identifiant ou PASSCODE incorrect."
	return r
}

// act is the page of an act, with what such an act is about.
func act(a ui.Act) ui.ConsoleAct {
	p := ui.ConsoleAct{Act: a, ID: "cmartin", Name: "Camille Martin"}
	switch a {
	case ui.ActReceive:
		p.ID, p.Name, p.Serial, p.Establishment = "", "", "0123456789", "0441550W"
	case ui.ActDelegate, ui.ActEndDelegation:
		p.Application, p.Thing = "notes", "Carnet de notes"
	case ui.ActRevokePasskey:
		p.Passkey, p.Thing = "1a2b3c4d5e", "Téléphone"
	case ui.ActConfirm, ui.ActRefuse:
		p.Pending, p.Waiting = waiting[0].ID, waiting[0].Waiting
	default:
		p.Serial = "0123456789"
	}
	return p
}
