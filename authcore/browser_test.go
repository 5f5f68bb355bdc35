package authcore

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// enrolled is a bench whose person has logged in with a browser, which it returns.
func enrolled(t tb) (*bench, Token) {
	b := newBench(t)
	r := b.inService("jdupont", pin)
	if len(r.Browser) != tokenLength {
		t.Fatalf("a login names a browser of %d characters", len(r.Browser))
	}
	return b, r.Browser
}

// A flood against a name does not keep its owner away: three thousand attempts
// from three hundred addresses, and the first PASSCODE from the owner's browser opens.
func TestFloodAgainstAName(t *testing.T) {
	b, known := enrolled(t)
	home := b.from
	outcomes := map[Outcome]int{}
	a := netip.MustParseAddr("198.51.100.0")
	for i := range 3000 {
		if i%10 == 0 {
			a = a.Next()
		}
		b.from.Address = a
		outcomes[b.guess("jdupont").Outcome]++
		b.pass(20 * time.Millisecond)
	}
	if outcomes[Granted] != 0 || outcomes[Denied] < 300 || outcomes[Slowed] < 300 {
		t.Fatalf("of the flood came %v", outcomes)
	}
	b.from = home
	b.wait(1)
	b.from.Browser = known
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)

	b.from.Browser = "" // a browser that nobody knows gives two codes in a row
	b.wait(1)
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode)
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
}

// Who has the cookie has guesses of their own, under the same limits, which say
// nothing of strangers'; and strangers' success does not give them new ones.
func TestABrowserHasItsOwnCount(t *testing.T) {
	b, known := enrolled(t)
	b.from.Browser = known
	for range b.Policy().SlowAfter {
		b.denied(b.guess("jdupont"))
	}
	slowed := b.want(b.guess("jdupont"), Slowed, AskPasscode).Wait
	if n, _ := b.Blind(t.Context(), "jdupont"); n != 0 {
		t.Errorf("strangers are charged with %d", n)
	}
	b.from.Browser = ""
	b.wait(1)
	b.pass(-time.Minute + time.Second)
	b.want(b.login("jdupont", pin+b.shows(1)), Granted, Done)
	b.from.Browser = known
	if got := b.want(b.guess("jdupont"), Slowed, AskPasscode).Wait; got >= slowed || got <= 0 {
		t.Errorf("after a login elsewhere the browser waits %s, before it %s", got, slowed)
	}
	b.pass(slowed)
	b.wait(2)
	r := b.want(b.login("jdupont", pin+b.shows(0)), Asked, AskNextCode) // five failures here
	b.wait(1)
	b.want(b.nextCode(r, b.shows(0)), Granted, Done)
	b.wait(1)
	b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done) // a success forgets them
}

// The cookie is about one person in one browser, for half a year: it opens
// nothing, and widens nothing for anybody else.
func TestWhatABrowserIsNot(t *testing.T) {
	const its, longer, madeUp = "its", "longer", "made up"
	for name, tt := range map[string]struct {
		browser string
		after   time.Duration
		id      Identifier
		counted bool // with strangers
	}{
		"its own":           {its, 0, "jdupont", false},
		"another person":    {its, 0, "mmartin", true},
		"of half a year":    {its, browserMemory, "jdupont", true},
		"made up":           {madeUp, 0, "jdupont", true},
		"too long":          {longer, 0, "jdupont", true},
		"of no login":       {"", 0, "jdupont", true},
		"somebody unknown":  {its, 0, "nobody.here", true},
		"in another's name": {its, 0, "~nobody", true},
	} {
		t.Run(name, func(t *testing.T) {
			b, known := enrolled(t)
			b.addKey("0000000002")
			b.addPerson("mmartin", "0000000002")
			b.pass(tt.after)
			b.from.Browser = map[string]Token{its: known, longer: known + "A", madeUp: Token(strings.Repeat("A", tokenLength))}[tt.browser]
			was := b.browserRecords()
			b.elsewhere()
			if r := b.guess(tt.id); r.Outcome != Denied || r.Browser != "" || r.Token != "" {
				t.Fatalf("a guess comes to %s, a browser %v, a token %v", r.Outcome, r.Browser != "", r.Token != "")
			}
			if counted := b.browserRecords() == was; counted != tt.counted {
				t.Errorf("counted with strangers: %v, want %v", counted, tt.counted)
			}
		})
	}
}

// browserRecords is all that is kept of browsers, as it stands in the store.
func (b *bench) browserRecords() string {
	var all strings.Builder
	for name, record := range b.records() {
		if kindOf(name) == "browser" {
			all.WriteString(name)
			all.Write(record)
		}
	}
	return all.String()
}

// A browser that several people log in with has one name and a count for each.
func TestSharedBrowser(t *testing.T) {
	b, known := enrolled(t)
	other := b.addKey("0000000002")
	b.addPerson("mmartin", "0000000002")
	b.from.Browser, b.key = known, other
	if r := b.inService("mmartin", pin); r.Browser != known {
		t.Error("a browser that has a name is given another")
	}
	if n := strings.Count(b.browserRecords(), "browser/"); n != 2 {
		t.Errorf("%d records of browsers, want one for each person", n)
	}
}

// A form sent twice names the browser once.
func TestABrowserIsNamedOnce(t *testing.T) {
	b, _ := enrolled(t)
	b.wait(1)
	c, p := b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(0))}
	first, second := b.answer(c, p), b.answer(c, p)
	if first.Outcome != Granted || first.Browser == "" || first.Browser != second.Browser || first.Token != second.Token {
		t.Errorf("twice the same form: %s and %s, the same browser: %v", first.Outcome, second.Outcome, first.Browser == second.Browser)
	}
}
