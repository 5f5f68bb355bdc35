package ui

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed client/session.js
var sessionSource []byte

// textsMark is where the script has its texts.
const textsMark = `"{{texts}}"`

// sessionScript is made once, from files that cannot change while the program
// runs.
var sessionScript = newSessionScript()

// SessionScript is the script that warns before the end of a session, for pages of
// applications and for those of the gate that have a Person: plain JavaScript that
// stands alone, to be served at PathSessionScript. It asks PathSession.
func SessionScript() []byte { return sessionScript }

func newSessionScript() []byte {
	texts := make(map[string]map[string]string)
	for _, l := range Langs() {
		c, err := readCatalogue(l)
		if err != nil {
			panic(fmt.Sprintf("ui: %v", err))
		}
		texts[l.String()] = make(map[string]string)
		for key, text := range c.texts {
			if name, ok := strings.CutPrefix(key, "warning."); ok {
				texts[l.String()][name] = text
			}
		}
	}
	list, err := json.Marshal(texts)
	if err != nil {
		panic(fmt.Sprintf("ui: the texts of the session script: %v", err))
	}
	return bytes.Replace(sessionSource, []byte(textsMark), list, 1)
}
