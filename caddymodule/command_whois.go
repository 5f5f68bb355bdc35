package caddymodule

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

func whoisCommand() *cobra.Command {
	return newCommand("whois ID", "Says in one line whether it is the key, the PIN, the lock or the rights", cobra.ExactArgs(1), func(c *client, args []string) error {
		id, err := authcore.ParseIdentifier(args[0])
		if err != nil {
			return err
		}
		return ask(c, question{method: http.MethodGet, path: apiPath("whois", string(id), nil)}, func(w whois) {
			c.say("%s", whoisWordsFor(os.Getenv).line(w, time.Now()))
		})
	})
}

// whoisWords are the parts of the line in one language.
type whoisWords struct {
	date string // layout

	disabled     string // identifier
	ended        string // last day or instant, identifier
	noKey        string // identifier
	expired      string // serial, date
	active       string // serial, last login
	drift        string // steps
	synchronise  string // serial
	neverDefined string // serial, digits
	cleared      string // serial, digits
	locked       string // serial, wrong PINs, serial
	lost         string // serial
	other        string // serial, state
	replaced     string // serial, the other's serial, date

	// What follows any of those above.
	withCode  string // a PIN to be defined
	changePIN string
	until     string // the other's serial, date

	never       string
	colon       string
	semicolon   string
	failures    func(int) string
	nextCode    string
	noRights    string
	noRightsToo string
	apps        func(int) string
}

var whoisEnglish = whoisWords{
	date:         "2006-01-02 15:04",
	disabled:     "account disabled: let them in again with `sesame user enable %s`",
	ended:        "account ended on %s: move its end with `sesame user set %s --end DATE`",
	noKey:        "no key: assign one with `sesame key assign SERIAL %s`",
	expired:      "key %s expired on %s: assign another",
	active:       "key %s active, PIN defined, last login %s",
	drift:        ", drift %+d",
	synchronise:  "key %s to synchronise: the next good PASSCODE is followed by the next code",
	neverDefined: "key %s, PIN never defined: at the first login they type the %d digits alone, then choose a PIN",
	cleared:      "key %s, PIN cleared: at the next login they type the %d digits alone, then choose a PIN",
	locked:       "key %s locked after %d wrong PINs: unlock it with `sesame key unlock %s`",
	lost:         "key %s lost: assign another",
	other:        "key %s %s",
	replaced:     "key %s replaced by key %s, opens nothing since %s: retire it when it comes back",
	withCode:     ", with the activation code",
	changePIN:    ", another PIN required at the next login",
	until:        " (replaced by key %s, opens until %s)",
	never:        "never",
	colon:        ": ",
	semicolon:    "; ",
	failures:     func(n int) string { return count(n, "failure", "failures") },
	nextCode:     " (the next good PASSCODE is followed by the next code)",
	noRights:     "0 applications: a matter of rights, not of the key",
	noRightsToo:  "0 applications: a matter of rights too",
	apps:         func(n int) string { return count(n, "application", "applications") },
}

var whoisFrench = whoisWords{
	date:         "02/01/2006 à 15:04",
	disabled:     "compte désactivé : le rétablir par « sesame user enable %s »",
	ended:        "compte échu le %s : repousser sa fin par « sesame user set %s --end DATE »",
	noKey:        "aucune clé : lui en attribuer une par « sesame key assign NUMÉRO %s »",
	expired:      "clé %s périmée depuis le %s : lui en attribuer une autre",
	active:       "clé %s en service, code PIN défini, dernière connexion : %s",
	drift:        ", dérive %+d",
	synchronise:  "clé %s à synchroniser : après le prochain PASSCODE juste, le code suivant sera demandé",
	neverDefined: "clé %s, code PIN jamais défini : à la première connexion, taper les %d chiffres seuls, puis choisir le code PIN",
	cleared:      "clé %s, code PIN effacé : à la prochaine connexion, taper les %d chiffres seuls, puis choisir un code PIN",
	locked:       "clé %s bloquée après %d codes PIN faux : la débloquer par « sesame key unlock %s »",
	lost:         "clé %s déclarée perdue : lui en attribuer une autre",
	other:        "clé %s (%s)",
	replaced:     "clé %s remplacée par la clé %s, hors service depuis le %s : la retirer quand elle revient",
	withCode:     ", avec le code d’activation",
	changePIN:    ", nouveau code PIN exigé à la prochaine connexion",
	until:        " (remplacée par la clé %s, encore utilisable jusqu’au %s)",
	never:        "jamais",
	colon:        " : ",
	semicolon:    " ; ",
	failures: func(n int) string {
		if n == 0 {
			return "aucun échec"
		}
		return count(n, "échec", "échecs")
	},
	nextCode:    " (après le prochain PASSCODE juste, le code suivant sera demandé)",
	noRights:    "aucune application : c'est une question de droits, pas de clé",
	noRightsToo: "aucune application : c'est aussi une question de droits",
	apps:        func(n int) string { return count(n, "application", "applications") },
}

// whoisWordsFor chooses the language: French where the locale says so, in the
// order in which POSIX looks (XBD section 8.2), otherwise English.
func whoisWordsFor(getenv func(string) string) *whoisWords {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(v, "fr") {
				return &whoisFrench
			}
			break
		}
	}
	return &whoisEnglish
}

// line says it all in one line.
func (t *whoisWords) line(w whois, now time.Time) string {
	return nameOf(w.User) + t.colon + t.state(w, now)
}

// state is what the line says behind the name.
func (t *whoisWords) state(w whois, now time.Time) string {
	var parts []string
	if w.User.Disabled {
		parts = append(parts, fmt.Sprintf(t.disabled, w.User.ID))
	}
	if userEnded(w.User, now) {
		parts = append(parts, fmt.Sprintf(t.ended, t.end(w.User.End), w.User.ID))
	}
	if len(w.Keys) == 0 {
		parts = append(parts, fmt.Sprintf(t.noKey, w.User.ID))
	}
	for _, k := range w.Keys {
		parts = append(parts, t.key(k, w, now))
	}
	return strings.Join(append(parts, t.applications(w)), t.semicolon)
}

// key says where one key stands, and what else there is to know of it.
func (t *whoisWords) key(k authcore.KeyInfo, w whois, now time.Time) string {
	line := t.keyState(k, w, now)
	if k.State == authcore.PINToDefine && k.Activation && !keyOver(k, now) {
		line += t.withCode
	}
	if k.ChangePIN && !keyOver(k, now) {
		line += t.changePIN
	}
	if k.ReplacedBy != "" && !keyOver(k, now) {
		line += fmt.Sprintf(t.until, k.ReplacedBy, t.time(k.Ends))
	}
	return line
}

func (t *whoisWords) keyState(k authcore.KeyInfo, w whois, now time.Time) string {
	switch {
	case keyReplaced(k, now):
		return fmt.Sprintf(t.replaced, k.Serial, k.ReplacedBy, t.time(k.Ends))
	case keyExpired(k, now):
		return fmt.Sprintf(t.expired, k.Serial, t.time(k.Expires))
	case k.State == authcore.Locked:
		return fmt.Sprintf(t.locked, k.Serial, k.WrongPIN, k.Serial)
	case k.State == authcore.PINToDefine && k.LastUsed.IsZero():
		return fmt.Sprintf(t.neverDefined, k.Serial, k.Digits)
	case k.State == authcore.PINToDefine:
		return fmt.Sprintf(t.cleared, k.Serial, k.Digits)
	case k.State == authcore.ToSynchronise:
		return fmt.Sprintf(t.synchronise, k.Serial)
	case k.State == authcore.Active:
		return t.activeKey(k, w)
	case k.State == authcore.Lost:
		return fmt.Sprintf(t.lost, k.Serial)
	}
	return fmt.Sprintf(t.other, k.Serial, k.State)
}

func (t *whoisWords) activeKey(k authcore.KeyInfo, w whois) string {
	line := fmt.Sprintf(t.active, k.Serial, t.time(k.LastUsed))
	if k.Period != "" { // a counter has no clock that could drift
		line += fmt.Sprintf(t.drift, k.Drift)
	}
	n := k.WrongPIN + w.Unmatched
	line += ", " + t.failures(n)
	if n >= w.NextCodeAfter {
		line += t.nextCode
	}
	return line
}

// applications says which are open; none is a matter of rights.
func (t *whoisWords) applications(w whois) string {
	switch {
	case len(w.Applications) > 0:
		return t.apps(len(w.Applications)) + t.colon + strings.Join(w.Applications, ", ")
	case w.Cause == causeRights:
		return t.noRights
	}
	return t.noRightsToo
}

// end is the last day of an account, or the instant where it does not end with
// a day.
func (t *whoisWords) end(at time.Time) string {
	day, _, _ := strings.Cut(t.date, " ")
	return endText(at, day, t.date)
}

func (t *whoisWords) time(at time.Time) string {
	if at.IsZero() {
		return t.never
	}
	return at.Local().Format(t.date)
}
