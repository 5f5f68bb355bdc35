package caddymodule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sesame-gateway/sesame/authcore"
)

// custodyCommands are what becomes of keys between the box and the end.
func custodyCommands() []*cobra.Command {
	return []*cobra.Command{
		keyCommand("hand-over", "Writes down that a key is in its holder's hand", func(c *client, k authcore.KeyInfo) {
			c.say("key %s is handed over to %s", string(k.Serial), string(k.Holder))
		}),
		keyCommand("lost", "Shuts a lost key and ends its holder's sessions", func(c *client, k authcore.KeyInfo) {
			c.say("key %s is lost: it opens nothing; `sesame key emergency %s` gives codes in its place", string(k.Serial), string(k.Serial))
		}),
		keyCommand("found", "Opens a lost key again", func(c *client, k authcore.KeyInfo) {
			c.say("key %s is found: it is %s", string(k.Serial), keyState(k, time.Now()))
		}),
		keyCommand("return", "Puts a key back in stock, for somebody else", func(c *client, k authcore.KeyInfo) {
			c.say("key %s is in stock again: `sesame key assign %s ID` gives it to somebody else", string(k.Serial), string(k.Serial))
		}),
		keyCommand("retire", "Ends a key for good", func(c *client, k authcore.KeyInfo) {
			c.say("key %s is retired", string(k.Serial))
		}),
		keyCommand("receive", "Writes down that a key has come to the establishment it was sent to", func(c *client, k authcore.KeyInfo) {
			c.say("key %s is in the safe of %s", string(k.Serial), k.Stock)
		}),
		keySendCommand(), keyStockCommand(),
		keyResyncCommand(), keyEmergencyCommand(), keyExpiringCommand(),
		newCommand("which CODE", "Says which keys show a code now", cobra.ExactArgs(1), func(c *client, args []string) error {
			return ask(c, question{method: http.MethodPost, path: "/sesame/keys/which", body: codeQuestion{args[0]}}, c.sayKeys)
		}),
	}
}

func keySendCommand() *cobra.Command {
	return newCommand("send SERIAL UAI", "Enters a key that nobody has in an establishment's stock; none takes it out", cobra.ExactArgs(2), func(c *client, args []string) error {
		to := args[1]
		if to == "none" {
			to = ""
		}
		return c.onKey(http.MethodPost, args[0], []string{"send"}, shipment{to}, func(k authcore.KeyInfo) {
			if k.Stock == "" {
				c.say("key %s is in no establishment's stock", string(k.Serial))
				return
			}
			c.say("key %s is on its way to %s: its referent writes down that it came", string(k.Serial), k.Stock)
		})
	})
}

// keyCommand is a command on one key that needs nothing but its serial.
func keyCommand(verb, short string, say func(*client, authcore.KeyInfo)) *cobra.Command {
	return newCommand(verb+" SERIAL", short, cobra.ExactArgs(1), func(c *client, args []string) error {
		return c.onKey(http.MethodPost, args[0], []string{verb}, nil, func(k authcore.KeyInfo) { say(c, k) })
	})
}

func keyResyncCommand() *cobra.Command {
	cmd := newCommand("resync SERIAL", "Finds the clock of a key from two codes in a row", cobra.ExactArgs(1), func(c *client, args []string) error {
		codes, err := readCodes("the code on the key", "the next one, once it has changed")
		if err != nil {
			return err
		}
		return c.onKey(http.MethodPost, args[0], []string{"resync"}, codePair{codes[0], codes[1]}, func(k authcore.KeyInfo) {
			c.say("key %s is synchronised: its clock is %+d steps from ours", string(k.Serial), k.Drift)
		})
	})
	cmd.Long = "Finds the clock of a key that has drifted by up to twelve hours from two codes in a\nrow, and consumes both. It asks for them, or reads them from two lines of its input."
	return cmd
}

// readCodes asks for one code after the other, without echo on a terminal.
func readCodes(prompts ...string) ([]string, error) {
	in := bufio.NewReader(os.Stdin)
	terminal := int(os.Stdin.Fd())
	codes := make([]string, 0, len(prompts))
	for _, prompt := range prompts {
		var typed string
		var err error
		if term.IsTerminal(terminal) {
			fmt.Fprintf(os.Stderr, "%s: ", prompt)
			var b []byte
			b, err = term.ReadPassword(terminal)
			typed = string(b)
			fmt.Fprintln(os.Stderr)
		} else {
			typed, err = in.ReadString('\n')
		}
		if typed = strings.TrimSpace(typed); typed == "" {
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%s cannot be read: %w", prompt, err)
			}
			return nil, fmt.Errorf("%s is missing", prompt)
		}
		codes = append(codes, typed)
	}
	return codes, nil
}

func keyEmergencyCommand() *cobra.Command {
	var order emergencyOrder
	cmd := newCommand("emergency SERIAL", "Gives codes in place of a lost key, for a while", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := keyPath(args[0], "emergency")
		if err != nil {
			return err
		}
		return ask(c, question{method: http.MethodPost, path: path, body: order}, func(e emergencyCodes) {
			c.say("until %s, typed behind the PIN, in place of key %s (they are shown this once):", localTime(e.Until), string(e.Key.Serial))
			for _, code := range e.Codes {
				c.say("%s", code)
			}
		})
	})
	f := cmd.Flags()
	f.IntVar(&order.Codes, "codes", emergencyList, "how many codes, each for one login")
	f.BoolVar(&order.Fixed, "fixed", false, "one code instead, for every login until the end")
	f.StringVar(&order.Reason, "reason", "", "why, needed; it stands in the audit trail")
	f.IntVar(&order.Hours, "hours", emergencyHours, "for how long, 744 (31 days) at most")
	f.BoolVar(&order.KeyEnds, "until-used", false, "the key itself, once it is used again, ends the emergency and is found")
	return cmd
}

func keyExpiringCommand() *cobra.Command {
	var days, limit int
	cmd := newCommand("expiring", "Lists the keys that expire soon", cobra.NoArgs, func(c *client, _ []string) error {
		query := url.Values{"expiring": {strconv.Itoa(days)}}
		return askAll(c, question{method: http.MethodGet, path: "/sesame/keys", query: query}, limit, c.sayKeys)
	})
	cmd.Flags().IntVar(&days, "days", 90, "within how many days; keys past their date are listed too")
	limitFlag(cmd, &limit)
	return cmd
}
