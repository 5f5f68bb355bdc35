package ui

import (
	"strings"
	"time"
)

// Account is a person's own page: the sessions that are open in their name, and the
// way to their passkeys. It posts FieldSession to PathAccount.
type Account struct {
	// Sessions are the open ones, the newest first, this one among them.
	Sessions []OpenSession
	// Passkeys leads to those of the person.
	Passkeys bool
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

// Device is what a session is open in, in plain words. It believes what the
// browser says of itself: it helps to recognise one's own, and proves nothing.
func (s *screen) Device(o OpenSession) string {
	browser, system := known(browsers, o.Agent), known(systems, o.Agent)
	switch {
	case browser != "" && system != "":
		return s.say("account.device", "browser", browser, "system", system)
	case browser+system != "":
		return browser + system
	}
	return s.say("account.device.unknown")
}

// Since is when a session was opened, as one reads it.
func (s *screen) Since(o OpenSession) string {
	return moment(s.Frame.Lang, o.Since)
}

// Others reports whether there are sessions besides this one.
func (p Account) Others() bool { return len(p.Sessions) > 1 }
