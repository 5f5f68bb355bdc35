package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

// sheetFile is what --json says of a sheet.
type sheetFile struct {
	HTML   string `json:"html,omitempty"`
	Output string `json:"output,omitempty"`
}

func keySheetCommand() *cobra.Command {
	var output, lang string
	cmd := newCommand("sheet SERIAL", "Makes the hand-over sheet of a key, to be printed and signed", cobra.ExactArgs(1), func(c *client, args []string) error {
		path, err := keyPath(args[0], "sheet")
		if err != nil {
			return err
		}
		page, err := c.send(question{method: http.MethodGet, path: path, query: url.Values{paramLang: {lang}}})
		if err != nil {
			return err
		}
		return c.saySheet(page, output)
	})
	cmd.Long = `Makes the hand-over sheet of a key that has a holder: an HTML page that needs
nothing else and is printed on two sides of A4, one for the holder, one to be
signed and kept. There is nothing secret on it.`
	f := cmd.Flags()
	f.StringVarP(&output, "output", "o", "", "the file to write, instead of the standard output")
	f.StringVar(&lang, "lang", "fr", "the holder's language, fr or en")
	return cmd
}

// saySheet writes a sheet where it is wanted.
func (c *client) saySheet(page []byte, output string) error {
	file := sheetFile{HTML: string(page)}
	if output != "" {
		if err := os.WriteFile(output, page, 0o600); err != nil {
			return fmt.Errorf("the sheet cannot be written: %w", err)
		}
		file = sheetFile{Output: output}
	}
	switch {
	case c.json:
		raw, err := json.Marshal(file)
		if err != nil {
			return err
		}
		return c.printJSON(raw)
	case output != "":
		c.say("the hand-over sheet is in %s: print it on both sides", output)
		return nil
	}
	_, err := c.out().Write(page)
	return err
}
