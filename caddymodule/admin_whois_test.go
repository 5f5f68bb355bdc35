package caddymodule

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// whoisNow is when the table is asked, in the zone of who asks.
var whoisNow = time.Date(2026, 9, 2, 8, 0, 0, 0, time.Local)

// inService is a key that works, as it was left by a login the day before.
func inService(change ...func(*authcore.KeyInfo)) authcore.KeyInfo {
	k := authcore.KeyInfo{
		Serial: "0123456789", Holder: "jdupont", State: authcore.Active, Kind: otp.TOTP, Digits: 6, Period: "1m0s",
		PINDefined: true, Drift: 1, LastUsed: time.Date(2026, 9, 1, 8, 2, 0, 0, time.Local),
	}
	for _, f := range change {
		f(&k)
	}
	return k
}

var (
	teacher   = authcore.Account{Identifier: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Groups: []string{"enseignants"}}
	head      = authcore.Account{Identifier: "mdurand", Functions: []string{"DIR"}}
	rightless = authcore.Account{Identifier: "smartin", Surname: "Martin"}
)

func disabled(a authcore.Account) authcore.Account {
	a.Disabled, a.Epoch = true, 3
	return a
}

// ended gives an account whose last day was the one before.
func ended(a authcore.Account) authcore.Account {
	a.End = time.Date(2026, 9, 1, 0, 0, 0, 0, time.Local)
	return a
}

// whoisTable is where a person may stand, and what is said of it.
var whoisTable = []struct {
	name      string
	account   authcore.Account
	keys      []authcore.KeyInfo
	unmatched int
	cause     whoisCause
	english   string
	french    string
}{
	{
		name: "all is well", account: teacher, keys: []authcore.KeyInfo{inService()}, cause: causeNone,
		english: "jdupont (Jeanne Dupont): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec ; 1 application : notes",
	},
	{
		name: "several applications, no name", account: head, keys: []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.Drift = -2 })}, cause: causeNone,
		english: "mdurand: key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift -2, 0 failures; 2 applications: notes, base",
		french:  "mdurand : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive -2, aucun échec ; 2 applications : notes, base",
	},
	{
		name: "a failure", account: teacher, keys: []authcore.KeyInfo{inService()}, unmatched: 1, cause: causeNone,
		english: "jdupont (Jeanne Dupont): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 1 failure; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, 1 échec ; 1 application : notes",
	},
	{
		name: "failures of both kinds", account: teacher, keys: []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.WrongPIN = 2 })}, unmatched: 1, cause: causeNone,
		english: "jdupont (Jeanne Dupont): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 3 failures (the next good PASSCODE is followed by the next code); 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, 3 échecs (après le prochain PASSCODE juste, le code suivant sera demandé) ; 1 application : notes",
	},
	{
		name: "a counter has no drift", account: teacher, keys: []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.Kind, k.Period, k.Drift = otp.HOTP, "", 0 })}, cause: causeNone,
		english: "jdupont (Jeanne Dupont): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, 0 failures; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, aucun échec ; 1 application : notes",
	},
	{
		name: "the PIN was never defined", account: teacher, cause: causePIN,
		keys:    []authcore.KeyInfo{{Serial: "FT1", Holder: "jdupont", State: authcore.PINToDefine, Kind: otp.TOTP, Digits: 6}},
		english: "jdupont (Jeanne Dupont): key FT1, PIN never defined: at the first login they type the 6 digits alone, then choose a PIN; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé FT1, code PIN jamais défini : à la première connexion, taper les 6 chiffres seuls, puis choisir le code PIN ; 1 application : notes",
	},
	{
		name: "the PIN was cleared", account: teacher, cause: causePIN,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.State, k.PINDefined, k.Digits = authcore.PINToDefine, false, 8 })},
		english: "jdupont (Jeanne Dupont): key 0123456789, PIN cleared: at the next login they type the 8 digits alone, then choose a PIN; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789, code PIN effacé : à la prochaine connexion, taper les 8 chiffres seuls, puis choisir un code PIN ; 1 application : notes",
	},
	{
		name: "locked", account: teacher, cause: causeLock,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.State, k.WrongPIN = authcore.Locked, 5 })},
		english: "jdupont (Jeanne Dupont): key 0123456789 locked after 5 wrong PINs: unlock it with `sesame key unlock 0123456789`; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 bloquée après 5 codes PIN faux : la débloquer par « sesame key unlock 0123456789 » ; 1 application : notes",
	},
	{
		name: "to synchronise", account: teacher, cause: causeKey,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.State = authcore.ToSynchronise })},
		english: "jdupont (Jeanne Dupont): key 0123456789 to synchronise: the next good PASSCODE is followed by the next code; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 à synchroniser : après le prochain PASSCODE juste, le code suivant sera demandé ; 1 application : notes",
	},
	{
		name: "lost", account: teacher, cause: causeKey,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.State = authcore.Lost })},
		english: "jdupont (Jeanne Dupont): key 0123456789 lost: assign another; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 déclarée perdue : lui en attribuer une autre ; 1 application : notes",
	},
	{
		name: "a state that no holder's key has", account: teacher, cause: causeKey,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.State = authcore.Retired })},
		english: "jdupont (Jeanne Dupont): key 0123456789 retired; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 (retired) ; 1 application : notes",
	},
	{
		name: "expired, though active", account: teacher, cause: causeKey,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.Expires = whoisNow })},
		english: "jdupont (Jeanne Dupont): key 0123456789 expired on 2026-09-02 08:00: assign another; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 périmée depuis le 02/09/2026 à 08:00 : lui en attribuer une autre ; 1 application : notes",
	},
	{
		name: "replaced, both open", account: teacher, cause: causeNone,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.ReplacedBy, k.Ends = "FT1", whoisNow.Add(time.Hour) })},
		english: "jdupont (Jeanne Dupont): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures (replaced by key FT1, opens until 2026-09-02 09:00); 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec (remplacée par la clé FT1, encore utilisable jusqu’au 02/09/2026 à 09:00) ; 1 application : notes",
	},
	{
		name: "replaced, though active", account: teacher, cause: causeKey,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.ReplacedBy, k.Ends, k.ChangePIN = "FT1", whoisNow, true })},
		english: "jdupont (Jeanne Dupont): key 0123456789 replaced by key FT1, opens nothing since 2026-09-02 08:00: retire it when it comes back; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 remplacée par la clé FT1, hors service depuis le 02/09/2026 à 08:00 : la retirer quand elle revient ; 1 application : notes",
	},
	{
		name: "another PIN required", account: teacher, cause: causeNone,
		keys:    []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) { k.ChangePIN = true })},
		english: "jdupont (Jeanne Dupont): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures, another PIN required at the next login; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec, nouveau code PIN exigé à la prochaine connexion ; 1 application : notes",
	},
	{
		name: "an activation code", account: teacher, cause: causePIN,
		keys: []authcore.KeyInfo{inService(func(k *authcore.KeyInfo) {
			k.State, k.PINDefined, k.LastUsed, k.Activation = authcore.PINToDefine, false, time.Time{}, true
		})},
		english: "jdupont (Jeanne Dupont): key 0123456789, PIN never defined: at the first login they type the 6 digits alone, then choose a PIN, with the activation code; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé 0123456789, code PIN jamais défini : à la première connexion, taper les 6 chiffres seuls, puis choisir le code PIN, avec le code d’activation ; 1 application : notes",
	},
	{
		name: "no key", account: teacher, cause: causeKey,
		english: "jdupont (Jeanne Dupont): no key: assign one with `sesame key assign SERIAL jdupont`; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : aucune clé : lui en attribuer une par « sesame key assign NUMÉRO jdupont » ; 1 application : notes",
	},
	{
		name: "no rights", account: rightless, keys: []authcore.KeyInfo{inService()}, cause: causeRights,
		english: "smartin (Martin): key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures; 0 applications: a matter of rights, not of the key",
		french:  "smartin (Martin) : clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec ; aucune application : c'est une question de droits, pas de clé",
	},
	{
		name: "neither key nor rights", account: rightless, cause: causeKey,
		english: "smartin (Martin): no key: assign one with `sesame key assign SERIAL smartin`; 0 applications: a matter of rights too",
		french:  "smartin (Martin) : aucune clé : lui en attribuer une par « sesame key assign NUMÉRO smartin » ; aucune application : c'est aussi une question de droits",
	},
	{
		name: "disabled: the key and the rights are as they are", account: disabled(teacher), keys: []authcore.KeyInfo{inService()}, cause: causeAccount,
		english: "jdupont (Jeanne Dupont): account disabled: let them in again with `sesame user enable jdupont`; key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : compte désactivé : le rétablir par « sesame user enable jdupont » ; clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec ; 1 application : notes",
	},
	{
		name: "ended", account: ended(teacher), keys: []authcore.KeyInfo{inService()}, cause: causeAccount,
		english: "jdupont (Jeanne Dupont): account ended on 2026-08-31: move its end with `sesame user set jdupont --end DATE`; key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : compte échu le 31/08/2026 : repousser sa fin par « sesame user set jdupont --end DATE » ; clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec ; 1 application : notes",
	},
	{
		name: "of two keys one works", account: teacher, cause: causeNone,
		keys: []authcore.KeyInfo{
			{Serial: "FT1", State: authcore.Lost}, inService(),
		},
		english: "jdupont (Jeanne Dupont): key FT1 lost: assign another; key 0123456789 active, PIN defined, last login 2026-09-01 08:02, drift +1, 0 failures; 1 application: notes",
		french:  "jdupont (Jeanne Dupont) : clé FT1 déclarée perdue : lui en attribuer une autre ; clé 0123456789 en service, code PIN défini, dernière connexion : 01/09/2026 à 08:02, dérive +1, aucun échec ; 1 application : notes",
	},
}

func TestWhois(t *testing.T) {
	for _, c := range whoisTable {
		t.Run(c.name, func(t *testing.T) {
			w := newWhois(c.account, c.keys, castApp(t).sites, whoisNow)
			w.Unmatched, w.NextCodeAfter = c.unmatched, authcore.DefaultPolicy().NextCodeAfter
			if w.Cause != c.cause {
				t.Errorf("the cause is %s, want %s", w.Cause, c.cause)
			}
			if diff := cmp.Diff(c.english, whoisEnglish.line(w, whoisNow)); diff != "" {
				t.Errorf("in English (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.french, whoisFrench.line(w, whoisNow)); diff != "" {
				t.Errorf("in French (-want +got):\n%s", diff)
			}
		})
	}
}

// Of two keys the more useful one is the cause, whichever comes first.
func TestWhoisCauseOfTwoKeys(t *testing.T) {
	useful := []struct {
		state authcore.State
		cause whoisCause
	}{
		{authcore.Lost, causeKey}, {authcore.Locked, causeLock}, {authcore.PINToDefine, causePIN},
		{authcore.ToSynchronise, causeKey}, {authcore.Active, causeNone},
	}
	for i, better := range useful {
		for _, worse := range useful[:i] {
			keys := []authcore.KeyInfo{{State: better.state}, {State: worse.state}}
			for range 2 {
				w := whois{Keys: keys, Applications: []string{"notes"}}
				if got := w.cause(whoisNow); got != better.cause {
					t.Errorf("%s and %s: %s, want %s", keys[0].State, keys[1].State, got, better.cause)
				}
				keys = []authcore.KeyInfo{keys[1], keys[0]}
			}
		}
	}
}

// The route gives what the gate has, failures included.
func TestAdminWhois(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", Groups: []string{"enseignants"}}, "0123456789")
	b.firstLogin("jdupont", "0123456789", "7294")
	b.login("jdupont", "0123456789", "0000")
	b.must(b.blind("jdupont"))

	var w whois
	b.want(b.ask(http.MethodGet, "/sesame/whois/jdupont", ""), http.StatusOK, &w)
	if len(w.Keys) != 1 || w.Keys[0].WrongPIN != 1 || w.Unmatched != 1 || w.NextCodeAfter != 3 || w.Cause != causeNone {
		t.Errorf("%+v", w)
	}
	if diff := cmp.Diff([]string{"notes"}, w.Applications); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
}

func TestWhoisLanguage(t *testing.T) {
	for _, c := range []struct {
		all, messages, lang string
		want                *whoisWords
	}{
		{"", "", "", &whoisEnglish},
		{"", "", "fr_FR.UTF-8", &whoisFrench},
		{"", "", "de_DE.UTF-8", &whoisEnglish},
		{"", "fr_CA", "en_GB.UTF-8", &whoisFrench},
		{"C", "fr_FR", "fr_FR", &whoisEnglish},
		{"fr", "", "C", &whoisFrench},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := whoisWordsFor(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%v: the wrong language", env)
		}
	}
}
