package ui

// Notice is the message at the head of a page: what was wrong with the form
// just posted, or what has happened. The zero value is no message.
//
// The notices about a PIN belong to NewPIN, whose limits they name. Any other
// may stand on any page that has one; its text fits the page, and it is tied
// to the fields it is about where the page has them.
type Notice uint8

// The messages. "Nothing was used" means that the code typed still serves.
const (
	NoticeNone Notice = iota

	// NoticeRefused is the one answer to an unknown identifier, a wrong code,
	// a wrong PIN and a locked key alike.
	NoticeRefused
	// NoticeCodeUsed: this code has already been used. To be shown only to
	// somebody whose PIN was right, for it tells that the code was.
	NoticeCodeUsed

	// NoticeSlowed: too many attempts have failed from here; nothing is tried
	// before Frame.Retry. Nothing was used.
	NoticeSlowed

	// NoticeIdentifierLooksLikePasscode: digits stand in the identifier's
	// field; they are not shown again. Nothing was used.
	NoticeIdentifierLooksLikePasscode
	// NoticeIdentifierMissing: the identifier is empty. Nothing was used.
	NoticeIdentifierMissing
	// NoticeIdentifierMalformed: no identifier looks like this. Nothing was
	// used.
	NoticeIdentifierMalformed

	// NoticePasscodeMissing: the PASSCODE or the code is empty.
	NoticePasscodeMissing
	// NoticePasscodeNotDigits: it holds something other than digits and
	// spaces. Nothing was used.
	NoticePasscodeNotDigits
	// NoticePasscodeTooShort: it has too few digits. Nothing was used.
	NoticePasscodeTooShort
	// NoticePasscodeTooLong: it has too many digits. Nothing was used.
	NoticePasscodeTooLong

	// NoticeSessionEnded: the session is over, by its age or by rest.
	NoticeSessionEnded
	// NoticeFreshCode: the person is logged in, but what they want to open asks for
	// a code of just now.
	NoticeFreshCode
	// NoticeLoggedOut: the person has logged out.
	NoticeLoggedOut
	// NoticeChallengeExpired: the steps of the login took too long.
	NoticeChallengeExpired
	// NoticeNextCodeWrong: the digits were not the next code of the key, and
	// the login starts again.
	NoticeNextCodeWrong
	// NoticeKeyInService: the key has just been put into service.
	NoticeKeyInService

	// NoticePINChanged: another PIN is in service.
	NoticePINChanged

	// NoticePasskeyAdded: a passkey has been added.
	NoticePasskeyAdded
	// NoticePasskeyRenamed: a passkey has another name.
	NoticePasskeyRenamed
	// NoticePasskeyRemoved: a passkey has been removed.
	NoticePasskeyRemoved
	// NoticePasskeyName: this is no name for a passkey.
	NoticePasskeyName
	// NoticePasskeyNameTaken: another passkey of the person has that name.
	NoticePasskeyNameTaken
	// NoticePasskeyLast: without this passkey the person could not log in.
	NoticePasskeyLast
	// NoticePasskeyScript: a passkey is added by JavaScript, which has not run.
	NoticePasskeyScript

	// NoticeFormKept: the session had ended before the form that was sent came,
	// which is kept and will be offered to be sent again after the login.
	NoticeFormKept
	// NoticeSessionClosed: the person has ended another session of theirs.
	NoticeSessionClosed
	// NoticeOthersClosed: the person has ended all their other sessions.
	NoticeOthersClosed

	// NoticeRequestWrong: fields of a request for help must be corrected first.
	NoticeRequestWrong
	// NoticeRequestAgain: the form was too old, or another browser's; nothing was
	// sent, and what was typed is still there.
	NoticeRequestAgain
	// NoticeRequestSlowed: too many requests have come from here; another is taken
	// from Frame.Retry on.
	NoticeRequestSlowed
	// NoticeRequestBusy: too many send screenshots at this moment.
	NoticeRequestBusy

	// NoticeConsoleDone: an act is done.
	NoticeConsoleDone
	// NoticeConsoleAwaits: an act waits for another operator.
	NoticeConsoleAwaits
	// NoticeConsoleState: the key's state, or who has it, does not allow the act.
	NoticeConsoleState
	// NoticeConsoleOwn: who asked for an act cannot confirm it.
	NoticeConsoleOwn
	// NoticeConsoleReason: there is none, or it cannot be kept.
	NoticeConsoleReason
	// NoticeConsoleDays: not a number of days that codes may serve for.
	NoticeConsoleDays
	// NoticeConsoleUntil: not a day until which an application can be delegated.
	NoticeConsoleUntil
	// NoticeLanguageChanged: the person is written to in another language.
	NoticeLanguageChanged

	// NoticePINMissing: one of the two PIN fields is empty.
	NoticePINMissing
	// NoticePINMismatch: the two PINs differ.
	NoticePINMismatch
	// NoticePINNotDigits: the PIN holds something other than digits.
	NoticePINNotDigits
	// NoticePINTooShort: fewer digits than NewPIN.Min.
	NoticePINTooShort
	// NoticePINTooLong: more digits than NewPIN.Max.
	NoticePINTooLong
	// NoticePINRepeated: a digit or a group repeated (0000, 1212).
	NoticePINRepeated
	// NoticePINSequence: digits in a row (1234, 9876) or on the keypad (2580).
	NoticePINSequence
	// NoticePINDate: a date or a year.
	NoticePINDate
	// NoticePINCommon: one of the commonest PINs.
	NoticePINCommon
	// NoticePINFromSerial: a part of the key's number.
	NoticePINFromSerial
	// NoticePINFromCode: a part of the code just typed.
	NoticePINFromCode
	// NoticePINUnchanged: the PIN that is to be replaced.
	NoticePINUnchanged
	// NoticeActivationMissing: the key has an activation code, none was typed.
	NoticeActivationMissing
	// NoticeActivationMalformed: it cannot be an activation code.
	NoticeActivationMalformed
	// NoticeActivationWrong: it is not this key's; said only to who has the key.
	NoticeActivationWrong
)

// tone is the kind of box that a notice is shown in.
type tone string

const (
	toneError   tone = "error"   // the form must be corrected; "Error:" in the title
	toneInfo    tone = "info"    // nobody's mistake
	toneSuccess tone = "success" // done
)

// noticeFacts is what a notice is apart from its texts.
type noticeFacts struct {
	name   string
	tone   tone
	fields []string // that must be corrected, on pages that have them
}

var (
	onIdentifier = []string{FieldIdentifier}
	onCode       = []string{FieldPasscode, FieldCode}
	onPIN        = []string{FieldPIN}
	onActivation = []string{FieldActivation}
	onName       = []string{FieldName}
)

var notices = [...]noticeFacts{
	NoticeNone:                        {},
	NoticeRefused:                     {"refused", toneError, []string{FieldIdentifier, FieldPasscode, FieldCode}},
	NoticeCodeUsed:                    {"codeUsed", toneError, onCode},
	NoticeSlowed:                      {"slowed", toneInfo, nil},
	NoticeIdentifierLooksLikePasscode: {"identifierLooksLikePasscode", toneError, onIdentifier},
	NoticeIdentifierMissing:           {"identifierMissing", toneError, onIdentifier},
	NoticeIdentifierMalformed:         {"identifierMalformed", toneError, onIdentifier},
	NoticePasscodeMissing:             {"passcodeMissing", toneError, onCode},
	NoticePasscodeNotDigits:           {"passcodeNotDigits", toneError, onCode},
	NoticePasscodeTooShort:            {"passcodeTooShort", toneError, onCode},
	NoticePasscodeTooLong:             {"passcodeTooLong", toneError, onCode},
	NoticeSessionEnded:                {"sessionEnded", toneInfo, nil},
	NoticeFreshCode:                   {"freshCode", toneInfo, nil},
	NoticeLoggedOut:                   {"loggedOut", toneSuccess, nil},
	NoticeChallengeExpired:            {"challengeExpired", toneInfo, nil},
	NoticeNextCodeWrong:               {"nextCodeWrong", toneError, onCode},
	NoticeKeyInService:                {"keyInService", toneSuccess, nil},
	NoticePINChanged:                  {"pinChanged", toneSuccess, nil},
	NoticeFormKept:                    {"formKept", toneInfo, nil},
	NoticeSessionClosed:               {"sessionClosed", toneSuccess, nil},
	NoticeOthersClosed:                {"othersClosed", toneSuccess, nil},
	NoticePasskeyAdded:                {"passkeyAdded", toneSuccess, nil},
	NoticePasskeyRenamed:              {"passkeyRenamed", toneSuccess, nil},
	NoticePasskeyRemoved:              {"passkeyRemoved", toneSuccess, nil},
	NoticePasskeyName:                 {"passkeyName", toneError, onName},
	NoticePasskeyNameTaken:            {"passkeyNameTaken", toneError, onName},
	NoticePasskeyLast:                 {"passkeyLast", toneInfo, nil},
	NoticePasskeyScript:               {"passkeyScript", toneInfo, nil},
	NoticeRequestWrong:                {"requestWrong", toneError, nil},
	NoticeRequestAgain:                {"requestAgain", toneInfo, nil},
	NoticeRequestSlowed:               {"requestSlowed", toneInfo, nil},
	NoticeRequestBusy:                 {"requestBusy", toneInfo, nil},
	NoticeConsoleDone:                 {"consoleDone", toneSuccess, nil},
	NoticeConsoleAwaits:               {"consoleAwaits", toneInfo, nil},
	NoticeConsoleState:                {"consoleState", toneInfo, nil},
	NoticeConsoleOwn:                  {"consoleOwn", toneInfo, nil},
	NoticeConsoleReason:               {"consoleReason", toneError, []string{FieldReason}},
	NoticeConsoleDays:                 {"consoleDays", toneError, []string{FieldDays}},
	NoticeConsoleUntil:                {"consoleUntil", toneError, []string{FieldUntil}},
	NoticeLanguageChanged:             {"languageChanged", toneSuccess, nil},
	NoticePINMissing:                  {"pinMissing", toneError, []string{FieldPIN, FieldPINAgain}},
	NoticePINMismatch:                 {"pinMismatch", toneError, []string{FieldPIN, FieldPINAgain}},
	NoticePINNotDigits:                {"pinNotDigits", toneError, onPIN},
	NoticePINTooShort:                 {"pinTooShort", toneError, onPIN},
	NoticePINTooLong:                  {"pinTooLong", toneError, onPIN},
	NoticePINRepeated:                 {"pinRepeated", toneError, onPIN},
	NoticePINSequence:                 {"pinSequence", toneError, onPIN},
	NoticePINDate:                     {"pinDate", toneError, onPIN},
	NoticePINCommon:                   {"pinCommon", toneError, onPIN},
	NoticePINFromSerial:               {"pinFromSerial", toneError, onPIN},
	NoticePINFromCode:                 {"pinFromCode", toneError, onPIN},
	NoticePINUnchanged:                {"pinUnchanged", toneError, onPIN},
	NoticeActivationMissing:           {"activationMissing", toneError, onActivation},
	NoticeActivationMalformed:         {"activationMalformed", toneError, onActivation},
	NoticeActivationWrong:             {"activationWrong", toneError, onActivation},
}

// Notices lists every notice but NoticeNone.
func Notices() []Notice {
	list := make([]Notice, 0, len(notices)-1)
	for n := NoticeNone + 1; n.valid(); n++ {
		list = append(list, n)
	}
	return list
}

// String is the name of the notice in the text files.
func (n Notice) String() string {
	switch {
	case n == NoticeNone:
		return "none"
	case !n.valid():
		return "invalid"
	}
	return notices[n].name
}

// IsError reports whether the notice asks to correct what was typed.
func (n Notice) IsError() bool { return n.valid() && notices[n].tone == toneError }

func (n Notice) valid() bool { return int(n) < len(notices) }
