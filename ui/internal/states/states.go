// Package states lists every page of the gate in every state that a person may
// meet it in. The golden files, the checks of the pages' structure and the
// browser go over the same list, so that none of them forgets one.
package states

import (
	"fmt"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// State is one page as somebody meets it.
type State struct {
	Name  string   // the page, and what is particular about it: "login-refused"
	Frame ui.Frame // without Lang and SwitchHref, which In fills in
	Page  ui.Page
}

// Reference is the one that the refusals show.
const Reference = "QX4T-2M9K"

var (
	paris = time.FixedZone("CET", 3600)
	until = time.Date(2026, 3, 2, 8, 51, 0, 0, paris)

	// Plain is the frame of somebody who has not logged in.
	Plain = ui.Frame{CSRF: "csrf-token", PortalURL: "https://portail.example.org"}

	// Refused is the frame of an answer that carries a reference.
	Refused = afterRefusal(Plain)

	// Wait is a countdown of 23 seconds in a minute.
	Wait = ui.Wait{Remaining: 23 * time.Second, Period: time.Minute}

	// Applications are three that a person may open.
	Applications = []ui.Application{
		{Name: "Carnet de notes", Description: "Saisir et consulter les notes des élèves.", URL: "https://notes.example.org/"},
		{Name: "Emploi du temps", URL: "https://edt.example.org/"},
		{Name: "Gestion des élèves", Description: "Inscriptions, affectations et dossiers, de la sixième à la terminale, pour tout l’établissement.", URL: "https://eleves.example.org/"},
	}

	passkeys = []ui.Passkey{
		{ID: "1a2b3c4d5e", Name: "Téléphone", Added: until.AddDate(0, -3, 0), LastUsed: until.AddDate(0, 0, -1), Synced: true},
		{ID: "2a2b3c4d5e", Name: "Clé de sécurité du bureau de la direction, celle du tiroir", Added: until.AddDate(0, -2, 0)},
		{ID: "3a2b3c4d5e", Name: "Ordinateur", Added: until.AddDate(0, -1, 0), LastUsed: until, Cloned: true},
	}

	kept = ui.Kept{Application: "Carnet de notes", Action: "https://notes.example.org/classe/6B?eleve=12&champ={a}|'b'&.sesame=again", Sent: until.Add(-10 * time.Minute), Until: until}

	sessions = []ui.OpenSession{
		{ID: "s1", Current: true, Since: until, Address: "192.0.2.7", Agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{ID: "s2", Since: until.Add(-2 * time.Hour), Address: "2001:db8:85a3:8d3:1319:8a2e:370:7348", Agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"},
		{ID: "s3", Since: until.Add(-3 * time.Hour)},
	}

	referents = []ui.Referents{
		{Establishment: "0441550W", People: []ui.Colleague{{Name: "Claire Référent", Email: "claire.referent@example.org"}, {Name: "Alix Delacour-de-Saint-Symphorien"}}},
		{Establishment: "0693045K", People: []ui.Colleague{{Name: "Sacha Leroy", Email: "sacha.leroy-du-college-jean-moulin-de-la-ville@example.org"}}},
	}

	contact = ui.Contact{
		Name: "Assistance informatique du rectorat", Phone: "02 40 00 00 00",
		Email: "assistance@example.org", Hours: "du lundi au vendredi, de 8 h à 18 h",
		URL: "https://assistance.example.org/cles",
	}
)

// known is what the gate knows of somebody's request, typed what they made of it,
// wrong what is the matter with that.
var (
	known = ui.RequestForm{
		Surname: "Martin", GivenName: "Camille", Email: "camille.martin@ac-exemple.fr", Establishment: "0441550W", Key: "…4821", Accounts: "cmartin",
		Refusal: "7F3K-Q2M9", Met: "02/03/2026, 08:41:07", Application: "Carnet de notes",
	}
	typed = ui.RequestForm{
		Surname: "Martin", GivenName: "Camille", Email: "camille.martin", Phone: "02 40 00 00 00", Hours: "le mardi \u202e12 à 10 ed", Subject: "<b>PASSCODE</b> refusé",
		Description: "\nJe tape mon PASSCODE, et la page dit :\n\n    Identifiant ou PASSCODE incorrect.\n\nشكرا 🔑 " +
			"https://portail.example.org/.sesame/login?target=https%3A%2F%2Fnotes.example.org%2Fclasse%3Fid%3D6B%26trimestre%3D2%26matiere%3Dmathematiques",
	}
	wrong = map[string]ui.FieldProblem{ui.FieldEmail: ui.FieldNoAddress, ui.FieldDescription: ui.FieldTooLong, ui.FieldScreenshot: ui.ScreenshotFormat}
)

// slowedRequest is the frame of somebody who asks too often.
var slowedRequest = func() ui.Frame {
	f := Plain
	f.Retry = until.Add(30 * time.Second)
	return f
}()

// slowed is the frame of somebody who guesses too much.
var slowed = func() ui.Frame {
	f := Refused
	f.Retry = f.Time.Add(30 * time.Second)
	return f
}()

func afterRefusal(f ui.Frame) ui.Frame {
	f.Reference, f.Time = Reference, time.Date(2026, 3, 2, 8, 41, 7, 0, paris)
	return f
}

// SignedIn is the frame of somebody who has logged in.
func SignedIn() ui.Frame {
	f := Plain
	f.Person = "Camille Martin"
	return f
}

// Full is a frame in which everything is shown.
func Full(f ui.Frame) ui.Frame {
	f.Demo, f.Contact = true, contact
	f.Accessibility = ui.Accessibility{Conformity: ui.ConformityPartial, URL: "https://portail.example.org/accessibilite"}
	return f
}

// Referred is a frame that names the referents.
func Referred(f ui.Frame) ui.Frame {
	f.Referents = referents
	return f
}

// stating is a frame with a statement of conformity and no declaration.
func stating(c ui.Conformity) ui.Frame {
	f := Plain
	f.Accessibility.Conformity = c
	return f
}

// reached is a frame with somebody to ask.
func reached(c ui.Contact) ui.Frame {
	f := Plain
	f.Contact = c
	return f
}

// All lists every page in every state that it can be met in.
func All() []State {
	return slices.Concat(loginStates(), portalStates(), accountStates(), passkeyStates(), assistanceStates(), console(), noticeStates())
}

// loginStates are those of a login and its end.
func loginStates() []State {
	return []State{
		{"login", Plain, ui.Login{}},
		{"login-application", Full(Plain), ui.Login{Application: "Carnet de notes", Target: "https://notes.example.org/classe?id=6B"}},
		{"login-8-digits", Plain, ui.Login{Digits: 8}},
		{"login-sessionEnded", Plain, ui.Login{Identifier: "cmartin", Notice: ui.NoticeSessionEnded}},
		{"login-freshCode", Plain, ui.Login{Identifier: "cmartin", Application: "Carnet de notes", Notice: ui.NoticeFreshCode}},
		{"login-loggedOut", Plain, ui.Login{Notice: ui.NoticeLoggedOut}},
		{"login-challengeExpired", Refused, ui.Login{Identifier: "cmartin", Notice: ui.NoticeChallengeExpired}},
		{"login-formKept", Plain, ui.Login{Application: "Carnet de notes", Notice: ui.NoticeFormKept}},
		{"login-slowed", slowed, ui.Login{Identifier: "cmartin", Notice: ui.NoticeSlowed}},
		{"login-reference-alone", Refused, ui.Login{}},
		{"pin", Plain, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until}},
		{"pin-exact", Full(Plain), ui.NewPIN{Min: 6, Max: 6}},
		{"pin-activation", Plain, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until, Activation: true}},
		{"pin-change", Plain, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until, Change: true}},
		{"pin-pinUnchanged", Refused, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until, Change: true, Notice: ui.NoticePINUnchanged}},
		{"synchronise", Plain, ui.Synchronise{Wait: Wait, Until: until}},
		{"synchronise-slowed", slowed, ui.Synchronise{Wait: Wait, Until: until, Notice: ui.NoticeSlowed}},
		{"synchronise-change", Plain, ui.Synchronise{Change: true, Wait: Wait, Until: until}},
		{"synchronise-no-countdown", Full(Plain), ui.Synchronise{Digits: 8}},
		{"nextCode", Plain, ui.NextCode{Wait: Wait, Until: until}},
		{"nextCode-failures", Plain, ui.NextCode{Failures: true, Wait: Wait, Until: until}},
		{"nextCode-no-countdown", Full(Plain), ui.NextCode{Digits: 8}},
		{"logout", SignedIn(), ui.Logout{}},
		{"loggedOut", stating(ui.ConformityNone), ui.LoggedOut{}},
	}
}

// portalStates are those of the portal, of refusals and of kept forms.
func portalStates() []State {
	return []State{
		{"portal", SignedIn(), ui.Portal{Applications: Applications}},
		{"portal-keyInService", Full(SignedIn()), ui.Portal{Applications: Applications[:1], Notice: ui.NoticeKeyInService}},
		{"portal-pinChanged", SignedIn(), ui.Portal{Applications: Applications[:1], Notice: ui.NoticePINChanged}},
		{"portal-console", SignedIn(), ui.Portal{Applications: Applications[:1], Console: true}},
		{"portal-empty", SignedIn(), ui.Portal{}},
		{"portal-empty-contact", Full(SignedIn()), ui.Portal{}},
		{"portal-empty-referents", Referred(SignedIn()), ui.Portal{}},
		{"problem-forbidden-referents", Full(Referred(afterRefusal(SignedIn()))), ui.Problem{Kind: ui.ProblemForbidden, Application: "Carnet de notes"}},
		{"kept", SignedIn(), kept},
		{"kept-full", Full(SignedIn()), kept},
		{"problem-network-application", Full(afterRefusal(SignedIn())), ui.Problem{Kind: ui.ProblemNetwork, Application: "Carnet de notes"}},
		{"problem-untold-application", Full(afterRefusal(SignedIn())), ui.Problem{Kind: ui.ProblemUntold, Application: "Carnet de notes"}},
		{"problem-forbidden-application", Full(afterRefusal(SignedIn())), ui.Problem{Kind: ui.ProblemForbidden, Application: "Carnet de notes"}},
	}
}

// accountStates are those of the account.
func accountStates() []State {
	return []State{
		{"account", SignedIn(), ui.Account{Keys: keys[:1], Sessions: sessions[:1], Connections: connections[:2]}},
		{"account-several", Full(SignedIn()), ui.Account{Keys: keys, Sessions: sessions, Passkeys: true, Connections: connections, Language: ui.English}},
		{"account-none", SignedIn(), ui.Account{Sessions: sessions[:1], Passkeys: true}},
		{"account-languageChanged", SignedIn(), ui.Account{Keys: keys[:1], Sessions: sessions[:1], Language: ui.English, Notice: ui.NoticeLanguageChanged}},
		{"account-pinChanged", SignedIn(), ui.Account{Keys: keys[:1], Sessions: sessions[:1], Notice: ui.NoticePINChanged}},
		{"accountPIN", SignedIn(), ui.AccountPIN{}},
		{"accountLost", SignedIn(), ui.AccountLost{Serial: "7382644821", Tail: "4821"}},
		{"accountLost-passkeys", SignedIn(), ui.AccountLost{Serial: "7382644821", Tail: "4821", Passkeys: true}},
		{"accountLostDone", Full(Plain), ui.AccountLostDone{Tail: "4821"}},
		{"accountLostDone-passkeys", Plain, ui.AccountLostDone{Tail: "4821", Passkeys: true}},
		{"account-sessionClosed", SignedIn(), ui.Account{Sessions: sessions[:2], Notice: ui.NoticeSessionClosed}},
		{"account-othersClosed", SignedIn(), ui.Account{Sessions: sessions[:1], Notice: ui.NoticeOthersClosed}},
	}
}

// passkeyStates are those of passkeys.
func passkeyStates() []State {
	return []State{
		{"login-passkey", Plain, ui.Login{Passkeys: true}},
		{"login-passkey-application", Full(Plain), ui.Login{Passkeys: true, Application: "Carnet de notes", Target: "https://notes.example.org/classe?id=6B"}},
		{"passkeyWanted", SignedIn(), ui.PasskeyWanted{Application: "Carnet de notes", Target: "https://notes.example.org/classe?id=6B"}},
		{"passkeyWanted-page", Full(SignedIn()), ui.PasskeyWanted{Target: "https://notes.example.org/"}},
		{"passkeyWanted-none", SignedIn(), ui.PasskeyWanted{Application: "Carnet de notes", None: true}},
		{"passkeys", SignedIn(), ui.Passkeys{Passkeys: passkeys, Max: 10}},
		{"passkeys-none", SignedIn(), ui.Passkeys{Max: 10}},
		{"passkeys-full", Full(SignedIn()), ui.Passkeys{Passkeys: passkeys, Max: 3}},
		{"passkeyAdd", SignedIn(), ui.PasskeyAdd{Until: until}},
		{"passkeyAdd-passkeyScript", SignedIn(), ui.PasskeyAdd{Name: "Téléphone", Until: until, Notice: ui.NoticePasskeyScript}},
		{"passkeyRename", SignedIn(), ui.PasskeyRename{ID: "1a2b3c4d5e", Name: "Téléphone"}},
		{"passkeyRemove", SignedIn(), ui.PasskeyRemove{ID: "1a2b3c4d5e", Name: "Téléphone"}},
		{"passkeyRemove-own", SignedIn(), ui.PasskeyRemove{ID: "1a2b3c4d5e", Name: "Téléphone", Own: true}},
		{"passkeyRemove-passkeyLast", SignedIn(), ui.PasskeyRemove{ID: "1a2b3c4d5e", Name: "Téléphone", Notice: ui.NoticePasskeyLast}},
	}
}

// assistanceStates are those of the assistance.
func assistanceStates() []State {
	return []State{
		{"assistance", stating(ui.ConformityFull), ui.Assistance{}},
		{"assistance-contact", Full(SignedIn()), ui.Assistance{}},
		{"assistance-no-number", reached(ui.Contact{Name: "Référent numérique du collège", Phone: "poste affiché à l’accueil"}), ui.Assistance{}},
		{"assistance-refusal", Full(SignedIn()), ui.Assistance{Form: "nonce", Request: known}},
		{"assistance-requestWrong", Full(Plain), ui.Assistance{Form: "nonce", Request: typed, Notice: ui.NoticeRequestWrong, Wrong: wrong}},
		{"assistance-requestAgain", Plain, ui.Assistance{Form: "nonce", Request: typed, Notice: ui.NoticeRequestAgain}},
		{"assistance-requestSlowed", slowedRequest, ui.Assistance{Form: "nonce", Request: typed, Notice: ui.NoticeRequestSlowed}},
		{"assistance-requestBusy", Plain, ui.Assistance{Form: "nonce", Notice: ui.NoticeRequestBusy}},
		{"requestSent", Plain, ui.RequestSent{Reference: "7F3K-Q2M9"}},
		{"requestUnsent", Full(Plain), ui.RequestUnsent{Form: "nonce", Request: typed}},
	}
}

// noticeStates are the pages with each notice that they can carry, and the problems.
func noticeStates() (all []State) {
	for _, n := range loginErrors {
		all = append(all, State{"login-" + n.String(), Refused, ui.Login{Identifier: "cmartin", Wait: waitAfter(n), Notice: n}})
	}
	for _, n := range pinErrors {
		all = append(all, State{"pin-" + n.String(), Refused, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until, Notice: n}})
	}
	for _, n := range activationErrors {
		all = append(all, State{"pin-" + n.String(), Refused, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until, Activation: true, Notice: n}})
	}
	for _, n := range synchroniseErrors {
		all = append(all, State{"synchronise-" + n.String(), Refused, ui.Synchronise{Wait: Wait, Until: until, Notice: n}})
	}
	for _, n := range nextCodeErrors {
		all = append(all, State{"nextCode-" + n.String(), Refused, ui.NextCode{Wait: Wait, Until: until, Notice: n}})
	}
	for _, n := range []ui.Notice{ui.NoticePasskeyAdded, ui.NoticePasskeyRenamed, ui.NoticePasskeyRemoved} {
		all = append(all, State{"passkeys-" + n.String(), SignedIn(), ui.Passkeys{Passkeys: passkeys[:1], Max: 10, Notice: n}})
	}
	for _, n := range []ui.Notice{ui.NoticePasskeyName, ui.NoticePasskeyNameTaken} {
		all = append(all, State{"passkeyRename-" + n.String(), SignedIn(), ui.PasskeyRename{ID: "1a2b3c4d5e", Name: "Ordinateur", Notice: n}})
	}
	for _, p := range ui.FieldProblems() {
		all = append(all, State{fmt.Sprintf("assistance-requestWrong-%d", p), Plain, ui.Assistance{Form: "nonce", Request: known, Notice: ui.NoticeRequestWrong, Wrong: map[string]ui.FieldProblem{ui.FieldScreenshot: p}}})
	}
	for _, k := range ui.Kinds() {
		all = append(all, State{"problem-" + k.String(), Refused, ui.Problem{Kind: k}})
	}
	return all
}

func waitAfter(n ui.Notice) ui.Wait {
	if n == ui.NoticeRefused || n == ui.NoticeCodeUsed {
		return Wait
	}
	return ui.Wait{}
}

var (
	loginErrors = []ui.Notice{
		ui.NoticeRefused, ui.NoticeCodeUsed, ui.NoticeNextCodeWrong,
		ui.NoticeIdentifierLooksLikePasscode, ui.NoticeIdentifierMissing, ui.NoticeIdentifierMalformed,
		ui.NoticePasscodeMissing, ui.NoticePasscodeNotDigits, ui.NoticePasscodeTooShort, ui.NoticePasscodeTooLong,
	}
	pinErrors = []ui.Notice{
		ui.NoticePINMissing, ui.NoticePINMismatch, ui.NoticePINNotDigits, ui.NoticePINTooShort, ui.NoticePINTooLong,
		ui.NoticePINRepeated, ui.NoticePINSequence, ui.NoticePINDate, ui.NoticePINCommon,
		ui.NoticePINFromSerial, ui.NoticePINFromCode,
	}
	activationErrors  = []ui.Notice{ui.NoticeActivationMissing, ui.NoticeActivationMalformed, ui.NoticeActivationWrong}
	synchroniseErrors = []ui.Notice{
		ui.NoticeRefused, ui.NoticeCodeUsed,
		ui.NoticePasscodeMissing, ui.NoticePasscodeNotDigits, ui.NoticePasscodeTooShort, ui.NoticePasscodeTooLong,
	}
	nextCodeErrors = []ui.Notice{
		ui.NoticeRefused, ui.NoticeCodeUsed, ui.NoticeNextCodeWrong,
		ui.NoticePasscodeMissing, ui.NoticePasscodeNotDigits, ui.NoticePasscodeTooShort, ui.NoticePasscodeTooLong,
	}
)

// In returns the state's frame for a language.
func (s State) In(l ui.Lang) ui.Frame {
	f := s.Frame
	f.Lang, f.SwitchHref = l, "?lang="+l.Other().String()
	return f
}
