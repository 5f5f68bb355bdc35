package ui

import (
	"strings"
	"time"
)

// ConsolePending lists what waits for another operator.
type ConsolePending struct {
	Entries []ConsoleWaiting
	Notice  Notice
}

// ConsoleWaiting is an act that waits, under its ID.
type ConsoleWaiting struct {
	ID string
	Waiting
}

// Waiting is what an operator asked for, and another is to confirm.
type Waiting struct {
	Act             string // its word
	ID, Name        string // of the person
	Serial, Passkey string // of what is taken from them
	// Role is the word of the one to be given, Scope its establishments and groups.
	Role  string
	Scope []string
	// Keys is the word of what becomes of the keys of somebody who is removed.
	Keys  string
	By    string
	Until time.Time // in the location in which it is to be read
}

func (p ConsolePending) view() view {
	return view{name: "consolePending", notice: p.Notice}
}

// Asked says what waits, or its word where there is no sentence for it.
func (s *screen) Asked(w Waiting) string {
	key := "console.waiting." + w.Act
	if !s.texts.has(key) {
		return w.Act
	}
	said := s.say(key, "person", w.Name+" ("+w.ID+")", "serial", w.Serial, "passkey", w.Passkey, "role", s.role(w.Role))
	if len(w.Scope) > 0 {
		said = s.say("console.waiting.scope", "what", said, "scope", strings.Join(w.Scope, ", "))
	}
	if more := "console.waiting.keys." + w.Keys; s.texts.has(more) {
		said = s.say("console.waiting.keys", "what", said, "keys", s.say(more))
	}
	return said
}

// role is what a role is called, or its word where it has no name.
func (s *screen) role(word string) string {
	if key := "console.role." + word; s.texts.has(key) {
		return s.say(key)
	}
	return word
}
