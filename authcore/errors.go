package authcore

import "errors"

// Sentinels a caller branches on. Everything else that comes out of this
// package is a fault to log and to answer with "unavailable": in particular the
// store's own errors, after which a code that was typed must be considered used.
var (
	// ErrIdentifierMissing: the identifier's field was empty.
	ErrIdentifierMissing = errors.New("the identifier is missing")
	// ErrIdentifierShape: it cannot be an identifier (see Identifier).
	ErrIdentifierShape = errors.New("this cannot be an identifier: letters, digits, dot, hyphen, underscore and @ only, 64 at most")
	// ErrIdentifierIsPasscode: only digits, as a code or a PASSCODE has. It must
	// be neither shown again nor logged.
	ErrIdentifierIsPasscode = errors.New("digits were typed where the identifier belongs")

	// ErrPasscodeMissing: the PASSCODE's field was empty.
	ErrPasscodeMissing = errors.New("the PASSCODE is missing")
	// ErrPasscodeNotDigits: something else than the digits 0 to 9 and spaces.
	ErrPasscodeNotDigits = errors.New("a PASSCODE is made of the digits 0 to 9 only")
	// ErrPasscodeLength: too short to hold a code, or too long for a PIN and a code.
	ErrPasscodeLength = errors.New("this is too short or too long for a PASSCODE")

	// ErrPINMissing: the PIN's field was empty.
	ErrPINMissing = errors.New("the PIN is missing")
	// ErrPINNotDigits: something else than the digits 0 to 9.
	ErrPINNotDigits = errors.New("a PIN is made of the digits 0 to 9 only")

	// ErrSerialShape: it cannot be a key's serial number (see Serial).
	ErrSerialShape = errors.New("this cannot be a serial number: letters, digits and hyphens only, 40 at most")

	// ErrNoChallenge: no login is under way under this cookie: there is none, it
	// is forged, or it has expired. Nothing was consumed; begin again.
	ErrNoChallenge = errors.New("no login is under way here, or it has expired")
	// ErrWrongQuestion: the answer is to another question than the one asked, as
	// when two tabs go through one login. Nothing was consumed; look at
	// Challenge.Question.
	ErrWrongQuestion = errors.New("this is not what the login asks for now")
	// ErrNoSession: the cookie opens no session: none, ended, or expired.
	ErrNoSession = errors.New("there is no session, or it has ended")
	// ErrNoTicket: the hand-over ticket is unknown, used, expired, for another
	// host, or shown by another browser than the one that asked for it.
	ErrNoTicket = errors.New("this hand-over ticket is not valid here")

	// ErrNotKept: no form is kept under that name, or it is no more.
	ErrNotKept = errors.New("no such form is kept, or no longer")
	// ErrAnothers: somebody else's form is. Who asks must not hear of it.
	ErrAnothers = errors.New("the form that is kept is somebody else's")
	// ErrFormTooLarge: it is longer than MaxForm.
	ErrFormTooLarge = errors.New("the form is too large to be kept")
	// ErrTooManyForms: as many are kept as there is room for.
	ErrTooManyForms = errors.New("too many forms are kept at once")

	// ErrBusy: more PINs wait to be judged than the queue holds. The code is
	// burnt, no failure is counted; try again shortly with the next code. The same
	// form may be sent again at once: it is another attempt, which goes on where no
	// code was needed, and else says that the code was used.
	ErrBusy = errors.New("too many logins at once")

	// ErrNotFound: no account, key or session of that name.
	ErrNotFound = errors.New("not found")
	// ErrExists: an account or a key of that name is there already; it is left
	// as it was.
	ErrExists = errors.New("exists already")
	// ErrSeedExists: another key has the same seed. One seed under two serials
	// would let one code be used twice.
	ErrSeedExists = errors.New("another key has the same seed")
	// ErrRefused: a key of a file is not taken; the error says why. The others of
	// the file are not touched by it.
	ErrRefused = errors.New("the key is refused")
	// ErrImporting: one import is under way already.
	ErrImporting = errors.New("another import is under way: try again when it has ended")
	// ErrUnfinished: an import was decided, and what came then has kept it from
	// being finished.
	ErrUnfinished = errors.New("the import is decided and not all of its keys are there yet: it is finished when the next import begins or the server starts again")
	// ErrAssigned: the key belongs to somebody already.
	ErrAssigned = errors.New("this key is assigned already")
	// ErrTooManyKeys: the person has as many keys as one may have.
	ErrTooManyKeys = errors.New("this person has eight keys already: retire one first")
	// ErrHasKeys: the person has keys, which must be returned or retired first.
	ErrHasKeys = errors.New("this person has keys")
	// ErrDelegation: a delegation that cannot be given; the text says why.
	ErrDelegation = errors.New("this delegation cannot be given")
	// ErrTooManyDelegations: the person has as many as one may have.
	ErrTooManyDelegations = errors.New("end one first")
	// ErrStillThere: data of a person are erased only once their account is
	// removed and no key is theirs.
	ErrStillThere = errors.New("this person still has an account or a key: remove the account first")
	// ErrUnknownGroup: no group of establishments has that name in the configuration.
	ErrUnknownGroup = errors.New("there is no such group of establishments")
	// ErrAwaits: nothing was done yet; another operator has to confirm it. It comes as
	// an *AwaitsError.
	ErrAwaits = errors.New("another operator has to confirm this")
	// ErrUnnamed: what takes two operators takes the name of each.
	ErrUnnamed = errors.New("this takes two operators: say who you are, so that another can confirm it")
	// ErrOwnPending: nobody confirms what they asked for themselves.
	ErrOwnPending = errors.New("you asked for this yourself: another operator has to confirm it")
	// ErrNotInStock: the key is not in the stock of this establishment, or was not
	// received there.
	ErrNotInStock = errors.New("the key is not in this establishment's stock")
	// ErrState: the key's state does not allow it.
	ErrState = errors.New("the key's state does not allow this")
	// ErrNoPIN: no PIN is defined that could be replaced or moved.
	ErrNoPIN = errors.New("the key has no PIN")

	// ErrNoPasskeys: this portal has none, because of its address.
	ErrNoPasskeys = errors.New("there are no passkeys here: they belong to a portal with a whole host name, on https")
	// ErrNotFresh: what is asked for takes a login of just now: a PASSCODE, or for
	// less a passkey.
	ErrNotFresh = errors.New("this takes a login of the last five minutes")
	// ErrCeremony: a ceremony is over, was used, or is another browser's. Begin again.
	ErrCeremony = errors.New("this passkey ceremony is over: begin again")
	// ErrPasskeyRefused: the authenticator's response is not accepted.
	ErrPasskeyRefused = errors.New("the passkey is refused")
	// ErrPasskeyExists: somebody, perhaps they themselves, has this very passkey.
	ErrPasskeyExists = errors.New("this passkey was added before")
	// ErrTooManyPasskeys: the person has as many as one may have.
	ErrTooManyPasskeys = errors.New("this person has ten passkeys already: remove one first")
	// ErrPasskeyName: not a name for a passkey.
	ErrPasskeyName = errors.New("the name of a passkey has 1 to 60 characters, none of them a control character")
	// ErrPasskeyNameTaken: another passkey of the person has that name.
	ErrPasskeyNameTaken = errors.New("another passkey has this name")
	// ErrLastMeans: what is to be removed is all that the person can log in with.
	ErrLastMeans = errors.New("this is the last means to log in: no other passkey and no key is in service, so nothing would be left")

	// ErrWrongSecret: the store was sealed under other secrets.
	ErrWrongSecret = errors.New("the store was sealed under another secret file: nothing in it can be read with this one")
)
