package ui

import (
	"strings"
	"time"
)

// Account is a person's own page: their keys, the way to their passkeys, the sessions
// that are open in their name, their last connections, the language they are written
// to in. It posts FieldSession to PathAccount, FieldLanguage to PathAccountLanguage.
type Account struct {
	Keys []OwnKey
	// Sessions are the open ones, the newest first, this one among them.
	Sessions []OpenSession
	// Passkeys leads to those of the person.
	Passkeys bool
	// Connections are the last ones, the newest first.
	Connections []Connection
	// Language is that of the messages to the person.
	Language Lang
	Notice   Notice
}

// OpenSession is one session as its holder recognises it.
type OpenSession struct {
	ID      string    // what FieldSession says to end it
	Current bool      // the one in which the page is shown
	Since   time.Time // in the location in which it is to be read
	Address string    // of the computer, may be empty
	Agent   string    // the browser's own words (User-Agent), may be empty
}

// AllOthers is what FieldSession says to end all sessions but this one.
const AllOthers = "others"

func (p Account) view() view { return view{name: "account", notice: p.Notice} }

// deviceFacts is a word in a User-Agent that tells a browser or a system.
type deviceFacts struct{ mark, name string }

// browsers and systems by their marks, the first that is there: most browsers
// also call themselves by the names of those before them.
var (
	browsers = []deviceFacts{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"},
		{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"},
		{"Version/", "Safari"}, {"Trident/", "Internet Explorer"}, {"MSIE ", "Internet Explorer"},
	}
	systems = []deviceFacts{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// known returns the name of the first mark that stands in a User-Agent, or "".
func known(facts []deviceFacts, agent string) string {
	for _, f := range facts {
		if strings.Contains(agent, f.mark) {
			return f.name
		}
	}
	return ""
}

// Others reports whether there are sessions besides this one.
func (p Account) Others() bool { return len(p.Sessions) > 1 }
