package ui

// The paths that the pages' forms post to and their links lead to.
const (
	PathPortal      = "/"
	PathLogin       = "/.sesame/login"
	PathPIN         = "/.sesame/pin"
	PathSynchronise = "/.sesame/synchronise"
	PathNextCode    = "/.sesame/next-code"
	PathLogout      = "/.sesame/logout"
	PathAssistance  = "/.sesame/assistance"
	PathKept        = "/.sesame/kept"
	PathAccount     = "/.sesame/account"

	PathAccountPIN      = "/.sesame/account/pin"
	PathAccountLost     = "/.sesame/account/lost"
	PathAccountLanguage = "/.sesame/account/language"

	PathPasskeys      = "/.sesame/account/passkeys"
	PathPasskeyAdd    = "/.sesame/account/passkeys/add"
	PathPasskeyRename = "/.sesame/account/passkeys/rename"
	PathPasskeyRemove = "/.sesame/account/passkeys/remove"
)

// PathSessionScript is where every host serves SessionScript, and PathSession what
// that asks: JSON, and no page.
const (
	PathSessionScript = "/.sesame/session.js"
	PathSession       = "/.sesame/session"
)

// The paths of the console; those of its acts are Act.Path.
const (
	PathConsole         = "/.sesame/referent"
	PathConsolePerson   = PathConsole + "/person"
	PathConsoleStory    = PathConsole + "/story"
	PathConsoleStock    = PathConsole + "/stock"
	PathConsoleStockCSV = PathConsole + "/stock.csv"
	PathConsoleRequests = PathConsole + "/requests"
	PathConsoleRequest  = PathConsole + "/request"
	PathConsolePicture  = PathConsole + "/screenshot"
	PathConsolePending  = PathConsole + "/pending"
)

// The paths that passkey.js asks: JSON, and no pages.
const (
	PathPasskeyLoginOptions = "/.sesame/passkey/login/options"
	PathPasskeyLogin        = "/.sesame/passkey/login"
	PathPasskeyNewOptions   = "/.sesame/passkey/add/options"
	PathPasskeyNew          = "/.sesame/passkey/add"
)

// The names of the forms' fields.
const (
	FieldIdentifier = "identifier" // Login
	FieldPasscode   = "passcode"   // Login, Synchronise
	FieldPIN        = "pin"        // NewPIN
	FieldPINAgain   = "pin_again"  // NewPIN
	FieldActivation = "activation" // NewPIN, where the key has an activation code
	FieldCode       = "code"       // NextCode
	FieldCSRF       = "csrf"       // every form
	FieldTarget     = "target"     // Login
	FieldSession    = "session"    // Account
	FieldName       = "name"       // PasskeyAdd, PasskeyRename
	FieldPasskey    = "passkey"    // PasskeyRename, PasskeyRemove, ConsoleAct: its ID
	FieldLanguage   = "language"   // Account: the tag of a language

	FieldQuery     = "q"        // Console
	FieldAfter     = "after"    // Console, ConsoleRequests
	FieldReference = "incident" // ConsoleStory, ConsoleRequest
	FieldNumber    = "number"   // ConsoleRequest: of a screenshot, from 1 on
	FieldPerson    = "id"       // ConsoleAct: an identifier
	FieldSerial    = "serial"   // ConsoleAct, AccountLost: the number of a key
	FieldPending   = "pending"  // ConsoleAct
	FieldReason    = "reason"   // ConsoleAct
	FieldDays      = "days"     // ConsoleAct
	FieldUntil     = "until"    // ConsoleAct
)

// The names of the fields of a request for assistance. FieldRefusal, FieldMet and
// FieldApplication also stand in the address that leads to the form from a refusal.
const (
	FieldForm          = "form" // a nonce
	FieldSurname       = "surname"
	FieldGivenName     = "given_name"
	FieldFunction      = "function"
	FieldEstablishment = "establishment"
	FieldEmail         = "email"
	FieldPhone         = "phone"
	FieldHours         = "hours"
	FieldSubject       = "subject"
	FieldDescription   = "description"
	FieldKey           = "key"
	FieldAccounts      = "accounts"
	FieldRefusal       = "reference"
	FieldMet           = "met"
	FieldApplication   = "application"
	FieldScreenshot    = "screenshot" // three files at most
)
