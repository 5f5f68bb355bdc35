package ui_test

import (
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// state is one page as somebody meets it. Golden files, screenshots and every
// structural check go over all of them in both languages.
type state struct {
	name  string
	frame ui.Frame // Lang and SwitchHref are filled in for each language
	page  ui.Page
}

var (
	paris   = time.FixedZone("CET", 3600)
	refusal = ui.Frame{
		CSRF: "csrf-token", Reference: "QX4T-2M9K", PortalURL: "https://portail.example.org",
		Time: time.Date(2026, 3, 2, 8, 41, 7, 0, paris),
	}
	plain = ui.Frame{CSRF: "csrf-token", PortalURL: "https://portail.example.org"}
	until = time.Date(2026, 3, 2, 8, 51, 0, 0, paris)

	contact = ui.Contact{
		Name: "Assistance informatique du rectorat", Phone: "02 40 00 00 00",
		Email: "assistance@example.org", Hours: "du lundi au vendredi, de 8 h à 18 h",
		URL: "https://assistance.example.org/cles",
	}
	applications = []ui.Application{
		{Name: "Carnet de notes", Description: "Saisir et consulter les notes des élèves.", URL: "https://notes.example.org/"},
		{Name: "Emploi du temps", URL: "https://edt.example.org/"},
		{Name: "Gestion des élèves", Description: "Inscriptions, affectations et dossiers, de la sixième à la terminale, pour tout l’établissement.", URL: "https://eleves.example.org/"},
	}
	wait = ui.Wait{Remaining: 23 * time.Second, Period: time.Minute}
)

// signedIn is the frame of somebody who has logged in.
func signedIn() ui.Frame {
	f := plain
	f.Person = "Camille Martin"
	return f
}

// full is a frame in which everything is shown.
func full(f ui.Frame) ui.Frame {
	f.Demo, f.Contact = true, contact
	f.Accessibility = ui.Accessibility{Conformity: ui.ConformityPartial, URL: "https://portail.example.org/accessibilite"}
	return f
}

// stating is a frame with a statement of conformity and no declaration.
func stating(c ui.Conformity) ui.Frame {
	f := plain
	f.Accessibility.Conformity = c
	return f
}

// states lists every page in every state that it can be met in.
func states() []state {
	all := []state{
		{"login", plain, ui.Login{}},
		{"login-application", full(plain), ui.Login{Application: "Carnet de notes", Target: "https://notes.example.org/classe?id=6B"}},
		{"login-8-digits", plain, ui.Login{Digits: 8}},
		{"login-sessionEnded", plain, ui.Login{Identifier: "cmartin", Notice: ui.NoticeSessionEnded}},
		{"login-loggedOut", plain, ui.Login{Notice: ui.NoticeLoggedOut}},
		{"login-challengeExpired", refusal, ui.Login{Identifier: "cmartin", Notice: ui.NoticeChallengeExpired}},
		{"login-reference-alone", refusal, ui.Login{}},

		{"pin", plain, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until}},
		{"pin-exact", full(plain), ui.NewPIN{Min: 6, Max: 6}},

		{"synchronise", plain, ui.Synchronise{Wait: wait, Until: until}},
		{"synchronise-no-countdown", full(plain), ui.Synchronise{Digits: 8}},

		{"nextCode", plain, ui.NextCode{Wait: wait, Until: until}},
		{"nextCode-no-countdown", full(plain), ui.NextCode{Digits: 8}},

		{"portal", signedIn(), ui.Portal{Applications: applications}},
		{"portal-keyInService", full(signedIn()), ui.Portal{Applications: applications[:1], Notice: ui.NoticeKeyInService}},
		{"portal-empty", signedIn(), ui.Portal{}},
		{"portal-empty-contact", full(signedIn()), ui.Portal{}},

		{"logout", signedIn(), ui.Logout{}},
		{"loggedOut", stating(ui.ConformityNone), ui.LoggedOut{}},
		{"assistance", stating(ui.ConformityFull), ui.Assistance{}},
		{"assistance-contact", full(signedIn()), ui.Assistance{}},
		{"problem-forbidden-application", full(refused(signedIn())), ui.Problem{Kind: ui.ProblemForbidden, Application: "Carnet de notes"}},
	}
	for _, n := range loginErrors {
		all = append(all, state{"login-" + n.String(), refusal, ui.Login{Identifier: "cmartin", Wait: waitAfter(n), Notice: n}})
	}
	for _, n := range pinErrors {
		all = append(all, state{"pin-" + n.String(), refusal, ui.NewPIN{Min: 4, Max: 8, SerialTail: "4821", Until: until, Notice: n}})
	}
	for _, n := range synchroniseErrors {
		all = append(all, state{"synchronise-" + n.String(), refusal, ui.Synchronise{Wait: wait, Until: until, Notice: n}})
	}
	for _, n := range nextCodeErrors {
		all = append(all, state{"nextCode-" + n.String(), refusal, ui.NextCode{Wait: wait, Until: until, Notice: n}})
	}
	for _, k := range ui.Kinds() {
		all = append(all, state{"problem-" + k.String(), refusal, ui.Problem{Kind: k}})
	}
	return all
}

func refused(f ui.Frame) ui.Frame {
	f.Reference, f.Time = refusal.Reference, refusal.Time
	return f
}

func waitAfter(n ui.Notice) ui.Wait {
	if n == ui.NoticeRefused || n == ui.NoticeCodeUsed {
		return wait
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
	synchroniseErrors = []ui.Notice{
		ui.NoticeRefused, ui.NoticeCodeUsed,
		ui.NoticePasscodeMissing, ui.NoticePasscodeNotDigits, ui.NoticePasscodeTooShort, ui.NoticePasscodeTooLong,
	}
	nextCodeErrors = []ui.Notice{
		ui.NoticeRefused, ui.NoticeCodeUsed, ui.NoticeNextCodeWrong,
		ui.NoticePasscodeMissing, ui.NoticePasscodeNotDigits, ui.NoticePasscodeTooShort, ui.NoticePasscodeTooLong,
	}
)

// in returns the state's frame for a language.
func (s state) in(l ui.Lang) ui.Frame {
	f := s.frame
	f.Lang, f.SwitchHref = l, "?lang="+l.Other().String()
	return f
}
