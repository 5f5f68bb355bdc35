package caddymodule

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// replaceCommands are what changes who may open with a key, and by which PIN.
func replaceCommands() []*cobra.Command {
	return []*cobra.Command{
		keyActivateCommand(),
		keyCommand("require-pin", "Has a key's holder choose another PIN at the next login", func(c *client, k authcore.KeyInfo) {
			c.say("key %s: %s must choose another PIN at the next login; until then this one stays in service", string(k.Serial), string(k.Holder))
		}),
		keyReplaceCommand(),
		keySheetCommand(),
	}
}

func keyActivateCommand() *cobra.Command {
	cmd := newCommand("activate SERIAL", "Gives an activation code: a key's first PIN is defined with it only", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := keyPath(args[0], "activate")
		if err != nil {
			return err
		}
		return ask(c, question{method: http.MethodPost, path: path}, func(a activationCode) {
			when := "its PIN is defined with this code only"
			if a.Key.PINDefined {
				when = "it has a PIN; once that is cleared, another is defined with this code only"
			}
			c.say("key %s: %s (shown this once; give it to the holder apart from the key)", string(a.Key.Serial), when)
			c.say("%s", a.Code)
		})
	})
	cmd.Long = `Gives an activation code, in place of any given before, so that a key stolen on
its way opens nothing: a PIN is defined with the code only. The code lasts until
a PIN is defined. Wrong ones count as wrong PINs and lock the key.

Given before "clear-pin", it leaves no moment in which the key alone is enough.`
	return cmd
}

func keyReplaceCommand() *cobra.Command {
	var days int
	var movePIN bool
	cmd := newCommand("replace OLD NEW", "Gives a key in stock to another key's holder in its place", cobra.ExactArgs(2), func(c *client, args []string) error {
		path, err := keyPath(args[0], "replace")
		if err != nil {
			return err
		}
		by, err := authcore.ParseSerial(args[1])
		if err != nil {
			return err
		}
		body := replaceOrder{By: string(by), Days: &days, MovePIN: movePIN}
		return ask(c, question{method: http.MethodPost, path: path, body: body}, c.sayReplacement)
	})
	cmd.Long = `Gives NEW, which must be in stock, to the holder of OLD. Both open until the
overlap ends; then OLD opens nothing, and is retired when it comes back. A key
that is lost or locked ends at once, its emergency codes with it. NEW waits for
its PIN as any key; with --move-pin it has the PIN of OLD, and the first PASSCODE
is followed by the next code.`
	f := cmd.Flags()
	f.IntVar(&days, "days", overlapDays, "for how long both open, 0 to 90")
	f.BoolVar(&movePIN, "move-pin", false, "the new key begins with the old one's PIN")
	return cmd
}

func (c *client) sayReplacement(r replacement) {
	pin := "defines its PIN at the first login"
	if r.New.PINDefined {
		pin = "keeps the PIN"
	}
	old := fmt.Sprintf("opens until %s", localTime(r.Old.Ends))
	if !r.Old.Ends.After(time.Now()) {
		old = "opens nothing any more"
	}
	c.say("key %s takes the place of key %s: %s %s; key %s %s", string(r.New.Serial), string(r.Old.Serial), string(r.New.Holder), pin, string(r.Old.Serial), old)
}
