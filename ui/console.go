package ui

import (
	"slices"
	"time"
)

// Act is what somebody does for another in the console, on a page of its own. The
// zero value is invalid.
type Act uint8

// The acts, in the order in which they are offered.
const (
	ActUnlock Act = iota + 1
	ActClearPIN
	ActLose
	ActHandOver
	ActReturn
	ActAssign
	ActReceive
	ActDelegate
	ActEndDelegation
	ActRevokePasskey
	ActConfirm
	ActRefuse
)

var actNames = []string{"", "unlock", "clear-pin", "lost", "hand-over", "return", "assign", "receive", "delegate", "end-delegation", "revoke-passkey", "confirm", "refuse"}

// Acts lists every act.
func Acts() (all []Act) {
	for a := ActUnlock; a.valid(); a++ {
		all = append(all, a)
	}
	return all
}

// String is the act's name in its path and in the text files.
func (a Act) String() string {
	if !a.valid() {
		return "invalid"
	}
	return actNames[a]
}

func (a Act) valid() bool { return a != 0 && int(a) < len(actNames) }

// Path is where the act's page is.
func (a Act) Path() string { return PathConsole + "/" + a.String() }

// Console is the first page of the console: whom to look for. It asks PathConsole
// with FieldQuery.
type Console struct {
	// Scope are the establishments that the person looks after; none is all.
	Scope                []string
	Query, Establishment string // that were asked for
	// Searched: what follows was looked for.
	Searched bool
	People   []ConsoleEntry
	// Next is where the search goes on, or empty.
	Next string
	// Operator leads to what waits for another operator.
	Operator bool
}

// ConsoleEntry is somebody who was found.
type ConsoleEntry struct {
	ID, Name       string
	Establishments string
}

// ConsolePerson is what is known of one person.
type ConsolePerson struct {
	ID, Name       string
	Establishments string
	// Line says in one line whether it is the key, the PIN, the lock or the rights.
	Line        string
	Keys        []ConsoleKey
	Passkeys    []ConsoleThing
	Delegations []ConsoleThing
	// Acts are those on the person that are offered.
	Acts   []Act
	Events []ConsoleEvent
	Notice Notice
}

// ConsoleKey is one of a person's keys, with the acts that are offered.
type ConsoleKey struct {
	Serial  string
	Place   string    // its word
	Expires time.Time // zero: never
	Acts    []Act
}

// ConsoleThing is a passkey or a delegation, and what ends it.
type ConsoleThing struct {
	ID, Name string
	Until    time.Time // of a delegation; in the location in which it is to be read
	Ends     bool      // it may be ended here
}

// ConsoleEvent is an entry of the audit trail, to be read out.
type ConsoleEvent struct {
	Kind      string    // its word
	Time      time.Time // in the location in which it is to be read
	Reference string
	Actor     string // who did it, empty for the person
}

// ConsoleAct asks to confirm an act. It posts to Act.Path: FieldPerson, FieldSerial,
// FieldPasskey, FieldApplication and FieldPending where they are not empty, and what
// the act asks for, FieldReason, FieldDays and FieldUntil.
type ConsoleAct struct {
	Act                          Act
	ID, Name                     string // of the person
	Serial, Passkey, Application string
	Thing                        string // the name of the passkey or the application
	Pending                      string
	Waiting                      Waiting // what waits under that
	Establishment                string  // of a key that came
	// Choices stand in the place of the form where something is to be chosen first.
	Choosing bool
	Choices  []ConsoleChoice
	// What was typed.
	Reason, Days, Until string
	Notice              Notice
}

// ConsoleChoice is one thing to choose: a key or an application.
type ConsoleChoice struct{ Name, Serial, Application string }

// ConsoleCodes shows emergency codes, this once.
type ConsoleCodes struct {
	ID, Name, Serial string
	Codes            []string
	Until            time.Time // in the location in which it is to be read
}

// ConsoleStory asks for a reference, and tells what is behind it. It asks
// PathConsoleStory with FieldReference.
type ConsoleStory struct {
	Reference string
	Asked     bool
	Events    []ConsoleEvent
	ID, Name  string // of the person
}

// ConsoleStock lists the keys of an establishment.
type ConsoleStock struct {
	Establishment string
	Scope         []string // others to look at
	Year          time.Time
	Keys          []ConsoleStockKey
	Notice        Notice
}

// ConsoleStockKey is one key of a stock.
type ConsoleStockKey struct {
	Serial, Holder string
	Place          string    // its word
	Expires        time.Time // zero: never
	Expiring       bool      // before the next school year
	Receive        bool      // it is offered to write down that it came
}

func (Console) view() view         { return view{name: "console"} }
func (p ConsolePerson) view() view { return view{name: "consolePerson", notice: p.Notice} }
func (ConsoleCodes) view() view    { return view{name: "consoleCodes"} }
func (ConsoleStory) view() view    { return view{name: "consoleStory"} }
func (p ConsoleStock) view() view  { return view{name: "consoleStock", notice: p.Notice} }

func (p ConsoleAct) view() view {
	v := view{name: "consoleAct", title: "console.act." + p.Act.String(), notice: p.Notice}
	if !p.Choosing {
		v.fields = actFields[p.Act]
	}
	return v
}

// actFields are the fields that an act asks for.
var actFields = map[Act][]string{ActLose: {FieldReason, FieldDays}, ActDelegate: {FieldReason, FieldUntil}}

// Asks reports whether the page asks for a field.
func (p ConsoleAct) Asks(field string) bool { return slices.Contains(actFields[p.Act], field) }

// Back is the query of the page that the act was chosen on.
func (p ConsoleAct) Back() string {
	switch {
	case p.Pending != "":
		return PathConsolePending
	case p.ID == "":
		return PathConsoleStock
	}
	return PathConsolePerson
}

// Total is how many keys there are of a place.
func (p ConsoleStock) Total(place string) (n int) {
	for _, k := range p.Keys {
		if k.Place == place {
			n++
		}
	}
	return n
}

// Expiring is how many keys end before the next school year.
func (p ConsoleStock) Expiring() (n int) {
	for _, k := range p.Keys {
		if k.Expiring {
			n++
		}
	}
	return n
}

// Places are the words of the places, in the order in which they are shown.
func (ConsoleStock) Places() []string {
	return []string{"sent", "safe", "assigned", "handed-over", "returned", "lost", "retired"}
}

// Event is what an entry of the audit trail says, or its word where there is no
// sentence for it.
func (s *screen) Event(kind string) string {
	if key := "event." + kind; s.texts.has(key) {
		return s.say(key)
	}
	return kind
}

// Instant is a time as one reads it, to the second.
func (s *screen) Instant(t time.Time) string {
	if s.Frame.Lang == English {
		return t.Format("2 January 2006, 15:04:05")
	}
	return t.Format("02/01/2006, 15:04:05")
}

// Minute is a time as one reads it, to the minute.
func (s *screen) Minute(t time.Time) string {
	if s.Frame.Lang == English {
		return t.Format("2 January 2006, 15:04")
	}
	return t.Format("02/01/2006, 15:04")
}
