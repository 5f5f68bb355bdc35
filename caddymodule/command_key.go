package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

func keyCommands() []*cobra.Command {
	return append(append(custodyCommands(), replaceCommands()...),
		keyImportCommand(),
		keyListCommand(),
		newCommand("show SERIAL", "Shows what may be shown of a key", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onKey(http.MethodGet, args[0], nil, nil, c.sayKey)
		}),
		newCommand("assign SERIAL ID", "Gives a key in stock to a person", cobra.ExactArgs(2), func(c *client, args []string) error {
			to, err := authcore.ParseIdentifier(args[1])
			if err != nil {
				return err
			}
			return c.onKey(http.MethodPost, args[0], []string{"assign"}, assignment{string(to)}, func(k authcore.KeyInfo) {
				c.say("key %s belongs to %s, who defines its PIN at the first login", string(k.Serial), string(k.Holder))
			})
		}),
		newCommand("unlock SERIAL", "Lifts the lock of a key", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onKey(http.MethodPost, args[0], []string{"unlock"}, nil, func(k authcore.KeyInfo) {
				c.say("key %s is unlocked: it is %s", string(k.Serial), keyState(k, time.Now()))
			})
		}),
		newCommand("clear-pin SERIAL", "Forgets a key's PIN: its holder defines another", cobra.ExactArgs(1), func(c *client, args []string) error {
			return c.onKey(http.MethodPost, args[0], []string{"clear-pin"}, nil, c.sayPINCleared)
		}),
	)
}

// onKey asks for something that concerns one key.
func (c *client) onKey(method, serial string, action []string, body any, say func(authcore.KeyInfo)) error {
	path, err := keyPath(serial, action...)
	if err != nil {
		return err
	}
	return ask(c, question{method: method, path: path, body: body}, say)
}

func keyListCommand() *cobra.Command {
	var state, holder string
	var stock bool
	var limit int
	cmd := newCommand("list", "Lists the keys", cobra.NoArgs, func(c *client, _ []string) error {
		query := make(url.Values)
		if state != "" {
			query.Set("state", state)
		}
		if holder != "" {
			id, err := authcore.ParseIdentifier(holder)
			if err != nil {
				return err
			}
			query.Set("holder", string(id))
		}
		if stock {
			query.Set("stock", strconv.FormatBool(stock))
		}
		return askAll(c, question{method: http.MethodGet, path: "/sesame/keys", query: query}, limit, c.sayKeys)
	})
	f := cmd.Flags()
	f.StringVar(&state, "state", "", "only keys in this state: pin-to-define, to-synchronise, active, locked, lost or retired")
	f.StringVar(&holder, "holder", "", "only the keys of this person")
	f.BoolVar(&stock, "stock", false, "only keys that wait to be assigned")
	limitFlag(cmd, &limit)
	return cmd
}

func (c *client) sayKeys(list keyList) {
	if len(list.Keys) == 0 {
		c.say("no such keys")
		return
	}
	rows := make([][]string, 0, len(list.Keys))
	for _, k := range list.Keys {
		rows = append(rows, []string{
			string(k.Serial), keyState(k, time.Now()), string(k.Holder), keyType(k), localTime(k.LastUsed), localTime(keyEnd(k)),
		})
	}
	c.table([]string{"SERIAL", "STATE", "HOLDER", "TYPE", "LAST USED", "EXPIRES"}, rows)
}

func (c *client) sayKey(k authcore.KeyInfo) {
	pin := "not defined"
	if k.PINDefined {
		pin = "defined"
	}
	facts := [][2]string{
		{"serial", string(k.Serial)},
		{"state", keyState(k, time.Now())},
		{"holder", string(k.Holder)},
		{"type", keyType(k)},
		{"PIN", pin + pinNote(k)},
		{"wrong PINs", strconv.Itoa(k.WrongPIN)},
	}
	if k.Period != "" { // a counter has no clock that could drift
		facts = append(facts, [2]string{"drift", fmt.Sprintf("%+d", k.Drift)})
	}
	c.sheet(append(facts, [][2]string{
		{"imported", localTime(k.Imported)},
		{"assigned", localTime(k.Assigned)},
		{"handed over", localTime(k.HandedOver)},
		{"last used", localTime(k.LastUsed)},
		{"expires", localTime(k.Expires)},
		{"stock of", k.Stock},
		{"received", localTime(k.Received)},
		{"returned", localTime(k.Returned)},
		{"replaces", string(k.Replaces)},
		{"replaced by", string(k.ReplacedBy)},
		{"opens until", localTime(k.Ends)},
	}...))
}

// pinNote is what else there is to say of a key's PIN.
func pinNote(k authcore.KeyInfo) string {
	switch {
	case k.ChangePIN:
		return ", another is required at the next login"
	case k.Activation:
		return ", with an activation code for the next one"
	}
	return ""
}

func (c *client) sayPINCleared(k authcore.KeyInfo) {
	switch {
	case k.State == authcore.Locked:
		c.say("the PIN of key %s is forgotten; the key stays locked: `sesame key unlock %s`", string(k.Serial), string(k.Serial))
	case k.Holder == "":
		c.say("the PIN of key %s is forgotten", string(k.Serial))
	default:
		c.say("the PIN of key %s is forgotten: %s defines another at the next login", string(k.Serial), string(k.Holder))
	}
}

// keyState is a key's state for people to read. Past its date it is expired, or
// replaced, whatever else it is.
func keyState(k authcore.KeyInfo, now time.Time) string {
	switch {
	case keyReplaced(k, now):
		return "replaced"
	case keyExpired(k, now):
		return "expired"
	}
	return stateOrStock(k)
}

// stateOrStock is the state of a key that somebody has; in stock it has none.
func stateOrStock(k authcore.KeyInfo) string {
	if keyInStock(k) {
		return "in stock"
	}
	return k.State.String()
}

// keyType is a key's algorithm for people to read: "totp, 6 digits, 60 s".
func keyType(k authcore.KeyInfo) string {
	text := fmt.Sprintf("%s, %d digits", k.Kind, k.Digits)
	if p, err := time.ParseDuration(k.Period); err == nil { // a counter has none
		text += fmt.Sprintf(", %d s", p/time.Second)
	}
	return text
}
