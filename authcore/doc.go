// Package authcore is the domain of the gate: who somebody is, which key they
// carry, what a login asks of them, and how long what it opens lasts. It knows
// no HTTP, no page and no engine of a store; whoever imports it brings those.
//
// A [Gate] is made once over a store and its [Secrets], and is used by many
// goroutines. Three groups of methods stand on it:
//
//   - the holder's: [Gate.Begin], [Gate.Challenge], [Gate.Answer], [Gate.Display], and
//     for their own passkeys [Gate.BeginPasskey], [Gate.AddPasskey],
//     [Gate.RenamePasskey], [Gate.RemovePasskey];
//   - the browser's: [Gate.Session], [Gate.Ticket], [Gate.Redeem], [Gate.End],
//     [Requirement.Decide] for what a session may open, and [Gate.Assert] for
//     what an application can verify of it;
//   - the administrator's, who is named in each call: for people
//     [Gate.AddAccount], [Gate.SetAccount], [Gate.DisableAccount],
//     [Gate.RemoveAccount], [Gate.EndSessions]; for keys
//     [Gate.BeginImport], [Gate.AssignKey] and what follows a key to its end; and
//     what lists and shows.
//
// # Words
//
// The guides that holders have in hand are French, and so are the pages. Each of
// their words has one name here:
//
//	identifiant                      Identifier
//	clé OTP, N° de clé               Key, Serial
//	code (les 6 chiffres)            a code, which stands at an otp.Step
//	code PIN                         PIN, kept as a PINHash
//	PASSCODE (code PIN + code)       Passcode
//	« PIN à définir »                PINToDefine
//	« à synchroniser »               ToSynchronise
//	« en service »                   Active
//	« bloquée »                      Locked
//	« perdue »                       Lost
//	« retirée »                      Retired
//	affecter, remettre, restituer    Gate.AssignKey, Gate.HandOverKey, Gate.ReturnKey
//	débloquer                        Gate.UnlockKey
//	réinitialiser le code PIN        Gate.ClearPIN
//	code de secours                  Gate.GiveEmergency
//	code d'activation                Gate.GiveActivation
//	clé d'accès                      Passkey
//	remplacer                        Gate.ReplaceKey
//	N° d'incident                    Reference
//	établissement (UAI)              Account.Establishment
//	référent numérique               RoleReferent, an Office
//	stock de l'établissement         Key.Stock
//
// A key in stock has no holder; an expired one has a date behind it. Neither is
// a state of its own.
//
// # Roles
//
// Everybody is a holder. An [Office] makes somebody a referent of some establishments,
// an operator or an auditor; with [Gate.Clerk] they work in the console, and
// [ConsoleRules.Judge] alone says who may do what to whom: it is asked in the
// transaction of the act, with the session as it is then. What [FourEyes] holds
// back waits as a [Pending] for another operator.
//
// # The states of a key
//
// A key that is assigned waits for its PIN. The code alone, which only who has
// the key in hand can type, opens the definition of one; a PASSCODE of the new
// PIN and a later code puts it into service:
//
//	in stock ──AssignKey──► PINToDefine ──PIN twice, then PASSCODE──► Active
//
// Where the key has an activation code, which came to its holder by another way,
// that PIN is defined with it only: a key taken out of the post opens nothing.
// From then on the PASSCODE opens. When its code was further off than a clock
// drifts from one login to the next, or when there were failures before it, one
// more code must come behind it, and the key asks for that until it had it:
//
//	Active ──PASSCODE──► ToSynchronise ──the next code──► Active
//
// Where another PIN is required, the same PASSCODE leads to its definition, and
// to a session only at its end; until then the old PIN is in service:
//
//	Active ──RequirePIN, PASSCODE──► (the PIN twice, then PASSCODE) ──► Active
//
// Five good codes in a row with a wrong PIN, or a wrong activation code, lock a
// key. Nothing that can be done without the key does:
//
//	Active, ToSynchronise ──wrong PINs──► Locked ──UnlockKey──► Active
//	PINToDefine, ToSynchronise, Active ──ClearPIN──► PINToDefine
//
// A locked key whose PIN is cleared stays locked, and waits for its PIN once it
// is unlocked. A key that is lost opens nothing, but emergency codes given for it
// may stand in for its own; found, it shows by a next code that it is in a hand:
//
//	any in a hand ──LoseKey──► Lost ──FoundKey──► ToSynchronise
//	any in a hand but Lost ──ReturnKey──► in stock
//	any ──RetireKey──► Retired
//
// A key that another replaced ([Gate.ReplaceKey]) is in the state it was in, and
// opens until a date of its own; behind that date, in no state.
//
// Of each state and each answer, testdata/login.md says what comes of it. The
// table is computed from [Challenge]'s one transition function, and a test holds
// the two together: what does not stand in it is refused, always in the same way.
//
// # The route of a login
//
// [Gate.Begin] makes a login that exists in the browser's cookie alone, sealed
// ([Gate.Seal]): a page that is only looked at writes nothing. Then each
// [Gate.Answer] takes two transactions:
//
//  1. The first charges the attempt and consumes the code: every key of the
//     person looks at it, the highest step that matched is written down, durably,
//     before anything else is decided. A guess that shows no code ends here.
//  2. Only after a good code is the PIN hashed, outside any transaction, two at a
//     time and with a bounded queue ([ErrBusy] beyond it).
//  3. The second reads everything again, since the key may have been locked or
//     its PIN cleared meanwhile, and writes the verdict, the session and the
//     audit entry together.
//
// In between, the whole login is a pure function of what was read: it knows no
// clock, no store and no randomness. The [Reply] says which [Question] comes
// next, which is the page to show.
//
// # Passkeys
//
// Who has logged in with a PASSCODE of their key in the last five minutes may add a
// passkey or a security key, ten at most, and log in with that instead
// ([Gate.BeginPasskeyLogin], [PasskeyAnswer]): it signs for the portal's origin alone,
// so that no other page can pass it on. A ceremony opens once, in the login or session
// that it was begun in, for five minutes, and is used up by a refusal as well; until
// its end it is sealed in the browser's hands, and the store learns only that it was
// used. Slowed guesses and what becomes of the key are nothing to a passkey; a closed
// account shuts it out. What it opened ends with it. One whose counter goes back may
// have been copied: it opens nothing any more, and somebody is alerted. Nobody takes
// the last means to log in from themselves; an administrator may.
//
// # What is promised
//
// A code that matched is never accepted again. Not after a wrong PIN, a refused
// PIN, a success, a logout, a restart or a clock that goes back; not for another
// browser, nor under a wider policy. One number in the key's record says so, and
// it only grows. (RFC 6238 section 5.2 asks this after a success.)
//
// The same form sent twice is one attempt, for [Policy].Repeat: it gets the same
// reply, and the same session as long as that lives.
//
// Whatever is wrong, the refusal is one and the same ([Denied]) but for its
// [Reference]. That a code had been used ([Reused]) is told only to whom typed
// the right PIN, in the login that consumed it.
//
// What has ended by time has ended, though the clock is set back before that, and
// the server started anew ([Gate.KeepTime]): validities are measured by the
// highest time believed, and what was believed does not go back. A clock that
// leaps by more than a day is believed only once that has lasted. Where neither
// is safe, nobody logs in ([ErrClock]) until the clock is right or somebody says
// that it is ([Gate.AcceptClock]).
//
// No trace, no grant: an audit entry is written in the transaction of what it
// tells. The log repeats it afterwards. Entries are numbered and signed, so that
// [Gate.VerifyAudit] finds each that was changed, copied or taken away.
//
// Counters are set back by a full success or by an administrator, by nothing
// else. What an administrator shuts out is out at every question and at the next
// request.
//
// A PIN, a PASSCODE, a token, a seed is printed by no verb of fmt, no handler of
// log/slog and not by encoding/json. (Two verbs cannot be kept from it, %p and %w
// on what is neither pointer nor error; go vet refuses both.)
//
// Records are sealed one by one, with their names, under keysets that are not in
// the store. Who has the store alone has no seed, no PIN and no session, and can
// give nobody else's key to anybody. Keys are changed without a pause:
// [Secrets.Rotated], [Gate.UseSecrets].
//
// # What is not
//
// A typed code can be phished: who passes it on at once is let in.
//
// The sealing of a record does not show that it is an older one of the same
// name. Who can put back an earlier state of the store brings back what was not
// yet used, ended or locked then; a restored backup is such a state.
//
// Two refusals take the same time as far as the steps are the same, to a few
// microseconds. A good code takes as long as a PIN's hash, whatever the PIN; only
// who holds the key can see that.
//
// A clock that is wrong and goes on evenly is not noticed: the gate sees only that
// one is set, or starts before the time kept last. Codes are always those of the
// clock as it is. A code that nobody used, and whose time comes again with the
// clock, is good again.
//
// # Errors
//
// A wrong code is an answer, not an error. What a caller branches on are the
// sentinels of this package; every other error is a fault to log and to answer
// with "unavailable". After a fault, or [ErrBusy], the code that was typed must
// be considered used; the same form may be sent again, and its answer says so.
package authcore
